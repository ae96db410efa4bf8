"""All of config.yaml's network study in miniature: every recipe trains, every figure is drawn."""

import pytest
import yaml
from snakemake.utils import update_config

from landscape.config.study import validate_study
from landscape.figures.draw import draw
from landscape.figures.registry import FACTORS, FIGURES
from landscape.figures.selection import wanted
from landscape.plain import job as plain_job
from landscape.storage.tables import read_table
from landscape.tables.layers import tabulate_structure
from landscape.tables.network_study import aggregate_network
from landscape.training import job
from support.artefacts import ROOT, made_once

SHORT = {"batch_size": 20, "epochs": 1}
MINIATURE = {
    "device": "cpu",
    "data": {"source": "demo"},
    "mechanism": None,
    "network": {
        "split": {"train_images": 40, "validation_images": 20},
        "precision": "float32",
        "base": {"architecture": {"filters": 2, "neurons": 8}, **SHORT},
        "seeds": [0],
        "tune": None,
        "finals": {
            "speedrun": SHORT,
            "resnet18": SHORT,
            "accurate": {"architecture": {"width": 0.05}, **SHORT},
            **{
                name: {"architecture": {"width": 0.05}, **SHORT}
                for name in ("fast", "narrow", "middle")
            },
            "compact": {"architecture": {"width": 0.25}, **SHORT},
        },
        "final_seeds": [0],
        "plain": {"filters": 2, "neurons": 8, **SHORT},
    },
}


@pytest.fixture(scope="module")
def study():
    content = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    update_config(content, MINIATURE)
    return validate_study(content)


@pytest.fixture(scope="module")
def trained(study, results, tmp_path_factory):
    """Every run of the network study, and its tables."""

    def make(folder):
        (folder / "data").symlink_to(results / "data")
        for run in study.network.runs("cpu"):
            job.train(run, folder, threads=1)
        for run in study.network.plain_runs("cpu"):
            plain_job.train(run, folder, threads=1)
        aggregate_network(study.network, folder)
        tabulate_structure(study.network, folder)

    return made_once(tmp_path_factory, "breadth", make)


def test_every_level_part_and_final_network_trains(study, trained):
    summary = read_table(trained / "network/summary.csv")
    found = set(zip(summary["kind"], summary["group"], summary["level"], strict=True))
    assert {(e.kind, e.group, e.level) for e in study.network.entries()} <= found
    assert set(study.network.sweeps) == set(FACTORS)
    assert (summary["seeds"] == 1).all()
    assert (summary["diverged"] == 0).all()


def test_every_figure_of_their_tables_is_drawn(study, trained, tmp_path):
    names = [
        name
        for name in wanted(study)
        if FIGURES[name].study == "network" and FIGURES[name].needs != "insight"
    ]
    assert len(names) == len(FACTORS) + 5  # and of final networks and their parts
    for name in names:
        draw(name, trained, study.figures, tmp_path / f"{name}.png", tmp_path / f"{name}.pdf")
        assert (tmp_path / f"{name}.png").stat().st_size > 5_000
