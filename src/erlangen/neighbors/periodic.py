"""Periodic cells: what makes one valid, and the search in them by vesin, structure by structure."""

import numpy as np

from erlangen.errors import InputError, ShapeError, require
from erlangen.neighbors._arguments import as_numpy
from erlangen.neighbors._memory import check_memory

BYTES_PER_EDGE = 100
"""What vesin and the arrays made from its answer take."""


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
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edge index (2, e), shifts (e, 3) and displacements (e, 3) of structures of which some are periodic."""
    from erlangen.neighbors.cutoff import displacements, open_edges

    found = [(np.empty((2, 0), np.int64), np.empty((0, 3), np.int64), np.empty((0, 3)))]
    for first, last, cell, pbc in zip(offsets[:-1], offsets[1:], cells, pbcs, strict=True):
        own = positions[first:last]
        if pbc.any():
            edges, shift, displacement = _one_cell(own, cutoff, completed_cell(cell, pbc), pbc)
        else:
            edges = open_edges(own, np.array([0, last - first]), cutoff)
            shift, displacement = np.zeros((edges.shape[1], 3), dtype=np.int64), displacements(own, edges)
        found.append((edges + first, shift, displacement))
    edges, shifts, differences = zip(*found, strict=True)
    return np.concatenate(edges, axis=1), np.concatenate(shifts), np.concatenate(differences)


def _one_cell(positions, cutoff, cell, pbc):
    """Search one periodic structure; the comparison with the cutoff is made here, so that it is ASE's own."""
    vesin = require("vesin", "molecules")
    expected = _expected_edges(positions, cutoff, cell, pbc)
    check_memory(
        int(expected * BYTES_PER_EDGE), f"some {expected:.1e} edges within {cutoff:g} angstrom in a periodic cell"
    )
    search = vesin.NeighborList(cutoff=cutoff * (1 + 1e-9), full_list=True)
    receiver, sender, shift = search.compute(points=positions, box=cell, periodic=pbc, quantities="ijS")
    receiver, sender, shift = receiver.astype(np.int64), sender.astype(np.int64), shift.astype(np.int64)
    order = _order(len(positions), receiver, sender, shift)
    receiver, sender, shift = receiver[order], sender[order], shift[order]
    displacement = positions[sender] - positions[receiver] + shift @ cell
    near = np.sqrt((displacement**2).sum(axis=1)) < cutoff
    edges = np.stack([sender, receiver])
    return (edges, shift, displacement) if near.all() else (edges[:, near], shift[near], displacement[near])


def _expected_edges(positions, cutoff, cell, pbc) -> float:
    """Return how many edges atoms would have that fill the cell, or their own extent where it is open, evenly."""
    inverse = np.linalg.inv(cell)
    heights = 1 / np.linalg.norm(inverse, axis=0)
    extents = np.ptp(positions @ inverse, axis=0) if len(positions) else np.zeros(3)
    filled = np.where(pbc, 1.0, np.maximum(extents, 2 * cutoff / heights))
    return len(positions) ** 2 * 4 / 3 * np.pi * cutoff**3 / (abs(np.linalg.det(cell)) * filled.prod())


def _order(n: int, receiver: np.ndarray, sender: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the order by receiver, then sender, then shift: by one combined key, as long as that fits 64 bits."""
    if len(shift) == 0:
        return np.zeros(0, dtype=np.int64)
    low = shift.min(axis=0)
    span = shift.max(axis=0) - low + 1
    if n**2 * int(span[0]) * int(span[1]) * int(span[2]) >= 2**63:
        return np.lexsort((*shift.T[::-1], sender, receiver))
    key = receiver * n + sender
    for k in range(3):
        key = key * span[k] + (shift[:, k] - low[k])
    return np.argsort(key)
