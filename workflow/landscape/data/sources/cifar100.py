"""CIFAR-100 in its authors' files, so that it is refused by its name."""

from pathlib import Path

from landscape.errors import UserError

FOLDERS = {
    "cifar-100-python": ("train", "test", "meta"),
    "cifar-100-binary": ("train.bin", "test.bin", "fine_label_names.txt"),
}


def refuse(path: Path) -> None:
    """Refuse the folder `path`, or the one in it, if the files of CIFAR-100 lie there."""
    for name, files in FOLDERS.items():
        for folder in (path, path / name):
            if all((folder / file).is_file() for file in files):
                raise UserError(f"{folder}: this is CIFAR-100 ({name}); CIFAR-10 is needed")
