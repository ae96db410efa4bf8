"""The one place where a colour or a display name is chosen (Okabe-Ito: safe for colour-blind)."""

LABELS = {
    "vgg_a": "VGG-A",
    "vgg_a_bn": "VGG-A + BatchNorm",
    "vgg_a_ln": "VGG-A + LayerNorm",
    "vgg_a_gn": "VGG-A + GroupNorm",
    "vgg_a_in": "VGG-A + InstanceNorm",
}

COLORS = {
    "vgg_a": "#D55E00",
    "vgg_a_bn": "#0072B2",
    "vgg_a_ln": "#009E73",
    "vgg_a_gn": "#CC79A7",
    "vgg_a_in": "#E69F00",
}

OTHER = "#555555"  # an architecture without a colour of its own
FOOTER = "#777777"
GRID = "#DDDDDD"
HEATMAP = "viridis"


def color(architecture: str) -> str:
    return COLORS.get(architecture, OTHER)


def label(architecture: str) -> str:
    return LABELS.get(architecture, architecture)


def ordered(architectures: "set[str]") -> list[str]:
    """Architectures in the fixed order of `LABELS`, unknown ones after them by name."""
    known = list(LABELS)
    return sorted(architectures, key=lambda a: (known.index(a) if a in known else len(known), a))
