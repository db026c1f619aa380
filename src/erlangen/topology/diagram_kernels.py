"""Kernels of persistence diagrams, as Gram matrices for scikit-learn's ``kernel="precomputed"``."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError
from erlangen.topology.diagrams import bars_of, check_diagrams, dimensions_of
from erlangen.topology.distances import over_pairs

_EXPONENTIAL = 20
"""Multiplications that an exponential function takes, about."""


class _DiagramKernel(TransformerMixin, BaseEstimator):
    """What the kernels share: ``_between`` gives the values of one homology dimension, which are added up."""

    def fit(self, X, y=None):
        """Keep a collection of diagrams (n_samples, n_bars, 3), to which others are compared."""
        self._check()
        X = check_diagrams(X, finite=True)
        self.homology_dimensions_ = dimensions_of(X)
        self._fitted = {q: _flat(bars_of(X, q)) for q in self.homology_dimensions_}
        return self

    def transform(self, X):
        """Return the kernel's values, (n_samples, n_fitted), or (n_samples, n_fitted, n_dimensions) if ``separate``."""
        check_is_fitted(self)
        X = check_diagrams(X, finite=True)
        found = [self._between(_flat(bars_of(X, q)), self._fitted[q]) for q in self.homology_dimensions_]
        return np.stack(found, axis=2) if self.separate else np.sum(found, axis=0)

    def _check(self) -> None:
        for name in self._positive:
            value = getattr(self, name)
            if not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
                raise InputError(f"{name} is a number above 0, got {value!r}")


class SlicedWassersteinKernel(_DiagramKernel):
    """``exp(-SW / (2 bandwidth^2))``: SW is the mean over directions of one-dimensional Wasserstein distances.

    Bars are projected on lines through the origin; each diagram gets the points of the diagonal nearest to the other's.

    Parameters
    ----------
    n_directions : int
        Lines, evenly spread over a half turn.
    bandwidth : float
        In the square root of the filtration's units.
    separate : bool
        Whether to return each homology dimension's values instead of their sum.

    Attributes
    ----------
    homology_dimensions_ : tuple

    Source: M. Carrière, M. Cuturi, S. Oudot, Sliced Wasserstein kernel for persistence diagrams (arXiv:1706.03358).

    Examples
    --------
    >>> X = [[[0, 1, 0], [0, 2, 0]], [[0, 1.5, 0], [0, 0, 0]]]
    >>> SlicedWassersteinKernel().fit_transform(X).round(3)
    array([[1.   , 0.668],
           [0.668, 1.   ]])
    """

    _positive = ("bandwidth",)

    def __init__(self, n_directions=10, bandwidth=1.0, separate=False):
        self.n_directions = n_directions
        self.bandwidth = bandwidth
        self.separate = separate

    def _check(self):
        super()._check()
        if not isinstance(self.n_directions, int | np.integer) or self.n_directions < 1:
            raise InputError(f"n_directions is an integer of at least 1, got {self.n_directions!r}")

    def _between(self, mine, others):
        from erlangen.topology._diagram_kernels import sliced_distances

        sides = [self._projected(*side) for side in (mine, others)]
        bars = len(mine[0]) * (len(others[1]) - 1) + len(others[0]) * (len(mine[1]) - 1)
        distances = _over_pairs(sliced_distances, mine, others, bars * self.n_directions * 10, *sides[0], *sides[1])
        return np.exp(-distances / (2 * self.bandwidth**2))

    def _projected(self, bars, starts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return bars, and the points of the diagonal nearest to them, on all lines (n_directions, k), both sorted.

        Each diagram ends with inf; where it begins comes with them.
        """
        angle = np.linspace(-np.pi / 2, np.pi / 2, self.n_directions, endpoint=False)
        lines = np.stack([np.cos(angle), np.sin(angle)])
        n = len(starts) - 1
        diagram = np.concatenate([np.repeat(np.arange(n), np.diff(starts)), np.arange(n)])
        shadows = np.repeat(bars.mean(axis=1, keepdims=True), 2, axis=1)
        found = []
        for points in (bars, shadows):
            values = np.concatenate([(points @ lines).T, np.full((self.n_directions, n), np.inf)], axis=1)
            order = np.lexsort([values, np.broadcast_to(diagram, values.shape)], axis=1)
            found.append(np.take_along_axis(values, order, 1))
        return *found, starts + np.arange(n + 1)


class PersistenceScaleSpaceKernel(_DiagramKernel):
    """The overlap of two diagrams after heat has spread from their bars, with a cold diagonal.

    ``1 / (8 pi sigma)`` times the sum over pairs of bars of ``exp(-|p - q|^2 / (8 sigma))``, minus the same with q
    mirrored at the diagonal.

    Parameters
    ----------
    sigma : float
        The time that the heat spreads, in squared units of the filtration.
    separate : bool
        Whether to return each homology dimension's values instead of their sum.

    Attributes
    ----------
    homology_dimensions_ : tuple

    Source: J. Reininghaus et al., A stable multi-scale kernel for topological machine learning (arXiv:1412.6821).

    Examples
    --------
    >>> X = [[[0, 1, 0], [0, 2, 0]], [[0, 1.5, 0], [0, 0, 0]]]
    >>> PersistenceScaleSpaceKernel().fit_transform(X).round(3)
    array([[0.062, 0.032],
           [0.032, 0.017]])
    """

    _positive = ("sigma",)

    def __init__(self, sigma=1.0, separate=False):
        self.sigma = sigma
        self.separate = separate

    def _between(self, mine, others):
        ones = [np.ones(len(bars)) for bars, _ in (mine, others)]
        return _gaussian_sums(mine, ones[0], others, ones[1], 1 / (8 * self.sigma), True) / (8 * np.pi * self.sigma)


class PersistenceWeightedGaussianKernel(_DiagramKernel):
    """The sum over pairs of bars of Gaussians of their distance, each bar weighted by its lifetime.

    ``w(p) w(q) exp(-|p - q|^2 / (2 bandwidth^2))`` with ``w = arctan(scale * lifetime^power)``.

    Parameters
    ----------
    bandwidth : float
        In units of the filtration.
    scale, power : float
        Of the weight. The kernel is stable for powers above the points' dimension plus one.
    separate : bool
        Whether to return each homology dimension's values instead of their sum.

    Attributes
    ----------
    homology_dimensions_ : tuple

    Source: G. Kusano, K. Fukumizu, Y. Hiraoka, Persistence weighted Gaussian kernel (arXiv:1601.01741).

    Examples
    --------
    >>> X = [[[0, 1, 0], [0, 2, 0]], [[0, 1.5, 0], [0, 0, 0]]]
    >>> PersistenceWeightedGaussianKernel().fit_transform(X).round(3)
    array([[2.897, 1.641],
           [1.641, 0.966]])
    """

    _positive = ("bandwidth", "scale", "power")

    def __init__(self, bandwidth=1.0, scale=1.0, power=1.0, separate=False):
        self.bandwidth = bandwidth
        self.scale = scale
        self.power = power
        self.separate = separate

    def _between(self, mine, others):
        weights = [np.arctan(self.scale * (bars[:, 1] - bars[:, 0]) ** self.power) for bars, _ in (mine, others)]
        return _gaussian_sums(mine, weights[0], others, weights[1], 1 / (2 * self.bandwidth**2), False)


class PersistenceFisherKernel(_DiagramKernel):
    """``exp(-angle / bandwidth)``: the angle of the square roots of two densities, their distance by Fisher's metric.

    Each diagram, with the points of the diagonal nearest to the other's bars, becomes Gaussians; their sums are
    compared at all of these points. As these differ from pair to pair the Gram matrix can have small negative
    eigenvalues.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussians, in units of the filtration.
    bandwidth : float
        In radians.
    separate : bool
        Whether to return each homology dimension's values instead of their sum.

    Attributes
    ----------
    homology_dimensions_ : tuple

    Source: T. Le, M. Yamada, Persistence Fisher kernel (arXiv:1802.03569).

    Examples
    --------
    >>> X = [[[0, 1, 0], [0, 2, 0]], [[0, 1.5, 0], [0, 0, 0]]]
    >>> PersistenceFisherKernel().fit_transform(X).round(3)
    array([[1.   , 0.926],
           [0.926, 1.   ]])
    """

    _positive = ("sigma", "bandwidth")

    def __init__(self, sigma=1.0, bandwidth=1.0, separate=False):
        self.sigma = sigma
        self.bandwidth = bandwidth
        self.separate = separate

    def _between(self, mine, others):
        from erlangen.topology._diagram_kernels import fisher_distances

        sizes = np.diff(mine[1])[:, None] + np.diff(others[1])
        work = 3 * _EXPONENTIAL * int((sizes**2).sum())
        angles = _over_pairs(fisher_distances, mine, others, work, *mine, *others, 1 / (2 * self.sigma**2))
        return np.exp(-angles / self.bandwidth)


def _gaussian_sums(mine, weights, others, others_weights, factor: float, mirrored: bool) -> np.ndarray:
    from erlangen.topology._diagram_kernels import gaussian_sums

    given = mine[0], weights, mine[1], others[0], others_weights, others[1], factor, mirrored
    return _over_pairs(gaussian_sums, mine, others, _EXPONENTIAL * len(mine[0]) * len(others[0]), *given)


def _over_pairs(kernel, mine, others, work: int, *given) -> np.ndarray:
    """Return what a kernel writes for all pairs of two collections, (n, m); half of them if both are the same."""
    n, m = (len(starts) - 1 for _, starts in (mine, others))
    return over_pairs(kernel, n, m, work, *given, same=all(map(np.array_equal, mine, others)))


def _flat(bars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bars longer than zero of all diagrams (n, k, 2), one after another, and where each diagram begins."""
    kept = bars[:, :, 0] < bars[:, :, 1]
    return np.ascontiguousarray(bars[kept]), np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
