"""The notebook for teaching, cell by cell, on a finished study."""

import json

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest

from support.artefacts import ROOT

NOTEBOOK = ROOT / "docs/explore.ipynb"


@pytest.fixture
def cells(finished, tmp_path, monkeypatch):
    """The code cells, in a folder whose results/demo is the finished study's."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results/demo").symlink_to(finished / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    mpl.use("Agg")
    content = json.loads(NOTEBOOK.read_text("utf-8"))
    yield ["".join(c["source"]) for c in content["cells"] if c["cell_type"] == "code"]
    plt.close("all")


def test_it_is_a_valid_notebook_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]


def test_its_cells_draw_what_the_tables_say(cells, finished):
    names = {}
    for cell in cells:
        exec(compile(cell, str(NOTEBOOK), "exec"), names)
    bands = pd.read_parquet(finished / "results/bands/bands.parquet")
    loss = bands[(bands["measure"] == "loss") & (bands["arch"] == "vgg_a_bn")]
    width = (loss["maximum"] - loss["minimum"]).groupby(loss["seed"]).mean()
    assert names["mean_width"]["vgg_a_bn"].to_numpy() == pytest.approx(width.to_numpy())
    assert len(plt.get_fignums()) == 3
    probe = pd.read_parquet(finished / "results/probe/probe.parquet")
    late = probe[probe["step"] >= probe["step"].max() / 2]
    beta = late.groupby(["relative_step_size", "arch"])["beta"].mean().unstack()
    expected = (beta["vgg_a_bn"] / beta["vgg_a"]).to_numpy()
    assert names["ratio"]["second half"].to_numpy() == pytest.approx(expected)


def test_another_step_size_gives_another_curve(cells):
    curves = []
    for choice in ("sizes[0]", "sizes[-1]"):
        names = {}
        for cell in cells[:4]:
            exec(cell.replace("STEP_SIZE = sizes[0]", f"STEP_SIZE = {choice}"), names)
        curves.append(names["axes"].lines[0].get_ydata())
    assert not np.array_equal(*curves)


def test_without_a_study_it_says_how_to_make_one(cells, tmp_path, monkeypatch):
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere/deep")
    with pytest.raises(AssertionError, match="run `make demo` first"):
        exec(cells[0], {})
