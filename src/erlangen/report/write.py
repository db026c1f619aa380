"""From a result record to a file."""

import importlib
import os
from pathlib import Path

from erlangen.arrays import write_atomically
from erlangen.errors import InputError
from erlangen.report.page import render

# Record type -> the file of this room whose `document(record)` describes it.
_RECORDS = {"MolecularPropertyResult": "molecular_properties", "TopologyResult": "topology"}


def write_report(result, path: "str | os.PathLike") -> Path:
    """Write a result as one self-contained HTML page: no network, no other file, whole or not at all.

    Parameters
    ----------
    result : record
        What a function of `erlangen.applications` returns, e.g. a MolecularPropertyResult.
    path : path
        Where the page goes, e.g. ``"report.html"``.

    Returns
    -------
    pathlib.Path
        The path written.

    Raises
    ------
    InputError
        If there is no report for such a record.
    OutputError
        If the file cannot be written; an older one stays as it was.

    Examples
    --------
    >>> write_report({"error": 1.0}, "report.html")
    Traceback (most recent call last):
    ...
    erlangen.errors.InputError: result is a dict, for which there is no report; there is one for ...
    """
    kind = type(result).__name__
    if kind not in _RECORDS:
        raise InputError(f"result is a {kind}, for which there is no report; there is one for {', '.join(_RECORDS)}")
    describe = importlib.import_module(f"erlangen.report.{_RECORDS[kind]}").document
    page = render(describe(result))
    return write_atomically(path, lambda temporary: temporary.write_text(page, encoding="utf-8"))
