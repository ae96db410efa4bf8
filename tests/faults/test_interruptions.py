"""Snakemake's own dangers: killed as a whole, started twice, edited, deleted, moved, confined."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest
import yaml

from landscape.provenance import fingerprint
from landscape.storage import files
from landscape.training import job
from support.artefacts import ROOT, digests
from support.studies import artefacts, group, is_training, kill, leftovers
from support.workflow import (
    configure,
    copy_project,
    snakemake,
    stale,
    start_snakemake,
)

pytestmark = pytest.mark.xdist_group("study")  # one finished study for all of them
RUNS = ("bands/vgg_a/lr0.001/seed0", "bands/vgg_a_bn/lr0.001/seed0")


def wait_for(condition, running, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert running.poll() is None, running.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def untrained(project):  # noqa: F811
    """The finished project without two of its runs and what comes after them."""
    for run in RUNS:
        shutil.rmtree(project / "results" / run)
    for path in (project / "results/bands").glob("*.*"):
        path.unlink()
    configure(project, checkpoint_seconds=0)
    return project


def kill_mid_run(project):  # noqa: F811
    """Start it, wait until a run is half way, and kill -9 all of it at once."""
    going = start_snakemake(project)
    states = [project / "results" / run / "resume.state.prev" for run in RUNS]
    wait_for(lambda: any(state.exists() for state in states), going)
    victims = group(psutil.Process(going.pid))
    training = [process for process in victims if is_training(process)]
    kill(victims)
    going.communicate(timeout=300)
    psutil.wait_procs(victims, timeout=300)
    return going.returncode, training, victims


@pytest.mark.slow
def test_f3_snakemake_killed_with_all_its_jobs_goes_on(untrained, finished):  # noqa: F811
    code, training, victims = kill_mid_run(untrained)
    assert code == -signal.SIGKILL
    assert training
    assert not [process for process in victims if process.is_running()]
    # What has its name is whole: it is what the undisturbed study has there.
    visible = {
        f"{run}/{name}"
        for run in RUNS
        for name in ("steps.parquet", "model.safetensors", "run.json", "epochs.csv")
        if (untrained / "results" / run / name).exists()
    }
    for name in visible:
        if name.endswith((".parquet", ".safetensors")):
            found, right = ((p / "results" / name).read_bytes() for p in (untrained, finished))
            assert found == right
    refused = snakemake(untrained, check=False)  # Snakemake does not know whether it is dead
    assert refused.returncode != 0
    assert "lock" in refused.stdout.lower()
    # make recover: unlock, and the study's own command.
    snakemake(untrained, "--unlock")
    snakemake(untrained)
    logs = [untrained / f"results/logs/{run}.log" for run in RUNS]
    assert any("resumes from step" in log.read_text("utf-8") for log in logs)
    assert artefacts(untrained / "results") == artefacts(finished / "results")
    assert not leftovers(untrained / "results")


@pytest.mark.slow
def test_f3_control_without_saved_states_the_steps_are_lost(untrained):
    code, *_ = kill_mid_run(untrained)
    assert code == -signal.SIGKILL
    for state in (untrained / "results").rglob("resume.state*"):
        state.unlink()
    snakemake(untrained, "--unlock")
    snakemake(untrained, "bands")
    logs = [untrained / f"results/logs/{run}.log" for run in RUNS]
    assert not any("resumes from step" in log.read_text("utf-8") for log in logs)


def test_profiles_keep_nothing_incomplete():
    profiles = list(ROOT.glob("profiles/**/*.yaml"))
    assert profiles
    for path in profiles:
        content = yaml.safe_load(path.read_text("utf-8")) or {}
        assert not {"keep-incomplete", "ignore-incomplete", "nolock"} & set(content), path
        if path.name == "profile.yaml":
            assert content["rerun-incomplete"] is True
    text = (ROOT / "Makefile").read_text("utf-8") + "".join(
        path.read_text("utf-8")
        for path in [ROOT / "workflow/Snakefile", *ROOT.glob("workflow/rules/*.smk")]
    )
    assert "incomplete" not in text
    assert "nolock" not in text


def test_make_recover_unlocks_and_gives_the_study_what_it_was_given():
    command = ["make", "-n", "-o", ".venv/.ready", "recover", "CONFIG=my own.yaml", "TARGET=bands"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [line for line in said.replace("\\\n", "").splitlines() if "snakemake" in line]
    assert "--unlock" in lines[0]
    assert "--unlock" not in lines[1]
    assert '--configfile "$CONFIG"' in lines[1]
    assert shlex.split(lines[1])[-1] == "bands"


@pytest.mark.slow
def test_f20_a_second_snakemake_is_refused_and_harms_nothing(untrained, finished):  # noqa: F811
    first = start_snakemake(untrained, "bands")
    wait_for(lambda: (untrained / "results" / RUNS[0]).exists(), first)
    second = snakemake(untrained, "bands", check=False)
    assert first.poll() is None  # both were there at once
    assert second.returncode != 0
    assert "LockException" in second.stdout or "cannot be locked" in second.stdout
    output, _ = first.communicate(timeout=600)
    assert first.returncode == 0, output
    found, right = (artefacts(place / "results") for place in (untrained, finished))
    bands = [name for name in right if name.startswith("bands/")]
    assert [found[name] for name in bands] == [right[name] for name in bands]


@pytest.mark.slow
def test_f20_control_without_the_lock_the_second_one_begins(project):  # noqa: F811
    """Locked by one that was killed: refused; with --nolock it goes ahead all the same."""
    locks = project / ".snakemake/locks"
    locks.mkdir(exist_ok=True)
    (locks / "0.output.lock").write_text("results/report.pdf\n", "utf-8")
    (project / "results/report.pdf").unlink()
    refused = snakemake(project, check=False)
    assert refused.returncode != 0
    assert "LockException" in refused.stdout or "cannot be locked" in refused.stdout
    assert not (project / "results/report.pdf").exists()
    snakemake(project, "--nolock")
    assert (project / "results/report.pdf").exists()


EDITED = {
    # a module, and the first rules whose stage imports it
    "runtime.stopwatch": {"train", "train_probe"},
    "tables.band": {"aggregate_bands", "aggregate_probe"},
    "data.sources.demo": {"dataset"},
    "report.batchnorm": {"report", "report_page"},
    "report.page.prose": {"report_page"},
}


@pytest.mark.slow
@pytest.mark.parametrize("module", EDITED)
def test_f21_an_edited_module_reruns_its_stages_and_what_follows(module, project):  # noqa: F811
    path = fingerprint.path_of(module)
    assert path is not None
    ours = project / path.relative_to(ROOT)
    with ours.open("a", encoding="utf-8") as file:
        file.write("\nCHANGED = 1\n")
    jobs = set(stale(project))
    assert EDITED[module] <= jobs, jobs
    before = {"dataset", "train", "train_probe", "aggregate_bands", "aggregate_probe"}
    order = ["dataset", "train", "aggregate_bands", "report"]
    places = [order.index(job) for job in EDITED[module] if job in order]
    earlier = order[: min(places, default=len(order))]
    assert not jobs & set(earlier)
    assert jobs <= before | {"figure", "report", "report_page"}


@pytest.mark.slow
def test_f21_control_a_comment_reruns_nothing(project):  # noqa: F811
    path = project / "workflow/landscape/runtime/stopwatch.py"
    path.write_text(path.read_text("utf-8") + "\n# CHANGED = 1\n", "utf-8")
    assert stale(project) == {}


@pytest.mark.slow
def test_f22_what_is_deleted_is_made_again_and_nothing_else(project, finished):  # noqa: F811
    """One table, one model, one figure; bit for bit."""
    results = project / "results"
    assert stale(project) == {}  # the control: with nothing deleted nothing is made
    gone = ["bands/summary.csv", f"{RUNS[0]}/model.safetensors", "figures/beta_smoothness.pdf"]
    times = {p: p.stat().st_mtime_ns for p in results.glob("probe/**/*") if p.is_file()}
    for name in gone:
        (results / name).unlink()
    jobs = stale(project)
    assert jobs["train"] == 1
    assert "train_probe" not in jobs
    assert "dataset" not in jobs
    snakemake(project)
    assert artefacts(results) == artefacts(finished / "results")
    assert times == {path: path.stat().st_mtime_ns for path in times}


NO_NETWORK = """
import socket
def refuse(self, address):
    if self.family != socket.AF_UNIX:
        open({log!r}, "a").write(f"{{address}}\\n")
        raise OSError("the network is closed")
socket.socket.connect = socket.socket.connect_ex = refuse
"""
ODD = "out put é'\"; touch pwned; $(touch pwned) & #"


@pytest.mark.slow
def test_f23_confined_and_in_odd_surroundings_it_makes_the_same(finished, tmp_path):  # noqa: F811
    """No network, no GPU, one thread, a plain locale, another time zone and working folder, and a
    results folder whose name a shell would act on.
    """
    (tmp_path / "pro ject ü").mkdir()
    project = copy_project(tmp_path / "pro ject ü")  # noqa: F811
    configure(project, results=ODD)
    closed, log = tmp_path / "closed", tmp_path / "connections"
    closed.mkdir()
    (closed / "sitecustomize.py").write_text(NO_NETWORK.format(log=str(log)), "utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "LANG", "LC_ALL")}
    environment = {
        **clean,
        "PYTHONPATH": str(closed),
        "LC_ALL": "C",
        "TZ": "Pacific/Kiritimati",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(project / "Snakefile")]
    command += ["--directory", str(project), "--cores", "2", "--resources", "gpu=2"]
    command += ["--configfile", str(project / "tiny.yaml")]
    if subprocess.run(["unshare", "-n", "true"], check=False).returncode == 0:
        command = ["unshare", "-n", *command]
    done = subprocess.run(
        command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert artefacts(project / ODD) == artefacts(finished / "results")
    assert not log.exists() or not log.read_text()
    assert not list(tmp_path.rglob("pwned"))
    assert not list(elsewhere.iterdir())


def test_f23_control_the_closed_network_is_noticed(tmp_path):
    """The same closing, around the one stage that needs the network."""
    log = tmp_path / "connections"
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK.format(log=str(log)), "utf-8")
    code = (
        "from pathlib import Path; from landscape.data.sources.download import download\n"
        "from landscape.errors import UserError\n"
        "import sys\n"
        "try: download('http://127.0.0.1:9/x', Path(sys.argv[1]), attempts=1)\n"
        "except UserError as error: sys.exit(str(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x")],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'workflow'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "not downloaded" in done.stderr
    assert "127.0.0.1" in log.read_text()


def test_a_clock_that_jumps_changes_nothing(tiny, folder, undisturbed, monkeypatch):
    """Backwards, forwards, to before 1970: only a monotonic clock decides anything."""
    jumps = [1e9, -5.0, 4e9, 0.0, 1e9]
    run_id = "bands/vgg_a_bn/lr0.001/seed0"
    seen = []

    def jumping():
        seen.append(jumps[len(seen) % len(jumps)])
        return seen[-1]

    monkeypatch.setattr(time, "time", jumping)
    job.train(tiny.run(run_id), folder, threads=1, checkpoint_seconds=0)
    monkeypatch.undo()
    assert seen
    assert digests(folder / run_id) == digests(undisturbed / run_id)
    written = files.read_json(folder / run_id / "run.json")
    assert 0 < written["train_seconds"] < written["total_seconds"] < 1e5


@pytest.mark.slow
def test_results_moved_elsewhere_need_nothing_again(project, tmp_path):  # noqa: F811
    """Paths inside artefacts are relative: none names the folder that it was made in."""
    moved = tmp_path / "moved"
    project.rename(moved)
    assert stale(moved) == {}
    for path in (moved / "results").rglob("*"):
        if path.suffix in (".json", ".csv", ".parquet", ".safetensors"):
            assert str(project.parent).encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_f12_a_read_only_results_folder_stops_the_study_before_any_job(project):  # noqa: F811
    results = project / "results"
    configure(project, bands={"seeds": [7]})
    jobs = stale(project)
    with read_only(results):
        done = snakemake(project, check=False)
    assert jobs["train"] == 4
    assert done.returncode != 0
    assert f"error: {results.name}: cannot be written to" in done.stdout
    assert "nothing was started" in done.stdout
    assert not (results / "bands/vgg_a/lr0.001/seed7").exists()


@contextmanager
def read_only(folder):
    """Root may write wherever permissions say, but not where a file system says."""
    change = "chattr" if os.geteuid() == 0 else "chmod"
    on, off = {"chattr": ("+i", "-i"), "chmod": ("a-w", "u+w")}[change]
    if subprocess.run([change, on, str(folder)], check=False).returncode:
        pytest.skip("root may write anywhere, and nothing can be made immutable here")
    try:
        yield
    finally:
        subprocess.run([change, off, str(folder)], check=True)
