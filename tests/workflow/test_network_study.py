"""The network study's part of the DAG in miniature, and what is stale after which change."""

import shutil

import pytest
import yaml

from support.artefacts import ROOT, made_once
from support.workflow import copy_project, edit, snakemake, stale, tiny_study

TINY = {
    "split": {"train_images": 100, "validation_images": 20},
    "precision": "float32",
    "base": {
        "architecture": {"filters": 2, "neurons": 8},
        "batch_size": 50,
        "epochs": 1,
    },
    "seeds": [0],
    "finals": {
        "fast": {"architecture": {"width": 0.05}, "batch_size": 50, "epochs": 1},
        "speedrun": None,
        "compact": None,
        "accurate": None,
        "resnet18": None,
        "narrow": None,
    },
    "final_seeds": [0],
    "ablations": {"compact": None, "fast": {"no residual": None, "all images whole": None}},
    "plain": {"filters": 2, "neurons": 8, "batch_size": 50, "epochs": 1},
    "insight": {"finals": ["fast"], "surface_points": 3, "surface_images": 20, "images": 20},
}


def network(**levels):
    """Of config.yaml's sweeps, these levels of the activation function and nothing else."""
    everything = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["network"]["sweeps"]
    sweeps = dict.fromkeys(everything) | {"activation": dict.fromkeys(everything["activation"])}
    sweeps["activation"] |= {"relu": {}, **levels}
    return {**TINY, "sweeps": sweeps}


def configure(project, **levels):
    study = tiny_study(network=network(**levels), bands={"learning_rates": [0.001]})
    (project / "tiny.yaml").write_text(yaml.safe_dump(study), "utf-8")


GELU = {"gelu": {"architecture": {"activation": "gelu"}}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):

    def make(folder):
        configure(copy_project(folder), **GELU)
        snakemake(folder)

    return made_once(tmp_path_factory, "networks", make)


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
    assert set(jobs) == {"figure", "report"}
    assert jobs["figure"] == 1


def test_the_network_target_trains_what_it_looks_into_only(project):
    shutil.rmtree(project / "results" / "probe")
    assert "train_probe" not in stale(project, "network")
