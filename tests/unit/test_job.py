"""A training job as a process: what it writes, how it stops, how it goes on."""

import json
import os
import random
import shutil
import signal
import time

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from artefacts import digests, start
from landscape import checkpoint, job
from landscape.errors import UserError
from landscape.record import MeasurementError, Recorder
from landscape.runs import ProbeSchedule

RUN = "bands/vgg_a_bn/lr0.001/seed0"
PROBE = "probe/vgg_a/seed0"
STEPS = 10


@pytest.fixture
def folder(results, tmp_path):
    """A results folder of the test's own, with the shared dataset."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "data").symlink_to(results / "data")
    return tmp_path / "results"


@pytest.fixture(scope="module")
def undisturbed(results, tmp_path_factory, tiny):
    """The files of each run as they are when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "data").symlink_to(results / "data")
    for run_id in (RUN, PROBE):
        job.train(tiny.run(run_id), folder, threads=1)
    return folder


def process(tiny, run_id, folder, *options, **environment):
    settings = tiny.run(run_id).model_dump_json()
    options = ("--results", str(folder), "--settings", settings, "--threads", "1", *options)
    return start("train", run_id, *options, **environment)


def finish(tiny, run_id, folder):
    """Run to the end and return what was said."""
    running = process(tiny, run_id, folder)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 0, said
    return said


def test_files_are_the_contract_s(undisturbed, tiny):
    run = json.loads((undisturbed / RUN / "run.json").read_text("utf-8"))
    assert run["status"] == "completed"
    assert run["steps"] == STEPS
    assert run["run"] == json.loads(tiny.run(RUN).model_dump_json())
    assert run["train_images"] == 130
    steps = pd.read_parquet(undisturbed / RUN / "steps.parquet")
    contract = ["step", "epoch", "loss", "gradient_norm", "gradient_distance"]
    contract += ["output_gradient_distance", "update_distance", "beta"]
    assert set(contract) <= set(steps.columns)
    assert list(steps["step"]) == list(range(STEPS))
    assert steps.loc[1:].notna().all().all()
    epochs = pd.read_csv(undisturbed / RUN / "epochs.csv")
    assert list(epochs["epoch"]) == [1, 2]
    weights = load_file(undisturbed / RUN / "model.safetensors")
    learned = [v.numel() for k, v in weights.items() if "running" not in k and "num_" not in k]
    assert sum(learned) == run["parameters"]
    probe = pd.read_parquet(undisturbed / PROBE / "probe.parquet")
    assert sorted(probe["step"].unique()) == [0, 5, 10]
    assert len(probe) == 3 * 7
    assert not list(undisturbed.glob("**/*.tmp"))
    assert not list(undisturbed.glob("**/resume.state*"))


def test_epochs_add_up_to_the_steps(undisturbed):
    steps = pd.read_parquet(undisturbed / RUN / "steps.parquet")
    epochs = pd.read_csv(undisturbed / RUN / "epochs.csv")
    sizes = [32, 32, 32, 32, 2]
    first = steps[steps["epoch"] == 1]
    assert epochs.loc[0, "train_loss"] == pytest.approx(
        (first["loss"] * sizes).sum() / 130, rel=1e-5
    )
    assert epochs.loc[0, "train_accuracy"] == pytest.approx(first["correct"].sum() / 130)


def wait_for(condition, running, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("run_id", [RUN, PROBE])
def test_sigkill_at_random_steps_loses_nothing(tiny, folder, undisturbed, run_id):
    """F1, F5: killed twice, the second time while it goes on from the first."""
    draw = random.Random(os.environ.get("KILL_SEED", run_id))
    for _ in range(2):
        running = process(tiny, run_id, folder, "--checkpoint-seconds", "0")
        wanted = draw.randrange(1, STEPS)
        progress = folder / run_id / "resume.state"
        wait_for(progress.exists, running)
        time.sleep(wanted * 0.01)
        running.kill()
        running.communicate()
        assert running.returncode in (-signal.SIGKILL, 0)
        if running.returncode == 0:
            pytest.fail("the run ended before it was killed")
        assert not (folder / run_id / "run.json").exists()
    assert "goes on from step" in finish(tiny, run_id, folder)
    assert digests(folder / run_id) == digests(undisturbed / run_id)
    assert not list((folder / run_id).glob(".*"))


def test_without_its_state_a_killed_run_does_not_go_on(tiny, folder):
    """The control: the state is what makes it go on."""
    running = process(tiny, RUN, folder, "--checkpoint-seconds", "0")
    state = folder / RUN / "resume.state"
    wait_for(state.exists, running)
    running.kill()
    running.communicate()
    for generation in (state, checkpoint.previous(state)):
        generation.unlink(missing_ok=True)
    assert "goes on from step" not in finish(tiny, RUN, folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves_and_says_so(tiny, folder, undisturbed, number):
    """F4: exits with 128 + the signal, its state saved although no save was due."""
    running = process(tiny, RUN, folder, "--checkpoint-seconds", "1000")
    wait_for((folder / RUN / "progress.json").exists, running)
    running.send_signal(number)
    running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert (folder / RUN / "resume.state").exists()
    assert "goes on from step" in finish(tiny, RUN, folder)
    assert digests(folder / RUN) == digests(undisturbed / RUN)


def stopped_state(tiny, folder):
    """A run stopped half way, in this process: its two generations of state."""
    run = tiny.run(RUN)
    half = job.Job(run, folder, torch.device("cpu"))
    half.folder.mkdir(parents=True)
    for step in job.trajectory(run, half.state, half.batches, 6):
        half.recorder.observe(step)
        if step.index in (2, 4):
            half.save()
    return half


def test_a_damaged_state_is_noticed_and_the_one_before_taken(tiny, folder, capsys):
    """F6, F7: one flipped bit, a truncated file; both generations damaged: from the start (F8)."""
    half = stopped_state(tiny, folder)
    whole = half.checkpoint.read_bytes()
    device = torch.device("cpu")
    newest = checkpoint.load(half.checkpoint, half.identity, device)
    before = checkpoint.load(checkpoint.previous(half.checkpoint), half.identity, device)
    assert (newest["state"]["step"], before["state"]["step"]) == (4, 2)
    damages = {
        "bit in the weights": lambda: whole[:-500] + bytes([whole[-500] ^ 4]) + whole[-499:],
        "bit in the header": lambda: bytes([whole[0] ^ 1]) + whole[1:],
        "empty": lambda: b"",
        "half": lambda: whole[: len(whole) // 2],
        "all but a byte": lambda: whole[:-1],
    }
    for name, damage in damages.items():
        half.checkpoint.write_bytes(damage())
        taken = checkpoint.load(half.checkpoint, half.identity, device)
        assert taken["state"]["step"] == 2, name
        assert str(half.checkpoint) in capsys.readouterr().err
    checkpoint.previous(half.checkpoint).write_bytes(b"\n")
    assert checkpoint.load(half.checkpoint, half.identity, device) is None


def test_a_state_of_another_run_is_refused_by_name(tiny, folder, capsys):
    """F9: the field that differs is named."""
    half = stopped_state(tiny, folder)
    other = {**half.identity, "threads": 7}
    assert checkpoint.load(half.checkpoint, other, torch.device("cpu")) is None
    assert "threads was" in capsys.readouterr().err
    other = json.loads(json.dumps(half.identity))
    other["run"]["learning_rate"] = 0.5
    assert checkpoint.load(half.checkpoint, other, torch.device("cpu")) is None
    assert "run.learning_rate was 0.001 and is 0.5" in capsys.readouterr().err


def test_a_run_that_diverges_is_a_result(tiny, folder):
    """F13: it ends well, its table ends before the first value that is not finite."""
    run = tiny.run("bands/vgg_a/lr0.002/seed0").model_copy(
        update={"learning_rate": 1e6, "optimizer": tiny.probe.optimizer}
    )
    job.train(run, folder, threads=1)
    written = json.loads((folder / run.id / "run.json").read_text("utf-8"))
    steps = pd.read_parquet(folder / run.id / "steps.parquet")
    assert written["status"] == "diverged"
    assert 0 < written["diverged_at_step"] == len(steps) < STEPS
    assert written["test_accuracy"] is None
    assert steps["loss"].notna().all()


def test_a_run_that_diverges_at_its_last_step_is_not_saved_as_if_it_went_on(tiny, folder):
    """Saving at every step, killed or not: it ends as diverged, not as completed with NaN."""
    run = tiny.run("bands/vgg_a/lr0.002/seed0").model_copy(
        update={"learning_rate": 1e6, "optimizer": tiny.probe.optimizer, "epochs": 1}
    )
    job.train(run, folder, threads=1, checkpoint_seconds=0)
    written = json.loads((folder / run.id / "run.json").read_text("utf-8"))
    assert written["status"] == "diverged"
    assert not list((folder / run.id).glob("resume.state*"))


def test_a_step_size_that_diverges_is_null_and_the_run_goes_on(tiny, folder):
    schedule = ProbeSchedule(every=5, relative_step_sizes=(1.0, 1e30))
    run = tiny.run(PROBE).model_copy(update={"probe": schedule})
    job.train(run, folder, threads=1)
    probe = pd.read_parquet(folder / PROBE / "probe.parquet").set_index("relative_step_size")
    there = ["loss", "gradient_distance", "gradient_cosine", "beta"]
    assert probe.loc[1e30, there].isna().all().all()
    assert probe.loc[1.0].notna().all().all()
    assert probe["gradient_norm"].notna().all()


def test_a_measure_that_fails_stops_the_run(tiny, folder, monkeypatch):
    """F14: not finite while the run is healthy, so nothing may be drawn from it."""
    measure = Recorder._measure

    def broken(self, step):
        values = measure(self, step)
        if step.index == 4:
            values["update_distance"] = values["update_distance"] * torch.nan
        return values

    monkeypatch.setattr(Recorder, "_measure", broken)
    with pytest.raises(MeasurementError, match="update_distance is not finite at step 4"):
        job.train(tiny.run(RUN), folder, threads=1)
    assert not (folder / RUN / "run.json").exists()


def test_a_folder_that_cannot_be_written_to_is_said_at_once(tiny, folder):
    (folder / "bands").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written to"):
        job.train(tiny.run(RUN), folder, threads=1)


def test_without_data_the_error_is_a_sentence(tiny, tmp_path):
    running = process(tiny, RUN, tmp_path)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.startswith("error: ")
    assert "dataset.json" in said
    assert "Traceback" not in said


def test_tf32_on_a_cpu_is_refused(tiny, folder):
    run = tiny.run(RUN).model_copy(update={"precision": "tf32"})
    with pytest.raises(UserError, match="NVIDIA"):
        job.train(run, folder, threads=1)


def test_bfloat16_is_refused_where_it_is_slow(tiny, folder, monkeypatch):
    monkeypatch.setattr("landscape.device.cpu_bfloat16_slowdown", lambda: 20.0)
    run = tiny.run(RUN).model_copy(update={"precision": "bfloat16"})
    with pytest.raises(UserError, match="20.0 times as long"):
        job.train(run, folder, threads=1)


def test_results_can_be_moved(undisturbed, tmp_path):
    """Nothing inside an artefact names the folder that it was made in."""
    shutil.copytree(undisturbed / RUN, tmp_path / "moved")
    text = (tmp_path / "moved" / "run.json").read_text("utf-8")
    assert str(undisturbed) not in text
