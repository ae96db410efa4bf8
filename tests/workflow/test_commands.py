"""Snakemake's own commands, as its users type them: none asks for a number of cores."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landscape.report.listing import TABLES as LISTED
from support.artefacts import ROOT
from support.studies import artefacts
from support.workflow import bare_snakemake, copy_project, edit, stale

TINY = ("--configfile", "tiny.yaml")


@pytest.mark.parametrize("command", ["--summary", "--rulegraph", "--list-untracked"])
def test_what_only_looks(finished, command):
    done = bare_snakemake(finished, command, *TINY)
    assert done.returncode == 0, done.stdout
    expected = {"--summary": "results/report.pdf", "--rulegraph": "digraph", "--list-untracked": ""}
    assert expected[command] in done.stdout


def test_metadata_of_a_file_are_removed_and_a_lock(project):
    table = "results/bands/summary.csv"
    for code in (0, 1):  # the second time there are none
        done = bare_snakemake(project, "--cleanup-metadata", table, *TINY)
        assert done.returncode == code, done.stdout
    lock = project / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("results/report.pdf\n", "utf-8")
    assert bare_snakemake(project, "--unlock", *TINY).returncode == 0
    assert not lock.exists()


@pytest.fixture(scope="module")
def web_page(finished, tmp_path_factory):
    """What `snakemake --report` puts into its page, as the browser reads it."""
    page = tmp_path_factory.mktemp("web") / "report.html"
    done = bare_snakemake(finished, "--report", str(page), *TINY)
    assert done.returncode == 0, done.stdout
    variable = r"^ *var (categories|results|workflow_desc) = ([{\"].*);$"
    found = re.findall(variable, page.read_text("utf-8"), re.MULTILINE)
    return {name: json.loads(value) for name, value in found}


def test_the_web_page_tells_the_story_in_order(web_page):
    assert sorted(web_page["categories"]) == [
        "1 The report",
        "2 The images",
        "3 The loss over learning rates",
        "4 The loss along the gradient",
    ]
    assert "Why does batch normalization help" in web_page["workflow_desc"]
    assert "system-message" not in web_page["workflow_desc"]
    for category in web_page["categories"]:
        assert f">{category}</a>" in web_page["workflow_desc"]


def test_the_web_page_has_each_figure_once_and_the_tables_in_words(web_page, finished):
    results = web_page["results"]
    pictures = {path.name for path in (finished / "results/figures").glob("*.png")}
    assert pictures == {Path(path).name for path in results if "/figures/" in path}
    tables = {path.removeprefix("results/") for path in results if path.endswith(".csv")}
    assert tables == {path for path in LISTED if path.startswith(("bands/", "probe/"))}
    whole = {path for path in results if path.startswith("results/report.")}
    assert whole == {"results/report.pdf", "results/report.html"}
    assert len(results) == len(pictures) + len(tables) + len(whole)
    for subcategories in web_page["categories"].values():
        for items in subcategories.values():
            labels = [" ".join(results[path]["labels"].values()) for path in items]
            assert len(set(labels)) == len(labels)
            assert not any(Path(path).stem in " ".join(labels) for path in items)
    captions = [item["caption"] for path, item in results.items() if path.endswith(".png")]
    assert all(len(caption) > 50 for caption in captions)
    assert not any("system-message" in caption for caption in captions)


def make_in(project, *arguments):
    """The exit status of make, to which .venv seems to be there, and what it printed."""
    if not (project / "Makefile").exists():
        shutil.copy2(ROOT / "Makefile", project)
    (project / ".venv").mkdir(exist_ok=True)
    (project / ".venv" / ".ready").touch()
    command = ["make", *arguments, f"SNAKEMAKE={sys.executable} -m snakemake"]
    done = subprocess.run(
        command,
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_make_recover_unlocks_and_starts_again(project):
    """The unlocking for real, what follows as a dry run."""
    shutil.copy2(ROOT / "Makefile", project)
    edit(project / "Makefile", "--cores $(CORES)", "--dry-run --cores $(CORES)")
    edit(project / "Makefile", "--unlock", "--unlock --configfile tiny.yaml")
    code, said = make_in(project, "recover", "CONFIG=tiny.yaml")
    assert code == 0, said
    assert "Unlocked" in said
    assert "Nothing to be done" in said


def test_make_recover_starts_the_demo_again_if_asked(project):
    code, said = make_in(project, "-n", "recover", "AGAIN=demo")
    assert code == 0, said
    unlock, again = said.index("--unlock"), said.index("--configfile studies/demo.yaml")
    assert unlock < again


def test_a_target_comes_before_the_resources(finished):
    """Snakemake takes all that follows `--resources` for one, and says so by a traceback."""
    done = bare_snakemake(finished, "-n", "--cores", "4", "bands", "--resources", "gpu=1", *TINY)
    assert done.returncode == 0, done.stdout
    assert "Nothing to be done" in done.stdout


def test_the_workflow_s_own_folder_is_a_way_in(finished):
    done = bare_snakemake(finished, "-n", "--snakefile", "workflow/Snakefile", *TINY)
    assert "Nothing to be done" in done.stdout, done.stdout


def adopt(folder):
    """`make adopt` of results that lie in a fresh copy of the project, and then their bands."""
    return make_in(folder, "adopt", "CONFIG=tiny.yaml", "CORES=2", "TARGET=bands")


@pytest.fixture
def copied(finished, tmp_path):
    """Results as a copy without dates has them, and without Snakemake's records."""
    folder = copy_project(tmp_path)
    shutil.copytree(finished / "results", folder / "results", copy_function=shutil.copyfile)
    later = time.time() + 5
    for file in (folder / "results/data").iterdir():
        os.utime(file, (later, later))
    return folder


@pytest.mark.slow
def test_copied_results_are_adopted_and_nothing_is_trained_again(copied, finished):
    """Unless a file has another content than its record says: then nothing is."""
    assert stale(copied)["train"] == 4  # the control: by their dates they would be
    table = copied / "results/bands/vgg_a/lr0.001/seed0/steps.parquet"
    whole = table.read_bytes()
    table.write_bytes(whole[:-1] + b"x")
    code, said = adopt(copied)
    assert code != 0
    assert f"nothing was adopted: {table.relative_to(copied)}: " in said
    assert stale(copied)["train"] == 4
    table.write_bytes(whole)
    run = copied / "results/bands/vgg_a/lr0.001/seed0/run.json"
    before, inode = run.read_bytes(), run.stat().st_ino
    code, said = adopt(copied)
    assert code == 0, said
    assert (run.read_bytes(), run.stat().st_ino) == (before, inode)
    assert stale(copied, "bands") == {}
    assert not {"dataset", "train", "train_probe"} & set(stale(copied))
    assert artefacts(copied / "results") == artefacts(finished / "results")
