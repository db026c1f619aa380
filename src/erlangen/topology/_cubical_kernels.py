"""Compiled loops of cubical persistence, in any dimension.

Cells are places in a grid of twice the resolution: the dimension of a cell is how many of its coordinates are odd, and
its facets are next to it along these axes. Each cell has the rank of one pixel: the one with which it enters. Cells of
one rank are a block; the filtration adds block after block, within a block cells of one dimension by their place. So
``rank * n_cells + place`` is a key that compares as the filtration does.

The block of a pixel is what of the cells around its own enters with it. If along some axis nothing lies on one side,
and on the other side the same as in the middle, as around most pixels, all cells are in *pairs* of neighbors along
this axis, bars of length zero; of a cocycle that reaches the block only the pairs' cofacets need be known, as the rest
vanishes with them. In other blocks, a cell and its oldest cofacet are a pair if the cofacet has no younger facet there.
What is left are *critical* cells. In the lowest dimension they are joined by union-find over
critical edges, each vertex starting at the end of the path of pairs; in the highest, dually, cells are joined
over critical walls in the reverse order, with what lies outside the image as the eldest of all (A. Garin et al.,
arXiv:2102.11397). What lies between is reduced as coboundaries.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import append, combine, find_root, inverses, new_table, pop_pivot, push, slot

announce_compilation()


@njit(cache=True, nogil=True)
def next_cell(cell, axis, forward, sizes, strides, periodic):
    """Return the place one step (+1 or -1) along an axis, -1 outside of the grid."""
    x = cell // strides[axis] % sizes[axis] + forward
    if 0 <= x < sizes[axis]:
        return cell + forward * strides[axis]
    if periodic[axis]:
        return cell - forward * (sizes[axis] - 1) * strides[axis]
    return np.int64(-1)


@njit(cache=True, nogil=True)
def dimension(cell, sizes, strides):
    """Return how many coordinates are odd."""
    odd = 0
    for axis in range(len(sizes)):
        odd += cell // strides[axis] % sizes[axis] & 1
    return odd


@njit(cache=True, nogil=True)
def dimensions(cells, sizes, strides):
    """Return the dimension of each cell."""
    found = np.empty(len(cells), np.int64)
    for i in range(len(cells)):
        found[i] = dimension(cells[i], sizes, strides)
    return found


@njit(cache=True, nogil=True)
def extreme_neighbor(when, cell, up, sizes, strides, periodic):
    """Return the first of a cell's cofacets (up) or the last of its facets within its block, -1 if there is none."""
    best = np.int64(-1)
    for axis in range(len(sizes)):
        if (cell // strides[axis] % sizes[axis] & 1) == up:
            continue
        low = next_cell(cell, axis, -1, sizes, strides, periodic)
        high = next_cell(cell, axis, 1, sizes, strides, periodic)
        if low == high:  # around a periodic axis of one pixel: once with each sign
            continue
        if low >= 0 and when[low] == when[cell] and (best < 0 or (low < best) == up):
            best = low
        if high >= 0 and when[high] == when[cell] and (best < 0 or (high < best) == up):
            best = high
    return best


@njit(cache=True, nogil=True)
def find_axes(when, centers, around, sizes, strides, on_vertices, axes, start, stop):
    """Write, for pixels of rank start to stop, the axis along which all cells of their block are in pairs; 0 if none.

    The code is 1 + 2 axis, and 1 more if the facets of the pairs lie forward of their cofacets. ``around[axis]`` has
    the steps to the cells around in the other axes.
    """
    for r in range(start, stop):
        center = centers[r]
        axes[r], inner = 0, True
        for axis in range(len(sizes)):
            x = center // strides[axis] % sizes[axis]
            inner &= 0 < x < sizes[axis] - 1
        if not inner:
            continue
        for axis in range(len(sizes)):
            for forward in (-1, 1):
                step = forward * strides[axis]
                paired = True
                for t in around[axis]:
                    cell = center + t
                    if (when[cell] == r) != (when[cell + step] == r) or when[cell - step] == r:
                        paired = False
                        break
                if paired:
                    axes[r] = 1 + 2 * axis + ((forward > 0) != on_vertices)
                    break
            if axes[r]:
                break


@njit(cache=True, nogil=True)
def partner(when, axes, cell, up, sizes, strides, periodic):
    """Return the cofacet (up) or facet that a cell is in a pair of length zero with, -1 if there is none."""
    code = np.int64(axes[when[cell]])
    if code:
        axis, forward = (code - 1) >> 1, 2 * ((code - 1) & 1) - 1
        if (cell // strides[axis] % sizes[axis] & 1) == up:
            return np.int64(-1)
        return cell + (-forward if up else forward) * strides[axis]
    other = extreme_neighbor(when, cell, up, sizes, strides, periodic)
    if other >= 0 and extreme_neighbor(when, other, not up, sizes, strides, periodic) == cell:
        return other
    return np.int64(-1)


@njit(cache=True, nogil=True)
def critical_cells(when, axes, centers, steps, highest, sizes, strides, periodic, start, stop):
    """Return the keys of cells of up to a dimension, in blocks of rank start to stop, that are in no pair."""
    found, size = np.empty(64, np.int64), 0
    cells = np.empty(len(steps), np.int64)
    for r in range(start, stop):
        if axes[r]:
            continue
        count = 0
        for step in steps:
            cell = centers[r]
            for axis in range(len(sizes)):
                if step[axis] and cell >= 0:
                    cell = next_cell(cell, axis, step[axis], sizes, strides, periodic)
            if cell < 0 or when[cell] != r or dimension(cell, sizes, strides) > highest:
                continue
            new = True  # around a short periodic axis the same cell comes twice
            for other in cells[:count]:
                new &= other != cell
            if new:
                cells[count] = cell
                count += 1
        for cell in cells[:count]:
            if partner(when, axes, cell, True, sizes, strides, periodic) >= 0:
                continue
            if partner(when, axes, cell, False, sizes, strides, periodic) >= 0:
                continue
            found = append(found, size, r * len(when) + cell)
            size += 1
    return found[:size]


@njit(cache=True, nogil=True)
def ends_of(cell, up, sizes, strides, periodic):
    """Return the two facets of an edge, or (up) the two cofacets of a wall; -1 for what is outside."""
    for axis in range(len(sizes)):
        if (cell // strides[axis] % sizes[axis] & 1) != up:
            low = next_cell(cell, axis, -1, sizes, strides, periodic)
            return low, next_cell(cell, axis, 1, sizes, strides, periodic)
    return np.int64(-1), np.int64(-1)


@njit(cache=True, nogil=True)
def merge(when, axes, joints, dual, sizes, strides, periodic):
    """Return (m, 2) keys: critical cells that join two components, in the order given, and the cell whose ends there.

    Components of vertices joined by edges, oldest first; or (dual) of cells of the highest dimension joined by walls,
    youngest first, where what is outside of the grid is one of them.
    """
    n = len(when)
    parent = np.arange(n + 1)
    count = 1
    for axis in range(len(sizes)):
        count *= (sizes[axis] + (not dual)) // 2
    for number in range(count):
        cell, rest = np.int64(0), number
        for axis in range(len(sizes)):
            side = (sizes[axis] + (not dual)) // 2
            cell += (2 * (rest % side) + dual) * strides[axis]
            rest //= side
        joint = partner(when, axes, cell, not dual, sizes, strides, periodic)
        if joint >= 0:
            low, high = ends_of(joint, dual, sizes, strides, periodic)
            other = high if low == cell else low
            parent[cell] = n if other < 0 else other
    pairs, size = np.empty((len(joints), 2), np.int64), 0
    for joint in joints:
        low, high = ends_of(joint % n, dual, sizes, strides, periodic)
        low, high = find_root(parent, n if low < 0 else low), find_root(parent, n if high < 0 else high)
        if low == high:
            continue
        if low == n or (high != n and ((when[low], low) < (when[high], high)) != dual):
            low, high = high, low  # the one that ends is low now
        parent[low] = high
        pairs[size, 0], pairs[size, 1] = joint, np.int64(when[low]) * n + low
        size += 1
    return pairs[:size]


@njit(cache=True, nogil=True)
def incidence(cell, cofacet, sizes, strides, periodic):
    """Return the sign of a cell in the boundary of one of its cofacets: +1 or -1."""
    sign = 1
    for axis in range(len(sizes)):
        if cell // strides[axis] % sizes[axis] & 1:
            sign = -sign
        elif next_cell(cell, axis, -1, sizes, strides, periodic) == cofacet:
            return sign
        elif next_cell(cell, axis, 1, sizes, strides, periodic) == cofacet:
            return -sign
    return 0


@njit(cache=True, nogil=True)
def push_coboundary(when, axes, cell, coefficient, modulus, bits, sizes, strides, periodic, heap, size):
    """Push a cell's cofacets, of which something can be left over, with their coefficients; return heap and size."""
    positive = True  # by the odd axes before
    for axis in range(len(sizes)):
        if cell // strides[axis] % sizes[axis] & 1:
            positive = not positive
            continue
        low = next_cell(cell, axis, -1, sizes, strides, periodic)
        high = next_cell(cell, axis, 1, sizes, strides, periodic)
        if low == high:
            continue
        for other, sign in ((low, positive), (high, not positive)):
            if other < 0:
                continue
            code = np.int64(axes[when[other]])
            if code:
                along = (code - 1) >> 1
                if not other // strides[along] % sizes[along] & 1:
                    continue
            value = coefficient if sign or modulus == 2 else modulus - coefficient
            heap = push(heap, size, ((np.int64(when[other]) * len(when) + other) << bits) | value)
            size += 1
    return heap, size


@njit(cache=True, nogil=True)
def reduce_cells(when, axes, columns, modulus, bits, sizes, strides, periodic):
    """Reduce the coboundaries of critical cells, given by key, youngest first; return their pivots, -1 if none."""
    n = len(when)
    pivots = np.full(len(columns), -1, np.int64)
    table = new_table(len(columns))
    owner = np.empty(len(table), np.int64)
    stored, starts, n_stored = np.empty(1024, np.int64), np.zeros(len(columns) + 1, np.int64), 0
    heap, chain = np.empty(1024, np.int64), np.empty(1024, np.int64)
    inverse = inverses(modulus)
    for c in range(len(columns)):
        chain[0], links = (columns[c] << bits) | 1, 1
        heap, size = push_coboundary(when, axes, columns[c] % n, 1, modulus, bits, sizes, strides, periodic, heap, 0)
        while True:
            pivot, coefficient, size = pop_pivot(heap, size, modulus, bits)
            if pivot < 0:
                break
            i = slot(table, pivot)
            if table[i] == pivot:
                heap = push(heap, size, (pivot << bits) | coefficient)
                size += 1
                for s in range(starts[owner[i]], starts[owner[i] + 1]):
                    value = (stored[s] & ((1 << bits) - 1)) * (modulus - coefficient) % modulus
                    cell = (stored[s] >> bits) % n
                    chain = append(chain, links, ((stored[s] >> bits) << bits) | value)
                    links += 1
                    heap, size = push_coboundary(
                        when, axes, cell, value, modulus, bits, sizes, strides, periodic, heap, size
                    )
                continue
            facet = partner(when, axes, pivot % n, False, sizes, strides, periodic)
            if facet < 0:
                table[i], owner[i] = pivot, c
                break
            heap = push(heap, size, (pivot << bits) | coefficient)
            size += 1
            positive = modulus == 2 or incidence(facet, pivot % n, sizes, strides, periodic) > 0
            factor = modulus - coefficient if positive else coefficient  # so that the pivot cancels
            heap, size = push_coboundary(when, axes, facet, factor, modulus, bits, sizes, strides, periodic, heap, size)
            chain = append(chain, links, ((np.int64(when[facet]) * n + facet) << bits) | factor)
            links += 1
        pivots[c] = pivot
        for item in combine(chain[:links], modulus, bits, inverse[coefficient] if pivot >= 0 else 1):
            stored = append(stored, n_stored, item)
            n_stored += 1
        starts[c + 1] = n_stored
    return pivots
