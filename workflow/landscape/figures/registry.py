"""The registry of figures: the function and the tables of each, without importing matplotlib."""

from dataclasses import dataclass
from typing import Literal

# What a configuration must have for a figure to be drawn; "": every configuration has it.
Need = Literal["", "in_depth", "sweep", "ablations", "finals", "insight"]


@dataclass(frozen=True)
class FigureSpec:
    """A figure: `module.function` called with the files `arguments`, paths in the results folder.

    `options` are further keyword arguments. `drawn` are prefixes of the names of the runs that the
    figure shows, for the provenance below it; without them, all runs of the study. A figure that
    needs `insight` names its runs itself; some belong to the study `bands`.
    """

    module: str
    function: str
    study: Literal["bands", "probe", "mechanism", "network", "data", "bench"]
    arguments: tuple[str, ...]
    smoothed: bool = False  # the function has a parameter `smoothing_steps`
    anchored: bool = False  # the function has a parameter `published`, for comparable images
    options: tuple[tuple[str, str], ...] = ()
    drawn: tuple[str, ...] = ()
    needs: Need = ""

    @property
    def tables(self) -> tuple[str, ...]:
        """Every file that is read: the arguments, and the sources of the provenance footer."""
        told = self.study in ("data", "bench") or self.needs == "insight"
        runs = () if told else (f"{self.study}/runs.csv",)
        return tuple(dict.fromkeys((*self.arguments, *runs, "data/dataset.json")))


FACTORS = (  # as network_study.Factor has them: a test compares the two
    "filters",
    "neurons",
    "structure",
    "normalization",
    "activation",
    "loss",
    "regularization",
    "augmentation",
    "optimizer",
)


def _bands(function: str) -> FigureSpec:
    module = "landscape.figures.bands"
    return FigureSpec(module, function, "bands", ("bands/bands.parquet",), smoothed=True)


def _probe(function: str) -> FigureSpec:
    module = "landscape.figures.probe"
    return FigureSpec(module, function, "probe", ("probe/bands.parquet",), smoothed=True)


def _mechanism(function: str, table: str, needs: Need = "", anchored: bool = False) -> FigureSpec:
    return FigureSpec(
        "landscape.figures.mechanism",
        function,
        "mechanism",
        (f"mechanism/{table}",),
        anchored=anchored,
        needs=needs,
    )


def _sweep(factor: str) -> FigureSpec:
    return FigureSpec(
        "landscape.figures.sweeps",
        "sweep",
        "network",
        ("network/summary.csv", "network/runs.csv"),
        options=(("factor", factor),),
        drawn=("base", f"sweep/{factor}/"),
        needs="sweep",
    )


def _finals(
    module: str, function: str, *tables: str, also: tuple[str, ...] = (), anchored: bool = False
) -> FigureSpec:
    arguments = tuple(f"network/{table}" for table in tables)
    return FigureSpec(
        f"landscape.figures.{module}",
        function,
        "network",
        arguments,
        anchored=anchored,
        drawn=("final/", *also),
        needs="finals",
    )


INSIGHT_FIGURES = {  # in the report's order, two to a page
    "insight_filters": "insight.maps",
    "insight_features": "insight.maps",
    "insight_attribution": "insight.attribution",
    "insight_confusion": "insight.judgement",
    "insight_mistakes": "insight.maps",
    "insight_calibration": "insight.judgement",
    "insight_classes": "insight.judgement",
    "insight_embedding": "insight.images",
    "insight_robustness": "insight.images",
}


def _insight(module: str, name: str) -> FigureSpec:
    arguments = ("network/insight.safetensors", "network/insight.json")
    return FigureSpec(f"landscape.figures.{module}", name, "network", arguments, needs="insight")


FIGURES: dict[str, FigureSpec] = {
    "overview": FigureSpec(
        "landscape.figures.overview",
        "overview",
        "bands",
        ("bands/bands.parquet", "probe/bands.parquet"),
        smoothed=True,
    ),
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
    "probe_parts": FigureSpec(
        "landscape.figures.parts", "probe_parts", "probe", ("probe/probe.parquet",)
    ),
    "mechanism_sharpness": _mechanism("mechanism_sharpness", "mechanism.parquet"),
    "mechanism_spectrum": _mechanism("mechanism_spectrum", "spectrum.parquet", "in_depth"),
    "mechanism_range": _mechanism("mechanism_range", "range.csv", anchored=True),
    "mechanism_controls": _mechanism("mechanism_controls", "losses.parquet"),
    "frontier_parameters": _finals(
        "frontier", "frontier_parameters", "summary.csv", also=("plain",), anchored=True
    ),
    "frontier_cost": _finals(
        "frontier", "frontier_cost", "summary.csv", "runs.csv", also=("plain",), anchored=True
    ),
    "accuracy_by_flops": _finals("flops", "accuracy_by_flops", "epochs.csv"),
    "structure": _finals("layers", "structure", "layers.csv"),
    **{f"sweep_{factor}": _sweep(factor) for factor in FACTORS},
    "ablations": FigureSpec(
        "landscape.figures.sweeps",
        "ablations",
        "network",
        ("network/summary.csv", "network/runs.csv"),
        drawn=("ablation/", "final/"),
        needs="ablations",
    ),
    **{name: _insight(module, name) for name, module in INSIGHT_FIGURES.items()},
    "bench": FigureSpec("landscape.figures.bench", "bench", "bench", ("bench/bench.json",)),
    "loss_surface": FigureSpec(
        "landscape.figures.surface",
        "loss_surface",
        "network",
        ("network/surface.parquet",),
        needs="insight",
    ),
}
