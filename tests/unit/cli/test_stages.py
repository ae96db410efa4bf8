"""The stages as commands: what they write where, and what they say about mistakes."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from landscape.cli.main import main
from landscape.training import job
from support.artefacts import ROOT, start
from support.tiny import RUN


def test_a_stage_shows_a_mistake_as_a_sentence(tmp_path):
    for arguments in (
        ("train", "bands/vgg_b/lr0.1/seed0", "--results", str(tmp_path)),
        ("figure", "no_such_figure", "--results", str(tmp_path)),
        ("aggregate", "bands", "--results", str(tmp_path)),
        ("status", "--config", "nowhere.yaml"),
    ):
        failed = start(*arguments, cwd=ROOT, PYTHONWARNINGS="ignore", HOME=os.environ["HOME"])
        _, said = failed.communicate(timeout=300)
        assert failed.returncode == 1
        assert said.startswith("error: ")
        assert "Traceback" not in said


@pytest.fixture
def here(tmp_path, monkeypatch, tiny_content, results) -> Path:
    """A working folder with a configuration, and a study of another one below results/demo."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tiny_content), "utf-8")
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/demo.yaml").write_text("results: results/demo\n", "utf-8")
    (tmp_path / "results/demo").mkdir(parents=True)
    (tmp_path / "results/demo/data").symlink_to(results / "data")
    return tmp_path


@pytest.fixture
def trained(here, undisturbed) -> Path:
    """One run of the study in results/demo, trained."""
    folder = here / "results/demo" / RUN
    shutil.copytree(undisturbed / RUN, folder)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("show-batches",),
        ("figure", "loss_landscape"),
        ("report",),
    ],
)
def test_a_command_that_means_another_study_names_those_there_are(here, arguments, capsys):
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: results: there is no study here")
    assert "results/demo (--config studies/demo.yaml)" in said


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_network_that_is_not_there_is_answered_with_one_that_is(trained, command, capsys):
    picture = [] if command == "evaluate" else ["a.png"]
    for missing in (f"results/{RUN}", "results"):
        assert main([command, missing, *picture]) == 1
        said = capsys.readouterr().err
        assert f"results/demo/{RUN}" in said
        assert "Traceback" not in said


def test_runs_that_are_not_trained_are_counted(here, capsys):
    assert main(["aggregate", "bands"]) == 1
    assert "results/demo (--config studies/demo.yaml)" in capsys.readouterr().err
    assert main(["aggregate", "bands", "--config", "studies/demo.yaml"]) == 1
    assert re.search(
        r"8 of the 8 runs of this configuration are not trained, the first is bands/vgg_a/",
        capsys.readouterr().err,
    )


def test_samples_are_written_below_the_results(here, capsys):
    assert main(["show-batches", "--config", "studies/demo.yaml"]) == 0
    assert "wrote results/demo/samples.png" in capsys.readouterr().out
    assert Path("results/demo/samples.pdf").is_file()
    assert not list(here.glob("*.png"))


def test_what_a_stage_writes_is_said(here, capsys):
    assert main(["figure", "samples", "--results", "results/demo"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote results/demo/figures/samples.png",
        "wrote results/demo/figures/samples.pdf",
    ]


def test_a_finished_run_is_trained_again_only_when_asked(here, trained, capsys, monkeypatch):
    calls = []
    monkeypatch.setattr(job, "train", lambda run, *options: calls.append(run.id))
    command = ["train", RUN, "--config", "studies/demo.yaml"]
    assert main(command) == 0
    assert "already finished, completed" in capsys.readouterr().out
    assert calls == []
    assert main([*command, "--again"]) == 0
    assert calls == [RUN]
    for damage in (b"", None):  # cut short, gone
        path = trained / "steps.parquet"
        path.unlink() if damage is None else path.write_bytes(damage)
        main(command)
    assert calls == [RUN] * 3


def test_a_run_on_other_images_is_not_finished(here, trained, monkeypatch):
    calls = []
    monkeypatch.setattr(job, "train", lambda run, *options: calls.append(run.id))
    done = json.loads((trained / "run.json").read_text("utf-8"))
    data = here / "results/demo/data"
    description = json.loads((data / "dataset.json").read_text("utf-8"))
    assert done["data"] == description["sha256"]
    data.unlink()
    data.mkdir()
    del description["seal"]
    (data / "dataset.json").write_text(json.dumps({**description, "sha256": "0"}), "utf-8")
    main(["train", RUN, "--config", "studies/demo.yaml"])
    assert calls == [RUN]


def test_a_diverged_run_says_so(here, capsys):
    Path("studies/wild.yaml").write_text(
        "results: results/demo\nbands: {learning_rates: [1.0e+30], optimizer: {name: sgd}}\n",
        "utf-8",
    )
    run = "bands/vgg_a/lr1e+30/seed0"
    assert main(["train", run, "--config", "studies/wild.yaml", "--threads", "1"]) == 0
    assert f"{run}: diverged at step 1" in capsys.readouterr().out
