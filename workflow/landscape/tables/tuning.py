"""The learning rate chosen for each level of the sweeps, by one seed's validation accuracy."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from landscape.config.network_study import JUDGED_BY, NetworkStudy
from landscape.config.runs import PlainRun, Run
from landscape.config.study import Study
from landscape.errors import UserError
from landscape.storage.tables import read_table, write_table
from landscape.tables.network_runs import runs_and_epochs

TUNING = "network/tuning.csv"


def tabulate_tuning(study: NetworkStudy, results: Path) -> Path:
    """Write network/tuning.csv: the trials of each setting, their outcomes, and the choice."""
    trials = study.trials()
    runs = runs_and_epochs([trial.run_id for trial in trials], results)[0].set_index("run")
    tried = [
        {
            "setting": trial.setting,
            "factor": trial.factor,
            "learning_rate": trial.entry.recipe.learning_rate,
            "run": trial.run_id,
            "seed": trial.seed,
            "status": runs.loc[trial.run_id, "status"],
            JUDGED_BY: runs.loc[trial.run_id, JUDGED_BY],
        }
        for trial in trials
    ]
    table = pd.DataFrame(tried)
    best = [choice(rows.to_dict("records"))["run"] for _, rows in table.groupby("setting")]
    path = results / TUNING
    write_table(path, table.assign(chosen=table["run"].isin(best).astype(int)))
    return path


def choice(tried: Iterable[Any]) -> Any:
    """The trial of a setting with the highest validation accuracy; a diverged one has none.

    Among equal ones, or if all diverged, that at the setting's own learning rate, otherwise the
    smallest.
    """

    def merit(trial: Any) -> tuple[float, bool, float]:
        accuracy = -1.0 if pd.isna(trial[JUDGED_BY]) else trial[JUDGED_BY]
        return accuracy, trial["factor"] == 1, -trial["factor"]

    return max(tried, key=merit)


def chosen_rates(study: NetworkStudy, results: Path) -> dict[str, float]:
    """The factor chosen for each setting of the sweeps, by network/tuning.csv."""
    if not study.is_tuned:
        return {}
    path = results / TUNING
    table = read_table(path)
    runs = set(table.loc[table["chosen"] == 1, "run"])
    trials = study.trials()
    found = {trial.setting: trial.factor for trial in trials if trial.run_id in runs}
    for trial in trials:
        if trial.setting not in found:
            raise UserError(
                f"{path}: chooses none of the learning rates that this configuration tries for "
                f"{trial.setting}; rerun the stage `tune`"
            )
    return found


def runs_in(results: Path, study: Study) -> tuple[Run | PlainRun, ...]:
    """All runs of a study at the learning rates that are chosen in this folder.

    Before the choice, each setting's own rate replaces it; the number of runs is the same.
    """
    try:
        return study.runs_at(chosen_rates(study.network, results) if study.network else {})
    except UserError:
        return study.all_runs
