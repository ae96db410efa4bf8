"""Held-out images decide no number but those that are of them: with noise for them, all else stays.

What runs leave is compared bit for bit, but for the checksum of the images themselves.
"""

from pathlib import Path

import numpy as np
import pytest

from landscape.config.runs import PlainRun, ProbeSchedule, Run, Split
from landscape.data import dataset
from support.runs import a_run
from support.small import artefacts, images, prepare

IMAGES, VALIDATION = "run.json data", "epochs.csv validation_accuracy"
SPLIT = Split(train_images=24, validation_images=8, seed=1)
COMMON = {"batch_size": 8, "epochs": 2, "split": SPLIT, "device": "cpu"}
TESTED = {
    "bands": {"run.json test_accuracy", "run.json test_loss"},
    "probe": {"run.json test_accuracy", "run.json test_loss"},
    "network": {"run.json test_accuracy", "run.json test_loss", "run.json test_accuracy_augmented"},
    "sweep": set(),
    "plain": {"run.json test_accuracy", "run.json test_loss"},
}


def runs() -> dict[str, Run | PlainRun]:
    """A run of every kind; that of a sweep does not read the test images."""
    network = {**COMMON, "study": "network", "gradient_lags": (), "same_batch_every_steps": None}
    probe = ProbeSchedule(every=2, relative_step_sizes=(0.5, 1.0))
    plain = {"filters": 2, "neurons": 4, "learning_rate": 0.01, "momentum": 0.9, "seed": 0}
    return {
        "bands": a_run(**COMMON),
        "probe": a_run(**COMMON, study="probe", gradient_lags=(1,), probe=probe),
        "network": a_run(**network, name="final/x", test_time_augmentation=True),
        "sweep": a_run(**network, name="sweep/x", tested=False, test_time_augmentation=True),
        "plain": PlainRun(**plain, **COMMON, weight_decay=0.0),
    }


def noise(like: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, like.shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The images as they are, with noise for the test images, and for the validation images."""
    (pixels, labels), test = images()
    plain = prepare(tmp_path_factory.mktemp("plain"), (pixels, labels), test)
    noisy_test = (noise(test[0]), test[1])
    everything = dataset.load(plain / "data", "train")
    kept, held_out = dataset.split(everything, SPLIT)
    assert len(held_out) == SPLIT.validation_images
    among = {image.tobytes() for image in held_out.pixels.numpy()}
    chosen = np.array([image.tobytes() in among for image in pixels])
    assert chosen.sum() == len(held_out)
    noisy = np.where(chosen[:, None, None, None], noise(pixels), pixels)
    return {
        "as they are": plain,
        "test": prepare(tmp_path_factory.mktemp("test"), (pixels, labels), noisy_test),
        "validation": prepare(tmp_path_factory.mktemp("validation"), (noisy, labels), test),
    }


def differences(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


@pytest.mark.parametrize("kind", TESTED)
def test_noise_changes_what_is_of_the_images_that_it_replaces(kind, folders):
    left = {name: artefacts(runs()[kind], folder) for name, folder in folders.items()}
    true = left["as they are"]
    # Of 20 images an accuracy may be the same by chance; a loss is not.
    on_noise = differences(true, left["test"])
    assert on_noise <= TESTED[kind] | {IMAGES}
    assert on_noise >= {IMAGES, *({"run.json test_loss"} if TESTED[kind] else ())}
    assert IMAGES in differences(true, left["validation"]) <= {VALIDATION, IMAGES}
    if not TESTED[kind]:
        found = {name: value for name, value in true.items() if "test_" in name}
        assert set(found) >= {"run.json test_accuracy", "run.json test_loss"}
        assert set(found.values()) == {"None"}
