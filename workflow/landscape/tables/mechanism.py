"""The tables of the mechanism study, from all its runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape.config.mechanism import Mechanism, network_of
from landscape.config.runs import CLASSES
from landscape.storage.tables import write_tables
from landscape.tables.collect import facts, joined, read_run
from landscape.tables.equal_loss import at_equal_loss
from landscape.tables.series import LATE
from landscape.tables.verdicts import verdicts

WINDOWS = 100  # windows over which a run's losses are averaged
TRAINS = 0.95  # of the loss of guessing: a run with a lower loss has trained
QUANTITIES = {"arch", "learning_rate", "seed", "step", "loss", "quantity", "layer", "value"}
FOLLOWED = ("batch_sharpness", "lambda_1", "noise_scale", "kappa")  # measured along the path
FIRST_LAYER = "features.0"  # of every VGG; no layer below it can shift its gradient
RUN = ["arch", "learning_rate", "seed"]


def aggregate_mechanism(study: Mechanism, results: Path) -> list[Path]:
    """Write the quantities, spectra, losses, the range, the summary, the verdicts and the runs."""

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
    path = followed(looked)
    whole = runs[~runs["name"].str.startswith("range/")]
    numbers = scalars(path, final_losses(steps, whole), trained, study)
    equal = at_equal_loss(path)
    tables = {
        "mechanism.parquet": looked,
        "spectrum.parquet": nodes,
        "losses.parquet": windows(steps),
        "range.csv": trained,
        "summary.csv": numbers.assign(
            value=numbers["value"].where(np.isfinite(numbers["value"])),
            diverged=np.isinf(numbers["value"]),
        ),
        "equal_loss.csv": equal,
        "verdicts.csv": verdicts(numbers, equal[equal["learning_rate"] == study.learning_rate]),
        "runs.csv": runs,
    }
    return write_tables(results / "mechanism", tables)


def final_losses(steps: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """By run, the mean loss of the last tenth of its steps; ∞ for a run that diverged."""
    final = _final(steps)
    lost = pd.MultiIndex.from_frame(runs.loc[runs["status"] == "diverged", RUN])
    final = final.reindex(final.index.union(lost))  # one that diverges at once has no last tenth
    final[final.index.isin(lost)] = np.inf
    return final


def _names(run: dict[str, Any]) -> dict[str, Any]:
    settings = run["run"]
    return {
        "arch": network_of(settings["name"]),
        "learning_rate": settings["learning_rate"],
        "seed": settings["seed"],
    }


def _no_names(run: dict[str, Any]) -> dict[str, Any]:
    """No columns, for tables that already name their run."""
    return {}


def windows(steps: pd.DataFrame) -> pd.DataFrame:
    """`arch, learning_rate, seed, step, loss`: mini-batch losses averaged over windows of steps."""
    width = max(1, int(steps["step"].max() + 1) // WINDOWS)
    start = steps["step"] // width * width
    return steps.assign(step=start).groupby([*RUN, "step"], sort=False)["loss"].mean().reset_index()


def range_table(steps: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each short run: its final loss, null if it diverged, and whether it trained.

    The final loss is the mean of the last tenth of the steps. A run has trained if that is below
    95 % of ln 10, the loss of guessing among ten classes.
    """
    final = _final(steps).rename("final_loss").reset_index()
    table = runs[[*RUN, "status", "diverged_at_step"]].merge(final, on=RUN, how="left")
    table.loc[table["status"] == "diverged", "final_loss"] = np.nan
    return table.assign(trained=table["final_loss"] < TRAINS * np.log(CLASSES))


def followed(looked: pd.DataFrame) -> pd.DataFrame:
    """One value of the whole network per run and moment: `FOLLOWED`, and `shift_turn`, 1 − the mean
    cosine of the layers above the first.
    """
    names = [*RUN, "step", "loss"]
    whole = looked[looked["quantity"].isin(FOLLOWED)]
    above = (looked["quantity"] == "shift_cosine") & (looked["layer"] != FIRST_LAYER)
    turned = 1 - looked[above].groupby(names, sort=False)["value"].mean()
    turns = turned.reset_index().assign(quantity="shift_turn")
    return pd.concat([whole, turns], ignore_index=True)[[*names, "quantity", "value"]]


def scalars(
    path: pd.DataFrame, final: pd.Series, trained: pd.DataFrame, study: Mechanism
) -> pd.DataFrame:
    """One number per network and seed: `quantity, arch, seed, value`.

    At the study's learning rate, or the smaller one if the name ends in low. A path quantity is the
    geometric mean over the moments in the last nine tenths of the steps at which the network has
    learned something, because on a plateau every curvature is small. `largest_rate` is the largest
    tried rate that trained, `best_rate` the rate with the lowest final loss.
    """
    rate, low = study.learning_rate, study.slower.learning_rate
    late = path[(path["learning_rate"] == rate) & (path["step"] >= LATE * study.steps)]
    late = late[(late["loss"] < TRAINS * np.log(CLASSES)) & (late["value"] > 0)]
    one = ["arch", "seed"]
    found: dict[str, pd.Series] = {}
    for quantity, rows in late.groupby("quantity"):
        logs = rows.assign(log=np.log(rows["value"]))
        found[str(quantity)] = np.exp(logs.groupby(one)["log"].mean())
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


def _final(steps: pd.DataFrame) -> pd.Series:
    """The mean loss of the last tenth of each run's steps."""
    length = steps.groupby(RUN)["step"].transform("max") + 1
    late = steps[steps["step"] >= (1 - LATE) * length]
    mean: pd.Series = late.groupby(RUN)["loss"].mean()
    return mean
