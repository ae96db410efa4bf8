"""Measuring, evaluating and saving look at a run, and never change it."""

import pytest
import torch

from landscape.config.runs import ProbeSchedule
from landscape.training import job, session
from landscape.training.recorder import Recorder
from support.artefacts import digests
from support.tiny import PROBE, RUN


def weights(run, folder, **options):
    job.train(run, folder, threads=1, **options)
    return digests(folder / run.id)["model.safetensors"]


def changed(tiny, run_id, **changes):
    return tiny.run(run_id).model_copy(update=changes)


@pytest.mark.parametrize(
    ("run_id", "changes"),
    [
        (RUN, {"gradient_lags": ()}),
        (RUN, {"gradient_lags": (1, 2, 5)}),
        (RUN, {"probe": ProbeSchedule(every=3, relative_step_sizes=(0.5, 4.0))}),
        (PROBE, {"probe": None}),
        (PROBE, {"probe": ProbeSchedule(every=1, relative_step_sizes=(1.0,))}),
        (RUN, {"tested": False}),
    ],
)
def test_f24_more_or_fewer_measurements_leave_the_trajectory(
    run_id, changes, tiny, folder, undisturbed
):
    expected = digests(undisturbed / run_id)["model.safetensors"]
    assert weights(changed(tiny, run_id, **changes), folder) == expected


def test_f24_another_batch_size_of_evaluation_and_more_saves(
    tiny, folder, undisturbed, monkeypatch
):
    monkeypatch.setattr(session, "EVALUATION_BATCH", 7)
    expected = digests(undisturbed / RUN)["model.safetensors"]
    assert weights(tiny.run(RUN), folder, checkpoint_seconds=0.0) == expected


def test_f24_control_a_measure_that_leaves_a_trace_is_noticed(
    tiny, folder, undisturbed, monkeypatch
):
    """A forward pass in training mode moves BatchNorm's running statistics."""
    measure = Recorder._measure

    def meddling(self, step):
        self.state.model(step.inputs)
        return measure(self, step)

    monkeypatch.setattr(Recorder, "_measure", meddling)
    expected = digests(undisturbed / RUN)["model.safetensors"]
    assert weights(tiny.run(RUN), folder) != expected
    assert torch.get_num_threads() == 1
