"""ATOL: diagrams as how much of them lies near centers that are learned."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError
from erlangen.topology.diagrams import bars_of, check_diagrams, dimensions_of, over_samples

CONTRASTS = {
    "gaussian": lambda distances, widths: np.exp(-((distances / widths) ** 2)),
    "laplacian": lambda distances, widths: np.exp(-distances / widths),
    "indicator": lambda distances, widths: np.clip(2 - distances / widths, 0, 1),
}
"""What a bar counts at a center, from its distance and half the distance of the center to its nearest other."""
WEIGHTINGS = ("cloud", "iidproba")


class Atol(TransformerMixin, BaseEstimator):
    """How much of each diagram lies near centers, which a quantiser learns from all bars.

    Parameters
    ----------
    quantiser : estimator, optional
        Has ``n_clusters`` and, after ``fit(points, sample_weight=...)``, ``cluster_centers_``; it is cloned for each
        homology dimension. By default two centers, by `sklearn.cluster.KMeans`, which starts at random: give it a
        ``random_state``.
    weighting_method : "cloud" or "iidproba"
        Whether each bar counts one, or each diagram.
    contrast : "gaussian", "laplacian" or "indicator"
        How a bar's weight at a center falls off with its distance.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    homology_dimensions_ : tuple
    centers_ : dict
        The centers (n_clusters, 2) of each homology dimension, births and deaths.
    widths_ : dict
        Half the distance of each center to the nearest other, (n_clusters,).

    Source: M. Royer et al., ATOL: measure vectorization for automatic topologically-oriented learning
    (arXiv:1909.13472).

    Examples
    --------
    >>> X = [[[0, 1, 0], [0, 1.2, 0], [0, 5, 0]], [[0, 1, 0], [0, 5, 0], [0, 5.2, 0]]]
    >>> Atol(KMeans(2, random_state=0)).fit_transform(X).round(2)
    array([[2.02, 1.04],
           [1.03, 2.01]])
    """

    def __init__(self, quantiser=None, weighting_method="cloud", contrast="gaussian", n_jobs=None):
        self.quantiser = quantiser
        self.weighting_method = weighting_method
        self.contrast = contrast
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Learn the centers from a collection of diagrams (n_samples, n_bars, 3).

        Raises
        ------
        InputError
            If an option is unknown, or there are fewer bars in a homology dimension than centers.
        """
        if self.contrast not in CONTRASTS:
            raise InputError(f"contrast is one of {', '.join(CONTRASTS)}, got {self.contrast!r}")
        if self.weighting_method not in WEIGHTINGS:
            raise InputError(f"weighting_method is one of {', '.join(WEIGHTINGS)}, got {self.weighting_method!r}")
        X = check_diagrams(X, finite=True)
        self.homology_dimensions_ = dimensions_of(X)
        self.centers_, self.widths_ = {}, {}
        for q in self.homology_dimensions_:
            self.centers_[q], self.widths_[q] = self._learned(bars_of(X, q), q)
        return self

    def _learned(self, bars, dimension) -> tuple[np.ndarray, np.ndarray]:
        quantiser = KMeans(n_clusters=2) if self.quantiser is None else clone(self.quantiser)
        weights = self._weights(bars)
        points, weights = bars[weights > 0], weights[weights > 0]
        if len(points) < quantiser.n_clusters:
            raise InputError(
                f"homology dimension {dimension} has {len(points)} bars in all; that is too few for "
                f"{quantiser.n_clusters} centers, take fewer"
            )
        centers = quantiser.fit(points, sample_weight=weights).cluster_centers_
        centers = centers[np.lexsort(centers.T)]
        if len(centers) == 1:
            widest = cdist(points, points).max() / 2
            return centers, np.array([widest if widest > 0 else 1.0])
        distances = cdist(centers, centers)
        distances[distances == 0] = np.inf
        return centers, distances.min(axis=0) / 2

    def _weights(self, bars) -> np.ndarray:
        """Return what each bar counts, (n, k); nothing if its length is zero."""
        counts = 1.0 * (bars[:, :, 0] < bars[:, :, 1])
        if self.weighting_method == "cloud":
            return counts
        return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def transform(self, X):
        """Return the features, (n_samples, n_dimensions * n_clusters), dimension after dimension."""
        check_is_fitted(self)
        return over_samples(self._features, check_diagrams(X, finite=True), self.n_jobs)

    def _features(self, X) -> np.ndarray:
        found = []
        for q in self.homology_dimensions_:
            bars = bars_of(X, q)
            near = CONTRASTS[self.contrast](cdist(bars.reshape(-1, 2), self.centers_[q]), self.widths_[q])
            near = near.reshape(*bars.shape[:2], -1)
            found.append(np.einsum("nk,nkc->nc", self._weights(bars), near))
        return np.concatenate(found, axis=1)
