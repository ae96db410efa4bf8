"""Disks that are full, read-only or gone: a sentence, nothing half written, and then going on."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from landscape.config.study import Figures
from landscape.errors import UserError
from landscape.figures import draw
from landscape.storage import files, tables
from landscape.training import checkpoint, job, session
from support import synthetic_tables as synthetic
from support.artefacts import ROOT, digests, start
from support.tiny import RUN

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", place], check=False
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(folder: Path) -> None:
    """A file that takes all the space there is, and what others give back meanwhile."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        for _ in range(3):
            with suppress(OSError):
                while True:
                    file.write(bytes(4096))


def whole_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_f11_a_full_disk_at_a_save_ends_the_job_with_a_sentence(
    tiny, results, small_disk, undisturbed
):
    """It fills while the run trains; with space again the run goes on to the same artefacts."""
    shutil.copytree(results / "data", small_disk / "data")
    run = tiny.run(RUN)
    for_long = run.model_copy(update={"epochs": 4000})
    options = ("--settings", for_long.model_dump_json(), "--threads", "1")
    running = start(
        "train",
        RUN,
        "--results",
        str(small_disk),
        *options,
        "--checkpoint-seconds",
        "0",
        OMP_NUM_THREADS="1",
    )
    state = small_disk / RUN / "resume.state.prev"
    deadline = time.monotonic() + 300
    while not state.exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    fill(small_disk)
    _, said = running.communicate(timeout=300)
    assert running.returncode == 1
    assert "No space left on device" in said
    assert "Traceback" not in said
    assert f"{state.with_suffix('')}: cannot be written" in said
    identity = job.Job(for_long, small_disk, job.torch.device("cpu")).identity
    generations = (small_disk / RUN / "resume.state", state)
    assert any(path.exists() for path in generations)
    loaded = checkpoint.load(generations[0], identity, job.torch.device("cpu"))
    assert loaded is not None
    # With space again, the run as it was meant ends as the undisturbed one.
    (small_disk / "ballast").unlink()
    job.train(run, small_disk, threads=1)
    assert digests(small_disk / RUN) == digests(undisturbed / RUN)


def limited(code: str, size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process that can write no file beyond `size` bytes."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=ENVIRONMENT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        capture_output=True,
        text=True,
        check=False,
    )


WRITE = (
    "import sys; from pathlib import Path; from landscape.storage import files as storage\n"
    "from landscape.errors import UserError\n"
    "try: storage.write_bytes(Path(sys.argv[1]), b'n' * 100_000)\n"
    "except UserError as error: sys.exit(str(error))\n"
)
PLAIN = "import sys; from pathlib import Path; Path(sys.argv[1]).write_bytes(b'n' * 100_000)"


def test_f11_a_file_that_does_not_fit_leaves_the_old_one(tmp_path):
    path = tmp_path / "steps.parquet"
    path.write_bytes(b"old")
    done = limited(WRITE, 10_000, str(path))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"{path}: cannot be written (File too large)" in done.stderr
    assert path.read_bytes() == b"old"
    assert whole_files(tmp_path) == ["steps.parquet"]


def test_f11_control_written_plainly_the_old_one_is_gone(tmp_path):
    path = tmp_path / "steps.parquet"
    path.write_bytes(b"old")
    assert limited(PLAIN, 10_000, str(path)).returncode != 0
    assert path.read_bytes() == b"n" * 10_000  # a part of the new one, under the name


def full(descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_f11_a_full_disk_at_a_table_or_a_figure(tmp_path, monkeypatch):
    table = synthetic.bands()
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match=r"bands\.parquet: cannot be written \(No space left"):
        tables.write_table(tmp_path / "bands.parquet", table)
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    synthetic.write_results(tmp_path / "results")
    png, pdf = (tmp_path / f"loss_landscape.{kind}" for kind in ("png", "pdf"))
    png.write_bytes(b"old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match=r"loss_landscape.*No space left"):
        draw.draw("loss_landscape", tmp_path / "results", Figures(smoothing_steps=3), png, pdf)
    assert png.read_bytes() == b"old"
    assert whole_files(tmp_path) == ["loss_landscape.png", "results"]


def test_f11_a_run_that_will_not_fit_does_not_start(tiny, folder, monkeypatch):
    """The free space is compared with what the run is about to write, before its first step."""
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match=r"0\.0 MB are free on this disk, but about [0-9.]+ MB"):
        job.train(tiny.run(RUN), folder, threads=1)
    assert not (folder / RUN / "steps.parquet").exists()
    assert not (folder / RUN / "progress.json").exists()


def test_f11_the_space_asked_for_is_about_what_is_written(tiny, folder):
    """Neither nothing nor far too much: between one and three times the largest there was."""
    largest = 0
    save = checkpoint.save

    def watched(path, state, identity):
        nonlocal largest
        save(path, state, identity)
        largest = max(largest, sum(p.stat().st_size for p in path.parent.iterdir()) * 3 // 2)

    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save", watched)
        patch.setattr(session, "require_space", lambda _, needed: asked.append(needed))
        job.train(tiny.run(RUN), folder, threads=1, checkpoint_seconds=0)
    assert largest * 0.8 <= asked[0] <= 3 * largest, (asked, largest)


# --- read-only, or gone ---


def as_nobody(command: list[str]) -> list[str]:
    """Root may write anywhere: tests of permissions run as a user who may not."""
    if os.geteuid():
        return command
    if shutil.which("setpriv") is None:
        pytest.skip("root, and no setpriv")
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]


def test_f12_a_read_only_folder_is_said_before_anything_starts(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    folder.chmod(0o555)
    code = (
        "import sys; from pathlib import Path; from landscape.storage import files as storage\n"
        "from landscape.errors import UserError\n"
        "try: storage.require_writable(Path(sys.argv[1]))\n"
        "except UserError as error: sys.exit(str(error))\n"
    )
    command = as_nobody([sys.executable, "-c", code, str(folder)])
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{folder}: cannot be written to (Permission denied)" in done.stderr
    assert "Traceback" not in done.stderr


def test_f12_something_in_the_way_is_said_before_the_first_step(tiny, folder):
    (folder / "bands").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written to"):
        job.train(tiny.run(RUN), folder, threads=1)


def test_f12_control_without_the_look_beforehand_nobody_says_it(tiny, folder, monkeypatch):
    (folder / "bands").write_text("in the way")
    monkeypatch.setattr(files, "require_writable", lambda _: None)
    with pytest.raises(NotADirectoryError):
        job.train(tiny.run(RUN), folder, threads=1)


@pytest.mark.slow
def test_f12_a_folder_that_vanishes_is_made_again(tiny, folder):
    """It is missed only when something is written, and then nothing has been lost with it."""
    longer = tiny.run(RUN).model_copy(update={"epochs": 60})
    settings = longer.model_dump_json()
    options = ("--settings", settings, "--threads", "1", "--checkpoint-seconds", "1000")
    running = start("train", RUN, "--results", str(folder), *options, OMP_NUM_THREADS="1")
    deadline = time.monotonic() + 300
    while not (folder / RUN / "progress.json").exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    shutil.rmtree(folder / RUN)
    _, said = running.communicate(timeout=300)
    assert running.returncode == 0, said
    run = files.read_json(folder / RUN / "run.json")
    for name in ("steps.parquet", "epochs.csv", "model.safetensors"):
        files.require_recorded(folder / RUN / name, run)
    assert run["status"] == "completed"
