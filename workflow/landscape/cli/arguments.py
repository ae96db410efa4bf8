"""Options shared by the stages."""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from landscape.errors import UserError

if TYPE_CHECKING:
    from landscape.config.fields import Settings
    from landscape.config.study import Study

Stages: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Arguments = argparse.Namespace
Some = TypeVar("Some", bound="Settings")


def add_stage(
    stages: Stages,
    function: Callable[[Arguments], None],
    name: str,
    text: str,
    settings: bool = True,
) -> argparse.ArgumentParser:
    """A stage with the common options; `settings`: the workflow passes the stage's settings."""
    added = stages.add_parser(name, help=text, description=text)
    added.add_argument(
        "--config",
        type=Path,
        action="append",
        metavar="FILE",
        help="settings laid over config.yaml; may be repeated",
    )
    added.add_argument(
        "--results", type=_folder, help="folder of the results (default: the configuration's)"
    )
    if settings:
        added.add_argument(
            "--settings", metavar="JSON", help="the stage's own settings instead of --config"
        )
    added.set_defaults(stage=function)
    return added


def add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=count, help="CPU threads (default: torch's choice)")


def add_parallel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--parallel",
        type=count,
        default=1,
        help="jobs at a time; if they outnumber the GPUs, they share them (default: 1)",
    )


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer from 1 on, not {text!r}")
    return int(text)


def _folder(text: str) -> Path:
    return Path(text).expanduser()


def study_of(arguments: Arguments) -> "Study":
    """The whole configuration, from its files."""
    from landscape.config.study import load_study

    return load_study([Path("config.yaml"), *(arguments.config or [])])


def settings_of(
    arguments: Arguments, kind: type[Some], section: Callable[["Study"], Some | None], name: str
) -> Some:
    """A stage's own settings: from --settings, otherwise that section of the configuration."""
    from landscape.config.study import parse_settings

    if arguments.settings:
        return parse_settings(kind, arguments.settings)
    found = section(study_of(arguments))
    if found is None:
        raise UserError(f"this configuration has no section {name}, so there is nothing to do")
    return found


def results_of(arguments: Arguments) -> Path:
    """The results folder."""
    folder: Any = arguments.results
    return folder or Path(study_of(arguments).results)


def study_folder(arguments: Arguments) -> Path:
    """The results folder, which must have a study."""
    from landscape.cli.studies import require_study

    folder = results_of(arguments)
    require_study(folder)
    return folder


def gpu(arguments: Arguments, device: str, holder: str) -> AbstractContextManager[None]:
    """Lock a GPU for this process, if there are any; call it before torch is imported."""
    from landscape.runtime.locks.gpu import lock_gpu

    if device == "cpu":
        return nullcontext()
    return lock_gpu(holder, arguments.parallel)


def wrote(*paths: Path) -> None:
    """Print which files a stage has written."""
    for path in paths:
        print(f"wrote {path}")
