"""Persistence in two parameters, scale and density: fibered barcodes and landscapes.

A bifiltration of a point cloud: at the level s and the scale r stand the points whose value, say their codensity, is at
most s, with all simplices of diameter up to r. Along a line of positive slope it is a filtration in one parameter, a
Rips filtration in which each point has its own birth.
"""

from collections.abc import Sequence

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial.distance import pdist
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError, ShapeError
from erlangen.topology.homology import _dimensions, check_point_clouds
from erlangen.topology.persistence import checked_distances, rips_persistence

CODENSITIES = ("neighbors", "kernel")


def codensity(points, *, method: str = "neighbors", n_neighbors: int = 5, bandwidth: float | None = None) -> np.ndarray:
    """Return a number for each point that is small where many others are near.

    Parameters
    ----------
    points : (n, d) array
    method : "neighbors" or "kernel"
        The mean distance to the nearest neighbors; or minus the mean over all points of ``exp(-d^2 / 2 bandwidth^2)``.
    n_neighbors : int
        How many; all if there are not that many.
    bandwidth : float, optional
        In units of the points; by default the median distance of pairs, divided by four.

    Returns
    -------
    (n,) array

    Raises
    ------
    InputError
        If the method is unknown, or a number makes no sense.

    Examples
    --------
    >>> codensity([[0.0], [1.0], [5.0]], n_neighbors=1)
    array([1., 1., 4.])
    """
    distances, _ = checked_distances(points, "euclidean")
    if method not in CODENSITIES:
        raise InputError(f"method is one of {', '.join(CODENSITIES)}, got {method!r}")
    if method == "kernel":
        if bandwidth is None:
            bandwidth = float(np.median(pdist(np.asarray(points, float)))) / 4 if len(distances) > 1 else 1.0
        if not bandwidth > 0:
            raise InputError(f"bandwidth is a number above 0, got {bandwidth!r} (are all points the same?)")
        return -np.exp(-((distances / bandwidth) ** 2) / 2).mean(axis=1)
    if not isinstance(n_neighbors, int | np.integer) or n_neighbors < 1:
        raise InputError(f"n_neighbors is an integer of at least 1, got {n_neighbors!r}")
    k = min(n_neighbors, len(distances) - 1)
    nearest = np.partition(distances, k, axis=1)[:, : k + 1]  # with the point itself
    return nearest.sum(axis=1) / max(k, 1)


def fibered_barcode(
    X,
    values,
    base: Sequence[float],
    direction: Sequence[float] = (1.0, 1.0),
    *,
    max_dimension: int = 1,
    metric: str = "euclidean",
) -> tuple[np.ndarray, ...]:
    """Return the bars of a function-Rips bifiltration along a line.

    Parameters
    ----------
    X : (n, d) array, or (n, n) distances with ``metric="precomputed"``
    values : (n,) array
        When points enter along the first axis, for example their `codensity`.
    base, direction : two numbers each
        The line ``base + t direction`` through levels of values and scales (diameters); directions are above 0.
    max_dimension : int
        The highest homology dimension.
    metric : str
        As in `sklearn.metrics.pairwise_distances`.

    Returns
    -------
    tuple of (k, 2) arrays
        For each homology dimension the t at which bars begin and end.

    Raises
    ------
    InputError, ShapeError
        If there is not a value for each point, or the line does not go upwards.

    Source: M. Lesnick, M. Wright, Interactive visualization of 2-D persistence modules (arXiv:1512.00180).

    Examples
    --------
    >>> fibered_barcode([[0.0], [1.0]], values=[0.0, 3.0], base=(0, 0), direction=(1, 1))[0]
    array([[ 0., inf]])
    >>> fibered_barcode([[0.0], [9.0]], values=[0.0, 3.0], base=(0, 0), direction=(1, 1))[0]
    array([[ 0., inf],
           [ 3.,  9.]])
    """
    distances, values = _checked(X, values, metric)
    base, direction = (np.asarray(x, dtype=np.float64) for x in (base, direction))
    if base.shape != (2,) or direction.shape != (2,) or not (direction > 0).all():
        raise InputError(f"base and direction are two numbers each, directions above 0, got {base} and {direction}")
    return _bars_along(distances, values, base, direction, max_dimension)


def _bars_along(distances, values, base, direction, max_dimension: int) -> tuple[np.ndarray, ...]:
    births = np.maximum((values - base[0]) / direction[0], -base[1] / direction[1])
    edges = (distances - base[1]) / direction[1]
    first = births.min(initial=np.inf)
    if not len(values):
        return tuple(np.empty((0, 2)) for _ in range(max_dimension + 1))
    found = rips_persistence(
        np.maximum(edges - first, 0.0), max_dimension=max_dimension, metric="precomputed", births=births - first
    )
    return tuple(bars + first for bars in found.bars)


def multiparameter_landscape(
    X,
    values,
    levels,
    scales,
    *,
    max_dimension: int = 1,
    n_layers: int = 1,
    metric: str = "euclidean",
) -> np.ndarray:
    """Return the landscapes of a function-Rips bifiltration on a grid, exactly.

    The k-th landscape at a point is the largest e for which k classes live from the point minus e to the point plus e,
    in both parameters; levels and scales are measured in steps of the grid, of which there are as many in both.

    Parameters
    ----------
    X, values, max_dimension, metric
        As in `fibered_barcode`.
    levels, scales : (m,) and (l,) arrays
        The grid, evenly spaced and ascending, at least two numbers each.
    n_layers : int
        How many landscapes.

    Returns
    -------
    (max_dimension + 1, n_layers, m, l) array
        In steps of the grid. In between, the landscapes change by at most one for each step in the larger of the
        two directions: the value at the nearest grid point is off by half a step at most.

    Notes
    -----
    Grid points on the same diagonal share the barcode of that line, of which there are m + l - 1.

    Source: O. Vipond, Multiparameter persistence landscapes, JMLR 21, 61 (2020).

    Examples
    --------
    >>> grid = np.arange(5.0)
    >>> multiparameter_landscape([[0.0]], [1.0], grid, grid, max_dimension=0)[0, 0].astype(int)
    array([[0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1],
           [0, 1, 2, 2, 2],
           [0, 1, 2, 3, 3]])
    """
    distances, values = _checked(X, values, metric)
    levels, scales = _checked_grid("levels", levels), _checked_grid("scales", scales)
    if not isinstance(n_layers, int | np.integer) or n_layers < 1:
        raise InputError(f"n_layers is an integer of at least 1, got {n_layers!r}")
    m, l = len(levels), len(scales)
    distances = distances / (scales[1] - scales[0])
    values = (values - levels[0]) / (levels[1] - levels[0])
    origin = scales[0] / (scales[1] - scales[0])
    found = np.zeros((max_dimension + 1, n_layers, m, l))
    for offset in range(1 - l, m):  # of levels against scales
        t = np.arange(max(0, -offset), min(l, m - offset))
        bars = _bars_along(distances, values, (offset, origin), (1.0, 1.0), max_dimension)
        for q in range(max_dimension + 1):
            found[q, :, t + offset, t] = _heights(bars[q], t, n_layers).T
    return found


class MultiparameterLandscape(TransformerMixin, BaseEstimator):
    """Landscapes of density-Rips bifiltrations of point clouds, on a grid: shape, whatever the outliers do.

    Parameters
    ----------
    homology_dimensions : sequence of int
        Which dimensions to return.
    method : "neighbors" or "kernel"
        The codensity, see `codensity`.
    n_neighbors : int
        For "neighbors".
    bandwidth : float, optional
        For "kernel".
    n_layers : int
        How many landscapes.
    n_bins : int
        Grid points along each parameter: levels from the least to the largest codensity seen in `fit`, scales from
        zero to the largest diameter of a cloud.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Attributes
    ----------
    levels_, scales_ : (n_bins,) arrays
        The grid.

    Source: O. Vipond, Multiparameter persistence landscapes, JMLR 21, 61 (2020).

    Examples
    --------
    >>> clouds = np.random.default_rng(0).normal(size=(3, 20, 2))
    >>> MultiparameterLandscape(n_bins=8).fit_transform(clouds).shape
    (3, 2, 8, 8)
    """

    def __init__(
        self,
        homology_dimensions=(0, 1),
        method="neighbors",
        n_neighbors=5,
        bandwidth=None,
        n_layers=1,
        n_bins=20,
        n_jobs=None,
    ):
        self.homology_dimensions = homology_dimensions
        self.method = method
        self.n_neighbors = n_neighbors
        self.bandwidth = bandwidth
        self.n_layers = n_layers
        self.n_bins = n_bins
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Learn the grid from point clouds (n_samples, n_points, d), or a list of them."""
        _dimensions(self.homology_dimensions)
        if not isinstance(self.n_bins, int | np.integer) or self.n_bins < 2:
            raise InputError(f"n_bins is an integer of at least 2, got {self.n_bins!r}")
        clouds = check_point_clouds(X)
        values = np.concatenate([self._codensity(cloud) for cloud in clouds])
        widest = max(pdist(np.asarray(cloud, float)).max(initial=0.0) for cloud in clouds)
        low, high = values.min(), values.max()
        self.levels_ = np.linspace(low, high if high > low else low + 1, self.n_bins)
        self.scales_ = np.linspace(0, widest if widest > 0 else 1, self.n_bins)
        return self

    def transform(self, X):
        """Return the landscapes, (n_samples, n_dimensions * n_layers, n_bins, n_bins), in steps of the grid."""
        check_is_fitted(self)
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._landscapes)(cloud) for cloud in check_point_clouds(X)
        )
        return np.stack(found)

    def _landscapes(self, cloud) -> np.ndarray:
        dimensions = _dimensions(self.homology_dimensions)
        found = multiparameter_landscape(
            cloud,
            self._codensity(cloud),
            self.levels_,
            self.scales_,
            max_dimension=max(dimensions),
            n_layers=self.n_layers,
        )
        return found[dimensions].reshape(-1, self.n_bins, self.n_bins)

    def _codensity(self, cloud) -> np.ndarray:
        return codensity(cloud, method=self.method, n_neighbors=self.n_neighbors, bandwidth=self.bandwidth)


def _heights(bars: np.ndarray, t: np.ndarray, n_layers: int) -> np.ndarray:
    """Return the highest tents, which may be open to infinity, over t: (n_layers, len(t))."""
    tents = np.maximum(np.minimum(t - bars[:, :1], bars[:, 1:] - t), 0.0)
    found = np.zeros((n_layers, len(t)))
    found[: len(tents)] = -np.sort(-tents, axis=0)[:n_layers]
    return found


def _checked(X, values, metric) -> tuple[np.ndarray, np.ndarray]:
    distances, _ = checked_distances(X, metric)
    distances = np.triu(distances, 1)  # of distances that are given the upper triangle counts
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (len(distances),) or not np.isfinite(values).all():
        raise ShapeError(f"values are a finite number for each of {len(distances)} points, got shape {values.shape}")
    return distances + distances.T, values


def _checked_grid(name: str, grid) -> np.ndarray:
    grid = np.asarray(grid, dtype=np.float64)
    if grid.ndim != 1 or len(grid) < 2 or not np.isfinite(grid).all():
        raise InputError(f"{name} are at least two numbers, ascending and evenly spaced, got shape {grid.shape}")
    steps = np.diff(grid)
    if not steps[0] > 0 or not np.allclose(steps, steps[0], rtol=1e-6):
        raise InputError(f"{name} are ascending and evenly spaced, got steps from {steps.min():g} to {steps.max():g}")
    return grid
