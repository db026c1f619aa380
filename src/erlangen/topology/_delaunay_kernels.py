"""Compiled Delaunay triangulation of points in one, two or three dimensions, exact for degenerate input too.

With weights it is the regular triangulation: that of the power distance |x - p|^2 - w, in which some points are hidden.
Points are inserted one by one (A. Bowyer, D. F. Watson, 1981): the simplices whose sphere has the new point inside are
found from the one that contains it, and replaced by those that join it to their outer walls. The outside is covered
by simplices with a vertex at infinity, GHOST, one on each wall of the hull.

Whether a point is inside a sphere, or on which side of a wall, is the sign of a determinant: in float64 with a bound
of its error, in doubt with pairs of numbers, then exactly. Points on a sphere are decided as if each point were lifted
by an infinitesimal amount, points of higher number by more (O. Devillers and M. Teillaud, Perturbations for Delaunay
and weighted Delaunay 3D triangulations, 2011), so no simplex is ever flat.

Points have d coordinates; if they lie in a plane or on a line the first k, which tell them apart, say where they are,
and all d how far apart they are. A simplex is positive if det(v1 - v0, ..., vk - v0) is.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._exact_kernels import (
    PAIR_SLACK,
    add,
    exact_difference,
    expansion,
    minus,
    multiply,
    plus,
    scale,
    subtract,
    times,
    two_sum,
)

announce_compilation()

GHOST = -1
SLACK = 64 * 2.0**-53
"""What the determinants are off by at most, of the sum of their terms' sizes."""


@njit(cache=True, nogil=True)
def sign_of(x):
    """Return -1, 0 or 1."""
    return (x > 0) - (x < 0)


@njit(cache=True, nogil=True)
def exact_minor(rows, k, left):
    """Return (-1)^left times the determinant of k of k + 1 rows, one being left out, as an expansion."""
    if k == 1:
        found = rows[1 - left][0]
    elif k == 2:
        a, b = rows[0 if left else 1], rows[1 if left == 2 else 2]
        found = subtract(multiply(a[0], b[1]), multiply(a[1], b[0]))
    else:
        a, b, c = rows[0 if left else 1], rows[1 if left > 1 else 2], rows[2 if left == 3 else 3]
        bc = subtract(multiply(b[0], c[1]), multiply(b[1], c[0]))
        ac = subtract(multiply(a[0], c[1]), multiply(a[1], c[0]))
        ab = subtract(multiply(a[0], b[1]), multiply(a[1], b[0]))
        found = add(subtract(multiply(bc, a[2]), multiply(ac, b[2])), multiply(ab, c[2]))
    return scale(found, -1.0) if left & 1 else found


@njit(cache=True, nogil=True)
def exact_side(points, k, simplex, left, p):
    """Return the sign of a simplex whose vertex at ``left`` is moved to p, which is not a ghost any more."""
    rows = [exact_difference(points, p if i == left else np.int64(simplex[i]), p) for i in range(k + 1)]
    return sign_of(exact_minor(rows, k, left)[-1])


@njit(cache=True, nogil=True)
def exact_inside(points, weights, k, simplex, p):
    """Return the sign of the exact determinant of `inside`."""
    rows = [exact_difference(points, np.int64(simplex[i]), p) for i in range(k + 1)]
    total = np.zeros(1)
    for i in range(k + 1):
        lift = expansion(weights[p], -weights[simplex[i]])
        for x in rows[i]:
            lift = add(lift, multiply(x, x))
        total = add(total, multiply(exact_minor(rows, k, i), lift))
    return sign_of(total[-1])


@njit(cache=True, nogil=True)
def side(points, k, simplex, left, p, slack):
    """Return the sign of a simplex whose vertex at ``left`` is moved to p: 1 if p is on the same side of that wall."""
    if k == 1:
        found = points[simplex[1 - left], 0] - points[p, 0]
        return -sign_of(found) if left else sign_of(found)
    a, b = simplex[0 if left else 1], simplex[1 if left > 1 else 2]
    x, y = points[p, 0], points[p, 1]
    ax, ay, bx, by = points[a, 0] - x, points[a, 1] - y, points[b, 0] - x, points[b, 1] - y
    if k == 2:
        found = ax * by - ay * bx
        size = abs(ax * by) + abs(ay * bx)
    else:
        c, z = simplex[2 if left == 3 else 3], points[p, 2]
        cx, cy = points[c, 0] - x, points[c, 1] - y
        az, bz, cz = points[a, 2] - z, points[b, 2] - z, points[c, 2] - z
        found = az * (bx * cy - by * cx) - bz * (ax * cy - ay * cx) + cz * (ax * by - ay * bx)
        size = (
            abs(az) * (abs(bx * cy) + abs(by * cx))
            + abs(bz) * (abs(ax * cy) + abs(ay * cx))
            + abs(cz) * (abs(ax * by) + abs(ay * bx))
        )
    if abs(found) > slack * size or slack == 0:
        return -sign_of(found) if left & 1 else sign_of(found)
    return exact_side(points, k, simplex, left, p)


@njit(cache=True, nogil=True)
def paired_inside(points, weights, k, simplex, p, size):
    """Return the sign of the determinant of `inside` by pairs of numbers, 2 if that is in doubt."""
    d = points.shape[1]
    rows, lifts = np.empty((4, 3, 2)), np.empty((4, 2))
    for i in range(k + 1):
        lift = two_sum(weights[p], -weights[simplex[i]])
        for j in range(d):
            x = two_sum(points[simplex[i], j], -points[p, j])
            rows[i, j, 0], rows[i, j, 1] = x
            lift = plus(lift, times(x, x))
        lifts[i, 0], lifts[i, 1] = lift
    total = (0.0, 0.0)
    for left in range(k + 1):
        if k == 1:
            minor = (rows[1 - left, 0, 0], rows[1 - left, 0, 1])
        else:
            a, b = rows[0 if left else 1], rows[1 if left > 1 else 2]
            minor = paired_cross(a, b)
            if k == 3:
                c = rows[2 if left == 3 else 3]
                bc = times(paired_cross(b, c), (a[2, 0], a[2, 1]))
                ac = times(paired_cross(a, c), (b[2, 0], b[2, 1]))
                minor = plus(minus(bc, ac), times(minor, (c[2, 0], c[2, 1])))
        term = times(minor, (lifts[left, 0], lifts[left, 1]))
        total = minus(total, term) if left & 1 else plus(total, term)
    return sign_of(total[0]) if abs(total[0]) > PAIR_SLACK * size else 2


@njit(cache=True, nogil=True)
def paired_cross(a, b):
    """Return a_x b_y - a_y b_x of pairs."""
    return minus(times((a[0, 0], a[0, 1]), (b[1, 0], b[1, 1])), times((a[1, 0], a[1, 1]), (b[0, 0], b[0, 1])))


@njit(cache=True, nogil=True)
def lift_of(points, weights, v, p):
    """Return the squared distance of two points, less the difference of their weights, and the size of its terms."""
    distance = 0.0
    for j in range(points.shape[1]):
        distance += (points[v, j] - points[p, j]) ** 2
    gap = weights[v] - weights[p]
    return distance - gap, distance + abs(weights[v]) + abs(weights[p])


@njit(cache=True, nogil=True)
def inside(points, weights, k, simplex, p, slack):
    """Return 1 if a point is inside the sphere of a positive simplex, 0 if it is on it, -1 outside."""
    a, b = simplex[0], simplex[1]
    x = points[p, 0]
    ax, bx = points[a, 0] - x, points[b, 0] - x
    a_lift, a_size = lift_of(points, weights, a, p)
    b_lift, b_size = lift_of(points, weights, b, p)
    if k == 1:
        found = bx * a_lift - ax * b_lift
        size = abs(bx) * a_size + abs(ax) * b_size
    else:
        c, y = simplex[2], points[p, 1]
        cx, ay, by, cy = points[c, 0] - x, points[a, 1] - y, points[b, 1] - y, points[c, 1] - y
        c_lift, c_size = lift_of(points, weights, c, p)
        ab, ac, bc = ax * by - ay * bx, ax * cy - ay * cx, bx * cy - by * cx
        ab_size, ac_size, bc_size = (
            abs(ax * by) + abs(ay * bx),
            abs(ax * cy) + abs(ay * cx),
            abs(bx * cy) + abs(by * cx),
        )
        if k == 2:
            found = bc * a_lift - ac * b_lift + ab * c_lift
            size = bc_size * a_size + ac_size * b_size + ab_size * c_size
        else:
            e, z = simplex[3], points[p, 2]
            ex, ey = points[e, 0] - x, points[e, 1] - y
            az, bz, cz, ez = points[a, 2] - z, points[b, 2] - z, points[c, 2] - z, points[e, 2] - z
            e_lift, e_size = lift_of(points, weights, e, p)
            ae, be, ce = ax * ey - ay * ex, bx * ey - by * ex, cx * ey - cy * ex
            ae_size, be_size, ce_size = (
                abs(ax * ey) + abs(ay * ex),
                abs(bx * ey) + abs(by * ex),
                abs(cx * ey) + abs(cy * ex),
            )
            found = (
                (bz * ce - cz * be + ez * bc) * a_lift
                - (az * ce - cz * ae + ez * ac) * b_lift
                + (az * be - bz * ae + ez * ab) * c_lift
                - (az * bc - bz * ac + cz * ab) * e_lift
            )
            az, bz, cz, ez = abs(az), abs(bz), abs(cz), abs(ez)
            size = (
                (bz * ce_size + cz * be_size + ez * bc_size) * a_size
                + (az * ce_size + cz * ae_size + ez * ac_size) * b_size
                + (az * be_size + bz * ae_size + ez * ab_size) * c_size
                + (az * bc_size + bz * ac_size + cz * ab_size) * e_size
            )
    if abs(found) > slack * size or slack == 0:
        return sign_of(found)
    sign = paired_inside(points, weights, k, simplex, p, size)
    return exact_inside(points, weights, k, simplex, p) if sign == 2 else sign


@njit(cache=True, nogil=True)
def surely_inside(points, weights, k, simplex, p, slack):
    """Whether a point is inside the sphere of a positive simplex, those on it decided by infinitesimal lifts."""
    found = inside(points, weights, k, simplex, p, slack)
    if found:
        return found > 0
    below = np.int64(2**62)
    while True:  # from the point that is lifted most; its part of the determinant is its own minor
        most = np.int64(p) if p < below else np.int64(-1)
        at = np.int64(-1)
        for i in range(k + 1):
            if most < simplex[i] < below:
                most, at = np.int64(simplex[i]), i
        if at < 0:
            return False  # lifted itself, a point is outside
        found = side(points, k, simplex, at, p, slack)
        if found:
            return found > 0
        below = most


@njit(cache=True, nogil=True)
def place_of(row, item):
    """Return where a row has an item, -1 if nowhere."""
    for i in range(len(row)):
        if row[i] == item:
            return i
    return -1


@njit(cache=True, nogil=True)
def in_conflict(points, weights, k, vertices, neighbors, s, p, slack):
    """Whether a simplex has to go when a point comes."""
    ghost = place_of(vertices[s], GHOST)
    if ghost < 0:
        return surely_inside(points, weights, k, vertices[s], p, slack)
    found = side(points, k, vertices[s], ghost, p, slack)
    if found:
        return found > 0
    return surely_inside(points, weights, k, vertices[neighbors[s, ghost]], p, slack)


@njit(cache=True, nogil=True)
def locate(points, k, vertices, neighbors, s, p, slack):
    """Return the simplex that has a point in it, or the ghost on a wall that the point is beyond; walk there from s."""
    ghost = place_of(vertices[s], GHOST)
    if ghost >= 0:
        s = np.int64(neighbors[s, ghost])
    before = np.int64(-1)
    while True:
        following = np.int64(-1)
        for i in range(k + 1):
            if neighbors[s, i] != before and side(points, k, vertices[s], i, p, slack) < 0:
                following = np.int64(neighbors[s, i])
                break
        if following < 0:
            return s
        before, s = s, following
        if place_of(vertices[s], GHOST) >= 0:
            return s


@njit(cache=True, nogil=True)
def independent_points(points):
    """Return the numbers (k + 1,) of points that span all, the coordinates, those first that tell apart, and k <= d."""
    n, d = points.shape
    chosen, axes = np.zeros(d + 1, np.int64), np.arange(d)
    k = 0
    for p in range(1, n):
        if k == d:
            break
        chosen[k + 1] = p
        simplex, everyone = points[chosen[: k + 2]], np.arange(k + 2).astype(np.int32)
        for j in range(k, d):
            axes[k], axes[j] = axes[j], axes[k]
            if side(np.ascontiguousarray(simplex[:, axes[: k + 1]]), k + 1, everyone, np.int64(0), np.int64(0), SLACK):
                k += 1
                break
            axes[k], axes[j] = axes[j], axes[k]
    return chosen[: k + 1], axes, k


@njit(cache=True, nogil=True)
def enlarged(array):
    """Return a table of twice as many rows."""
    larger = np.empty((2 * array.shape[0], array.shape[1]), array.dtype)
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            larger[i, j] = array[i, j]
    return larger


@njit(cache=True, nogil=True)
def first_simplices(points, k, chosen, vertices, neighbors, slack):
    """Write one positive simplex and its k + 1 ghosts."""
    for i in range(k + 1):
        vertices[0, i] = chosen[i]
    if side(points, k, vertices[0], np.int64(0), np.int64(vertices[0, 0]), slack) < 0:
        vertices[0, 0], vertices[0, 1] = vertices[0, 1], vertices[0, 0]
    for i in range(k + 1):
        neighbors[0, i] = i + 1
        for j in range(k + 1):
            vertices[i + 1, j] = GHOST if i == j else vertices[0, j]
            neighbors[i + 1, j] = 0 if i == j else j + 1
        for table in (vertices, neighbors):
            table[i + 1, 0], table[i + 1, 1] = table[i + 1, 1], table[i + 1, 0]


@njit(cache=True, nogil=True)
def link(vertices, neighbors, made, mark, now, s, i):
    """Join the new simplex on an outer wall of the cavity to the new ones beside it, each found around their ridge."""
    new = made[s, i]
    for j in range(vertices.shape[1]):
        if j == i or neighbors[new, j] >= 0:
            continue
        at, wall, pivot = s, j, vertices[s, i]
        while mark[neighbors[at, wall]] == now:
            following = neighbors[at, wall]
            apex = vertices[following, place_of(neighbors[following], at)]
            wall = place_of(vertices[following], pivot)
            at, pivot = following, apex
        other = made[at, wall]
        neighbors[new, j] = other
        neighbors[other, place_of(vertices[at], pivot)] = new


@njit(cache=True, nogil=True)
def triangulate(points, weights, k, order, chosen, slack):
    """Return the simplices (m, k + 1), positive, and their neighbors, the i-th without the i-th vertex; -1 for none.

    Points (n, d) are inserted in the order given, which has not those of the first simplex, ``chosen``.
    """
    capacity = 64 + len(points) * (2, 3, 9)[k - 1]
    vertices, neighbors = np.empty((capacity, k + 1), np.int32), np.empty((capacity, k + 1), np.int32)
    made, mark = np.empty((capacity, k + 1), np.int32), np.full((capacity, 1), -1, np.int32)
    first_simplices(points, k, chosen, vertices, neighbors, slack)
    n_used, last = k + 2, np.int64(0)
    free, n_free = np.empty(1024, np.int32), 0
    cavity, walls = np.empty(1024, np.int32), np.empty((1024, 2), np.int32)
    for now in range(len(order)):
        p = order[now]
        here = locate(points, k, vertices, neighbors, last, p, slack)
        if not in_conflict(points, weights, k, vertices, neighbors, here, p, slack):
            continue  # hidden by points of larger weight
        cavity[0], n_cavity, n_walls, looked = here, 1, 0, 0
        mark[here, 0] = 2 * now + 1
        while looked < n_cavity:
            s = np.int64(cavity[looked])
            looked += 1
            for i in range(k + 1):
                t = np.int64(neighbors[s, i])
                if mark[t, 0] == 2 * now + 1:
                    continue
                if mark[t, 0] != 2 * now and in_conflict(points, weights, k, vertices, neighbors, t, p, slack):
                    if n_cavity == len(cavity):
                        cavity = np.concatenate((cavity, cavity))
                    mark[t, 0] = 2 * now + 1
                    cavity[n_cavity] = t
                    n_cavity += 1
                    continue
                mark[t, 0] = 2 * now
                if n_walls == len(walls):
                    walls = enlarged(walls)
                walls[n_walls, 0], walls[n_walls, 1] = s, i
                n_walls += 1
        while n_used + n_walls - n_free > len(vertices):
            vertices, neighbors, made, mark = enlarged(vertices), enlarged(neighbors), enlarged(made), enlarged(mark)
        for s, i in walls[:n_walls]:
            if n_free:
                n_free -= 1
                new = free[n_free]
            else:
                new = np.int32(n_used)
                n_used += 1
            t = neighbors[s, i]
            for j in range(k + 1):
                vertices[new, j], neighbors[new, j] = vertices[s, j], -1
            vertices[new, i], neighbors[new, i], made[s, i], mark[new, 0] = p, t, new, 2 * now
            neighbors[t, place_of(neighbors[t], s)] = new
            last = np.int64(new)
        for s, i in walls[:n_walls]:
            link(vertices, neighbors, made, mark[:, 0], 2 * now + 1, s, i)
        while n_free + n_cavity > len(free):
            free = np.concatenate((free, free))
        for s in cavity[:n_cavity]:
            vertices[s, 0] = vertices[s, 1] = GHOST  # two ghosts: not in use
            free[n_free] = s
            n_free += 1
    return without_ghosts(vertices[:n_used], neighbors[:n_used])


@njit(cache=True, nogil=True)
def without_ghosts(vertices, neighbors):
    """Return the simplices without a ghost, numbered anew, and their neighbors."""
    number, size = np.full(len(vertices), -1, np.int32), 0
    for s in range(len(vertices)):
        if place_of(vertices[s], GHOST) < 0:
            number[s] = size
            size += 1
    kept, beside = np.empty((size, vertices.shape[1]), np.int32), np.empty((size, vertices.shape[1]), np.int32)
    for s in range(len(vertices)):
        if number[s] >= 0:
            for i in range(vertices.shape[1]):
                kept[number[s], i], beside[number[s], i] = vertices[s, i], number[neighbors[s, i]]
    return kept, beside
