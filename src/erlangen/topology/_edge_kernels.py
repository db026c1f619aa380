"""Compiled loops that make ranked edges of distances, the input of all that follows."""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation

announce_compilation()

ABSENT = 2**31 - 1
"""The rank of an edge that does not exist."""

_DIGIT = 11
"""Bits that one pass of the radix sort looks at."""


@njit(cache=True, nogil=True)
def farthest_points(distances, births, start, stop):
    """Return when each vertex has its last edge, of those from vertices start to stop to later ones."""
    n = len(distances)
    last = births.copy()
    for i in range(start, stop):
        row, most = distances[i], births[i]
        for j in range(i + 1, n):
            x = max(row[j], births[i], births[j])
            most, last[j] = max(most, x), max(last[j], x)
        last[i] = max(last[i], most)
    return last


@njit(cache=True, nogil=True)
def count_edges(distances, births, threshold, counts, start, stop):
    """Write how many edges up to the threshold go from each vertex to later ones."""
    n = len(distances)
    for i in range(start, stop):
        row, count = distances[i], 0
        for j in range(i + 1, n):
            x = max(row[j], births[i], births[j])
            count += (x <= threshold) & (x < np.inf)
        counts[i] = count


@njit(cache=True, nogil=True)
def list_edges(distances, births, threshold, offsets, ends, values, start, stop):
    """Write ends and values of the edges up to the threshold, those of a vertex to later ones from its offset on."""
    n = len(distances)
    for i in range(start, stop):
        row, m = distances[i], offsets[i]
        for j in range(i + 1, n):
            x = max(row[j], births[i], births[j])
            if x <= threshold and x < np.inf:
                ends[m, 0], ends[m, 1], values[m] = i, j, x
                m += 1


@njit(cache=True, nogil=True)
def sorting_order(values, cuts, start, stop):
    """Return the stable order of the finite values from cuts[start] on and below cuts[stop].

    A radix sort of 33 bits of their range, mended by insertion.
    """
    order = np.empty(len(values), np.int32)
    m, low, high = 0, np.inf, -np.inf
    for i in range(len(values)):
        x = values[i]
        if cuts[start] <= x < cuts[stop]:
            order[m] = i
            m += 1
            low, high = min(low, x), max(high, x)
    order = order[:m]
    scale = (2.0 ** (3 * _DIGIT) - 1) / (high - low) if high > low else 0.0
    if not np.isfinite(scale):
        return order[np.argsort(values[order], kind="mergesort")]
    keys = np.empty(m, np.int64)
    for i in range(m):
        keys[i] = np.int64((values[order[i]] - low) * scale)
    other_keys, other = np.empty_like(keys), np.empty_like(order)
    for digit in range(3):
        counts = np.zeros((1 << _DIGIT) + 1, np.int64)
        for i in range(m):
            counts[((keys[i] >> (_DIGIT * digit)) & ((1 << _DIGIT) - 1)) + 1] += 1
        for i in range(1 << _DIGIT):
            counts[i + 1] += counts[i]
        for i in range(m):
            bucket = (keys[i] >> (_DIGIT * digit)) & ((1 << _DIGIT) - 1)
            other_keys[counts[bucket]], other[counts[bucket]] = keys[i], order[i]
            counts[bucket] += 1
        keys, other_keys = other_keys, keys
        order, other = other, order
    for i in range(1, m):  # different values may share all 33 bits
        edge, k = order[i], i
        while k > 0 and values[order[k - 1]] > values[edge]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = edge
    return order


@njit(cache=True, nogil=True)
def write_ranks(ends, values, order, ranks, a, b, ranked_values, start, stop):
    """Write the rank of each pair (n, n), and ends (a < b) and value of each rank, for ranks start to stop."""
    for r in range(start, stop):
        i, j = ends[order[r]]
        a[r], b[r], ranked_values[r] = i, j, values[order[r]]
        ranks[i, j] = ranks[j, i] = r


@njit(cache=True, nogil=True)
def dominator(times, near, count, when):
    """Return the index of a vertex in near[:count] that is next to all others of them at some time, -1 if none is."""
    for i in range(count):
        row, next_to_all = times[near[i]], True
        for j in range(count):
            if i != j and row[near[j]] > when:
                next_to_all = False
                break
        if next_to_all:
            return i
    return -1


@njit(cache=True, nogil=True)
def collapse_edges(times, a, b):
    """Move edges, from the last, to the first time at which they are not dominated; ABSENT if there is none.

    An edge is dominated by a vertex next to its ends and to all that are next to both; without it the complex has the
    same homology. ``times`` (n, n) has the ranks, and is changed. (M. Glisse and S. Pritam, 2022, arXiv:2203.07022.)
    """
    n = len(times)
    arrivals, vertices = np.empty(n, np.int32), np.empty(n, np.int32)
    for r in range(len(a) - 1, -1, -1):
        p, q, m = times[a[r]], times[b[r]], 0
        for w in range(n):
            arrivals[m], vertices[m] = max(p[w], q[w]), w
            m += arrivals[m] < ABSENT
        if not m:
            continue
        order = np.argsort(arrivals[:m])
        near, when = vertices[order], np.int32(r)
        count = 0
        while True:
            while count < m and arrivals[order[count]] <= when:
                count += 1
            i = dominator(times, near, count, when)
            if i < 0:
                break
            row, later = times[near[i]], count
            while later < m and row[near[later]] <= arrivals[order[later]]:
                later += 1
            if later == m:
                when = np.int32(ABSENT)
                break
            when = arrivals[order[later]]
        times[a[r], b[r]] = times[b[r], a[r]] = when
