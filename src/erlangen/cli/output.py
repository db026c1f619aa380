"""Folders and files that can be written, and JSON in one piece."""

import json
import math
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from erlangen.arrays import write_atomically
from erlangen.errors import OutputError


def writable(folder: Path) -> Path:
    """Return the folder if files can be written there, leaving no trace: better to know before the work than after it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not place.is_dir():
        raise OutputError(f"cannot write to the output folder {folder}: {place} is a file")
    try:
        Path(tempfile.mkdtemp(prefix=".writable-", dir=place)).rmdir()
    except OSError as error:
        raise OutputError(f"cannot write to the output folder {folder}: {error.strerror}") from None
    return folder


def writable_file(path: Path | None) -> Path | None:
    """Return the path of an output file if it can be written.

    Raises
    ------
    OutputError
        If it cannot.
    """
    if path is not None:
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder")
        writable(path.parent)
    return path


def screen() -> Console:
    """Return standard output as a console that shows text as it is, and cuts nothing off where nobody looks."""
    wide = {} if sys.stdout.isatty() else {"width": 1_000}
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, **wide)


def write_json(path: Path, record: dict) -> Path:
    """Write a record, readable and in one piece; what is not finite becomes null, for which JSON has a word."""
    text = json.dumps(_finite(record), indent=2, allow_nan=False) + "\n"
    return write_atomically(path, lambda temporary: temporary.write_text(text))


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
