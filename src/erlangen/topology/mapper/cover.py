"""Covers of filter values by overlapping intervals and boxes."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from erlangen.errors import InputError, ShapeError
from erlangen.memory import check_memory


class _Cover(TransformerMixin, BaseEstimator):
    """What both covers share: intervals for each column, learned in `fit`."""

    def __init__(self, kind="uniform", n_intervals=10, overlap_frac=0.1):
        self.kind = kind
        self.n_intervals = n_intervals
        self.overlap_frac = overlap_frac

    def _values(self, X, reset: bool) -> np.ndarray:
        least = 2 if reset and self.n_intervals != 1 else 1
        return validate_data(self, X, dtype=np.float64, reset=reset, ensure_min_samples=least)

    def _limits(self, X) -> list[tuple[np.ndarray, np.ndarray]]:
        if self.kind not in ("uniform", "balanced"):
            raise InputError(f'kind is "uniform" or "balanced", got {self.kind!r}')
        if not isinstance(self.n_intervals, int | np.integer) or self.n_intervals < 1:
            raise InputError(f"n_intervals is a whole number of at least 1, got {self.n_intervals!r}")
        if not isinstance(self.overlap_frac, int | float | np.number) or not 0 < self.overlap_frac < 1:
            raise InputError(f"overlap_frac is a number between 0 and 1, got {self.overlap_frac!r}")
        if self.n_intervals > 1 and (np.ptp(X, axis=0) == 0).any():
            raise InputError(f"one value only cannot be covered by {self.n_intervals} intervals; take n_intervals=1")
        limits = uniform_limits if self.kind == "uniform" else balanced_limits
        return [limits(column, self.n_intervals, self.overlap_frac) for column in X.T]

    def _masks(self, X, limits) -> np.ndarray:
        masks = np.ones((len(X), 1), bool)
        for column, (left, right) in zip(X.T, limits, strict=True):
            check_memory(2 * len(X) * masks.shape[1] * len(left), f"a cover of {len(X):,} samples")
            inside = (column[:, None] > left) & (column[:, None] < right)
            masks = distinct_columns((masks[:, :, None] & inside[:, None]).reshape(len(X), -1))
        return masks

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


class OneDimensionalCover(_Cover):
    """A cover of one filter's values by overlapping open intervals.

    Parameters
    ----------
    kind : "uniform" or "balanced"
        Whether intervals are equally long, or hold about equally many of the distinct values.
    n_intervals : int
        How many.
    overlap_frac : float
        The share of an interval that the next one covers too, between 0 and 1.

    Attributes
    ----------
    left_limits_, right_limits_ : (n_intervals,) arrays
        The first is -inf, the last inf.

    Examples
    --------
    >>> cover = OneDimensionalCover(n_intervals=2, overlap_frac=0.4)
    >>> cover.fit_transform([[0.0], [0.5], [1.0]]).tolist()
    [[True, False], [True, True], [False, True]]
    >>> [(round(a, 3), round(b, 3)) for a, b in cover.get_fitted_intervals()]
    [(-inf, 0.625), (0.375, inf)]
    """

    def fit(self, X, y=None):
        """Learn the intervals from values (n_samples, 1)."""
        X = self._column(X, reset=True)
        ((self.left_limits_, self.right_limits_),) = self._limits(X)
        return self

    def transform(self, X):
        """Return which intervals each value lies in, (n_samples, n_columns) of bool.

        Intervals without a value, and repetitions of others, are left out.
        """
        check_is_fitted(self)
        return self._masks(self._column(X, reset=False), [(self.left_limits_, self.right_limits_)])

    def get_fitted_intervals(self) -> list[tuple[float, float]]:
        """Return both limits of each interval."""
        check_is_fitted(self)
        return list(zip(self.left_limits_.tolist(), self.right_limits_.tolist(), strict=True))

    def _column(self, X, reset: bool):
        X = self._values(X, reset)
        if X.shape[1] != 1:
            raise ShapeError(
                f"values of one filter, (n_samples, 1), are needed, got {X.shape}; CubicalCover takes many"
            )
        return X


class CubicalCover(_Cover):
    """A cover of several filters' values by overlapping boxes: the products of intervals.

    Parameters
    ----------
    kind : "uniform" or "balanced"
        Whether the intervals of a filter are equally long, or hold about equally many of its distinct values.
    n_intervals : int
        How many along each axis.
    overlap_frac : float
        The share of an interval that the next one covers too, between 0 and 1.

    Attributes
    ----------
    left_limits_, right_limits_ : (n_features, n_intervals) arrays

    Examples
    --------
    >>> CubicalCover(n_intervals=2).fit_transform([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]).astype(int).tolist()
    [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    """

    def fit(self, X, y=None):
        """Learn the intervals from values (n_samples, n_features)."""
        limits = self._limits(self._values(X, reset=True))
        self.left_limits_, self.right_limits_ = (np.stack(side) for side in zip(*limits, strict=True))
        return self

    def transform(self, X):
        """Return which boxes each sample lies in, (n_samples, n_boxes) of bool, the last feature fastest.

        Boxes without a sample, and repetitions of others, are left out.
        """
        check_is_fitted(self)
        return self._masks(self._values(X, reset=False), zip(self.left_limits_, self.right_limits_, strict=True))


def uniform_limits(values, n: int, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    """Return left and right ends (n,) of equally long intervals over the range of values."""
    return _equal(values.min(), values.max(), n, overlap)


def balanced_limits(values, n: int, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    """Return left and right ends (n,) of intervals that are equally long in the ranks of distinct values.

    Both are values themselves: the nearest ones outside.

    Examples
    --------
    >>> [side.tolist() for side in balanced_limits(np.array([0.0, 1.0, 2.0, 50.0]), 2, 0.1)]
    [[-inf, 1.0], [2.0, inf]]
    """
    known = np.concatenate([[-np.inf], np.unique(values), [np.inf]])
    left, right = _equal(-0.5, len(known) - 2.5, n, overlap)
    left[0], right[-1] = -0.5, len(known) - 2.5
    return known[np.floor(left).astype(int) + 1], known[np.ceil(right).astype(int) + 1]


def _equal(low: float, high: float, n: int, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    length = (high - low) / (n - (n - 1) * overlap)
    left = low + np.arange(n) * (1 - overlap) * length
    right = left + length
    left[0], right[-1] = -np.inf, np.inf
    return left, right


def distinct_columns(masks: np.ndarray) -> np.ndarray:
    """Return the columns of a boolean matrix that are not empty, each once, in their order.

    Examples
    --------
    >>> distinct_columns(np.array([[True, False, True, False], [False, False, False, True]])).tolist()
    [[True, False], [False, True]]
    """
    masks = masks[:, masks.any(axis=0)]
    bits = np.ascontiguousarray(np.packbits(masks, axis=0).T)
    _, first = np.unique(bits, axis=0, return_index=True)
    return masks[:, np.sort(first)]
