"""The tables of `bands` and of `probe`, from all their runs."""

from pathlib import Path

from landscape.config.bands import Bands
from landscape.config.probe import Probe
from landscape.storage.tables import write_tables
from landscape.tables.band import band
from landscape.tables.collect import joined, runs_table
from landscape.tables.headline import bands_values, probe_values, summarize
from landscape.tables.parts import PARTS, by_learning_rate, by_step_size
from landscape.tables.series import bands_series, probe_series

BAND_MEASURES = ("loss", "gradient_distance", "output_gradient_distance", "beta")
PROBE_MEASURES = ("loss", "gradient_distance", "gradient_cosine", "beta")
EPOCH_COLUMNS = {"epoch", "train_loss", "train_accuracy", "validation_accuracy", "seconds"}
ORIGIN = ("loss_at_origin", "gradient_norm", "hg_over_g")
STEP_COLUMNS = {"step", "epoch", "gradient_norm", "update_distance", "parameter_norm"}


def aggregate_bands(study: Bands, results: Path) -> list[Path]:
    """Write bands.parquet, summary.csv, epochs.csv and runs.csv of `bands`."""
    runs = runs_table(study.run_ids, results)
    steps = joined(study.run_ids, results, "steps.parquet", STEP_COLUMNS | set(BAND_MEASURES))
    epochs = joined(study.run_ids, results, "epochs.csv", EPOCH_COLUMNS)
    lagged = [name for name in steps.columns if "_lag" in name]
    bands = band(steps, [*BAND_MEASURES, *lagged])
    series = bands_series(bands, steps)
    values = bands_values(series, steps, epochs, runs)
    summary = summarize(values, study.architectures, series)
    tables = {"bands.parquet": bands, "summary.csv": summary, "epochs.csv": epochs}
    tables |= {"runs.csv": runs, "by_learning_rate.csv": by_learning_rate(steps)}
    return write_tables(results / "bands", tables)


def aggregate_probe(study: Probe, results: Path) -> list[Path]:
    """Write probe.parquet, bands.parquet, summary.csv, epochs.csv and runs.csv of `probe`."""
    runs = runs_table(study.run_ids, results)
    steps = joined(study.run_ids, results, "steps.parquet", STEP_COLUMNS | {"loss"})
    epochs = joined(study.run_ids, results, "epochs.csv", EPOCH_COLUMNS)
    columns = {"step", "relative_step_size", *ORIGIN, *PROBE_MEASURES, *PARTS}
    probe = joined(study.run_ids, results, "probe.parquet", columns)
    bands = band(probe[probe["relative_step_size"].isin(study.band_step_sizes)], PROBE_MEASURES)
    series = probe_series(bands, probe, steps)
    summary = summarize(probe_values(series, steps, runs), study.architectures, series)
    tables = {"bands.parquet": bands, "probe.parquet": probe, "summary.csv": summary}
    tables |= {"epochs.csv": epochs, "runs.csv": runs, "by_step_size.csv": by_step_size(probe)}
    return write_tables(results / "probe", tables)
