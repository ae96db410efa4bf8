"""Downloads: connections that break, servers that lie, and files that a person put there."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from landscape.data.sources.download import CERTIFICATES, DownloadError, MissingError, download
from landscape.errors import UserError
from support.sources import CONTENT, SHA256, Server, fetch, names


def test_download(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.bin"
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["file.bin"]


def test_a_present_file_is_checked_and_not_downloaded_again(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    fetch(server, path)
    assert server.ranges == []
    path.write_bytes(CONTENT[:-1])
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT) - 1}-"]  # only what it lacked was sent


def test_a_cut_connection_is_resumed_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["cut", "cut", "good"]
    waits: list[float] = []
    fetch(server, tmp_path / "file.bin", waits)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=150000-", "bytes=225000-"]
    assert len(waits) == 2
    assert waits[0] < waits[1]


def test_another_process_goes_on_with_the_part(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["cut"]
    with pytest.raises(UserError, match="connection failed"):
        fetch(server, tmp_path / "file.bin", attempts=1)
    assert names(tmp_path) == ["file.bin.part"]
    server.behaviours = ["good"]
    fetch(server, tmp_path / "file.bin")
    assert server.ranges[-1] == "bytes=150000-"
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_sends_all_from_the_start(
    server: Server, tmp_path: Path
) -> None:
    server.behaviours = ["cut", "ignores range"]
    fetch(server, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    (tmp_path / "longer.part").write_bytes(CONTENT + b"of another file")
    fetch(server, tmp_path / "longer", attempts=1)
    assert (tmp_path / "longer").read_bytes() == CONTENT


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"more", b"x" * len(CONTENT), b"x" * 10])
def test_whatever_lies_in_the_part_the_file_comes_out_right(
    server: Server, tmp_path: Path, part: bytes
) -> None:
    (tmp_path / "file.bin.part").write_bytes(part)
    fetch(server, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    if part == CONTENT:  # complete, only the renaming was missing: nothing is sent again
        assert server.ranges == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("behaviour", ["wrong byte", "html", "disguised html", "busy"])
def test_one_bad_answer_is_overcome(server: Server, tmp_path: Path, behaviour: str) -> None:
    server.behaviours = [behaviour, "good"]
    fetch(server, tmp_path / "file.bin")
    assert server.ranges == [None, None]  # nothing of the bad answer was kept
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "requests", "named"),
    [
        ("wrong byte", 3, f"wrong sha256: expected {SHA256}, found [0-9a-f]{{64}}"),
        ("disguised html", 3, "wrong sha256"),
        ("html", 3, "web page"),
        ("busy", 3, "503"),
        ("gone", 1, "404"),
    ],
)
def test_a_bad_server_ends_in_one_clear_error(
    server: Server, tmp_path: Path, behaviour: str, requests: int, named: str
) -> None:
    server.behaviours = [behaviour]
    with pytest.raises(UserError, match=named) as raised:
        fetch(server, tmp_path / "file.bin", attempts=3)
    assert server.address in str(raised.value)
    assert raised.value.__cause__ is None
    assert len(server.ranges) == requests
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_no_server_at_all(server: Server, tmp_path: Path) -> None:
    url = "http://user:secret@127.0.0.1:9/file.bin?token=secret"  # the discard port: nobody there
    with pytest.raises(
        UserError, match="127.0.0.1:9/file.bin: not downloaded: the connection"
    ) as e:
        download(url, tmp_path / "file.bin", attempts=2, wait=lambda seconds: None)
    assert "secret" not in str(e.value)


def test_either_sum_is_checked(server: Server, tmp_path: Path) -> None:
    for sums in ({"sha256": "0" * 64}, {"md5": "0" * 32}):
        with pytest.raises(UserError, match=f"wrong {next(iter(sums))}: expected 000"):
            fetch(server, tmp_path / "file.bin", attempts=2, **sums)
        assert names(tmp_path) == []


def test_without_sums_the_size_is_still_checked(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["cut"]
    with pytest.raises(UserError, match="not downloaded"):
        fetch(server, tmp_path / "file.bin", sha256=None, md5=None, attempts=1)
    assert not (tmp_path / "file.bin").exists()


# --- a file that a person put there ---


@pytest.mark.parametrize(
    "content", [CONTENT[:1000], CONTENT[:-1], b"foreign" * 9, b"", CONTENT * 2]
)
def test_a_wrong_file_is_set_aside_and_never_deleted(
    server: Server, tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(content)
    server.behaviours = ["gone"]
    with pytest.raises(MissingError, match="stays as it is: wrong sha256"):
        fetch(server, path)
    assert path.read_bytes() == content
    server.behaviours = ["good"]
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert (tmp_path / "file.bin.set-aside").read_bytes() == content
    assert names(tmp_path) == ["file.bin", "file.bin.set-aside"]
    assert "wrong sha256" in capsys.readouterr().err


def test_another_wrong_file_is_set_aside_beside_the_first(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    for content in (b"one", b"two"):
        path.write_bytes(content)
        fetch(server, path)
    assert names(tmp_path) == ["file.bin", "file.bin.set-aside", "file.bin.set-aside1"]


# --- reasons ---


@pytest.fixture
def secure_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An https server whose certificate nobody knows, and that certificate."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listening.server_address[1]}/file.bin", certificate
    listening.shutdown()
    listening.server_close()
    thread.join()


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in CERTIFICATES:
        monkeypatch.delenv(name, raising=False)


@needs_openssl
def test_a_certificate_that_is_not_known_is_said_once_and_mended_by_the_environment(
    secure_server: tuple[str, Path],
    no_proxies: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, certificate = secure_server
    with pytest.raises(DownloadError, match="certificate verify failed: self-signed") as raised:
        download(url, tmp_path / "file.bin", wait=lambda seconds: None)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HTTPS_PROXY"):
        assert name in str(raised.value)
    assert "trying again" not in capsys.readouterr().err
    for number, name in enumerate(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")):
        with monkeypatch.context() as changed:
            changed.setenv(name, str(certificate))
            download(url, tmp_path / f"{number}.bin", sha256=SHA256)
        assert (tmp_path / f"{number}.bin").read_bytes() == CONTENT


def test_a_missing_certificate_file_is_named(
    no_proxies: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(DownloadError, match="SSL_CERT_FILE is /nowhere/ca.pem, but"):
        download("https://127.0.0.1:9/file.bin", tmp_path / "file.bin")


@pytest.mark.parametrize(
    ("url", "environment", "said"),
    [
        ("http://127.0.0.1:9/x", {}, "connection failed .*refused"),
        ("http://no-such-host.invalid/x", {}, "connection failed .*(resolve|not known|resolution)"),
        ("http://no-such-host.invalid/x", {"HTTP_PROXY": "http://127.0.0.1:9"}, "the proxy that"),
    ],
)
def test_other_reasons_are_given_too(
    no_proxies: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    environment: dict[str, str],
    said: str,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DownloadError, match=said) as raised:
        download(url, tmp_path / "file.bin", attempts=1)
    assert "object at" not in str(raised.value)
