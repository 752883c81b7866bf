"""How many cores may this process use?"""

import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def usable_cores(groups: Path = _GROUPS) -> int:
    """Return the cores this process may use, at least 1.

    The least of what the machine has, what the process is bound to and what its container is
    granted; half a core granted counts as one.
    """
    granted = _granted(groups)
    bound = _bound()
    return bound if granted is None else max(1, min(bound, round(granted)))


def _bound() -> int:
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _granted(groups: Path) -> float | None:
    """Return how many cores' worth of time the control group grants, None without a limit."""
    try:
        quota, period = (groups / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            folder = groups / "cpu"
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii")
            period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii")
        except OSError:
            return None
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max": no limit
        return None
    return share if share > 0 else None
