"""Persistence of sparse Rips filtrations, linear in the number of points, and greedy subsamples of point clouds."""

from typing import NamedTuple

import numpy as np

from erlangen.errors import InputError
from erlangen.topology.complexes import ascending, checked_dimension, facets_of, persistence_of
from erlangen.topology.flag import clique_complex
from erlangen.topology.persistence import (
    Persistence,
    checked_distances,
    checked_modulus,
    checked_points,
    rips_persistence,
)


class Subsample(NamedTuple):
    """Some of a cloud's points, far from each other and near to all.

    Attributes
    ----------
    indices : (n,) integer array
        Which, in the order in which they were taken.
    covering_radius : float
        How far the farthest point is from the nearest of these.
    """

    indices: np.ndarray
    covering_radius: float


def farthest_points(X, n: int, *, metric="euclidean", metric_params: dict | None = None) -> Subsample:
    """Take points from a cloud, the first, then always the one farthest from those taken.

    No n points cover the cloud with less than half of the radius (T. Gonzalez, 1985). Bars of Rips filtrations move
    by twice the radius at most when only these points are kept.

    Parameters
    ----------
    X : (n_points, d) array, or (n_points, n_points) array or sparse matrix
        Points; or distances with ``metric="precomputed"``.
    n : int
        How many, 1 to n_points.
    metric, metric_params
        As in `sklearn.metrics.pairwise_distances`.

    Raises
    ------
    InputError
        If there are fewer points.

    Examples
    --------
    >>> farthest_points([[0.0], [1.0], [5.0], [9.0]], 3)
    Subsample(indices=array([0, 3, 2]), covering_radius=1.0)
    """
    from erlangen.topology import _flag_kernels as kernels

    if metric == "euclidean":
        table, kernel = checked_points(X), kernels.farthest_of_points
    else:
        table, kernel = checked_distances(X, metric, metric_params)[0], kernels.farthest_of_distances
    if not isinstance(n, int | np.integer) or not 1 <= n <= len(table):
        raise InputError(f"n is an integer from 1 to {len(table)}, the number of points, got {n!r}")
    order, radii = kernel(table, n, 0)
    return Subsample(order, float(radii[-1]))


def sparse_rips_persistence(
    X,
    *,
    epsilon: float = 0.1,
    max_dimension: int = 1,
    threshold: float = np.inf,
    metric="euclidean",
    metric_params: dict | None = None,
    modulus: int = 2,
) -> Persistence:
    """Compute persistent homology near that of the Vietoris-Rips filtration, from far fewer simplices.

    Points are taken from the cloud as in `farthest_points`; those that come late lie close to others and are given up
    when the filtration has grown beyond their distance, by which its edges have been made longer first. With epsilon
    below 1 each class of the Rips filtration, of birth b and death d, lives here from b' to d' with b <= b' <= c b and
    d <= d' <= c d for c = 1 / (1 - epsilon), or is short: d < c b.

    Parameters
    ----------
    X : (n, d) array, or (n, n) array or sparse matrix
        Points; or distances with ``metric="precomputed"``, that obey the triangle inequality.
    epsilon : float
        From 0, the Rips filtration itself, to 1.
    max_dimension : int
        The highest homology dimension.
    threshold : float
        Edges that enter later are left out.
    metric, metric_params
        As in `sklearn.metrics.pairwise_distances`.
    modulus : int
        A prime: the field of the coefficients.

    Returns
    -------
    Persistence
        ``births`` and ``deaths`` hold the points of the simplices that begin and end the bars, -1 where one does not
        end; with epsilon 0 they are those of `rips_persistence`.

    Raises
    ------
    InputError
        If the arguments make no sense.
    TooLargeError
        If the simplices do not fit the memory that is left.

    Source: N. Cavanna, M. Jahanseir, D. Sheehy, A geometric perspective on sparse filtrations (arXiv:1506.03797).

    Examples
    --------
    >>> angle = np.arange(40) * np.pi / 20
    >>> circle = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> bars = sparse_rips_persistence(circle, epsilon=0.3).bars[1]
    >>> bars[np.ptp(bars, axis=1) > 1].round(3).tolist()
    [[0.157, 1.7...]]
    """
    modulus, max_dimension = checked_modulus(modulus), checked_dimension(max_dimension, 1)
    if not isinstance(epsilon, int | float | np.number) or not 0 <= epsilon <= 1:
        raise InputError(f"epsilon is a number from 0 to 1, got {epsilon!r}")
    distances, births = checked_distances(X, metric, metric_params)
    if epsilon == 0 or not len(distances):
        return rips_persistence(
            distances, max_dimension=max_dimension, threshold=threshold, metric="precomputed", births=births,
            modulus=modulus,
        )  # fmt: skip
    if not isinstance(threshold, int | float | np.number) or not threshold >= 0:
        raise InputError(f"threshold is a number of at least 0, or inf, got {threshold!r}")
    points, graph, latest = sparse_graph(distances, float(epsilon), 0)
    kept = graph[2] <= threshold
    edges = (column[kept] for column in graph)
    simplices, values = clique_complex(np.zeros(len(points)), *edges, max_dimension + 1, latest)
    facets = facets_of(simplices)
    return ascending(persistence_of([points[s] for s in simplices], values, facets, max_dimension, modulus))


def sparse_graph(distances: np.ndarray, epsilon: float, start: int) -> tuple[np.ndarray, tuple, np.ndarray]:
    """Return the different points in greedy order, the edges between them by place, and when each point is given up.

    Parameters
    ----------
    distances : (n, n) array
        Of which the upper triangle counts.
    epsilon : float
        Above 0, at most 1.
    start : int
        The first point.

    Returns
    -------
    points : (k,) integer array
    edges : tails (m,), heads (m,) and values (m,)
        Tails come before heads.
    latest : (k,) array
        After which there are no more simplices with a point.
    """
    from erlangen.topology import _flag_kernels as kernels

    upper = np.triu(distances, 1)
    distances = upper + upper.T
    order, radii = kernels.farthest_of_distances(distances, len(distances), start)
    radii = np.append(np.inf, radii[:-1])  # how far each point was from those before it
    order, radii = order[radii > 0], radii[radii > 0]
    tails, heads = np.triu_indices(len(order), 1)
    lengths, early, late = distances[order[tails], order[heads]], radii[tails], radii[heads]
    stretched = 2 * (lengths - late / epsilon)
    values = np.where(lengths * epsilon <= 2 * late, lengths, stretched)
    absent = (lengths * epsilon > 2 * late) & (lengths * epsilon > early + late)
    given_up = epsilon * (1 - epsilon) / 2  # of a value, is the radius below which a point has no simplices
    if epsilon < 1:
        absent |= (values == stretched) & (stretched * given_up > late)
    latest = radii / given_up if epsilon < 1 else np.full(len(order), np.inf)
    return order, (tails[~absent], heads[~absent], values[~absent]), latest
