"""Small pictures in the formats of copies, and whether these are lossy."""

import io
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landscape.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP")
MODES = ("RGB", "RGBA", "P", "L")  # convert to 8-bit RGB without loss
SIZE = (32, 32)
LIMIT = 100_000  # bytes; 32x32 pixels have 3,072 without any compression


def decode(content: bytes | None, target: NDArray[Any], origin: object) -> bool:
    """Decode one picture into `target` uint8 [32, 32, 3]; returns whether its format is lossy."""
    if content is None:
        raise UserError(f"{origin}: no image")
    if len(content) > LIMIT:
        raise UserError(f"{origin}: {len(content)} bytes, at most {LIMIT} are read")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.size != SIZE or image.mode not in MODES:
                found = f"{image.width}x{image.height} {image.mode}"
                raise UserError(f"{origin}: must be 32x32 in one of {MODES}, not {found}")
            raw = image.convert("RGB").tobytes()
            kind = image.format
        if kind == "PNG":
            _verify_chunks(content)
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders can raise any error on broken bytes
        raise UserError(f"{origin}: not readable as an image ({error})") from None
    target[:] = np.frombuffer(raw, dtype=np.uint8).reshape(target.shape)
    return kind == "JPEG" or (kind == "WEBP" and _webp_is_lossy(content))


def _verify_chunks(content: bytes) -> None:
    """Check the checksum of each chunk of a PNG; Pillow skips those of the pixels."""
    place = 8  # after the signature
    while True:
        size = int.from_bytes(content[place : place + 4], "big")
        chunk, end = content[place + 4 : place + 8 + size], place + 8 + size
        if zlib.crc32(chunk) != int.from_bytes(content[end : end + 4], "big") or len(chunk) < 4:
            raise ValueError(f"wrong checksum in the chunk at byte {place}")
        if chunk.startswith(b"IEND"):
            return
        place = end + 4


def _webp_is_lossy(content: bytes) -> bool:
    """Whether a WebP is lossy, by the kind of its chunks: "VP8 " is lossy, "VP8L" lossless."""
    place = 12  # after RIFF, the size, and WEBP
    while place + 8 <= len(content):
        if content[place : place + 4] == b"VP8 ":
            return True
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    return False
