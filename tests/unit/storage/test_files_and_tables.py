"""Files are whole or absent, and a table is checked for what it is read for."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from landscape.errors import UserError
from landscape.storage import files, tables
from support.artefacts import ROOT, next_line


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    files.write_bytes(path, b"old")

    def half_a_write():
        with files.atomic_file(path) as file:
            file.write(b"new, but only half of")
            raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        half_a_write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_killed_half_way_leaves_the_old_file(tmp_path):
    """A real process, a real SIGKILL, between the write and the rename."""
    path = tmp_path / "table.csv"
    files.write_bytes(path, b"old")
    program = (
        "import sys, time; from pathlib import Path\n"
        "from landscape.storage.files import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])) as file:\n"
        "    file.write(b'new'); file.flush(); print('written', flush=True); time.sleep(60)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert next_line(writer.stdout) == "written\n"
    writer.kill()
    assert writer.wait() == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2  # the temporary, under a name that nobody reads
    files.remove_temporaries(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_tables_come_back_as_they_were_and_repeat_in_bytes(tmp_path, name):
    table = pd.DataFrame({"step": [0, 1], "beta": [None, 0.1 + 0.2], "arch": ["vgg_a", "b, c"]})
    tables.write_table(tmp_path / name, table)
    first = (tmp_path / name).read_bytes()
    back = tables.read_table(tmp_path / name, {"step", "beta"})
    pd.testing.assert_frame_equal(back, table.astype({"beta": float}))
    tables.write_table(tmp_path / name, table)
    assert (tmp_path / name).read_bytes() == first


def test_a_table_without_a_column_is_named_with_it(tmp_path):
    tables.write_table(tmp_path / "t.csv", pd.DataFrame({"a": [1]}))
    with pytest.raises(UserError, match=r"t\.csv.*'loss'"):
        tables.read_table(tmp_path / "t.csv", {"loss"})


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.json"])
def test_a_missing_or_damaged_file_is_named(tmp_path, name):
    read = files.read_json if name.endswith("json") else tables.read_table
    with pytest.raises(UserError, match=name):
        read(tmp_path / name)
    (tmp_path / name).write_bytes(b"" if name.endswith("csv") else b"\x00{nonsense")
    with pytest.raises(UserError, match=name):
        read(tmp_path / name)


def test_json_never_holds_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "run.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_new_file_has_ordinary_permissions(tmp_path):
    files.write_bytes(tmp_path / "a", b"")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_file_is_never_seen_half(tmp_path):
    """A reader beside a writer sees one of the two contents, whole."""
    path, contents = tmp_path / "x", (b"a" * 1_000_000, b"b" * 1_000_000)
    files.write_bytes(path, contents[0])
    program = (
        "import sys; from pathlib import Path; from landscape.storage.files import write_bytes\n"
        "for i in range(40): write_bytes(Path(sys.argv[1]), (b'a', b'b')[i % 2] * 1_000_000)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
    )
    seen = set()
    while writer.poll() is None:
        seen.add(path.read_bytes())
        time.sleep(0.001)
    assert writer.returncode == 0
    assert seen <= set(contents)
