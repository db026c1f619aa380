"""All ordered pairs of each structure, for small point sets."""

import numpy as np

from erlangen.errors import InputError
from erlangen.memory import check_memory
from erlangen.neighbors._arguments import as_numpy, like


def complete_graph(sizes):
    """Return all ordered pairs of different atoms of the same structure, sorted by receiver, then sender.

    Parameters
    ----------
    sizes : int, or (b,) int array or tensor
        Atoms of each structure; they are numbered through.

    Returns
    -------
    (2, e) int64 array, or tensor if ``sizes`` is one
        Row 0 the sender, row 1 the receiver; e is the sum of n (n - 1).

    Raises
    ------
    InputError
        If a size is negative or no integer.
    TooLargeError
        If the edges would not fit into memory.

    Examples
    --------
    >>> complete_graph([2, 3])
    array([[1, 0, 3, 4, 2, 4, 2, 3],
           [0, 1, 2, 2, 3, 3, 4, 4]])
    """
    counts = np.atleast_1d(as_numpy(sizes))
    if counts.ndim != 1 or (counts.size and (counts.dtype.kind not in "iu" or counts.min() < 0)):
        raise InputError(f"sizes are atoms a structure, (b,) integers of at least 0, got {sizes!r}")
    counts = counts.astype(np.int64)
    others = np.maximum(counts - 1, 0)
    n_edges = int(sum(int(n) * int(m) for n, m in zip(counts, others, strict=True)))
    check_memory(4 * 8 * n_edges, f"the {n_edges:,} edges of the complete graph on {counts.sum():,} atoms")
    receiver = np.repeat(np.arange(counts.sum()), np.repeat(others, counts))
    # The position of an edge in its receiver's row numbers the senders, with the receiver itself left out.
    row_start = np.repeat(np.cumsum(np.repeat(others, counts)) - np.repeat(others, counts), np.repeat(others, counts))
    first = np.repeat(np.cumsum(counts) - counts, counts * others)
    sender = first + np.arange(n_edges) - row_start
    sender += sender >= receiver
    return like(sizes)(np.stack([sender, receiver]))
