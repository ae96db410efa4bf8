"""The shape of the package: imports run one way."""

import subprocess
import sys

import pytest

from landscape.figures.registry import FIGURES
from landscape.provenance.fingerprint import PACKAGE, closure, imports, path_of
from support.artefacts import ROOT

# A room imports from itself and from those above it, never from those below.
ROOMS = [
    "",
    "errors",
    "storage",
    "config",
    "runtime",
    "provenance",
    "data",
    "models",
    "optimizers",
    "measure",
    "training",
    "plain",
    "trained",
    "insight",
    "bench",
    "notation",
    "tables",
    "figures",
    "report",
    "release",
    "export",
    "cli",
    "worker",
    "__main__",
]


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(module):
    return ROOMS.index(module.partition(".")[0])


@pytest.mark.parametrize("module", [name for name in modules() if name])
def test_imports_run_one_way(module):
    assert all(layer(other) <= layer(module) for other in imports(module))


def test_an_import_against_the_direction_is_seen():
    """The control: the same comparison fails for figures imported by the training."""
    assert layer("figures.bands") > layer("training.trajectory")


def test_figures_know_nothing_of_training():
    for spec in FIGURES.values():
        inside = closure("figures.draw", spec.module.removeprefix("landscape."))
        assert not {m for m in inside if m.partition(".")[0] in {"training", "models", "data"}}


def test_training_knows_nothing_of_figures_and_the_study():
    inside = closure("training.job")
    assert not {name.partition(".")[0] for name in inside} & {"figures", "report", "tables"}
    assert "config.study" not in inside
    assert not [name for name in inside if name.startswith("data.sources")]


def test_help_is_shown_without_torch():
    program = (
        "import sys; from landscape.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print('torch' in sys.modules, 'pandas' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith("False False")


def test_every_module_is_found_by_its_name():
    assert all(path_of(name) for name in modules() if name)
    with pytest.raises(ValueError, match="nothing"):
        closure("nothing")
