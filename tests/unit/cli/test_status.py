"""The table of all runs while a study trains: what each says, and what they add up to."""

import json
import subprocess

import pytest
from rich.console import Console

from landscape.cli import run_status, status
from landscape.cli.run_status import RunStatus, status_of
from landscape.cli.time_left import time_left
from landscape.config.study import load_study
from landscape.runtime.locks.run import lock_run
from landscape.training import job
from landscape.training.progress import Progress, seconds_text
from support.artefacts import ROOT, start


def test_the_states_of_a_run(tmp_path):
    run = "bands/vgg_a/lr0.1/seed0"
    folder = tmp_path / run
    folder.mkdir(parents=True)
    assert status_of(run, tmp_path).state == "waiting"

    shown = Progress(run, folder, steps=100, first_step=0)
    shown.report(25, 1.5)
    running = status_of(run, tmp_path)
    assert (running.state, running.step, running.steps, running.loss) == ("running", 25, 100, 1.5)
    assert running.seconds is not None  # left

    dead = subprocess.Popen(["true"])
    dead.wait()
    progress = json.loads((folder / "progress.json").read_text("utf-8"))
    (folder / "progress.json").write_text(json.dumps({**progress, "pid": dead.pid}), "utf-8")
    assert status_of(run, tmp_path).state == "interrupted"
    elsewhere = {**progress, "host": "another"}  # where this number is another process's
    (folder / "progress.json").write_text(json.dumps(elsewhere), "utf-8")
    assert status_of(run, tmp_path).state == "interrupted"
    with lock_run(tmp_path, run):  # as a job on another machine, whose process is not seen here
        assert status_of(run, tmp_path).state == "running"

    done = {
        "status": "diverged",
        "steps": 100,
        "diverged_at_step": 30,
        "test_loss": None,
        "train_seconds": 3.0,
        "total_seconds": 5.0,
    }
    (folder / "run.json").write_text(json.dumps(done), "utf-8")
    assert status_of(run, tmp_path).state == "diverged"
    assert status_of(run, tmp_path).step == 30
    completed = {**done, "status": "completed", "test_accuracy": None}
    (folder / "run.json").write_text(json.dumps(completed), "utf-8")
    (folder / "epochs.csv").write_text("epoch,validation_accuracy\n1,0.5\n2,0.625\n", "utf-8")
    ended = status_of(run, tmp_path)
    assert (ended.state, ended.accuracy, ended.tested) == ("done", 0.625, False)
    (folder / "run.json").write_text(json.dumps({**completed, "test_accuracy": 0.75}), "utf-8")
    ended = status_of(run, tmp_path)
    assert (ended.accuracy, ended.tested, ended.seconds) == (0.75, True, 5.0)


def test_a_file_half_written_counts_as_not_yet_there(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "progress.json").write_text('{"step": 1', "utf-8")
    assert status_of("run", tmp_path).state == "waiting"


def test_progress_is_plain_lines_where_there_is_no_terminal(tmp_path, capsys):
    with Progress("run", tmp_path, steps=4, first_step=2) as shown:
        shown.report(4, 0.25)
    said = capsys.readouterr().err
    assert "run: step 4/4  loss 0.2500" in said
    assert "\x1b" not in said
    assert not (tmp_path / "progress.json").exists()


def test_seconds_are_read_by_people():
    assert [seconds_text(s) for s in (5, 65, 3725.4)] == ["0:05", "1:05", "1:02:05"]


def shown(statuses, tmp_path, width=80, rows=None) -> list[str]:
    console = Console(width=width, record=True, color_system=None)
    console.print(status.screen(statuses, tmp_path, width, rows))
    return console.export_text().splitlines()


LONG = [
    RunStatus("network/ablation/fast/no_residual/seed0", "interrupted", 14999, 15000, 0.001234),
    RunStatus("network/ablation/compact/no_residual/seed0", "diverged", 3, 15000, seconds=3600.0),
    RunStatus("bands/vgg_a_bn/lr0.0005/seed0", "done", 7820, 7820, None, 0.7631, True, 36000.0),
    RunStatus("network/base/seed0", "done", 7820, 7820, None, 0.7, False, 100.0),
    RunStatus("probe/vgg_a/seed0", "running", 20, 15000, 2.302, seconds=7200.0),
    RunStatus("probe/vgg_a/seed1", "waiting"),
]


def test_it_fits_80_columns_with_names_cut_in_the_middle(tmp_path):
    lines = shown(LONG, tmp_path)
    assert max(map(len, lines)) <= 80
    names = [line.split()[0] for line in lines[1:7]]
    assert len(set(names)) == 6
    assert names[0].startswith("netw")
    assert names[0].endswith("ast/no_residual/seed0")
    assert names[1].endswith("act/no_residual/seed0")
    assert "99 %" in lines[1]
    assert "diverged" in lines[2]
    assert "76.31 %" in lines[3]
    assert "v 70.00 %" in lines[4]
    wide = shown(LONG, tmp_path, width=200)
    assert "network/ablation/compact/no_residual/seed0" in wide[2]


def test_it_adds_up(tmp_path):
    said = " ".join(shown(LONG, tmp_path)[7:])
    assert "6 runs: 1 running, 1 interrupted, 1 diverged, 1 waiting, 2 done." in said


@pytest.mark.parametrize("width", [80, 60, 200])
def test_a_name_is_never_cut_where_it_fits(width):
    assert status.shortened("bands/vgg_a/lr0.1/seed0", width) == "bands/vgg_a/lr0.1/seed0"
    cut = status.shortened("network/sweep/activation/leaky_relu/seed0" * 9, width)
    assert len(cut) == width
    assert cut.startswith("network/")
    assert cut.endswith("leaky_relu/seed0")


def test_the_time_left_of_the_whole_study():
    """Two at a time: 100 s of each running one, and of the next what its kind takes, 30 s."""
    done = [
        RunStatus(f"bands/vgg_a/lr0.1/seed{k}", "done", seconds=s) for k, s in ((0, 20), (1, 40))
    ]
    running = [RunStatus(f"bands/vgg_a/lr0.2/seed{k}", "running", seconds=100) for k in (0, 1)]
    waiting = RunStatus("bands/vgg_a/lr0.2/seed2", "waiting")
    left = time_left([*done, *running, waiting])
    assert left == ((100 + 100 + 30) / 2, 2, 0)
    other = RunStatus("network/final/fast/seed0", "waiting")
    assert time_left([*done, *running, waiting, other]) == (115, 2, 1)
    assert (
        "About 115 seconds left with 2 at a time, not counting 1 of an unknown length"
        in status.summary([*done, *running, waiting, other])
    )
    assert time_left(done) == (0, 1, 0)
    assert status.summary(done) == "2 runs: 2 done."


def test_status_shows_every_run_of_the_configuration(tmp_path):
    process = start("status", "--once", "--results", str(tmp_path), cwd=ROOT, COLUMNS="80")
    said, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    runs = load_study([ROOT / "config.yaml"]).all_runs
    assert len(runs) > 100
    assert f"{len(runs)} runs: {len(runs)} waiting." in said
    assert "bands/vgg_a_bn/lr0.0005/seed0" in said
    assert max(map(len, said.splitlines())) <= 80


def test_another_study_is_named_where_none_of_this_one_has_begun(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("demo", "mine"):
        (tmp_path / "results" / name / "data").mkdir(parents=True)
        (tmp_path / "results" / name / "data" / "dataset.json").write_text("{}", "utf-8")
    (tmp_path / "studies").mkdir()
    (tmp_path / "config.yaml").write_text("results: results\n", "utf-8")
    (tmp_path / "studies" / "demo.yaml").write_text("results: results/demo\n", "utf-8")
    waiting = [RunStatus("bands/vgg_a/lr0.1/seed0", "waiting")]
    said = " ".join(" ".join(shown(waiting, tmp_path / "results")).split())
    assert "results/demo (--config studies/demo.yaml)" in said
    assert "results/mine (--results results/mine)" in said
    begun = [RunStatus("bands/vgg_a/lr0.1/seed0", "running", 1, 2, 2.3)]
    assert "--config" not in " ".join(shown(begun, tmp_path / "results"))


def test_a_run_of_other_settings_has_to_be_done_again(tiny, results, tmp_path):
    (tmp_path / "data").symlink_to(results / "data")
    run = tiny.runs[0]
    job.train(run, tmp_path, threads=1)
    other = run.model_copy(update={"batch_size": 2 * run.batch_size})
    assert run_status.read_status(run, tmp_path).state == "done"
    assert run_status.read_status(other, tmp_path).state == "stale"


def test_where_not_all_runs_fit_those_that_need_a_look_come_first(tmp_path):
    states = ["waiting"] * 30 + ["done"] * 30 + ["running", "diverged", "interrupted"]
    lines = shown([RunStatus(f"run{k}", s) for k, s in enumerate(states)], tmp_path, rows=4)
    assert [line.split()[0] for line in lines[1:4]] == ["run60", "run62", "run61"]
    assert "… and 59 more runs" in lines
    assert "1 interrupted, 1 diverged, 30 waiting, 30 done" in " ".join(lines)
