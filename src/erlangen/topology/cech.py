"""Persistence of Čech filtrations: growing balls around points, by the radius at which they have a point in common."""

from dataclasses import replace

import numpy as np
from scipy.spatial.distance import pdist

from erlangen.errors import InputError
from erlangen.memory import check_memory
from erlangen.topology.alpha import alpha_persistence
from erlangen.topology.complexes import checked_dimension, cut, facet_numbers, persistence_of
from erlangen.topology.persistence import Persistence, checked_modulus, checked_points

ROUNDING = 1e-10
"""Explicit bars shorter than this part of their death have no length but by rounding."""


def cech_persistence(X, *, max_dimension: int = 1, max_radius: float = np.inf, modulus: int = 2) -> Persistence:
    """Compute the persistent homology of the Čech filtration.

    A simplex enters at the radius of the smallest ball around its points; that is half of their distance for two, so
    bars are about half as long as those of `rips_persistence`.

    Parameters
    ----------
    X : (n, d) array
        Points. In up to three dimensions the alpha filtration is used, which has the same bars (the nerve theorem) and
        takes millions of points. In more, all simplices are listed; that is for some hundred points, or a small
        ``max_radius``.
    max_dimension : int
        The highest homology dimension.
    max_radius : float
        The filtration's end.
    modulus : int
        A prime: the field of the coefficients.

    Returns
    -------
    Persistence
        In radii. ``births`` and ``deaths`` hold the points of the simplices that begin and end the bars, -1 where one
        does not end.

    Raises
    ------
    InputError
        If the arguments make no sense.
    TooLargeError
        If the simplices do not fit the memory that is left.

    Source: H. Edelsbrunner and J. Harer, Computational Topology, 2010, III.2.

    Examples
    --------
    >>> cech_persistence([[0.0, 0.0], [2.0, 0.0], [1.0, 3**0.5]]).bars[1].round(3).tolist()
    [[1.0, 1.155]]
    """
    modulus, max_dimension = checked_modulus(modulus), checked_dimension(max_dimension, 1)
    points = checked_points(X)
    if not isinstance(max_radius, int | float | np.number) or not max_radius >= 0:
        raise InputError(f"max_radius is a number of at least 0, or inf, got {max_radius!r}")
    if points.shape[1] <= 3:
        found = alpha_persistence(points, max_dimension=max_dimension, output="radius", modulus=modulus)
        return cut(found, max_radius)
    found = persistence_of(*cech_complex(points, max_dimension + 1, float(max_radius)), max_dimension, modulus)
    longer = [np.ptp(b, axis=1) > ROUNDING * np.where(np.isinf(b[:, 1]), 0.0, b[:, 1]) for b in found.bars]
    tables = (
        tuple(rows[kept] for rows, kept in zip(table, longer, strict=True))
        for table in (found.bars, found.births, found.deaths)
    )
    return replace(found, **dict(zip(("bars", "births", "deaths"), tables, strict=True)))


def cech_complex(points: np.ndarray, dimension: int, max_radius: float) -> tuple[list, list, list]:
    """Return the simplices (k, q + 1) of the Čech complex up to a dimension, their radii (k,) and facets (k, q + 1)."""
    from erlangen.topology import _complex_kernels
    from erlangen.topology import _flag_kernels as kernels

    n = len(points)
    check_memory(40 * n * n, f"the distances of {n:,} points")
    tails, heads = np.triu_indices(n, 1)
    radii = pdist(points) / 2
    kept = radii <= max_radius
    tails, heads, radii = tails[kept], heads[kept].astype(np.int32), radii[kept]
    graph = np.searchsorted(tails, np.arange(n + 1)), heads, radii, np.full(n, max_radius)
    simplices, values = [np.arange(n, dtype=np.int32)[:, None]], [np.zeros(n)]
    facets, tables = [np.zeros((n, 0), np.int64)], []
    centers, squares = points, np.zeros(n)
    for q in range(1, dimension + 1):
        size = kernels.cofaces(simplices[-1], values[-1], *graph, np.empty((0, q + 1), np.int32), np.empty(0))
        check_memory((20 * q + 8 * points.shape[1] + 120) * size, f"{size:,} simplices of dimension {q}")
        rows = np.empty((size, q + 1), np.int32)
        kernels.cofaces(simplices[-1], values[-1], *graph, rows, np.empty(size))
        numbers = facet_numbers(rows, tables, n)
        whole = (numbers >= 0).all(axis=1)
        rows, numbers = rows[whole], numbers[whole]
        balls = np.empty((len(rows), points.shape[1])), np.empty(len(rows))
        kernels.enclosing_balls(points, rows, numbers, centers, squares, *balls)
        found = np.sqrt(balls[1])
        kept = found <= max_radius
        rows, numbers, centers, squares = rows[kept], numbers[kept], balls[0][kept], balls[1][kept]
        simplices.append(rows)
        values.append(found[kept])
        facets.append(numbers)
        tables.append(_complex_kernels.tabulate(numbers[:, q] * n + rows[:, q])[:2])
    return simplices, values, facets
