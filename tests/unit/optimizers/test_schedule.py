"""The learning rate's factor: closed forms, warm-up, end points, no jumps."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.config.recipes import Schedule
from landscape.optimizers.schedule import factor

STEPS = 1000
DECAYS = ("constant", "linear", "cosine")


def factors(steps=STEPS, **settings):
    return [factor(Schedule(**settings), step, steps) for step in range(steps)]


def test_without_settings_the_rate_is_the_run_s():
    assert factors() == [1.0] * STEPS


@pytest.mark.parametrize(
    ("decay", "form"),
    [
        ("linear", lambda p: 1 - p),
        ("cosine", lambda p: (1 + math.cos(math.pi * p)) / 2),
        ("constant", lambda p: 1),
    ],
)
def test_closed_forms(decay, form):
    assert factors(decay=decay) == pytest.approx([form(step / STEPS) for step in range(STEPS)])
    warm = factors(decay=decay, warmup=0.2)
    assert warm[:200] == pytest.approx([(step + 1) / 200 for step in range(200)])
    assert warm[200:] == pytest.approx([form(step / 800) for step in range(800)])


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_a_final_factor_stretches_the_same_curve(decay):
    plain = factors(decay=decay, warmup=0.1)
    ended = factors(decay=decay, warmup=0.1, final=0.25)
    assert ended[:100] == plain[:100]
    assert ended[100:] == pytest.approx([0.25 + 0.75 * value for value in plain[100:]])


@pytest.mark.parametrize("warmup", [0.0, 0.3])
@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_end_points(decay, warmup):
    """Never zero at an update: the first is already warm, the last not yet at the end."""
    values = factors(decay=decay, warmup=warmup)
    assert max(values) == 1
    assert values[int(warmup * STEPS)] == 1
    assert 0 < values[-1] < 2 / STEPS
    assert values[0] == (1 / 300 if warmup else 1)
    assert factors(decay=decay, warmup=warmup, final=1.0)[-1] == 1


def test_cosine_is_half_way_at_half_time_and_flat_at_both_ends():
    values = factors(decay="cosine")
    assert values[STEPS // 2] == pytest.approx(0.5)
    assert values[0] - values[1] < 1e-5
    assert values[-2] - values[-1] < 1e-4


def test_a_warm_up_of_less_than_a_step_is_none():
    assert factors(steps=5, warmup=0.1) == [1.0] * 5


def test_one_step_is_made_at_the_whole_rate():
    for decay in DECAYS:
        assert factors(steps=1, decay=decay, warmup=0.5) == [1.0]


schedules = st.builds(
    lambda warmup, decay, final: Schedule(
        warmup=warmup, decay=decay, final=final if decay != "constant" else 0
    ),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(DECAYS),
    st.floats(0, 1),
)


@settings(deadline=None)
@given(schedules, st.integers(1, 10**6), st.data())
def test_a_factor_lies_between_zero_and_one(schedule, steps, data):
    step = data.draw(st.integers(0, steps - 1))
    assert 0 <= factor(schedule, step, steps) <= 1


@settings(deadline=None)
@given(schedules, st.integers(2, 300))
def test_it_rises_then_falls_without_jumps(schedule, steps):
    values = [factor(schedule, step, steps) for step in range(steps)]
    warm = math.floor(schedule.warmup * steps)
    rising, falling = values[: warm + 1], values[warm:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    # The steepest are a warm-up's 1/w and, of the decays, half a cosine's π/2 over what remains.
    allowed = max(1 / warm if warm else 0, math.pi / 2 / (steps - warm))
    jumps = [abs(b - a) for a, b in zip(values, values[1:], strict=False)]
    assert max(jumps) <= allowed + 1e-12
