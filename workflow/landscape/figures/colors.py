"""Colours and markers of networks, chosen here and nowhere else; safe for colour-blind readers.

VGG-A's variants have Okabe and Ito's colours, the networks of the network study Tol's muted ones.
"""

COLORS = {
    "vgg_a": "#D55E00",
    "vgg_a_bn": "#0072B2",
    "vgg_a_ln": "#009E73",
    "vgg_a_gn": "#CC79A7",
    "vgg_a_in": "#E69F00",
    "vgg_a_bn_fc": "#56B4E9",
    "vgg_a_he": "#BB5566",
    "vgg_a_smooth": "#F0A070",  # smooth twins are paler, deep networks darker
    "vgg_a_bn_smooth": "#7FB2D9",
    "vgg_a_bn_fc_smooth": "#A9D9F5",
    "vgg_a_he_smooth": "#DDAAB3",
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
    "middle": "#DDCC77",
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
    "middle": ">",
    "compact": "o",
    "speedrun": "v",
    "resnet18": "s",
    "convnet": "D",
    "mlp": "P",
    "plain": "X",
}

OTHER = "#555555"  # for an architecture without its own colour
PUBLISHED = "#6E6E6E"  # published networks
FOOTER = "#777777"
GRID = "#DDDDDD"
HEATMAP = "viridis"
DARKEST = 135.0  # brightness of a line on a dark page, of 255


def color(architecture: str) -> str:
    return COLORS.get(architecture, OTHER)


def marker(architecture: str) -> str:
    return MARKERS.get(architecture, "h")


def drawn_as(level: str, family: str) -> str:
    """The name whose colour and marker a final network has: its own, or its architecture's."""
    return level if level in COLORS else family


def on_dark(tint: str) -> str:
    """A colour for a dark page: mixed with white until it is bright enough."""
    parts = [int(tint[place : place + 2], 16) for place in (1, 3, 5)]
    while _brightness(parts) < DARKEST:
        parts = [round(part + (255 - part) / 10) for part in parts]
    return "#" + "".join(f"{part:02X}" for part in parts)


def _brightness(parts: list[int]) -> float:
    """Of red, green and blue from 0 to 255, as the eye weighs them (ITU-R BT.709)."""
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
