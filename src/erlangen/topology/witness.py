"""Persistence of witness complexes: a few landmarks, and all points to say which of them belong together."""

import math

import numpy as np
from scipy.spatial.distance import cdist

from erlangen.errors import InputError, ShapeError
from erlangen.memory import check_memory
from erlangen.topology.complexes import checked_dimension, facet_numbers, persistence_of
from erlangen.topology.persistence import Persistence, checked_modulus, checked_points


def witness_persistence(
    witnesses,
    landmarks,
    *,
    max_dimension: int = 1,
    max_alpha: float = np.inf,
    strong: bool = False,
    modulus: int = 2,
) -> Persistence:
    """Compute the persistent homology of a witness filtration.

    A witness sees a simplex of landmarks at alpha if its vertices are nearer to it than the other landmarks are, or, if
    ``strong``, than any landmark is, when squared distances may be wrong by alpha squared. A simplex enters when a
    witness sees it and all its facets are there.

    Parameters
    ----------
    witnesses : (m, d) array
        Points.
    landmarks : (n, d) array
        Points; `farthest_points` finds good ones.
    max_dimension : int
        The highest homology dimension.
    max_alpha : float
        The filtration's end. Without one all landmarks are joined at last, which takes n^(max_dimension + 2) time.
    strong : bool
        Whether vertices have to be about as near as the nearest landmark.
    modulus : int
        A prime: the field of the coefficients.

    Returns
    -------
    Persistence
        In units of alpha, a length. ``births`` and ``deaths`` hold the landmarks of the simplices that begin and end
        the bars, -1 where one does not end.

    Raises
    ------
    InputError
        If the arguments make no sense.
    TooLargeError
        If the simplices do not fit the memory that is left.

    Source: V. de Silva and G. Carlsson, Topological estimation using witness complexes, 2004.

    Examples
    --------
    >>> angle = np.arange(100) * np.pi / 50
    >>> circle = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> witness_persistence(circle, circle[::10], max_alpha=1.0).bars[1].round(3).tolist()
    [[0.0, inf]]
    """
    modulus, max_dimension = checked_modulus(modulus), checked_dimension(max_dimension, 1)
    witnesses, landmarks = checked_points(witnesses), checked_points(landmarks)
    if witnesses.shape[1] != landmarks.shape[1]:
        raise ShapeError(
            f"witnesses and landmarks have as many coordinates, got {witnesses.shape[1]} and {landmarks.shape[1]}"
        )
    if not isinstance(max_alpha, int | float | np.number) or not max_alpha >= 0:
        raise InputError(f"max_alpha is a number of at least 0, or inf, got {max_alpha!r}")
    check_memory(8 * len(witnesses) * len(landmarks), f"{len(witnesses):,} witnesses of {len(landmarks):,} landmarks")
    squares = cdist(witnesses, landmarks, "sqeuclidean")
    simplices, values, facets = _seen(squares, max_dimension + 1, float(max_alpha) ** 2, strong)
    return persistence_of(simplices, [np.sqrt(v) for v in values], facets, max_dimension, modulus)


def _seen(squares: np.ndarray, dimension: int, limit: float, strong: bool) -> tuple[list, list, list]:
    """Return simplices, the squares of alpha at which they enter, and facets."""
    from erlangen.topology import _complex_kernels
    from erlangen.topology import _flag_kernels as kernels

    m, n = squares.shape
    if n ** (dimension + 1) >= 2**62:
        raise InputError(
            f"simplices of dimension {dimension} on {n:,} landmarks cannot be numbered with 63 bits; take a lower "
            "max_dimension, or fewer landmarks"
        )
    simplices, values, facets, tables = [], [], [], []
    for d in range(dimension + 1):
        if limit == np.inf and m:
            number = math.comb(n, d + 1)
            check_memory(number * (20 * d + 100), f"{number:,} simplices of dimension {d}, without max_alpha,")
        keys, seen = kernels.witnessed(squares, d + 1, limit, strong)
        order = np.argsort(keys)
        rows, seen = np.stack([keys[order] // n ** (d - j) % n for j in range(d + 1)], axis=1), seen[order]
        if d == 0:
            rank = np.full(n, -1)
            rank[rows[:, 0]] = np.arange(len(rows))  # landmarks that nobody sees are left out
            numbers = np.zeros((len(rows), 0), np.int64)
        else:
            numbers = facet_numbers(rank[rows], tables, n)
            whole = (numbers >= 0).all(axis=1)
            rows, seen, numbers = rows[whole], seen[whole], numbers[whole]
            seen = np.maximum(seen, values[-1][numbers].max(axis=1, initial=0.0))
            tables.append(_complex_kernels.tabulate(numbers[:, d] * n + rank[rows[:, d]])[:2])
        simplices.append(rows)
        values.append(seen)
        facets.append(numbers)
    return simplices, values, facets
