"""The network study's part of the DAG in miniature, and what is stale after which change."""

import csv
import shutil

import pytest

from landscape.config.study import load_study
from landscape.errors import UserError
from landscape.release import verify
from landscape.release.pack import pack
from support.artefacts import made_once
from support.network_workflow import GELU, configure
from support.workflow import copy_project, edit, snakemake, stale

pytestmark = pytest.mark.slow

SETTINGS = ("base", "sweep/activation/gelu")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project with tiny bands and a tiny network study, run once."""

    def make(folder):
        configure(copy_project(folder), **GELU)
        snakemake(folder)

    return made_once(tmp_path_factory, "networks without a probe", make)


@pytest.fixture
def project(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def chosen_names(results):
    """Where the chosen runs of each setting lie, by an argmax over its trials' last epochs."""
    found = {}
    for setting in SETTINGS:
        best = -1.0
        for name in (setting, f"{setting}/lr0.025"):  # its own learning rate wins a tie
            path = results / "network" / name / "seed1/epochs.csv"
            *_, last = csv.DictReader(path.read_text("utf-8").splitlines())
            if float(last["validation_accuracy"]) > best:
                best, found[setting] = float(last["validation_accuracy"]), name
    return found


def test_the_study_makes_what_the_contract_says(finished):
    folder = finished / "results" / "network"
    runs = {str(path.parent.relative_to(folder)) for path in folder.rglob("run.json")}
    trials = {f"{name}{rate}/seed1" for name in SETTINGS for rate in ("", "/lr0.025")}
    assert runs == {
        *trials,
        *(f"{name}/seed0" for name in chosen_names(finished / "results").values()),
        "final/fast/seed0",
        "ablation/fast/no_whitening/seed0",
        "plain/seed0",
    }
    tables = (
        "tuning.csv",
        "summary.csv",
        "comparisons.csv",
        "runs.csv",
        "epochs.csv",
        "layers.csv",
    )
    made = [*tables, "insight.safetensors", "insight.json", "surface.parquet"]
    assert all((folder / name).is_file() for name in made)
    figures = {path.stem for path in (finished / "results" / "figures").glob("*.png")}
    expected = {"sweep_activation", "ablations", "frontier_parameters", "structure"}
    assert expected | {"insight_filters", "loss_surface", "loss_landscape"} <= figures
    assert "sweep_loss" not in figures  # a factor that this configuration does not have
    assert (finished / "results" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_second_run_does_nothing(finished):
    assert stale(finished) == {}


def test_each_level_is_compared_at_the_rate_that_its_trials_chose(finished):
    names = chosen_names(finished / "results")
    rows = csv.DictReader((finished / "results/network/tuning.csv").read_text().splitlines())
    assert {r["setting"]: r["run"] for r in rows if r["chosen"] == "1"} == {
        setting: f"network/{name}/seed1" for setting, name in names.items()
    }
    rows = csv.DictReader((finished / "results/network/summary.csv").read_text().splitlines())
    assert {row["run"] for row in rows if row["kind"] == "sweep"} == set(names.values())


def test_a_new_learning_rate_is_tried_and_nothing_else_is_trained(project):
    configure(project, tune={"factors": [0.5, 1, 2], "seed": 1}, **GELU)
    jobs = stale(project)
    assert (jobs["train"], jobs["tune"]) == (2, 1)  # of the base and of the one other level
    assert not {"insight", "aggregate_bands"} & set(jobs)


def test_without_tuning_only_runs_at_a_level_s_own_rate_are_missing(project):
    others = [name for name in chosen_names(project / "results").values() if "/lr" in name]
    configure(project, tune=None, **GELU)
    jobs = stale(project)
    assert jobs.get("train", 0) == len(others)
    assert "tune" not in jobs


def test_a_release_holds_the_trials_and_the_choice_is_verified(finished, tmp_path):
    study = load_study([finished / "config.yaml", finished / "tiny.yaml"])
    pack(study, finished / "results", tmp_path)
    verify.verify_records(tmp_path)
    verify.verify_tables(tmp_path)
    path = tmp_path / "network/tuning.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row in rows:  # the accuracy of another run
        row["validation_accuracy"] = "0.5" if row["setting"] == "base" else "0.25"
    text = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(text) + "\n")
    with pytest.raises(UserError, match=r"tuning\.csv: validation_accuracy is"):
        verify.verify_tables(tmp_path)


def test_a_new_level_trains_its_own_runs_only(project):
    configure(project, **GELU, tanh={"architecture": {"activation": "tanh"}})
    jobs = stale(project)
    assert jobs["train"] == 2  # at each learning rate; the chosen one's other seed follows
    assert "insight" not in jobs


def test_a_network_s_code_makes_its_own_runs_stale(project):
    edit(project / "workflow/landscape/models/fast.py", "STEM = 24", "STEM = int(24)")
    jobs = stale(project)
    assert jobs["train"] == 2  # the final network and its ablation


def test_an_insight_figure_s_code_draws_and_computes_nothing(project):
    edit(project / "workflow/landscape/figures/surface.py", "import pandas", "X = 1\nimport pandas")
    jobs = stale(project)
    assert set(jobs) == {"figure", "report", "report_page"}
    assert jobs["figure"] == 1
