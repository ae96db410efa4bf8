"""The DAG end to end in miniature: what is stale after which change, and what a kill costs."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import time

import psutil
import pytest
import yaml

from support import network_workflow
from support.artefacts import ROOT, digests
from support.workflow import (
    RUNS,
    configure,
    copy_project,
    edit,
    planned,
    snakemake,
    stale,
    start_snakemake,
)


def test_the_study_makes_what_the_contract_says(finished):
    results = finished / "results"
    assert (results / "report.pdf").read_bytes().startswith(b"%PDF")
    assert (results / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")
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
    assert stale(project) == {"figure": 3, "report": 1, "report_page": 1}


def test_a_comment_in_the_training_costs_nothing(project):
    edit(
        project / "workflow/landscape/training/trajectory.py",
        "import torch\n",
        "import torch  # a remark\n",
    )
    edit(
        project / "workflow/landscape/training/trajectory.py", '"""The trajectory:', '"""The path:'
    )
    assert stale(project) == {}


def test_the_training_s_code_makes_the_training_stale(project):
    edit(
        project / "workflow/landscape/training/trajectory.py", "self.step = 0", "self.step = int(0)"
    )
    jobs = stale(project)
    assert jobs["train"] == 4
    assert jobs["train_probe"] == 2
    assert "dataset" not in jobs


def test_a_measure_s_code_makes_the_training_stale(project):
    edit(
        project / "workflow/landscape/measure/distance.py",
        "return norm(a - b)",
        "return norm(b - a)",
    )
    assert stale(project)["train"] == 4


def test_a_new_learning_rate_trains_its_own_runs_only(project):
    configure(project, bands={"learning_rates": [0.001, 0.002, 0.003]})
    jobs = stale(project)
    assert jobs["train"] == 2
    assert "train_probe" not in jobs


def test_a_new_seed_of_the_probe_trains_its_own_runs_only(project):
    configure(project, probe={"seeds": [0, 1]})
    jobs = stale(project)
    assert jobs["train_probe"] == 2
    assert "train" not in jobs


def test_the_network_target_trains_what_it_looks_into_only(project):
    """Of the bands the runs at one learning rate, and no probe."""
    shutil.rmtree(project / "results/probe")
    shutil.rmtree(project / "results/bands")
    configure(project, network=network_workflow.network(tune=None))
    assert "train_probe" not in stale(project, "network")
    assert not re.findall(r"train VGG-A.* learning rate 0.002", planned(project, "network").stdout)


def test_smoothing_draws_and_trains_nothing(project):
    configure(project, figures={"smoothing_steps": 3})
    assert set(stale(project)) == {"figure", "report", "report_page"}


def test_words_about_the_project_make_nothing_stale(project):
    (project / "README.md").write_text("other words", "utf-8")
    edit(project / "config.yaml", "# The study, key by key.", "# Every key of the study.")
    assert stale(project) == {}


def test_named_targets_are_parts_of_the_whole(project):
    shutil.rmtree(project / "results" / "probe")
    assert "train_probe" not in stale(project, "bands")
    assert stale(project, "probe")["train_probe"] == 2
    assert not {"report", "report_page"} & set(stale(project, "figures"))


def test_what_was_deleted_is_made_again_and_the_same(project):
    """F22: a figure and a table; nothing is trained for them."""
    figure = project / "results/figures/loss_landscape.png"
    table = project / "results/bands/bands.parquet"
    before = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in (figure, table)}
    figure.unlink()
    table.unlink()
    assert "train" not in stale(project)
    snakemake(project, str(figure.relative_to(project)))
    assert before == {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in before}


def test_a_deleted_model_trains_its_run_again_and_no_other(project):
    (project / "results/bands/vgg_a/lr0.001/seed0/model.safetensors").unlink()
    assert stale(project)["train"] == 1


def training_process(snakemake_pid: int) -> psutil.Process | None:
    for child in psutil.Process(snakemake_pid).children(recursive=True):
        try:
            line = child.cmdline()
        except psutil.Error:
            continue
        if line[1:4] == ["-m", "landscape", "train"]:
            return child
    return None


@pytest.mark.slow
def test_a_killed_training_job_goes_on_by_the_same_command(project, finished):
    """kill -9 of the job while it trains; the same command then gives the same bytes."""
    run = project / "results/bands/vgg_a_bn/lr0.001/seed0"
    shutil.rmtree(run)
    configure(project, checkpoint_seconds=0)
    going = start_snakemake(project, "bands")
    deadline = time.monotonic() + 300
    while not (run / "resume.state.prev").exists():
        assert time.monotonic() < deadline
        assert going.poll() is None, going.communicate()[0]
        time.sleep(0.002)
    job = training_process(going.pid)
    assert job is not None
    os.kill(job.pid, signal.SIGKILL)
    going.communicate(timeout=300)
    assert going.returncode != 0
    assert not (run / "run.json").exists()
    snakemake(project, "bands")
    log = project / "results/logs/bands/vgg_a_bn/lr0.001/seed0.log"
    assert "resumes from step" in log.read_text("utf-8")
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
    done = planned(project, check=False)
    assert done.returncode != 0
    assert said in done.stdout
    assert "Traceback" not in done.stdout


def test_demo_and_study_do_not_share_a_folder():
    study = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    demo = yaml.safe_load((ROOT / "studies/demo.yaml").read_text("utf-8"))
    assert demo["results"] != study["results"]


def test_one_gpu_job_at_a_time_without_being_asked():
    default = yaml.safe_load((ROOT / "profiles/default/profile.yaml").read_text("utf-8"))
    assert default["resources"]["gpu"] == 1
    for profile in ROOT.glob("profiles/*/profile.yaml"):
        options = yaml.safe_load(profile.read_text("utf-8"))
        assert "keep-incomplete" not in options
        assert options["rerun-incomplete"] is True


@pytest.mark.parametrize("name", ["a b/c,d", 'it\'s "mine"; touch pwned'])
def test_make_study_passes_on_what_it_is_given(name):
    command = ["make", "-s", "-o", ".venv/.ready", "study", f"DATA={name}", f"CONFIG={name}.yaml"]
    command.append("SNAKEMAKE=printf '%s\\n'")  # which says each word that it is given
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = said.splitlines()
    assert words[words.index("--configfile") + 1] == f"{name}.yaml"
    data = yaml.safe_load(words[words.index("--config") + 1].removeprefix("data="))
    assert data == {"source": "parquet", "path": name}


@pytest.mark.parametrize(("left_out", "kept"), [("bands", "probe"), ("probe", "bands")])
def test_a_study_that_is_null_is_left_out_and_the_other_stays(project, left_out, kept):
    """Nothing is trained again: the report is typeset without it, and its target is refused."""
    configure(project, **{left_out: None})
    jobs = stale(project)
    assert (jobs.pop("report"), jobs.pop("report_page")) == (1, 1)
    assert set(jobs) <= {"figure"}
    assert stale(project, kept) == {}
    done = planned(project, left_out, check=False)
    assert done.returncode != 0
    assert f"this configuration has no section {left_out}" in done.stdout
