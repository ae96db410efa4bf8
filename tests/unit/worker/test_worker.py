"""Jobs that a worker does end as those do that run by themselves, whoever is killed meanwhile."""

import fcntl
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from landscape.storage import files
from landscape.worker import client, server
from support.artefacts import ROOT, digests, start
from support.tiny import RUN

MARK = "WORKER_OF_TEST"  # an environment variable: jobs that differ in it share no worker
NUMBERS = itertools.count()
SAID = "this process does the job itself"


def workers(mark):
    """The workers of the jobs with this mark; their children have the same command line."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            marked = process.environ().get(MARK) == mark
            if marked and "landscape.worker.server" in process.cmdline():
                found[process] = process.ppid()
    pids = {process.pid for process in found}
    return [process for process, parent in found.items() if parent not in pids]


def jobs(worker):
    return worker.children()


@pytest.fixture(scope="module")
def mark():
    """That of the jobs that share this module's worker."""
    return f"{os.getpid()}-shared"


@pytest.fixture
def own_mark():
    return f"{os.getpid()}-{next(NUMBERS)}"


def ask(*arguments, mark, study=None, **options):
    """A job of a study: of this test session, as long as no other process is named."""
    environment = {client.STUDY: str(study or os.getpid()), MARK: mark, "OMP_NUM_THREADS": "1"}
    environment["PYTEST_CURRENT_TEST"] = ""  # or every test would be other surroundings
    return start(*arguments, **{**environment, **options})


def train(run, folder, mark, *options):
    settings = ["--settings", run.model_dump_json(), "--threads", "1", *options]
    return ask("train", run.id, "--results", str(folder), *settings, mark=mark)


def blocked(mark, **options):
    """A job that goes on until its output is read, its worker, and the worker's child for it."""
    running = ask("schema", mark=mark, **options)
    fcntl.fcntl(running.stdout, fcntl.F_SETPIPE_SZ, 4096)  # the schema is longer
    wait_for(lambda: any(jobs(worker) for worker in workers(mark)), running)
    (worker,) = workers(mark)
    (child,) = jobs(worker)
    return running, worker, child


def ended(process):
    said, errors = process.communicate(timeout=300)
    return process.returncode, said, errors


def is_gone(process):
    """Ended, whether or not somebody has noticed: a container's first process may not look."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def await_end(*processes):
    deadline = time.monotonic() + 60
    while not all(is_gone(process) for process in processes):
        assert time.monotonic() < deadline, processes
        time.sleep(0.005)


def wait_for(condition, running, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_run_has_the_bytes_that_it_has_without_a_worker(tiny, folder, undisturbed, mark):
    running = train(tiny.run(RUN), folder, mark)
    code, _, errors = ended(running)
    assert code == 0, errors
    assert SAID not in errors
    (lock,) = (folder / ".locks/runs").iterdir()
    assert files.read_json(lock)["pid"] != running.pid  # a worker's child has held it
    assert digests(folder / RUN) == digests(undisturbed / RUN)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["train", "no such run"]])
def test_output_and_exit_status_are_the_job_s_own(arguments, mark):
    alone = ended(start(*arguments))
    served = ended(ask(*arguments, mark=mark))
    assert served == alone
    assert workers(mark)


def test_two_jobs_at_once_start_one_worker(own_mark):
    running = [ask("schema", mark=own_mark) for _ in range(2)]
    first, second = (ended(process) for process in running)
    assert first == second
    assert first[0] == 0
    assert len(workers(own_mark)) == 1


def test_jobs_in_other_surroundings_have_another_worker(own_mark, tmp_path):
    """The number of threads is read when a library is loaded; so is much else."""
    for threads in ("1", "2", "1"):
        ended(ask("schema", mark=own_mark, OMP_NUM_THREADS=threads))
    found = workers(own_mark)
    assert sorted(worker.environ()["OMP_NUM_THREADS"] for worker in found) == ["1", "2"]


def test_edited_code_is_in_effect_at_once(own_mark, tmp_path):
    package = tmp_path / "workflow"
    shutil.copytree(ROOT / "workflow/landscape", package / "landscape")
    environment = {"mark": own_mark, "PYTHONPATH": str(package)}
    before, main = ended(ask("--help", **environment)), package / "landscape/cli/main.py"
    main.write_text(main.read_text("utf-8").replace('prog="', 'prog="edited '), "utf-8")
    after = ended(ask("--help", **environment))
    assert "edited" not in before[1]
    assert "edited" in after[1]
    assert len(workers(own_mark)) == 1
    # The control: an edit of what the worker itself executes makes jobs start another.
    (package / "landscape/worker/server.py").touch()
    ended(ask("--help", **environment))
    assert len(workers(own_mark)) == 2


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_job_asked_to_stop_saves_its_state(number, tiny, folder, mark):
    run = tiny.run(RUN).model_copy(update={"epochs": 2000})
    running = train(run, folder, mark, "--checkpoint-seconds", "1000")
    wait_for((folder / RUN / "progress.json").exists, running)
    assert files.read_json(folder / RUN / "progress.json")["pid"] != running.pid
    assert not (folder / RUN / "resume.state").exists()
    running.send_signal(number)
    assert ended(running)[0] == 128 + number
    assert (folder / RUN / "resume.state").exists()


def test_a_killed_job_is_gone_and_goes_on(tiny, folder, undisturbed, mark):
    """Its process is killed; what the worker does for it ends with it."""
    running = train(tiny.run(RUN), folder, mark, "--checkpoint-seconds", "0")
    wait_for((folder / RUN / "resume.state").exists, running)
    (worker,) = workers(mark)
    children = jobs(worker)
    worker.suspend()  # on a busy machine it may have to wait for a core
    running.kill()
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    await_end(*children)
    worker.resume()
    assert worker.is_running()
    code, _, errors = ended(train(tiny.run(RUN), folder, mark))
    assert code == 0, errors
    assert digests(folder / RUN) == digests(undisturbed / RUN)


def test_out_of_memory_kills_one_job(own_mark):
    """As the kernel's killer does, which chooses the child; the worker and its others go on."""
    running, worker, child = blocked(own_mark)
    other = ask("--help", mark=own_mark)
    child.kill()
    assert ended(running)[0] == 128 + signal.SIGKILL
    assert ended(other)[0] == 0
    assert workers(own_mark) == [worker]


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_time(tiny, folder, undisturbed, own_mark):
    """Its children die with it; the job's own process resumes from the saved state."""
    running = train(tiny.run(RUN), folder, own_mark, "--checkpoint-seconds", "0")
    wait_for((folder / RUN / "resume.state").exists, running)
    (worker,) = workers(own_mark)
    children = jobs(worker)
    worker.kill()
    await_end(worker, *children)
    code, _, errors = ended(running)
    assert code == 0, errors
    assert SAID in errors
    assert digests(folder / RUN) == digests(undisturbed / RUN)


@pytest.mark.slow
def test_worker_and_job_killed_the_run_goes_on(tiny, folder, undisturbed, own_mark):
    running = train(tiny.run(RUN), folder, own_mark, "--checkpoint-seconds", "0")
    wait_for((folder / RUN / "resume.state").exists, running)
    (worker,) = workers(own_mark)
    victims = [worker, *jobs(worker)]
    running.kill()
    worker.kill()
    running.communicate()
    await_end(*victims)
    code, _, errors = ended(train(tiny.run(RUN), folder, own_mark))
    assert code == 0, errors
    assert digests(folder / RUN) == digests(undisturbed / RUN)


def test_the_worker_ends_with_the_study_and_not_before_its_job(own_mark):
    with subprocess.Popen(["sleep", "1000"]) as study:
        running, worker, _ = blocked(own_mark, study=study.pid)
        study.kill()
    time.sleep(0.3)
    assert not is_gone(worker)  # it has a job
    assert ended(running)[0] == 0
    await_end(worker)


@pytest.fixture
def listener():
    """A socket with a name that nobody else has."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as found:
        found.bind(f"\0{MARK}-{os.getpid()}-{next(NUMBERS)}")
        found.listen()
        yield found
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("alive", [True, False])
def test_a_worker_without_a_job_ends(alive, listener, monkeypatch):
    """After a while; at once without its study, whatever the while is."""
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.01 if alive else 1e6)
    with subprocess.Popen(["sleep", "1000"]) as study:
        watched = os.pidfd_open(study.pid)
        if not alive:
            study.kill()
        assert server.Worker(listener, watched).serve() is None
        os.close(watched)
        study.kill()


def test_another_user_s_worker_is_not_asked(listener, monkeypatch):
    monkeypatch.setattr(client, "_surroundings", lambda study: "squatted")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as squatter:
        squatter.bind("\0landscape-squatted")
        squatter.listen()
        ours = client._connect(os.getpid())  # the control
        assert client.is_ours(ours)
        ours.close()
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        monkeypatch.setenv(client.STUDY, str(os.getpid()))
        assert client.served(["schema"]) is None
    assert client.STUDY not in os.environ  # nor do processes ask that this one starts


def test_without_a_study_nobody_is_asked(monkeypatch):
    monkeypatch.delenv(client.STUDY, raising=False)
    monkeypatch.setattr(client, "_connect", lambda study: pytest.fail("asked"))
    assert client.served(["schema"]) is None


def test_a_job_that_is_served_imports_nothing_but_the_standard_library():
    program = (
        "import sys; import landscape.worker.client\n"
        "print([m for m, module in sys.modules.items() if m.startswith('landscape')"
        " or 'site-packages' in str(getattr(module, '__file__', ''))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    found = set(eval(done.stdout)) - {"_distutils_hack"}
    assert found == {"landscape", "landscape.worker", "landscape.worker.client"}


def test_the_worker_s_imports_start_neither_threads_nor_cuda():
    """Neither could be used in a fork. And every library in the list is one."""
    program = (
        "import os, torch; from importlib import import_module\n"
        "from landscape.worker.server import LIBRARIES\n"
        "def refuse(*arguments): raise SystemExit('CUDA is asked')\n"
        "torch.cuda.is_available = torch.cuda.device_count = refuse\n"
        "torch._C._cuda_getDeviceCount = refuse\n"
        "for names in LIBRARIES.values():\n"
        "    for name in names: import_module(name)\n"
        "tasks = (f'/proc/self/task/{name}/comm' for name in os.listdir('/proc/self/task'))\n"
        "threads = [open(task).read() for task in tasks]\n"
        "print(len([name for name in threads if not name.startswith('jemalloc')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "1", done.stderr


def test_libraries_are_those_of_stages():
    from landscape.cli.main import _parser

    (stages,) = (a.choices for a in _parser()._actions if hasattr(a, "add_parser"))
    assert set(server.LIBRARIES) <= set(stages)
