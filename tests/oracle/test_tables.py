"""Every table of the miniature, and of random runs, cell by cell."""

import pandas as pd
import pytest

from landscape.config.study import load_study
from landscape.tables.bands_and_probe import aggregate_bands, aggregate_probe
from landscape.tables.network_study import aggregate_network
from oracle import random_runs
from oracle.comparing import require_equal
from oracle.miniature import CONFIG, OVERLAY
from oracle.naive import network_tables, probe_tables, runs, summary, tables
from support import synthetic_network
from support.artefacts import ROOT

NAMES = ["arch", "learning_rate", "seed"]


def check_bands(results, config):
    folders = [name for name in runs.runs({**config, **NO_NETWORK}) if name.startswith("bands/")]
    them = tables.Runs(results, folders)
    steps = them.rows("steps.parquet")
    lagged = [name for name in steps[0] if "_lag" in name]
    bands = tables.band(steps, [*tables.BANDS, *lagged])
    series, good = tables.bands_series(bands, steps)
    values = tables.bands_values(them, series, good)
    made = summary.summary(values, them.architectures, series)
    folder = results / "bands"
    band_keys = ["arch", "seed", "measure", "step"]
    require_equal(pd.read_parquet(folder / "bands.parquet"), bands, band_keys)
    require_equal(pd.read_csv(folder / "summary.csv"), made, ["measure"])
    require_equal(pd.read_csv(folder / "runs.csv"), them.table(), NAMES)
    require_equal(pd.read_csv(folder / "epochs.csv"), them.rows("epochs.csv"), [*NAMES, "epoch"])
    by_rate = pd.read_csv(folder / "by_learning_rate.csv")
    require_equal(by_rate, tables.by_learning_rate(steps), NAMES)


def check_probe(results, config):
    folders = [name for name in runs.runs({**config, **NO_NETWORK}) if name.startswith("probe/")]
    them = tables.Runs(results, folders)
    steps, probe = them.rows("steps.parquet"), them.rows("probe.parquet")
    sizes = config["probe"]["band_step_sizes"]
    inside = [row for row in probe if row["relative_step_size"] in sizes]
    bands = tables.band(inside, probe_tables.ALONG)
    series = probe_tables.probe_series(bands, probe, steps)
    values = probe_tables.probe_values(them, series, steps)
    made = summary.summary(values, them.architectures, series)
    folder = results / "probe"
    keys = ["arch", "seed", "measure", "step"]
    require_equal(pd.read_parquet(folder / "bands.parquet"), bands, keys)
    keys = [*NAMES, "step", "relative_step_size"]
    require_equal(pd.read_parquet(folder / "probe.parquet"), probe, keys)
    require_equal(pd.read_csv(folder / "summary.csv"), made, ["measure"])
    require_equal(pd.read_csv(folder / "runs.csv"), them.table(), NAMES)
    require_equal(pd.read_csv(folder / "epochs.csv"), them.rows("epochs.csv"), [*NAMES, "epoch"])
    keys = ["arch", "relative_step_size", "seed"]
    by_size = pd.read_csv(folder / "by_step_size.csv")
    require_equal(by_size, probe_tables.by_step_size(probe), keys)


NO_NETWORK = {"network": {"sweeps": {}, "finals": {}, "ablations": {}, "base": {}}}


def check_network(results, config):
    study, folder = config["network"], results / "network"
    tuning = network_tables.tuning(study, results)
    chosen = network_tables.chosen(tuning)
    if tuning:
        require_equal(pd.read_csv(folder / "tuning.csv"), tuning, ["run"])
    folders = list(runs.network_runs(config, chosen))
    folders += [f"network/plain/seed{seed}" for seed in study["plain"]["seeds"]]
    them, epochs = network_tables.runs_and_epochs(results, folders)
    require_equal(pd.read_csv(folder / "runs.csv"), them, ["run"])
    require_equal(pd.read_csv(folder / "epochs.csv"), epochs, ["run", "epoch"])
    made = network_tables.summary(study, them, chosen)
    require_equal(pd.read_csv(folder / "summary.csv"), made, ["kind", "group", "level"])
    made = network_tables.comparisons(study, them)
    compared = pd.read_csv(folder / "comparisons.csv")
    require_equal(compared, made, ["measure", "first", "second"])


def test_the_miniature_s_tables(miniature):
    config = runs.read(ROOT / "config.yaml", miniature / OVERLAY)
    check_bands(miniature, config)
    check_probe(miniature, config)
    check_network(miniature, config)


@pytest.mark.parametrize("seeds", [2, 3])
def test_the_tables_of_random_runs(tmp_path, seeds):
    """Two architectures, three learning rates, 30 steps; one run diverged at two thirds of them."""
    config = random_runs.write(tmp_path, seeds)
    study = load_study([ROOT / "config.yaml", tmp_path / "random.yaml"])
    aggregate_bands(study.bands, tmp_path)
    aggregate_probe(study.probe, tmp_path)
    check_bands(tmp_path, config)
    check_probe(tmp_path, config)


def test_the_tables_of_a_random_network_study(tmp_path):
    """All of config.yaml's sweeps, finals and ablations, three and five seeds, some diverged."""
    study = load_study([ROOT / "config.yaml"]).network
    lost = [run.id for run in study.possible_runs("cpu") if "optimizer/Adagrad/" in run.id]
    diverged = (
        "network/base/seed1",
        "network/base/lr0.1/seed0",
        "network/final/fast/seed0",
        "network/sweep/filters/64/seed0",
        "network/ablation/compact/no_residual/seed2",
        *lost,  # at every learning rate
    )
    synthetic_network.write_runs(tmp_path, study, diverged)
    aggregate_network(study, tmp_path)
    check_network(tmp_path, CONFIG)


def test_the_oracle_finds_the_same_runs_at_every_choice():
    """All settings at each factor: the same folders, learning rates and optimizers."""
    study = load_study([ROOT / "config.yaml"]).network
    settings = {setting for setting, *_ in runs.trials(CONFIG["network"])}
    for factor in CONFIG["network"]["tune"]["factors"]:
        chosen = dict.fromkeys(settings, factor)
        ours = runs.network_runs(CONFIG, chosen)
        theirs = {run.id: run for run in study.runs("cpu", chosen)}
        assert ours.keys() == theirs.keys()
        for folder, run in ours.items():
            assert theirs[folder].learning_rate == run["learning_rate"]
            rates = {k: v for k, v in run["optimizer"].items() if k.endswith("learning_rate")}
            assert rates.items() <= theirs[folder].optimizer.model_dump().items()
