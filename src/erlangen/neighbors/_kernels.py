"""Compiled loops over atoms. Every structure is searched on its own; edges come out sorted by receiver, then sender.

One grid of cubes serves open space and periodic cells: the images of a periodic structure that can have neighbors in
the home cell are points like any other, but receive no edges. Importing this module compiles the kernels once (some
seconds) and caches them beside this file, so it is imported where it is used.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import bool_, float64, int32, int64, njit, types, void

from erlangen.kernels import announce_compilation

announce_compilation()

SMALL = 400
"""Up to this many atoms all pairs are faster than a cell list (measured: benchmarks/neighbors.py)."""

RANKED = 400
"""Up to this many neighbors a row is sorted by counting, for each, the lower ones: quadratic, but without branches."""

FARTHEST = 2**30
"""Cells from the home cell within which periodic atoms must lie, so that shifts fit 32 bits."""


class Grid(NamedTuple):
    """Points of several structures, each sorted into its own cubes; a place in that order is a slot."""

    order: Any
    """(m,) the point in each slot."""
    x: Any
    """(m,) coordinates by slot, as y and z."""
    y: Any
    z: Any
    receivers: Any
    """(n,) the slots of points in the home cell."""
    start: Any
    """The first slot of every cube, and m."""
    slots: Any
    """(b + 1,) the first slot of every structure, and m."""
    cubes: Any
    """(b,) the first cube of every structure."""
    shape: Any
    """(b, 3) cubes along each axis."""
    origin: Any
    """(b, 3) lowest coordinates."""
    width: Any
    """(b,) width of the cubes."""


class Images(NamedTuple):
    """Atoms of periodic structures and those of their images that can have neighbors in the home cell."""

    points: Any
    """(m, 3) coordinates."""
    owner: Any
    """(m,) the atom; the points come sorted by owner, then shift."""
    shift: Any
    """(m, 3) how many cells the point lies from the atom's given position."""
    home: Any
    """(m,) whether the point lies in the home cell."""
    bounds: Any
    """(b, 2) first and last + 1 point of every structure."""


# Read-only types also take writable arrays, so that each kernel is compiled for one signature only.
POINTS = types.Array(float64, 2, "C", readonly=True)
MATRICES = types.Array(float64, 3, "C", readonly=True)
OFFSETS = types.Array(int64, 1, "C", readonly=True)
BOUNDS = types.Array(int64, 2, "C", readonly=True)
FLAGS = types.Array(bool_, 1, "C", readonly=True)
FLAG_ROWS = types.Array(bool_, 2, "C", readonly=True)
GRID = types.NamedTuple(
    [
        *(int32[::1], float64[::1], float64[::1], float64[::1], int32[::1], int32[::1]),
        *(int64[::1], int64[::1], int64[:, ::1], float64[:, ::1], float64[::1]),
    ],
    Grid,
)
IMAGES = types.NamedTuple([float64[:, ::1], int32[::1], int32[:, ::1], bool_[::1], int64[:, ::1]], Images)

_compile = {"cache": True, "nogil": True}


@njit(float64(float64), **_compile)
def largest_square(cutoff):
    """Return the largest number whose rounded square root is below the cutoff: saves the roots, changes no edge."""
    square = cutoff * cutoff
    while np.sqrt(square) >= cutoff:
        square = np.nextafter(square, 0.0)
    while np.sqrt(np.nextafter(square, np.inf)) < cutoff:
        square = np.nextafter(square, np.inf)
    return square


@njit(float64(POINTS, int64, int64, float64, float64[::1], int64[::1]), **_compile)
def _cubes(points, first, last, cutoff, origin, shape):
    """Write the origin and the shape of one structure's grid; return the width of its cubes."""
    n = last - first
    extent = np.empty(3)
    for k in range(3):
        low = high = points[first, k]
        for p in range(first + 1, last):
            low = min(low, points[p, k])
            high = max(high, points[p, k])
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
    for k in range(3):
        shape[k] = int(extent[k] / width) + 1
    return width


@njit(GRID(POINTS, BOUNDS, FLAGS, float64), **_compile)
def grid_of(points, bounds, home, cutoff):
    """Sort the points of each structure into cubes at least as wide as the cutoff, by counting.

    There are never more cubes than a few per point, however far apart the points are.
    """
    n_structures = len(bounds)
    slots = np.zeros(n_structures + 1, np.int64)
    cubes = np.empty(n_structures, np.int64)
    shape = np.ones((n_structures, 3), np.int64)
    origin = np.zeros((n_structures, 3))
    width = np.ones(n_structures)
    n_cubes = 0
    for s in range(n_structures):
        first, last = bounds[s]
        slots[s + 1] = slots[s] + last - first
        cubes[s] = n_cubes
        if last > first:
            width[s] = _cubes(points, first, last, cutoff, origin[s], shape[s])
        n_cubes += shape[s, 0] * shape[s, 1] * shape[s, 2]
    n = slots[n_structures]
    cube = np.empty(n, np.int64)
    start = np.zeros(n_cubes + 1, np.int32)
    for s in range(n_structures):
        shift = slots[s] - bounds[s, 0]
        for p in range(bounds[s, 0], bounds[s, 1]):
            c = 0
            for k in range(3):
                c = c * shape[s, k] + int((points[p, k] - origin[s, k]) / width[s])
            cube[p + shift] = cubes[s] + c
            start[cubes[s] + c + 1] += 1
    for c in range(n_cubes):
        start[c + 1] += start[c]
    cursor = start[:-1].copy()
    order = np.empty(n, np.int32)
    x, y, z = np.empty(n), np.empty(n), np.empty(n)
    for s in range(n_structures):
        shift = slots[s] - bounds[s, 0]
        for p in range(bounds[s, 0], bounds[s, 1]):
            c = cube[p + shift]
            slot = cursor[c]
            cursor[c] += 1
            order[slot] = p
            x[slot], y[slot], z[slot] = points[p]
    receivers = np.empty(n, np.int32)
    found = 0
    for slot in range(n):
        receivers[found] = slot
        found += home[order[slot]]
    return Grid(order, x, y, z, receivers[:found], start, slots, cubes, shape, origin, width)


@njit(int64(GRID, int64, int64, int64[:, ::1]), **_compile)
def _around(grid, s, slot, runs):
    """Write the runs of slots (first, last + 1) that fill the cubes around a slot of structure s; return how many."""
    shape, origin, width = grid.shape[s], grid.origin[s], grid.width[s]
    cx = int((grid.x[slot] - origin[0]) / width)
    cy = int((grid.y[slot] - origin[1]) / width)
    cz = int((grid.z[slot] - origin[2]) / width)
    low, high = max(cz - 1, 0), min(cz + 2, shape[2])
    n_runs = 0
    for ux in range(max(cx - 1, 0), min(cx + 2, shape[0])):
        for uy in range(max(cy - 1, 0), min(cy + 2, shape[1])):
            column = grid.cubes[s] + (ux * shape[1] + uy) * shape[2]
            runs[n_runs, 0], runs[n_runs, 1] = grid.start[column + low], grid.start[column + high]
            n_runs += 1
    return n_runs


@njit(void(int32[::1], int32[::1], int32[::1], int64, int32[::1]), **_compile)
def sort_row(order, slots, keys, found, ranked):
    """Write the first ``found`` slots into ``ranked``, sorted by the points in them; ``keys`` is room to work in."""
    for a in range(found):
        keys[a] = order[slots[a]]
    if found <= RANKED:
        for a in range(found):
            key, rank = keys[a], 0
            for b in range(found):
                rank += keys[b] < key
            ranked[rank] = slots[a]
        return
    packed = np.empty(found, np.int64)
    for a in range(found):
        packed[a] = (int64(keys[a]) << 32) | slots[a]
    packed.sort()
    for a in range(found):
        ranked[a] = packed[a] & 0xFFFFFFFF


@njit(int64(GRID, int64, int64, float64, int64[:, ::1], int32[::1], int32[::1], int32[::1]), **_compile)
def _row(grid, s, slot, square, runs, slots, keys, ranked):
    """Write the slots within the cutoff of one, itself included, into ``ranked``, sorted by point; return how many.

    The inner loop has no branches: that is what makes it fast.
    """
    xs, ys, zs = grid.x, grid.y, grid.z
    x, y, z = xs[slot], ys[slot], zs[slot]
    found = 0
    for r in range(_around(grid, s, slot, runs)):
        for a in range(runs[r, 0], runs[r, 1]):
            slots[found] = a
            found += (xs[a] - x) ** 2 + (ys[a] - y) ** 2 + (zs[a] - z) ** 2 <= square
    sort_row(grid.order, slots, keys, found, ranked)
    return found


@njit(void(GRID, float64, int64[::1], int64, int64), **_compile)
def count_rows(grid, square, counts, first, last):
    """Count the neighbors of a range of receivers, into the places of their points.

    Receivers are visited cube by cube, which keeps their surroundings in the cache.
    """
    xs, ys, zs = grid.x, grid.y, grid.z
    runs = np.empty((9, 2), np.int64)
    s = 0
    for b in range(first, last):
        slot = grid.receivers[b]
        while slot >= grid.slots[s + 1]:
            s += 1
        x, y, z = xs[slot], ys[slot], zs[slot]
        found = 0
        for r in range(_around(grid, s, slot, runs)):
            for a in range(runs[r, 0], runs[r, 1]):
                found += (xs[a] - x) ** 2 + (ys[a] - y) ** 2 + (zs[a] - z) ** 2 <= square
        counts[grid.order[slot]] = found - 1  # it has found itself


@njit(void(GRID, float64, OFFSETS, int64[:, ::1], float64[:, ::1], int64, int64), **_compile)
def open_rows(grid, square, begin, edges, displacement, first, last):
    """Write the edges of a range of receivers, each from ``begin`` of its atom on, and, if asked for, displacements."""
    n = len(grid.order) + 1
    slots, keys, ranked = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    runs = np.empty((9, 2), np.int64)
    s = 0
    for b in range(first, last):
        slot = grid.receivers[b]
        while slot >= grid.slots[s + 1]:
            s += 1
        found = _row(grid, s, slot, square, runs, slots, keys, ranked)
        i = grid.order[slot]
        e = begin[i]
        for a in range(found):
            other = ranked[a]
            if other != slot:
                edges[0, e], edges[1, e] = grid.order[other], i
                if len(displacement):
                    displacement[e, 0] = grid.x[other] - grid.x[slot]
                    displacement[e, 1] = grid.y[other] - grid.y[slot]
                    displacement[e, 2] = grid.z[other] - grid.z[slot]
                e += 1


PERIODIC_ROWS = int64(
    *(GRID, IMAGES, POINTS, MATRICES, int32[:, ::1], float64, float64, OFFSETS),
    *(int64[:, ::1], int64[:, ::1], float64[:, ::1], int64, int64),
)


@njit(PERIODIC_ROWS, **_compile)
def periodic_rows(grid, images, positions, cells, wrap, wide, square, begin, edges, shift, displacement, first, last):
    """Write the edges of a range of receivers, each from ``begin`` of its atom on; return how many to leave out.

    Those are within the ``wide`` square of points that have been moved, which rounds, but not within the ``square``
    when computed as r_j + shift @ cell - r_i from the positions as they came; their sender is set to -1.
    """
    n = len(grid.order) + 1
    slots, keys, ranked = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    runs = np.empty((9, 2), np.int64)
    s = 0
    outside = 0
    for b in range(first, last):
        slot = grid.receivers[b]
        while slot >= grid.slots[s + 1]:
            s += 1
        found = _row(grid, s, slot, wide, runs, slots, keys, ranked)
        i = images.owner[grid.order[slot]]
        cell = cells[s]
        e = begin[i]
        for a in range(found):
            if ranked[a] == slot:
                continue
            point = grid.order[ranked[a]]
            j = images.owner[point]
            for k in range(3):
                shift[e, k] = images.shift[point, k] + wrap[i, k]
            length = 0.0
            for k in range(3):
                moved = shift[e, 0] * cell[0, k] + shift[e, 1] * cell[1, k] + shift[e, 2] * cell[2, k]
                displacement[e, k] = positions[j, k] - positions[i, k] + moved
                length += displacement[e, k] ** 2
            near = length <= square
            edges[0, e], edges[1, e] = j if near else -1, i
            outside += not near
            e += 1
    return outside


@njit(
    int64(POINTS, OFFSETS, MATRICES, FLAG_ROWS, int32[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1]),
    **_compile,
)
def wrap_atoms(positions, offsets, inverse, pbc, wrap, fraction, low, high):
    """Write the cells by which each atom lies off the home cell, its fractional coordinates there, and their range.

    Returns the first atom that is too far away to count the cells, or -1.
    """
    for s in range(len(offsets) - 1):
        for k in range(3):
            lowest, highest = np.inf, -np.inf
            for i in range(offsets[s], offsets[s + 1]):
                f = 0.0
                for c in range(3):
                    f += positions[i, c] * inverse[s, c, k]
                cells = np.floor(f) if pbc[s, k] else 0.0
                if not abs(cells) < FARTHEST:
                    return i
                wrap[i, k] = int(cells)
                fraction[i, k] = f - cells
                lowest, highest = min(lowest, f - cells), max(highest, f - cells)
            low[s, k], high[s, k] = (lowest, highest) if lowest <= highest else (0.0, 0.0)
    return -1


@njit(
    IMAGES(
        *(POINTS, OFFSETS, MATRICES, FLAG_ROWS, int32[:, ::1]),
        *(float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1]),
    ),
    **_compile,
)
def images_of(positions, offsets, cells, pbc, wrap, fraction, low, high, reach):
    """Return all atoms and images whose fractional coordinates are within reach of the wrapped atoms' range."""
    n = len(positions)
    begin, end = np.zeros((n, 3), np.int64), np.ones((n, 3), np.int64)  # of the images of every atom
    bounds = np.empty((len(offsets) - 1, 2), np.int64)
    n_points = 0
    for s in range(len(offsets) - 1):
        bounds[s, 0] = n_points
        for i in range(offsets[s], offsets[s + 1]):
            for k in range(3):
                if pbc[s, k]:
                    begin[i, k] = int(np.ceil(low[s, k] - reach[s, k] - fraction[i, k]))
                    end[i, k] = int(np.floor(high[s, k] + reach[s, k] - fraction[i, k])) + 1
            n_points += (end[i, 0] - begin[i, 0]) * (end[i, 1] - begin[i, 1]) * (end[i, 2] - begin[i, 2])
        bounds[s, 1] = n_points
    points, owner = np.empty((n_points, 3)), np.empty(n_points, np.int32)
    shift, home = np.empty((n_points, 3), np.int32), np.empty(n_points, np.bool_)
    p = 0
    for s in range(len(offsets) - 1):
        for i in range(offsets[s], offsets[s + 1]):
            for u in range(begin[i, 0], end[i, 0]):
                for v in range(begin[i, 1], end[i, 1]):
                    for w in range(begin[i, 2], end[i, 2]):
                        owner[p], home[p] = i, u == 0 and v == 0 and w == 0
                        shift[p, 0], shift[p, 1], shift[p, 2] = u - wrap[i, 0], v - wrap[i, 1], w - wrap[i, 2]
                        for k in range(3):
                            points[p, k] = positions[i, k] + (
                                shift[p, 0] * cells[s, 0, k]
                                + shift[p, 1] * cells[s, 1, k]
                                + shift[p, 2] * cells[s, 2, k]
                            )
                        p += 1
    return Images(points, owner, shift, home, bounds)


@njit(void(POINTS, BOUNDS, float64, int64[::1], int64[:, ::1], float64[:, ::1], bool_), **_compile)
def by_pairs(positions, bounds, square, cursor, edges, displacement, fill):
    """Count (``fill`` false: into ``cursor`` from zero) or write (from each row's start) the edges of small structures.

    Each pair is looked at once: row r gets the senders before r while they are the outer index, then those after r,
    so that it is sorted by construction.
    """
    for s in range(len(bounds)):
        for i in range(bounds[s, 0], bounds[s, 1]):
            for j in range(i + 1, bounds[s, 1]):
                x = positions[j, 0] - positions[i, 0]
                y = positions[j, 1] - positions[i, 1]
                z = positions[j, 2] - positions[i, 2]
                if x * x + y * y + z * z <= square:
                    a, b = cursor[i], cursor[j]
                    cursor[i] += 1
                    cursor[j] += 1
                    if fill:
                        edges[0, a], edges[1, a] = j, i
                        edges[0, b], edges[1, b] = i, j
                    if len(displacement):
                        displacement[a, 0], displacement[a, 1], displacement[a, 2] = x, y, z
                        displacement[b, 0], displacement[b, 1], displacement[b, 2] = -x, -y, -z


@njit(void(POINTS, BOUNDS, int64, OFFSETS, int64[:, ::1]), **_compile)
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
