"""Published explanations of BatchNorm as predictions: an inequality between two columns each."""

from dataclasses import dataclass
from typing import Literal

BN, PLAIN = "vgg_a_bn", "vgg_a"


@dataclass(frozen=True)
class Explanation:
    """`quantity` of network `first` is predicted to be `relation` that of network `second`.

    Quantities are those of `tables.mechanism.scalars`.
    """

    key: str
    says: str
    quantity: str
    first: str
    relation: Literal["<", ">"]
    second: str
    source: str


EXPLANATIONS = (
    Explanation(
        "covariate_shift",
        "Less internal covariate shift: steps of the layers below turn a layer's gradient less.",
        "shift_turn", BN, "<", PLAIN,
        "Ioffe and Szegedy 2015",
    ),
    Explanation(
        "smoothness",
        "A smoother loss along the gradient: the curvature that a step meets is lower.",
        "batch_sharpness", BN, "<", PLAIN,
        "Santurkar et al. 2018",
    ),
    Explanation(
        "sharpness",
        "Lower sharpness: the largest eigenvalue of the Hessian is lower.",
        "lambda_1", BN, "<", PLAIN,
        "Ghorbani et al. 2019",
    ),
    Explanation(
        "start_helps",
        "A better start helps: normalized once from data, the plain network trains better.",
        "final_loss", "vgg_a_init", "<", PLAIN,
        "Mishkin and Matas 2016",
    ),
    Explanation(
        "start_suffices",
        "A better start suffices: normalized once from data, it trains better than with BatchNorm.",
        "final_loss", "vgg_a_init", "<", BN,
        "Zhang et al. 2019",
    ),
    Explanation(
        "statistics",
        "Normalizing during training matters: with statistics frozen at the start it trains worse.",
        "final_loss", BN, "<", "vgg_a_bn_frozen",
        "Ioffe and Szegedy 2015",
    ),
    Explanation(
        "scale_invariance",
        "Scale invariance tunes the learning rate: with norms of filters fixed it trains worse.",
        "final_loss", BN, "<", "vgg_a_bn_fixed_norm",
        "Arora et al. 2019",
    ),
    Explanation(
        "less_noise",
        "Less gradient noise: mini-batch gradients vary less, relative to their mean.",
        "noise_scale", BN, "<", PLAIN,
        "Bjorck et al. 2018",
    ),
    Explanation(
        "stability",
        "Stable distributions are not needed: with noise after BatchNorm it still trains better.",
        "final_loss", "vgg_a_bn_noise", "<", PLAIN,
        "Santurkar et al. 2018",
    ),
    Explanation(
        "larger_rates",
        "Larger learning rates: the largest rate that trains is larger.",
        "largest_rate", BN, ">", PLAIN,
        "Bjorck et al. 2018",
    ),
    Explanation(
        "only_larger_rates",
        "Nothing but larger learning rates: at the smaller rate the plain network trains better.",
        "final_loss_low", PLAIN, "<", BN,
        "Bjorck et al. 2018",
    ),
)  # fmt: skip
