"""Refuse an allocation before it exhausts the memory."""

import os
from collections.abc import Callable
from pathlib import Path

from erlangen.errors import TooLargeError

HARMLESS = 2**24
"""Bytes that are not worth asking the system about, which takes longer than a small search."""


def available_bytes() -> int | None:
    """Return the memory that can still be had, in bytes, or None where the system does not say."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
        group = Path("/sys/fs/cgroup")  # a container's own limit
        found.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    if not found:
        try:
            found.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (AttributeError, OSError, ValueError):
            return None
    return max(min(found), 0)


def check_memory(needed: int, what: str, remedy: Callable[[int], str] | None = None) -> None:
    """Raise TooLargeError if ``needed`` bytes are more than the system has left.

    ``remedy`` says, given how many are left, what would do.
    """
    if needed <= HARMLESS:
        return
    available = available_bytes()
    if available is not None and needed > available:
        advice = "" if remedy is None else f"; {remedy(available)}"
        raise TooLargeError(f"{what} would take {needed / 1e9:.1f} GB, {available / 1e9:.1f} GB are available{advice}")
