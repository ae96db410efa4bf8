"""Snakemake in forks of a process that has imported it: 2 seconds less for each command.

Nothing of the package may be imported here: the project under test brings its own copy.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

IMPORTED = ("snakemake.cli", "snakemake.api", "snakemake.workflow", "snakemake.report", "pandas")
IMPORTED += ("pydantic", "support.forked_snakemake")
OF_THE_TESTS = os.environ.get("PYTHONPATH", "").split(":")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(list(IMPORTED))


def forked_snakemake(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[int, str]:
    """The exit status of `snakemake ARGUMENTS` in a folder, and what it printed."""
    with tempfile.NamedTemporaryFile("r", suffix=".log") as output:
        call = (str(folder), list(arguments), dict(environment), output.name)
        process = FORKS.Process(target=_snakemake, args=call)
        process.start()
        process.join()
        assert process.exitcode is not None
        return process.exitcode, output.read()


def _snakemake(folder: str, arguments: list[str], environment: dict[str, str], output: str) -> None:
    from snakemake.cli import main

    written = os.open(output, os.O_WRONLY)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = [folder, *(path for path in sys.path if path not in OF_THE_TESTS)]
    sys.argv = ["snakemake", *arguments]
    main()
