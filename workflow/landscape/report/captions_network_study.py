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
    "the base. What a level changes of it, its learning rate included where it needs one of its "
    "own, stands in the table of all settings. Right: the difference to the base of the same seed, "
    "which has the same initial weights and batches where the settings allow it; an interval that "
    "includes 0 does not decide. Numbers: parameters and training time, where they differ."
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
    "insight_filters": (
        "What the first layer looks for",
        "The filters of the first layer, each scaled by its largest weight; grey is zero. "
        "Learned filters by their norm, the largest first (64 at most; 16 of a fully "
        "connected layer, each as large as an image). Fixed filters are the whitening "
        "layer's, computed from the training images and not learned: the later half are the "
        "negatives of the first. Smooth patterns are edge and colour detectors; noise is a "
        "filter that learned little.",
    ),
    "insight_features": (
        "What layers make of an image",
        "One test image and the outputs of the first, the middle and the last convolution "
        "with at least 4×4 places, before normalization and activation: the eight maps of "
        "each that vary most over the image, each stretched from its lowest to its highest "
        "value. Early maps keep the image's edges, late ones say only roughly where something"
        " is.",
    ),
    "insight_attribution": (
        "Which pixels speak for the class",
        "Test images with their class (left), and for each network what speaks for that "
        "class, whatever the network says (above the maps, with its confidence). Grad-CAM "
        "(Selvaraju et al. 2017): where the last convolution with at least 4×4 places speaks "
        "for the class, yellow is most, smoothed for drawing, each map on a scale of its own."
        " IG: integrated gradients (Sundararajan et al. 2017) from a grey image, summed over "
        "colours; red pixels raise the class's logit, blue ones lower it, each map on a scale of "
        "its own. A network without convolutions has no Grad-CAM.",
    ),
    "insight_confusion": (
        "Which classes are taken for which",
        "Of all test images of a class (row), the percentage that is called each class "
        "(column); the diagonal is what is right. The colour scale is a square root, so that "
        "errors of a few per cent are seen; shares up to 0.5 % have no number.",
    ),
    "insight_mistakes": (
        "The most confident mistakes",
        "The misclassified test images that each network is surest of, the surest first. "
        "Above: what the network says and its confidence; below: the label. Some of them are "
        "hard, or labelled questionably, for people too.",
    ),
    "insight_calibration": (
        "Is confidence deserved?",
        "Top: accuracy over all test images by confidence in 15 equal bins; dots: mean "
        "confidence and accuracy of a bin. Bars below the dashed line are overconfident, bars"
        " above it underconfident. ECE: the expected calibration error (Guo et al. 2017), the"
        " mean distance to the line, weighted by images. Below: how often a confidence is "
        "given; bins of few images are noisy.",
    ),
    "insight_classes": (
        "Accuracy by class",
        "Share of each class's test images that is classified correctly, one marker per "
        "network; vertical lines: all classes together. One run per network, one view per "
        "image, no test-time augmentation.",
    ),
    "insight_embedding": (
        "Features in a plane",
        "What the last linear layer reads of {insight_images} test images, as many of each class, "
        "on its two principal components. Classes that lie apart are told apart by a linear "
        "layer; classes that overlap here may still differ in directions that the plane does "
        "not show: the axes say how much of the variance it holds.",
    ),
    "insight_robustness": (
        "Disturbed images",
        "Accuracy on {insight_images} test images, as many of each class, as they are (none) and "
        "increasingly disturbed: Gaussian noise, Gaussian blur, a shift in one of four "
        "directions with reflected border, and JPEG at falling quality. The same disturbed "
        "images for every network; no network was augmented by noise, blur or JPEG.",
    ),
    "loss_surface": (
        "The loss around the trained network",
        "Cross-entropy on training images, not augmented, at θ + x d₁ + y d₂: the trained "
        "weights θ (cross) and two random directions, scaled filter by filter to the weights'"
        " norm (Li et al. 2018); biases, scales and shifts do not move. BatchNorm uses the "
        "statistics of the batch, in training mode: its running averages belong to the centre"
        " alone. One log colour scale for all, white lines at equal ratios of the loss; in the"
        " relief the height is the logarithm too."
        " A plane of two random directions shows how fast the loss rises, not whether there "
        "are barriers elsewhere.",
    ),
}
