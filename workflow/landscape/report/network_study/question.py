"""The question of the network study, from its settings."""

from collections.abc import Iterable

from landscape.config.network_study import NetworkStudy
from landscape.notation.names import label
from landscape.report.phrases import listed

ROLES = {
    "compact": (
        "few parameters (inverted residual blocks, Sandler et al. 2018, with squeeze-excitation, "
        "Hu et al. 2018)"
    ),
    "fast": (
        "little training (a whitening first layer and Muon, Jordan 2024, with residual stages, He "
        "et al. 2016)"
    ),
    "accurate": (
        "accuracy within ten million parameters (the same, wider and with more residual layers)"
    ),
}
REFERENCES = {
    "speedrun": "the airbench94 design (Jordan 2024)",
    "resnet18": "ResNet-18 (He et al. 2016)",
}


def question(study: NetworkStudy) -> list[str]:
    """The question in two paragraphs."""
    families = [e.recipe.architecture.name for e in study.entries() if e.kind == "final"]
    said = ["There is no single best network: accuracy costs parameters, operations and time."]
    if roles := _known(families, ROLES):
        each = listed([f"{label(family)} for {ROLES[family]}" for family in roles])
        said.append(f"This study has one network for each of these aims: {each}.")
    if references := _known(families, REFERENCES):
        each = listed([REFERENCES[family] for family in references])
        said.append(f"For comparison, published designs are trained on the same data: {each}.")
    steps = []
    if any(study.sweeps.values()):
        steps.append("sweeps vary one factor at a time of a small base network")
    if any(study.ablations.values()):
        steps.append("ablations remove parts of final networks")
    if study.plain:
        steps.append(
            "a network of plain tensors with hand-derived backward passes shows what each layer "
            "computes"
        )
    paragraphs = [" ".join(said)]
    if steps:
        paragraphs.append(
            f"To see what makes a network good, {listed(steps)}. All choices are made on held-out "
            "images."
        )
    return paragraphs


def _known(families: Iterable[str], words: dict[str, str]) -> list[str]:
    found = set(families)
    return [family for family in words if family in found]
