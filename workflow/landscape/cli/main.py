"""`python -m landscape STAGE …`: each stage of the study, with or without Snakemake.

A stage imports its modules when it runs, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence

from landscape.cli import data, release, results, runs, trained
from landscape.errors import UserError, is_out_of_memory


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    try:
        parsed.stage(parsed)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:  # captum, typst, …: only some stages need them
        if str(error.name).startswith("landscape"):
            raise
        print(f"error: this stage needs the package {error.name}; install it", file=sys.stderr)
        return 1
    except OSError as error:  # a disk, a permission, a network: not a fault of the program
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"error: out of memory ({str(error) or 'of this machine'})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m landscape", description=__doc__)
    stages = parser.add_subparsers(title="stages", required=True, metavar="STAGE")
    for add in (data.add, runs.add, results.add, trained.add, release.add):
        add(stages)
    return parser
