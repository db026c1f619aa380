"""Representative cycles of the bars of Vietoris-Rips persistence."""

import numpy as np


def find_cycles(graph, modulus: int, bits: int, tree, columns: list, pivots: list, kept: list) -> tuple:
    """Return for each dimension, 0 to the highest, and each bar the simplices of a cycle, and its coefficients.

    Parameters
    ----------
    graph
        Ranks, ends, apexes and binomials as the kernels take them.
    modulus, bits : int
        The field, and how many bits its numbers have.
    tree : integer array
        The ranks of the edges that join components.
    columns, pivots : lists of integer arrays
        For each dimension the keys of the simplices that begin classes, and of those that end them, -1 for none.
    kept : list of integer arrays
        Which columns are bars, in their order.
    """
    from erlangen.topology import _boundary_kernels as kernels
    from erlangen.topology._rips_kernels import decode_chain

    ranks, a, b, _, _ = graph
    highest = len(columns) - 1
    found = [{} for _ in columns]

    for dimension in range(1, highest + 1):
        if dimension == 1:
            parent, depth = kernels.root_forest(len(ranks), a[tree], b[tree])
            for c in np.flatnonzero(pivots[1] < 0):
                ends = a[columns[1][c]], b[columns[1][c]]
                found[1][c] = kernels.close_in_forest(parent, depth, *map(int, ends), modulus)
        ending = np.flatnonzero(pivots[dimension] >= 0)
        above = dimension < highest
        endless = np.flatnonzero(pivots[dimension + 1] < 0) if above else np.empty(0, np.int64)
        keys = np.concatenate([pivots[dimension][ending], columns[dimension + 1][endless] if above else endless])
        order = np.argsort(keys)
        _, cycles, cycle_starts, chains, chain_starts = kernels.reduce_boundaries(
            *graph, keys[order], dimension, modulus, bits
        )
        for position, i in enumerate(order):
            if i < len(ending):
                chain = cycles[cycle_starts[position] : cycle_starts[position + 1]]
                found[dimension][ending[i]] = decode_chain(chain, bits, dimension - 1, *graph[1:])
            else:
                chain = chains[chain_starts[position] : chain_starts[position + 1]]
                found[dimension + 1][endless[i - len(ending)]] = decode_chain(chain, bits, dimension, *graph[1:])
    return ([], *([found[d][c] for c in kept[d]] for d in range(1, highest + 1)))
