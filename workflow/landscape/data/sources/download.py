"""Downloads: resumed, retried, and checked before the file gets its name."""

import hashlib
import itertools
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from landscape.errors import UserError

if TYPE_CHECKING:  # imported only for downloads; images on this machine do not need it
    import requests

TIMEOUTS = (10.0, 30.0)  # seconds: to connect, and between two pieces of an answer
CHUNK = 1 << 18  # bytes
PROGRESS_EVERY = 5.0  # seconds
WORTH_ANOTHER_TRY = {408, 425, 429}  # 4xx answers that another attempt may change
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # the first that is set


class DownloadError(UserError):
    """A file that could not be downloaded."""


class MissingError(DownloadError):
    """A file that the server does not have."""


class _AttemptError(Exception):
    """Why one attempt failed."""


class _FinalError(_AttemptError):
    """A failure that another attempt would repeat."""


class _NotThereError(_FinalError):
    """The server's 404."""


def download(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    attempts: int = 4,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Download `url` to `path`, which appears whole and with the right checksums, or not at all.

    Bytes collect in `path` + ".part", from which the next attempt, or the next process, resumes.
    With checksums, an existing `path` is checked, and kept if it is right. Without, it is kept,
    because only whole files get this name. A wrong file may be the user's own: the download resumes
    from its bytes if possible, and it is renamed once the right file is there, never deleted.
    Failures end in one DownloadError.
    """
    sums = {name: value for name, value in (("sha256", sha256), ("md5", md5)) if value is not None}
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        wrong = _difference(path, sums) if path.exists() else None
        if path.exists() and wrong is None:
            return
        if wrong is not None:
            _say(f"{path}: exists, but is not the file from {shown(url)}: {wrong}")
            if not part.exists():
                shutil.copyfile(path, part)
        reason, failed = "not tried", DownloadError
        for attempt in range(1, attempts + 1):
            try:
                _fetch(url, part)
                _check(part, sums)
            except _FinalError as failure:
                reason = str(failure)
                failed = MissingError if isinstance(failure, _NotThereError) else DownloadError
                break
            except _AttemptError as failure:
                reason = str(failure)
                if attempt < attempts:
                    _say(f"{path.name}: {reason}; trying again ({attempt} of {attempts} tries)")
                    wait(2.0**attempt)
                continue
            if wrong is not None:
                _set_aside(path)
            part.replace(path)
            return
    except OSError as error:  # of this machine's disk; those of the network are already failures
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None
    kept = f" ({path} stays as it is: {wrong})" if wrong is not None else ""
    raise failed(f"{shown(url)}: not downloaded: {reason}.{kept}")


def shown(url: str) -> str:
    """The address without user, password and query, to record and print."""
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"


def _set_aside(path: Path) -> None:
    """Rename a wrong file."""
    names = (path.with_name(f"{path.name}.set-aside{number or ''}") for number in itertools.count())
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    _say(f"{path}: replaced by the right file; the previous file is now {aside.name}")


def _fetch(url: str, part: Path) -> None:
    """One request that appends the missing bytes to `part`; an error unless all arrive."""
    import requests
    import urllib3

    begun = part.stat().st_size if part.exists() else 0
    # Bytes as stored: transparent decompression would break both resuming and checksums.
    headers = {"Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
    try:
        with requests.get(
            url, headers=headers, stream=True, timeout=TIMEOUTS, verify=_certificates()
        ) as response:
            if response.status_code == 416:
                if begun and _range_of(response)[1] == begun:
                    return
                part.unlink(missing_ok=True)
                raise _AttemptError("the partial download does not belong to this file")
            _refuse_status(response)
            start, total = _extent(response)
            if start not in (0, begun):
                part.unlink(missing_ok=True)
                raise _AttemptError(
                    f"asked for bytes from {begun} on, the answer starts at {start}"
                )
            _receive(response, part, start, total)
    except requests.exceptions.SSLError as error:
        raise _FinalError(
            f"the server's certificate was not accepted ({_reason(error)}). If the network "
            "inspects connections, set REQUESTS_CA_BUNDLE or SSL_CERT_FILE to the file (PEM) of "
            "its certificates, or HTTPS_PROXY to its proxy"
        ) from None
    except requests.exceptions.ProxyError as error:
        raise _AttemptError(
            f"the proxy that HTTPS_PROXY or HTTP_PROXY names failed ({_reason(error)})"
        ) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _AttemptError(f"the connection failed ({_reason(error)})") from None
    size = part.stat().st_size
    if total is not None and size < total:
        raise _AttemptError(f"the connection ended after {size} of {total} bytes")
    if total is not None and size > total:
        part.unlink()
        raise _AttemptError(f"{size} bytes arrived, {total} were announced")


def _certificates() -> str | bool:
    """The trusted certificates: a file named by the environment, or the bundled ones."""
    for name in CERTIFICATES:
        if value := os.environ.get(name):
            if not Path(value).exists():
                raise _FinalError(f"{name} is {value}, but there is no such file")
            return value
    return True


def _reason(error: BaseException) -> str:
    """The message of the innermost error, without addresses of objects."""
    while True:
        inner = getattr(error, "reason", None) or next(
            (part for part in reversed(error.args) if isinstance(part, BaseException)), None
        )
        if not isinstance(inner, BaseException):
            break
        error = inner
    said = re.sub(r"<[^>]*>:? ?|^.*?\): ", "", str(error)) or type(error).__name__
    return re.sub(r" \(_ssl\.c:\d+\)", "", said)


def _refuse_status(response: "requests.Response") -> None:
    status = response.status_code
    if status not in (200, 206):
        permanent = 400 <= status < 500 and status not in WORTH_ANOTHER_TRY
        kind = _NotThereError if status == 404 else _FinalError if permanent else _AttemptError
        raise kind(f"the server answered {status} {response.reason}")
    if "text/html" in response.headers.get("Content-Type", ""):
        raise _AttemptError("the server answered with a web page (text/html) instead of the file")


def _extent(response: "requests.Response") -> tuple[int, int | None]:
    """The first byte of the answer, and the size of the whole file if known."""
    if response.status_code == 206:
        return _range_of(response)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _range_of(response: "requests.Response") -> tuple[int, int | None]:
    """First byte and total of `Content-Range: bytes 5-9/10`; a refusal says `bytes */10`."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", "")
    )
    if found is None:
        return -1, None
    first, total = found.groups()
    return int(first or 0), None if total == "*" else int(total)


def _receive(response: "requests.Response", part: Path, start: int, total: int | None) -> None:
    whole = "an unknown number of" if total is None else f"{total / 1e6:.1f}"
    last = time.monotonic()
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        for piece in response.raw.stream(CHUNK, decode_content=False):
            file.write(piece)
            if time.monotonic() - last >= PROGRESS_EVERY:
                last = time.monotonic()
                _say(f"{part.stem}: {file.tell() / 1e6:.1f} of {whole} MB")
        file.flush()
        os.fsync(file.fileno())


def _check(part: Path, sums: dict[str, str]) -> None:
    difference = _difference(part, sums)
    if difference is not None:
        part.unlink()
        raise _AttemptError(difference)


def _difference(path: Path, sums: dict[str, str]) -> str | None:
    """How the file's checksums differ from the expected ones; None if they do not."""
    for algorithm, expected in sums.items():
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        if found != expected:
            return f"wrong {algorithm}: expected {expected}, found {found}"
    return None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
