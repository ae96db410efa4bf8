"""A study of some parts alone has a report of those parts, and one learning rate has no band."""

import math

import pandas as pd
import pytest

from landscape.config.study import validate_study
from landscape.config.yaml_files import laid_over, read_yaml
from landscape.errors import UserError
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.report import build, captions
from landscape.report.content import content
from landscape.storage.files import write_json
from landscape.storage.tables import read_table, write_table
from landscape.tables.mechanism import verdicts
from landscape.tables.network_study import aggregate_network
from support import synthetic_network
from support import synthetic_tables as synthetic
from support.artefacts import ROOT
from support.network_workflow import GELU, network
from support.report import made, study_of, text_of

PARTS = ("bands", "probe", "mechanism", "network")
KEPT = [(part,) for part in PARTS] + [("bands", "mechanism"), ("probe", "network")]
TITLES = {  # what the report says of a part, and nowhere without it
    "bands": "Results over learning rates",
    "probe": "Results along the gradient",
    "mechanism": "What explains it?",
    "network": "Which network is best?",
}


def study_with(*kept: str):
    content = read_yaml(ROOT / "config.yaml")
    content |= {part: None for part in PARTS if part not in kept}
    if "network" in kept:
        content["network"] = laid_over(read_yaml(ROOT / "config.yaml")["network"], network(**GELU))
    return validate_study(content)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Tables of all four, as if their runs had been trained."""
    folder = synthetic.write_results(tmp_path_factory.mktemp("results"))
    runs = read_table(folder / "probe/runs.csv").assign(name="vgg_a/lr0.1")
    numbers = pd.DataFrame(
        [("lambda_1", arch, seed, 10.0) for arch in ("vgg_a", "vgg_a_bn") for seed in range(3)],
        columns=["quantity", "arch", "seed", "value"],
    )
    looked = ["arch", "learning_rate", "seed", "step", "loss", "quantity", "layer", "value"]
    write_table(folder / "mechanism/runs.csv", runs)
    write_table(folder / "mechanism/verdicts.csv", verdicts(numbers, numbers.assign(loss=1.0)))
    write_table(folder / "mechanism/summary.csv", numbers.assign(diverged=False))
    write_table(folder / "mechanism/mechanism.parquet", pd.DataFrame(columns=looked))
    study = study_with("network").network
    synthetic_network.write_runs(folder, study)
    aggregate_network(study, folder)
    write_json(folder / "network/insight.json", {"networks": [], "diverged": []})
    synthetic.blank_figures(folder, FIGURES)
    return folder


@pytest.mark.parametrize("kept", KEPT, ids="+".join)
def test_a_report_has_the_parts_that_the_study_has(kept, results, tmp_path):
    study = study_with(*kept)
    said = content(results, study)
    build.build(results, study, tmp_path / "report.pdf")
    text = text_of(tmp_path / "report.pdf").replace("\u00a0", " ")
    assert {part for part in PARTS if TITLES[part] in text} == set(kept)
    assert said["answer"]
    assert all(sentence in text for sentence in said["answer"])
    assert set(said["figures"]) == set(wanted(study))
    shown = {FIGURES[name].study for name in wanted(study)} - {"data"}
    assert shown == set(kept)
    assert "Provenance" in text
    assert "⟨" not in text


def test_a_study_of_nothing_is_refused():
    with pytest.raises(UserError, match="must have a run to train"):
        study_with()


def test_networks_to_look_into_are_asked_for_where_there_are_none():
    over = {**network(), "finals": None, "ablations": None}
    over["insight"] = {**over["insight"], "finals": []}
    content = {**read_yaml(ROOT / "config.yaml"), "bands": None, "probe": None, "mechanism": None}
    content["network"] = laid_over(content["network"], over)
    with pytest.raises(UserError, match=r"network\.insight: names no run to inspect"):
        validate_study(content)


def test_two_studies_of_which_one_compares(tmp_path):
    """The page of claims cites no section that is not there."""
    study = study_of()
    alone = study.probe.model_copy(update={"architectures": ("vgg_a",)})
    study = study.model_copy(update={"probe": alone})
    made(tmp_path)
    for name in ("summary.csv", "runs.csv", "bands.parquet"):
        table = read_table(tmp_path / "probe" / name)
        table = table[table["arch"] == "vgg_a"] if "arch" in table else table
        other = [name for name in table if name.startswith(("vgg_a_bn", "ratio"))]
        write_table(tmp_path / "probe" / name, table.drop(columns=other))
    names = [paragraph["name"] for paragraph in content(tmp_path, study)["questions"]]
    assert names == ["learning", "band", "beta"]
    build.build(tmp_path, study, tmp_path / "report.pdf")


def test_one_learning_rate_is_said_to_have_no_band(tmp_path):
    """Neither a width as a finding, nor a caption of a band from 0.001 to 0.001."""
    single = (math.nan, math.nan)
    widths = {"loss_band_width": single, "loss_band_width_late": single}
    study, said = made(tmp_path, study_of(rates=(0.001,)), **widths)
    band = next(p["text"] for p in said["questions"] if p["name"] == "band")
    assert "One learning rate has no band: each network was trained only at 0.001" in band
    assert "width" not in band
    caption = captions.filled("loss_landscape", study).text
    assert "One learning rate, 0.001, has no band: one line per architecture." in caption
    assert "lowest to the highest" not in caption
    assert "widths in nats" not in caption
    several = captions.filled("loss_landscape", study_of()).text
    assert "from the lowest to the highest value over the learning rates" in several
    claim = next(row for row in said["claims"]["body"] if "(band)" in row[0])
    assert claim[1:4] == ["", "", "– not measured"]
    assert not any("band" in sentence for sentence in said["answer"])
    one = study.probe.model_copy(update={"band_step_sizes": (1.0,)})
    study = study.model_copy(update={"probe": one})
    assert "One step size, 1 times the learning rate" in captions.filled("probe_loss", study).text
