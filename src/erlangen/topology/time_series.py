"""Time series made ready for topology: windows, delay embeddings, dissimilarities.

Windows and embeddings end at the last sample: what does not fit is cut off at the beginning.
"""

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial import cKDTree
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from erlangen.errors import InputError, ShapeError
from erlangen.topology.diagrams import over_samples
from erlangen.topology.pipeline import TransformerResamplerMixin
from erlangen.topology.plots import CloudPlots

FAR = 10.0
"""A neighbor is false if the next coordinate differs by more than so many distances (Kennel et al., 1992)."""


def windows(n: int, size: int, stride: int) -> np.ndarray:
    """Return begin and end (m, 2) of windows that end, the last one, at sample n.

    Examples
    --------
    >>> windows(6, size=3, stride=2).tolist()
    [[1, 4], [3, 6]]
    """
    if n < size:
        raise InputError(f"a window of {size} samples does not fit a series of {n}")
    begins = np.arange((n - size) % stride, n - size + 1, stride)
    return np.column_stack([begins, begins + size])


def embed(series, time_delay: int, dimension: int, stride: int = 1) -> np.ndarray:
    """Return points (x_t, x_(t + delay), ...) along the last axis: (..., n) becomes (..., m, dimension).

    Source: F. Takens, Detecting strange attractors in turbulence (1981).
    """
    series = np.asarray(series)
    spans = windows(series.shape[-1], time_delay * (dimension - 1) + 1, stride)
    return series[..., spans[:, :1] + time_delay * np.arange(dimension)]


class SlidingWindow(TransformerResamplerMixin, BaseEstimator):
    """Windows of a series along its first axis.

    Parameters
    ----------
    size : int
        Samples of a window.
    stride : int
        Samples between the beginnings of two.

    Examples
    --------
    >>> SlidingWindow(size=3, stride=2).fit_transform([0, 1, 2, 3, 4, 5]).tolist()
    [[1, 2, 3], [3, 4, 5]]
    """

    def __init__(self, size=10, stride=1):
        self.size = size
        self.stride = stride

    def fit(self, X, y=None):
        """Check the arguments; nothing is learned."""
        _positive(size=self.size, stride=self.stride)
        windows(len(_series(X)), self.size, self.stride)
        self.is_fitted_ = True
        return self

    def slice_windows(self, X) -> np.ndarray:
        """Return begin and end (m, 2) of the windows."""
        return windows(len(_series(X)), self.size, self.stride)

    def transform(self, X):
        """Return the windows, (m, size, ...)."""
        check_is_fitted(self)
        X = _series(X)
        return X[self.slice_windows(X)[:, :1] + np.arange(self.size)]

    def resample(self, y, X=None):
        """Return the targets at the ends of the windows."""
        y = _series(y)
        return y[self.slice_windows(y)[:, 1] - 1]


class SingleTakensEmbedding(TransformerResamplerMixin, BaseEstimator):
    """The delay embedding of one series, with delay and dimension found or given.

    Parameters
    ----------
    parameters_type : "search" or "fixed"
        Whether ``time_delay`` and ``dimension`` are the largest that are looked at, or taken as they are.
    time_delay : int
        Samples between two coordinates.
    dimension : int
        Coordinates of a point.
    stride : int
        Samples between two points.
    n_jobs : int, optional
        How many delays and dimensions are tried at the same time, by joblib.

    Attributes
    ----------
    time_delay_, dimension_ : int

    Examples
    --------
    >>> SingleTakensEmbedding("fixed", time_delay=2, dimension=2).fit_transform([0, 1, 2, 3]).tolist()
    [[0, 2], [1, 3]]
    """

    def __init__(self, parameters_type="search", time_delay=1, dimension=5, stride=1, n_jobs=None):
        self.parameters_type = parameters_type
        self.time_delay = time_delay
        self.dimension = dimension
        self.stride = stride
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Find delay and dimension of a series (n,)."""
        X = _single(X)
        _positive(time_delay=self.time_delay, dimension=self.dimension, stride=self.stride)
        if self.parameters_type not in ("search", "fixed"):
            raise InputError(f'parameters_type is "search" or "fixed", got {self.parameters_type!r}')
        self.time_delay_, self.dimension_ = self.time_delay, self.dimension
        if self.parameters_type == "search":
            self.time_delay_, self.dimension_ = takens_embedding_optimal_parameters(
                X, self.time_delay, self.dimension, self.stride, self.n_jobs
            )
        return self

    def transform(self, X):
        """Return the points, (m, dimension_)."""
        check_is_fitted(self)
        return embed(_single(X), self.time_delay_, self.dimension_, self.stride)

    def resample(self, y, X=None):
        """Return the targets at the last coordinates of the points."""
        return embed(_series(y), self.time_delay_, self.dimension_, self.stride)[:, -1]


class TakensEmbedding(CloudPlots, TransformerMixin, BaseEstimator):
    """The delay embeddings of many series, of one or several variables.

    Parameters
    ----------
    time_delay : int
        Samples between two coordinates.
    dimension : int
        Coordinates of a point for each variable.
    stride : int
        Samples between two points.
    flatten : bool
        Whether the variables' coordinates are joined in one point.
    ensure_last_value : bool
        Whether samples are cut off at the beginning, not at the end.

    Examples
    --------
    >>> TakensEmbedding(time_delay=2).fit_transform([[0, 1, 2, 3]]).tolist()
    [[[0, 2], [1, 3]]]
    """

    def __init__(self, time_delay=1, dimension=2, stride=1, flatten=True, ensure_last_value=True):
        self.time_delay = time_delay
        self.dimension = dimension
        self.stride = stride
        self.flatten = flatten
        self.ensure_last_value = ensure_last_value

    def fit(self, X, y=None):
        """Check the arguments; nothing is learned.

        Parameters
        ----------
        X : (n_samples, n) or (n_samples, n_variables, n) array, or list of (n,) or (n_variables, n) arrays
        y : None
        """
        _positive(time_delay=self.time_delay, dimension=self.dimension, stride=self.stride)
        self._points(X)
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return points (n_samples, m, dimension * n_variables), or with ``flatten=False`` the variables as an axis.

        A list comes back as a list.
        """
        check_is_fitted(self)
        return self._points(X)

    def _points(self, X):
        checks = {"ensure_2d": False, "allow_nd": True, "dtype": "numeric"}
        if isinstance(X, list | tuple) and len({np.shape(x) for x in X}) > 1:
            return [self._embedded(check_array(x, **checks)[None])[0] for x in X]
        X = check_array(X, **checks)
        if X.ndim not in (2, 3):
            raise ShapeError(f"series have shape (n_samples, n) or (n_samples, n_variables, n), got {X.shape}")
        return self._embedded(X)

    def _embedded(self, X):
        if not self.ensure_last_value:
            whole = X.shape[-1] - self.time_delay * (self.dimension - 1) - 1
            X = X[..., : X.shape[-1] - whole % self.stride]
        points = embed(X, self.time_delay, self.dimension, self.stride)
        if X.ndim == 3 and self.flatten:
            points = np.moveaxis(points, 1, 2).reshape(len(X), points.shape[2], -1)
        return points


def takens_embedding_optimal_parameters(
    X, max_time_delay: int, max_dimension: int, stride: int = 1, n_jobs: int | None = None
) -> tuple[int, int]:
    """Return the delay with the least mutual information and the dimension where false neighbors have gone.

    Parameters
    ----------
    X : (n,) array
    max_time_delay, max_dimension : int
        The largest that are looked at.
    stride : int
        Samples between two points.
    n_jobs : int, optional
        How many delays and dimensions are tried at the same time, by joblib.

    Raises
    ------
    ShapeError
        If the series is too short for the largest delay or dimension.

    The delay is the one giotto-tda finds; the dimension need not be.

    Source: A. Fraser, H. Swinney, Phys. Rev. A 33, 1134 (1986); M. Kennel et al., Phys. Rev. A 45, 3403 (1992).

    Examples
    --------
    >>> takens_embedding_optimal_parameters(np.sin(np.arange(1000) / 10), 20, 4)
    (16, 3)
    """
    X = _single(X)
    if max_time_delay >= len(X):
        raise ShapeError(f"a series is longer than max_time_delay, {max_time_delay}, got {len(X)} samples")
    parallel = Parallel(n_jobs=n_jobs, prefer="threads")
    shared = parallel(delayed(mutual_information)(X[:-k], X[k:]) for k in range(1, max_time_delay + 1))
    delay = 1 + int(np.argmin(shared))
    needed = (max_dimension + 1) * delay + stride + 1  # for two points with one coordinate more than the last tried
    if len(X) < needed:
        raise ShapeError(
            f"{needed} samples are needed to try {max_dimension} dimensions with the delay {delay}, got {len(X)}; "
            "take a lower dimension or delay"
        )
    false = np.array(parallel(delayed(false_neighbors)(X, delay, d, stride) for d in range(1, max_dimension + 2)))
    bends = np.abs(false[:-2] - 2 * false[1:-1] + false[2:]) / (false[1:-1] + 1) / np.arange(2, max_dimension + 1)
    return delay, 2 + int(np.argmin(bends)) if len(bends) else 1


def mutual_information(x, y, bins: int = 100) -> float:
    """Return the mutual information of two samples in nats, from a histogram."""
    counts = np.histogram2d(x, y, bins=bins)[0]
    joint = counts / counts.sum()
    alone = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / alone[seen])).sum())


def false_neighbors(X, time_delay: int, dimension: int, stride: int = 1) -> int:
    """Return how many points of a delay embedding have a nearest one only because a coordinate is missing."""
    points = embed(X, time_delay, dimension + 1, stride)
    distances, nearest = cKDTree(points[:, :-1]).query(points[:, :-1], k=2)
    away, other = distances[:, 1], nearest[:, 1]
    close = (away > 0) & (away < 2 * np.std(X))
    gap = np.abs(points[:, -1] - points[other, -1])
    return int((gap[close] > FAR * away[close]).sum())


class PermutationEntropy(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The entropy, in bits, of how often each order of a point's coordinates occurs in a cloud.

    Parameters
    ----------
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Examples
    --------
    >>> PermutationEntropy().fit_transform([[[0, 1], [1, 2], [2, 1], [3, 1]]]).tolist()
    [[1.0]]
    """

    def __init__(self, n_jobs=None):
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check point clouds (n_samples, n_points, d); nothing is learned."""
        _clouds(X)
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return the entropies, (n_samples, 1)."""
        check_is_fitted(self)
        X = _clouds(X)
        return np.array(Parallel(n_jobs=self.n_jobs, prefer="threads")(delayed(self._entropy)(cloud) for cloud in X))

    def _entropy(self, cloud) -> list[float]:
        _, counts = np.unique(np.argsort(cloud, axis=1, kind="stable"), axis=0, return_counts=True)
        shares = counts / counts.sum()
        return [float(-(shares * np.log2(shares)).sum() + 0.0)]

    @property
    def _n_features_out(self) -> int:
        return 1


class Resampler(TransformerResamplerMixin, BaseEstimator):
    """Every ``period``-th sample.

    Parameters
    ----------
    period : int

    Examples
    --------
    >>> Resampler(period=2).fit_transform([0, 1, 2, 3, 4]).tolist()
    [0, 2, 4]
    """

    def __init__(self, period=2):
        self.period = period

    def fit(self, X, y=None):
        """Check the arguments; nothing is learned."""
        _positive(period=self.period)
        _series(X)
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return the samples."""
        check_is_fitted(self)
        return _series(X)[:: self.period]

    def resample(self, y, X=None):
        """Return the targets of the samples."""
        return _series(y)[:: self.period]


class Stationarizer(TransformerResamplerMixin, BaseEstimator):
    """Relative changes of a series from sample to sample.

    Parameters
    ----------
    operation : "return" or "log-return"
        The change as a share of the new value, or the change of the logarithm.

    Examples
    --------
    >>> Stationarizer().fit_transform([[1.0], [2.0], [1.0]]).tolist()
    [[0.5], [-1.0]]
    """

    def __init__(self, operation="return"):
        self.operation = operation

    def fit(self, X, y=None):
        """Check the arguments; nothing is learned."""
        if self.operation not in ("return", "log-return"):
            raise InputError(f'operation is "return" or "log-return", got {self.operation!r}')
        _series(X)
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return the changes, one sample fewer."""
        check_is_fitted(self)
        X = _series(X).astype(float)
        if self.operation == "log-return":
            if (X <= 0).any():
                raise InputError("logarithms need values above 0")
            return np.diff(np.log(X), axis=0)
        if (X[1:] == 0).any():
            raise InputError("a share of the new value needs values other than 0")
        return np.diff(X, axis=0) / X[1:]

    def resample(self, y, X=None):
        """Return the targets of all samples but the first."""
        return _series(y)[1:]


class PearsonDissimilarity(TransformerMixin, BaseEstimator):
    """How little the variables of a series go together: (1 - r) / 2 of their correlations r, or 1 - abs(r).

    Parameters
    ----------
    absolute_value : bool
        Whether the sign of the correlation does not count.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Examples
    --------
    >>> PearsonDissimilarity().fit_transform([[[0, 0, 2], [1, 2, 1], [2, 4, 0]]])[0].round(6).tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """

    def __init__(self, absolute_value=False, n_jobs=None):
        self.absolute_value = absolute_value
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check series (n_samples, n, n_variables); nothing is learned."""
        _clouds(X)
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return the matrices, (n_samples, n_variables, n_variables)."""
        check_is_fitted(self)
        return over_samples(self._dissimilarities, np.asarray(_clouds(X), dtype=float), self.n_jobs)

    def _dissimilarities(self, X):
        centered = X - X.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(centered, axis=1)
        if (norms == 0).any():
            raise InputError("a variable that never changes has no correlation")
        scaled = centered / norms[:, None]
        r = np.clip(scaled.transpose(0, 2, 1) @ scaled, -1, 1)
        found = 1 - np.abs(r) if self.absolute_value else (1 - r) / 2
        found[:, np.arange(found.shape[1]), np.arange(found.shape[1])] = 0
        return found


class Labeller(TransformerResamplerMixin, BaseEstimator):
    """Targets of a forecast: a function of the windows of a series, some steps ahead.

    Parameters
    ----------
    size : int
        Samples of a window.
    func : callable
        Maps windows (m, size) along the last axis to values (m,); gets ``axis=-1``.
    func_params : dict, optional
        Its further arguments.
    percentiles : sequence of float, optional
        If given, values become classes, by these percentiles of their absolute values in `fit`.
    n_steps_future : int
        How far ahead.

    Attributes
    ----------
    thresholds_ : (len(percentiles),) array or None

    Examples
    --------
    >>> labeller = Labeller(size=2, func=np.max)
    >>> labeller.fit_transform_resample([0, 1, 2, 3], [5, 7, 6, 9])
    (array([0, 1, 2]), array([7, 7, 9]))
    """

    def __init__(self, size=10, func=np.std, func_params=None, percentiles=None, n_steps_future=1):
        self.size = size
        self.func = func
        self.func_params = func_params
        self.percentiles = percentiles
        self.n_steps_future = n_steps_future

    def fit(self, X, y=None):
        """Learn the thresholds of the classes from a series (n,), ``X`` if there is no ``y``."""
        _positive(size=self.size, n_steps_future=self.n_steps_future)
        if self.size <= self.n_steps_future:
            raise InputError(f"size has to be above n_steps_future, got {self.size} and {self.n_steps_future}")
        values = self._values(X if y is None else y)
        self.thresholds_ = None if self.percentiles is None else np.percentile(np.abs(values), self.percentiles)
        return self

    def transform(self, X):
        """Return the samples that have a target."""
        check_is_fitted(self)
        return _series(X)[self.size - 1 - self.n_steps_future : -self.n_steps_future]

    def resample(self, y, X=None):
        """Return the targets: the values, or the classes, of the windows."""
        check_is_fitted(self)
        values = self._values(y)
        if self.thresholds_ is None:
            return values
        return np.searchsorted(self.thresholds_, np.abs(values), side="right")

    def _values(self, y):
        y = _series(y)
        if y.ndim != 1:
            raise ShapeError(f"a series of shape (n,) is needed, got {y.shape}")
        spans = windows(len(y), self.size, 1)
        return self.func(y[spans[:, :1] + np.arange(self.size)], axis=-1, **(self.func_params or {}))


def _series(X) -> np.ndarray:
    return check_array(X, ensure_2d=False, allow_nd=True, dtype=None)


def _single(X) -> np.ndarray:
    X = _series(X)
    if X.ndim == 2 and X.shape[1] == 1:
        X = X[:, 0]
    if X.ndim != 1:
        raise ShapeError(f"a single series of shape (n,) is needed, got {X.shape}; TakensEmbedding takes many")
    return X


def _clouds(X):
    if any(np.ndim(x) != 2 for x in X):
        raise ShapeError("samples of two axes are needed, (n_samples, n, d)")
    return [check_array(x, dtype=None) for x in X]


def _positive(**given) -> None:
    for name, value in given.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise InputError(f"{name} is a whole number of at least 1, got {value!r}")
