"""Compiled loops that list the simplices of complexes: cliques of graphs, and what witnesses see."""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import new_table, slot

announce_compilation()


@njit(cache=True, nogil=True)
def edge_to(starts, heads, tail, head):
    """Return where the edge between two vertices is listed, heads ascending, -1 if nowhere."""
    low, high = starts[tail], starts[tail + 1]
    while low < high:
        middle = (low + high) >> 1
        if heads[middle] < head:
            low = middle + 1
        else:
            high = middle
    return low if low < starts[tail + 1] and heads[low] == head else np.int64(-1)


@njit(cache=True, nogil=True)
def cofaces(simplices, values, starts, heads, weights, latest, found, found_values):
    """Write the cliques with one more vertex, to which edges lead from all others, and when they enter.

    That is with the last of their edges, if no vertex has its ``latest`` value before. Returns how many there are;
    those for which there is no room are counted only.
    """
    size, m = simplices.shape[1], 0
    for s in range(len(simplices)):
        last = simplices[s, size - 1]
        least = np.inf
        for j in range(size):
            least = min(least, latest[simplices[s, j]])
        for e in range(starts[last], starts[last + 1]):
            head, value = heads[e], max(values[s], weights[e])
            if value > min(least, latest[head]):
                continue
            for j in range(size - 1):
                other = edge_to(starts, heads, simplices[s, j], head)
                value = max(value, weights[other]) if other >= 0 else np.nan
                if not value <= min(least, latest[head]):
                    value = np.nan
                    break
            if np.isnan(value):
                continue
            if m < len(found):
                found[m, :size], found[m, size], found_values[m] = simplices[s], head, value
            m += 1
    return m


@njit(cache=True, nogil=True)
def farthest_of_points(points, n, start):
    """Return n points, each the farthest from all before, and how far the farthest is from these after each."""
    order, radii = np.empty(n, np.int64), np.empty(n)
    nearest = np.full(len(points), np.inf)
    here = start
    for k in range(n):
        order[k] = here
        for i in range(len(points)):
            square = 0.0
            for j in range(points.shape[1]):
                square += (points[i, j] - points[here, j]) ** 2
            nearest[i] = min(nearest[i], square)
        here = np.argmax(nearest)
        radii[k] = np.sqrt(nearest[here])
    return order, radii


@njit(cache=True, nogil=True)
def farthest_of_distances(distances, n, start):
    """Return the same of distances (n_points, n_points)."""
    order, radii = np.empty(n, np.int64), np.empty(n)
    nearest = np.full(len(distances), np.inf)
    here = start
    for k in range(n):
        order[k] = here
        nearest = np.minimum(nearest, distances[here])
        here = np.argmax(nearest)
        radii[k] = nearest[here]
    return order, radii


@njit(cache=True, nogil=True)
def witnessed(squares, size, limit, strong):
    """Return the simplices of so many landmarks that some witness sees, by key, and the least value for it.

    Rows of ``squares`` are a witness's squared distances from the landmarks. A simplex is strongly witnessed from the
    value on at which it is all as near as the nearest landmark, else as near as the nearest that is not in it. The key
    has the landmarks, ascending, as its digits, their number being the base.
    """
    n = squares.shape[1]
    table, values, count = new_table(512), np.empty(1024), 0
    at, chosen, nearest = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)
    picked = np.empty(n, np.int64)
    for witness in range(len(squares) if size <= n else 0):
        row = squares[witness]
        nearest[:] = np.inf
        for x in row:
            if x < nearest[size - 1]:
                j = size - 1
                while j > 0 and nearest[j - 1] > x:
                    nearest[j] = nearest[j - 1]
                    j -= 1
                nearest[j] = x
        reach, window = nearest[0 if strong else size - 1] + limit, 0
        for i in range(n):
            picked[window] = i
            window += row[i] <= reach
        order = picked[:window][np.argsort(row[picked[:window]])]
        near = row[order]
        for j in range(size):
            at[j] = j
        while at[size - 1] < window:
            missing = 0
            while not strong and missing < size and at[missing] == missing:
                missing += 1
            value = max(near[at[size - 1]] - near[missing], 0.0) if missing < size else 0.0
            if value <= limit:
                for j in range(size):
                    x, i = order[at[j]], j
                    while i > 0 and chosen[i - 1] > x:
                        chosen[i] = chosen[i - 1]
                        i -= 1
                    chosen[i] = x
                key = np.int64(0)
                for x in chosen:
                    key = key * n + x
                i = slot(table, key)
                if table[i] >= 0:
                    values[i] = min(values[i], value)
                else:
                    table[i], values[i] = key, value
                    count += 1
                    if 2 * count > len(table):
                        table, values = twice_as_large(table, values)
            j = 0  # the next choice of places, the last ones slowest
            while j < size - 1 and at[j] + 1 == at[j + 1]:
                at[j] = j
                j += 1
            at[j] += 1
    return table[table >= 0], values[table >= 0]


@njit(cache=True, nogil=True)
def twice_as_large(table, values):
    """Return a table of keys, and the values beside it, with room for twice as many."""
    larger = np.full(2 * len(table), -1, np.int64)
    beside = np.empty(len(larger))
    for k in range(len(table)):
        if table[k] >= 0:
            i = slot(larger, table[k])
            larger[i], beside[i] = table[k], values[k]
    return larger, beside


@njit(cache=True, nogil=True)
def enclosing_balls(points, simplices, facets, centers, squares, new_centers, new_squares):
    """Write centers (n, d) and squared radii (n,) of the smallest balls around simplices (n, k + 1).

    From those of their facets: if one of these balls has the further vertex in it, it is the simplex's; else the ball
    is the one with all vertices on its sphere.
    """
    n, size = simplices.shape
    d = points.shape[1]
    for s in range(n):
        best = -1
        for j in range(size):
            facet, square = facets[s, j], 0.0
            for i in range(d):
                square += (points[simplices[s, j], i] - centers[facet, i]) ** 2
            if square <= squares[facet] * (1 + 1e-11) and (best < 0 or squares[facet] > squares[best]):
                best = facet
        if best < 0:
            circumscribe(points, simplices[s], new_centers[s])
            new_squares[s] = 0.0
            for i in range(d):
                new_squares[s] += (points[simplices[s, 0], i] - new_centers[s, i]) ** 2
        else:
            new_centers[s], new_squares[s] = centers[best], squares[best]
        for j in range(size):
            new_squares[s] = max(new_squares[s], squares[facets[s, j]])


@njit(cache=True, nogil=True)
def circumscribe(points, simplex, center):
    """Write the center of the smallest sphere through all vertices: (M M^T) x = diagonal / 2, M the sides."""
    k, d = len(simplex) - 1, points.shape[1]
    sides = np.empty((k, d))
    for j in range(k):
        sides[j] = points[simplex[j + 1]] - points[simplex[0]]
    table = np.zeros((k, k + 1))
    for i in range(k):
        for j in range(k):
            for a in range(d):
                table[i, j] += sides[i, a] * sides[j, a]
        table[i, k] = table[i, i] / 2
    for c in range(k):  # Gauss, the largest diagonal entry first
        best = c
        for i in range(c + 1, k):
            if abs(table[i, c]) > abs(table[best, c]):
                best = i
        if best != c:
            row = table[c].copy()
            table[c], table[best] = table[best], row
        if table[c, c] == 0:
            continue
        for i in range(k):
            if i != c:
                table[i] -= table[c] * (table[i, c] / table[c, c])
    center[:] = points[simplex[0]]
    for c in range(k):
        if table[c, c] != 0:
            center += sides[c] * (table[c, k] / table[c, c])
