"""Curves, such as Betti curves and landscapes, as features."""

from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError, ShapeError
from erlangen.topology.diagrams import over_samples
from erlangen.topology.plots import ChannelPlots

FEATURES = {
    "identity": lambda curves: curves,
    "argmin": partial(np.argmin, axis=-1),
    "argmax": partial(np.argmax, axis=-1),
    "min": partial(np.min, axis=-1),
    "max": partial(np.max, axis=-1),
    "mean": partial(np.mean, axis=-1),
    "std": partial(np.std, axis=-1),
    "median": partial(np.median, axis=-1),
    "average": partial(np.average, axis=-1),
}
"""What a channel of curves (n_samples, n_bins) becomes, by name."""


class Derivative(ChannelPlots, TransformerMixin, BaseEstimator):
    """Differences of curves from bin to bin, not divided by the step.

    Parameters
    ----------
    order : int
        How many times.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_channels_ : int

    Examples
    --------
    >>> Derivative().fit_transform([[[0, 1, 3]]]).tolist()
    [[[1, 2]]]
    """

    def __init__(self, order=1, n_jobs=None):
        self.order = order
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Note the channels of curves (n_samples, n_channels, n_bins)."""
        X = checked_curves(X)
        if not isinstance(self.order, int | np.integer) or not 1 <= self.order < X.shape[2]:
            raise InputError(f"order is a whole number from 1 to {X.shape[2] - 1}, got {self.order!r}")
        self.n_channels_ = X.shape[1]
        return self

    def transform(self, X):
        """Return the differences, (n_samples, n_channels, n_bins - order)."""
        check_is_fitted(self)
        return over_samples(partial(np.diff, n=self.order, axis=2), checked_curves(X, self.n_channels_), self.n_jobs)


class StandardFeatures(TransformerMixin, BaseEstimator):
    """Each channel of curves as one number, or as what a function makes of it.

    Parameters
    ----------
    function : str, callable, or list of these or None
        "identity", "argmin", "argmax", "min", "max", "mean", "std", "median", "average", or what maps one curve to a
        number or a vector; for each channel, or one for all. None leaves a channel out.
    function_params : dict, or list of dicts or None, optional
        Further arguments of the functions.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_channels_ : int
    effective_function_, effective_function_params_ : tuple

    Examples
    --------
    >>> StandardFeatures(["max", "argmin"]).fit_transform([[[0, 1, 3], [4, 2, 3]]]).tolist()
    [[3, 1]]
    """

    def __init__(self, function="max", function_params=None, n_jobs=None):
        self.function = function
        self.function_params = function_params
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Note the channels of curves (n_samples, n_channels, n_bins)."""
        n = self.n_channels_ = checked_curves(X).shape[1]
        functions = list(self.function) if isinstance(self.function, list | tuple) else [self.function] * n
        given = self.function_params
        parameters = list(given) if isinstance(given, list | tuple) else [given] * n
        if len(functions) != n or len(parameters) != n:
            raise InputError(f"one function, or one for each of {n} channels, got {len(functions)}")
        for function in functions:
            if function is not None and not callable(function) and function not in FEATURES:
                raise InputError(f"a function is callable, None or one of {', '.join(FEATURES)}, got {function!r}")
        if all(function is None for function in functions):
            raise InputError("at least one channel needs a function")
        self.effective_function_ = tuple(functions)
        self.effective_function_params_ = tuple({} if p is None else p for p in parameters)
        return self

    def transform(self, X):
        """Return the features, (n_samples, n_features)."""
        check_is_fitted(self)
        return over_samples(self._features, checked_curves(X, self.n_channels_), self.n_jobs)

    def _features(self, X):
        found = []
        for channel, (function, given) in enumerate(
            zip(self.effective_function_, self.effective_function_params_, strict=True)
        ):
            if function is None:
                continue
            curves = X[:, channel]
            if callable(function):
                features = np.stack([np.asarray(function(curve, **given)) for curve in curves])
            else:
                features = FEATURES[function](curves, **given)
            found.append(features.reshape(len(X), -1))
        return np.concatenate(found, axis=1)


def checked_curves(X, n_channels: int | None = None) -> np.ndarray:
    """Return curves (n_samples, n_channels, n_bins), or say what is wrong with them."""
    try:
        X = np.asarray(X)
    except ValueError:
        X = np.empty(0)
    if X.ndim != 3 or not X.size or X.dtype.kind not in "biuf":
        raise ShapeError(f"curves are an array of numbers (n_samples, n_channels, n_bins), got shape {X.shape}")
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        raise InputError("curves are finite numbers")
    if n_channels is not None and X.shape[1] != n_channels:
        raise ShapeError(f"curves have {n_channels} channels as in fit, got {X.shape[1]}")
    return X
