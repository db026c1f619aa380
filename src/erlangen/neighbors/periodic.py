"""Periodic cells: what makes one valid, and the search in them by vesin, structure by structure."""

import numpy as np

from erlangen.errors import InputError, ShapeError, require
from erlangen.neighbors._arguments import as_numpy


def completed_cell(cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """Return a cell (3, 3) with unit vectors, normal to the others, in place of missing (zero) ones.

    Raises
    ------
    InputError
        If a periodic vector is missing or the cell has no volume.
    """
    missing = ~cell.any(axis=1)
    if (missing & pbc).any():
        raise InputError(f"cell vector {int(np.argmax(missing & pbc))} is zero but periodic (pbc {pbc.tolist()})")
    completed = cell.copy()
    if missing.any():
        # The right singular vectors of zero singular values span what the given vectors leave free.
        completed[missing] = np.linalg.svd(cell)[2][3 - missing.sum() :]
    volume = abs(np.linalg.det(completed))
    if not volume > 1e-10 * np.prod(np.linalg.norm(completed, axis=1)):
        raise InputError(f"cell has zero volume: {cell.tolist()}")
    return completed


def cells_and_pbc(cell, pbc, n_structures: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Return cells (b, 3, 3) or None, and pbc (b, 3), of each structure."""
    if pbc is None:
        pbc = cell is not None
    pbcs = np.asarray(as_numpy(pbc), dtype=bool)
    try:
        pbcs = np.broadcast_to(pbcs, (n_structures, 3))
    except ValueError:
        raise ShapeError(f"pbc is one bool, (3,) or ({n_structures}, 3), got {pbcs.shape}") from None
    if cell is None:
        if pbcs.any():
            raise InputError("pbc is true but there is no cell: give cell=(3, 3) vectors in angstrom")
        return None, pbcs
    cells = np.asarray(as_numpy(cell), dtype=np.float64)
    if cells.shape not in ((3, 3), (n_structures, 3, 3)):
        raise ShapeError(f"cell has shape (3, 3) or ({n_structures}, 3, 3), got {cells.shape}")
    if not np.isfinite(cells).all():
        raise InputError("cell is finite, got NaN or infinity")
    return np.broadcast_to(cells, (n_structures, 3, 3)), pbcs


def periodic_edges(
    positions: np.ndarray, offsets: np.ndarray, cutoff: float, cells: np.ndarray, pbcs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the edge index (2, e) and shifts (e, 3) of structures of which some are periodic."""
    from erlangen.neighbors.cutoff import open_edges

    edges, shifts = [np.empty((2, 0), np.int64)], [np.empty((0, 3), np.int64)]
    for first, last, cell, pbc in zip(offsets[:-1], offsets[1:], cells, pbcs, strict=True):
        if pbc.any():
            found, shift = _one_cell(positions[first:last], cutoff, completed_cell(cell, pbc), pbc)
        else:
            found = open_edges(positions[first:last], np.array([0, last - first]), cutoff)
            shift = np.zeros((found.shape[1], 3), dtype=np.int64)
        edges.append(found + first)
        shifts.append(shift)
    return np.concatenate(edges, axis=1), np.concatenate(shifts)


def _one_cell(positions, cutoff, cell, pbc):
    """Search one periodic structure; the comparison with the cutoff is made here, so that it is ASE's own."""
    vesin = require("vesin", "molecules")
    search = vesin.NeighborList(cutoff=cutoff * (1 + 1e-9), full_list=True)
    receiver, sender, shift = search.compute(points=positions, box=cell, periodic=pbc, quantities="ijS")
    receiver, sender, shift = receiver.astype(np.int64), sender.astype(np.int64), shift.astype(np.int64)
    displacement = positions[sender] - positions[receiver] + shift @ cell
    near = np.sqrt((displacement**2).sum(axis=1)) < cutoff
    receiver, sender, shift = receiver[near], sender[near], shift[near]
    order = np.lexsort((*shift.T[::-1], sender, receiver))
    return np.stack([sender[order], receiver[order]]), shift[order]
