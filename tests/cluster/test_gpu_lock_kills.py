"""GPU locks under fire: 64 processes that want one of four cards, 500 of them killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from landscape.runtime.locks.gpu import lock_gpu
from support.artefacts import ROOT

PROCESSES, KILLS = 64, 500
CARDS = ["a", "b", "c", "d"]
# A witness that knows nothing of lock files: a socket's name in the kernel, one for each card. It
# too is freed when its process dies, a moment sooner or later than the lock, hence the patience.
CHILD = """
import json, os, random, socket, sys, time
from pathlib import Path
from landscape.runtime.locks import gpu
log, secret, *cards = sys.argv[1:]
log = os.open(log, os.O_WRONLY | os.O_APPEND)
def note(event, value):
    os.write(log, (json.dumps([event, os.getpid(), value]) + "\\n").encode())
sign = gpu.sign
def noted(lock, holder):
    note("served", Path(lock.lock_file).name)
    sign(lock, holder)
gpu.sign = noted
note("asks", "")
with gpu.lock_gpu(f"process {os.getpid()}", among=cards):
    card = os.environ["CUDA_VISIBLE_DEVICES"]
    witness = socket.socket(socket.AF_UNIX)
    patience = time.monotonic() + 0.05
    while True:
        try:
            witness.bind(f"\\0{secret}/{card}")
            break
        except OSError:
            if time.monotonic() > patience:
                note("shared", card)
                break
    time.sleep(random.uniform(0.2, 0.6))
    note("ends", card)
    witness.close()
"""


def test_no_card_is_held_twice_or_lost(tmp_path, monkeypatch):
    monkeypatch.setenv("LANDSCAPE_LOCKS", str(tmp_path))
    chance = random.Random(0)
    log = tmp_path / "log"
    log.touch()
    secret = f"{os.getpid()}-{time.monotonic_ns()}"
    command = [sys.executable, "-c", CHILD, str(log), secret, *CARDS]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    environment = {name: environment[name] for name in environment if name != "SLURM_JOB_ID"}
    environment["LANDSCAPE_LOCKS"] = str(tmp_path)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=environment)

    running = [start() for _ in range(PROCESSES)]
    codes: Counter[int] = Counter()
    kills = 0
    while kills < KILLS:
        time.sleep(0.02)
        holding = holders(log)
        # Every other victim holds a card, if one does; the rest wait or start.
        victims = [p for p in running if p.pid in holding] if kills % 2 else running
        victim = chance.choice(victims or running)
        if victim.poll() is None:
            victim.kill()
            kills += victim.wait() == -signal.SIGKILL
        codes.update(p.returncode for p in running if p.poll() is not None)
        running = [p if p.poll() is None else start() for p in running]
    for process in running:
        codes[process.wait(timeout=120)] += 1

    said = events(log)
    count = Counter(event for event, _, _ in said)
    assert codes[-signal.SIGKILL] == KILLS
    assert set(codes) == {0, -signal.SIGKILL}  # everybody else was served
    assert count["served"] - count["ends"] > KILLS / 10  # killed while they held a card
    assert count["asks"] - count["served"] > KILLS / 10  # killed while they waited
    assert not count["shared"]
    # Nothing is left: all cards are free at once.
    with ExitStack() as held:
        for card in CARDS:
            held.enter_context(lock_gpu("who comes last", among=[card]))


def test_the_witness_sees_two_holders(tmp_path):
    """Without the locks: the check above can fail."""
    log = tmp_path / "log"
    log.touch()
    unlocked = CHILD.replace("with gpu.lock", "gpu.acquired = lambda lock: True\nwith gpu.lock")
    command = [sys.executable, "-c", unlocked, str(log), str(tmp_path), "a"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    environment["LANDSCAPE_LOCKS"] = str(tmp_path)
    for process in [subprocess.Popen(command, env=environment) for _ in range(8)]:
        process.wait()
    assert any(event == "shared" for event, _, _ in events(log))


def events(log: Path) -> list[tuple[str, int, int | str]]:
    return [tuple(json.loads(line)) for line in log.read_text("utf-8").splitlines()]


def holders(log: Path) -> set[int]:
    """Processes that have said that they hold a card and not yet that they end."""
    found = events(log)
    return {pid for event, pid, _ in found if event == "served"} - {
        pid for event, pid, _ in found if event == "ends"
    }
