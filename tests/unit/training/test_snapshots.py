"""Weights kept on the way: those of their step, and no trace of keeping them in the run."""

import json

import pytest
import torch
from safetensors.torch import load_file

from landscape.models import registry as models
from landscape.training import job
from landscape.training.checkpoint import previous
from support.artefacts import digests
from support.tiny import PROBE

MOMENTS = (0, 3, 7, 12)  # 12: after the last update
FILES = ("steps.parquet", "probe.parquet", "model.safetensors", "epochs.csv")


@pytest.fixture
def run(tiny):
    plain = tiny.run(PROBE)
    return plain.model_copy(update={"moments": MOMENTS})


def test_they_are_the_weights_before_the_update_of_their_step(run, folder):
    job.train(run, folder, threads=1)
    kept = load_file(folder / run.id / "snapshots.safetensors")
    assert {int(name.partition("/")[0]) for name in kept} == set(MOMENTS)
    initial = models.build(run.architecture, run.seed).state_dict()
    last = load_file(folder / run.id / "model.safetensors")
    for name, value in initial.items():
        assert torch.equal(kept[f"0/{name}"], value)
        assert torch.equal(kept[f"12/{name}"], last[name])
    shorter = run.model_copy(update={"steps": 7, "moments": ()})
    job.train(shorter, folder, threads=1)
    there = load_file(folder / run.id / "model.safetensors")
    assert all(torch.equal(kept[f"7/{name}"], value) for name, value in there.items())


def test_keeping_them_leaves_the_trajectory_bit_identical(run, folder, undisturbed):
    job.train(run, folder, threads=1)
    ours, theirs = digests(folder / run.id), digests(undisturbed / run.id)
    assert {name: ours[name] for name in FILES} == {name: theirs[name] for name in FILES}
    written = json.loads((folder / run.id / "run.json").read_text("utf-8"))
    assert "snapshots.safetensors" in written["files"]


def test_a_run_that_is_killed_between_moments_keeps_the_same(run, folder, tmp_path):
    job.train(run, folder, threads=1)
    whole = (folder / run.id / "snapshots.safetensors").read_bytes()

    class KilledError(Exception):
        pass

    class Fragile(job.Job):
        def walk(self, after_update):
            def then():
                going = after_update()
                if self.step == 5:
                    raise KilledError
                return going

            super().walk(then)

    data = folder / "data"
    other = tmp_path / "killed"
    other.mkdir()
    (other / "data").symlink_to(data.resolve())
    (other / run.id).mkdir(parents=True)
    session = Fragile(run, other, torch.device("cpu"))
    with pytest.raises(KilledError):
        session.train(checkpoint_seconds=0)
    assert previous(session.checkpoint).exists()
    job.train(run, other, threads=1)
    assert (other / run.id / "snapshots.safetensors").read_bytes() == whole


def test_a_run_that_keeps_none_writes_none(undisturbed):
    assert not list(undisturbed.glob("**/snapshots.safetensors"))
