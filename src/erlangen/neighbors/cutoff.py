"""All pairs closer than a radius, in open space (compiled here) and in periodic cells (vesin)."""

from typing import Any, NamedTuple

import numpy as np

from erlangen.arrays import is_torch_array
from erlangen.errors import InputError
from erlangen.neighbors._arguments import checked_positions, like, offsets_of
from erlangen.neighbors._memory import check_memory

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
    from erlangen.neighbors import _kernels

    positions = checked_positions(positions)  # the compiled loops would read outside the arrays
    cursor = np.zeros(len(positions), dtype=np.int64)
    nothing = np.empty((2, 0), dtype=np.int64)
    _kernels.within_cutoff(positions, offsets, cutoff, cursor, nothing, False, _kernels.SMALL)
    ends = np.cumsum(cursor)
    n_edges = int(ends[-1]) if len(ends) else 0
    check_memory(
        n_edges * BYTES_PER_EDGE, f"the {n_edges:,} edges within {cutoff:g} angstrom of {len(positions):,} atoms"
    )
    edges = np.empty((2, n_edges), dtype=np.int64)
    _kernels.within_cutoff(positions, offsets, cutoff, ends - cursor, edges, True, _kernels.SMALL)
    return edges


def displacements(positions, edge_index, shift=None, cell=None):
    """Return r_sender + shift @ cell - r_receiver, (e, 3), in the library of the positions.

    ``shift`` and ``cell`` (e, 3, 3), one for each edge, are torch tensors, as the positions then are.
    """
    if is_torch_array(positions):
        result = positions.index_select(0, edge_index[0]) - positions.index_select(0, edge_index[1])
        return result if shift is None else result + (shift.to(cell.dtype)[:, None, :] @ cell)[:, 0]
    if positions.dtype != np.float64 or not positions.flags.c_contiguous:
        return positions[edge_index[0]] - positions[edge_index[1]]
    from erlangen.neighbors import _kernels

    result = np.empty((edge_index.shape[1], 3))
    _kernels.differences(positions, edge_index, result)
    return result


def neighbor_list(positions, cutoff: float, cell=None, pbc=None, batch=None) -> Neighbors:
    """Find all pairs of atoms of the same structure that are closer than a radius.

    The distance is compared as in ``ase.neighborlist``: a pair at exactly the cutoff is out; an atom is a neighbor of
    its own periodic images, and of itself in the home cell never. In open space each structure is searched by all
    pairs or, when it is large, by a cell list in time and memory linear in the number of atoms; periodic cells are
    searched by vesin.

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
    from erlangen.neighbors.periodic import cells_and_pbc, periodic_edges

    cutoff = checked_cutoff(cutoff)
    values = checked_positions(positions)
    offsets = offsets_of(batch, len(values))
    output = like(positions)
    if not is_torch_array(positions):
        positions = np.asarray(positions)
        if positions.dtype.kind != "f":
            positions = values
    cells, pbcs = cells_and_pbc(cell, pbc, len(offsets) - 1)
    if cells is None or not pbcs.any():
        edges = open_edges(values, offsets, cutoff)
        index = output(edges)
        shift = output(np.zeros((edges.shape[1], 3), dtype=np.int64))
        return Neighbors(index, shift, displacements(positions, index))
    edges, shift, displacement = periodic_edges(values, offsets, cutoff, cells, pbcs)
    index, shift = output(edges), output(shift)
    if not is_torch_array(positions):
        return Neighbors(index, shift, displacement.astype(positions.dtype, copy=False))
    cell = cell if is_torch_array(cell) else index.new_tensor(cells, dtype=positions.dtype)
    structure = output(np.searchsorted(offsets, edges[1], side="right") - 1)
    cell_of_edge = cell.to(positions).expand(len(cells), 3, 3).index_select(0, structure)
    return Neighbors(index, shift, displacements(positions, index, shift, cell_of_edge))
