"""The settings of each family of networks; no network is built here.

`module` names the module of the network, whose `build(settings, classes)` makes it. It is imported
only for runs of this network, and their fingerprint covers it.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from landscape.config.fields import Count, Settings, Share, Width

Normalization = Literal["none", "batch", "layer", "group", "instance"]
Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh"]
# What shares a part of what a normalization does; models/normalization.py says which.
Control = Literal["batch_noise", "batch_frozen", "l1", "l2", "linf", "initial", "weight"]
VggName = Literal[
    "vgg_a",
    "vgg_a_bn",
    "vgg_a_ln",
    "vgg_a_gn",
    "vgg_a_in",
    "vgg_a_bn_noise",
    "vgg_a_bn_frozen",
    "vgg_a_l1",
    "vgg_a_l2",
    "vgg_a_linf",
    "vgg_a_init",
    "vgg_a_ws",
    "vgg_a_bn_fc",
    "vgg_a_he",
    "vgg_a_smooth",
    "vgg_a_bn_smooth",
    "vgg_a_bn_fc_smooth",
    "vgg_a_he_smooth",
    "vgg_19",
    "vgg_19_bn_fc",
]


class Vgg(Settings):
    """VGG-A and its variants; the name says what differs, as in the course and the paper."""

    module: ClassVar[str] = "models.vgg"
    name: VggName
    width: Width = 1.0


class Mlp(Settings):
    """Fully connected layers only."""

    module: ClassVar[str] = "models.mlp"
    name: Literal["mlp"] = "mlp"
    neurons: Count = 512
    hidden_layers: Count = 2
    activation: Activation = "relu"
    dropout: Share = 0.0


class ConvNet(Settings):
    """The base of the sweeps: three stages of two convolutions, then a hidden linear layer."""

    module: ClassVar[str] = "models.convnet"
    name: Literal["convnet"] = "convnet"
    filters: Count = 32  # of the first stage; each further stage doubles them
    neurons: Count = 128
    normalization: Normalization = "batch"
    activation: Activation = "relu"
    dropout: Share = 0.0
    residual: bool = False


class Compact(Settings):
    """Few parameters: inverted residual blocks of depthwise convolutions."""

    module: ClassVar[str] = "models.compact"
    name: Literal["compact"] = "compact"
    width: Width = 1.0
    depthwise: bool = True  # false: one 3×3 convolution per block, with about as many parameters
    squeeze_excitation: bool = True
    residual: bool = True
    activation: Activation = "silu"


class Fast(Settings):
    """Fast training: a whitening first layer, wide and shallow stages, a scaled linear head."""

    module: ClassVar[str] = "models.fast"
    name: Literal["fast"] = "fast"
    width: Width = 1.0
    whitening: bool = True
    residual: bool = True
    activation: Activation = "gelu"


class Accurate(Settings):
    """As accurate as ten million parameters allow: `fast`, wider, with deeper residual stages."""

    module: ClassVar[str] = "models.accurate"
    name: Literal["accurate"] = "accurate"
    width: Width = 1.0
    blocks: Count = 2  # residual pairs of convolutions after each pooling
    activation: Activation = "gelu"


class Speedrun(Settings):
    """A published fast design in our own code (airbench94, Jordan 2024), for comparison."""

    module: ClassVar[str] = "models.speedrun"
    name: Literal["speedrun"] = "speedrun"


class ResNet18(Settings):
    """The published standard (He et al. 2016, in its form for 32×32 images), for comparison."""

    module: ClassVar[str] = "models.resnet18"
    name: Literal["resnet18"] = "resnet18"


Architecture = Annotated[
    Vgg | Mlp | ConvNet | Compact | Fast | Accurate | Speedrun | ResNet18,
    Field(discriminator="name"),
]
