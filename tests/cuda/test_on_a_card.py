"""On a real card: captured steps have the bits of the eager ones, and BatchNorm is right in both
layouts. Skipped where there is none, but for what a CPU can do too.
"""

import pytest
import torch

from landscape.training import cuda_graphs
from support.runs import RUNS
from support.steps import NOT_CAPTURED, SHORT_RUNS, Started, assert_same

CASES = {
    **{name: (run, 50, 36) for name, run in RUNS.items()},
    **{name: (run, 10, 18) for name, run in SHORT_RUNS.items() if name not in NOT_CAPTURED},
}
needs_a_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
LAYOUTS = (torch.channels_last, torch.contiguous_format)


@needs_a_card
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


def normalized_and_gradient(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """BatchNorm y of a batch, and the gradient of Σ y³ by the batch, in units of its scale."""
    norm = torch.nn.BatchNorm2d(x.shape[1]).to(x)
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = norm(x)
    (gradient,) = torch.autograd.grad((y**3).sum(), x)
    return y.detach(), gradient * x.detach().std()


def is_right(x: torch.Tensor, tolerance: float = 1e-4) -> bool:
    """Whether float32 gives what float64 gives."""
    pairs = zip(normalized_and_gradient(x), normalized_and_gradient(x.double()), strict=True)
    return all(
        torch.allclose(found.double(), right, rtol=0, atol=tolerance * float(right.abs().max()))
        for found, right in pairs
    )


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_a_card)])
def test_batch_norm_in_float32_is_right_over_the_range_of_training(
    device: str, layout: torch.memory_format
) -> None:
    """cuDNN's way for channels-last batches is documented to be right for a smaller range."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(16, 32, 8, 8, generator=generator).to(device).contiguous(memory_format=layout)
    for scale in (1e-2, 1.0, 1e4, 1e8):
        for mean in (0.0, 10.0):
            assert is_right(scale * (x + mean)), f"scale {scale:g}, mean {mean:g} of its scales"
    assert not is_right(1e25 * x)  # whose squares float32 cannot hold
