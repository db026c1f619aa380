"""Distances between persistence diagrams, exact, and how large a diagram is by each of them."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError, ShapeError
from erlangen.kernels import over_rows
from erlangen.topology.diagrams import bars_of, by_dimension, check_diagrams, dimensions_of, over_samples
from erlangen.topology.vectors import BettiCurve, HeatKernel, PersistenceImage, PersistenceLandscape, Silhouette

METRICS = {
    "bottleneck": {"delta": 0.01},
    "wasserstein": {"p": 2, "delta": 0.01},
    "betti": {"p": 2, "n_bins": 100},
    "landscape": {"p": 2, "n_bins": 100, "n_layers": 1},
    "silhouette": {"p": 2, "power": 1, "n_bins": 100},
    "heat": {"p": 2, "sigma": 0.1, "n_bins": 100},
    "persistence_image": {"p": 2, "sigma": 0.1, "n_bins": 100, "weight_function": None},
}
"""Parameters of each metric and their defaults. ``delta``, an error allowed, is not needed here: all are exact."""

VECTORS = {
    "betti": BettiCurve,
    "landscape": PersistenceLandscape,
    "silhouette": Silhouette,
    "heat": HeatKernel,
    "persistence_image": PersistenceImage,
}


def bottleneck_distance(first, second) -> float:
    """Return the bottleneck distance of two diagrams, exactly.

    The least t for which bars can be matched so that no end moves by more than t; a bar that is left alone has half its
    length. Bars that never end are matched among themselves.

    Parameters
    ----------
    first, second : (k, 2) arrays
        Births and deaths.

    Source: H. Edelsbrunner, J. Harer, Computational topology (2010), VIII.

    Examples
    --------
    >>> bottleneck_distance([[0, 1], [0, 2]], [[0, 1.5]])
    0.5
    """
    return _distance(first, second, np.inf)


def wasserstein_distance(first, second, p: float = 2.0) -> float:
    """Return the Wasserstein distance of two diagrams, exactly.

    The p-th root of the least sum of costs to the power p over matchings; a pair costs the larger difference of their
    births or deaths, a bar that is left alone half its length. Bars that never end are matched among themselves.

    Parameters
    ----------
    first, second : (k, 2) arrays
        Births and deaths.
    p : float
        At least 1.

    Source: D. Cohen-Steiner et al., Found. Comput. Math. 10, 127 (2010).

    Examples
    --------
    >>> round(wasserstein_distance([[0, 1], [0, 2]], [[0, 1.5]]), 6)
    0.707107
    """
    if not isinstance(p, int | float | np.number) or not 1 <= p < np.inf:
        raise InputError(f"p is a number of at least 1 (inf: bottleneck_distance), got {p!r}")
    return _distance(first, second, float(p))


def _distance(first, second, p: float) -> float:
    (a, endless_a), (b, endless_b) = _parts(first), _parts(second)
    if len(endless_a) != len(endless_b):
        return float("inf")
    moved = np.abs(endless_a - endless_b)
    rest = float(_pairs(a[None], b[None], p)[0, 0])
    if np.isinf(p):
        return max(rest, *moved.tolist(), 0.0)
    return float(np.linalg.norm([rest, *moved], ord=p))


def _parts(bars) -> tuple[np.ndarray, np.ndarray]:
    """Return finite bars and the births, ascending, of bars that never end."""
    try:
        bars = np.array(bars, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("a diagram is an array (k, 2) of births and deaths") from None
    if bars.size == 0:
        bars = bars.reshape(0, 2)
    if bars.ndim != 2 or bars.shape[1] != 2:
        raise ShapeError(f"a diagram is an array (k, 2) of births and deaths, got shape {bars.shape}")
    if np.isnan(bars).any() or np.isinf(bars[:, 0]).any() or (bars[:, 0] > bars[:, 1]).any():
        raise InputError("births are finite and not after their deaths, and nothing is NaN")
    endless = np.isinf(bars[:, 1])
    return np.ascontiguousarray(bars[~endless]), np.sort(bars[endless, 0])


def _pairs(first: np.ndarray, second: np.ndarray, p: float) -> np.ndarray:
    """Return the distances (n, m) between two batches (n, k, 2) of finite bars; p = inf is the bottleneck's."""
    from erlangen.topology._matching_kernels import all_distances

    out = np.empty(len(first) * len(second))
    work = len(out) * (first.shape[1] + 1) * (second.shape[1] + 1) * 10
    first, second = np.ascontiguousarray(first), np.ascontiguousarray(second)
    over_rows(all_distances, first, second, float(p), out, rows=len(out), work=work)
    return out.reshape(len(first), len(second))


class _Metric(TransformerMixin, BaseEstimator):
    """What the distances and the sizes of diagrams share: a metric, its parameters and the grids it learns."""

    def fit(self, X, y=None):
        """Learn grids from a collection of diagrams (n_samples, n_bars, 3)."""
        X = check_diagrams(X, finite=True)
        if self.metric not in METRICS:
            raise InputError(f"metric is one of {', '.join(METRICS)}, got {self.metric!r}")
        given = self.metric_params or {}
        if unknown := set(given) - set(METRICS[self.metric]):
            known = ", ".join(METRICS[self.metric])
            raise InputError(f"metric_params of {self.metric} are {known}, got {', '.join(map(str, unknown))}")
        parameters = METRICS[self.metric] | given
        p = parameters.get("p", 2)
        if not isinstance(p, int | float | np.number) or not 1 <= p < np.inf:
            raise InputError(f"p is a number of at least 1, got {p!r}")
        self.effective_metric_params_ = parameters
        self.homology_dimensions_ = dimensions_of(X)
        if self.metric in VECTORS:
            options = {name: value for name, value in parameters.items() if name != "p"}
            self._vectors = VECTORS[self.metric](**options).fit(X)
            steps = {q: np.diff(np.atleast_2d(grid)[:, :2])[:, 0] for q, grid in self._vectors.samplings_.items()}
            self.effective_metric_params_ = parameters | {
                "samplings": self._vectors.samplings_,
                "step_sizes": {q: s if len(s) > 1 else s[0] for q, s in steps.items()},
            }
        return self

    def _vectors_of(self, bars, dimension) -> np.ndarray:
        """Return flat vectors whose p-norms are those of the functions sampled."""
        values = self._vectors._values(bars, dimension).reshape(len(bars), -1)
        steps = np.atleast_1d(self.effective_metric_params_["step_sizes"][dimension])
        cell = steps[0] ** 2 if self.metric == "heat" else np.prod(steps)
        return values * cell ** (1 / self.effective_metric_params_["p"])


class Amplitude(_Metric):
    """How large diagrams are: their distances from the empty diagram, or the norms of their vectors.

    Parameters
    ----------
    metric : "landscape", "bottleneck", "wasserstein", "betti", "silhouette", "heat" or "persistence_image"
    metric_params : dict, optional
        ``p`` of the norm, and the parameters of the vectors such as ``n_bins``, ``n_layers``, ``sigma``.
    order : float, optional
        If given, the norm of this order over homology dimensions is returned.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    effective_metric_params_ : dict
    homology_dimensions_ : tuple

    Examples
    --------
    >>> Amplitude("bottleneck").fit_transform([[[0, 1, 0], [0, 2, 0], [0, 4, 1]]])
    array([[1., 2.]])
    """

    def __init__(self, metric="landscape", metric_params=None, order=None, n_jobs=None):
        self.metric = metric
        self.metric_params = metric_params
        self.order = order
        self.n_jobs = n_jobs

    def transform(self, X):
        """Return the amplitudes, (n_samples, n_dimensions), or (n_samples, 1) if ``order`` is given."""
        check_is_fitted(self)
        X = check_diagrams(X, finite=True)
        found = over_samples(lambda part: by_dimension(self._sizes, part, self.homology_dimensions_), X, self.n_jobs)
        return found if self.order is None else np.linalg.norm(found, ord=self.order, axis=1, keepdims=True)

    def _sizes(self, bars, dimension):
        if self.metric in VECTORS:
            return np.linalg.norm(self._vectors_of(bars, dimension), ord=self.effective_metric_params_["p"], axis=1)
        order = np.inf if self.metric == "bottleneck" else self.effective_metric_params_["p"]
        return np.linalg.norm((bars[:, :, 1] - bars[:, :, 0]) / 2, ord=order, axis=1)


class PairwiseDistance(_Metric):
    """Distances between the diagrams of two collections, the second being the one given to `fit`.

    Parameters
    ----------
    metric : "landscape", "bottleneck", "wasserstein", "betti", "silhouette", "heat" or "persistence_image"
    metric_params : dict, optional
        ``p`` of the norm or of the Wasserstein distance, and the parameters of the vectors such as ``n_bins``.
    order : float or None
        The norm of this order over homology dimensions is returned; None returns each dimension's distance.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    effective_metric_params_ : dict
    homology_dimensions_ : tuple

    Examples
    --------
    >>> X = [[[0, 1, 0], [0, 2, 0], [0, 4, 1]], [[0, 1.5, 0], [0, 0, 0], [0, 3, 1]]]
    >>> PairwiseDistance("bottleneck", order=None).fit_transform(X)[0, 1]
    array([0.5, 1. ])
    """

    def __init__(self, metric="landscape", metric_params=None, order=2.0, n_jobs=None):
        self.metric = metric
        self.metric_params = metric_params
        self.order = order
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Learn grids from a collection of diagrams (n_samples, n_bars, 3), and keep what distances are taken to."""
        super().fit(X)
        X = check_diagrams(X, finite=True)
        self._fitted = {q: self._seen(bars_of(X, q), q) for q in self.homology_dimensions_}
        return self

    def transform(self, X):
        """Return the distances, (n_samples, n_fitted), or with ``order=None`` (n_samples, n_fitted, n_dimensions)."""
        check_is_fitted(self)
        X = check_diagrams(X, finite=True)
        found = over_samples(
            lambda part: np.stack([self._between(part, q) for q in self.homology_dimensions_], axis=2), X, self.n_jobs
        )
        return found if self.order is None else np.linalg.norm(found, ord=self.order, axis=2)

    def _seen(self, bars, dimension) -> np.ndarray:
        """Return what the metric compares: vectors, or the bars themselves."""
        return self._vectors_of(bars, dimension) if self.metric in VECTORS else bars

    def _between(self, X, dimension):
        p = self.effective_metric_params_.get("p", np.inf)
        mine, fitted = self._seen(bars_of(X, dimension), dimension), self._fitted[dimension]
        if self.metric not in VECTORS:
            return _pairs(mine, fitted, p)
        return np.stack([np.linalg.norm(mine - one, ord=p, axis=1) for one in fitted], axis=1)


class Scaler(TransformerMixin, BaseEstimator):
    """Diagrams divided by a number that `fit` learns from their amplitudes.

    Parameters
    ----------
    metric, metric_params
        As in `Amplitude`.
    function : callable
        Maps the amplitudes (n_samples, n_dimensions) to the number.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    scale_ : float
    homology_dimensions_ : tuple
    effective_metric_params_ : dict

    Examples
    --------
    >>> Scaler().fit_transform([[[0, 1.0, 0], [0, 4, 1]]])[0].tolist()
    [[0.0, 0.5, 0.0], [0.0, 2.0, 1.0]]
    """

    def __init__(self, metric="bottleneck", metric_params=None, function=np.max, n_jobs=None):
        self.metric = metric
        self.metric_params = metric_params
        self.function = function
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Learn the scale from a collection of diagrams (n_samples, n_bars, 3)."""
        amplitude = Amplitude(self.metric, self.metric_params, n_jobs=self.n_jobs).fit(X)
        self.scale_ = float(self.function(amplitude.transform(X)))
        if not self.scale_ > 0:
            raise InputError(f"the scale has to be above 0, got {self.scale_}: all bars are of length zero")
        self.homology_dimensions_ = amplitude.homology_dimensions_
        self.effective_metric_params_ = amplitude.effective_metric_params_
        return self

    def transform(self, X):
        """Return the diagrams with births and deaths divided by the scale."""
        check_is_fitted(self)
        return check_diagrams(X) / [self.scale_, self.scale_, 1.0]

    def inverse_transform(self, X):
        """Return the diagrams with births and deaths multiplied by the scale."""
        check_is_fitted(self)
        return check_diagrams(X) * [self.scale_, self.scale_, 1.0]
