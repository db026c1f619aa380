"""All pairs closer than a radius, in open space and in periodic cells."""

from typing import Any, NamedTuple

import numpy as np

from erlangen.arrays import is_torch_array
from erlangen.errors import InputError, TooLargeError
from erlangen.kernels import over_rows
from erlangen.memory import check_memory
from erlangen.neighbors._arguments import WORK, checked_positions, like, offsets_of

BYTES_PER_EDGE = 2 * 8 + 3 * 8 + 3 * 8  # edge_index, shift, displacement


class Neighbors(NamedTuple):
    """Directed edges, sorted by receiver, then sender, then shift.

    Attributes
    ----------
    edge_index : (2, e) int64
        Row 0 the sender j, row 1 the receiver i.
    shift : (e, 3) int64
        How many cells the sender is moved by; zeros in open space.
    displacement : (e, 3)
        r_j + shift @ cell - r_i in angstrom; differentiable if the positions are a torch tensor.
    """

    edge_index: Any
    shift: Any
    displacement: Any


def checked_cutoff(cutoff) -> float:
    """Return the cutoff as a float, or say why it is none."""
    try:
        value = float(cutoff)
    except (TypeError, ValueError):
        raise InputError(f"cutoff is a radius in angstrom, got {cutoff!r}") from None
    if not (0 < value < np.inf):
        raise InputError(f"cutoff is a positive, finite radius in angstrom, got {value}")
    return value


def open_edges(positions, offsets: np.ndarray, cutoff: float) -> np.ndarray:
    """Return the edge index (2, e) of structures in open space: positions (n, 3), offsets (b + 1,) int64.

    Raises
    ------
    InputError
        If a position is not finite.
    TooLargeError
        If the edges, which are counted first, would not fit into memory.
    """
    return open_search(checked_positions(positions), offsets, cutoff, False)[0]


def open_search(positions: np.ndarray, offsets: np.ndarray, cutoff: float, measure: bool) -> tuple:
    """Return the edge index (2, e) and, with ``measure``, the displacements (e, 3), else (0, 3), of checked positions.

    Edges are counted, then written: a second search costs less than arrays that grow.
    """
    from erlangen.neighbors import _kernels

    square = _kernels.largest_square(cutoff)
    bounds = np.column_stack([offsets[:-1], offsets[1:]])
    large = np.diff(offsets) > _kernels.SMALL
    small = bounds[~large]
    counts = np.zeros(len(positions), dtype=np.int64)
    no_edges, no_displacement = np.empty((2, 0), dtype=np.int64), np.empty((0, 3))
    _kernels.by_pairs(positions, small, square, counts, no_edges, no_displacement, False)
    if large.any():
        check_points(len(positions))
        grid = _kernels.grid_of(positions, bounds[large], np.ones(len(positions), dtype=bool), cutoff)
        over_rows(_kernels.count_rows, grid, square, counts, rows=len(grid.receivers), work=WORK * len(grid.receivers))
    begin, n_edges = row_starts(counts, cutoff)
    edges = np.empty((2, n_edges), dtype=np.int64)
    displacement = np.empty((n_edges if measure else 0, 3))
    if large.any():
        over_rows(
            _kernels.open_rows,
            grid,
            square,
            begin,
            edges,
            displacement,
            rows=len(grid.receivers),
            work=WORK * len(grid.receivers),
        )
    _kernels.by_pairs(positions, small, square, begin, edges, displacement, True)
    return edges, displacement


def check_points(n: int) -> None:
    """Raise TooLargeError if points cannot be numbered in the 32 bits that the kernels give them."""
    if n >= 2**31 - 1:
        raise TooLargeError(f"a search takes up to {2**31 - 2:,} points, images included, got {n:,}")


def row_starts(counts: np.ndarray, cutoff: float) -> tuple[np.ndarray, int]:
    """Return where the edges of every receiver begin and how many edges there are, if they fit into memory."""
    ends = np.cumsum(counts)
    n_edges = int(ends[-1]) if len(ends) else 0
    what = f"the {n_edges:,} edges within {cutoff:g} angstrom of {len(counts):,} atoms"
    check_memory(n_edges * BYTES_PER_EDGE, what)
    return ends - counts, n_edges


def displacements(positions, edge_index, shift=None, cell=None):
    """Return r_sender + shift @ cell - r_receiver, (e, 3), of tensors; one cell (3, 3), or (e, 3, 3) for each edge."""
    result = positions.index_select(0, edge_index[0]) - positions.index_select(0, edge_index[1])
    if shift is None:
        return result
    shift = shift.to(cell.dtype)
    return result + (shift @ cell if cell.ndim == 2 else (shift[:, None, :] @ cell)[:, 0])


def neighbor_list(positions, cutoff: float, cell=None, pbc=None, batch=None) -> Neighbors:
    """Find all pairs of atoms of the same structure that are closer than a radius.

    The distance is compared as in ``ase.neighborlist``: a pair at exactly the cutoff is out; an atom is a neighbor of
    its own periodic images, and of itself in the home cell never. Small structures in open space are searched by all
    pairs, others by a cell list in time and memory linear in the number of atoms, which in a periodic cell includes
    the images that can have neighbors in the home cell. Large structures take several threads: as many as torch, if it
    is loaded, else as ``NUMBA_NUM_THREADS`` says; the edges and their order do not depend on it.

    Parameters
    ----------
    positions : (n, 3) array or tensor
        In angstrom. NumPy in, NumPy out; torch in, torch out (edges are found from the detached values).
    cutoff : float
        In angstrom.
    cell : (3, 3) or (b, 3, 3) array, optional
        Cell vectors as rows, in angstrom; of all structures or of each.
    pbc : bool, (3,) or (b, 3) of bool, optional
        Which cell vectors repeat; all of them if only a cell is given.
    batch : (n,) int array, optional
        Structure of each atom, never falling; all atoms are one structure without it.

    Returns
    -------
    Neighbors
        ``edge_index`` (2, e), ``shift`` (e, 3), ``displacement`` (e, 3).

    Raises
    ------
    InputError
        If the cutoff is not positive, a position not finite, a periodic cell without volume, or shapes disagree.
    TooLargeError
        If the edges would not fit into memory.

    Examples
    --------
    >>> water = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    >>> neighbor_list(water, cutoff=1.2).edge_index
    array([[1, 2, 0, 0],
           [0, 0, 1, 2]])
    """
    from erlangen.neighbors.periodic import cells_and_pbc, periodic_search

    cutoff = checked_cutoff(cutoff)
    values = checked_positions(positions)
    offsets = offsets_of(batch, len(values))
    output = like(positions)
    if not is_torch_array(positions):
        positions = np.asarray(positions)
        if positions.dtype.kind != "f":
            positions = values
    cells, pbcs = cells_and_pbc(cell, pbc, len(offsets) - 1)
    is_open = cells is None or not pbcs.any()
    if is_open:
        edges, displacement = open_search(values, offsets, cutoff, not is_torch_array(positions))
        shift = np.zeros((edges.shape[1], 3), dtype=np.int64)  # costs nothing until somebody reads it
    else:
        edges, shift, displacement = periodic_search(values, offsets, cutoff, cells, pbcs)
    index, shift = output(edges), output(shift)
    if not is_torch_array(positions):
        return Neighbors(index, shift, displacement.astype(positions.dtype, copy=False))
    if is_open:
        return Neighbors(index, shift, displacements(positions, index))
    cell = (cell if is_torch_array(cell) else index.new_tensor(cells, dtype=positions.dtype)).to(positions)
    if len(cells) == 1:
        return Neighbors(index, shift, displacements(positions, index, shift, cell.reshape(3, 3)))
    structure = output(np.repeat(np.arange(len(cells)), np.diff(offsets))[edges[1]])
    cell_of_edge = cell.expand(len(cells), 3, 3).index_select(0, structure)
    return Neighbors(index, shift, displacements(positions, index, shift, cell_of_edge))
