"""Where images come from: each source reads its own format and writes the one prepared dataset."""

from pathlib import Path

from landscape.config.study import Source


def prepare(source: Source, folder: Path) -> None:
    """Make the prepared dataset of `source` in `folder`; doing it again gives the same bytes.

    What was downloaded stays in the folder, so that doing it again needs no network.
    """
    # Imported on demand: each source needs libraries that the others do not.
    if source.source == "official":
        from landscape.data.sources import official

        official.prepare(folder)
    elif source.source == "parquet":
        from landscape.data.sources import parquet

        parquet.prepare(folder, source.path)
    else:
        from landscape.data.sources import demo

        demo.prepare(folder)
