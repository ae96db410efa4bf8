"""The one place where a colour or a marker is chosen (safe for colour-blind readers).

VGG-A's variants have Okabe and Ito's colours, the networks of the network study Tol's muted ones.
"""

COLORS = {
    "vgg_a": "#D55E00",
    "vgg_a_bn": "#0072B2",
    "vgg_a_ln": "#009E73",
    "vgg_a_gn": "#CC79A7",
    "vgg_a_in": "#E69F00",
    "vgg_a_bn_fc": "#56B4E9",
    "vgg_a_he": "#A6761D",
    "vgg_a_smooth": "#F0A070",  # smooth twins are paler, deep networks darker
    "vgg_a_bn_smooth": "#7FB2D9",
    "vgg_a_bn_fc_smooth": "#A9D9F5",
    "vgg_a_he_smooth": "#D3B47E",
    "vgg_19": "#8C3D00",
    "vgg_19_bn_fc": "#00416B",
    "vgg_a_init": "#117733",
    "vgg_a_bn_frozen": "#000000",
    "vgg_a_bn_fixed_norm": "#332288",
    "vgg_a_bn_noise": "#88CCEE",
    "vgg_a_l1": "#44AA99",
    "vgg_a_l2": "#661100",
    "vgg_a_linf": "#DDCC77",
    "vgg_a_ws": "#882255",
    "accurate": "#332288",
    "fast": "#CC6677",
    "narrow": "#44AA99",
    "compact": "#117733",
    "speedrun": "#999933",
    "resnet18": "#5AAFD8",
    "convnet": "#882255",
    "mlp": "#AA4499",
    "plain": "#000000",
}

MARKERS = {
    "accurate": "*",
    "fast": "^",
    "narrow": "<",
    "compact": "o",
    "speedrun": "v",
    "resnet18": "s",
    "convnet": "D",
    "mlp": "P",
    "plain": "X",
}

OTHER = "#555555"  # an architecture without a colour of its own
PUBLISHED = "#6E6E6E"  # what others have measured
FOOTER = "#777777"
GRID = "#DDDDDD"
HEATMAP = "viridis"


def color(architecture: str) -> str:
    return COLORS.get(architecture, OTHER)


def marker(architecture: str) -> str:
    return MARKERS.get(architecture, "h")


def drawn_as(level: str, family: str) -> str:
    """Whose colour and marker a final network has: its own, if it has any, or its family's."""
    return level if level in COLORS else family
