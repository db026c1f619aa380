"""Persistence of alpha filtrations: unions of balls around points, by their Delaunay triangulation."""

import numpy as np
from scipy.spatial import ConvexHull, Delaunay, QhullError

from erlangen.errors import InputError, ShapeError
from erlangen.kernels import over_rows
from erlangen.memory import check_memory
from erlangen.topology.complexes import ascending, checked_dimension, persistence_of
from erlangen.topology.persistence import Persistence, checked_modulus, checked_points

OUTPUTS = ("diameter", "radius", "squared")
WORK = 1000
"""Multiplications that one radius takes, about."""


def alpha_persistence(
    X, *, max_dimension: int | None = None, weights=None, output: str = "diameter", modulus: int = 2
) -> Persistence:
    """Compute the persistent homology of growing balls around points, by the alpha filtration.

    The union of the balls and the alpha complex have the same homology at every radius (the nerve theorem), so this is
    the Čech filtration's too, at the size of a Delaunay triangulation.

    Parameters
    ----------
    X : (n, d) array
        Points. In up to three dimensions any will do: on grids, spheres, lines or planes, some of them equal; the
        triangulation is decided exactly. In more dimensions no d + 2 points may lie on a sphere.
    max_dimension : int, optional
        The highest homology dimension; d - 1 by default.
    weights : (n,) array, optional
        Balls have the squared radius t + w at time t, so for atoms weights are squared radii. Points that are covered
        when they enter never enter. None: zero.
    output : "diameter", "radius" or "squared"
        What births and deaths are: twice the radius, comparable with `rips_persistence`; the radius; or the squared
        radius t, which with weights may be negative. Of a negative t the others give the root of its size, negative.
    modulus : int
        A prime: the field of the coefficients.

    Returns
    -------
    Persistence
        ``births`` and ``deaths`` hold the points (k, q + 1) and (k, q + 2) of the simplices that begin and end the bars
        of dimension q, -1 where one does not end.

    Raises
    ------
    InputError
        If points or weights are not finite, for degenerate points in more than three dimensions, or a modulus that is
        not prime.
    TooLargeError
        If the tables do not fit the memory that is left.

    Source: H. Edelsbrunner and E. Mücke, Three-dimensional alpha shapes, 1994; H. Edelsbrunner, The union of balls and
    its dual shape, 1995. How it is done is described in `erlangen.topology._delaunay_kernels` and ``_alpha_kernels``.

    Examples
    --------
    >>> angle = np.arange(20) * np.pi / 10
    >>> circle = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> alpha_persistence(circle).bars[1].round(3).tolist()
    [[0.313, 2.0]]
    >>> alpha_persistence(circle, output="radius").bars[1].round(3).tolist()
    [[0.156, 1.0]]
    """
    if output not in OUTPUTS:
        raise InputError(f"output is one of {', '.join(OUTPUTS)}, got {output!r}")
    modulus = checked_modulus(modulus)
    points, weights = _checked(X, weights)
    max_dimension = checked_dimension(max_dimension, max(points.shape[1] - 1, 0))
    simplices, values, facets = alpha_complex(points, weights)
    if output != "squared":
        factor = 2.0 if output == "diameter" else 1.0
        values = [np.copysign(factor * np.sqrt(np.abs(v)), v) for v in values]
    top = max_dimension + 2
    return ascending(persistence_of(simplices[:top], values[:top], facets[:top], max_dimension, modulus))


def alpha_complex(points: np.ndarray, weights: np.ndarray) -> tuple[list, list, list]:
    """Return the Delaunay triangulation's simplices, the squared radii at which they enter, and their facets.

    Parameters
    ----------
    points : (n, d) float array
    weights : (n,) float array

    Returns
    -------
    simplices : list of (m, q + 1) integer arrays
        For each dimension q, the points; where some are equal or hidden, not all of them.
    values : list of (m,) arrays
    facets : list of (m, q + 1) integer arrays
        The numbers of the facets, the j-th without the j-th point.

    Examples
    --------
    >>> simplices, values, _ = alpha_complex(np.array([[0.0, 0], [2, 0], [0, 2]]), np.zeros(3))
    >>> len(simplices[1]), [sorted(v.tolist()) for v in values]
    (3, [[0.0, 0.0, 0.0], [1.0, 1.0, 2.0], [2.0]])
    """
    if not len(points):
        return [np.zeros((0, 1), np.int64)], [np.zeros(0)], [np.zeros((0, 0), np.int64)]
    scale = 2.0 ** np.frexp(np.abs(points).max(initial=0.0))[1]  # a power of two: nothing is rounded
    here = _different(points, weights)
    here = here[_along_a_curve(points[here])]  # so that neighbors in space are neighbors in memory
    points, weights = points[here] / scale, weights[here] / scale**2
    if points.shape[1] > 3:
        points = _flattened(points)
    cells, neighbors = triangulation(points, weights)
    used = np.zeros(len(points), bool)
    used[cells] = True
    points, weights, cells = points[used], weights[used], (np.cumsum(used, dtype=np.int32) - 1)[cells]
    if points.shape[1] <= 3:
        simplices, values, facets = _exact_filtration(points, weights, cells, neighbors)
    else:
        simplices, values, facets = _filtration(points, weights, cells)
    return [here[used][s] for s in simplices], [v * scale**2 for v in values], facets


def triangulation(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the cells (m, k + 1) of the Delaunay triangulation of different points, vertices ascending.

    And each cell's neighbors (m, k + 1), the j-th on the other side of its j-th vertex, -1 for none; in more than three
    dimensions None.

    Examples
    --------
    >>> triangulation(np.array([[0.0, 0], [1, 0], [0, 1], [2, 2]]), np.zeros(4))[0].tolist()
    [[0, 1, 2], [1, 2, 3]]
    """
    from erlangen.topology import _delaunay_kernels as kernels

    n, d = points.shape
    if d > 3:
        return _cells_by_qhull(points, weights), None
    chosen, axes, k = kernels.independent_points(points)
    if k == 0:
        return np.zeros((1, 1), np.int32), np.full((1, 1), -1, np.int32)
    check_memory(60 * (2, 3, 9)[k - 1] * n, f"the Delaunay triangulation of {n:,} points")
    rounds = np.random.default_rng(0).geometric(0.5, n)  # each round has twice the points of the one before
    order = np.argsort(-rounds, kind="stable")
    order = order[~np.isin(order, chosen)]
    slack = 0.0 if _few_digits(points, weights) else kernels.SLACK
    cells, neighbors = kernels.triangulate(np.ascontiguousarray(points[:, axes]), weights, k, order, chosen, slack)
    sequence = np.argsort(cells, axis=1)
    cells, neighbors = np.take_along_axis(cells, sequence, 1), np.take_along_axis(neighbors, sequence, 1)
    order = np.argsort(cells[:, 0], kind="stable")  # neighbors in memory too
    numbers = np.empty(len(cells) + 1, np.int32)
    numbers[order], numbers[-1] = np.arange(len(cells)), -1
    return cells[order], numbers[neighbors[order]]


def _few_digits(points: np.ndarray, weights: np.ndarray) -> bool:
    """Whether points are on a grid so coarse that float64 rounds nothing: of 512 steps, weights up to 512^2 of them."""
    step = 2.0 ** (np.frexp(np.ptp(points, axis=0).max())[1] - 9)
    places = points / step
    heavy = weights / step**2
    return bool(
        np.abs(places).max() < 2**53
        and (places == np.rint(places)).all()
        and (heavy == np.rint(heavy)).all()
        and np.ptp(heavy) <= 2**18
    )


def _different(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return which points to keep: of equal ones that of the largest weight, the first of these."""
    order = np.lexsort([-weights, *points.T])
    differs = np.ones(len(points), bool)
    differs[1:] = (points[order[1:]] != points[order[:-1]]).any(axis=1)
    return order[differs]


def _along_a_curve(points: np.ndarray) -> np.ndarray:
    """Return the order of points along Morton's curve through their first three coordinates."""
    low, span = points.min(axis=0), np.ptp(points, axis=0).max(initial=0.0)
    places = ((points[:, :3] - low[:3]) / (span or 1.0) * (2**21 - 1)).astype(np.uint64)
    keys = np.zeros(len(points), np.uint64)
    for axis, x in enumerate(places.T):
        for shift, mask in _SPREAD:  # two zeros between any two of the 21 bits
            x = (x | (x << np.uint64(shift))) & np.uint64(mask)
        keys |= x << np.uint64(axis)
    return np.argsort(keys, kind="stable")


_SPREAD = (
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)


def _exact_filtration(points, weights, cells, neighbors) -> tuple[list, list, list]:
    """Return simplices, values and facets of a triangulation by its cells (m, k + 1), k at most 3."""
    from erlangen.topology import _alpha_kernels as kernels

    k = cells.shape[1] - 1
    simplices, facets = [cells], []
    for q in range(k, 0, -1):
        if q == 1:
            faces = np.arange(len(points), dtype=np.int32)[:, None]
            numbers = np.ascontiguousarray(simplices[0][:, ::-1])
        elif q == k:
            faces, numbers = kernels.walls_of(cells, neighbors)
        else:
            faces, numbers = kernels.edges_of(simplices[0], len(points))
        simplices.insert(0, faces)
        facets.insert(0, numbers)
    values = over_rows(kernels.squared_radii, points, weights, cells, rows=len(cells), work=len(cells) * WORK)
    values = [np.concatenate(values)]
    for q in range(k - 1, -1, -1):
        values.insert(0, kernels.face_values(points, weights, simplices[q], simplices[q + 1], facets[q], values[0]))
    return simplices, values, [np.zeros((len(points), 0), np.int64), *facets]


def _flattened(points: np.ndarray) -> np.ndarray:
    """Return points in coordinates of the space that they span, if this has fewer dimensions."""
    centered = points - points.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    rank = int((sizes > sizes.max(initial=0.0) * 1e-12).sum())
    return points if rank == points.shape[1] else left[:, :rank] * sizes[:rank]


def _cells_by_qhull(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the cells (m, d + 1) of points in general position; with weights the lower hull of the lifted points."""
    n, d = points.shape
    if n == d + 1:
        return np.arange(n)[None]
    try:
        if (weights == weights[0]).all():
            return np.sort(Delaunay(points).simplices, axis=1)
        hull = ConvexHull(np.column_stack([points, (points**2).sum(axis=1) - weights]))
    except QhullError as error:
        raise _not_general(n, d, f"Qhull says {str(error).splitlines()[0]}") from None
    return np.sort(hull.simplices[hull.equations[:, -2] < 0], axis=1)


def _filtration(points, weights, cells) -> tuple[list, list, list]:
    """Return simplices, values and facets of a triangulation in any dimension, in float64."""
    simplices, facets = [cells], []
    for q in range(cells.shape[1] - 1, 0, -1):
        faces = np.concatenate([np.delete(simplices[0], j, axis=1) for j in range(q + 1)])
        faces, numbers = np.unique(faces, axis=0, return_inverse=True)
        facets.insert(0, numbers.reshape(q + 1, -1).T)
        simplices.insert(0, faces)
    values = [_spheres(points, weights, cells)[1]]
    _check_general(points, weights, cells, facets[-1])
    for q in range(len(simplices) - 2, -1, -1):
        centers, radii = _spheres(points, weights, simplices[q])
        first, covered = np.full(len(radii), np.inf), np.zeros(len(radii), bool)
        for j, numbers in enumerate(facets[q].T):
            apex = simplices[q + 1][:, j]
            power = ((points[apex] - centers[numbers]) ** 2).sum(axis=1) - weights[apex]
            covered[numbers[power <= radii[numbers] + 1e-12 * np.abs(radii[numbers])]] = True
            np.minimum.at(first, numbers, values[0])
        values.insert(0, np.where(covered, first, np.minimum(first, radii)))
    return simplices, values, [np.zeros((len(simplices[0]), 0), np.int64), *facets]


def _check_general(points, weights, cells, walls) -> None:
    """Raise InputError if a cell (m, d + 1), with walls (m, d + 1) by number, has a neighbor's vertex on its sphere."""
    centers, radii = _spheres(points, weights, cells)
    order = np.argsort(walls, axis=None, kind="stable")
    numbers = walls.ravel()[order]
    shared = np.flatnonzero(numbers[1:] == numbers[:-1])
    cell, beside = order[shared] // cells.shape[1], order[shared + 1]
    apex = cells.ravel()[beside]
    power = ((points[apex] - centers[cell]) ** 2).sum(axis=1) - weights[apex] - radii[cell]
    if (power < 1e-11 * (1 + np.abs(radii[cell]))).any():
        raise _not_general(*points.shape, "some d + 2 of them lie on a sphere")


def _not_general(n: int, d: int, why: str) -> InputError:
    return InputError(
        f"in more than three dimensions points are in general position, got {n:,} in {d} dimensions: {why}; "
        "a little noise would help"
    )


def _spheres(points, weights, simplices) -> tuple[np.ndarray, np.ndarray]:
    """Return centers (m, d) and squared radii (m,) of the smallest spheres orthogonal to those of the vertices."""
    first = simplices[:, 0]
    sides = points[simplices[:, 1:]] - points[first][:, None]
    lifts = (sides**2).sum(axis=2) - weights[simplices[:, 1:]] + weights[first][:, None]
    table = sides @ sides.transpose(0, 2, 1)
    largest = np.prod(np.diagonal(table, axis1=1, axis2=2), axis=1)
    if (np.linalg.det(table) <= 1e-22 * largest).any():
        raise _not_general(*points.shape, "some d + 1 of them lie in a plane")
    multiples = np.linalg.solve(table, lifts[..., None] / 2)
    offsets = (sides * multiples).sum(axis=1)
    return points[first] + offsets, (offsets**2).sum(axis=1) - weights[first]


def _checked(X, weights) -> tuple[np.ndarray, np.ndarray]:
    points = checked_points(X)
    if weights is None:
        return points, np.zeros(len(points))
    try:
        weights = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"weights are numbers, got {type(weights).__name__}") from None
    if weights.shape != (len(points),) or not np.isfinite(weights).all():
        raise ShapeError(f"weights are a finite number for each of {len(points)} points, got shape {weights.shape}")
    return points, weights
