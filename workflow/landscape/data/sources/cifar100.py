"""Recognizes CIFAR-100 in its authors' files, to refuse it by name."""

from pathlib import Path

from landscape.errors import UserError

FOLDERS = {
    "cifar-100-python": ("train", "test", "meta"),
    "cifar-100-binary": ("train.bin", "test.bin", "fine_label_names.txt"),
}


def refuse(path: Path) -> None:
    """Refuse the folder `path`, or the one in it, if it has the files of CIFAR-100."""
    for name, files in FOLDERS.items():
        for folder in (path, path / name):
            if all((folder / file).is_file() for file in files):
                raise UserError(f"{folder}: this is CIFAR-100 ({name}); CIFAR-10 is needed")
