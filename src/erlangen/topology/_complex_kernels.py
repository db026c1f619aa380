"""Compiled loops of persistence of explicit complexes: simplices numbered in each dimension, oldest first.

A table of *facets* (n, d + 1) gives, for every simplex of dimension d, the numbers of its facets, the j-th without its
j-th vertex. Components are joined by union-find over edges, oldest first. Dually, where no wall (a simplex of dimension
d - 1) has more than two cofacets, cells are joined over walls, youngest first, with nothing at all as the eldest cell;
each cell knows its sign within its component, since modulo an odd prime a component that cannot be oriented ends where
this shows. What lies between is reduced: columns are coboundaries, youngest first, or boundaries, oldest first.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import append, find_root, inverses, new_table, pop, push, slot

announce_compilation()


@njit(cache=True, nogil=True)
def tabulate(keys):
    """Return a table of keys, by open addresses, beside it their numbers, as given, and how many come again."""
    table = new_table(len(keys))
    numbers, again = np.empty(len(table), np.int32), 0
    for number in range(len(keys)):
        i = slot(table, keys[number])
        again += table[i] >= 0
        table[i], numbers[i] = keys[number], number
    return table, numbers, again


@njit(cache=True, nogil=True)
def look_up(table, numbers, keys):
    """Return the number of each key, -1 where the table has none."""
    found = np.empty(len(keys), np.int64)
    for k in range(len(keys)):
        i = slot(table, keys[k])
        found[k] = -1 if table[i] < 0 else numbers[i]
    return found


@njit(cache=True, nogil=True)
def sorting_order(values):
    """Return the stable order of numbers: a radix sort of their bits, sixteen at a time."""
    n = len(values)
    keys, order = np.empty(n, np.uint64), np.arange(n)
    bits = (values + 0.0).view(np.uint64)  # the sum makes -0 a 0
    for i in range(n):
        keys[i] = ~bits[i] if bits[i] >> np.uint64(63) else bits[i] | np.uint64(1 << 63)
    other_keys, other = np.empty_like(keys), np.empty_like(order)
    for digit in range(4):
        shift = np.uint64(16 * digit)
        counts = np.zeros((1 << 16) + 1, np.int64)
        for i in range(n):
            counts[np.int64((keys[i] >> shift) & np.uint64(0xFFFF)) + 1] += 1
        if counts.max() == n:
            continue
        for i in range(1 << 16):
            counts[i + 1] += counts[i]
        for i in range(n):
            bucket = np.int64((keys[i] >> shift) & np.uint64(0xFFFF))
            other_keys[counts[bucket]], other[counts[bucket]] = keys[i], order[i]
            counts[bucket] += 1
        keys, other_keys = other_keys, keys
        order, other = other, order
    return order


@njit(cache=True, nogil=True)
def merge_vertices(edges, n):
    """Return (m, 2): the vertex whose component ends and the edge (its row) that joins it to an elder one."""
    parent = np.arange(n)
    pairs, size = np.empty((max(n - 1, 0), 2), np.int64), 0
    for e in range(len(edges)):
        a, b = find_root(parent, edges[e, 0]), find_root(parent, edges[e, 1])
        if a == b:
            continue
        elder, younger = min(a, b), max(a, b)
        parent[younger] = elder
        pairs[size, 0], pairs[size, 1] = younger, e
        size += 1
    return pairs[:size]


@njit(cache=True, nogil=True)
def signed_root(parent, sign, x):
    """Return the root of a cell's component and the cell's sign in it."""
    total = 1
    while parent[x] != x:
        sign[x] *= sign[parent[x]]
        parent[x] = parent[parent[x]]
        total *= sign[x]
        x = parent[x]
    return x, total


@njit(cache=True, nogil=True)
def merge_cells(facets, n_walls, modulus):
    """Return (m, 2): walls that begin a class and the cells (rows) that end it; walls have two cofacets at most."""
    n, size = facets.shape
    cells = np.full((n_walls, 2), n)
    signs = np.ones((n_walls, 2), np.int8)
    for c in range(n):
        for j in range(size):
            wall = facets[c, j]
            k = 1 if cells[wall, 0] < n else 0
            cells[wall, k], signs[wall, k] = c, 1 - 2 * (j & 1)
    parent, sign = np.arange(n + 1), np.ones(n + 1, np.int8)
    pairs, count = np.empty((min(n, n_walls), 2), np.int64), 0
    for wall in range(n_walls - 1, -1, -1):
        if cells[wall, 0] == n:
            continue
        a, s = signed_root(parent, sign, cells[wall, 0])
        b, t = signed_root(parent, sign, cells[wall, 1])
        s, t = s * signs[wall, 0], t * signs[wall, 1]
        if a == b:
            if a == n or modulus == 2 or s != t:
                continue
            older, younger = a, n  # cannot be oriented
        else:
            older, younger = min(a, b), max(a, b)
        parent[older], sign[older] = younger, -s * t
        pairs[count, 0], pairs[count, 1] = wall, older
        count += 1
    return pairs[:count]


@njit(cache=True, nogil=True)
def coboundaries(facets, n_columns, kept, modulus, bits):
    """Return where each column starts and its items: cofacets in ascending order, those not kept left out."""
    n, size = facets.shape
    starts = np.zeros(n_columns + 1, np.int64)
    for s in range(n):
        if kept[s]:
            for j in range(size):
                starts[facets[s, j] + 1] += 1
    for c in range(n_columns):
        starts[c + 1] += starts[c]
    at, items = starts[:-1].copy(), np.empty(starts[n_columns], np.int64)
    for s in range(n):
        if kept[s]:
            for j in range(size):
                c = facets[s, j]
                items[at[c]] = (np.int64(s) << bits) | (modulus - 1 if j & 1 else 1)
                at[c] += 1
    return starts, items


@njit(cache=True, nogil=True)
def reduce_columns(starts, items, columns, n_rows, modulus, bits):
    """Reduce columns in the order given; return the pivot of each, its least row, -1 if nothing is left.

    A column whose least row nobody has is left as it is. Else it is added up in an array over all rows, with a heap of
    those that may be in it.
    """
    mask, inverse = (1 << bits) - 1, inverses(modulus)
    pivots = np.full(len(columns), -1, np.int64)
    first, last = np.full(n_rows, -1, np.int64), np.empty(n_rows, np.int64)  # of the column that has a pivot
    total, listed = np.zeros(n_rows, np.int64), np.zeros(n_rows, np.bool_)
    heap, n_items = np.empty(1024, np.int64), len(items)
    for c in range(len(columns)):
        begin, end = starts[columns[c]], starts[columns[c] + 1]
        if begin == end:
            continue
        pivot = items[begin] >> bits
        if first[pivot] < 0:
            pivots[c], first[pivot], last[pivot] = pivot, begin, end
            continue
        size, factor = 0, np.int64(1)
        while True:
            for s in range(begin, end):
                row = items[s] >> bits
                total[row] = (total[row] + factor * (items[s] & mask)) % modulus
                if not listed[row]:
                    listed[row] = True
                    heap = push(heap, size, row)
                    size += 1
            while size and total[heap[0]] == 0:
                listed[heap[0]] = False
                pop(heap, size)
                size -= 1
            if size == 0:
                break
            pivot = heap[0]
            begin, end = first[pivot], last[pivot]
            if begin < 0:
                break
            factor = total[pivot] * (modulus - inverse[items[begin] & mask]) % modulus
        if size == 0:
            continue
        pivots[c], first[pivot] = pivot, n_items
        for row in heap[:size]:
            if total[row]:
                items = append(items, n_items, (row << bits) | total[row])
                n_items += 1
            total[row], listed[row] = 0, False
        last[pivot] = n_items
    return pivots
