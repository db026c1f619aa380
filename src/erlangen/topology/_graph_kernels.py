"""Compiled union-find: components of the sublevel sets of many functions on graphs, all graphs of a batch at once."""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import find_root

announce_compilation()


@njit(cache=True, nogil=True)
def merge_levels(values, senders, receivers, order, killer, closing, start, stop):
    """Write which edge ends each vertex's component, -1 for none, and which edges close a loop.

    Parameters
    ----------
    values : (f, n) array
        The functions on the vertices.
    senders, receivers : (m,) arrays
        Edges.
    order : (f, m) array
        The edges in the order in which they enter.
    killer, closing : (f, n) and (f, m) arrays
        Where edges meet two components, the younger one ends.
    """
    n = values.shape[1]
    for f in range(start, stop):
        parent = np.arange(n)
        for e in order[f]:
            a, b = find_root(parent, senders[e]), find_root(parent, receivers[e])
            if a == b:
                closing[f, e] = True
                continue
            if values[f, a] > values[f, b] or (values[f, a] == values[f, b] and a > b):
                a, b = b, a
            killer[f, b] = e
            parent[b] = a
