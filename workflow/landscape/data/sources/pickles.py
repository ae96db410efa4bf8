"""Pickles as data: arrays, containers, numbers and text are read; no code in them runs.

Arrays are built here from their bytes, so no state of a numpy object comes from the file.
"""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Type:
    """numpy.dtype: its code, such as "u1"; of its state only the byte order is used."""

    def __init__(self, code: Any, *_: Any):
        self.code = code.decode("ascii") if isinstance(code, bytes) else str(code)
        if self.code[:1] not in ("u", "i", "f", "b"):
            raise pickle.UnpicklingError(f"arrays of type {self.code!r} are not allowed")
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else str(order)

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]


class _Array:
    """numpy.ndarray: made empty, then given (version, shape, type, Fortran order, bytes)."""

    array: NDArray[Any]

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        self.array = _array(content, kind, shape, "F" if fortran else "C")


def _array(content: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    if not isinstance(kind, _Type) or not isinstance(content, bytes | bytearray):
        raise pickle.UnpicklingError("arrays must be bytes of a numeric type")
    return np.frombuffer(content, kind.numpy()).reshape(shape, order=order)


def _empty(*_: Any) -> _Array:
    return _Array()


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> _Array:
    made = _Array()
    made.array = _array(content, kind, shape, order)
    return made


def _scalar(kind: Any, content: Any) -> Any:
    return _array(content, kind, (), "C").item()


def _bytes(text: Any, encoding: Any) -> bytes:
    """Bytes as Python 3 writes them in protocols 0 to 2."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError("text is only encoded as latin1")
    return text.encode("latin1")


# numpy 2 moved its modules from `core` to `_core`; files of either name them.
_NUMPY: dict[str, dict[str, Any]] = {
    "multiarray": {"_reconstruct": _empty, "scalar": _scalar},
    "numeric": {"_frombuffer": _from_buffer},
}
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _bytes,
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, functions in _NUMPY.items()
        for name, function in functions.items()
    },
}


# The Python implementation: its memo is a dictionary, whereas the C one allocates as much memory as
# an index in the file demands.
class _Reader(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None


def read(content: bytes) -> dict[str, Any]:
    """The dictionary in a pickle, with text as keys and numpy arrays as values.

    Strings of Python 2 stay bytes. A broken pickle can raise any error.
    """
    found: Any = _Reader(io.BytesIO(content), encoding="bytes").load()
    if not isinstance(found, dict):
        raise pickle.UnpicklingError(f"must be a dictionary, not {type(found).__name__}")
    return {
        key.decode("latin1") if isinstance(key, bytes) else str(key): (
            value.array if isinstance(value, _Array) else value
        )
        for key, value in found.items()
    }
