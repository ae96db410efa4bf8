"""CIFAR-10 as verified tensors, and the batches that training draws from it."""
