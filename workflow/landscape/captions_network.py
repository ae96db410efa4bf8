"""Titles and texts of the network study's figures; captions.py fills the `{placeholders}`."""

FACTOR_TITLES = {
    "filters": "Number of filters",
    "neurons": "Number of neurons",
    "structure": "Structure",
    "normalization": "Normalization",
    "activation": "Activation function",
    "loss": "Loss function",
    "regularization": "Regularization",
    "augmentation": "Augmentation",
    "optimizer": "Optimizer",
}
FACTOR_TEXTS = {
    "filters": "Filters of the first stage; every further stage has twice as many.",
    "neurons": "Neurons of the hidden linear layer.",
    "structure": "Linear layers only, convolutions, and convolutions that are skipped around.",
    "normalization": "What follows each convolution.",
    "activation": "The nonlinearity after each layer.",
    "loss": "What is minimized.",
    "regularization": "What keeps the weights, or their reliance on one another, small.",
    "augmentation": "Random changes of the training images.",
    "optimizer": "The update rule; “our” rules are this project's own code, the others torch's.",
}
_SWEEP = (
    "Left: validation accuracy, mean over seeds with its 95 % t-interval; dots: every seed; open: "
    "the base, from which every other level differs in this factor alone. Right: the difference to "
    "the base of the same seed, which has the same initial weights and batches where the settings "
    "allow it; an interval that includes 0 does not decide. Numbers: parameters and training time, "
    "where they differ."
)
_PUBLISHED = (
    "Grey: published networks on the official pixels; the footer says what ours were trained on. "
    "Only numbers on the same data compare. "
)
_OURS = (
    "Filled: one view of each test image; open: logits averaged over six views. Bars: 95 % "
    "t-interval over seeds. Dashed: those of ours that no other of ours beats in both. "
)

TEXTS: dict[str, tuple[str, str]] = {
    "frontier_parameters": (
        "Accuracy and parameters",
        "Test error by number of learned parameters, both log scale; lower left is better. "
        + _OURS
        + _PUBLISHED,
    ),
    "frontier_cost": (
        "Accuracy and cost of training",
        "Test error by floating-point operations of the whole training (left; three times the "
        "forward pass of every image seen) and by seconds (right), all log scale. Seconds are "
        "of the hardware named below them and do not compare across it; operations do. The "
        "network of plain tensors is missing where its operations are not counted. "
        + _OURS
        + _PUBLISHED,
    ),
    "accuracy_by_flops": (
        "What an operation buys",
        "Validation accuracy by the operations that the training took so far (log scale), epoch "
        "by epoch: mean over seeds, thin lines single seeds, a marker at the end.",
    ),
    "structure": (
        "The final networks",
        "From the image (left) to the logits: one bar per layer, its height the side of the "
        "output, its width the logarithm of its channels. Below: output shape (channels × side × "
        "side) and parameters, for each stretch of layers with one side. Normalization and "
        "activation are not drawn; their parameters count.",
    ),
    "ablations": (
        "What the parts contribute",
        "Validation accuracy without one part, minus that of the whole network of the same seed, "
        "with the 95 % t-interval over seeds; dots: every seed. Left of 0 the part helps; an "
        "interval that includes 0 does not decide.",
    ),
    **{
        f"sweep_{factor}": (title, f"{FACTOR_TEXTS[factor]} {_SWEEP}")
        for factor, title in FACTOR_TITLES.items()
    },
    # ---- The captions of the insight figures and of the loss surface go here, by the names that
    # they have in figures/__init__.py.
}
