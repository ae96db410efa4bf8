"""The benchmark measures what it says, with the run that it names."""

from itertools import count, cycle

import numpy as np
import pytest
import torch

from landscape import device as devices
from landscape.bench import ceilings, contenders, speed, timing
from landscape.bench.contenders import BANDS, BARE, PLAIN, PROBED, UNMEASURED, contender
from landscape.runs import ProbeSchedule
from tests.unit.test_graphs import RUNS, images

CPU = torch.device("cpu")
KINDS = (PLAIN, BARE, UNMEASURED, BANDS, PROBED)


def test_contenders_take_turns_and_every_round_has_a_time_for_each() -> None:
    order: list[str] = []
    seconds = timing.interleaved(
        [lambda: order.append("a"), lambda: order.append("b")], CPU, 3, slot_seconds=0, warm_up=2
    )
    assert order == [*"aaabbb", *"ababab"]  # two warm-up steps and a timed one each, then turns
    assert np.shape(seconds) == (2, 3)
    assert (np.array(seconds) > 0).all()


def test_a_slower_contender_makes_fewer_steps_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count()
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    made = {"fast": 0, "slow": 0}

    def step(name: str, seconds: float) -> None:
        next(clock)
        made[name] += 1
        now[0] += seconds

    seconds = timing.interleaved(
        [lambda: step("fast", 0.1), lambda: step("slow", 0.5)], CPU, 2, slot_seconds=1.0, warm_up=0
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


def test_the_race_relates_every_way_to_the_plain_loop_and_to_the_bare_step() -> None:
    bands = RUNS["bands"].model_copy(update={"batch_size": 10, "gradient_lags": (1,)})
    schedule = ProbeSchedule(every=5, relative_step_sizes=(0.5, 1.0))
    probe = RUNS["probe"].model_copy(update={"batch_size": 10, "probe": schedule})
    rows = speed.race(bands, probe, images("cpu"), CPU, rounds=3, slot_seconds=0.0)
    kinds = [row["kind"] for row in rows if row["precision"] == "float32"]
    assert kinds == [PLAIN, BARE, UNMEASURED, BANDS, speed.SCHEDULE]
    by_kind = {row["kind"]: row for row in rows if row["precision"] == "float32"}
    assert by_kind[PLAIN]["times_plain"]["median"] == 1
    assert by_kind[BARE]["share_of_bare"]["median"] == 1
    assert by_kind[UNMEASURED]["measuring_cost"]["median"] == 0
    taken = {kind: np.array(row["seconds_per_step"]) for kind, row in by_kind.items()}
    expected = np.median(taken[PLAIN] / taken[BANDS])
    assert by_kind[BANDS]["times_plain"]["median"] == pytest.approx(expected)
    cost = np.median(taken[speed.SCHEDULE] / taken[UNMEASURED] - 1)
    assert by_kind[speed.SCHEDULE]["measuring_cost"]["median"] == pytest.approx(cost)
    for row in rows:
        assert row["steps_per_second"]["low"] <= row["steps_per_second"]["median"]
        assert 0 < row["share_of_ceiling"]


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
