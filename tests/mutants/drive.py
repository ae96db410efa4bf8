"""Mutation testing: `make mutants`, or `python tests/mutants/drive.py --help`.

Each mutant is put into a copy of the project, alone. The tests of its module run first, then those
of its room, then the oracle's, in one process that stops at the first failure. What came out is a
line of a JSON-lines file, so that the next call goes on where this one stopped.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mutations import Mutant, mutants

ROOT = Path(__file__).parents[2]
PACKAGE = "workflow/landscape"
ROOMS = ("measure", "training", "data", "optimizers", "models", "plain", "tables", "figures")
ROOMS += ("report", "storage", "provenance", "runtime", "config", "insight", "notation", "trained")
EQUIVALENT = Path(__file__).with_name("equivalent.txt")  # id, tab, reason
WITHOUT_ORACLE = ("figures", "report", "storage", "provenance", "runtime")  # it does not see them
COPIED = ("workflow", "tests", "studies", "config.yaml", "config.schema.json", "pyproject.toml")
COPIED += ("Snakefile", "profiles", "envs", "docs", "README.md", "CONTRIBUTING.md", "Makefile")
COPIED += ("LICENSE", "config")


def main() -> None:
    arguments = _arguments()
    done = _read(arguments.file)
    if not arguments.report:
        _test(_chosen(arguments), done, arguments)
        done = _read(arguments.file)
    survivors = _report(done)
    sys.exit(bool(survivors) if arguments.strict else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sample", type=int, help="so many mutants, from all rooms in turn")
    parser.add_argument(
        "--seed", default="", help="what the sample is drawn by, as a commit's hash"
    )
    parser.add_argument("--room", nargs="+", choices=ROOMS, default=ROOMS)
    parser.add_argument("--file", type=Path, default=ROOT / "tests/mutants/done.jsonl")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one mutant")
    parser.add_argument("--report", action="store_true", help="test none, say what is known")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where one survives")
    return parser.parse_args()


def _chosen(arguments: argparse.Namespace) -> list[Mutant]:
    """Mutants that are not known to be equivalent, in an order drawn by the seed."""
    equivalent = {line.partition("\t")[0] for line in EQUIVALENT.read_text("utf-8").splitlines()}
    rooms = []
    for room in arguments.room:
        found = []
        for path in sorted((ROOT / PACKAGE / room).rglob("*.py")):
            name = str(path.relative_to(ROOT / PACKAGE))
            found += [m for m in mutants(name, path.read_text("utf-8")) if m.id not in equivalent]
        rooms.append(sorted(found, key=lambda m: _drawn(arguments.seed, m.id)))
    longest = max(map(len, rooms))
    in_turn = [room[place] for place in range(longest) for room in rooms if place < len(room)]
    return in_turn[: arguments.sample]


def _drawn(seed: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed}{name}".encode()).digest()


def _test(chosen: list[Mutant], done: dict[str, dict], arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        copy.mkdir()
        for part in COPIED:
            source = ROOT / part
            copier = shutil.copytree if source.is_dir() else shutil.copy2
            copier(source, copy / part)
        for mutant in chosen:
            if mutant.id in done:
                continue
            room = mutant.path.partition("/")[0]
            for tests in (_own(room), _also(room)):
                name = f"unchanged: {' '.join(tests)}"
                if tests and name not in done:
                    outcome, why = _run(copy, tests, arguments.timeout)
                    if outcome != "survived":
                        sys.exit(f"fails without a mutant, make it pass first: {why or outcome}")
                    done[name] = {"id": name}
                    _append(arguments.file, done[name])
            module = copy / PACKAGE / mutant.path
            before = module.read_bytes()
            module.write_text(mutant.source, "utf-8")
            started = time.monotonic()
            outcome, killer = _run(copy, _tests(room, module.stem), arguments.timeout)
            module.write_bytes(before)
            row = {"id": mutant.id, "line": mutant.line, "outcome": outcome, "by": killer}
            row["seconds"] = round(time.monotonic() - started)
            _append(arguments.file, row)
            print(f"{outcome:9}{row['seconds']:5} s  {mutant.id}", flush=True)


def _tests(room: str, stem: str) -> list[str]:
    """Test files of a room, those first that name the module; then the oracle's."""
    found = [ROOT / name for name in _own(room)]
    found = sorted(found, key=lambda path: not stem or stem not in path.read_text("utf-8"))
    return [str(path.relative_to(ROOT)) for path in found] + _also(room)


def _own(room: str) -> list[str]:
    files = sorted((ROOT / "tests/unit" / room).glob("test_*.py"))
    return [str(path.relative_to(ROOT)) for path in files]


def _also(room: str) -> list[str]:
    """Tests beyond the room's own that its numbers or words pass through."""
    if room in WITHOUT_ORACLE:
        return []
    return ["tests/oracle", *(["tests/unit/report"] if room in ("config", "notation") else [])]


def _run(copy: Path, tests: list[str], timeout: float) -> tuple[str, str]:
    """(survived, killed or timeout; the test that killed it)."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-m", "not slow"]
    command += ["-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy / "workflow"), "OMP_NUM_THREADS": "1"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # a stale .pyc of the same second would be taken
    started = subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = started.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.communicate()
        return "timeout", ""
    failed = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return ("killed", failed[0][:200] if failed else "") if started.returncode else ("survived", "")


def _append(file: Path, row: dict) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def _read(file: Path) -> dict[str, dict]:
    if not file.exists():
        return {}
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return {row["id"]: row for row in rows}


def _report(done: dict[str, dict]) -> list[str]:
    """Prints the score by area; the survivors."""
    rows = [row for row in done.values() if "outcome" in row]
    tried, survived = Counter(), Counter()
    for row in rows:
        room = row["id"].partition("/")[0]
        tried[room] += 1
        survived[room] += row["outcome"] == "survived"
    for room in tried:
        share = 100 * (1 - survived[room] / tried[room])
        print(
            f"{room:12}{tried[room] - survived[room]:5} of {tried[room]:5} killed  {share:5.1f} %"
        )
    killed = sum(tried.values()) - sum(survived.values())
    print(f"{'all':12}{killed:5} of {sum(tried.values()):5} killed")
    left = [row["id"] for row in rows if row["outcome"] == "survived"]
    for name in left:
        print(f"survived: {name}")
    return left


if __name__ == "__main__":
    main()
