"""The shape of the package: imports run one way, and fingerprints see meaning only."""

import subprocess
import sys
from pathlib import Path

import pytest

from landscape.config.architectures import ConvNet, Fast, Speedrun, Vgg
from landscape.config.recipes import Optimizer
from landscape.config.study import load_study
from landscape.figures.registry import FIGURES
from landscape.provenance import fingerprint as fingerprints
from landscape.provenance import run_fingerprint as training_codes
from landscape.provenance.fingerprint import closure, fingerprint, imports, path_of
from landscape.provenance.run_fingerprint import training_code
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
    "cli",
    "__main__",
]
PACKAGE = fingerprints.PACKAGE


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
        assert not inside & {
            m for m in inside if m.partition(".")[0] in {"training", "models", "data"}
        }


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


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules whose files may be changed."""
    (tmp_path / "landscape").mkdir()
    write(tmp_path / "landscape", "a", "from landscape import b\n\n\ndef f():\n    return b.x\n")
    write(tmp_path / "landscape", "b", '"""Words."""\n\nx = 1\n')
    write(tmp_path / "landscape", "c", "y = 2\n")
    write(tmp_path / "landscape", "__init__", "")
    monkeypatch.setattr(fingerprints, "PACKAGE", tmp_path / "landscape")
    clear()
    yield tmp_path / "landscape"
    clear()


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text, "utf-8")
    clear()


def clear():
    fingerprints.imports.cache_clear()
    fingerprints._meaning.cache_clear()


def test_comments_docstrings_and_layout_do_not_count(package):
    before = fingerprint("a")
    write(
        package,
        "a",
        '"""Said."""\nfrom landscape import b  # why\n\ndef f():\n    """F."""\n    return (b.x)\n',
    )
    write(package, "b", '"""Other words."""\nx = 1\n')
    assert fingerprint("a") == before


@pytest.mark.parametrize("module", ["a", "b"])
def test_a_change_of_meaning_counts_directly_and_from_afar(package, module):
    before = fingerprint("a")
    text = (package / f"{module}.py").read_text("utf-8")
    write(package, module, text + "\nz = 3\n")
    assert fingerprint("a") != before


def test_a_module_that_is_not_imported_does_not_count(package):
    before = fingerprint("a")
    write(package, "c", "y = 3\n")
    assert closure("a") == {"a", "b"}
    assert fingerprint("a") == before


def test_importing_inside_a_package_imports_the_package(package):
    (package / "sub").mkdir()
    write(package / "sub", "__init__", "k = 1\n")
    write(package / "sub", "deep", "m = 1\n")
    write(package, "c", "import landscape.sub.deep\n")
    assert closure("c") == {"c", "sub", "sub.deep"}


def test_every_module_is_found_by_its_name():
    assert all(path_of(name) for name in modules() if name)
    with pytest.raises(ValueError, match="nothing"):
        closure("nothing")


def run_of(architecture, **optimizer):
    study = load_study([ROOT / "config.yaml"])
    run = study.run("network/base/seed0")
    settings = Optimizer(**optimizer) if optimizer else run.optimizer
    return run.model_copy(update={"architecture": architecture, "optimizer": settings})


@pytest.fixture
def edited(monkeypatch):
    """Pretend that a module's code has another meaning."""

    def edit(module):
        meaning = fingerprints._meaning
        changed = lambda name: meaning(name) + ("\nx = 1" if name == module else "")  # noqa: E731
        monkeypatch.setattr(fingerprints, "_meaning", changed)
        training_codes._fingerprint.cache_clear()

    yield edit
    training_codes._fingerprint.cache_clear()


MUON = {"name": "muon", "momentum": 0.6, "vector_learning_rate": 1, "head_learning_rate": 1}


@pytest.mark.parametrize(
    ("module", "stale", "fresh"),
    [
        ("models.fast", [run_of(Fast())], [run_of(Vgg(name="vgg_a")), run_of(ConvNet())]),
        ("models.whitened", [run_of(Fast()), run_of(Speedrun())], [run_of(ConvNet())]),
        ("models.layers", [run_of(Fast()), run_of(Vgg(name="vgg_a"))], []),
        ("optimizers.muon", [run_of(Fast(), **MUON)], [run_of(Fast())]),
        ("optimizers.sam", [run_of(Fast(), name="sgd", sharpness_radius=0.1)], [run_of(Fast())]),
        ("training.trajectory", [run_of(Fast()), run_of(Fast(), **MUON)], []),
    ],
)
def test_a_network_s_code_makes_its_own_runs_stale(edited, module, stale, fresh):
    before = {id(run): training_code(run) for run in (*stale, *fresh)}
    edited(module)
    assert all(training_code(run) != before[id(run)] for run in stale)
    assert all(training_code(run) == before[id(run)] for run in fresh)
