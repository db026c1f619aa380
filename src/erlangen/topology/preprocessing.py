"""Diagrams in, diagrams out: filtering short bars, forgetting dimensions."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError
from erlangen.topology.diagrams import bars_of, check_diagrams, collect, dimensions_of
from erlangen.topology.plots import DiagramPlots


class ForgetDimension(DiagramPlots, TransformerMixin, BaseEstimator):
    """Diagrams whose homology dimensions are all set to inf, so that later steps treat them as one.

    Examples
    --------
    >>> ForgetDimension().fit_transform([[[0, 1, 0], [0, 4, 1]]])[0].tolist()
    [[0.0, 1.0, inf], [0.0, 4.0, inf]]
    """

    def fit(self, X, y=None):
        """Check a collection of diagrams (n_samples, n_bars, 3); nothing is learned."""
        check_diagrams(X)
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return the diagrams without dimensions."""
        check_is_fitted(self)
        X = check_diagrams(X).copy()
        X[:, :, 2] = np.inf
        return X


class Filtering(DiagramPlots, TransformerMixin, BaseEstimator):
    """Diagrams without their short bars.

    Parameters
    ----------
    homology_dimensions : sequence of int, optional
        Where to look for short bars; everywhere by default.
    epsilon : float
        Only bars that are longer stay.

    Attributes
    ----------
    homology_dimensions_ : tuple
        Where short bars are looked for.

    Examples
    --------
    >>> Filtering(epsilon=1).fit_transform([[[0, 1, 0], [0, 2, 0], [1, 1.5, 1]]])[0].tolist()
    [[0.0, 2.0, 0.0], [0.0, 0.0, 1.0]]
    """

    def __init__(self, homology_dimensions=None, epsilon=0.01):
        self.homology_dimensions = homology_dimensions
        self.epsilon = epsilon

    def fit(self, X, y=None):
        """Note the homology dimensions of a collection of diagrams (n_samples, n_bars, 3)."""
        X = check_diagrams(X)
        if not isinstance(self.epsilon, int | float | np.number) or not self.epsilon >= 0:
            raise InputError(f"epsilon is a number of at least 0, got {self.epsilon!r}")
        chosen = dimensions_of(X) if self.homology_dimensions is None else sorted(self.homology_dimensions)
        self.homology_dimensions_ = tuple(chosen)
        return self

    def transform(self, X):
        """Return the filtered dimensions, filled up again, and after them the others as they were."""
        check_is_fitted(self)
        X = check_diagrams(X)
        kept = []
        for q in self.homology_dimensions_:
            bars = bars_of(X, q)
            longer = bars[:, :, 1] - bars[:, :, 0] > self.epsilon
            kept.append([sample[mask] for sample, mask in zip(bars, longer, strict=True)])
        filtered = collect(list(zip(*kept, strict=True)), self.homology_dimensions_)
        others = ~np.isin(X[0, :, 2], self.homology_dimensions_)
        rest = [sample[~np.isin(sample[:, 2], self.homology_dimensions_)] for sample in X]
        return np.concatenate([filtered, np.stack(rest)], axis=1) if others.any() else filtered
