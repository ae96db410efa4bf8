"""How much memory a process has taken at most."""

from pathlib import Path


def peak_megabytes(pid: int | str = "self") -> float:
    """Its own peak so far; 0 where it has just ended, or where there is no /proc.

    (What `getrusage` tells of a child includes the parent's peak, as which it began.)
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0.0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM"))
    return next((int(line[1]) / 1024 for line in lines), 0.0)
