"""What the three searches ask of their arguments."""

from collections.abc import Callable

import numpy as np

from erlangen.arrays import is_torch_array
from erlangen.errors import InputError, ShapeError

WORK = 100
"""Multiplications that the search around one point takes, about."""
LARGEST = 1e100
"""Coordinates beyond this have squares that overflow."""


def as_numpy(array) -> np.ndarray:
    """Return a torch tensor's values (detached) or any other array as NumPy."""
    return array.detach().cpu().numpy() if is_torch_array(array) else np.asarray(array)


def like(reference) -> Callable[[np.ndarray], object]:
    """Return what turns a fresh NumPy array into the library, and onto the device, of ``reference``."""
    if not is_torch_array(reference):
        return lambda array: array
    import torch

    return lambda array: torch.from_numpy(array).to(reference.device)


def checked_positions(positions, dimension: int | None = 3) -> np.ndarray:
    """Return positions as contiguous float64 (n, d), or say what is wrong with them."""
    try:
        array = np.ascontiguousarray(as_numpy(positions), dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"positions are an array of numbers (n, 3), got {type(positions).__name__}") from None
    if array.ndim != 2 or (dimension is not None and array.shape[1] != dimension):
        raise ShapeError(f"positions have shape (n, {dimension or 'd'}), got {array.shape}")
    usable = (np.abs(array) < LARGEST).all(axis=1)
    if not usable.all():
        row = int(np.argmin(usable))
        raise InputError(f"positions are finite and below {LARGEST:g}, got {array[row].tolist()} for atom {row}")
    return array


def offsets_of(batch, n: int) -> np.ndarray:
    """Return where each structure begins, (b + 1,), from the structure index of each atom."""
    if batch is None:
        return np.array([0, n], dtype=np.int64)
    index = as_numpy(batch)
    if index.shape != (n,) or index.dtype.kind not in "iu":
        raise ShapeError(f"batch is one structure index an atom, ({n},) integers, got {index.dtype} {index.shape}")
    if n and (index[0] < 0 or (np.diff(index) < 0).any()):
        raise InputError("batch counts structures from 0 upwards and never falls: sort the atoms by structure")
    sizes = np.bincount(index) if n else np.zeros(0, dtype=np.int64)
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
