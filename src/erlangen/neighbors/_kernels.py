"""Compiled loops over atoms. Every structure is searched on its own; edges come out sorted by receiver, then sender.

Importing this module compiles the kernels once (some seconds) and caches them beside this file, so it is imported
where it is used.
"""

import logging

import numpy as np
from numba import bool_, float64, int64, njit, types, void

logging.getLogger("erlangen").info("loading the neighbor kernels (compiled once, which takes seconds, then cached)")

# Read-only types also take writable arrays, so that each kernel is compiled for one signature only.
POINTS = types.Array(float64, 2, "C", readonly=True)
OFFSETS = types.Array(int64, 1, "C", readonly=True)
EDGES = types.Array(int64, 2, "C", readonly=True)

SMALL = 400
"""Up to this many atoms all pairs are faster than a cell list (measured: benchmarks/neighbors.py)."""

_compile = {"cache": True, "nogil": True}


@njit(float64(float64), **_compile)
def _largest_square(cutoff):
    """Return the largest number whose rounded square root is below the cutoff: saves the roots, changes no edge."""
    square = cutoff * cutoff
    while np.sqrt(square) >= cutoff:
        square = np.nextafter(square, 0.0)
    while np.sqrt(np.nextafter(square, np.inf)) < cutoff:
        square = np.nextafter(square, np.inf)
    return square


@njit(
    types.Tuple((int64[::1], int64[::1], int64[::1], float64[::1], float64))(POINTS, int64, int64, float64), **_compile
)
def _cells(positions, first, last, cutoff):
    """Sort the atoms of one structure into cubes at least as wide as the cutoff, by counting.

    Returns ``order`` (atoms by cube), ``start`` (where each cube begins in it), the grid's shape, its origin and
    the cubes' width. There are never more cubes than a few per atom, however far apart the atoms are.
    """
    n = last - first
    origin = np.empty(3)
    extent = np.empty(3)
    for k in range(3):
        low = high = positions[first, k]
        for a in range(first + 1, last):
            low = min(low, positions[a, k])
            high = max(high, positions[a, k])
        origin[k] = low
        extent[k] = high - low
    # A little wider than the cutoff: rounding must not put two neighbors two cubes apart.
    width = cutoff * (1 + 1e-6)
    while True:
        cubes = 1.0
        for k in range(3):
            cubes *= np.floor(extent[k] / width) + 1
        if cubes <= 8 * n:
            break
        width *= max(np.cbrt(cubes / (8 * n)), 1.25)
    shape = np.empty(3, np.int64)
    for k in range(3):
        shape[k] = int(extent[k] / width) + 1
    cube = np.empty(n, np.int64)
    start = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    for a in range(n):
        c = 0
        for k in range(3):
            c = c * shape[k] + int((positions[first + a, k] - origin[k]) / width)
        cube[a] = c
        start[c + 1] += 1
    for c in range(len(start) - 1):
        start[c + 1] += start[c]
    cursor = start[:-1].copy()
    order = np.empty(n, np.int64)
    for a in range(n):
        order[cursor[cube[a]]] = first + a
        cursor[cube[a]] += 1
    return order, start, shape, origin, width


@njit(void(POINTS, int64, int64, float64, int64[::1], int64[:, ::1], bool_), **_compile)
def _by_cells(positions, first, last, cutoff, cursor, edges, fill):
    """Count each receiver's neighbors, or write the edges: large structures.

    Receivers are visited cube by cube, which keeps their surroundings in the cache and the cost linear; the short
    row of each is then sorted by sender. The inner loops have no branches: that is what makes them fast.
    """
    order, start, shape, origin, width = _cells(positions, first, last, cutoff)
    n = last - first
    xs, ys, zs = np.empty(n), np.empty(n), np.empty(n)
    for a in range(n):
        xs[a], ys[a], zs[a] = positions[order[a]]
    row = np.empty(n + 1, np.int64)
    square = _largest_square(cutoff)
    for b in range(n):
        i, x, y, z = order[b], xs[b], ys[b], zs[b]
        cx, cy, cz = int((x - origin[0]) / width), int((y - origin[1]) / width), int((z - origin[2]) / width)
        low, high = max(cz - 1, 0), min(cz + 2, shape[2])
        found = 0
        for ux in range(max(cx - 1, 0), min(cx + 2, shape[0])):
            for uy in range(max(cy - 1, 0), min(cy + 2, shape[1])):
                column = (ux * shape[1] + uy) * shape[2]
                begin, end = start[column + low], start[column + high]
                if fill:
                    for a in range(begin, end):
                        row[found] = order[a]
                        found += (xs[a] - x) ** 2 + (ys[a] - y) ** 2 + (zs[a] - z) ** 2 <= square
                else:
                    for a in range(begin, end):
                        found += (xs[a] - x) ** 2 + (ys[a] - y) ** 2 + (zs[a] - z) ** 2 <= square
        if fill:
            row[:found].sort()
            e = cursor[i]
            for a in range(found):
                if row[a] != i:
                    edges[0, e], edges[1, e] = row[a], i
                    e += 1
        else:
            cursor[i] = found - 1  # the atom has found itself


@njit(void(POINTS, int64, int64, float64, int64[::1], int64[:, ::1], bool_), **_compile)
def _by_pairs(positions, first, last, cutoff, cursor, edges, fill):
    """Count each receiver's neighbors, or write the edges: small structures, each pair looked at once.

    Row r gets the senders before r while they are the outer index, then those after r: sorted by construction.
    """
    square = _largest_square(cutoff)
    for i in range(first, last):
        for j in range(i + 1, last):
            x = positions[j, 0] - positions[i, 0]
            y = positions[j, 1] - positions[i, 1]
            z = positions[j, 2] - positions[i, 2]
            if x * x + y * y + z * z <= square:
                if fill:
                    edges[0, cursor[i]] = j
                    edges[1, cursor[i]] = i
                    edges[0, cursor[j]] = i
                    edges[1, cursor[j]] = j
                cursor[i] += 1
                cursor[j] += 1


@njit(void(POINTS, OFFSETS, float64, int64[::1], int64[:, ::1], bool_, int64), **_compile)
def within_cutoff(positions, offsets, cutoff, cursor, edges, fill, small):
    """Count (``fill`` false: into ``cursor`` from zero) or write (from each row's start) all edges."""
    for s in range(len(offsets) - 1):
        if offsets[s + 1] - offsets[s] <= small:
            _by_pairs(positions, offsets[s], offsets[s + 1], cutoff, cursor, edges, fill)
        else:
            _by_cells(positions, offsets[s], offsets[s + 1], cutoff, cursor, edges, fill)


@njit(void(POINTS, EDGES, float64[:, ::1]), **_compile)
def differences(positions, edges, out):
    """Write r_sender - r_receiver of every edge."""
    for e in range(edges.shape[1]):
        for k in range(3):
            out[e, k] = positions[edges[0, e], k] - positions[edges[1, e], k]


@njit(void(POINTS, EDGES, int64, OFFSETS, int64[:, ::1]), **_compile)
def nearest(positions, bounds, k, start, edges):
    """Write the (up to) k nearest atoms of every atom, each row sorted by sender; of equally far ones, the first."""
    best = np.empty(k, np.float64)
    who = np.empty(k, np.int64)
    for s in range(len(bounds)):
        first, last = bounds[s]
        for i in range(first, last):
            found = 0
            for j in range(first, last):
                if j == i:
                    continue
                distance = 0.0
                for c in range(positions.shape[1]):
                    distance += (positions[j, c] - positions[i, c]) ** 2
                if found == k and distance >= best[k - 1]:
                    continue
                slot = found if found < k else k - 1
                found = slot + 1
                while slot > 0 and best[slot - 1] > distance:
                    best[slot], who[slot] = best[slot - 1], who[slot - 1]
                    slot -= 1
                best[slot], who[slot] = distance, j
            senders = np.sort(who[:found])
            for a in range(found):
                edges[0, start[i] + a] = senders[a]
                edges[1, start[i] + a] = i
