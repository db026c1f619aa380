"""Vietoris-Rips persistence where few pairs are near: all simplices are listed, no table of all pairs is needed."""

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from erlangen.errors import InputError, ShapeError
from erlangen.memory import check_memory
from erlangen.topology.complexes import facets_of, persistence_of
from erlangen.topology.flag import clique_complex
from erlangen.topology.persistence import Persistence, checked_points

MIN_POINTS = 3_000
"""Up to so many points, a table of all pairs is faster."""

FEW = 0.02
"""The share of all pairs up to which listing simplices pays."""


def near_pairs(X, metric, threshold: float, births) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return births (n,), pairs (m, 2) and their values (m,) up to the threshold; None where a table is better.

    Parameters
    ----------
    X, metric, threshold, births
        As in `rips_persistence`.
    """
    if metric == "precomputed" and sparse.issparse(X):
        n = X.shape[0]
        if X.shape != (n, n):
            raise ShapeError(f"precomputed distances have shape (n, n), got {X.shape}")
        if n < MIN_POINTS or X.nnz > FEW * n * n / 2:
            return None
        pairs, values, diagonal = stored_pairs(X)
        births = diagonal if births is None else births
    elif metric == "euclidean" and threshold < np.inf and not sparse.issparse(X):
        points = checked_points(X)
        n = len(points)
        if n < MIN_POINTS:
            return None
        tree = cKDTree(points)
        m = (tree.count_neighbors(tree, threshold) - n) // 2
        if m > FEW * n * n / 2:
            return None
        check_memory(40 * m, f"{m:,} pairs of points up to {threshold:.4g}")
        pairs = tree.query_pairs(threshold, output_type="ndarray")
        values = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
        births = np.zeros(n) if births is None else births
    else:
        return None
    births = np.ascontiguousarray(births, dtype=float)
    if births.shape != (n,) or not np.isfinite(births).all():
        raise ShapeError(f"births are a finite number for each of {n} points, got shape {births.shape}")
    values = np.maximum(values, np.maximum(births[pairs[:, 0]], births[pairs[:, 1]]))
    kept = (values <= threshold) & (values < np.inf)
    return births, pairs[kept], values[kept]


def stored_pairs(X) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs i < j (m, 2) of a sparse matrix, their values (m,), the upper one of two, and the diagonal."""
    entries = sparse.coo_array(X)
    row, column = entries.coords
    values = np.asarray(entries.data, dtype=np.float64)
    diagonal = np.zeros(X.shape[0])
    diagonal[row[row == column]] = values[row == column]
    off = row != column
    row, column, values = row[off], column[off], values[off]
    bad = np.isnan(values) | (values < 0)
    if bad.any():
        e = int(np.argmax(bad))
        raise InputError(
            f"distances are numbers of at least 0, or inf, got {values[e]} between {row[e]} and {column[e]}"
        )
    low, high = np.minimum(row, column), np.maximum(row, column)
    order = np.lexsort([row > column, high, low])  # the upper one first
    low, high, values = low[order], high[order], values[order]
    first = np.ones(len(low), bool)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return np.column_stack([low, high])[first].astype(np.int64), values[first], diagonal


def persistence_of_pairs(births, pairs, values, threshold: float, max_dimension: int, modulus: int) -> Persistence:
    """Return the persistence of the flag complex of these pairs, what begins and ends bars as in `rips_persistence`."""
    simplices, entered = clique_complex(births, pairs[:, 0], pairs[:, 1], values, max_dimension + 1)
    found = persistence_of(simplices, entered, facets_of(simplices), max_dimension, modulus)
    lengths = sparse.csr_array((np.arange(1, len(pairs) + 1), pairs.T), shape=(len(births),) * 2)  # 0 is not stored
    begins = [longest_pairs(vertices, lengths, pairs, values) for vertices in found.births]
    ends = [longest_pairs(vertices, lengths, pairs, values) for vertices in found.deaths]
    return Persistence(found.bars, tuple(begins), tuple(ends), None, float(threshold))


def longest_pairs(simplices, numbers, pairs, values) -> np.ndarray:
    """Return the pair (k, 2) of each simplex that enters last; of a vertex itself twice, -1 where there is none."""
    if simplices.shape[1] == 1:
        return np.repeat(simplices, 2, axis=1).astype(np.int64)
    found = np.full((len(simplices), 2), -1, np.int64)
    there = simplices[:, 0] >= 0
    i, j = np.triu_indices(simplices.shape[1], 1)
    rows = simplices[there]
    number = numbers[rows[:, i].ravel(), rows[:, j].ravel()].reshape(len(rows), len(i)) - 1
    latest = number[np.arange(len(rows)), np.argmax(values[number], axis=1)] if len(rows) else np.zeros(0, np.int64)
    found[there] = pairs[latest]
    return found
