"""Small copies of the figures, for readers without JavaScript."""

import base64
import io
from pathlib import Path

from PIL import Image

from landscape.errors import UserError

WIDTH = 800  # pixels
COLORS = 48


def embedded(png: Path) -> str:
    """A figure as a data URL, at most `WIDTH` wide, in few colours: 20 to 90 kB."""
    try:
        with Image.open(png) as figure:
            small = figure.convert("RGB")
    except OSError as error:
        raise UserError(f"{png}: not readable as a picture ({error})") from None
    small.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.quantize(COLORS, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
