"""Which precision a card has is asked of the card, not assumed."""

import pytest
import torch

from landscape.errors import UserError
from landscape.runtime import device as devices

CUDA = torch.device("cuda")


@pytest.fixture
def card(monkeypatch):
    """Pretend that there is a card of a compute capability."""

    def install(capability):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some card")

    return install


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((6, 1), "float32"), ((7, 5), "float32"), ((8, 0), "bfloat16"), ((12, 0), "bfloat16")],
)
def test_auto_is_bfloat16_only_where_the_card_computes_in_it(card, capability, expected):
    card(capability)
    assert devices.chosen(CUDA, "auto") == expected
    assert devices.chosen(CUDA, "float32") == "float32"


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_a_precision_that_the_card_lacks_is_refused(card, precision):
    card((7, 5))
    with pytest.raises(UserError, match=f"Some card has no {precision}.* 8.0 on; use float32"):
        devices.prepare(CUDA, precision, None)
