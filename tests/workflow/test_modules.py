"""The workflow as a module of another one, and as a catalog's tool deploys it."""

import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from support.artefacts import ROOT
from support.workflow import bare_snakemake, copy_project, tiny_study

MODULE = """
module landscape:
    snakefile: {snakefile}
    config: config["landscape"]
    {more}

use rule * from landscape as landscape_*

rule mine:
    default_target: True
    input: rules.landscape_{target}.output
    output: "mine.txt"
    shell: "printenv PYTHONPATH > {{output}} || true"
"""
STUDY = {name: tiny_study()[name] for name in ("data", "split", "network", "bands", "probe")}
OVERLAY = {"landscape": STUDY}  # all else is as in the project's config.yaml


@pytest.fixture
def other(tmp_path):
    """A folder of somebody else's workflow."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/config.yaml").write_text(yaml.safe_dump(OVERLAY), "utf-8")
    return tmp_path / "other"


@pytest.fixture
def repository(tmp_path):
    """The project as it is here, committed in a repository of its own, one name per release."""
    folder = tmp_path / "forge/landscape-authors/landscape"
    folder.mkdir(parents=True)
    copy_project(folder)
    shutil.copy2(ROOT / "config.schema.json", folder)
    shutil.copytree(ROOT / "config", folder / "config", symlinks=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)
    subprocess.run(["git", "tag", "v1"], cwd=folder, check=True)
    return folder


def run(folder: Path, *arguments: str, **environment: str):
    done = bare_snakemake(folder, *arguments, **environment)
    assert done.returncode == 0, done.stdout
    return done


def write_snakefile(folder: Path, snakefile: str, target: str = "dataset", more: str = "") -> None:
    text = MODULE.format(snakefile=snakefile, more=more, target=target)
    (folder / "Snakefile").write_text('configfile: "config.yaml"\n' + text, "utf-8")


@pytest.mark.slow
def test_from_a_folder_below_a_prefix_with_a_partial_configuration(other, tmp_path):
    """Real jobs: the images, and one training run; nothing but what was given is written."""
    (tmp_path / "a project").mkdir()
    project = copy_project(tmp_path / "a project")
    write_snakefile(other, f'"{project}/workflow/Snakefile"', more='prefix: "part"')
    command = ["--cores", "2", "--resources", "gpu=1", "--configfile", "config.yaml", "--"]
    run(other, *command, "mine", "part/results/bands/vgg_a/lr0.001/seed0/run.json")
    assert (other / "mine.txt").read_text("utf-8") == ""  # the other's rules are left alone
    assert (other / "part/results/data/dataset.json").exists()
    assert (other / "part/results/bands/vgg_a/lr0.001/seed0/model.safetensors").exists()
    assert not (other / "results").exists()
    assert "Nothing to be done" in run(other, "--dry-run", *command, "mine").stdout


def test_from_a_repository_by_its_name_there(other, repository):
    write_snakefile(other, f'gitfile("{repository}", path="workflow/Snakefile", tag="v1")')
    with (other / "Snakefile").open("a", encoding="utf-8") as file:
        file.write("import landscape\nprint('imported', landscape.__file__)\n")
    said = run(other, "--cores", "2").stdout
    assert f"imported {other}/.snakemake/landscape/" in said  # not one that is installed
    assert (other / "mine.txt").exists()
    (unpacked,) = (other / ".snakemake/landscape").iterdir()
    assert (unpacked / "workflow/landscape/errors.py").exists()


def test_a_single_address_is_refused_in_a_sentence(other):
    """Over HTTP there is the file, but no package beside it."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(ROOT))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        write_snakefile(other, f'"http://127.0.0.1:{server.server_port}/workflow/Snakefile"')
        done = bare_snakemake(other, "--dry-run")
        server.shutdown()
    assert done.returncode != 0
    assert "use github(…), gitlab(…), gitfile(…) or a folder" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_deployed_from_a_catalog_it_plans_the_demo(repository, tmp_path):
    """As from GitHub, whose address leads to the local repository here."""
    deploy = Path(sys.executable).with_name("snakedeploy")
    environment = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{tmp_path}/forge/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    address, folder = "https://github.com/landscape-authors/landscape", tmp_path / "deployed"
    folder.mkdir()
    command = [deploy, "deploy-workflow", address, str(folder), "--tag", "v1"]
    subprocess.run(command, env={**os.environ, **environment}, check=True)
    asked = ["--dry-run", "--cores", "2", "--configfile", "config/studies/demo.yaml"]
    said = run(folder, *asked, **environment).stdout
    assert "results/demo" in run(folder, *asked, "--summary", **environment).stdout
    assert "train_probe" in said


def test_the_catalog_s_files_say_what_is_so():
    catalog = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text("utf-8"))
    assert catalog["usage"]["mandatory-flags"]["flags"]
    described = (ROOT / "config/README.md").read_text("utf-8")
    sections = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    assert all(f"`{section}`" in described for section in sections)
    assert (ROOT / "config/config.yaml").resolve() == ROOT / "config.yaml"
