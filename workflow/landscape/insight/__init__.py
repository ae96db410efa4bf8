"""What trained networks learned: one file per quantity, each a function of network or logits."""
