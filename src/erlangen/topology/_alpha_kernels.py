"""Compiled loops of alpha filtrations: the faces of a triangulation, and when they enter.

A simplex has a smallest sphere through its vertices (with weights: orthogonal to their spheres). If this has no other
point inside, which is to be asked of the further vertices of its cofacets only, the simplex enters at the sphere's
squared radius; else with the first of its cofacets. A vertex on the sphere counts as inside: then both radii are the
same. Radii are computed with pairs of numbers, a hundred bits long, and rounded: equal ones come out equal, and bars
that have no length get none.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import append, new_table, slot
from erlangen.topology._exact_kernels import (
    PAIR_SLACK,
    add,
    exact_difference,
    expansion,
    minus,
    multiply,
    over,
    plus,
    subtract,
    times,
    two_sum,
)

announce_compilation()

THIN = 2.0**-42
"""Of a volume or an area, of the product of the sides: below it, pairs are not enough."""
SLACK = 64 * 2.0**-53
"""What `covers` is off by at most in float64, of the sum of its terms' sizes."""


@njit(cache=True, nogil=True)
def walls_of(simplices, neighbors):
    """Return the walls (m, k) of a triangulation's simplices (n, k + 1), and the numbers (n, k + 1) of each one's."""
    n, size = simplices.shape
    walls, numbers, m = np.empty((n * size, size - 1), np.int32), np.empty((n, size), np.int32), 0
    for s in range(n):
        for i in range(size):
            t = neighbors[s, i]
            if 0 <= t < s:
                for j in range(size):
                    if neighbors[t, j] == s:
                        numbers[s, i] = numbers[t, j]
                continue
            numbers[s, i] = m
            for j in range(size - 1):
                walls[m, j] = simplices[s, j + (j >= i)]
            m += 1
    return walls[:m].copy(), numbers


@njit(cache=True, nogil=True)
def edges_of(triangles, n_vertices):
    """Return the edges (m, 2) of triangles (n, 3), vertices ascending, and the numbers (n, 3) of each one's."""
    table = new_table(2 * len(triangles))
    at = np.empty(len(table), np.int32)
    keys, m = np.empty(1024, np.int64), 0
    numbers = np.empty((len(triangles), 3), np.int32)
    for t in range(len(triangles)):
        for j in range(3):
            a, b = np.int64(triangles[t, 1 if j == 0 else 0]), np.int64(triangles[t, 1 if j == 2 else 2])
            key = a * n_vertices + b
            i = slot(table, key)
            if table[i] < 0:
                table[i], at[i] = key, m
                keys = append(keys, m, key)
                m += 1
            numbers[t, j] = at[i]
    edges = np.empty((m, 2), np.int32)
    for e in range(m):
        edges[e, 0], edges[e, 1] = keys[e] // n_vertices, keys[e] % n_vertices
    return edges, numbers


@njit(cache=True, nogil=True)
def difference(points, a, b):
    """Return the coordinates of one point beside another's, as three pairs."""
    x = two_sum(points[a, 0], -points[b, 0])
    y = two_sum(points[a, 1], -points[b, 1]) if points.shape[1] > 1 else (0.0, 0.0)
    z = two_sum(points[a, 2], -points[b, 2]) if points.shape[1] > 2 else (0.0, 0.0)
    return x, y, z


@njit(cache=True, nogil=True)
def dot(a, b):
    """Return the scalar product of two vectors of pairs."""
    return plus(plus(times(a[0], b[0]), times(a[1], b[1])), times(a[2], b[2]))


@njit(cache=True, nogil=True)
def cross(a, b):
    """Return the vector product of two vectors of pairs."""
    return (
        minus(times(a[1], b[2]), times(a[2], b[1])),
        minus(times(a[2], b[0]), times(a[0], b[2])),
        minus(times(a[0], b[1]), times(a[1], b[0])),
    )


@njit(cache=True, nogil=True)
def lift(u, weights, a, b):
    """Return the square of the difference of a and b, less that of their weights."""
    return minus(dot(u, u), two_sum(weights[a], -weights[b]))


@njit(cache=True, nogil=True)
def multiple(u, factor):
    """Return a vector of pairs times a pair."""
    return times(u[0], factor), times(u[1], factor), times(u[2], factor)


@njit(cache=True, nogil=True)
def squared_radius(points, weights, simplex):
    """Return the squared radius of the smallest sphere through one to four vertices, orthogonal to theirs."""
    v, size = simplex[0], len(simplex)
    if size == 1:
        return 0.0 - weights[v]
    a = difference(points, simplex[1], v)
    a_lift, aa = lift(a, weights, simplex[1], v), dot(a, a)
    if size == 2:
        return radius_of(times(a_lift, a_lift), aa, weights[v])
    b = difference(points, simplex[2], v)
    b_lift, bb = lift(b, weights, simplex[2], v), dot(b, b)
    if size == 3:
        x, y, normal = multiple(b, a_lift), multiple(a, b_lift), cross(a, b)
        x, lower = (minus(x[0], y[0]), minus(x[1], y[1]), minus(x[2], y[2])), dot(normal, normal)
        if lower[0] > THIN * THIN * aa[0] * bb[0]:
            return radius_of(dot(x, x), lower, weights[v])
    else:
        c = difference(points, simplex[3], v)
        c_lift = lift(c, weights, simplex[3], v)
        bc, ca, ab = cross(b, c), cross(c, a), cross(a, b)
        x, y, z = multiple(bc, a_lift), multiple(ca, b_lift), multiple(ab, c_lift)
        x = plus(plus(x[0], y[0]), z[0]), plus(plus(x[1], y[1]), z[1]), plus(plus(x[2], y[2]), z[2])
        volume = dot(a, bc)
        if abs(volume[0]) > THIN * np.sqrt(aa[0] * bb[0] * dot(c, c)[0]):
            return radius_of(dot(x, x), times(volume, volume), weights[v])
    return exact_squared_radius(points, weights, simplex)


@njit(cache=True, nogil=True)
def radius_of(upper, lower, weight):
    """Return upper / (4 lower) - weight of pairs."""
    found = over(upper, lower)
    return minus((found[0] / 4, found[1] / 4), (weight, 0.0))[0]


@njit(cache=True, nogil=True)
def exact_lift(u, weights, a, b):
    """Return the sum of squares of expansions, less the difference of two weights."""
    found = expansion(weights[b], -weights[a])
    for x in u:
        found = add(found, multiply(x, x))
    return found


@njit(cache=True, nogil=True)
def exact_dot(u, v):
    """Return the scalar product of two vectors of expansions."""
    found = multiply(u[0], v[0])
    for i in range(1, len(u)):
        found = add(found, multiply(u[i], v[i]))
    return found


@njit(cache=True, nogil=True)
def pair_of(e):
    """Return an expansion rounded to a pair."""
    found = (e[-1], 0.0)
    for i in range(len(e) - 2, max(len(e) - 5, -1), -1):
        found = plus(found, (e[i], 0.0))
    return found


@njit(cache=True, nogil=True)
def exact_squared_radius(points, weights, simplex):
    """Return `squared_radius` of three or four vertices, vectors and products of three of them being exact."""
    v, d = np.int64(simplex[0]), points.shape[1]
    sides = [exact_difference(points, np.int64(simplex[j]), v) for j in range(1, len(simplex))]
    lifts = [exact_lift(sides[j - 1], weights, simplex[j], v) for j in range(1, len(simplex))]
    upper, lower = (0.0, 0.0), (0.0, 0.0)
    for i in range(d):
        j, k = (i + 1) % d, (i + 2) % d
        if len(simplex) == 3:
            a, b = sides
            x = pair_of(subtract(multiply(b[i], lifts[0]), multiply(a[i], lifts[1])))
            if d == 3 or i == 0:
                normal = pair_of(subtract(multiply(a[j], b[k]), multiply(a[k], b[j])))
                lower = plus(lower, times(normal, normal))
        else:
            total, volume = np.zeros(1), np.zeros(1)
            for n in range(3):
                b, c = sides[(n + 1) % 3], sides[(n + 2) % 3]
                minor = subtract(multiply(b[j], c[k]), multiply(b[k], c[j]))
                total = add(total, multiply(minor, lifts[n]))
                volume = add(volume, multiply(minor, sides[n][i]))
            x = pair_of(total)
            if i == 0:
                lower = times(pair_of(volume), pair_of(volume))
        upper = plus(upper, times(x, x))
    return radius_of(upper, lower, weights[v])


@njit(cache=True, nogil=True)
def exact_covers(points, weights, simplex, q):
    """Return what `covers` does of three vertices, exactly."""
    v = np.int64(simplex[0])
    p, a, b = (
        exact_difference(points, np.int64(q), v),
        exact_difference(points, np.int64(simplex[1]), v),
        exact_difference(points, np.int64(simplex[2]), v),
    )
    p_lift, a_lift, b_lift = (
        exact_lift(p, weights, q, v),
        exact_lift(a, weights, simplex[1], v),
        exact_lift(b, weights, simplex[2], v),
    )
    aa, ab, bb, pa, pb = exact_dot(a, a), exact_dot(a, b), exact_dot(b, b), exact_dot(p, a), exact_dot(p, b)
    found = multiply(p_lift, subtract(multiply(aa, bb), multiply(ab, ab)))
    found = subtract(found, multiply(a_lift, subtract(multiply(pa, bb), multiply(pb, ab))))
    found = subtract(found, multiply(b_lift, subtract(multiply(pb, aa), multiply(pa, ab))))
    return found[-1] <= 0


@njit(cache=True, nogil=True)
def squared_radii(points, weights, simplices, start, stop):
    """Return those of simplices from start to stop."""
    found = np.empty(stop - start)
    for s in range(start, stop):
        found[s - start] = squared_radius(points, weights, simplices[s])
    return found


@njit(cache=True, nogil=True)
def covers_in_pairs(points, weights, simplex, q):
    """Return what `covers` does, by pairs of numbers."""
    v, size = simplex[0], len(simplex)
    p, a = difference(points, q, v), difference(points, simplex[1], v)
    p_lift, a_lift = lift(p, weights, q, v), lift(a, weights, simplex[1], v)
    aa, pa = dot(a, a), dot(p, a)
    weight = abs(weights[q]) + abs(weights[v])
    p_size, a_size = dot(p, p)[0] + weight, aa[0] + weight + abs(weights[simplex[1]])
    if size == 2:
        found = minus(times(p_lift, aa), times(a_lift, pa))
        bound = p_size * aa[0] + a_size * np.sqrt(p_size * aa[0])
    else:
        b = difference(points, simplex[2], v)
        b_lift, bb, ab, pb = lift(b, weights, simplex[2], v), dot(b, b), dot(a, b), dot(p, b)
        found = minus(
            minus(
                times(p_lift, minus(times(aa, bb), times(ab, ab))),
                times(a_lift, minus(times(pa, bb), times(pb, ab))),
            ),
            times(b_lift, minus(times(pb, aa), times(pa, ab))),
        )
        b_size = bb[0] + weight + abs(weights[simplex[2]])
        root = np.sqrt(p_size)
        bound = p_size * aa[0] * bb[0] + root * (a_size * np.sqrt(aa[0]) * bb[0] + b_size * np.sqrt(bb[0]) * aa[0])
        if abs(found[0]) <= PAIR_SLACK * 4 * bound and aa[0] * bb[0] - ab[0] * ab[0] < 1e-12 * aa[0] * bb[0]:
            return exact_covers(points, weights, simplex, q)  # of a thin triangle, in doubt may be far from the sphere
    return found[0] <= PAIR_SLACK * 4 * bound


@njit(cache=True, nogil=True)
def covers(points, weights, simplex, q):
    """Whether the smallest sphere through one to three vertices has a further point inside, or on it."""
    v, size, d = simplex[0], len(simplex), points.shape[1]
    pp, pa, aa, pb, ab, bb = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(d):
        p = points[q, j] - points[v, j]
        pp += p * p
        if size > 1:
            a = points[simplex[1], j] - points[v, j]
            aa += a * a
            pa += a * p
            if size > 2:
                b = points[simplex[2], j] - points[v, j]
                bb += b * b
                ab += a * b
                pb += b * p
    p_lift, p_size = pp - (weights[q] - weights[v]), pp + abs(weights[q]) + abs(weights[v])
    if size == 1:
        return p_lift <= SLACK * p_size
    gap = abs(weights[simplex[1]]) + abs(weights[v])
    a_lift, a_size = aa - (weights[simplex[1]] - weights[v]), aa + gap
    p_length, a_length = np.sqrt(pp), np.sqrt(aa)
    if size == 2:
        found = p_lift * aa - a_lift * pa
        bound = p_size * aa + a_size * p_length * a_length
    else:
        b_lift = bb - (weights[simplex[2]] - weights[v])
        b_size = bb + abs(weights[simplex[2]]) + abs(weights[v])
        found = p_lift * (aa * bb - ab * ab) - a_lift * (pa * bb - pb * ab) - b_lift * (pb * aa - pa * ab)
        bound = 2 * (p_size * aa * bb + p_length * a_length * np.sqrt(bb) * (a_size * np.sqrt(bb) + b_size * a_length))
    if abs(found) > SLACK * bound:
        return found < 0
    return covers_in_pairs(points, weights, simplex, q)


@njit(cache=True, nogil=True)
def face_values(points, weights, faces, cofacets, facets, values):
    """Return when faces (m, k) enter, from their cofacets (n, k + 1), with these the facets (n, k + 1) and values."""
    m, n, size = len(faces), len(cofacets), cofacets.shape[1]
    first, covered = np.full(m, np.inf), np.zeros(m, np.bool_)
    for s in range(n):
        for j in range(size):
            face = facets[s, j]
            first[face] = min(first[face], values[s])
            covered[face] |= covered[face] or covers(points, weights, faces[face], cofacets[s, j])
    for face in range(m):
        if not covered[face]:
            first[face] = min(first[face], squared_radius(points, weights, faces[face]))
    return first
