"""Compiled loops that match the bars of two diagrams: bottleneck and Wasserstein distances, exactly.

Bars are (k, 2), birth and death, all finite and longer than zero. The distance of two bars is the larger difference of
their ends; a bar left alone costs its distance from the diagonal, half its length.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation

announce_compilation()

FEW = 4096
"""Candidates for the bottleneck distance that are sorted; above that their range is halved."""


@njit(cache=True, nogil=True)
def ground(a, i, b, j):
    """Return the distance of two bars."""
    return max(abs(a[i, 0] - b[j, 0]), abs(a[i, 1] - b[j, 1]))


@njit(cache=True, nogil=True)
def half_lengths(bars):
    """Return the distance of each bar from the diagonal."""
    return (bars[:, 1] - bars[:, 0]) / 2


@njit(cache=True, nogil=True)
def covers(a, b, t, partner, seen, stack, at):
    """Whether all bars of a longer than 2 t find partners of their own in b within t; writes the partners of b's bars.

    Augmenting paths, depth first.
    """
    partner[:] = -1
    half = half_lengths(a)
    for start in range(len(a)):
        if half[start] <= t:
            continue
        seen[:] = False
        stack[0], at[0], depth = start, 0, 0
        found = False
        while depth >= 0 and not found:
            i = stack[depth]
            j = at[depth]
            while j < len(b) and (seen[j] or ground(a, i, b, j) > t):
                j += 1
            at[depth] = j
            if j == len(b):
                depth -= 1
                if depth >= 0:
                    at[depth] += 1
                continue
            seen[j] = True
            if partner[j] < 0:
                found = True
            else:
                depth += 1
                stack[depth], at[depth] = partner[j], 0
        if not found:
            return False
        for level in range(depth, -1, -1):
            partner[at[level]] = stack[level]
    return True


@njit(cache=True, nogil=True)
def feasible(a, b, t, partner, seen, stack, at):
    """Whether some matching costs at most t.

    One that covers the long bars of a and one that covers those of b are enough (Mendelsohn and Dulmage, 1958).
    """
    return covers(a, b, t, partner[: len(b)], seen[: len(b)], stack, at) and covers(
        b, a, t, partner[: len(a)], seen[: len(a)], stack, at
    )


@njit(cache=True, nogil=True)
def candidates(a, b, low, high, values):
    """Write the possible distances in (low, high], as many as there is room for; return how many there are."""
    count = 0
    for i in range(len(a)):
        x = (a[i, 1] - a[i, 0]) / 2
        if low < x <= high:
            if count < len(values):
                values[count] = x
            count += 1
        for j in range(len(b)):
            x = ground(a, i, b, j)
            if low < x <= high:
                if count < len(values):
                    values[count] = x
                count += 1
    for j in range(len(b)):
        x = (b[j, 1] - b[j, 0]) / 2
        if low < x <= high:
            if count < len(values):
                values[count] = x
            count += 1
    return count


@njit(cache=True, nogil=True)
def bottleneck(a, b):
    """Return the least possible largest cost of a matching."""
    size = len(a) + len(b)
    if size == 0:
        return 0.0
    partner, seen = np.empty(size, np.int64), np.empty(size, np.bool_)
    stack, at = np.empty(size + 1, np.int64), np.empty(size + 1, np.int64)
    high = 0.0  # all bars alone
    for bars in (a, b):
        for i in range(len(bars)):
            high = max(high, (bars[i, 1] - bars[i, 0]) / 2)
    if feasible(a, b, 0.0, partner, seen, stack, at):
        return 0.0
    low = 0.0  # not feasible
    values = np.empty(FEW)
    count = candidates(a, b, low, high, values)
    while count > FEW:
        middle = low + (high - low) / 2
        if not low < middle < high:
            return high
        if feasible(a, b, middle, partner, seen, stack, at):
            high = middle
        else:
            low = middle
        count = candidates(a, b, low, high, values)
    values = np.sort(values[:count])
    first, last = 0, count - 1  # the answer is among these
    while first < last:
        middle = (first + last) // 2
        if feasible(a, b, values[middle], partner, seen, stack, at):
            last = middle
        else:
            first = middle + 1
    return values[first]


@njit(cache=True, nogil=True)
def assign(costs):
    """Return the column for each row of a matrix with no more rows than columns, so that the sum is least.

    Shortest augmenting paths (R. Jonker, A. Volgenant, Computing 38, 325, 1987).
    """
    n, m = costs.shape
    row_price, column_price = np.zeros(n + 1), np.zeros(m + 1)
    owner, way = np.zeros(m + 1, np.int64), np.zeros(m + 1, np.int64)
    for i in range(1, n + 1):
        owner[0], j = i, 0
        slack, used = np.full(m + 1, np.inf), np.zeros(m + 1, np.bool_)
        while True:
            used[j] = True
            row, step, following = owner[j], np.inf, 0
            for k in range(1, m + 1):
                if used[k]:
                    continue
                x = costs[row - 1, k - 1] - row_price[row] - column_price[k]
                if x < slack[k]:
                    slack[k], way[k] = x, j
                if slack[k] < step:
                    step, following = slack[k], k
            for k in range(m + 1):
                if used[k]:
                    row_price[owner[k]] += step
                    column_price[k] -= step
                else:
                    slack[k] -= step
            j = following
            if owner[j] == 0:
                break
        while j:
            owner[j] = owner[way[j]]
            j = way[j]
    columns = np.empty(n, np.int64)
    for k in range(1, m + 1):
        if owner[k]:
            columns[owner[k] - 1] = k - 1
    return columns


@njit(cache=True, nogil=True)
def wasserstein_matching(a, b, p):
    """Return the partner in b of each bar in a, -1 for the diagonal, so that the sum of costs^p is least.

    A pair costs the same as both its bars alone plus what the pair saves, so that only savings are assigned.
    """
    fewer, more = (a, b) if len(a) <= len(b) else (b, a)
    alone, others_alone = half_lengths(fewer) ** p, half_lengths(more) ** p
    savings = np.empty((len(fewer), len(more)))
    for i in range(len(fewer)):
        for j in range(len(more)):
            savings[i, j] = min(0.0, ground(fewer, i, more, j) ** p - alone[i] - others_alone[j])
    found = np.full(len(a), -1, np.int64)
    columns = assign(savings)
    for i in range(len(fewer)):
        if savings[i, columns[i]] < 0:
            if len(a) <= len(b):
                found[i] = columns[i]
            else:
                found[columns[i]] = i
    return found


@njit(cache=True, nogil=True)
def wasserstein(a, b, p):
    """Return the p-th root of the least possible sum of costs^p."""
    scale = 0.0  # so that powers neither overflow nor vanish
    for bars in (a, b):
        for i in range(len(bars)):
            scale = max(scale, (bars[i, 1] - bars[i, 0]) / 2)
    if scale == 0.0:
        return 0.0
    found = wasserstein_matching(a / scale, b / scale, p)
    total, alone = 0.0, np.ones(len(b), np.bool_)
    for i in range(len(a)):
        if found[i] >= 0:
            alone[found[i]] = False
            total += (ground(a, i, b, found[i]) / scale) ** p
        else:
            total += ((a[i, 1] - a[i, 0]) / 2 / scale) ** p
    for j in range(len(b)):
        if alone[j]:
            total += ((b[j, 1] - b[j, 0]) / 2 / scale) ** p
    return scale * total ** (1 / p)


@njit(cache=True, nogil=True)
def longer_than_zero(bars):
    """Return the bars whose length is not zero."""
    return bars[bars[:, 0] < bars[:, 1]]


@njit(cache=True, nogil=True)
def all_distances(first, second, p, out, start, stop):
    """Write the distances between diagrams of two batches (n, k, 2), pair after pair; p = inf is the bottleneck's."""
    for pair in range(start, stop):
        a = longer_than_zero(first[pair // len(second)])
        b = longer_than_zero(second[pair % len(second)])
        out[pair] = bottleneck(a, b) if np.isinf(p) else wasserstein(a, b, p)
