"""A finished study as a release: packed, drawn anew without training, and verified."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landscape.config.study import load_study
from landscape.errors import UserError
from landscape.release import repeat, verify
from landscape.release.contents import SUMS, checksums, require_checksums
from support.artefacts import ROOT
from support.workflow import copy_project

BANDS = "bands/vgg_a/lr0.001/seed0"


def landscape(project: Path, *arguments: str | Path, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "landscape", *map(str, arguments)],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def packed(finished, tmp_path_factory) -> Path:
    """A folder with the release of the finished study as an archive and as a light folder."""
    folder = tmp_path_factory.mktemp("packed")
    for target in (folder / "study.tar.gz", folder / "light"):
        light = [] if target.suffix else ["--light"]
        landscape(finished, "release", target, "--config", "tiny.yaml", *light)
    return folder


@pytest.fixture
def release(packed, tmp_path) -> Path:
    """A light release of the test's own."""
    return Path(shutil.copytree(packed / "light", tmp_path / "light"))


def resealed(release: Path) -> None:
    """Make every changed file the published one, so that only its content can be refused."""
    names = [line.partition("  ")[2] for line in (release / SUMS).read_text().splitlines()]
    (release / SUMS).write_text(checksums(release, names))


def test_an_archive_is_the_same_bytes_each_time_and_has_no_path_of_this_machine(
    packed, finished, tmp_path
):
    landscape(finished, "release", tmp_path / "study.tar.gz", "--config", "tiny.yaml")
    with (
        tarfile.open(packed / "study.tar.gz") as first,
        tarfile.open(tmp_path / "study.tar.gz") as second,
    ):
        assert first.getnames() == second.getnames()
        for name in first.getnames():
            content = first.extractfile(name).read()  # type: ignore[union-attr]
            assert content == second.extractfile(name).read()  # type: ignore[union-attr]
            assert str(finished).encode() not in content
        assert f"{BANDS}/model.safetensors" in first.getnames()


def test_a_light_release_has_no_weights_and_what_its_figures_need(packed):
    names = require_checksums(packed / "light")
    assert not [name for name in names if name.endswith(".safetensors")]
    assert "figures/loss_landscape.png" in names
    assert "figures/loss_landscape.pdf" not in names  # drawn anew from its table
    assert "figures/samples.pdf" in names  # whose images are not part of it


def test_figures_and_report_are_drawn_anew_without_training(packed, finished, tmp_path):
    said = landscape(tmp_path, "rebuild", packed / "study.tar.gz", "--results", "again")
    original, again = finished / "results", tmp_path / "again"
    assert "kept again/figures/samples.png" in said
    for name in (
        "figures/loss_landscape.pdf",
        "figures/probe_gradient.png",
        "report.pdf",
        "report.html",
    ):
        assert f"wrote again/{name}" in said
        assert (again / name).read_bytes() == (original / name).read_bytes()
    assert not (again / "data/train.safetensors").exists()


def test_a_study_that_is_not_finished_is_not_released(tmp_path, finished):
    project = copy_project(tmp_path)
    shutil.copytree(finished / "results", project / "results")
    (project / "results" / BANDS / "run.json").unlink()
    said = landscape(project, "release", "x.tar", "--config", "tiny.yaml", code=1)
    assert f"1 files are missing, the first is {BANDS}/run.json" in said
    assert not (project / "x.tar").exists()


def test_a_release_never_replaces_a_folder_that_is_none(finished, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years")
    said = landscape(finished, "release", tmp_path / "mine", "--config", "tiny.yaml", code=1)
    assert "not empty and not a release" in said
    assert (tmp_path / "mine/thesis.txt").read_text() == "years"


def test_a_release_of_this_machine_is_verified_bit_for_bit(release, tmp_path):
    said = landscape(tmp_path, "verify", release, "--steps", "8")
    assert "6 runs have the published settings" in said
    assert "tables follow from the runs" in said
    assert f"{BANDS}: 8 steps are equal, bit for bit" in said
    assert said.strip().endswith("is verified")


def test_a_changed_digit_is_found_by_its_file(release):
    path = release / "bands/summary.csv"
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(UserError, match=r"bands/summary.csv: damaged"):
        verify.verify_files(release)


def test_a_table_that_does_not_follow_from_its_runs_is_found(release):
    path = release / "bands/summary.csv"
    table = pd.read_csv(path)
    column = table.select_dtypes("float").columns[0]
    table.loc[0, column] *= 1.001
    table.to_csv(path, index=False)
    resealed(release)
    verify.verify_files(release)  # its checksum is right, its content is not
    with pytest.raises(
        UserError, match=f"bands/summary.csv: {column} is .* in the row of {table['measure'][0]}"
    ):
        verify.verify_tables(release)


def test_swapped_runs_are_found(release):
    one, other = (release / f"bands/{arch}/lr0.001/seed0" for arch in ("vgg_a", "vgg_a_bn"))
    for name in ("run.json", "steps.parquet", "epochs.csv"):
        first, second = (one / name).read_bytes(), (other / name).read_bytes()
        (one / name).write_bytes(second)
        (other / name).write_bytes(first)
    resealed(release)
    with pytest.raises(UserError, match=r"its settings are not those of study.json"):
        verify.verify_records(release)


def test_a_run_that_nobody_trained_is_found_by_training_it(release):
    """A forged run, consistent in itself: only the first steps, trained again, tell."""
    folder = release / BANDS
    steps = pd.read_parquet(folder / "steps.parquet")
    steps.loc[3, "loss"] = np.float32(steps.loc[3, "loss"] * 1.01)
    steps.to_parquet(folder / "steps.parquet", index=False)
    with pytest.raises(UserError, match=f"{BANDS}/steps.parquet: loss at step 3 is"):
        list(repeat.repeat(release, None, steps=6))


def test_other_images_are_found(release):
    path = release / "data/dataset.json"
    content = json.loads(path.read_text())
    del content["seal"]
    path.write_text(json.dumps({**content, "sha256": "0" * 64}))
    with pytest.raises(UserError, match=r"other images: the release was trained on"):
        next(repeat.repeat(release, None, steps=1))


def test_elsewhere_the_losses_agree_within_what_rounding_explains(release):
    """Another torch, as the records say: the same losses pass, a wrong one does not."""
    record = release / BANDS / "run.json"
    content = json.loads(record.read_text())
    del content["seal"]
    record.write_text(json.dumps({**content, "torch": "2.0.0"}))
    assert "agree within" in next(repeat.repeat(release, None, steps=6))
    steps = pd.read_parquet(release / BANDS / "steps.parquet")
    steps.loc[3, "loss"] *= 1.01
    steps.to_parquet(release / BANDS / "steps.parquet", index=False)
    with pytest.raises(UserError, match=r"the loss at step 3 differs by .* rounding explains"):
        next(repeat.repeat(release, None, steps=6))


def test_the_tolerance_grows_with_the_step_and_with_the_rounding():
    first, second = np.array([2.0, 2.0, 1.0]), np.array([2.0, 2.1, 1.0])
    assert repeat.tolerance(first, second) == pytest.approx([2e-5, 1 + 2e-5, 1 + 1e-5])


def test_of_a_study_of_the_mechanism_alone_the_two_compared_networks_are_trained_again():
    whole = load_study([ROOT / "config.yaml"])
    alone = whole.model_copy(update={"bands": None, "probe": None})
    ids = [run.id for run in repeat.chosen(alone)]
    assert ids == ["mechanism/vgg_a/lr0.1/seed0", "mechanism/vgg_a_bn/lr0.1/seed0"]
    with pytest.raises(UserError, match="neither bands, probe nor mechanism"):
        repeat.chosen(alone.model_copy(update={"mechanism": None}))
