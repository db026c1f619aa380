"""Homology of a cloud near a point: of its neighborhood, with all that is not quite near made one point."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.validation import check_array, check_is_fitted

from erlangen.errors import InputError
from erlangen.topology.homology import VietorisRipsPersistence
from erlangen.topology.plots import DiagramPlots


class _LocalRips(DiagramPlots, TransformerMixin, BaseEstimator):
    """What both share: ``_near`` says which fitted points are near each query, and which are relevant to it."""

    _pair = ""

    def fit(self, X, y=None):
        """Keep the cloud.

        Parameters
        ----------
        X : (n_points, d) array
            One cloud, not a collection.
        y : None
        """
        given = getattr(self, self._pair)
        try:
            first, second = given
        except (TypeError, ValueError):
            raise InputError(f"{self._pair} are two numbers, got {given!r}") from None
        self._check(first)
        self._check(second)
        if self.metric == "precomputed":
            raise InputError('metric "precomputed" is not possible: neighborhoods are those of points')
        if first >= second:
            warnings.warn(f"{self._pair} ascend, got {given}: they are sorted, and of equal ones little is left",
                          stacklevel=2)  # fmt: skip
        self.extent_ = min(first, second), max(first, second)
        self.points_ = check_array(X, dtype=np.float64)
        self.neighbors_ = NearestNeighbors(metric=self.metric).fit(self.points_)
        return self

    def transform(self, X):
        """Return the local homology at each query point.

        Parameters
        ----------
        X : (n_queries, d) array

        Returns
        -------
        (n_queries, n_bars, 3) array
            Birth, death and dimension of the bars.
        """
        check_is_fitted(self)
        matrices = [self._coned(close, wide) for close, wide in self._near(check_array(X, dtype=np.float64))]
        rips = VietorisRipsPersistence(
            metric="precomputed",
            homology_dimensions=self.homology_dimensions,
            collapse_edges=self.collapse_edges,
            n_jobs=self.n_jobs,
        )
        return rips.fit_transform(matrices)

    def _coned(self, close: int, wide: np.ndarray) -> np.ndarray:
        """Return distances of the relevant points, the near ones first, and of a point that joins all others."""
        if not close:
            return np.zeros((1, 1))
        distances = np.zeros((len(wide) + 1, len(wide) + 1))
        distances[:-1, :-1] = pairwise_distances(self.points_[wide], metric=self.metric)
        distances[-1, :close] = distances[:close, -1] = np.inf
        return distances


class KNeighborsLocalVietorisRips(_LocalRips):
    """Local homology of a cloud, where nearest neighbors make the neighborhood.

    The Vietoris-Rips filtration of the relevant neighbors and one more point, which is at distance 0 from those that
    are not near and is not joined to those that are: a loop through it is a path that enters the neighborhood and
    leaves it again. At a point inside a curve there is one loop, at its end there is none; inside a surface there is
    one sphere.

    Parameters
    ----------
    metric : str or callable
        As in `sklearn.metrics.pairwise_distances`, but not "precomputed".
    homology_dimensions : sequence of int
        Which dimensions to return.
    n_neighbors : pair of int
        How many fitted points are near a query, and how many are relevant to it; a fitted point is its own first
        neighbor.
    collapse_edges : bool
        As in `VietorisRipsPersistence`.
    n_jobs : int, optional
        How many queries are worked on at the same time, by joblib.

    Attributes
    ----------
    points_ : (n_points, d) array
    neighbors_ : sklearn.neighbors.NearestNeighbors
    extent_ : pair of int

    Examples
    --------
    >>> line = np.column_stack([np.arange(9.0), np.zeros(9)])
    >>> local = KNeighborsLocalVietorisRips(n_neighbors=(3, 5), homology_dimensions=(1,)).fit(line)
    >>> local.transform(line[[0, 4]]).tolist()
    [[[1.0, 1.0, 1.0]], [[1.0, 4.0, 1.0]]]
    """

    _pair = "n_neighbors"

    def __init__(
        self, metric="euclidean", homology_dimensions=(1, 2), n_neighbors=(1, 2), collapse_edges=False, n_jobs=None
    ):
        self.metric = metric
        self.homology_dimensions = homology_dimensions
        self.n_neighbors = n_neighbors
        self.collapse_edges = collapse_edges
        self.n_jobs = n_jobs

    def _check(self, number):
        if not isinstance(number, int | np.integer) or number < 1:
            raise InputError(f"n_neighbors are whole numbers of at least 1, got {number!r}")

    def _near(self, queries):
        close, wide = (min(k, len(self.points_)) for k in self.extent_)
        return [(close, row) for row in self.neighbors_.kneighbors(queries, wide, return_distance=False)]


class RadiusLocalVietorisRips(_LocalRips):
    """Local homology of a cloud, where two radii make the neighborhood.

    Parameters
    ----------
    metric : str or callable
        As in `sklearn.metrics.pairwise_distances`, but not "precomputed".
    homology_dimensions : sequence of int
        Which dimensions to return.
    radii : pair of float
        Up to which distance fitted points are near a query, and up to which they are relevant to it.
    collapse_edges : bool
        As in `VietorisRipsPersistence`.
    n_jobs : int, optional
        How many queries are worked on at the same time, by joblib.

    Attributes
    ----------
    points_ : (n_points, d) array
    neighbors_ : sklearn.neighbors.NearestNeighbors
    extent_ : pair of float

    See `KNeighborsLocalVietorisRips` for what is computed.

    Examples
    --------
    >>> line = np.column_stack([np.arange(9.0), np.zeros(9)])
    >>> local = RadiusLocalVietorisRips(radii=(1.5, 2.5), homology_dimensions=(1,)).fit(line)
    >>> local.transform(line[[0, 4]]).tolist()
    [[[1.0, 1.0, 1.0]], [[1.0, 4.0, 1.0]]]
    """

    _pair = "radii"

    def __init__(self, metric="euclidean", homology_dimensions=(1, 2), radii=(1, 2), collapse_edges=False, n_jobs=None):
        self.metric = metric
        self.homology_dimensions = homology_dimensions
        self.radii = radii
        self.collapse_edges = collapse_edges
        self.n_jobs = n_jobs

    def _check(self, number):
        if not isinstance(number, int | float | np.number) or not 0 < number < np.inf:
            raise InputError(f"radii are finite numbers above 0, got {number!r}")

    def _near(self, queries):
        close, wide = self.extent_
        distances, rows = self.neighbors_.radius_neighbors(queries, wide, sort_results=True)
        return [(int(np.searchsorted(d, close, side="right")), row) for d, row in zip(distances, rows, strict=True)]
