"""The DAG end to end in miniature: what is stale after which change, and what a kill costs."""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import psutil
import pytest
import yaml

from artefacts import ROOT, digests, made_once

PARTS = ("Snakefile", "config.yaml", "README.md", "workflow", "profiles", "envs", "pyproject.toml")
RUNS = 6  # of the tiny study: 2 architectures × 2 learning rates, and 2 probes


def tiny_study(**changes):
    study = {
        "data": {"source": "demo"},
        "split": {"train_images": 200, "validation_images": 20},
        "device": "cpu",
        "network": None,
        "bands": {
            "width": 0.05,
            "epochs": 2,
            "batch_size": 32,
            "learning_rates": [0.001, 0.002],
            "seeds": [0],
        },
        "probe": {"width": 0.05, "steps": 12, "batch_size": 32, "every": 4, "seeds": [0]},
    }
    for section, values in changes.items():
        study[section] = (
            {**(study.get(section) or {}), **values} if isinstance(values, dict) else values
        )
    return study


def copy_project(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignored)
        elif source.exists():
            shutil.copy2(source, folder / part)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(tiny_study()), "utf-8")
    return folder


def start_snakemake(
    project: Path, *arguments: str, output: IO[str] | int = subprocess.PIPE, **environment: str
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "snakemake", *arguments]
    command += ["--cores", "2", "--resources", "gpu=2", "--configfile", "tiny.yaml"]
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.Popen(
        command,
        cwd=project,
        env={**clean, **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that it can be killed with all its jobs, and nothing else
    )


def snakemake(project: Path, *arguments: str, check: bool = True, **environment: str):
    started = start_snakemake(project, *arguments, **environment)
    output, _ = started.communicate()
    done = subprocess.CompletedProcess(started.args, started.returncode, output)
    if check:
        assert done.returncode == 0, done.stdout
    return done


def stale(project: Path, *arguments: str) -> dict[str, int]:
    """How many jobs of each rule a dry run would do."""
    said = snakemake(project, "--dry-run", *arguments)
    text = said.stdout
    if "Nothing to be done" in text:
        return {}
    table = re.search(r"Job stats:\njob +count\n[- ]+\n((?:\w+ +\d+\n)+)", text)
    assert table, text
    jobs = {name: int(count) for name, count in re.findall(r"(\w+) +(\d+)", table[1])}
    return {name: count for name, count in jobs.items() if name not in ("total", "all")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project in a folder with a space and an accent in its name, its tiny study run once."""

    def make(folder: Path) -> None:
        environment = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "OMP_NUM_THREADS": "1"}
        snakemake(copy_project(folder), **environment)

    return made_once(tmp_path_factory, "a study of é", make)


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project, records of Snakemake included, to be changed."""
    shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def configure(project: Path, **changes) -> None:
    (project / "tiny.yaml").write_text(yaml.safe_dump(tiny_study(**changes)), "utf-8")


def test_the_study_makes_what_the_contract_says(finished):
    results = finished / "results"
    assert (results / "report.pdf").read_bytes().startswith(b"%PDF")
    expected = ["bands/bands.parquet", "bands/summary.csv", "probe/summary.csv"]
    expected += ["data/dataset.json", "logs/report.log", "benchmarks/report.tsv"]
    expected += [f"bands/vgg_a_bn/lr0.002/seed0/{name}" for name in ("steps.parquet", "run.json")]
    assert all((results / name).stat().st_size >= 0 for name in expected)
    figures = {path.stem for path in (results / "figures").glob("*.png")}
    assert {"loss_landscape", "gradient_predictiveness", "beta_smoothness"} <= figures
    assert figures == {path.stem for path in (results / "figures").glob("*.pdf")}
    assert len(list(results.glob("*/**/run.json"))) == RUNS
    leftovers = [p for p in results.glob("**/*") if p.name.endswith((".tmp", ".part", ".state"))]
    assert not leftovers


def test_a_second_run_does_nothing(finished):
    assert stale(finished) == {}


def test_a_figure_s_code_makes_that_family_and_the_report_stale(project):
    edit(project / "workflow/landscape/figures/bands.py", "\n\n\ndef ", "\n\nCHANGED = 1\n\n\ndef ")
    assert stale(project) == {"figure": 3, "report": 1}


def test_a_comment_in_the_training_costs_nothing(project):
    edit(project / "workflow/landscape/train.py", "import torch\n", "import torch  # a remark\n")
    edit(project / "workflow/landscape/train.py", '"""The trajectory:', '"""The path:')
    assert stale(project) == {}


def test_the_training_s_code_makes_the_training_stale(project):
    edit(project / "workflow/landscape/train.py", "self.step = 0", "self.step = int(0)")
    jobs = stale(project)
    assert jobs["train_bands"] == 4
    assert jobs["train_probe"] == 2
    assert "dataset" not in jobs


def test_a_measure_s_code_makes_the_training_stale(project):
    edit(project / "workflow/landscape/measure/distance.py", "torch.dist(a, b)", "(a - b).norm()")
    assert stale(project)["train_bands"] == 4


def test_a_new_learning_rate_trains_its_own_runs_only(project):
    configure(project, bands={"learning_rates": [0.001, 0.002, 0.003]})
    jobs = stale(project)
    assert jobs["train_bands"] == 2
    assert "train_probe" not in jobs


def test_a_new_seed_of_the_probe_trains_its_own_runs_only(project):
    configure(project, probe={"seeds": [0, 1]})
    jobs = stale(project)
    assert jobs["train_probe"] == 2
    assert "train_bands" not in jobs


def test_smoothing_draws_and_trains_nothing(project):
    configure(project, figures={"smoothing_steps": 3})
    assert set(stale(project)) == {"figure", "report"}


def test_words_about_the_project_make_nothing_stale(project):
    (project / "README.md").write_text("other words", "utf-8")
    edit(project / "config.yaml", "# The study, key by key.", "# Every key of the study.")
    assert stale(project) == {}


def test_named_targets_are_parts_of_the_whole(project):
    shutil.rmtree(project / "results" / "probe")
    assert "train_probe" not in stale(project, "bands")
    assert stale(project, "probe")["train_probe"] == 2
    assert "report" not in stale(project, "figures")


def test_what_was_deleted_is_made_again_and_the_same(project):
    """F22: a figure and a table; nothing is trained for them."""
    figure = project / "results/figures/loss_landscape.png"
    table = project / "results/bands/bands.parquet"
    before = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in (figure, table)}
    figure.unlink()
    table.unlink()
    assert "train_bands" not in stale(project)
    snakemake(project)
    assert before == {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in before}


def test_a_deleted_model_trains_its_run_again_and_no_other(project):
    (project / "results/bands/vgg_a/lr0.001/seed0/model.safetensors").unlink()
    assert stale(project)["train_bands"] == 1


def training_process(snakemake_pid: int) -> psutil.Process | None:
    for child in psutil.Process(snakemake_pid).children(recursive=True):
        try:
            line = child.cmdline()
        except psutil.Error:
            continue
        if line[1:4] == ["-m", "landscape", "train"]:
            return child
    return None


def test_a_killed_training_job_goes_on_by_the_same_command(project, finished):
    """kill -9 of the job while it trains; the same command then gives the same bytes."""
    run = project / "results/bands/vgg_a_bn/lr0.001/seed0"
    shutil.rmtree(run)
    configure(project, checkpoint_seconds=0)
    going = start_snakemake(project, "bands")
    deadline = time.monotonic() + 60
    while not (run / "resume.state.prev").exists():
        assert time.monotonic() < deadline
        assert going.poll() is None, going.communicate()[0]
        time.sleep(0.002)
    job = training_process(going.pid)
    assert job is not None
    os.kill(job.pid, signal.SIGKILL)
    going.communicate(timeout=60)
    assert going.returncode != 0
    assert not (run / "run.json").exists()
    snakemake(project, "bands")
    log = project / "results/logs/bands/vgg_a_bn/lr0.001/seed0.log"
    assert "goes on from step" in log.read_text("utf-8")
    original = finished / "results/bands/vgg_a_bn/lr0.001/seed0"
    assert digests(run) == digests(original)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bands": {"learning_rate": 0.1}}, "bands.learning_rate"),
        ({"bands": {"learning_rates": [-0.1]}}, "bands.learning_rates.0"),
        ({"bands": {"learning_rates": []}}, "bands.learning_rates"),
        ({"bands": {"learning_rates": [0.001, "1e-3"]}}, "more than once"),
        ({"probe": {"learning_rate": float("nan")}}, "probe.learning_rate"),
    ],
)
def test_a_wrong_configuration_stops_before_any_job(tmp_path, change, said):
    """F19, where a user meets it: the key is named, and there is no traceback."""
    project = copy_project(tmp_path)
    configure(project, **change)
    done = snakemake(project, "--dry-run", check=False)
    assert done.returncode != 0
    assert said in done.stdout
    assert "Traceback" not in done.stdout


def test_demo_and_study_do_not_share_a_folder():
    study = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    demo = yaml.safe_load((ROOT / "profiles/demo/study.yaml").read_text("utf-8"))
    assert demo["results"] != study["results"]


def test_one_gpu_job_at_a_time_without_being_asked():
    default = yaml.safe_load((ROOT / "profiles/default/profile.yaml").read_text("utf-8"))
    assert default["resources"]["gpu"] == 1
    for profile in ROOT.glob("profiles/*/profile.yaml"):
        options = yaml.safe_load(profile.read_text("utf-8"))
        assert "keep-incomplete" not in options
        assert options["rerun-incomplete"] is True


def test_make_study_passes_on_what_it_is_given():
    command = ["make", "-n", "-o", ".venv/.ready", "study", "DATA=a b/c,d", "CONFIG=my own.yaml"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in said.replace("\\\n", "").splitlines() if "snakemake" in line]
    words = shlex.split(line)
    assert words[words.index("--configfile") + 1] == "my own.yaml"
    data = yaml.safe_load(words[words.index("--config") + 1].removeprefix("data="))
    assert data == {"source": "parquet", "path": "a b/c,d"}
