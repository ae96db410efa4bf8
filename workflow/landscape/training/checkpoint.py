"""Resume state of a run: checksummed, bound to what made it, with the generation before it.

`torch.save` alone is neither atomic nor does `torch.load` notice a flipped bit, so a file here is
one line of JSON (checksum, identity) and then the saved tensors.
"""

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from landscape.errors import is_out_of_memory
from landscape.storage import files

CHECKPOINT_SECONDS = 60.0  # between saves, where nobody says otherwise


def save(path: Path, state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Write the state; the file that was there becomes the previous generation."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getbuffer()
    header = json.dumps({"sha256": files.sha256(payload), "identity": identity})
    with files.atomic_file(path) as file:
        file.write(header.encode() + b"\n")
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
        if path.exists():
            path.replace(previous(path))


def load(path: Path, identity: dict[str, Any], device: torch.device) -> dict[str, Any] | None:
    """The newest state that is whole and of this identity, or None; says why one is refused."""
    refused = False
    for candidate in (path, previous(path)):
        if candidate.exists():
            try:
                return _read(candidate, identity, device)
            except ValueError as error:
                refused = True
                print(f"{candidate}: not resumed from: {error}", file=sys.stderr)
    if refused:
        print(f"{path}: no saved state is usable, the run starts from step 0", file=sys.stderr)
    return None


def delete(path: Path) -> None:
    for candidate in (path, previous(path)):
        candidate.unlink(missing_ok=True)


def previous(path: Path) -> Path:
    return path.with_name(path.name + ".prev")


def _read(path: Path, identity: dict[str, Any], device: torch.device) -> dict[str, Any]:
    try:
        line, _, payload = path.read_bytes().partition(b"\n")
        header = json.loads(line)
        expected, found = header["sha256"], header["identity"]
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError("its header is damaged") from None
    if files.sha256(payload) != expected:
        raise ValueError("its checksum is wrong")
    differing = list(_differences(found, identity))
    if differing:
        raise ValueError("it belongs to another run: " + "; ".join(differing))
    try:
        state: dict[str, Any] = torch.load(
            io.BytesIO(payload), map_location=device, weights_only=True
        )
    except Exception as error:  # pickle's, the zip reader's, torch's
        if is_out_of_memory(error):  # the state is good, and must not be started over
            raise
        reason = str(error).partition("\n")[0]
        raise ValueError(f"what it holds is no state and is not executed ({reason})") from None
    return state


def _differences(found: Any, expected: Any, name: str = "") -> Iterator[str]:
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(found.keys() | expected.keys()):
            yield from _differences(found.get(key), expected.get(key), f"{name}.{key}".lstrip("."))
    elif found != expected:
        yield f"{name} was {found!r} and is {expected!r}"
