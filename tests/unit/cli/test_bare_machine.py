"""A machine with torch and little else runs every stage but those of insight and the report."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from landscape.cli.main import _parser
from landscape.config.study import load_study
from landscape.figures.selection import wanted
from landscape.release.contents import PAGES
from support.artefacts import ROOT
from support.bare_machine import bare_python
from support.mechanism import TINY as MECHANISM
from support.network_workflow import network
from support.workflow import tiny_study

PACKAGES = ("torch", "torchvision", "numpy", "pandas", "pyarrow", "scipy", "matplotlib")
PACKAGES += ("pydantic", "pyyaml", "rich", "safetensors")
NEEDED = {  # what no stage but these needs
    "landscape.export.tensorboard": "tensorboard",
    "landscape.insight.attribution": "captum",
    "landscape.insight.inspect": "captum",
    "landscape.release.rebuild": "typst",
    "landscape.report.build": "typst",
    "landscape.report.page.build": "plotly",
}
IMPORTS = """
import importlib, json, pkgutil, landscape
missing = {}
for module in pkgutil.walk_packages(landscape.__path__, "landscape."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        missing[module.name] = error.name
print(json.dumps(missing))
"""
STAGES = """
import contextlib, io, json, sys
from landscape.cli.main import main
outcomes = []
for arguments in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        outcomes.append([main(arguments), said.getvalue()])
print(json.dumps(outcomes))
"""
FINAL = "network/final/fast/seed0"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_python(tmp_path_factory.mktemp("bare"), PACKAGES)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with the settings of a tiny study of every part."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    two = {"architectures": ["vgg_a", "vgg_a_bn"]}
    tiny = tiny_study(bands={**two, "learning_rates": [0.001]}, probe=two)
    tiny["network"] = {**network(), "ablations": {"compact": None, "fast": None}}
    del tiny["mechanism"]
    for name, content in {
        "config.yaml": {**config, "mechanism": MECHANISM},
        "tiny.yaml": tiny,
        "published.yaml": {"bands": None, "probe": None, "network": None},
        "downloaded.yaml": {"data": {"source": "official"}, "results": "downloaded"},
    }.items():
        (tmp_path / name).write_text(yaml.safe_dump(content), "utf-8")
    (tmp_path / "results").mkdir()
    for name in PAGES:  # made where the packages for it are
        (tmp_path / "results" / name).touch()
    return tmp_path


def called(python: Path, program: str, folder: Path, given: Any = None) -> Any:
    done = subprocess.run(
        [python, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "workflow"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_everything_is_imported_but_insight_report_and_tensorboard(
    python: Path, tmp_path: Path
) -> None:
    assert called(python, IMPORTS, tmp_path) == NEEDED


@pytest.mark.slow
def test_every_stage_runs_or_names_the_package_that_it_needs(python: Path, study: Path) -> None:
    whole = load_study([study / "config.yaml", study / "tiny.yaml"])
    published = load_study([study / "config.yaml", study / "tiny.yaml", study / "published.yaml"])
    assert whole.mechanism is not None
    drawn = ("training_curves", "structure", "loss_surface", *wanted(published))
    done = [
        "dataset",
        "show-batches",
        *(f"train {run.id} --threads 1" for run in whole.possible_runs),
        "tune",
        "runs",
        "estimate",
        "status --once",
        *(f"look {run_id} --threads 1" for run_id in whole.mechanism.path_ids),
        *(f"aggregate {part}" for part in ("bands", "probe", "mechanism", "network")),
        "structure",
        "surface --threads 1",
        *(f"figure {name}" for name in drawn),
        f"evaluate results/{FINAL} --threads 1",
        f"predict results/{FINAL} results/samples.png",
        "bench --parts help_seconds",
        "export json runs.jsonl",
        f"export model hub --run {FINAL}",
        "release release --config published.yaml",
        "verify release --without-training",
    ]
    refused = {
        "insight": "captum",
        "report": "typst",
        "report-page": "plotly",
        "export tensorboard events": "tensorboard",
        "dataset --config downloaded.yaml": "requests",
        "rebuild release --results again": "typst",
    }
    asked = [["schema"]]
    for stage in (*done, *refused):
        name, *rest = stage.split()
        asked.append([name, "--config", "tiny.yaml", *rest])
    outcomes = called(python, STAGES, study, asked)
    for stage, (code, said) in zip(("schema", *done, *refused), outcomes, strict=True):
        if stage in refused:
            needed = f"error: this stage needs the package {refused[stage]}; install it\n"
            assert (code, said) == (1, needed)
        else:
            assert code == 0, f"{stage}: {said}"
    stages = _parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert {name for name, *_ in asked} == set(stages)
