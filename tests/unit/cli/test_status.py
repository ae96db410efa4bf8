"""What is said about a study before and while it runs."""

import json
import os
import re
import subprocess

from landscape.cli import estimate
from landscape.cli import status as watching
from landscape.cli.status import status
from landscape.config.study import load_study
from landscape.runtime.locks.run import lock_run
from landscape.training import job
from landscape.training.progress import Progress, seconds_text
from support.artefacts import ROOT, start


def test_the_states_of_a_run(tmp_path):
    run = "bands/vgg_a/lr0.1/seed0"
    folder = tmp_path / run
    folder.mkdir(parents=True)
    assert status(run, tmp_path).state == "waiting"

    shown = Progress(run, folder, steps=100, first_step=0)
    shown.report(25, 1.5)
    running = status(run, tmp_path)
    assert (running.state, running.step, running.steps, running.loss) == ("running", 25, 100, 1.5)
    assert running.rate is not None

    dead = subprocess.Popen(["true"])
    dead.wait()
    progress = json.loads((folder / "progress.json").read_text("utf-8"))
    (folder / "progress.json").write_text(json.dumps({**progress, "pid": dead.pid}), "utf-8")
    assert status(run, tmp_path).state == "interrupted"
    elsewhere = {**progress, "host": "another"}  # where this number is another process's
    (folder / "progress.json").write_text(json.dumps(elsewhere), "utf-8")
    assert status(run, tmp_path).state == "interrupted"
    with lock_run(tmp_path, run):  # as a job on another machine, whose process is not seen here
        assert status(run, tmp_path).state == "running"

    done = {
        "status": "diverged",
        "steps": 100,
        "diverged_at_step": 30,
        "test_loss": None,
        "train_seconds": 3.0,
        "total_seconds": 5.0,
    }
    (folder / "run.json").write_text(json.dumps(done), "utf-8")
    assert status(run, tmp_path).state == "diverged"
    assert status(run, tmp_path).rate == 10
    (folder / "run.json").write_text(json.dumps({**done, "status": "completed"}), "utf-8")
    assert status(run, tmp_path).state == "done"


def test_a_file_half_written_counts_as_not_yet_there(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "progress.json").write_text('{"step": 1', "utf-8")
    assert status("run", tmp_path).state == "waiting"


def test_progress_is_plain_lines_where_there_is_no_terminal(tmp_path, capsys):
    with Progress("run", tmp_path, steps=4, first_step=2) as shown:
        shown.report(4, 0.25)
    said = capsys.readouterr().err
    assert "run: step 4/4  loss 0.2500" in said
    assert "\x1b" not in said
    assert not (tmp_path / "progress.json").exists()


def test_seconds_are_read_by_people():
    assert [seconds_text(s) for s in (5, 65, 3725.4)] == ["0:05", "1:05", "1:02:05"]


def test_watch_shows_every_run_of_the_configuration(tmp_path, tiny):
    shown = start("watch", "--once", "--results", str(tmp_path), cwd=ROOT, COLUMNS="120")
    said, error = shown.communicate(timeout=60)
    assert shown.returncode == 0, error
    assert "bands/vgg_a_bn/lr0.0005/seed0" in said
    runs = load_study([ROOT / "config.yaml"]).all_runs
    assert len(runs) > 100
    assert f"{len(runs)} waiting" in said


def test_a_run_of_other_settings_has_to_be_done_again(tiny, results, tmp_path):
    (tmp_path / "data").symlink_to(results / "data")
    run = tiny.runs[0]
    job.train(run, tmp_path, threads=1)
    other = run.model_copy(update={"batch_size": 2 * run.batch_size})
    states = [watching._statuses([one], tmp_path)[0].state for one in (run, other)]
    assert states == ["done", "waiting"]


def test_an_estimate_from_timed_steps_then_from_finished_runs(tiny, results, tmp_path, capsys):
    (tmp_path / "data").symlink_to(results / "data")
    few = [run for run in tiny.runs if run.id.startswith("bands/vgg_a/")]
    estimate.announce(few, tmp_path, threads=1, parallel=1)
    said = capsys.readouterr().err
    assert "4 of 4 training runs are to do" in said
    assert "timed steps" in said
    job.train(few[0], tmp_path, threads=1)
    capsys.readouterr()
    estimate.announce(few, tmp_path, threads=1, parallel=1)
    said = capsys.readouterr().err
    assert "3 of 4" in said
    assert "finished runs" in said
    estimate.announce(few, tmp_path, threads=1, parallel=1, planned=[few[2].id])
    assert "1 of 4 training runs are to do" in capsys.readouterr().err


def test_a_long_study_says_how_to_ask_for_less(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(estimate, "measure_seconds_per_step", lambda run, threads: 10.0)
    estimate.announce(tiny.runs, tmp_path, threads=1, parallel=1)
    assert "split.train_images" in capsys.readouterr().err


def test_runs_side_by_side_share_out_the_time(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(estimate, "measure_seconds_per_step", lambda run, threads: 7200.0)
    hours = []
    for parallel in (1, 4):
        estimate.announce(tiny.runs[:2], tmp_path, threads=1, parallel=parallel)
        said = capsys.readouterr().err
        hours.append(int(re.search(r"about (\d+):00:00 here", said)[1]))
    assert hours[0] == 4 * hours[1] > 0


def test_nothing_is_said_when_nothing_is_to_do(tmp_path, capsys):
    estimate.announce([], tmp_path, threads=1, parallel=1)
    assert capsys.readouterr().err == ""


def test_a_stage_shows_a_mistake_as_a_sentence(tmp_path):
    for arguments in (
        ("train", "bands/vgg_b/lr0.1/seed0", "--results", str(tmp_path)),
        ("figure", "no_such_figure", "--results", str(tmp_path)),
        ("aggregate", "bands", "--results", str(tmp_path)),
        ("watch", "--config", "nowhere.yaml"),
    ):
        failed = start(*arguments, cwd=ROOT, PYTHONWARNINGS="ignore", HOME=os.environ["HOME"])
        _, said = failed.communicate(timeout=60)
        assert failed.returncode == 1
        assert said.startswith("error: ")
        assert "Traceback" not in said


def test_where_not_all_runs_fit_those_that_need_a_look_come_first():
    states = ["waiting"] * 30 + ["done"] * 30 + ["running", "diverged", "interrupted"]
    table = watching._table([watching.Status(f"run{k}", s) for k, s in enumerate(states)], rows=4)
    names = list(table.columns[0].cells)
    assert names[:3] == ["run60", "run62", "run61"]
    assert names[-1] == "… and 59 more"
    assert "30 done, 1 interrupted" in str(table.caption)
