"""Saved states that are damaged, foreign or hostile: refused by name, and nothing is lost."""

import io
import json
import os
import pickle
import shutil

import pytest
import torch

from landscape.storage import files
from landscape.training import checkpoint, job
from support.artefacts import digests
from support.tiny import RUN

CPU = torch.device("cpu")
STOPPED, NEWEST, BEFORE = 6, 4, 2  # steps made; the two saved ones


@pytest.fixture
def half(tiny, folder):
    """A run stopped half way: its two generations of state, of steps 4 and 2."""
    torch.set_num_threads(1)
    run = tiny.run(RUN)
    stopped = job.Job(run, folder, CPU)
    stopped.folder.mkdir(parents=True)
    walk(stopped, saved_at=(BEFORE, NEWEST))
    return stopped


def walk(session, saved_at=()):
    """Make some steps, saving after those updates."""

    def after_update():
        if session.step in saved_at:
            session.save()
        return True

    for step in job.trajectory(session.run, session.state, session.batches, STOPPED, after_update):
        session.recorder.observe(step)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


def optimizer_place(content: bytes) -> int:
    """Inside Adam's first moments: found by the bytes of one of them."""
    header, _, payload = content.partition(b"\n")
    state = torch.load(io.BytesIO(payload), weights_only=True)["state"]["optimizer"]["state"]
    moments = bytes(next(iter(state.values()))["exp_avg"].untyped_storage())
    return len(header) + 1 + payload.index(moments) + len(moments) // 2


DAMAGES = {
    "bit in the header": lambda whole: flipped(whole, 0),
    "bit in the checksum": lambda whole: flipped(whole, whole.index(b'"sha256": "') + 20),
    "bit in the weights": lambda whole: flipped(whole, len(whole) - 500),
    "bit in the optimizer": lambda whole: flipped(whole, optimizer_place(whole)),
    "empty": lambda whole: b"",
    "half": lambda whole: whole[: len(whole) // 2],
    "all but a byte": lambda whole: whole[:-1],
}


def steps_loaded(half):
    loaded = checkpoint.load(half.checkpoint, half.identity, CPU)
    return loaded and loaded["state"]["step"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_f6_f7_a_damaged_state_is_noticed_and_the_one_before_taken(
    damage, half, folder, undisturbed, tiny, capsys
):
    whole = half.checkpoint.read_bytes()
    assert steps_loaded(half) == NEWEST
    half.checkpoint.write_bytes(DAMAGES[damage](whole))
    assert half.checkpoint.read_bytes() != whole
    assert steps_loaded(half) == BEFORE
    assert f"{half.checkpoint}: not resumed from" in capsys.readouterr().err
    job.train(tiny.run(RUN), folder, threads=1)
    assert f"resumes from step {BEFORE}" in capsys.readouterr().err
    assert digests(folder / RUN) == digests(undisturbed / RUN)


def test_f6_control_without_the_checksum_the_bit_is_trained_on(
    half, folder, undisturbed, tiny, monkeypatch
):
    whole = half.checkpoint.read_bytes()
    expected = json.loads(whole.partition(b"\n")[0])["sha256"]
    half.checkpoint.write_bytes(flipped(whole, optimizer_place(whole)))
    session = job.Job(tiny.run(RUN), folder, CPU)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.files, "sha256", lambda payload: expected)
        # torch's own reader does not notice the bit: what it loads is not what was saved.
        assert steps_loaded(half) == NEWEST
        session.resume()
    session.train(1000)
    session.finish()
    found, right = (digests(place / RUN) for place in (folder, undisturbed))
    assert found["model.safetensors"] != right["model.safetensors"]


def test_f7_control_without_the_generation_before_the_steps_are_lost(half, monkeypatch):
    half.checkpoint.write_bytes(b"")
    assert steps_loaded(half) == BEFORE
    monkeypatch.setattr(checkpoint, "previous", lambda path: path)
    assert steps_loaded(half) is None


def test_f8_both_states_damaged_is_a_start_from_step_0(half, folder, undisturbed, tiny, capsys):
    for path in (half.checkpoint, checkpoint.previous(half.checkpoint)):
        path.write_bytes(DAMAGES["half"](path.read_bytes()))
    job.train(tiny.run(RUN), folder, threads=1)
    said = capsys.readouterr().err
    assert "starts from step 0" in said
    assert "resumes from" not in said
    assert digests(folder / RUN) == digests(undisturbed / RUN)


def test_f8_control_whole_states_do_not_start_from_step_0(half, folder, tiny, capsys):
    job.train(tiny.run(RUN), folder, threads=1)
    said = capsys.readouterr().err
    assert "starts from step 0" not in said
    assert f"resumes from step {NEWEST}" in said


OTHERS = {
    "run.learning_rate was 0.002 and is 0.001": lambda i: i["run"].update(learning_rate=0.002),
    "run.seed was 1 and is 0": lambda i: i["run"].update(seed=1),
    "code was 'other'": lambda i: i.update(code="other"),
    "torch was '1.0'": lambda i: i.update(torch="1.0"),
    "threads was 7 and is 1": lambda i: i.update(threads=7),
    "data was 'other'": lambda i: i.update(data="other"),
    "device was 'abacus'": lambda i: i.update(device="abacus"),
    "precision was 'tf32'": lambda i: i.update(precision="tf32"),
}


@pytest.mark.parametrize("said", OTHERS)
def test_f9_a_state_of_another_run_is_refused_by_the_field(said, half, capsys):
    """Both generations are of a run that differs in one field."""
    identity = json.loads(json.dumps(half.identity))
    OTHERS[said](identity)
    half.identity, own = identity, half.identity
    half.save()
    half.save()
    half.identity = own
    assert steps_loaded(half) is None
    printed = capsys.readouterr().err
    assert said in printed
    assert "starts from step 0" in printed


def test_f9_refused_it_starts_afresh_and_is_the_same(half, folder, undisturbed, tiny, capsys):
    half.identity = {**half.identity, "threads": 7}
    half.save()
    half.save()
    job.train(tiny.run(RUN), folder, threads=1)
    assert "threads was 7 and is 1" in capsys.readouterr().err
    assert digests(folder / RUN) == digests(undisturbed / RUN)


def test_f9_control_taken_over_the_state_of_another_run_spoils_this_one(
    half, folder, undisturbed, tiny, monkeypatch
):
    """The steps of another seed, taken for this one's."""
    other = job.Job(tiny.run(RUN).model_copy(update={"seed": 1}), folder, CPU)
    other.checkpoint = half.checkpoint
    walk(other, saved_at=(NEWEST,))
    monkeypatch.setattr(checkpoint, "_differences", lambda *_: [])
    job.train(tiny.run(RUN), folder, threads=1)
    found, right = (digests(place / RUN) for place in (folder, undisturbed))
    assert found["model.safetensors"] != right["model.safetensors"]


class Planted:
    """What a pickle can do to whoever loads it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def planted(half, target) -> bytes:
    """A pickle that makes a folder, with a header that is right in every field."""
    buffer = io.BytesIO()
    torch.save({"state": Planted(target)}, buffer)
    payload = buffer.getvalue()
    header = json.dumps({"sha256": files.sha256(payload), "identity": half.identity})
    return header.encode() + b"\n" + payload


@pytest.mark.parametrize("kind", ["torch", "pickle", "bare"])
def test_f10_a_planted_pickle_is_not_executed(
    kind, half, folder, undisturbed, tiny, tmp_path, capsys
):
    target = tmp_path / "executed"
    content = {
        "torch": lambda: planted(half, target),
        "pickle": lambda: pickle.dumps(Planted(target)),
        "bare": lambda: planted(half, target).partition(b"\n")[2],
    }[kind]()
    half.checkpoint.write_bytes(content)
    shutil.copy(half.checkpoint, checkpoint.previous(half.checkpoint))
    job.train(tiny.run(RUN), folder, threads=1)
    assert not target.exists()
    assert "not resumed from" in capsys.readouterr().err
    assert digests(folder / RUN) == digests(undisturbed / RUN)


def test_f10_control_loaded_as_any_pickle_it_is_executed(half, tmp_path, monkeypatch):
    target = tmp_path / "executed"
    half.checkpoint.write_bytes(planted(half, target))
    load = torch.load
    monkeypatch.setattr(
        torch, "load", lambda file, map_location, weights_only: load(file, weights_only=False)
    )
    checkpoint.load(half.checkpoint, half.identity, CPU)
    assert target.exists()
