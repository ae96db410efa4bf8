"""Seconds and operations of a run by a clock that only the tests move."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from landscape.runtime import stopwatch
from landscape.training import checkpoint, job, progress, recorder, session
from support.tiny import RUN

STEP, EVALUATION, SAVE = 1, 10, 100  # seconds
STEPS = (5, 10)  # at the ends of the two epochs of 130 images in batches of 32


class KilledError(Exception):
    pass


@pytest.fixture
def clock(monkeypatch):
    """`seconds` now; a step, an evaluation and a save take their time, all else takes none."""
    clock = SimpleNamespace(seconds=0, killed_before=None)
    told = SimpleNamespace(monotonic=lambda: clock.seconds + 1000, time=lambda: 0)
    for module in (stopwatch, session, progress):
        monkeypatch.setattr(module, "time", told)
    monkeypatch.setattr(session, "STARTED", 1000)

    def lasting(owner, name, seconds):
        whole = getattr(owner, name)

        def slow(*arguments, **options):
            clock.seconds += seconds
            return whole(*arguments, **options)

        monkeypatch.setattr(owner, name, slow)

    observed = recorder.Recorder.observe

    def observe(self, step):
        if step.index == clock.killed_before:
            raise KilledError
        clock.seconds += STEP
        observed(self, step)

    monkeypatch.setattr(recorder.Recorder, "observe", observe)
    lasting(job.Job, "evaluate", EVALUATION)
    lasting(checkpoint, "save", SAVE)
    return clock


def written(folder):
    facts = json.loads((folder / RUN / "run.json").read_text("utf-8"))
    return facts, pd.read_csv(folder / RUN / "epochs.csv")


def require_costs(facts, epochs):
    """Training is the steps alone, whatever was evaluated, saved or interrupted."""
    assert list(epochs["seconds"]) == [STEP * step for step in STEPS]
    assert facts["train_seconds"] == STEP * STEPS[-1]
    of_an_image = 3 * facts["flops"]
    assert list(epochs["train_flops"]) == [130 * of_an_image, 260 * of_an_image]
    assert facts["train_flops"] == 260 * of_an_image


def test_evaluating_is_no_training(tiny, folder, clock):
    job.train(tiny.run(RUN), folder, threads=1, checkpoint_seconds=1e9)
    facts, epochs = written(folder)
    require_costs(facts, epochs)
    assert facts["total_seconds"] == 10 * STEP + 3 * EVALUATION  # two epochs' ends, and the test


def test_saving_is_no_training_and_a_resume_goes_on_counting(tiny, folder, clock):
    clock.killed_before = 7
    with pytest.raises(KilledError):
        job.train(tiny.run(RUN), folder, threads=1, checkpoint_seconds=0)
    first = 7 * STEP + EVALUATION + 6 * SAVE  # until the last state, which says so, was saved
    clock.seconds, clock.killed_before = 0, None
    job.train(tiny.run(RUN), folder, threads=1, checkpoint_seconds=0)
    facts, epochs = written(folder)
    require_costs(facts, epochs)
    assert facts["total_seconds"] == first + 3 * STEP + 2 * EVALUATION + 3 * SAVE
