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
    "filters": "Filters of the first stage; each further stage doubles them.",
    "neurons": "Neurons of the hidden linear layer.",
    "structure": "Linear layers only, convolutions, convolutions with skip connections.",
    "normalization": "The layer after each convolution.",
    "activation": "The nonlinearity after each layer.",
    "loss": "The function that training minimizes.",
    "regularization": "Penalties on the weights, and dropout.",
    "augmentation": "Random changes of the training images.",
    "optimizer": "The update rule; “our” rules are this project's code, the others PyTorch's.",
}
TUNED = (
    " At the right: the chosen learning rate; grey ticks: held-out accuracy at the others tried."
)
_OURS = (
    "Filled: one view of each test image; open: logits averaged over six views. Bars: 95 % "
    "t-interval over three seeds or more. Dashed: the networks here that no other here beats in "
    "both. Grey: published networks on the official pixels, where the images compare with them. "
)

TEXTS: dict[str, tuple[str, str]] = {
    "frontier_parameters": (
        "Accuracy and parameters",
        "Test error by number of learned parameters (log scales); lower left is better. " + _OURS,
    ),
    "frontier_cost": (
        "Accuracy and cost of training",
        "Test error by floating-point operations of the whole training (left; three times the "
        "forward pass of every image seen) and by seconds (right), log scales. Seconds compare on "
        "one machine only; operations compare everywhere. The network of plain tensors is absent "
        "on the left, as its operations are not counted. Marks as in the figure of parameters.",
    ),
    "accuracy_by_flops": (
        "Accuracy by training operations",
        "Validation accuracy by the operations of the training so far (log scale), epoch by epoch: "
        "mean over seeds, thin lines single seeds, a marker at the end.",
    ),
    "structure": (
        "The final networks",
        "From the image (left) to the logits: one bar per layer, its height the side of the "
        "output, its width the logarithm of its channels. Below each stretch with one side: output "
        "shape (channels × side × side) and parameters. Normalization and activation are not "
        "drawn; their parameters count.",
    ),
    "ablations": (
        "The contribution of parts",
        "Validation accuracy without one part minus that of the whole network of the same seed, "
        "with the 95 % t-interval over three seeds or more; small dots: every seed. Left of 0 the "
        "part helps; an interval that includes 0 does not decide.",
    ),
    **{
        f"sweep_{factor}": (title, FACTOR_TEXTS[factor] + "{tuned}")
        for factor, title in FACTOR_TITLES.items()
    },
    "insight_filters": (
        "Filters of the first layer",
        "Each filter is scaled by its largest weight; grey is zero. Learned filters are sorted by "
        "norm, the largest first (64 at most; 16 of a fully connected layer). Fixed filters are "
        "the whitening layer's, computed from the training images; the later half are the "
        "negatives of the first. Smooth patterns detect edges and colours; noise is a filter that "
        "learned little.",
    ),
    "insight_features": (
        "Feature maps",
        "One test image and the outputs of the first, the middle and the last convolution with at "
        "least 4×4 places, before normalization and activation: the eight maps that vary most over "
        "the image, each stretched from its lowest to its highest value.",
    ),
    "insight_attribution": (
        "Pixels that speak for the class",
        "Test images with their class (left) and, per network, the evidence for that class; above: "
        "the network's answer and its confidence. Grad-CAM (Selvaraju et al. 2017): places of the "
        "last convolution with at least 4×4 places, yellow most, smoothed. IG: integrated "
        "gradients (Sundararajan et al. 2017) from a grey image, summed over colours; red raises "
        "the logit, blue lowers it. Each map has its own scale.",
    ),
    "insight_confusion": (
        "Classes taken for one another",
        "Of the test images of a class (row), the percentage classified as each class (column). "
        "The colour scale is a square root, so that errors of a few per cent show; shares up to "
        "0.5 % have no number.",
    ),
    "insight_mistakes": (
        "The most confident mistakes",
        "The misclassified test images of which each network is surest, the surest first. Above: "
        "the network's answer and its confidence; below: the label.",
    ),
    "insight_calibration": (
        "Is confidence deserved?",
        "Top: accuracy by confidence over all test images, in 15 equal bins; dots: mean confidence "
        "and accuracy of a bin. Bars below the dashed line are overconfident. ECE: expected "
        "calibration error (Guo et al. 2017), the mean distance to the line weighted by images. "
        "Below: how often each confidence occurs.",
    ),
    "insight_classes": (
        "Accuracy by class",
        "Share of each class's test images classified correctly; vertical lines: all classes. One "
        "run per network, one view per image.",
    ),
    "insight_embedding": (
        "Features in a plane",
        "The inputs of the last linear layer for {insight_images} test images, balanced over "
        "classes, on their two principal components. Classes that overlap here may still differ in "
        "directions outside the plane; the axes give its share of the variance.",
    ),
    "insight_robustness": (
        "Disturbed images",
        "Accuracy on {insight_images} test images, balanced over classes, undisturbed (none) and "
        "increasingly disturbed: Gaussian noise, Gaussian blur, shifts with reflected border, and "
        "JPEG of falling quality. All networks see the same images; none was trained on noise, "
        "blur or JPEG.",
    ),
    "loss_surface": (
        "The loss around the trained network",
        "Cross-entropy on training images at θ + x d₁ + y d₂: the trained weights θ (cross) and "
        "two random directions, scaled filter by filter to the weights' norm (Li et al. 2018). "
        "BatchNorm uses batch statistics. One log colour scale, white lines at equal ratios of "
        "the loss, height logarithmic. Random directions show how fast the loss rises, not whether "
        "barriers lie elsewhere.",
    ),
}
