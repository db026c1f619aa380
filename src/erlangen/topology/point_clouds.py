"""Distances between points, rescaled."""

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError
from erlangen.topology.homology import check_point_clouds
from erlangen.topology.persistence import checked_distances
from erlangen.topology.plots import MatrixPlots


class _Rescaling(MatrixPlots, TransformerMixin, BaseEstimator):
    """What both rescalings share: clouds in, matrices of distances out."""

    def transform(self, X):
        """Return the distances, (n_samples, n_points, n_points), a list if sizes differ."""
        check_is_fitted(self)
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._rescaled)(cloud) for cloud in check_point_clouds(X)
        )
        return np.stack(found) if len({one.shape for one in found}) == 1 else found


class ConsistentRescaling(_Rescaling):
    """Distances divided by the geometric mean of both points' distances to a near neighbor.

    Parameters
    ----------
    metric, metric_params
        As in `sklearn.metrics.pairwise_distances`, or "precomputed".
    neighbor_rank : int
        Which neighbor.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Source: T. Berry, T. Sauer, Consistent manifold representation for topological data analysis (arXiv:1606.02353).

    Examples
    --------
    >>> ConsistentRescaling().fit_transform([[[0.0], [1.0], [5.0]]])[0].tolist()
    [[0.0, 1.0, 2.5], [1.0, 0.0, 2.0], [2.5, 2.0, 0.0]]
    """

    def __init__(self, metric="euclidean", metric_params=None, neighbor_rank=1, n_jobs=None):
        self.metric = metric
        self.metric_params = metric_params
        self.neighbor_rank = neighbor_rank
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check point clouds (n_samples, n_points, d); nothing is learned."""
        if not isinstance(self.neighbor_rank, int | np.integer) or self.neighbor_rank < 1:
            raise InputError(f"neighbor_rank is a whole number of at least 1, got {self.neighbor_rank!r}")
        check_point_clouds(X)
        self.is_fitted_ = True
        return self

    def _rescaled(self, cloud):
        distances, _ = checked_distances(cloud, self.metric, self.metric_params)
        if len(distances) <= self.neighbor_rank:
            raise InputError(f"each cloud has more than neighbor_rank = {self.neighbor_rank} points")
        near = np.sqrt(np.partition(distances, self.neighbor_rank, axis=1)[:, self.neighbor_rank])
        if (near == 0).any():
            raise InputError("some points lie on their neighbor: their distances cannot be rescaled by it")
        return distances / np.outer(near, near)


class ConsecutiveRescaling(_Rescaling):
    """Distances in which those from each point to the next one are multiplied by a factor.

    Only the upper triangle is changed, which is the one that `VietorisRipsPersistence` reads.

    Parameters
    ----------
    metric, metric_params
        As in `sklearn.metrics.pairwise_distances`, or "precomputed".
    factor : float
        At least 0.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Examples
    --------
    >>> ConsecutiveRescaling(factor=0.5).fit_transform([[[0.0], [1.0], [5.0]]])[0].tolist()
    [[0.0, 0.5, 5.0], [1.0, 0.0, 2.0], [5.0, 4.0, 0.0]]
    """

    def __init__(self, metric="euclidean", metric_params=None, factor=0.0, n_jobs=None):
        self.metric = metric
        self.metric_params = metric_params
        self.factor = factor
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check point clouds (n_samples, n_points, d); nothing is learned."""
        if not isinstance(self.factor, int | float | np.number) or not 0 <= self.factor < np.inf:
            raise InputError(f"factor is a finite number of at least 0, got {self.factor!r}")
        check_point_clouds(X)
        self.is_fitted_ = True
        return self

    def _rescaled(self, cloud):
        distances, _ = checked_distances(cloud, self.metric, self.metric_params)
        distances = distances.copy()
        here = np.arange(len(distances) - 1)
        distances[here, here + 1] *= self.factor
        return distances
