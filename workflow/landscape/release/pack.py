"""A release: a finished study's files with their checksums, as a folder or an archive."""

import io
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Literal

from landscape.config.study import Study, validate_study
from landscape.errors import UserError
from landscape.release.contents import SETTINGS, SUMS, checksums, contents, require_checksums
from landscape.storage.files import atomic_file, read_json

Mode = Literal["w:", "w:gz"]
MODES: dict[str, Mode] = {".tar": "w:", ".tar.gz": "w:gz"}


def pack(study: Study, results: Path, target: Path, light: bool = False) -> int:
    """Write the release to `target`, an archive by its suffix, or a folder; returns its files.

    An archive appears only when it is complete. A folder must be new, or an earlier release, whose
    files are replaced.
    """
    names = contents(study, results, light)
    settings = _published(study).model_dump_json(indent=2).encode() + b"\n"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "release"
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(results / name, folder / name)
        (folder / SETTINGS).write_bytes(settings)
        listed = [SETTINGS, *names]
        (folder / SUMS).write_text(checksums(folder, listed), "utf-8")
        if (mode := _mode(target)) is None:
            _replace(folder, target)
        else:
            with atomic_file(target) as file, tarfile.open(fileobj=file, mode=mode) as archive:
                for name in (SUMS, *listed):
                    content = (folder / name).read_bytes()
                    archive.addfile(_entry(name, len(content)), io.BytesIO(content))
    return len(listed)


def _published(study: Study) -> Study:
    """The settings without the path of the images, which belongs to this machine."""
    return study.model_copy(update={"data": study.data.model_copy(update={"path": None})})


def _mode(target: Path) -> Mode | None:
    """How an archive of this name is written; None for a folder."""
    for suffix, mode in MODES.items():
        if target.name.endswith(suffix):
            return mode
    return None


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """A member without date and owner, so that the same study gives the same archive."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


def _replace(folder: Path, target: Path) -> None:
    if target.exists() and any(target.iterdir()) and not (target / SUMS).exists():
        raise UserError(f"{target}: not empty and not a release; name a new folder")
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, target)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive, or copy a release's folder, into `folder`, and check all files."""
    if (folder / "data/dataset.json").exists() and not (folder / SUMS).exists():
        raise UserError(f"{folder}: already has a study; name another folder with --results")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.is_dir():
            shutil.copytree(archive, folder, dirs_exist_ok=True)
        else:
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{archive}: not readable as a release ({error})") from None
    require_checksums(folder)


def settings_in(folder: Path) -> Study:
    """The settings of the study in a release."""
    return validate_study(read_json(folder / SETTINGS), str(folder / SETTINGS))
