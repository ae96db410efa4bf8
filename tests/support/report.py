"""A study of synthetic results and the text of its report."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from landscape.config.study import load_study
from landscape.figures.selection import wanted
from landscape.report.content import content
from support import synthetic_tables as synthetic
from support.artefacts import ROOT

WHOLE = load_study([ROOT / "config.yaml"])
STUDY = WHOLE.model_copy(update={"mechanism": None, "network": None})


def study_of(architectures=("vgg_a", "vgg_a_bn"), seeds=(0, 1, 2), rates=None):
    changes = {"architectures": tuple(architectures), "seeds": tuple(seeds)}
    rates = {"learning_rates": rates} if rates else {}
    parts = {
        "bands": STUDY.bands.model_copy(update={**changes, **rates}),
        "probe": STUDY.probe.model_copy(update=changes),
    }
    return STUDY.model_copy(update=parts)


def made(folder: Path, study=None, **options):
    """Results of a study, figures blank; the study and its report's content."""
    study = study or study_of()
    names, seeds = study.bands.architectures, study.bands.seeds
    synthetic.write_results(folder, names, seeds, **options)
    synthetic.blank_figures(folder, wanted(study))
    return study, content(folder, study)


def text_of(pdf: Path, *options: str) -> str:
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(
        ["pdftotext", *options, pdf, "-"], capture_output=True, text=True, check=True
    )
    joined = re.sub("\u00ad\\s+|[\u200b\u2060]", "", done.stdout)  # hyphenated at a line's end
    return re.sub(r"\s+", " ", joined)
