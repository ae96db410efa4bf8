"""The mechanism study's aggregation: all its runs in, its tables out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape.config.mechanism import Mechanism, network_of
from landscape.config.runs import CLASSES
from landscape.storage.tables import write_tables
from landscape.tables.collect import facts, joined, read_run
from landscape.tables.explanations import EXPLANATIONS, Explanation
from landscape.tables.series import LATE
from landscape.tables.statistics import interval

WINDOWS = 100  # into which a run's losses are averaged
TRAINS = 0.95  # of the loss of guessing: what a short run must get below to have trained
QUANTITIES = {"arch", "learning_rate", "seed", "step", "loss", "quantity", "layer", "value"}
LATE_QUANTITIES = ("batch_sharpness", "lambda_1", "scaled_lambda_1", "noise_scale", "kappa")
RUN = ["arch", "learning_rate", "seed"]


def aggregate_mechanism(study: Mechanism, results: Path) -> list[Path]:
    """Write the quantities, spectra, losses, the range, the verdicts and the runs."""

    def table(run_ids: list[str], file: str, columns: set[str], names: Any = _names) -> Any:
        return joined(run_ids, results, file, columns, names)

    looked = table(study.path_ids, "mechanism.parquet", QUANTITIES, _no_names)
    nodes = table(study.path_ids, "spectrum.parquet", {"node", "weight", "size"}, _no_names)
    steps = table(study.path_ids, "steps.parquet", {"step", "loss"})
    short = table(study.range_ids, "steps.parquet", {"step", "loss"})
    runs = pd.DataFrame(
        [
            {**_names(run), "name": run["run"]["name"], **facts(run)}
            for run in (read_run(results / run_id) for run_id in study.run_ids)
        ]
    )
    trained = range_table(short, runs[runs["name"].str.startswith("range/")])
    numbers = scalars(looked, _completed(steps, runs), trained, study)
    tables = {
        "mechanism.parquet": looked,
        "spectrum.parquet": nodes,
        "losses.parquet": windows(steps),
        "range.csv": trained,
        "verdicts.csv": verdicts(numbers),
        "runs.csv": runs,
    }
    return write_tables(results / "mechanism", tables)


def _completed(steps: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The steps of runs that did not diverge: the others have no final loss."""
    path = runs[(runs["status"] == "completed") & ~runs["name"].str.startswith("range/")]
    return steps.merge(path[RUN], on=RUN)


def _names(run: dict[str, Any]) -> dict[str, Any]:
    settings = run["run"]
    return {
        "arch": network_of(settings["name"]),
        "learning_rate": settings["learning_rate"],
        "seed": settings["seed"],
    }


def _no_names(run: dict[str, Any]) -> dict[str, Any]:
    """Of tables that name their run themselves."""
    return {}


def windows(steps: pd.DataFrame) -> pd.DataFrame:
    """`arch, learning_rate, seed, step, loss`: mini-batch losses averaged over windows of steps."""
    width = max(1, int(steps["step"].max() + 1) // WINDOWS)
    start = steps["step"] // width * width
    return steps.assign(step=start).groupby([*RUN, "step"], sort=False)["loss"].mean().reset_index()


def range_table(steps: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each short run: its final loss, null where it diverged, and whether it trained.

    The final loss is the mean of the last tenth of the steps. A run has trained if that is below
    95 % of ln 10, the loss of guessing among ten classes.
    """
    final = _final(steps).rename("final_loss").reset_index()
    table = runs[[*RUN, "status", "diverged_at_step"]].merge(final, on=RUN, how="left")
    table.loc[table["status"] == "diverged", "final_loss"] = np.nan
    return table.assign(trained=table["final_loss"] < TRAINS * np.log(CLASSES))


def scalars(
    looked: pd.DataFrame, steps: pd.DataFrame, trained: pd.DataFrame, study: Mechanism
) -> pd.DataFrame:
    """One number per network and seed: `quantity, arch, seed, value`.

    At the study's learning rate, unless the name says low (the smaller one). What changes on the
    way is the geometric mean over the moments in the last nine tenths of the steps at which the
    network has learned something: on a plateau every curvature is small. `shift_turn` is 1 − the
    mean cosine of the layers above the first. `largest_rate` is the largest that trained, of those
    that were tried, `best_rate` the one with the lowest final loss.
    """
    rate, low = study.learning_rate, study.slower.learning_rate
    late = looked[(looked["learning_rate"] == rate) & (looked["step"] >= LATE * study.steps)]
    late = late[late["loss"] < TRAINS * np.log(CLASSES)]
    one = ["arch", "seed"]
    found: dict[str, pd.Series] = {}
    for quantity in LATE_QUANTITIES:
        values = late[(late["quantity"] == quantity) & (late["value"] > 0)]
        logs = values.assign(log=np.log(values["value"]))
        found[quantity] = np.exp(logs.groupby(one)["log"].mean())
    turned = late[(late["quantity"] == "shift_cosine") & (late["layer"] != "features.0")]
    found["shift_turn"] = 1 - turned.groupby(one)["value"].mean()
    final = _final(steps)
    found["final_loss"] = final.xs(rate, level="learning_rate")
    if low in final.index.get_level_values("learning_rate"):
        found["final_loss_low"] = final.xs(low, level="learning_rate")
    good = trained[trained["trained"]]
    found["largest_rate"] = good.groupby(one)["learning_rate"].max()
    found["best_rate"] = good.sort_values("final_loss").groupby(one)["learning_rate"].first()
    pieces = [
        series.rename("value").reset_index().assign(quantity=q) for q, series in found.items()
    ]
    return pd.concat(pieces, ignore_index=True)[["quantity", *one, "value"]]


def verdicts(numbers: pd.DataFrame) -> pd.DataFrame:
    """A row for each explanation: both values, their ratio seed by seed, and what follows.

    Means are geometric. `supported` and `contradicted` need a 95 % t-interval of the ratio that
    lies on one side of 1 as a whole, and so three seeds. Everything else is `not decided`, and `not
    measured` where a network is missing or has diverged with every seed.
    """
    return pd.DataFrame([_verdict(explanation, numbers) for explanation in EXPLANATIONS])


def _verdict(explanation: Explanation, numbers: pd.DataFrame) -> dict[str, Any]:
    rows = numbers[numbers["quantity"] == explanation.quantity].set_index(["arch", "seed"])["value"]
    first, second = _of(rows, explanation.first), _of(rows, explanation.second)
    ratios = (first / second).dropna()
    low, high = interval(ratios.map(np.log))
    if ratios.empty:
        verdict = "not measured"
    elif low is None or high is None or low <= 0 <= high:
        verdict = "not decided"
    else:
        verdict = "supported" if (high < 0) == (explanation.relation == "<") else "contradicted"
    return {
        "key": explanation.key,
        "explanation": explanation.says,
        "quantity": explanation.quantity,
        "first": explanation.first,
        "relation": explanation.relation,
        "second": explanation.second,
        "value_first": _geometric_mean(first),
        "value_second": _geometric_mean(second),
        "ratio": _geometric_mean(ratios),
        "ratio_low": None if low is None else float(np.exp(low)),
        "ratio_high": None if high is None else float(np.exp(high)),
        "seeds": len(ratios),
        "verdict": verdict,
        "source": explanation.source,
    }


def _geometric_mean(values: pd.Series) -> float | None:
    return float(np.exp(np.log(values).mean())) if len(values) else None


def _of(rows: pd.Series, arch: str) -> pd.Series:
    """By seed, what is positive of one network."""
    if arch not in rows.index.get_level_values("arch"):
        return pd.Series(dtype=float)
    values = rows.xs(arch, level="arch").astype(float)
    return values[values > 0]


def _final(steps: pd.DataFrame) -> pd.Series:
    """The mean loss of the last tenth of each run's steps."""
    length = steps.groupby(RUN)["step"].transform("max") + 1
    late = steps[steps["step"] >= (1 - LATE) * length]
    mean: pd.Series = late.groupby(RUN)["loss"].mean()
    return mean
