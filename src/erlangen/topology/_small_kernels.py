"""The bars of one small cloud by one compiled function, for many clouds: no Python between the steps."""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._cycle_kernels import critical_triangles, label_edges, lonely_edges
from erlangen.topology._edge_kernels import (
    ABSENT,
    count_edges,
    farthest_points,
    list_edges,
    sorting_order,
    write_ranks,
)
from erlangen.topology._rips_kernels import (
    find_apexes,
    merge_components,
    new_book,
    reduce_columns,
    without,
)

announce_compilation()


@njit(cache=True, nogil=True)
def bars_of_cloud(distances, births, threshold, max_dimension, modulus, bits, binomials):
    """Return the bars (k, 2) of Vietoris-Rips persistence up to dimension 2, not sorted, and how many each one has.

    The steps are those of `erlangen.topology.rips_persistence`.
    """
    n = len(distances)
    if np.isinf(threshold):
        threshold = farthest_points(distances, births, 0, n).min()
    counts = np.empty(n, np.int64)
    count_edges(distances, births, threshold, counts, 0, n)
    m = counts.sum()
    ends, values, ranked = np.empty((m, 2), np.int32), np.empty(m), np.empty(m)
    list_edges(distances, births, threshold, np.cumsum(counts) - counts, ends, values, 0, n)
    order = sorting_order(values, np.array([-np.inf, np.inf]), 0, 1)
    ranks = np.full((n, n), ABSENT, np.int32)
    a, b = np.empty(m, np.int32), np.empty(m, np.int32)
    write_ranks(ends, values, order, ranks, a, b, ranked, 0, m)
    lonely = np.sort(lonely_edges(ranks, 0, n)) if max_dimension else np.arange(m)
    tree, points = merge_components(births, a, b, lonely)
    sizes = np.zeros(max_dimension + 1, np.int64)
    found = np.full((n, 2), np.inf)
    lasting = np.ones(n, np.bool_)
    for i in range(len(points)):
        found[i, 0], found[i, 1], lasting[points[i]] = births[points[i]], ranked[tree[i]], False
    found[len(points) :, 0] = births[lasting]
    sizes[0] = n
    if max_dimension == 0:
        return found, sizes
    apex, crowded = np.full(m, -1, np.int32), np.zeros(m, np.bool_)
    find_apexes(ranks, a, b, apex, crowded, 0, m)
    triangles = critical_triangles(ranks, a, b, apex, crowded, 0, m)
    gone, size = tree, n
    for dimension in range(1, max_dimension + 1):
        k = dimension - 1
        begun = without(triangles if k else lonely, gone)
        if k == 0 and modulus == 2:
            width = len(begun) // 64 + 1
            ended, dead = np.full(len(begun), -1, np.int64), np.zeros(len(begun), np.bool_)
            labels, relations = np.empty((m, width), np.uint64), np.zeros((len(begun), width), np.uint64)
            label_edges(ranks, a, b, apex, triangles, begun, labels, relations, dead, ended, 0, m)
        else:
            begun = begun[::-1].copy()
            book = new_book(len(begun))
            ended = reduce_columns(
                ranks, a, b, apex, binomials, k, modulus, bits, begun, 0, book, np.iinfo(np.int64).max
            )[0][0]
        gone, sizes[dimension] = ended, len(begun)
        longer = np.full((size + len(begun), 2), np.inf)
        longer[:size] = found
        for i in range(len(begun)):
            longer[size + i, 0] = ranked[begun[i] // binomials[k, n]]
            if ended[i] >= 0:
                longer[size + i, 1] = ranked[ended[i] // binomials[k + 1, n]]
        found, size = longer, len(longer)
    return found, sizes
