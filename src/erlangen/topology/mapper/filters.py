"""Filters: what maps samples to the few numbers that a cover is laid over."""

import warnings
from functools import partial

import numpy as np
from scipy.special import entr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import pairwise_distances_chunked
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from erlangen.errors import InputError, ShapeError


class Projection(TransformerMixin, BaseEstimator):
    """Some of the columns.

    Parameters
    ----------
    columns : int, str, or sequence of these
        Numbers of columns, or names if data frames are given.

    Attributes
    ----------
    columns_ : (n_columns,) array of int

    Examples
    --------
    >>> Projection(columns=[1]).fit_transform([[1, 2], [3, 4]]).tolist()
    [[2], [4]]
    """

    def __init__(self, columns=0):
        self.columns = columns

    def fit(self, X, y=None):
        """Look the columns up in a table (n_samples, n_features)."""
        X = validate_data(self, X, dtype=None, ensure_all_finite=False)
        given = [self.columns] if isinstance(self.columns, int | np.integer | str) else list(self.columns)
        names = list(getattr(self, "feature_names_in_", []))
        numbers = [names.index(c) if c in names else c for c in given]
        for c in numbers:
            if not isinstance(c, int | np.integer) or not -self.n_features_in_ <= c < self.n_features_in_:
                raise InputError(f"columns are numbers below {self.n_features_in_}, or names of columns, got {c!r}")
        self.columns_ = np.array(numbers, dtype=int)
        check_array(X[:, self.columns_])
        return self

    def transform(self, X):
        """Return the columns, (n_samples, n_columns)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=None, ensure_all_finite=False, reset=False)
        return check_array(X[:, self.columns_])


class Eccentricity(TransformerMixin, BaseEstimator):
    """How far a sample is from all others: the p-norm of its distances, a sum and not a mean.

    Parameters
    ----------
    exponent : float
        The p, from 1 to inf.
    metric : str or callable
        As in `sklearn.metrics.pairwise_distances`; "precomputed" if distances are given.
    metric_params : dict, optional
        Further arguments of the metric.

    Examples
    --------
    >>> Eccentricity(exponent=1).fit_transform([[0.0], [1.0], [3.0]]).tolist()
    [[4.0], [3.0], [5.0]]
    """

    def __init__(self, exponent=2, metric="euclidean", metric_params=None):
        self.exponent = exponent
        self.metric = metric
        self.metric_params = metric_params

    def fit(self, X, y=None):
        """Check the arguments; nothing is learned."""
        if not isinstance(self.exponent, int | float | np.number) or not self.exponent >= 1:
            raise InputError(f"exponent is a number of at least 1, or inf, got {self.exponent!r}")
        validate_data(self, X)
        return self

    def transform(self, X):
        """Return the eccentricities of samples (n_samples, n_features) among each other, (n_samples, 1)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        if self.metric == "precomputed" and X.shape[0] != X.shape[1]:
            raise ShapeError(f"precomputed distances have shape (n, n), got {X.shape}")
        norms = pairwise_distances_chunked(
            X,
            metric=self.metric,
            reduce_func=lambda rows, start: np.linalg.norm(rows, ord=self.exponent, axis=1),
            **(self.metric_params or {}),
        )
        return np.concatenate(list(norms))[:, None]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


class Entropy(TransformerMixin, BaseEstimator):
    """The entropy, in bits, of a row's entries as shares of their sum.

    Absolute values are taken, with a warning, if some are negative.

    Examples
    --------
    >>> Entropy().fit_transform([[1.0, 1.0], [2.0, 0.0]]).tolist()
    [[1.0], [0.0]]
    """

    def fit(self, X, y=None):
        """Check a table (n_samples, n_features); nothing is learned."""
        validate_data(self, X, dtype=np.float64)
        return self

    def transform(self, X):
        """Return the entropies, (n_samples, 1)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        if (X < 0).any():
            warnings.warn("some entries are negative: shares are those of absolute values", stacklevel=2)
        X = np.abs(X)
        total = X.sum(axis=1, keepdims=True)
        if (total == 0).any():
            raise InputError(f"a row of zeros has no shares, got one at {int(np.argmin(total))}")
        return entr(X / total).sum(axis=1, keepdims=True) / np.log(2)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "n_features_in_")


def transformer_from_callable_on_rows(func, validate: bool = True) -> FunctionTransformer:
    """Return a transformer that applies a function to each row.

    Parameters
    ----------
    func : callable or None
        Maps a row (n_features,) to a number or a vector; None leaves samples as they are.
    validate : bool
        Whether the input is checked and made an array first.

    Examples
    --------
    >>> transformer_from_callable_on_rows(np.sum).fit_transform([[1, 2], [3, 4]]).tolist()
    [[3], [7]]
    """
    if func is None:
        return FunctionTransformer(validate=validate)
    if not callable(func):
        raise InputError(f"func is callable or None, got {func!r}")
    return FunctionTransformer(partial(_on_rows, func), validate=validate)


def _on_rows(func, X) -> np.ndarray:
    return np.stack([np.atleast_1d(func(row)) for row in X])


def method_to_transform(cls: type, method_name: str) -> type:
    """Return a subclass of an estimator's class whose ``transform`` is one of its methods.

    Parameters
    ----------
    cls : type
    method_name : str
        Of a method that maps X to an array (n_samples,) or (n_samples, n); the first becomes a column.

    Examples
    --------
    >>> from sklearn.neighbors import KernelDensity
    >>> Density = method_to_transform(KernelDensity, "score_samples")
    >>> Density(bandwidth=1.0).fit_transform([[0.0], [0.0]]).round(4).tolist()
    [[-0.9189], [-0.9189]]
    """
    if not callable(getattr(cls, method_name, None)):
        raise InputError(f"{cls.__name__} has no method {method_name!r}")

    def transform(self, X):
        found = np.asarray(getattr(self, method_name)(X))
        return found[:, None] if found.ndim == 1 else found

    def __reduce__(self):  # a class made on the fly is not found by its name
        return _blank, (cls, method_name), self.__getstate__()

    transform.__doc__ = f"Return what `{method_name}` does, as columns."
    own = {"transform": transform, "__reduce__": __reduce__, "__doc__": cls.__doc__}
    return type(f"{cls.__name__}To{method_name.title().replace('_', '')}", (TransformerMixin, cls), own)


def _blank(cls: type, method_name: str):
    made = method_to_transform(cls, method_name)
    return made.__new__(made)
