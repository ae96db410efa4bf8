"""A network without torch.nn: forward and backward passes by hand, on plain tensors."""
