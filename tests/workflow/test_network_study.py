"""The network study's part of the DAG in miniature, and what is stale after which change."""

import shutil

import pytest

from support.network_workflow import GELU, configure
from support.workflow import edit, stale


@pytest.fixture
def finished(finished_networks):
    return finished_networks


@pytest.fixture
def project(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def test_the_study_makes_what_the_contract_says(finished):
    folder = finished / "results" / "network"
    runs = {str(path.parent.relative_to(folder)) for path in folder.rglob("run.json")}
    assert runs == {
        "base/seed0",
        "sweep/activation/gelu/seed0",
        "final/fast/seed0",
        "ablation/fast/no_whitening/seed0",
        "plain/seed0",
    }
    tables = ("summary.csv", "comparisons.csv", "runs.csv", "epochs.csv", "layers.csv")
    made = [*tables, "insight.safetensors", "insight.json", "surface.parquet"]
    assert all((folder / name).is_file() for name in made)
    figures = {path.stem for path in (finished / "results" / "figures").glob("*.png")}
    expected = {"sweep_activation", "ablations", "frontier_parameters", "structure"}
    assert expected | {"insight_filters", "loss_surface", "loss_landscape"} <= figures
    assert "sweep_loss" not in figures  # a factor that this configuration does not have
    assert (finished / "results" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_second_run_does_nothing(finished):
    assert stale(finished) == {}


def test_a_new_level_trains_its_own_run_only(project):
    configure(project, **GELU, tanh={"architecture": {"activation": "tanh"}})
    jobs = stale(project)
    assert jobs["train"] == 1
    assert not {"train_probe", "insight"} & set(jobs)


def test_a_network_s_code_makes_its_own_runs_stale(project):
    edit(project / "workflow/landscape/models/fast.py", "STEM = 24", "STEM = int(24)")
    jobs = stale(project)
    assert jobs["train"] == 2  # the final network and its ablation
    assert "train_probe" not in jobs


def test_an_insight_figure_s_code_draws_and_computes_nothing(project):
    edit(project / "workflow/landscape/figures/surface.py", "import pandas", "X = 1\nimport pandas")
    jobs = stale(project)
    assert set(jobs) == {"figure", "report", "report_page"}
    assert jobs["figure"] == 1


def test_the_network_target_trains_what_it_looks_into_only(project):
    shutil.rmtree(project / "results" / "probe")
    assert "train_probe" not in stale(project, "network")
