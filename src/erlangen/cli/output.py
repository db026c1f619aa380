"""Folders that can be written, and JSON in one piece."""

import json
from pathlib import Path

from erlangen.arrays import write_atomically
from erlangen.errors import OutputError


def writable(folder: Path) -> Path:
    """Return the folder, made if missing; better to know before the work than after it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to the output folder {folder}: {error.strerror}") from None
    return folder


def write_json(path: Path, record: dict) -> Path:
    """Write a record, readable and in one piece."""
    return write_atomically(path, lambda temporary: temporary.write_text(json.dumps(record, indent=2) + "\n"))
