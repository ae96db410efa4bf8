"""Captured steps on a real card: the bits of the eager ones. Skipped where there is none."""

import pytest
import torch

from landscape.training import cuda_graphs
from support.runs import RUNS
from support.steps import NOT_CAPTURED, SHORT_RUNS, Started, assert_same

CASES = {
    **{name: (run, 50, 36) for name, run in RUNS.items()},
    **{name: (run, 10, 18) for name, run in SHORT_RUNS.items() if name not in NOT_CAPTURED},
}
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.parametrize("name", CASES)
def test_captured_steps_are_the_eager_ones_bit_for_bit(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, count, steps = CASES[name]
    it, expected = (Started(run, "cuda", count, steps) for _ in range(2))
    assert cuda_graphs.obstacle(it.run, it.state) is None
    found = cuda_graphs.walk(it.run, it.state, it.batches, it.recorder, steps)
    assert found == cuda_graphs.Captured("all")
    assert capsys.readouterr().err == ""
    expected.walk_eagerly()
    assert_same(it.outcome(), expected.outcome())
