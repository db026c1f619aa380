"""Compiled arithmetic beyond float64: pairs of numbers, a hundred bits long, and expansions, which are exact.

A *pair* is a number and what was lost when it was rounded. An *expansion* is an array of numbers whose sum is meant,
smallest first, none of which overlap (J. R. Shewchuk, Adaptive precision floating-point arithmetic and fast robust
geometric predicates, 1997). Both are exact as long as no product underflows.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation

announce_compilation()

_SPLITTER = 2.0**27 + 1
PAIR_SLACK = 2.0**-95
"""What a short polynomial of pairs is off by at most, of the sum of its terms' sizes."""


@njit(cache=True, nogil=True, inline="always")
def two_sum(a, b):
    """Return the rounded sum and what was lost."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


@njit(cache=True, nogil=True, inline="always")
def two_product(a, b):
    """Return the rounded product and what was lost."""
    product = a * b
    c = _SPLITTER * a
    a_high = c - (c - a)
    c = _SPLITTER * b
    b_high = c - (c - b)
    a_low, b_low = a - a_high, b - b_high
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


@njit(cache=True, nogil=True)
def plus(a, b):
    """Return the sum of two pairs."""
    total, lost = two_sum(a[0], b[0])
    lost += a[1] + b[1]
    high = total + lost
    return high, lost - (high - total)


@njit(cache=True, nogil=True)
def minus(a, b):
    """Return the difference of two pairs."""
    return plus(a, (-b[0], -b[1]))


@njit(cache=True, nogil=True)
def times(a, b):
    """Return the product of two pairs."""
    product, lost = two_product(a[0], b[0])
    lost += a[0] * b[1] + a[1] * b[0]
    high = product + lost
    return high, lost - (high - product)


@njit(cache=True, nogil=True)
def over(a, b):
    """Return the quotient of two pairs."""
    first = a[0] / b[0]
    rest = minus(a, times(b, (first, 0.0)))
    second = rest[0] / b[0]
    rest = minus(rest, times(b, (second, 0.0)))
    return plus((first, second), (rest[0] / b[0], 0.0))


@njit(cache=True, nogil=True)
def expansion(a, b):
    """Return a + b of two numbers as an expansion."""
    total, lost = two_sum(a, b)
    return np.array([lost, total]) if lost else np.array([total])


@njit(cache=True, nogil=True)
def add(e, f):
    """Return the sum of two expansions."""
    found, size, i, j, carried = np.empty(len(e) + len(f)), 0, 0, 0, 0.0
    while i < len(e) or j < len(f):
        if j == len(f) or (i < len(e) and abs(e[i]) < abs(f[j])):
            carried, lost = two_sum(carried, e[i])
            i += 1
        else:
            carried, lost = two_sum(carried, f[j])
            j += 1
        if lost:
            found[size] = lost
            size += 1
    if carried or not size:
        found[size] = carried
        size += 1
    return found[:size]


@njit(cache=True, nogil=True)
def scale(e, factor):
    """Return an expansion times a number."""
    found, size, carried = np.empty(2 * len(e)), 0, 0.0
    for x in e:
        product, low = two_product(x, factor)
        total, lost = two_sum(carried, low)
        if lost:
            found[size] = lost
            size += 1
        carried, lost = two_sum(product, total)
        if lost:
            found[size] = lost
            size += 1
    if carried or not size:
        found[size] = carried
        size += 1
    return found[:size]


@njit(cache=True, nogil=True)
def multiply(e, f):
    """Return the product of two expansions."""
    if len(e) < len(f):
        e, f = f, e
    found = scale(e, f[0])
    for x in f[1:]:
        found = add(found, scale(e, x))
    return found


@njit(cache=True, nogil=True)
def subtract(e, f):
    """Return the difference of two expansions."""
    return add(e, -f)


@njit(cache=True, nogil=True)
def exact_difference(points, a, p):
    """Return the coordinates of one point beside another's, as expansions."""
    return [expansion(points[a, i], -points[p, i]) for i in range(points.shape[1])]
