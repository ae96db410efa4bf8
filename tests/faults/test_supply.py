"""What comes from outside: pinned by checksum, fetched by one stage, never executed."""

import ast
import re

from landscape.provenance import fingerprint
from support.artefacts import ROOT

NETWORK = {"requests", "urllib3", "socket", "http", "ftplib", "urllib.request", "aiohttp", "httpx"}
EXECUTING = {"eval", "exec", "compile", "__import__"}


def modules():
    """(dotted name, syntax tree) of every module of the package."""
    for path in sorted(fingerprint.PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(fingerprint.PACKAGE).with_suffix("").parts)
        yield name, ast.parse(path.read_text("utf-8"))


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_only_the_download_can_use_the_network():
    """As the text says; that nothing else does is tested with the network closed (F23)."""
    users = {
        name
        for name, tree in modules()
        if any(module in NETWORK or module.split(".")[0] in NETWORK for module in imported(tree))
    }
    local = {"worker.client", "worker.server"}
    assert users == {"data.sources.download", *local}
    for name, tree in modules():
        if name in local:  # sockets of this machine, which no network reaches
            families = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            assert {family for family in families if family.startswith("AF_")} <= {"AF_UNIX"}
            assert not families & {"create_connection", "create_server"}


def test_nothing_that_was_read_is_executed():
    """No eval, no exec; pickles only by the reader that knows arrays and nothing else."""
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in EXECUTING, name
                assert called not in ("pickle.load", "pickle.loads", "os.system"), name
                if called == "torch.load":
                    assert "weights_only=True" in ast.unparse(node), name
        if "pickle" in imported(tree):
            assert name == "data.sources.pickles"


def pins(text):
    lines = (line.split(" \\")[0].strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(("--hash", "#"))]


def test_every_dependency_is_pinned_with_checksums_and_no_address():
    hashed = (ROOT / "envs/hashes.txt").read_text("utf-8")
    plain = (ROOT / "envs/requirements.txt").read_text("utf-8")
    assert pins(hashed) == pins(plain)
    assert all("==" in pin for pin in pins(plain))
    blocks = re.split(r"\n(?=\S)", hashed.strip())
    assert len(blocks) == len(pins(plain))
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)
    assert "://" not in hashed + plain
    assert "index-url" not in hashed + plain
