"""Arrays kept between runs: one safetensors file a set in the user's cache folder, memory-mapped when read."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from erlangen.arrays import write_atomically
from erlangen.errors import FileFormatError, require

_DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def cache_folder() -> Path:
    """Return where erlangen keeps parsed data: ``$ERLANGEN_CACHE``, or ``erlangen`` in the user's cache folder."""
    if "ERLANGEN_CACHE" in os.environ:
        return Path(os.environ["ERLANGEN_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "erlangen"


def cached(name: str, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays of a set, memory-mapped; made and stored the first time, or again if the file is damaged."""
    path = cache_folder() / f"{name}.safetensors"
    try:
        return read_mapped(path)
    except (FileNotFoundError, FileFormatError):
        save = require("safetensors.numpy", "qm9").save
        content = save({key: np.ascontiguousarray(array) for key, array in make().items()})
        write_atomically(path, lambda temporary: temporary.write_bytes(content))
        return read_mapped(path)


def read_mapped(path: Path) -> dict[str, np.ndarray]:
    """Map the tensors of a safetensors file into memory, read-only; nothing is read until it is used.

    Raises
    ------
    FileFormatError
        If the file is cut short or is no safetensors file.
    """
    data = np.memmap(path, mode="r", dtype=np.uint8) if path.stat().st_size else np.zeros(0, np.uint8)
    try:
        start = 8 + int.from_bytes(data[:8].tobytes(), "little")
        header = json.loads(data[8:start].tobytes())
        header.pop("__metadata__", None)
        return {
            key: data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]
            .view(_DTYPES[entry["dtype"]])
            .reshape(entry["shape"])
            for key, entry in header.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(f"{path} is damaged: {error}") from None
