"""Estimators that turn collections of point clouds or images into collections of persistence diagrams."""

import warnings
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy import sparse
from scipy.spatial import Delaunay, QhullError
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import DataDimensionalityWarning
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError, ShapeError
from erlangen.topology.cubical import bars_of_images, cubical_persistence
from erlangen.topology.diagrams import collect
from erlangen.topology.persistence import checked_distances, checked_modulus, rips_bars
from erlangen.topology.plots import DiagramPlots


class _Homology(DiagramPlots, TransformerMixin, BaseEstimator):
    """What all estimators of persistence share: ``_samples`` checks the input, ``_bars`` does the work on one.

    Unless a subclass says otherwise, the samples are point clouds, looked at up to a longest edge.
    """

    def fit(self, X, y=None):
        """Check the input and set ``infinity_values_``; nothing is learned.

        Parameters
        ----------
        X : (n_samples, n_points, d) array, or list of (n_points, d) arrays or (n_points, n_points) distances
        y : None
        """
        check_point_clouds(X)
        _warn_of_distances(X, getattr(self, "metric", None))
        _dimensions(self.homology_dimensions)
        self.infinity_values_ = self.max_edge_length if self.infinity_values is None else self.infinity_values
        return self

    def _samples(self, X):
        return check_point_clouds(X)

    def transform(self, X):
        """Return the diagrams, an array (n_samples, n_bars, 3) of birth, death and dimension."""
        check_is_fitted(self)
        dimensions = _dimensions(self.homology_dimensions)
        found = self._all_bars(self._samples(X), max(dimensions))
        bars = [[one[q] for q in dimensions] for one in found]
        return collect(bars, dimensions, self.infinity_values_, self.reduced_homology)

    def _all_bars(self, samples, highest):
        batch = max(1, len(samples) // (8 * effective_n_jobs(self.n_jobs)))  # one by one costs more than a small cloud
        return Parallel(n_jobs=self.n_jobs, prefer="threads", batch_size=batch)(
            delayed(self._bars)(sample, highest) for sample in samples
        )


class VietorisRipsPersistence(_Homology):
    """Persistence diagrams of Vietoris-Rips filtrations, one for each point cloud or matrix of distances.

    A simplex enters at its longest edge: its diameter, not its radius.

    Parameters
    ----------
    metric : str or callable
        As in `sklearn.metrics.pairwise_distances`. With "precomputed", distances come instead of points: the diagonal
        says when each point enters, of the rest the upper triangle counts, inf is no edge.
    metric_params : dict, optional
        Further arguments of the metric.
    homology_dimensions : sequence of int
        Which dimensions to return.
    collapse_edges : bool
        Whether to leave out the edges that do not matter first; the bars are the same.
    coeff : int
        A prime: homology has coefficients modulo it.
    max_edge_length : float
        Longer edges are left out.
    infinity_values : float, optional
        What the death of a bar that never ends becomes; ``max_edge_length`` by default.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib. With one, its threads share each sample.

    Attributes
    ----------
    infinity_values_ : float
        What the death of a bar that never ends becomes.

    Examples
    --------
    >>> angle = np.arange(20) * np.pi / 10
    >>> circles = np.column_stack([np.cos(angle), np.sin(angle)])[None]
    >>> diagrams = VietorisRipsPersistence().fit_transform(circles)
    >>> diagrams.shape, diagrams[0, -1].round(3).tolist()
    ((1, 20, 3), [0.313, 1.782, 1.0])
    """

    def __init__(
        self,
        metric="euclidean",
        metric_params=None,
        homology_dimensions=(0, 1),
        collapse_edges=False,
        coeff=2,
        max_edge_length=np.inf,
        infinity_values=None,
        reduced_homology=True,
        n_jobs=None,
    ):
        self.metric = metric
        self.metric_params = metric_params
        self.homology_dimensions = homology_dimensions
        self.collapse_edges = collapse_edges
        self.coeff = coeff
        self.max_edge_length = max_edge_length
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.n_jobs = n_jobs

    def _bars(self, cloud, highest):
        return rips_bars(
            cloud,
            max_dimension=highest,
            threshold=self.max_edge_length,
            metric=self.metric,
            metric_params=self.metric_params,
            collapse_edges=self.collapse_edges,
            modulus=self.coeff,
        )


class WeightedRipsPersistence(_Homology):
    """Persistence diagrams of Rips filtrations in which points enter late, by their weights: robust to outliers.

    The balls around two points, with radii (t^p - w^p)^(1/p) in half of the filtration's units, touch when their edge
    enters; weights of zero give the Vietoris-Rips filtration.

    Parameters
    ----------
    metric, metric_params
        As in `VietorisRipsPersistence`.
    homology_dimensions : sequence of int
        Which dimensions to return.
    weights : "DTM" or callable
        The distance to the measure: twice the mean, of order ``r``, of the distances to the ``n_neighbors`` nearest
        points and to the point itself. Or what maps a cloud to its weights (n_points,).
    weight_params : dict, optional
        ``p``, 1, 2 or inf; for "DTM" also ``r`` and ``n_neighbors``. By default 1, 2 and 3.
    collapse_edges : bool
        Whether to leave out the edges that do not matter first; the bars are the same.
    coeff : int
        A prime: homology has coefficients modulo it.
    max_edge_weight : float
        Edges that enter later are left out.
    infinity_values : float, optional
        What the death of a bar that never ends becomes; ``max_edge_weight`` by default.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Attributes
    ----------
    infinity_values_ : float
    effective_weight_params_ : dict

    Source: H. Anai et al., DTM-based filtrations (arXiv:1811.04757).

    Examples
    --------
    >>> angle = np.arange(20) * np.pi / 10
    >>> circles = np.column_stack([np.cos(angle), np.sin(angle)])[None]
    >>> WeightedRipsPersistence().fit_transform(circles)[0, -1].round(3).tolist()
    [1.073, 2.542, 1.0]
    """

    def __init__(
        self,
        metric="euclidean",
        metric_params=None,
        homology_dimensions=(0, 1),
        weights="DTM",
        weight_params=None,
        collapse_edges=False,
        coeff=2,
        max_edge_weight=np.inf,
        infinity_values=None,
        reduced_homology=True,
        n_jobs=None,
    ):
        self.metric = metric
        self.metric_params = metric_params
        self.homology_dimensions = homology_dimensions
        self.weights = weights
        self.weight_params = weight_params
        self.collapse_edges = collapse_edges
        self.coeff = coeff
        self.max_edge_weight = max_edge_weight
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the input and set ``infinity_values_``; nothing is learned.

        Parameters
        ----------
        X : (n_samples, n_points, d) array, or list of (n_points, d) arrays or (n_points, n_points) distances
        y : None
        """
        check_point_clouds(X)
        _warn_of_distances(X, self.metric)
        _dimensions(self.homology_dimensions)
        defaults = {"p": 1, "r": 2, "n_neighbors": 3} if self.weights == "DTM" else {"p": 1}
        if not callable(self.weights) and self.weights != "DTM":
            raise InputError(f'weights are "DTM" or a callable, got {self.weights!r}')
        given = self.weight_params or {}
        if unknown := set(given) - set(defaults):
            raise InputError(f"weight_params are {', '.join(defaults)}, got {', '.join(map(str, unknown))}")
        self.effective_weight_params_ = defaults | given
        if self.effective_weight_params_["p"] not in (1, 2, np.inf):
            raise InputError(f"p is 1, 2 or inf, got {self.effective_weight_params_['p']!r}")
        self.infinity_values_ = self.max_edge_weight if self.infinity_values is None else self.infinity_values
        return self

    def _bars(self, cloud, highest):
        distances, _ = checked_distances(cloud, self.metric, self.metric_params)
        parameters = dict(self.effective_weight_params_)
        p = parameters.pop("p")
        weights = self.weights(cloud) if callable(self.weights) else distance_to_measure(distances, **parameters)
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != (len(distances),) or not (weights >= 0).all():
            raise InputError(f"weights are a number of at least 0 for each of {len(distances)} points")
        return rips_bars(
            weighted_distances(distances, weights, p),
            max_dimension=highest,
            threshold=self.max_edge_weight,
            metric="precomputed",
            births=weights,
            collapse_edges=self.collapse_edges,
            modulus=self.coeff,
        )


class WeakAlphaPersistence(_Homology):
    """Persistence diagrams of Rips filtrations on the edges of Delaunay triangulations: many points, few dimensions.

    Not the alpha filtration: a simplex of the triangulation enters at its longest edge.

    Parameters
    ----------
    homology_dimensions : sequence of int
        Which dimensions to return.
    coeff : int
        A prime: homology has coefficients modulo it.
    max_edge_length : float
        Longer edges are left out.
    infinity_values : float, optional
        What the death of a bar that never ends becomes; ``max_edge_length`` by default.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Attributes
    ----------
    infinity_values_ : float

    Examples
    --------
    >>> angle = np.arange(20) * np.pi / 10
    >>> circles = np.column_stack([np.cos(angle), np.sin(angle)])[None]
    >>> WeakAlphaPersistence().fit_transform(circles)[0, -1].round(3).tolist()
    [0.313, 2.0, 1.0]
    """

    def __init__(
        self,
        homology_dimensions=(0, 1),
        coeff=2,
        max_edge_length=np.inf,
        infinity_values=None,
        reduced_homology=True,
        n_jobs=None,
    ):
        self.homology_dimensions = homology_dimensions
        self.coeff = coeff
        self.max_edge_length = max_edge_length
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.n_jobs = n_jobs

    def _bars(self, cloud, highest):
        return rips_bars(
            delaunay_distances(np.asarray(cloud, dtype=np.float64)),
            max_dimension=highest,
            threshold=self.max_edge_length,
            metric="precomputed",
            modulus=self.coeff,
        )


def delaunay_distances(points: np.ndarray) -> np.ndarray:
    """Return the distances (n, n) of points that are next to each other in a Delaunay triangulation, inf elsewhere.

    A point that coincides with another is at distance 0 from it; where there are too few points for a triangulation, or
    all lie in a plane, all distances are returned.
    """
    distances, _ = checked_distances(points, "euclidean")
    try:
        triangulation = Delaunay(points)
    except (QhullError, ValueError):
        return distances
    found = np.full_like(distances, np.inf)
    np.fill_diagonal(found, 0.0)
    corners = triangulation.simplices
    for i, j in combinations(range(corners.shape[1]), 2):
        found[corners[:, i], corners[:, j]] = found[corners[:, j], corners[:, i]] = 0.0
    twins, _, others = triangulation.coplanar.T.astype(int).reshape(3, -1)
    found[twins, others] = found[others, twins] = 0.0
    return np.where(found == 0.0, distances, np.inf)


def distance_to_measure(distances, n_neighbors: int = 3, r: float = 2) -> np.ndarray:
    """Return twice each point's distance to the measure, (n,).

    The mean, of order ``r``, of the distances to the nearest points and to itself, from the matrix of distances (n, n).
    """
    if not isinstance(n_neighbors, int | np.integer) or not n_neighbors >= 1:
        raise InputError(f"n_neighbors is an integer of at least 1, got {n_neighbors!r}")
    if n_neighbors >= len(distances):
        raise InputError(f"n_neighbors has to be below the number of points, {len(distances)}, got {n_neighbors}")
    others = distances + np.diag(np.full(len(distances), np.inf))
    nearest = np.partition(others, n_neighbors - 1, axis=1)[:, :n_neighbors]
    return 2 * ((nearest**r).sum(axis=1) / (n_neighbors + 1)) ** (1 / r)


def weighted_distances(distances, weights, p: float) -> np.ndarray:
    """Return when each edge enters, (n, n): the t with 2 d = (t^p - w_i^p)^(1/p) + (t^p - w_j^p)^(1/p).

    Or the larger weight if the smaller ball has been reached by then.
    """
    larger = np.maximum.outer(weights, weights)
    if p == np.inf:
        return np.maximum(distances, larger)
    gap = np.abs(np.subtract.outer(weights**p, weights**p)) ** (1 / p)
    if p == 1:
        touch = distances + np.add.outer(weights, weights) / 2
    else:
        total, difference = np.add.outer(weights, weights) / 2, np.subtract.outer(weights, weights) / 2
        touch = np.divide(
            np.sqrt((distances**2 + total**2) * (distances**2 + difference**2)),
            distances,
            out=np.zeros_like(distances),
            where=distances > 0,
        )
    return np.where(2 * distances <= gap, larger, np.maximum(touch, larger))


class CubicalPersistence(_Homology):
    """Persistence diagrams of images, by sublevel sets; pixels are the largest cubes, so corners join them too.

    Parameters
    ----------
    homology_dimensions : sequence of int
        Which dimensions to return.
    coeff : int
        A prime: homology has coefficients modulo it.
    periodic_dimensions : sequence of bool, optional
        Along which axes an image goes on at its other side; none by default.
    infinity_values : float, optional
        What the death of a bar that never ends becomes; the largest pixel seen in `fit` by default.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Attributes
    ----------
    infinity_values_ : float
    periodic_dimensions_ : (d,) array of bool

    Examples
    --------
    >>> ring = [[0, 1, 0], [1, 2, 1], [0, 1, 0]]
    >>> CubicalPersistence().fit_transform([ring])[0].tolist()
    [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 2.0, 1.0]]
    """

    def __init__(
        self,
        homology_dimensions=(0, 1),
        coeff=2,
        periodic_dimensions=None,
        infinity_values=None,
        reduced_homology=True,
        n_jobs=None,
    ):
        self.homology_dimensions = homology_dimensions
        self.coeff = coeff
        self.periodic_dimensions = periodic_dimensions
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the input and set ``infinity_values_`` and ``periodic_dimensions_``.

        Parameters
        ----------
        X : (n_samples, ...) array, or list of arrays of any shapes with the same number of axes
        y : None
        """
        images = check_images(X)
        _dimensions(self.homology_dimensions)
        largest = max(float(np.max(image)) for image in images)
        self.infinity_values_ = largest if self.infinity_values is None else self.infinity_values
        axes = np.ndim(images[0])
        given = np.zeros(axes, bool) if self.periodic_dimensions is None else np.asarray(self.periodic_dimensions)
        if given.dtype != bool or given.shape != (axes,):
            raise InputError(
                f"periodic_dimensions are a bool for each of {axes} axes, got {self.periodic_dimensions!r}"
            )
        self.periodic_dimensions_ = given
        return self

    def _samples(self, X):
        return check_images(X)

    def _all_bars(self, samples, highest):
        shapes = {image.shape for image in samples}
        plane = samples[0].ndim == 2 and len(shapes) == 1 and highest < 2 and not self.periodic_dimensions_.any()
        if plane and len(samples) > 1:
            checked_modulus(self.coeff)
            return bars_of_images(np.stack(samples))
        return super()._all_bars(samples, highest)

    def _bars(self, image, highest):
        return cubical_persistence(
            image, max_dimension=highest, periodic=self.periodic_dimensions_, modulus=self.coeff
        ).bars


def check_images(X) -> Sequence:
    """Return images as a sequence of arrays with the same number of axes, or say what is wrong.

    Parameters
    ----------
    X : (n_samples, ...) array, or sequence of arrays
    """
    try:
        images = [np.asarray(image) for image in X]
    except TypeError:
        raise ShapeError(
            f"images come as an array (n_samples, ...) or a list of arrays, got {type(X).__name__}"
        ) from None
    if not images:
        raise InputError("at least one image is needed, got none")
    if len({image.ndim for image in images}) > 1 or not images[0].ndim:
        raise ShapeError("images have the same number of axes, at least one")
    if not all(image.size for image in images):
        raise ShapeError("images have at least one pixel")
    return images


def check_point_clouds(X) -> Sequence:
    """Return point clouds or matrices of distances as a sequence of tables, or say what is wrong.

    Parameters
    ----------
    X : (n_samples, n_points, d) array, or sequence of (n_points, d) arrays or sparse matrices

    Raises
    ------
    InputError
        If there is none, or one cloud came without the axis of the samples.
    """
    if sparse.issparse(X) or getattr(X, "ndim", None) == 2:
        raise ShapeError(
            f"a collection of point clouds is needed, got one of shape {X.shape}; X[None] or [X] makes it one"
        )
    if getattr(X, "ndim", 3) != 3 or not hasattr(X, "__len__"):
        raise ShapeError("point clouds come as an array (n_samples, n_points, d) or a list of arrays (n_points, d)")
    if not len(X):
        raise InputError("at least one point cloud is needed, got none")
    if any(not sparse.issparse(cloud) and np.ndim(cloud) != 2 for cloud in X):
        raise ShapeError("each point cloud is an array (n_points, d)")
    return X


def _warn_of_distances(X, metric) -> None:
    """Say so where matrices of distances are about to be taken for points."""
    if metric == "precomputed" or not isinstance(X, np.ndarray) or X.shape[1] != X.shape[2] or X.shape[1] == 1:
        return
    if not np.diagonal(X, axis1=1, axis2=2).any() and (X.transpose(0, 2, 1) == X).all():
        advice = 'of distances, but is taken for points; metric="precomputed" takes it for distances'
        warnings.warn(f"X of shape {X.shape} looks like matrices {advice}", DataDimensionalityWarning, stacklevel=3)


def _dimensions(homology_dimensions) -> list[int]:
    given = list(homology_dimensions)
    if not given or any(not isinstance(q, int | np.integer) or q < 0 for q in given):
        raise InputError(f"homology_dimensions are whole numbers of at least 0, got {homology_dimensions!r}")
    return sorted({int(q) for q in given})
