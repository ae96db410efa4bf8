"""The image of the Dockerfile: built with buildah on a base from Debian's packages, and used.

As root, because a base is made with debootstrap. What pip needs to reach its index from inside, a
certificate of this machine, is lent to the build and is not in the image.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from support.artefacts import ROOT
from support.workflow import tiny_study

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
NOBODY = 4321  # a user that the image does not know, as `docker run --user` brings one
pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not all(map(shutil.which, ("buildah", "debootstrap"))),
    reason="needs root, buildah and debootstrap",
)


class Buildah:
    """Buildah with a storage of its own."""

    def __init__(self, folder: Path):
        self.options = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]

    def __call__(self, *arguments: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            ["buildah", *self.options, *map(str, arguments)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout[-5000:]
        return done.stdout


def mounts(folder: Path) -> list[str]:
    """What is mounted below a folder, in the order of mounting."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    return [point for point in points if Path(point).is_relative_to(folder)]


@pytest.fixture(scope="module")
def buildah(tmp_path_factory):
    """With the base image in its storage."""
    folder = tmp_path_factory.mktemp("image")
    run = Buildah(folder)
    (folder / "pip.conf").write_text("[global]\ncert = /run/certificates.crt\n", "utf-8")
    run.lent = [f"--volume={folder / 'pip.conf'}:/etc/pip.conf:ro"] if CERTIFICATES.exists() else []
    if CERTIFICATES.exists():
        run.lent.append(f"--volume={CERTIFICATES}:/run/certificates.crt:ro")
    sites = subprocess.check_output(["apt-get", "indextargets", "--format", "$(SITE)"], text=True)
    mirror = sites.split()[0]
    command = ["debootstrap", "--variant=minbase", "bookworm", str(folder / "base"), mirror]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    run("from", "--name", "base", "scratch")
    run("add", "base", folder / "base", "/")
    run("commit", "--rm", "base", "docker.io/library/debian:bookworm-slim")
    shutil.rmtree(folder / "base")
    yield run
    run("rm", "--all")
    # What a refused build had mounted, and the storage, which buildah mounts on itself.
    for mounted in reversed(mounts(folder)):
        subprocess.run(["umount", mounted], check=True)
    shutil.rmtree(folder)  # gigabytes


def build(buildah, *arguments: str, code: int = 0) -> str:
    options = ["--isolation", "chroot", "--pull-never", "--layers", *buildah.lent]
    return buildah("build", *options, *arguments, ".", code=code)


@pytest.fixture(scope="module")
def container(buildah):
    build(buildah, "--tag", "landscape")
    buildah("from", "--pull-never", "--name", "used", "landscape")

    def run(*command: str, user: int = 1000, volume: str | None = None, code: int = 0) -> str:
        volumes = [f"--volume={volume}"] if volume else []
        options = ["--isolation", "chroot", "--user", f"{user}:{user}", *volumes]
        return buildah("run", *options, "used", "--", *command, code=code)

    return run


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["DEVICE=cpu"], "DEVICE=cpu needs TORCH_INDEX"), (["DEVICE=tpu"], "cuda or cpu, not tpu")],
)
def test_a_device_that_cannot_be_built_is_refused(buildah, arguments, reason):
    options = [option for argument in arguments for option in ("--build-arg", argument)]
    assert reason in build(buildah, *options, code=1)


def test_it_is_not_root_s_and_has_nothing_of_this_machine(container):
    assert container("id", "-u").strip() == "1000"
    left = container("sh", "-c", "ls -A /study; cat /etc/pip.conf 2>&1 || true")
    assert ".git\n" not in left
    assert "certificates.crt" not in left
    assert "results" in left


def test_anyone_makes_a_study_in_it_and_owns_the_results(container, tmp_path):
    study = tiny_study(results="results/tiny", probe=None)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(study), "utf-8")
    tmp_path.chmod(0o777)
    command = ["snakemake", "--cores", "2", "--resources", "gpu=2", "--configfile"]
    command += ["results/tiny.yaml", "--", "results/tiny/report.pdf"]
    container(*command, user=NOBODY, volume=f"{tmp_path}:/study/results")
    report = tmp_path / "tiny/report.pdf"
    assert report.read_bytes().startswith(b"%PDF")
    assert report.stat().st_uid == NOBODY
    made = container("make", "-n", "demo", user=NOBODY)
    assert "venv" in made
    assert "pip" not in made  # the environment is there and is not made again
