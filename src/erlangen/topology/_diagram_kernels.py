"""Compiled loops over pairs of diagrams: sliced Wasserstein distances, sums of Gaussians, Fisher distances.

Diagrams come flat: bars (k, 2) of all of a collection, longer than zero, and where each diagram begins. ``pairs``
(p, 2) says which diagrams of the first collection go with which of the second.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation

announce_compilation()


@njit(cache=True, nogil=True)
def sorted_distance(a, b, c, d):
    """Return the sum of |x - y| over the sorted unions of a, b and of c, d.

    All are sorted and end with inf, which is not counted; without these the unions are equally long.
    """
    i = j = k = l = 0
    total = 0.0
    for _ in range(len(a) + len(b) - 2):
        first, second = a[i] <= b[j], c[k] <= d[l]  # counted, not branched on: nobody could foresee the way
        total += abs(min(a[i], b[j]) - min(c[k], d[l]))
        i += first
        j += not first
        k += second
        l += not second
    return total


@njit(cache=True, nogil=True)
def sliced_distances(seen, shadows, starts, others_seen, others_shadows, others_starts, pairs, out, start, stop):
    """Write the mean over directions of the one-dimensional distances, pair after pair.

    ``seen`` (directions, k) are the bars projected on the directions, ``shadows`` the same of their nearest points on
    the diagonal; both sorted within each diagram, with inf at its end.
    """
    for pair in range(start, stop):
        i, j = pairs[pair]
        mine, others = slice(starts[i], starts[i + 1]), slice(others_starts[j], others_starts[j + 1])
        total = 0.0
        for k in range(len(seen)):
            total += sorted_distance(seen[k, mine], others_shadows[k, others], others_seen[k, others], shadows[k, mine])
        out[pair] = total / len(seen)


@njit(cache=True, nogil=True)
def gaussian_sums(
    bars, weights, starts, others, others_weights, others_starts, factor, mirrored, pairs, out, start, stop
):
    """Write the sums over pairs of bars of w w' exp(-factor |p - q|^2), minus that of q mirrored at the diagonal."""
    for pair in range(start, stop):
        i, j = pairs[pair]
        total = 0.0
        for k in range(starts[i], starts[i + 1]):
            for l in range(others_starts[j], others_starts[j + 1]):
                x = (bars[k, 0] - others[l, 0]) ** 2 + (bars[k, 1] - others[l, 1]) ** 2
                value = np.exp(-factor * x)
                if mirrored:
                    x = (bars[k, 0] - others[l, 1]) ** 2 + (bars[k, 1] - others[l, 0]) ** 2
                    value -= np.exp(-factor * x)
                total += weights[k] * others_weights[l] * value
        out[pair] = total


@njit(cache=True, nogil=True)
def with_diagonal(bars, others):
    """Return the bars of one diagram, and the points of the diagonal nearest to those of another."""
    n = len(bars)
    found = np.empty((n + len(others), 2))
    found[:n] = bars
    for l in range(len(others)):
        found[n + l] = (others[l, 0] + others[l, 1]) / 2
    return found


@njit(cache=True, nogil=True)
def fisher_distances(bars, starts, others, others_starts, factor, pairs, out, start, stop):
    """Write the angles between the square roots of two densities: Gaussians at bars and the others' diagonal points."""
    for pair in range(start, stop):
        i, j = pairs[pair]
        a, b = bars[starts[i] : starts[i + 1]], others[others_starts[j] : others_starts[j + 1]]
        p, q = with_diagonal(a, b), with_diagonal(b, a)
        n = len(p)
        if n == 0:
            out[pair] = 0.0
            continue
        at_p, at_q = np.zeros(2 * n), np.zeros(2 * n)  # both densities at all points
        for x in range(n):
            for y in range(n):
                at_p[x] += np.exp(-factor * ((p[x, 0] - p[y, 0]) ** 2 + (p[x, 1] - p[y, 1]) ** 2))
                at_q[n + x] += np.exp(-factor * ((q[x, 0] - q[y, 0]) ** 2 + (q[x, 1] - q[y, 1]) ** 2))
                between = np.exp(-factor * ((p[x, 0] - q[y, 0]) ** 2 + (p[x, 1] - q[y, 1]) ** 2))
                at_q[x] += between
                at_p[n + y] += between
        overlap = (np.sqrt(at_p / at_p.sum()) * np.sqrt(at_q / at_q.sum())).sum()
        out[pair] = np.arccos(min(overlap, 1.0))
