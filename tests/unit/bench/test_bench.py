"""The benchmark measures what it says, with the run that it names."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from landscape.bench import (
    BANDS,
    BARE,
    CONTIGUOUS,
    PLAIN,
    PROBE,
    PROBED,
    UNMEASURED,
    ceilings,
    collect,
    contenders,
    course,
    growth,
    looking,
    plain_loop,
    sharing,
    speed,
    sprints,
    startup,
    table,
    timing,
    workflow,
)
from landscape.bench.answer import answer
from landscape.bench.contenders import contender
from landscape.config.runs import Run, Split
from landscape.config.study import Figures, Study
from landscape.data import dataset
from landscape.errors import UserError
from landscape.figures import bench as bench_figure
from landscape.figures import draw
from landscape.runtime import device as devices
from landscape.storage.files import read_json
from landscape.training import job
from support.runs import RUNS, images

CPU = torch.device("cpu")
KINDS = (BARE, CONTIGUOUS, UNMEASURED, BANDS, PROBED)


def test_contenders_take_turns_and_every_round_has_a_time_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(timing.WARM_UP, "cpu", 2)
    order: list[str] = []
    seconds = timing.interleaved(
        [lambda: order.append("a"), lambda: order.append("b")], CPU, 3, slot_seconds=0
    )
    assert order == [*"aaabbb", *"ababab"]  # two warm-up steps and a timed one each, then turns
    assert np.shape(seconds) == (2, 3)
    assert (np.array(seconds) > 0).all()


def _killed(queue) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_measuring_process_that_is_killed_is_named_at_once():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=_killed, args=(queue,))]
    children += [context.Process(target=time.sleep, args=(60,))]  # who would wait for it for ever
    for child in children:
        child.start()
    with pytest.raises(UserError, match=r"exit code -9 \(killed: out of memory\?\)"):
        answer(queue, children)
    for child in children:
        child.join(10)
        assert child.exitcode == -signal.SIGKILL


def test_a_stale_figure_is_not_drawn_in_the_study_s_own_folder(tiny, tmp_path):
    (tmp_path / "report.pdf").touch()
    study = tiny.model_copy(update={"results": str(tmp_path)})
    assert workflow.stale_figure(study, tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]


def test_a_slower_contender_makes_fewer_steps_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    monkeypatch.setitem(timing.WARM_UP, "cpu", 0)
    made = {"fast": 0, "slow": 0}

    def step(name: str, seconds: float) -> None:
        made[name] += 1
        now[0] += seconds

    seconds = timing.interleaved(
        [lambda: step("fast", 0.1), lambda: step("slow", 0.5)], CPU, 2, slot_seconds=1.0
    )
    np.testing.assert_allclose(seconds, [[0.1, 0.1], [0.5, 0.5]])
    assert made == {"fast": 1 + 2 * 10, "slow": 1 + 2 * 2}


@pytest.mark.parametrize("kind", KINDS)
def test_every_contender_trains(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "HISTORY", 10)
    run = RUNS["probe"] if kind == PROBED else RUNS["bands"].model_copy(update={"batch_size": 10})
    built = []
    build = contenders.models.build
    monkeypatch.setattr(contenders.models, "build", lambda *a: built.append(build(*a)) or built[-1])
    racer = contender(kind, run, images("cpu"), CPU)
    racer.advance()
    before = {name: p.clone() for name, p in built[0].named_parameters()}
    racer.advance()
    racer.advance()
    assert racer.kind == kind
    assert racer.architecture == "vgg_a_bn"
    moved = [not torch.equal(p, before[name]) for name, p in built[0].named_parameters()]
    assert any(moved)


@pytest.mark.parametrize(
    ("kind", "layout"), [(BARE, torch.channels_last), (CONTIGUOUS, torch.contiguous_format)]
)
def test_the_bare_step_convolves_in_its_layout(kind: str, layout: torch.memory_format) -> None:
    seen = []

    def look(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, torch.nn.Conv2d):
            both = (inputs[0], module.weight)
            seen.append([x.is_contiguous(memory_format=layout) for x in both])

    with torch.nn.modules.module.register_module_forward_pre_hook(look):
        contender(kind, RUNS["bands"], images("cpu"), CPU).advance()
    assert seen == 8 * [[True, True]]


def test_both_layouts_race_in_float32_on_a_gpu() -> None:
    for device, precision, both in (
        ("cuda", "float32", True),
        ("cuda", "bfloat16", False),
        ("cpu", "float32", False),
    ):
        runs = speed._runs(RUNS["bands"], RUNS["probe"], torch.device(device), precision)
        assert (CONTIGUOUS in dict(runs)) == both


def test_the_plain_loop_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = plain_loop.models.build
    monkeypatch.setattr(plain_loop.models, "build", lambda *a: built.append(build(*a)) or built[-1])
    run = RUNS["bands"].model_copy(update={"batch_size": 10})
    steps = plain_loop.plain_loop(run, images("cpu"), CPU)
    next(steps)
    before = {name: p.clone() for name, p in built[0].named_parameters()}
    next(steps)
    assert any(not torch.equal(p, before[name]) for name, p in built[0].named_parameters())


def test_the_plain_loop_races_in_a_process_that_ends_with_the_race() -> None:
    run = RUNS["bands"].model_copy(update={"batch_size": 10})
    with contenders.plain_process(run, images("cpu"), CPU) as racer:
        (child,) = multiprocessing.active_children()
        racer.advance()
        racer.advance()
        assert child.is_alive()
    assert child.exitcode == 0


def test_looking_costs_a_share_of_the_run_s_training(
    mechanism_study: Study, tiny: Study, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each part in turn said to take 1 (ten training steps), 7 (a moment) and 2 (λ₁) seconds;
    the study makes 10 steps and looks at 2 moments.
    """
    taken = cycle([1.0, 7.0, 2.0])

    def canned(work: Callable[[], object], device: torch.device) -> float:
        work()
        return next(taken)

    monkeypatch.setattr(looking, "STEPS", 2)
    monkeypatch.setattr(looking, "ROUNDS", 1)
    monkeypatch.setattr(looking, "_seconds", canned)
    threads = torch.get_num_threads()
    rows = looking.looking(mechanism_study, results, CPU)
    assert torch.get_num_threads() == threads
    assert [row.pop("architecture") for row in rows] == ["vgg_a", "vgg_a_bn"]
    for row in rows:
        assert row == pytest.approx(
            {
                "step_seconds": 0.1,
                "moment_seconds": 5.0,
                "lambda_seconds": 2.0,
                "share": 5.0 * 2 / (10 * 0.1),
                "lambda_share": 2.0 * 2 / (10 * 0.1),
            }
        )
    said = table._looking({"architecture": "vgg_a", **rows[0]})
    assert "5.0 per moment, in total 1000% of the training; 2.0 for λ₁," in said
    assert looking.looking(tiny, results, CPU) == []


def test_a_ceiling_counts_two_operations_for_each_product(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = cycle([0.0, 2.0])
    monkeypatch.setattr(ceilings.time, "perf_counter", lambda: next(ticks))
    assert ceilings.flops_per_second(CPU, "float32") == 2 * 2048**3 / 2.0
    assert ceilings.bytes_per_second(CPU) == 2 * 4 * 2**25 / 2.0


def test_bfloat16_races_only_where_it_is_not_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cpu_bfloat16_slowdown", lambda: 0.5)
    assert speed.precisions(CPU) == ("float32", "bfloat16")
    monkeypatch.setattr(devices, "cpu_bfloat16_slowdown", lambda: 1.8)
    assert speed.precisions(CPU) == ("float32",)


@pytest.fixture(scope="module")
def measured(results: Path, tiny: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder in which everything was measured, each thing in its smallest size."""
    folder = tmp_path_factory.mktemp("measured")
    shutil.copytree(results / "data", folder / "data")
    one = {"architectures": ("vgg_a_bn",)}
    parts = {"bands": tiny.bands, "probe": tiny.probe}
    study = tiny.model_copy(update={n: part.model_copy(update=one) for n, part in parts.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growth, "WIDTHS", (0.05,))
        patch.setattr(growth, "BATCHES", ())
        patch.setattr(growth, "SHARES", ())
        patch.setattr(startup.help_seconds, "__defaults__", (1,))
        patch.setattr(workflow, "STUDIES", ((1, 2, 1),))
        patch.setattr(sharing, "COUNTS", (2,))
        patch.setattr(speed, "precisions", lambda device: ("float32",))
        collect.bench(study, folder, threads=2, rounds=2, seconds=0.01)
    return folder


def test_an_interrupted_benchmark_keeps_what_it_measured(
    folder: Path, tiny: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill during `startup`; then the parts are asked for one by one."""
    calls: list[str] = []

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(collect, "_ceilings", lambda device: calls.append("ceilings") or {"a": 1})
    monkeypatch.setattr(collect.speed, "race", lambda *a: calls.append("speed") or [])
    monkeypatch.setattr(collect.startup, "before_the_first_step", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            collect.bench(tiny, folder, 1, 1, 0.01)
    assert calls == ["ceilings", "speed", "speed"]  # a race for each architecture, once
    found = read_json(folder / "bench/parts.json")
    assert set(found) == {"machine", "ceilings", "speed", "looking"}
    collect.bench(tiny, folder, 1, 1, 0.01, wanted=["ceilings"])
    assert calls[3:] == ["ceilings"]
    assert not (folder / "bench/bench.json").exists()
    with pytest.raises(UserError, match="'sped'.* are not parts; there are ceilings, speed"):
        collect.bench(tiny, folder, 1, 1, 0.01, wanted=["sped"])


def test_short_trainings_are_those_of_their_jobs_after_one_to_warm_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Timed without a job's files and checks, and with the very same networks at the end."""
    changes = {"batch_size": 50, "epochs": 2, "split": Split(train_images=130)}
    changes |= {"name": "final/fast", "test_time_augmentation": True, "device": "cpu"}
    runs = [RUNS["network"].model_copy(update={**changes, "seed": seed}) for seed in (0, 1)]
    built = []
    state = sprints.State
    monkeypatch.setattr(sprints, "State", lambda *a, **k: built.append(a[0].seed) or state(*a, **k))
    (row,) = sprints.sprints(SimpleNamespace(runs=runs), folder, CPU)
    assert built == [0, 0, 1]
    assert (row["network"], row["seeds"], row["captured"]) == ("fast", [0, 1], ["none", "none"])
    for name in ("start_seconds", "steps_seconds", "six_views_seconds"):
        assert min(row[name]) > 0
    for place, run in enumerate(runs):
        job.train(run, folder, threads=None)
        whole = read_json(folder / run.id / "run.json")
        assert row["accuracy"][place] == whole["test_accuracy"]
        assert row["six_views_accuracy"][place] == whole["test_accuracy_augmented"]


def test_short_trainings_are_a_line_of_the_table() -> None:
    row = {"network": "fast", "start_seconds": [0.1, 0.3], "steps_seconds": [2.0, 2.2]}
    row |= {"six_views_seconds": [0.5, 0.5], "accuracy": [0.93, 0.94]}
    said = table._sprint(row | {"six_views_accuracy": [0.94, 0.94]})
    assert said == (
        "fast, 2 runs of 2.30 s (the slowest 2.50): 93.50 ± 0.50 % of the test images; in six "
        "views of them 94.00 ± 0.00 %, after 2.80 s with the evaluation of these."
    )


def test_what_takes_hours_on_a_cpu_is_measured_there_only_by_name(
    folder: Path, tiny: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("sprints", "course"):
        monkeypatch.setattr(getattr(collect, part), part, lambda *a, p=part: [p])
    collect.bench(tiny, folder, 1, 1, 0.01, wanted=["sprints", "course"])
    found = read_json(folder / "bench/parts.json")
    assert (found["sprints"], found["course"]) == (["sprints"], ["course"])


def test_jobs_of_the_course_ask_for_a_share_of_the_card(
    tmp_path: Path, tiny: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The benchmark holds a share itself: with less they would wait for it, one by one."""
    started: list[list[str]] = []
    monkeypatch.setattr(course.subprocess, "Popen", lambda command: started.append(command))
    course._start(tiny.run("bands/vgg_a/lr0.001/seed0"), tmp_path, 4)
    (command,) = started
    assert command[command.index("--parallel") + 1] == "5"


@pytest.mark.slow
def test_everything_is_measured_and_finite(measured: Path) -> None:
    found = read_json(measured / "bench/bench.json")
    assert [row["runs"] for row in found["dry_runs"]] == [2]
    assert [(row["way"], row["runs"]) for row in found["sharing"]] == [("processes", 2)]
    assert {row["architecture"] for row in found["speed"]} == {"vgg_a_bn"}
    assert [(row["grows"], row["size"]) for row in found["growth"]] == [("width", 0.05)]
    assert not {"sprints", "course"} & set(found)  # only by name on a CPU
    assert found["stale_figure"] is None  # nothing was trained here
    numbers = [*found["startup"].values(), found["help_seconds"], *found["ceilings"].values()]
    numbers += [value for row in found["growth"] for value in list(row.values())[2:]]
    numbers += [value for row in found["dry_runs"] for value in row.values()]
    assert all(number > 0 for number in numbers)


@pytest.mark.slow
def test_the_race_relates_every_way_to_the_plain_loop_and_to_the_bare_step(measured: Path) -> None:
    rows = read_json(measured / "bench/bench.json")["speed"]
    assert [row["kind"] for row in rows] == [PLAIN, BARE, UNMEASURED, BANDS, PROBE]
    by_kind = {row["kind"]: row for row in rows}
    assert by_kind[PLAIN]["times_plain"]["median"] == 1
    assert by_kind[BARE]["share_of_bare"]["median"] == 1
    assert by_kind[UNMEASURED]["measuring_cost"]["median"] == 0
    taken = {kind: np.array(row["seconds_per_step"]) for kind, row in by_kind.items()}
    expected = np.median(taken[PLAIN] / taken[BANDS])
    assert by_kind[BANDS]["times_plain"]["median"] == pytest.approx(expected)
    cost = np.median(taken[PROBE] / taken[UNMEASURED] - 1)
    assert by_kind[PROBE]["measuring_cost"]["median"] == pytest.approx(cost)
    for row in rows:
        assert row["steps_per_second"]["low"] <= row["steps_per_second"]["median"]
        assert row["share_of_ceiling"] > 0


def test_one_thing_grows_at_a_time(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, measured = RUNS["bands"], []

    def noted(changed: Run, folder: Path, images: int, threads: int) -> dict[str, float]:
        measured.append((changed.architecture.width, changed.batch_size, images))
        return {"seconds_per_step": 1.0}

    monkeypatch.setattr(growth, "_in_process", noted)
    rows = growth.growth(run, results, 1)
    width, batch = run.architecture.width, run.batch_size
    count = len(dataset.load(results / "data", "train").labels)
    batches = [n for n in growth.BATCHES if n <= count]
    shares = [round(share * count) for share in growth.SHARES]
    assert measured == [
        *((w, batch, count) for w in growth.WIDTHS),
        *((width, n, count) for n in batches),
        *((width, batch, n) for n in shares),
    ]
    assert [row["size"] for row in rows] == [*growth.WIDTHS, *batches, *shares]


@pytest.mark.slow
def test_the_readme_table_says_what_was_measured(measured: Path) -> None:
    found = read_json(measured / "bench/bench.json")
    lines = (measured / "bench/speed.md").read_text("utf-8").splitlines()
    bands = next(row for row in found["speed"] if row["kind"] == BANDS)
    line = next(line for line in lines if line.startswith("| vgg_a_bn, bands"))
    assert f"{bands['steps_per_second']['median']:.3g}" in line
    assert f"{bands['times_plain']['median']:.2f}" in line
    assert any(line.startswith("- Dry runs: 2 runs") for line in lines)


@pytest.mark.slow
def test_the_figure_has_a_line_for_every_contender(measured: Path) -> None:
    found = read_json(measured / "bench/bench.json")
    figure = bench_figure.bench(found)
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert len(shown) == len(found["speed"])
    assert "VGG-A + BatchNorm, bands, float32" in shown
    draw.draw(
        "bench",
        measured,
        Figures(smoothing_steps=1),
        measured / "figures/bench.png",
        measured / "figures/bench.pdf",
    )
    assert (measured / "figures/bench.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_number_that_is_not_finite_is_not_drawn(measured: Path) -> None:
    found = read_json(measured / "bench/bench.json")
    found["speed"][0]["steps_per_second"]["median"] = float("nan")
    with pytest.raises(UserError, match="plain loop of vgg_a_bn is not finite"):
        bench_figure.bench(found)
