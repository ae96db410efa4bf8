"""Why does batch normalization help optimization? Measured on VGG-A and CIFAR-10."""
