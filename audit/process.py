"""What the system tells of processes: whether one lives, and how much memory this one held. Ends and measures none."""

from __future__ import annotations

import os
import sys


def lives(process: int) -> bool:
    """Whether a process of that number is there; True where the system cannot be asked."""
    if process <= 0:
        return False
    if os.name != "posix":  # elsewhere signal 0 is no question but an end
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def peak_memory() -> tuple[int | None, str]:
    """The most memory that this process ever held, in bytes, and how it is known (None: it is not)."""
    try:
        # Linux: getrusage would give what the starting process had, where that was more.
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            told = next((line for line in file if line.startswith("VmHWM:")), "")
        return int(told.split()[1]) * 1024, "VmHWM of /proc/self/status"
    except (OSError, IndexError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None, "not measured: the system does not tell"
    scale = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, else kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale, "ru_maxrss of getrusage"
