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
    "structure": "Only linear layers, convolutions, or convolutions with skip connections.",
    "normalization": "The layer after each convolution.",
    "activation": "The nonlinearity after each layer.",
    "loss": "The function that training minimizes.",
    "regularization": "Penalties on the weights, and dropout.",
    "augmentation": "Random changes of the training images.",
    "optimizer": "The update rule; “our” rules are this project's code, the others PyTorch's.",
}
TUNED = (
    " At the right: the chosen learning rate. Grey ticks: validation accuracy at the other rates."
)
_OURS = (
    "Filled: one view of each test image; open: logits averaged over six views. Bars: 95 % "
    "t-interval over three seeds or more. The dashed line joins this study's networks that none "
    "of its others beats in both. Grey: published networks on the official pixels, if the images "
    "here can be compared with them. "
)

TEXTS: dict[str, tuple[str, str]] = {
    "frontier_parameters": (
        "Accuracy and parameters",
        "Test error by number of learned parameters (log scales); lower left is better. " + _OURS,
    ),
    "frontier_cost": (
        "Accuracy and cost of training",
        "Test error by floating-point operations of the whole training (left; three times the "
        "forward pass of every image seen) and by seconds (right), log scales. Seconds can be "
        "compared on one machine only, operations everywhere. The network of plain tensors is "
        "missing on the left, because its operations are not counted. Marks as in “Accuracy and "
        "parameters”.",
    ),
    "accuracy_by_flops": (
        "Accuracy by training operations",
        "Validation accuracy after each epoch by the training operations so far (log scale). Thick "
        "lines: mean over seeds, with a marker at the end; thin lines: single seeds.",
    ),
    "structure": (
        "The final networks",
        "One bar per layer, from the image (left) to the logits. Its height is the side of the "
        "output, its width the logarithm of the number of channels. Below layers with the same "
        "side: output shape (channels × side × side) and parameters. Normalizations and "
        "activations are not drawn, but their parameters are counted.",
    ),
    "ablations": (
        "The contribution of parts",
        "Validation accuracy without one part minus that of the whole network with the same seed, "
        "with the 95 % t-interval over three seeds or more; small dots: every seed. Left of 0 the "
        "part helps. If the interval includes 0, this is not decided.",
    ),
    **{
        f"sweep_{factor}": (title, FACTOR_TEXTS[factor] + "{tuned}")
        for factor, title in FACTOR_TITLES.items()
    },
    "insight_filters": (
        "Filters of the first layer",
        "Each filter is scaled by its largest weight; grey is zero. Learned filters are sorted by "
        "norm, the largest first (at most 64, or 16 of a fully connected layer). The fixed filters "
        "of the whitening layer are computed from the training images; the second half are the "
        "negatives of the first. Smooth patterns detect edges and colours. A filter that looks "
        "like noise learned little.",
    ),
    "insight_features": (
        "Feature maps",
        "One test image and the outputs of the first, middle and last convolution with at least "
        "4×4 positions, before normalization and activation: the eight maps that vary most over "
        "the image, each scaled from its lowest to its highest value.",
    ),
    "insight_attribution": (
        "Evidence for the class",
        "Test images with their class (left) and, for each network, the evidence for this class; "
        "above: the network's answer and its confidence. Grad-CAM (Selvaraju et al. 2017): "
        "positions of the last convolution with at least 4×4 positions, smoothed; yellow is "
        "strongest. IG: integrated gradients (Sundararajan et al. 2017) from a grey image, summed "
        "over colours; red raises the logit, blue lowers it. Each map has its own scale.",
    ),
    "insight_confusion": (
        "Confused classes",
        "Percentage of each class's test images (row) that are classified as each class (column). "
        "The colour scale is a square root, so that errors of a few per cent are visible; shares "
        "up to 0.5 % have no number.",
    ),
    "insight_mistakes": (
        "The most confident mistakes",
        "The misclassified test images with the highest confidence of each network, the highest "
        "first. Above: the network's answer and its confidence; below: the label.",
    ),
    "insight_calibration": (
        "Calibration",
        "Top: accuracy by confidence over all test images, in 15 bins of equal width; dots: mean "
        "confidence and accuracy of a bin. Below the dashed line, the network is overconfident. "
        "ECE: expected calibration error (Guo et al. 2017), the mean distance from the line, "
        "weighted by the number of images. Bottom: the distribution of confidence.",
    ),
    "insight_classes": (
        "Accuracy by class",
        "Share of each class's test images that are classified correctly; vertical lines: all "
        "classes. One run per network, one view per image.",
    ),
    "insight_embedding": (
        "Features in a plane",
        "The inputs of the last linear layer for {insight_images} test images, balanced over "
        "classes, projected on their first two principal components. The axes give the share of "
        "the variance. Classes that overlap here may still differ in other directions.",
    ),
    "insight_robustness": (
        "Disturbed images",
        "Accuracy on {insight_images} test images, balanced over classes, undisturbed (none) and "
        "with increasing disturbance: Gaussian noise, Gaussian blur, shifts with reflected border, "
        "and JPEG of falling quality. All networks see the same images; none was trained on noise, "
        "blur or JPEG.",
    ),
    "loss_surface": (
        "The loss around the trained network",
        "Cross-entropy on training images at θ + x d₁ + y d₂: the trained weights θ (cross) and "
        "two random directions, scaled filter by filter to the weights' norm (Li et al. 2018). "
        "BatchNorm uses batch statistics. One log colour scale, white lines at equal ratios of "
        "the loss, height logarithmic. Random directions show how fast the loss rises, not whether "
        "there are barriers in other directions.",
    ),
}
