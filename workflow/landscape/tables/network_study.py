"""The tables of the network study, from all its runs."""

from pathlib import Path

from landscape.config.network_study import NetworkStudy
from landscape.storage.tables import require_finite, write_tables
from landscape.tables.network_runs import runs_and_epochs
from landscape.tables.paired_differences import comparisons, summary_table
from landscape.tables.tuning import chosen_rates


def aggregate_network(study: NetworkStudy, results: Path) -> list[Path]:
    """Write runs.csv, epochs.csv, summary.csv and comparisons.csv into network/.

    If learning rates were tried, network/tuning.csv says which runs represent a level.
    """
    chosen = chosen_rates(study, results)
    runs, epochs = runs_and_epochs(study.run_ids(chosen), results)
    folder = results / "network"
    require_finite(runs, folder / "runs.csv")
    entries = list(study.entries(chosen))
    finals = [(entry.level, entry.name) for entry in entries if entry.kind == "final"]
    tables = {
        "runs.csv": runs,
        "epochs.csv": epochs,
        "summary.csv": summary_table(entries, runs),
        "comparisons.csv": comparisons(finals, runs),
    }
    return write_tables(folder, tables)
