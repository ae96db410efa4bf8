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


@pytest.fixture
def mac(monkeypatch):
    """Pretend that torch was built for a Mac; `lacking` operations fail as MPS's do."""

    def install(**lacking):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        real = devices.unsupported
        for name, error in lacking.items():

            def fail(device, error=error):
                raise error

            monkeypatch.setattr(devices, name, fail)
        cpu = torch.device("cpu")  # the operations themselves are tried here
        monkeypatch.setattr(devices, "unsupported", lambda device: real(cpu))

    return install


def test_auto_takes_mps_where_every_operation_is_there(mac, capsys):
    mac()
    assert devices.resolve("auto") == torch.device("mps")
    assert devices.resolve("cpu") == torch.device("cpu")
    assert capsys.readouterr().err == ""
    assert devices.chosen(torch.device("mps"), "auto") == "float32"
    assert devices.name(torch.device("mps")).startswith("Apple MPS")
    for precision in ("tf32", "bfloat16"):
        with pytest.raises(UserError, match=f"{precision} is not tried on Apple's MPS"):
            devices.prepare(torch.device("mps"), precision, None)
    with pytest.raises(UserError, match="no CUDA device here"):
        devices.resolve("cuda")


@pytest.mark.parametrize(
    ("operation", "error", "said"),
    [
        (
            "_sum_in_float64",
            TypeError("Cannot convert a MPS Tensor to float64 dtype\nas the framework has none"),
            "sums in float64 (Cannot convert a MPS Tensor to float64 dtype)",
        ),
        (
            "_differentiate_twice",
            NotImplementedError("convolution_double_backward"),
            "second derivatives of a network (convolution_double_backward)",
        ),
    ],
)
def test_auto_says_what_mps_lacks_and_takes_the_cpu(mac, capsys, operation, error, said):
    mac(**{operation: error})
    assert devices.resolve("auto") == torch.device("cpu")
    assert capsys.readouterr().err == (
        f"device: auto is the CPU here, for Apple's MPS lacks {said}\n"
    )


def test_without_any_of_them_auto_is_the_cpu_without_a_word(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.resolve("auto") == torch.device("cpu")
    assert capsys.readouterr().err == ""
    assert devices.unsupported(torch.device("cpu")) is None  # the control: all of it works here
