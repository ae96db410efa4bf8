"""SIGKILL, SIGTERM and Ctrl-C, real ones: a run that was killed ends as if it had not been.

Most kills are in bulk (`lives.py`): a forked process is stopped at a drawn point and killed there.
`KILL_SEED=… make faults` repeats the draw that a failure message names.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import yaml

from landscape.config.runs import Run
from landscape.config.study import validate_study
from landscape.training import checkpoint
from support.artefacts import ROOT, digests, start
from support.lives import Lives
from support.tiny import PROBE, RUN

STEPS, EPOCH = 10, 5  # of the tiny run, and of one of its epochs
FAST, PLAIN = "network/final/fast/seed0", "network/plain/seed0"
SEED = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(10**6))
KILLS = 50  # in bulk, of every kind of run


@pytest.fixture(scope="module")
def lives():
    server = Lives()
    yield server
    server.close()


@pytest.fixture(scope="module")
def runs(tiny_content):
    """Four kinds of run, whose saved states differ: Adam, the probe, Muon with averages, plain."""
    network = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["network"]
    network |= {
        "split": {"train_images": 100, "validation_images": 20},
        "precision": "float32",
        "final_seeds": [0],
        "plain": {**network["plain"], "filters": 2, "neurons": 8, "batch_size": 20, "epochs": 2},
        "insight": None,
    }
    network["plain"]["seeds"] = [0]
    network["finals"]["fast"] |= {"batch_size": 20, "epochs": 2}
    network["finals"]["fast"]["architecture"] |= {"width": 0.05}
    study = validate_study({**tiny_content, "network": network})
    return {name: study.run(name) for name in (RUN, PROBE, FAST, PLAIN)}


@pytest.fixture(scope="module")
def whole(lives, runs, results, tmp_path_factory):
    """What each kind of run leaves when nothing happens to it: artefacts, and its operations."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "data").symlink_to(results / "data")
    operations = {}
    for name, run in runs.items():
        done = lives.live(run, folder)
        assert done["exit"] == 0, done["said"]
        operations[name] = done["operations"]
    return {name: digests(folder / name) for name in runs}, operations


def assert_same(name, run, done, folder, whole, told):
    """The run ended well, equals the undisturbed one in every artefact, and left nothing else."""
    assert done["exit"] == 0, (told, done["said"])
    assert digests(folder / run.id) == whole[0][name], told
    left = [p.name for p in (folder / run.id).iterdir()]
    assert not [name for name in left if "tmp" in name or "state" in name], told


def draw_kill(random_, operations):
    kind = random_.choice(["step", "operation", "operation", "seconds"])
    if kind == "seconds":
        return [kind, random_.random() * 0.3]
    return [kind, random_.randrange(STEPS if kind == "step" else len(operations))]


def kill_and_compare(name, number, lives, runs, whole, folder):
    """Up to three kills of one run, drawn, the later ones while it resumes from the earlier."""
    draw = random.Random(f"{SEED}-{name}-{number}")
    kills = [draw_kill(draw, whole[1][name]) for _ in range(draw.randint(1, 3))]
    done = lives.live(runs[name], folder, *kills)
    told = f"KILL_SEED={SEED}: {name}, draw {number}: {kills}, {done['deaths']}"
    codes = [death["exit"] for death in done["deaths"]]
    # A point that a later life does not reach any more is no kill, and is not counted.
    assert set(codes) <= {-signal.SIGKILL, 0}, told
    assert_same(name, runs[name], done, folder, whole, told)
    return codes.count(-signal.SIGKILL)


@pytest.mark.parametrize("name", [RUN, pytest.param(PROBE, marks=pytest.mark.slow)])
def test_f1_a_killed_run_ends_as_if_it_had_not_been(name, lives, runs, whole, folder):
    """Before the first update, at an epoch's end, before the last update, and at drawn points."""
    done = lives.live(runs[name], folder, ["step", 0], ["step", EPOCH], ["step", STEPS - 1])
    assert [death["exit"] for death in done["deaths"]] == [-signal.SIGKILL] * 3
    assert "resumes from step" in done["said"]
    assert_same(name, runs[name], done, folder, whole, "fixed points")
    assert kill_and_compare(name, 0, lives, runs, whole, folder) > 0 or name == PROBE


@pytest.mark.slow
@pytest.mark.parametrize("name", [RUN, PROBE, FAST, PLAIN])
def test_f1_f5_drawn_kills_in_bulk(name, lives, runs, whole, results, tmp_path):
    """Draws, each of up to three kills in a row, until there were `KILLS`."""
    killed, number = 0, 0
    while killed < KILLS:
        number += 1
        assert number < KILLS, "hardly any life is killed"
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "data").symlink_to(results / "data")
        killed += kill_and_compare(name, number, lives, runs, whole, folder)


@pytest.mark.slow
def test_f1_control_a_state_without_the_optimizer_s_is_noticed(runs, whole, folder):
    """The comparison can fail: a run that resumes with new moments ends elsewhere."""
    server = Lives("optimizer state")
    try:
        done = server.live(runs[RUN], folder, ["step", EPOCH])
    finally:
        server.close()
    assert done["exit"] == 0, done["said"]
    assert digests(folder / RUN)["model.safetensors"] != whole[0][RUN]["model.safetensors"]


def save_operations(operations):
    """The operations of the third save: from the opening of its file to the folder's fsync."""
    opened = [i for i, text in enumerate(operations) if text.startswith("open resume.state")]
    return range(opened[2], opened[3])


@pytest.mark.slow
def test_f2_a_kill_at_every_operation_of_a_save(lives, runs, whole, folder):
    """Half written, unsynced, between the two renames, before the folder is synced."""
    places = []
    operations = whole[1][RUN]
    for number in save_operations(operations):
        done = lives.live(runs[RUN], folder, ["operation", number])
        (death,) = done["deaths"]
        assert death["exit"] == -signal.SIGKILL
        places.append(death["at"].split(".")[0])
        assert "resumes from step" in done["said"], death  # a state was lost otherwise
        assert_same(RUN, runs[RUN], done, folder, whole, death)
    kinds = {place.split()[0] for place in places}
    assert {"open", "write", "fsync", "rename"} <= kinds, places


@pytest.mark.slow
def test_f2_control_with_plain_writes_the_state_is_lost(runs, folder):
    server = Lives("atomic writes")
    try:
        operations = server.live(runs[RUN], folder)["operations"]
        half = [i for i, text in enumerate(operations) if text.startswith("write resume.state")]
        done = server.live(runs[RUN], folder, ["operation", half[5]])
        table = operations.index("write steps.parquet")
        torn = server.live(runs[RUN], folder, ["operation", table], last=False)
    finally:
        server.close()
    assert done["deaths"][0]["exit"] == torn["deaths"][0]["exit"] == -signal.SIGKILL
    assert "resumes from step" not in done["said"]
    assert (folder / RUN / "steps.parquet").exists()  # and a part of a table under its name
    assert not (folder / RUN / "steps.parquet").read_bytes().endswith(b"PAR1")


@pytest.mark.slow
def test_f2_no_part_of_an_artefact_has_its_name(lives, runs, whole, folder):
    """Killed at every operation of the end of a run: what has its name then is whole."""
    first = whole[1][RUN].index("open model.safetensors")
    names = ("model.safetensors", "steps.parquet")
    for number in range(first, len(whole[1][RUN]), 3):
        done = lives.live(runs[RUN], folder, ["operation", number], last=False)
        if done["deaths"][0]["exit"] == 0:
            continue
        for name in names:
            path = folder / RUN / name
            if path.exists():
                assert hashlib.sha256(path.read_bytes()).hexdigest() == whole[0][RUN][name]
    done = lives.live(runs[RUN], folder)
    assert_same(RUN, runs[RUN], done, folder, whole, "after kills at the end")


# --- the command itself, as a process of its own ---


def process(run: Run, folder, *options, **environment):
    settings = run.model_dump_json()
    options = ("--results", str(folder), "--settings", settings, "--threads", "1", *options)
    return start("train", run.id, *options, **environment)


def finish(run, folder):
    """Run to the end and return what was said."""
    running = process(run, folder)
    _, said = running.communicate(timeout=300)
    assert running.returncode == 0, said
    return said


def wait_for(condition, running, seconds=300):
    deadline = time.monotonic() + seconds
    try:
        while not condition():
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.002)
    except BaseException:
        running.kill()
        raise


@pytest.mark.slow
def test_f5_two_kills_in_a_row_of_the_command(runs, folder, whole):
    """The second one while it resumes from the first."""
    for _ in range(2):
        running = process(runs[RUN], folder, "--checkpoint-seconds", "0")
        before = (folder / RUN / "resume.state").exists()
        wait_for(
            (folder / RUN / "progress.json").exists
            if before
            else (folder / RUN / "resume.state").exists,
            running,
        )
        running.kill()
        running.communicate()
        assert running.returncode == -signal.SIGKILL
        assert not (folder / RUN / "run.json").exists()
        (folder / RUN / "progress.json").unlink(missing_ok=True)
    assert "resumes from step" in finish(runs[RUN], folder)
    assert digests(folder / RUN) == whole[0][RUN]
    assert not list((folder / RUN).glob(".*"))


@pytest.mark.slow
def test_f5_control_without_its_state_a_killed_run_does_not_go_on(runs, folder):
    running = process(runs[RUN], folder, "--checkpoint-seconds", "0")
    state = folder / RUN / "resume.state"
    wait_for(state.exists, running)
    running.kill()
    running.communicate()
    for generation in (state, checkpoint.previous(state)):
        generation.unlink(missing_ok=True)
    assert "resumes from step" not in finish(runs[RUN], folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_f4_asked_to_stop_it_saves_and_says_so(runs, folder, whole, number):
    """Exits with 128 + the signal, promptly, its state saved although no save was due."""
    running = process(runs[RUN], folder, "--checkpoint-seconds", "1000")
    wait_for((folder / RUN / "progress.json").exists, running)
    asked = time.monotonic()
    running.send_signal(number)
    running.communicate(timeout=300)
    assert running.returncode == 128 + number
    assert time.monotonic() - asked < 30
    assert (folder / RUN / "resume.state").exists()
    assert "resumes from step" in finish(runs[RUN], folder)
    assert digests(folder / RUN) == whole[0][RUN]


@pytest.mark.slow
def test_f4_control_unasked_handling_loses_the_state(runs, folder):
    """With the signal's own default action nothing is saved, and the exit code is the signal's."""
    code = (
        "import signal, sys; from landscape.cli.main import main\n"
        "from landscape.runtime import signals\n"
        "signals.StopRequest.__bool__ = lambda self: False\n"
        "signals.signal.signal = lambda *a: None\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    settings = runs[RUN].model_copy(update={"epochs": 200}).model_dump_json()
    running = subprocess.Popen(
        [sys.executable, "-c", code, "train", RUN, "--results", str(folder), "--settings"]
        + [settings, "--threads", "1", "--checkpoint-seconds", "1000"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
        stderr=subprocess.PIPE,
    )
    wait_for((folder / RUN / "progress.json").exists, running)
    running.terminate()
    running.communicate(timeout=300)
    assert running.returncode == -signal.SIGTERM
    assert not (folder / RUN / "resume.state").exists()
