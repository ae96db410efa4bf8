"""`python -m landscape STAGE …`: done by a worker if the study has one, otherwise here."""

import sys
from collections.abc import Sequence

from landscape.worker.client import served


def main(arguments: Sequence[str]) -> int:
    status = served(arguments)
    if status is None:
        from landscape.cli.main import main as stage

        status = stage(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
