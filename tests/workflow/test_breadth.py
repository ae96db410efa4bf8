"""Every figure of config.yaml's network study is drawn, of all its levels in miniature."""

import pytest

from landscape.config.study import load_study
from landscape.figures.draw import draw
from landscape.figures.registry import FACTORS, FIGURES
from landscape.figures.selection import wanted
from landscape.storage.tables import read_table
from landscape.tables.layers import tabulate_structure
from oracle.miniature import OVERLAY, miniature  # noqa: F401 (a fixture)
from support.artefacts import ROOT


@pytest.fixture(scope="module")
def study(miniature):  # noqa: F811
    return load_study([ROOT / "config.yaml", miniature / OVERLAY])


def test_the_miniature_has_every_level_and_none_diverges(study, miniature):  # noqa: F811
    summary = read_table(miniature / "network/summary.csv")
    found = set(zip(summary["kind"], summary["group"], summary["level"], strict=True))
    assert {(e.kind, e.group, e.level) for e in study.network.entries()} <= found
    assert set(study.network.sweeps) == set(FACTORS)
    assert (summary["diverged"] == 0).all()


def test_every_figure_of_its_tables_is_drawn(study, miniature, tmp_path):  # noqa: F811
    for table in ("data", "network"):
        (tmp_path / table).mkdir()
    for file in (*(miniature / "data").iterdir(), *(miniature / "network").glob("*.*")):
        (tmp_path / file.relative_to(miniature)).symlink_to(file)
    tabulate_structure(study.network, tmp_path)
    names = [
        name
        for name in wanted(study)
        if FIGURES[name].study == "network" and FIGURES[name].needs != "insight"
    ]
    assert len(names) == len(FACTORS) + 5  # and of final networks and their parts
    for name in names:
        draw(name, tmp_path, study.figures, tmp_path / f"{name}.png", tmp_path / f"{name}.pdf")
        assert (tmp_path / f"{name}.png").stat().st_size > 5_000
