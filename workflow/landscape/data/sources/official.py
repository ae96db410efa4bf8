"""CIFAR-10 from its authors: the python archive of the University of Toronto."""

from pathlib import Path

from landscape.data.sources import archive
from landscape.data.sources.copies import Found
from landscape.data.sources.download import download

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
MD5 = "c58f30108f718f92721af3b95e74349a"


def fetch(folder: Path, url: str = URL, *, sha256: str = SHA256, md5: str | None = MD5) -> Found:
    """Download the archive into `folder`, and check it before anything is parsed.

    It is kept there, so the next call only checks it.
    """
    path = folder / "cifar-10-python.tar.gz"
    download(url, path, sha256=sha256, md5=md5)
    return Found("the official archive", (path,), lambda: archive.read(path))
