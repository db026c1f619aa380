"""The k nearest neighbors of every point."""

import numpy as np

from erlangen.arrays import is_torch_array
from erlangen.errors import InputError
from erlangen.kernels import threads_for
from erlangen.memory import check_memory
from erlangen.neighbors._arguments import WORK, checked_positions, like, offsets_of
from erlangen.neighbors.cutoff import BYTES_PER_EDGE, Neighbors

SMALL = 200
"""Up to this many points all pairs are faster than a tree (measured: benchmarks/neighbors.py)."""


def knn_graph(positions, k: int, batch=None) -> Neighbors:
    """Find the k nearest other points of every point, within its own structure, in open space.

    Parameters
    ----------
    positions : (n, d) array or tensor
        Any dimension d. NumPy in, NumPy out; torch in, torch out.
    k : int
        How many neighbors a point has; a structure of k points or fewer is connected completely.
    batch : (n,) int array, optional
        Structure of each point, never falling.

    Returns
    -------
    Neighbors
        Sorted by receiver, then sender; the receiver is the point whose neighbors the senders are.
        ``shift`` is zero, (e, d).

    Raises
    ------
    InputError
        If k is less than 1, a position not finite, or shapes disagree.

    Examples
    --------
    >>> knn_graph(np.array([[0.0], [1.0], [3.0]]), k=1).edge_index
    array([[1, 0, 1],
           [0, 1, 2]])
    """
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise InputError(f"k is an integer of at least 1, got {k!r}")
    values = checked_positions(positions, dimension=None)
    offsets = offsets_of(batch, len(values))
    edges = nearest_edges(values, offsets, int(k))
    output = like(positions)
    if not is_torch_array(positions):
        positions = np.asarray(positions) if np.asarray(positions).dtype.kind == "f" else values
    index = output(edges)
    shift = output(np.zeros((edges.shape[1], values.shape[1]), dtype=np.int64))
    return Neighbors(index, shift, positions[index[0]] - positions[index[1]])


def nearest_edges(positions: np.ndarray, offsets: np.ndarray, k: int) -> np.ndarray:
    """Return the edge index (2, e): small structures by all pairs, large ones by a k-d tree."""
    from erlangen.neighbors import _kernels

    sizes = np.diff(offsets)
    degree = np.repeat(np.minimum(k, np.maximum(sizes - 1, 0)), sizes)
    n_edges = int(degree.sum())
    check_memory(n_edges * BYTES_PER_EDGE, f"the {k} nearest neighbors of {len(positions):,} points")
    edges = np.empty((2, n_edges), dtype=np.int64)
    start = np.cumsum(degree) - degree
    for large in np.flatnonzero(sizes > max(SMALL, 1)):
        first, last = offsets[large], offsets[large + 1]
        rows = slice(start[first], start[first] + degree[first] * (last - first))
        edges[:, rows] = _by_tree(positions[first:last], int(degree[first])) + first
    small = np.flatnonzero(sizes <= max(SMALL, 1))
    bounds = np.stack([offsets[small], offsets[small + 1]], axis=1)
    _kernels.nearest(positions, bounds, min(k, SMALL), start, edges)
    return edges


def _by_tree(positions: np.ndarray, k: int) -> np.ndarray:
    """Return the k nearest others of every point of one structure."""
    from scipy.spatial import cKDTree

    n = len(positions)
    tree = cKDTree(positions)
    order = tree.indices  # leaf by leaf: consecutive searches meet the same leaves, which are then in the cache
    _, found = tree.query(positions[order], k=k + 1, workers=threads_for(n, WORK * n))
    # A point finds itself, though among coincident ones not always first, nor always at all.
    own = found == order[:, None]
    own[~own.any(axis=1), -1] = True
    senders = np.empty((n, k), dtype=np.int64)
    senders[order] = np.sort(found[~own].reshape(n, k), axis=1)
    return np.stack([senders.ravel(), np.repeat(np.arange(n), k)])
