"""Distances between persistence diagrams, exact, and how large a diagram is by each of them."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from erlangen.arrays import array_namespace, is_torch_array
from erlangen.errors import InputError, ShapeError
from erlangen.kernels import over_rows
from erlangen.memory import check_memory
from erlangen.topology.diagrams import bars_of, by_dimension, check_diagrams, dimensions_of, over_samples
from erlangen.topology.plots import DiagramPlots
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

_WORK = 500
"""Multiplications that finding a partner takes, about."""

VECTORS = {
    "betti": BettiCurve,
    "landscape": PersistenceLandscape,
    "silhouette": Silhouette,
    "heat": HeatKernel,
    "persistence_image": PersistenceImage,
}


def bottleneck_distance(first, second):
    """Return the bottleneck distance of two diagrams, exactly.

    The least t for which bars can be matched so that no end moves by more than t; a bar that is left alone has half its
    length. Bars that never end are matched among themselves.

    Parameters
    ----------
    first, second : (k, 2) arrays or torch tensors
        Births and deaths. With a tensor the distance is one, too, and can be differentiated.

    Source: H. Edelsbrunner, J. Harer, Computational topology (2010), VIII.

    Examples
    --------
    >>> bottleneck_distance([[0, 1], [0, 2]], [[0, 1.5]])
    0.5
    """
    return _distance(first, second, np.inf)


def wasserstein_distance(first, second, p: float = 2.0):
    """Return the Wasserstein distance of two diagrams, exactly.

    The p-th root of the least sum of costs to the power p over matchings; a pair costs the larger difference of their
    births or deaths, a bar that is left alone half its length. Bars that never end are matched among themselves.

    Parameters
    ----------
    first, second : (k, 2) arrays or torch tensors
        Births and deaths. With a tensor the distance is one, too, and can be differentiated.
    p : float
        At least 1.

    Notes
    -----
    Two diagrams of 5,000 bars take some tenths of a second, and memory for some tens of pairs a bar. Savings are
    compared in double precision: costs whose powers are below 1e-15 of the longest bar's are not told apart.

    Source: D. Cohen-Steiner et al., Found. Comput. Math. 10, 127 (2010).

    Examples
    --------
    >>> round(wasserstein_distance([[0, 1], [0, 2]], [[0, 1.5]]), 6)
    0.707107
    """
    if not isinstance(p, int | float | np.number) or not 1 <= p < np.inf:
        raise InputError(f"p is a number of at least 1 (inf: bottleneck_distance), got {p!r}")
    return _distance(first, second, float(p))


def _distance(first, second, p: float):
    tensors = [bars for bars in (first, second) if is_torch_array(bars)]
    bars = [b.detach().cpu().numpy() if is_torch_array(b) else b for b in (first, second)]
    (a, endless_a), (b, endless_b) = _parts(bars[0]), _parts(bars[1])
    if len(endless_a) != len(endless_b):
        found = float("inf")
        return tensors[0].new_tensor(found) if tensors else found
    if tensors:
        return _differentiable(first, second, a, b, p)
    moved = np.abs(endless_a - endless_b)
    rest = float(_pairs(a[None], b[None], p)[0, 0])
    if np.isinf(p):
        return max(rest, *moved.tolist(), 0.0)
    return float(np.linalg.norm([rest, *moved], ord=p))


def _differentiable(first, second, a: np.ndarray, b: np.ndarray, p: float):
    """Return the norm of the costs of the best matching, of tensors of which ``a`` and ``b`` are the finite bars."""
    like = first if is_torch_array(first) else second
    xp = array_namespace(like)
    bars = [x if is_torch_array(x) else xp.asarray(x, dtype=like.dtype, device=like.device) for x in (first, second)]
    bars = [xp.reshape(x, (-1, 2)) for x in bars]
    moved = [xp.sort(x[~xp.isfinite(x[:, 1]), 0]) for x in bars]
    finite = [x[xp.isfinite(x[:, 1])] for x in bars]
    pairs, alone_a, alone_b = _critical(a, b) if np.isinf(p) else _best_matching(a, b, p)
    pairs, alone_a, alone_b = (xp.asarray(x, device=like.device) for x in (pairs, alone_a, alone_b))
    costs = [
        xp.max(xp.abs(finite[0][pairs[:, 0]] - finite[1][pairs[:, 1]]), axis=1) if len(pairs) else like.new_zeros(0),
        (finite[0][alone_a, 1] - finite[0][alone_a, 0]) / 2,
        (finite[1][alone_b, 1] - finite[1][alone_b, 0]) / 2,
        xp.abs(moved[0] - moved[1]),
    ]
    costs = xp.concat([*costs, like.new_zeros(1)])
    return xp.linalg.vector_norm(costs, ord=p)


def _best_matching(a: np.ndarray, b: np.ndarray, p: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs (m, 2) of bars of the best matching, and which of the first and the second diagram are alone."""
    partners = matched(a, b, p)
    paired = np.flatnonzero(partners >= 0)
    pairs = np.column_stack([paired, partners[paired]])
    return pairs, np.flatnonzero(partners < 0), np.setdiff1d(np.arange(len(b)), partners)


def _critical(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the one pair, or the one bar alone, whose cost is the bottleneck distance."""
    check_memory(24 * len(a) * len(b), f"all distances between {len(a):,} and {len(b):,} bars")
    none, distance = np.zeros(0, np.int64), float(_pairs(a[None], b[None], np.inf)[0, 0])
    costs = cdist(a, b, "chebyshev").ravel()
    halves = [(bars[:, 1] - bars[:, 0]) / 2 for bars in (a, b)]
    differences = np.abs(np.concatenate([costs, *halves]) - distance)
    if not len(differences):
        return none.reshape(0, 2), none, none
    k = int(np.argmin(differences))
    if k < len(costs):
        return np.array([divmod(k, len(b))]), none, none
    k -= len(costs)
    alone = np.array([k if k < len(a) else k - len(a)])
    return none.reshape(0, 2), *((alone, none) if k < len(a) else (none, alone))


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
    from erlangen.topology import _matching_kernels as kernels

    n, m = len(first), len(second)
    bars = first.shape[1] + second.shape[1]
    if not bars:
        return np.zeros((n, m))
    same = np.array_equal(first, second)
    (first, _), (second, _) = _sorted(*_spread_out(first, second))
    kernel, given = (kernels.all_bottlenecks, ()) if np.isinf(p) else (kernels.all_wassersteins, (float(p),))
    return over_pairs(kernel, n, m, n * m * bars * _WORK, first, second, *given, same=same)


def over_pairs(kernel, n: int, m: int, work: int, *given, same: bool) -> np.ndarray:
    """Return what a kernel writes for pairs of n and m diagrams, (n, m), worked on by several threads.

    Parameters
    ----------
    kernel : callable
        ``kernel(*given, pairs, out, start, stop)`` writes to ``out`` the values of the pairs (k, 2), symmetric ones.
    work : int
        Multiplications that all pairs take.
    same : bool
        Whether both are the same diagrams, so that each pair is looked at once.
    """
    pairs = np.stack(np.triu_indices(n) if same else np.divmod(np.arange(n * m), m), axis=1)
    out = np.empty(len(pairs))
    over_rows(kernel, *given, pairs, out, rows=len(pairs), work=work * len(pairs) // (n * m), shares=8)
    found = np.empty((n, m))
    found[pairs[:, 0], pairs[:, 1]] = out
    if same:
        found[pairs[:, 1], pairs[:, 0]] = out
    return found


def matched(first: np.ndarray, second: np.ndarray, p: float) -> np.ndarray:
    """Return the partner in the second diagram of each bar of the first, -1 for the diagonal, of least total cost.

    Both are (k, 2), finite; bars of length zero are alone.
    """
    from erlangen.topology._matching_kernels import wasserstein_matching

    partners = np.full(len(first), -1)
    kept = [np.flatnonzero(bars[:, 0] < bars[:, 1]) for bars in (first, second)]
    if not len(kept[0]) or not len(kept[1]):
        return partners
    scale = max((bars[:, 1] - bars[:, 0]).max() for bars in (first, second))  # so that powers do not overflow
    a, b = _spread_out(first[None, kept[0]] / scale, second[None, kept[1]] / scale)
    (a, order), (b, order_b) = _sorted(a, b)
    found = wasserstein_matching(a[0], b[0], float(p))
    partners[kept[0][order[0][found >= 0]]] = kept[1][order_b[0][found[found >= 0]]]
    return partners


def _spread_out(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bars, or (b, d) as (-d, -b), as far apart, if deaths differ more: the kernels look along births."""
    ends = np.concatenate([first.reshape(-1, 2), second.reshape(-1, 2)])
    births, deaths = np.ptp(ends, axis=0)
    return (first, second) if births >= deaths else (-first[..., ::-1], -second[..., ::-1])


def _sorted(*batches: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return batches (n, k, 2) with each diagram sorted by birth, then death, and which bars those are (n, k)."""
    orders = [np.lexsort([bars[..., 1], bars[..., 0]], axis=-1) for bars in batches]
    return [(np.take_along_axis(bars, o[..., None], 1), o) for bars, o in zip(batches, orders, strict=True)]


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


class Amplitude(ClassNamePrefixFeaturesOutMixin, _Metric):
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

    @property
    def _n_features_out(self) -> int:
        return len(self.homology_dimensions_) if self.order is None else 1

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


class Scaler(DiagramPlots, TransformerMixin, BaseEstimator):
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
