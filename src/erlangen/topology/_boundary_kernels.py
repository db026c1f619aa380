"""Compiled loops that find representative cycles, by reducing the boundaries of those simplices that end bars.

Which simplices begin and end bars is known from cohomology, so a few columns are reduced, oldest first, and the
apparent pairs of `erlangen.topology._rips_kernels` step in for all the others. Items count keys from the end, so that
the heap gives the youngest simplex first.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import append, combine, inverses, new_table, pop_pivot, push, slot
from erlangen.topology._rips_kernels import apparent_facet, decode, oldest_cofacet, place, sign, worst_ranks

announce_compilation()


@njit(cache=True, nogil=True)
def facet_key(ranks, apex, binomials, vertices, left_out):
    """Return the key of a simplex's facet without one of its vertices, by position."""
    n, r, a, b = binomials.shape[1] - 1, -1, -1, -1
    for i in range(len(vertices)):
        for j in range(i):
            if i != left_out and j != left_out and ranks[vertices[i], vertices[j]] > r:
                r, a, b = ranks[vertices[i], vertices[j]], i, j
    number = 0
    for i in range(len(vertices)):
        if i in (left_out, a, b):
            continue
        order = 1
        for j in range(len(vertices)):
            if j not in (left_out, a, b):
                order += place(vertices[j], apex[r]) < place(vertices[i], apex[r])
        number += binomials[order, place(vertices[i], apex[r])]
    return r * binomials[len(vertices) - 3, n] + number


@njit(cache=True, nogil=True)
def push_boundary(ranks, a, b, apex, binomials, key, k, coefficient, modulus, bits, last, heap, size):
    """Push the facets of a simplex with k vertices beside its edge, with coefficients; return heap and size."""
    vertices = np.empty(k + 2, np.int64)
    decode(key, k, a, b, apex, binomials, vertices)
    vertices.sort()
    for i in range(k + 2):
        value = coefficient if i % 2 == 0 or modulus == 2 else modulus - coefficient
        heap = push(heap, size, ((last - facet_key(ranks, apex, binomials, vertices, i)) << bits) | value)
        size += 1
    return heap, size


@njit(cache=True, nogil=True)
def reduce_boundaries(ranks, a, b, apex, binomials, columns, k, modulus, bits):
    """Reduce the boundaries of simplices with k >= 1 vertices beside their edge, given oldest first.

    Returns each column's pivot, the key of the youngest facet left, -1 if none is; the reduced boundaries, and the
    chains whose boundaries they are: items (key << bits) | coefficient, those of column c from starts[c] to
    starts[c + 1].
    """
    n = len(ranks)
    last = len(a) * binomials[k - 1, n]  # above all keys of facets
    pivots = np.full(len(columns), -1, np.int64)
    owners = new_table(len(columns))
    owner = np.empty(len(owners), np.int64)
    cycles, cycle_starts, n_cycles = np.empty(1024, np.int64), np.zeros(len(columns) + 1, np.int64), 0
    chains, chain_starts, n_chains = np.empty(1024, np.int64), np.zeros(len(columns) + 1, np.int64), 0
    heap, chain = np.empty(1024, np.int64), np.empty(1024, np.int64)
    worst, places = np.empty(n, np.int32), np.empty(k + 3, np.int64)
    vertices, others = np.empty(k + 3, np.int64), np.empty(k + 3, np.int64)
    inverse, mask = inverses(modulus), (1 << bits) - 1
    for c in range(len(columns)):
        chain[0], n_chain = (columns[c] << bits) | 1, 1
        heap, size = push_boundary(ranks, a, b, apex, binomials, columns[c], k, 1, modulus, bits, last, heap, 0)
        while True:
            pivot, coefficient, size = pop_pivot(heap, size, modulus, bits)
            if pivot < 0:
                break
            heap = push(heap, size, (pivot << bits) | coefficient)
            size += 1
            i = slot(owners, pivot, 0)
            if owners[i] == pivot:
                other, factor = owner[i], modulus - coefficient
                for item in cycles[cycle_starts[other] : cycle_starts[other + 1]]:
                    heap = push(heap, size, (item >> bits << bits) | ((item & mask) * factor % modulus))
                    size += 1
                for item in chains[chain_starts[other] : chain_starts[other + 1]]:
                    chain = append(chain, n_chain, (item >> bits << bits) | ((item & mask) * factor % modulus))
                    n_chain += 1
                continue
            facet = last - pivot
            r = decode(facet, k - 1, a, b, apex, binomials, vertices)
            worst_ranks(ranks, vertices, k - 1, worst)
            cofacet, w = oldest_cofacet(ranks, apex, binomials, r, vertices, k - 1, worst, places)
            if cofacet < 0 or apparent_facet(ranks, a, b, apex, binomials, cofacet, k, others) != facet:
                owners[i], owner[i], pivots[c] = pivot, c, facet
                break
            factor = modulus - coefficient if sign(vertices, k - 1, w) > 0 else coefficient
            chain = append(chain, n_chain, (cofacet << bits) | factor)
            n_chain += 1
            heap, size = push_boundary(
                ranks, a, b, apex, binomials, cofacet, k, factor, modulus, bits, last, heap, size
            )
        factor = inverse[coefficient] if pivots[c] >= 0 else 1
        for item in combine(heap[:size], modulus, bits, factor):
            cycles = append(cycles, n_cycles, item)
            n_cycles += 1
        for item in combine(chain[:n_chain], modulus, bits, factor):
            chains = append(chains, n_chains, item)
            n_chains += 1
        cycle_starts[c + 1], chain_starts[c + 1] = n_cycles, n_chains
    for i in range(n_cycles):
        cycles[i] = ((last - (cycles[i] >> bits)) << bits) | (cycles[i] & mask)
    return pivots, cycles[:n_cycles], cycle_starts, chains[:n_chains], chain_starts


@njit(cache=True, nogil=True)
def root_forest(n, a, b):
    """Return each vertex's parent in a forest given by its edges, itself for roots, and its depth."""
    starts, at = np.zeros(n + 1, np.int64), np.empty(n, np.int64)
    for e in range(len(a)):
        starts[a[e] + 1] += 1
        starts[b[e] + 1] += 1
    starts = np.cumsum(starts)
    at[:] = starts[:n]
    neighbors = np.empty(2 * len(a), np.int64)
    for e in range(len(a)):
        neighbors[at[a[e]]], neighbors[at[b[e]]] = b[e], a[e]
        at[a[e]] += 1
        at[b[e]] += 1
    parent, depth, stack = np.full(n, -1, np.int64), np.zeros(n, np.int64), np.empty(n, np.int64)
    for root in range(n):
        if parent[root] >= 0:
            continue
        parent[root], stack[0], size = root, root, 1
        while size:
            size -= 1
            vertex = stack[size]
            for other in neighbors[starts[vertex] : starts[vertex + 1]]:
                if parent[other] < 0:
                    parent[other], depth[other], stack[size] = vertex, depth[vertex] + 1, other
                    size += 1
    return parent, depth


@njit(cache=True, nogil=True)
def close_in_forest(parent, depth, i, j, modulus):
    """Return the cycle of an edge i < j and the way back in the forest: edges (s, 2), ascending, and coefficients."""
    edges, size = np.empty((depth[i] + depth[j] + 1, 2), np.int64), 1
    coefficients = np.ones(len(edges), np.int64)
    edges[0] = i, j
    while i != j:
        down = depth[j] >= depth[i]  # from j up to its parent, or from a parent down to i
        start, end = (j, parent[j]) if down else (parent[i], i)
        edges[size] = min(start, end), max(start, end)
        coefficients[size] = 1 if start < end else modulus - 1
        size += 1
        if down:
            j = end
        else:
            i = start
    return edges[:size], coefficients[:size]
