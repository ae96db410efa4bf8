"""The peak memory of a process."""

from pathlib import Path


def peak_megabytes(pid: int | str = "self") -> float:
    """Its own peak so far; 0 if it has just ended, or without /proc.

    (For a child, `getrusage` includes the peak of the parent from which it was forked.)
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0.0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM"))
    return next((int(line[1]) / 1024 for line in lines), 0.0)
