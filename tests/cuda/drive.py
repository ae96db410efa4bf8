"""Run cases on the stand-in card, each printed as a line of JSON; test_stand_in.py starts it.

A case is {"name", "run" (settings of a Run), "fault" (of `FAULTS`, or null)}. It trains, saves,
loads into a fresh state, resumes and evaluates; what the card counted meanwhile is the result.
"""

import contextlib
import ctypes
import io
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch

from landscape.config.runs import Run
from landscape.data.batches import Batches, normalized
from landscape.measure import accuracy
from landscape.models import layers
from landscape.runtime import device as devices
from landscape.training import checkpoint, cuda_graphs
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State
from support.runs import images

CARD = torch.device("cuda")
STEPS, HALF = 48, 24  # four batches an epoch, the last one smaller
LIBRARY = ctypes.CDLL(os.environ["LD_PRELOAD"])
LIBRARY.standin_nodes.restype = LIBRARY.standin_violations.restype = ctypes.c_char_p
COUNTS = ("launches", "replays", "syncs", "host_copies")


def counts() -> dict[str, int]:
    values = (ctypes.c_long * len(COUNTS))()
    LIBRARY.standin_counts(values)
    return dict(zip(COUNTS, values, strict=True))


def lines(text: bytes) -> list[str]:
    return text.decode().splitlines()


def waits(recorder: Recorder, step: Any) -> None:
    step.loss.item()


def mixes_devices(recorder: Recorder, step: Any) -> None:
    step.parameters + torch.ones(len(step.parameters))


def copies_from_the_host(recorder: Recorder, step: Any) -> None:
    torch.tensor([1.0], device=CARD)


def without_scale(layer: layers.ShiftNorm) -> None:
    return None


FAULTS = {
    "a wait for the device": (Recorder, "measure", waits),
    "a tensor on the other device": (Recorder, "measure", mixes_devices),
    "a copy from the host": (Recorder, "measure", copies_from_the_host),
    "a shift without a scale": (layers.ShiftNorm, "scale", without_scale),
}


def start(run: Run) -> tuple[State, Recorder, cuda_graphs.Stepper]:
    resident = images("cpu")
    batches = Batches(resident, run.batch_size, run.seed, CARD, run.augmentation)
    state = State(run, CARD, 10, normalized(resident.pixels))
    recorder = Recorder(run, state, STEPS)
    return state, recorder, cuda_graphs.captured_stepper(run, state, batches, recorder, STEPS)


def drive(run: Run, folder: Path) -> dict[str, Any]:
    devices.prepare(CARD, run.precision, None)
    state, recorder, stepper = start(run)
    if (reason := cuda_graphs.obstacle(run, state)) is not None:
        return {"obstacle": reason}
    walk(stepper, HALF)
    checkpoint.save(folder / "x", {**state.state_dict(), "recorder": recorder.state_dict()}, {})
    saved = checkpoint.load(folder / "x", {}, CARD)
    assert saved is not None
    state, recorder, resumed = start(run)
    state.load_state_dict(saved)
    recorder.load_state_dict(saved["recorder"])
    waited = walk(resumed, STEPS)
    with state.averaged(), devices.measuring_precision(CARD):
        accuracy.evaluate(state.model, Batches(images("cpu"), 20, device=CARD), accuracy.six_views)
    outcomes = stepper.outcome(), resumed.outcome()
    return {
        "kinds": sorted({outcome.kinds for outcome in outcomes}),
        "reason": outcomes[0].reason,
        "syncs": waited,
        "replays": counts()["replays"],
        "nodes": [int(line) for line in lines(LIBRARY.standin_nodes())],
    }


def walk(stepper: cuda_graphs.Stepper, until: int) -> int:
    """How often replayed steps waited; an epoch's first one may, for what is drawn for it."""
    waited = 0
    with stepper.on_stream():
        while stepper.state.step < until:
            starts_epoch = stepper.state.step % len(stepper.batches) == 0
            known, before = len(stepper.bodies), counts()
            stepper.step()
            after = counts()
            replayed = after["replays"] > before["replays"] and len(stepper.bodies) == known
            if replayed and not starts_epoch:
                waited += after["syncs"] - before["syncs"]
    return waited


@contextlib.contextmanager
def fault(name: str | None) -> Iterator[None]:
    if name is None:
        yield
        return
    where, method, meddle = FAULTS[name]
    original = getattr(where, method)

    def spoiled(self: Any, *arguments: Any) -> Any:
        meddle(self, *arguments)
        return original(self, *arguments) if where is Recorder else None

    with patch.object(where, method, spoiled):
        yield


def case(settings: dict[str, Any]) -> dict[str, Any]:
    LIBRARY.standin_reset()
    said = io.StringIO()
    with TemporaryDirectory() as folder, contextlib.redirect_stderr(said):
        try:
            with fault(settings["fault"]):
                found = drive(Run.model_validate(settings["run"]), Path(folder))
        except Exception:
            found = {"error": traceback.format_exc()}
    violations = lines(LIBRARY.standin_violations())
    return {"violations": violations, "said": said.getvalue(), **found}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for settings in json.load(sys.stdin):
        print(json.dumps({"name": settings["name"], **case(settings)}), flush=True)
