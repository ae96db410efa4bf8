"""A package that only some stages need is missed by those alone, in one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from landscape.cli.main import main


@pytest.mark.parametrize(
    ("package", "stage"),
    [("captum.attr", "insight"), ("typst", "report"), ("plotly", "report-page")],
)
def test_a_missing_package_is_one_sentence(
    package: str,
    stage: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for name in [n for n in sys.modules if n.startswith(("landscape.insight", "landscape.report"))]:
        monkeypatch.delitem(sys.modules, name)
    assert main([stage, "--results", str(folder)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [f"error: this stage needs the package {package}; install it"]


@pytest.mark.slow
def test_surfaces_do_without_captum() -> None:
    program = "import sys; sys.modules['captum.attr'] = None; import landscape.insight.run"
    subprocess.run([sys.executable, "-c", program], check=True)
