"""A thousand damaged files: each is refused with a sentence, or what comes out is what was whole.

Kinds of damage: cut off, bits flipped, blocks zeroed, bytes put between, another file's content.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landscape.cli.main import main
from landscape.config.study import Source
from landscape.data import dataset
from landscape.data.sources import formats
from landscape.data.sources.archive import read
from landscape.data.sources.registry import prepare
from landscape.storage.tables import read_table
from landscape.tables.collect import joined
from landscape.trained import load
from landscape.training import checkpoint, job
from support import synthetic_tables as synthetic
from support.artefacts import record_anew, told
from support.sources import GOOD, WRITERS, archive, parquet_folder, table
from support.tiny import PROBE, RUN

CPU = torch.device("cpu")
FOREIGN = [b"", b"\n", b"{}", b"[]", b"null", b"PAR1", b"\x80\x05.", b"<!DOCTYPE html>", b"\0" * 64]

DAMAGE = st.tuples(
    st.sampled_from(["cut", "bit", "bits", "zeros", "insert", "foreign", "head", "tail"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 2**32 - 1),
)


def damaged(content: bytes, damage) -> bytes:
    kind, share, seed = damage
    draw = np.random.default_rng(seed)
    place = int(share * len(content))
    changed = bytearray(content)
    if kind == "cut":
        return content[:place]
    if kind in ("bit", "bits", "head", "tail"):
        for _ in range(1 if kind != "bits" else 20):
            at = place if kind == "bit" else int(draw.integers(len(content)))
            if kind in ("head", "tail"):  # where the structure is written
                at = int(draw.integers(min(800, len(content))))
                at = at if kind == "head" else len(content) - 1 - at
            changed[at] ^= 1 << int(draw.integers(8))
        return bytes(changed)
    if kind == "zeros":
        length = int(draw.integers(1, 4096))
        changed[place : place + length] = bytes(len(changed[place : place + length]))
        return bytes(changed)
    if kind == "insert":
        return content[:place] + draw.bytes(int(draw.integers(1, 64))) + content[place:]
    return FOREIGN[seed % len(FOREIGN)]


def fuzz(examples: int, whole: dict[Path, bytes], check) -> None:
    """Damage one of the files, check, and make it whole again."""
    paths = sorted(whole)

    def once(chosen: int, damage) -> None:
        path = paths[chosen % len(paths)]
        content = damaged(whole[path], damage)
        if content == whole[path]:
            return
        path.write_bytes(content)
        try:
            check(path)
        finally:
            path.write_bytes(whole[path])

    limits = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,  # the same damage at every run
    )
    limits(given(st.integers(0, 99), DAMAGE)(once))()


def counts(fast: int, slow: int):
    return pytest.mark.parametrize("examples", [fast, pytest.param(slow, marks=pytest.mark.slow)])


def contents(*paths: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in paths}


@counts(10, 200)
def test_fuzz_prepared_data(examples, results, tmp_path):
    shutil.copytree(results / "data", tmp_path / "data")
    right = dataset.load(tmp_path / "data", "train")

    def check(path):
        images, said = told(lambda: dataset.load(tmp_path / "data", "train"))
        if said is not None:
            assert str(tmp_path / "data") in said
            return
        assert torch.equal(images.pixels, right.pixels)
        assert torch.equal(images.labels, right.labels)

    fuzz(
        examples,
        contents(*(tmp_path / "data" / n for n in ("dataset.json", "train.safetensors"))),
        check,
    )


@counts(5, 120)
def test_fuzz_archives(examples, tmp_path):
    """Beyond the checksum, which nothing of this would pass."""
    path = archive(tmp_path / "a.tar.gz")
    right = read(path)

    def check(path):
        found, said = told(lambda: read(path))
        if said is not None:
            assert str(path) in said
            return
        assert same_images(found, right)

    fuzz(examples, contents(path), check)


@counts(10, 120)
def test_fuzz_parquet_images(examples, tmp_path):
    """No checksum stands beside them, so that a label can be another one; never a traceback."""
    folder = parquet_folder(tmp_path / "mirror", table(GOOD))
    source = Source(source="parquet", path=str(folder))

    def check(path):
        _, said = told(lambda: prepare(source, tmp_path / "data"))
        assert said is None or "train" in said or "test" in said

    fuzz(examples, contents(*folder.iterdir()), check)


def same_images(found, right):
    pairs = zip((*found.train, *found.test), (*right.train, *right.test), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def well_formed(copy):
    """Whether a copy's arrays are images and labels at all, whichever."""
    for pixels, labels in (copy.train, copy.test):
        dataset.verify(pixels, labels, "part")
    return len(copy.class_names) == 10


# What a byte can change unnoticed where no checksum stands beside it: the values, not their form.
CHECKED = {"python archive", "binary archive", "keras", "named pictures", "class folders", "kaggle"}
FORMS = sorted(WRITERS)


@counts(4, 50)
@pytest.mark.parametrize("kind", FORMS)
def test_fuzz_copies(kind, examples, tmp_path):
    """Any format: a sentence that names the copy, the same images, or others of the same form."""
    copy = WRITERS[kind](tmp_path)
    whole = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    right = formats.recognize(copy).read()

    def check(path):
        found, said = told(lambda: formats.recognize(copy).read())
        if said is not None:
            assert str(tmp_path) in said
            return
        assert kind not in CHECKED or same_images(found, right) or path.suffix == ".csv"
        assert told(lambda: well_formed(found))[0] is not False

    fuzz(examples, contents(*whole), check)


@counts(20, 200)
def test_fuzz_states(examples, tiny, folder):
    torch.set_num_threads(1)
    half = job.Job(tiny.run(RUN), folder, CPU)
    half.folder.mkdir(parents=True)
    for step in job.trajectory(half.run, half.state, half.batches, 3):
        half.recorder.observe(step)
        half.save()
    right = checkpoint.load(half.checkpoint, half.identity, CPU)

    def check(path):
        found = checkpoint.load(half.checkpoint, half.identity, CPU)
        assert found is not None  # the other generation is whole
        assert found["state"]["step"] in (1, 2)
        if found["state"]["step"] == right["state"]["step"]:
            assert torch.equal(found["state"]["parameters"], right["state"]["parameters"])
            assert found["epochs"] == right["epochs"]

    fuzz(examples, contents(half.checkpoint, checkpoint.previous(half.checkpoint)), check)


@pytest.fixture
def run_folder(undisturbed, folder):
    for run_id in (RUN, PROBE):
        shutil.copytree(undisturbed / run_id, folder / run_id)
    return folder


@counts(20, 200)
def test_fuzz_weights(examples, run_folder):
    run, network = load.load(run_folder / RUN)
    right = {name: value.clone() for name, value in network.state_dict().items()}

    def check(path):
        loaded, said = told(lambda: load.load(run_folder / RUN))
        if said is not None:
            assert str(run_folder / RUN) in said
            return
        found, other = loaded
        assert found == run
        assert all(torch.equal(value, right[name]) for name, value in other.state_dict().items())

    files = (run_folder / RUN / name for name in ("model.safetensors", "run.json"))
    fuzz(examples, contents(*files), check)


@counts(20, 200)
def test_fuzz_tables_of_a_run(examples, run_folder):
    files = {
        RUN: {"steps.parquet": {"step", "loss"}, "epochs.csv": {"epoch", "train_accuracy"}},
        PROBE: {"probe.parquet": {"step", "beta"}, "run.json": {"step", "beta"}},
    }
    right = {
        name: joined([run_id], run_folder, name, columns)
        for run_id, tables in files.items()
        for name, columns in tables.items()
        if name != "run.json"
    }

    def check(path):
        run_id = RUN if "vgg_a_bn" in str(path) else PROBE
        name = "probe.parquet" if path.name == "run.json" else path.name
        found, said = told(lambda: joined([run_id], run_folder, name, files[run_id][path.name]))
        if said is not None:
            assert str(run_folder / run_id) in said
            return
        pd.testing.assert_frame_equal(found, right[name])

    paths = [run_folder / run_id / name for run_id, tables in files.items() for name in tables]
    fuzz(examples, contents(*paths), check)


@counts(20, 200)
def test_fuzz_tables_of_a_study(examples, tmp_path):
    """parquet: what is read is what was written; csv: a table or a sentence."""
    synthetic.write_results(tmp_path)
    paths = [tmp_path / n for n in ("bands/bands.parquet", "probe/probe.parquet", "bands/runs.csv")]
    right = {path: read_table(path) for path in paths}

    def check(path):
        found, said = told(lambda: read_table(path))
        if said is not None:
            assert str(path) in said
            return
        if path.suffix == ".parquet":
            pd.testing.assert_frame_equal(found, right[path])

    fuzz(examples, contents(*paths), check)


def test_weights_of_another_network_or_with_nan_are_refused(run_folder, tmp_path, capsys):
    """By the commands themselves; each ends with a sentence that names the file."""
    from PIL import Image
    from safetensors.torch import load_file, save_file

    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    path = run_folder / RUN / "model.safetensors"
    whole = path.read_bytes()
    weights = load_file(path)
    first = next(name for name, value in weights.items() if value.is_floating_point())
    spoiled = {**weights, first: weights[first].clone()}
    spoiled[first].view(-1)[0] = float("nan")
    foreign = (run_folder / PROBE / "model.safetensors").read_bytes()
    save_file(spoiled, tmp_path / "nan")
    for content in (foreign, (tmp_path / "nan").read_bytes(), whole[:-1], b""):
        path.write_bytes(content)
        record_anew(path)  # the checksum is right: the content itself must be refused
        for command in (["predict", str(path), str(tmp_path / "red.png")], ["evaluate", str(path)]):
            assert main(command) == 1
            said = capsys.readouterr().err
            assert said.startswith(f"error: {path}")
    path.write_bytes(whole)
    record_anew(path)
    assert main(["predict", str(path), str(tmp_path / "red.png")]) == 0  # the control


def test_control_without_checks_a_damaged_weight_is_evaluated(run_folder, monkeypatch):
    """What the fuzzing would find: one flipped bit gives another network."""
    path = run_folder / RUN / "model.safetensors"
    _, network = load.load(run_folder / RUN)
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(bytes(content))
    monkeypatch.setattr(load, "require_recorded", lambda *_: None)
    _, other = load.load(run_folder / RUN)
    pairs = zip(network.state_dict().values(), other.state_dict().values(), strict=True)
    assert not all(torch.equal(a, b) for a, b in pairs)
