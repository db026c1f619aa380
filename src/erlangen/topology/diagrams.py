"""Collections of persistence diagrams as arrays: how they are laid out, checked and made.

A collection is a float64 array (n_samples, n_bars, 3) of birth, death and homology dimension. The bars of a dimension
stand together, dimensions ascend, and every sample has the same number of them: shorter diagrams are filled up, at the
end of each dimension, with bars of length zero at the smallest birth of that dimension in the whole collection (0 if
there is none). Bars of length zero carry no information and are ignored everywhere.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from erlangen.errors import InputError, ShapeError


def collect(
    samples: Iterable[Sequence[np.ndarray]], dimensions: Sequence[int], infinity: float = np.inf, reduced: bool = False
) -> np.ndarray:
    """Return the bars of many samples as one collection.

    Parameters
    ----------
    samples : iterable of sequences of (k, 2) arrays
        For each sample, birth and death of the bars of each of ``dimensions``.
    dimensions : sequence of int
        Ascending.
    infinity : float
        What an infinite death becomes. Bars that are not longer than zero then are dropped.
    reduced : bool
        Whether to leave out one component that never dies, the oldest.

    Returns
    -------
    (n_samples, n_bars, 3) array

    Examples
    --------
    >>> collect([[np.array([[0, 1.0], [0, 2]])], [np.array([[0.5, 3]])]], [0])
    array([[[0. , 1. , 0. ],
            [0. , 2. , 0. ]],
           [[0.5, 3. , 0. ],
            [0. , 0. , 0. ]]])
    """
    samples = [
        [
            _finished(bars, infinity, reduced and dimension == 0)
            for bars, dimension in zip(sample, dimensions, strict=True)
        ]
        for sample in samples
    ]
    blocks = []
    for column, dimension in enumerate(dimensions):
        bars = [sample[column] for sample in samples]
        births = np.concatenate([b[:, 0] for b in bars]) if bars else np.zeros(0)
        block = np.full((len(bars), max([1, *map(len, bars)]), 3), births.min() if len(births) else 0.0)
        block[:, :, 2] = dimension
        for filled, given in zip(block, bars, strict=True):
            filled[: len(given), :2] = given
        blocks.append(block)
    return np.concatenate(blocks, axis=1)


def _finished(bars: np.ndarray, infinity: float, drop_one: bool) -> np.ndarray:
    bars = np.array(bars, dtype=np.float64).reshape(-1, 2)
    if drop_one and (endless := np.flatnonzero(np.isinf(bars[:, 1]))).size:
        bars = np.delete(bars, endless[np.argmin(bars[endless, 0])], axis=0)
    bars[np.isposinf(bars[:, 1]), 1] = infinity
    return bars[bars[:, 0] < bars[:, 1]]


def check_diagrams(X, finite: bool = False) -> np.ndarray:
    """Return a collection as a float64 array, or say what is wrong with it.

    Parameters
    ----------
    X : (n_samples, n_bars, 3) array
    finite : bool
        Whether deaths have to be finite.

    Raises
    ------
    ShapeError, InputError
        For another shape, NaN, deaths before births, dimensions that are no whole numbers of at least 0 (or inf, where
        dimensions have been forgotten), or samples that differ in how many bars of a dimension they have.
    """
    try:
        X = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        raise ShapeError(
            "diagrams are an array (n_samples, n_bars, 3); samples with different numbers of bars are filled up as "
            "erlangen.topology.collect does"
        ) from None
    if X.ndim != 3 or X.shape[2] != 3:
        hint = "; X[None] makes a collection of one diagram" if X.ndim == 2 else ""
        raise ShapeError(f"diagrams have shape (n_samples, n_bars, 3), got {X.shape}{hint}")
    if not X.shape[0]:
        raise InputError("at least one diagram is needed, got none")
    birth, death, dimension = np.moveaxis(X, 2, 0)
    if np.isnan(X).any() or np.isinf(birth).any():
        raise InputError("births are finite numbers, deaths are numbers; some are NaN or infinite")
    if (bad := birth > death).any():
        sample, bar = np.argwhere(bad)[0]
        raise InputError(f"bars die after their birth, got {X[sample, bar, :2].tolist()} in sample {sample}")
    forgotten = np.isinf(dimension)
    whole = (dimension >= 0) & (dimension == np.floor(dimension))
    if not whole.all() or (forgotten.any() and not forgotten.all()):
        raise InputError("homology dimensions are whole numbers of at least 0, or all are inf")
    if (np.sort(dimension, axis=1) != np.sort(dimension[:1], axis=1)).any():
        raise InputError("all samples have the same number of bars in each homology dimension; fill them up")
    if finite and np.isinf(death).any():
        raise InputError(
            "some bars never end; give the estimator that makes the diagrams infinity_values, or filter them out"
        )
    return X


def dimensions_of(X: np.ndarray) -> tuple:
    """Return the homology dimensions of a collection, ascending; whole numbers are int, forgotten ones inf."""
    return tuple(int(q) if np.isfinite(q) else q for q in np.unique(X[0, :, 2]))


def bars_of(X: np.ndarray, dimension) -> np.ndarray:
    """Return births and deaths (n_samples, n_bars, 2) of one homology dimension of a collection."""
    chosen = X[:, :, 2] == dimension
    n = int(chosen[0].sum())
    if (chosen.sum(axis=1) != n).any() or not n:
        raise InputError(f"homology dimension {dimension} is not in every diagram")
    return X[chosen].reshape(len(X), n, 3)[:, :, :2]


def over_samples(function: Callable, X: np.ndarray, n_jobs: int | None) -> np.ndarray:
    """Return ``function(X)``, worked out for as many parts of the samples at a time as there are jobs."""
    parts = np.array_split(X, min(len(X), effective_n_jobs(n_jobs)))
    return np.concatenate(Parallel(n_jobs=n_jobs, prefer="threads")(delayed(function)(part) for part in parts))


def by_dimension(function: Callable, X: np.ndarray, dimensions: Sequence) -> np.ndarray:
    """Return ``function(bars, dimension)`` of each homology dimension, stacked along the second axis."""
    return np.stack([function(bars_of(X, q), q) for q in dimensions], axis=1)
