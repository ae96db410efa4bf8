"""Which figure is drawn by which function from which tables; nothing heavy is imported here."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FigureSpec:
    """A figure: `module.function` called with the tables `arguments`, paths below the results."""

    module: str
    function: str
    study: Literal["bands", "probe", "data"]
    arguments: tuple[str, ...]
    smoothed: bool = False  # the function takes `smoothing_steps`

    @property
    def tables(self) -> tuple[str, ...]:
        """Every file that is read: the arguments, and what the provenance footer comes from."""
        runs = () if self.study == "data" else (f"{self.study}/runs.csv",)
        return tuple(dict.fromkeys((*self.arguments, *runs, "data/dataset.json")))


def _bands(function: str) -> FigureSpec:
    module = "landscape.figures.bands"
    return FigureSpec(module, function, "bands", ("bands/bands.parquet",), smoothed=True)


def _probe(function: str) -> FigureSpec:
    module = "landscape.figures.probe"
    return FigureSpec(module, function, "probe", ("probe/bands.parquet",), smoothed=True)


FIGURES: dict[str, FigureSpec] = {
    "samples": FigureSpec(
        "landscape.figures.samples", "samples", "data", ("data/train.safetensors",)
    ),
    "training_curves": FigureSpec(
        "landscape.figures.training",
        "training_curves",
        "bands",
        ("bands/epochs.csv", "bands/runs.csv"),
    ),
    "loss_landscape": _bands("VGG_Loss_Landscape"),
    "gradient_predictiveness": _bands("VGG_Grad_Pred"),
    "beta_smoothness": _bands("VGG_Beta_Smooth"),
    "probe_loss": _probe("probe_loss"),
    "probe_gradient": _probe("probe_gradient"),
    "probe_beta": _probe("probe_beta"),
    "probe_beta_heatmap": FigureSpec(
        "landscape.figures.probe", "probe_beta_heatmap", "probe", ("probe/probe.parquet",)
    ),
}
