"""Periodic cells: what makes one valid, and the search among the atoms and their images."""

import numpy as np

from erlangen.errors import InputError, ShapeError
from erlangen.kernels import over_rows
from erlangen.memory import check_memory
from erlangen.neighbors._arguments import LARGEST, WORK, as_numpy

BYTES_PER_IMAGE = 100
"""What a point of a periodic search takes: coordinates twice, owner, shift, its place in the grid."""


def completed_cell(cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """Return a cell (3, 3) with unit vectors, normal to the others, in place of missing (zero) ones.

    Raises
    ------
    InputError
        If a periodic vector is missing or the cell has no volume.
    """
    return completed_cells(cell[None], pbc[None])[0]


def completed_cells(cells: np.ndarray, pbcs: np.ndarray) -> np.ndarray:
    """Return the completed cells of many structures, (b, 3, 3); see `completed_cell`."""
    missing = ~cells.any(axis=2)
    wrong = np.argwhere(missing & pbcs)
    if len(wrong):
        s, vector = wrong[0].tolist()
        raise InputError(f"cell vector {vector} is zero but periodic (pbc {pbcs[s].tolist()})")
    completed = cells.copy()
    for s in np.flatnonzero(missing.any(axis=1)):
        # The right singular vectors of zero singular values span what the given vectors leave free.
        completed[s, missing[s]] = np.linalg.svd(cells[s])[2][3 - missing[s].sum() :]
    flat = ~(np.abs(np.linalg.det(completed)) > 1e-10 * np.prod(np.linalg.norm(completed, axis=2), axis=1))
    if flat.any():
        raise InputError(f"cell has zero volume: {cells[np.argmax(flat)].tolist()}")
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


def periodic_search(
    positions: np.ndarray, offsets: np.ndarray, cutoff: float, cells: np.ndarray, pbcs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edge index (2, e), shifts (e, 3) and displacements (e, 3) of structures of which some are periodic.

    Images that can have neighbors in the home cell join the atoms, and one cell list finds the neighbors of both kinds.
    Moving a point rounds, so the search is a little wide and the comparison is then made as ASE makes it.
    """
    from erlangen.neighbors import _kernels
    from erlangen.neighbors.cutoff import row_starts

    cutoff = min(cutoff, LARGEST)  # its cube must not overflow; it is far too large anyway
    cells = np.where(pbcs.any(axis=1)[:, None, None], cells, np.eye(3))  # in open space any cell is as good
    cells, pbcs = completed_cells(cells, pbcs), np.ascontiguousarray(pbcs)
    n = len(positions)
    wrap, fraction = np.empty((n, 3), dtype=np.int32), np.empty((n, 3))
    low, high = np.empty(pbcs.shape), np.empty(pbcs.shape)
    inverse = np.ascontiguousarray(np.linalg.inv(cells))
    lost = _kernels.wrap_atoms(positions, offsets, inverse, pbcs, wrap, fraction, low, high)
    if lost >= 0:
        raise InputError(
            f"positions lie within {_kernels.FARTHEST:,} cells of the origin, got {positions[lost].tolist()} "
            f"for atom {lost}: wrap them into the cell"
        )
    moving = np.repeat(pbcs.any(axis=1), np.diff(offsets))
    radius = _wide_radius(cutoff, positions, moving, cells, inverse, wrap)
    reach = radius * np.linalg.norm(inverse, axis=1) + 1e-6  # in fractions of the cell
    _check_size(np.diff(offsets), high - low, cutoff, cells, pbcs, reach)
    images = _kernels.images_of(positions, offsets, cells, pbcs, wrap, fraction, low, high, reach)
    grid = _kernels.grid_of(images.points, images.bounds, images.home, radius)
    wide = radius**2
    counts = np.empty(len(images.points), dtype=np.int64)
    over_rows(_kernels.count_rows, grid, wide, counts, rows=n, work=WORK * n)
    begin, n_edges = row_starts(counts[images.home], cutoff)
    edges, shift = np.empty((2, n_edges), dtype=np.int64), np.empty((n_edges, 3), dtype=np.int64)
    displacement = np.empty((n_edges, 3))
    square = _kernels.largest_square(cutoff)
    outside = over_rows(
        *(_kernels.periodic_rows, grid, images, positions, cells, wrap, wide, square),
        *(begin, edges, shift, displacement),
        rows=n,
        work=WORK * n,
    )
    if not any(outside):
        return edges, shift, displacement
    near = edges[0] >= 0
    return edges[:, near], shift[near], displacement[near]


def _wide_radius(cutoff, positions, moving, cells, inverse, wrap) -> float:
    """Return a radius that takes in every pair within the cutoff in spite of what moving by whole cells rounds away."""
    most_cells = np.abs(wrap).max(initial=0) + cutoff * np.linalg.norm(inverse, axis=1).max(initial=0.0) + 2
    farthest = np.abs(positions).max(initial=0.0, where=moving[:, None])
    largest = farthest + most_cells * np.abs(cells).sum(axis=(1, 2)).max(initial=0.0)
    return cutoff * (1 + 1e-9) + 50 * np.finfo(float).eps * largest


def _check_size(sizes, extent, cutoff, cells, pbcs, reach) -> None:
    """Refuse a search whose images, or whose edges if the atoms are spread evenly, would not fit into memory."""
    from erlangen.neighbors.cutoff import BYTES_PER_EDGE, check_points

    # Atoms fill the cell, or their own extent where it is open.
    filled = np.where(pbcs, 1.0, np.maximum(extent, 2 * reach))
    volume = np.abs(np.linalg.det(cells)) * filled.prod(axis=1)
    edges = float((sizes.astype(float) ** 2 * 4 / 3 * np.pi * cutoff**3 / volume).sum())
    check_memory(int(edges * BYTES_PER_EDGE), f"some {edges:.1e} edges within {cutoff:g} angstrom in a periodic cell")
    points = float((sizes * np.where(pbcs, extent + 2 * reach + 1, 1.0).prod(axis=1)).sum())
    check_memory(
        int(points * BYTES_PER_IMAGE), f"some {points:.1e} images within {cutoff:g} angstrom of a periodic cell"
    )
    check_points(int(points))
