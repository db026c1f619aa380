"""Persistence of explicit filtered complexes: simplices and when they enter in, bars and what makes them out."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from erlangen.errors import InputError, ShapeError
from erlangen.memory import check_memory
from erlangen.topology.persistence import Persistence, checked_modulus


def filtered_persistence(
    simplices: Sequence, values: Sequence, *, max_dimension: int | None = None, modulus: int = 2
) -> Persistence:
    """Compute the persistent homology of a filtered simplicial complex.

    Parameters
    ----------
    simplices : sequence of (k, d + 1) integer arrays
        For each dimension d = 0, 1, ... the vertices of the simplices, in any order, each simplex once.
    values : sequence of (k,) arrays
        When each simplex enters, no earlier than its facets; inf is never.
    max_dimension : int, optional
        The highest homology dimension; that of the complex by default. Simplices of more than one dimension above it
        are not looked at.
    modulus : int
        A prime: the field of the coefficients.

    Returns
    -------
    Persistence
        ``births[d]`` holds the vertices (k, d + 1), ascending, of the simplex with which each bar begins, ``deaths[d]``
        those (k, d + 2) of the simplex with which it ends, -1 where it does not end.

    Raises
    ------
    InputError
        For simplices that come twice, without a facet or before one; for NaN, and a modulus that is not prime.
    TooLargeError
        If the tables do not fit the memory that is left.

    Source: C. Chen and M. Kerber, Persistent homology computation with a twist (2011), in cohomology; the duality of
    the highest dimension is described in `erlangen.topology._complex_kernels`.

    Examples
    --------
    >>> triangle = [[[0], [1], [2]], [[0, 1], [0, 2], [1, 2]], [[0, 1, 2]]]
    >>> found = filtered_persistence(triangle, [[0, 0, 0], [1, 2, 3], [4]])
    >>> [bars.tolist() for bars in found.bars]
    [[[0.0, 1.0], [0.0, 2.0], [0.0, inf]], [[3.0, 4.0]], []]
    >>> found.births[1].tolist(), found.deaths[1].tolist()
    ([[1, 2]], [[0, 1, 2]])
    """
    modulus = checked_modulus(modulus)
    simplices, values = _checked_tables(simplices, values)
    max_dimension = checked_dimension(max_dimension, len(simplices) - 1)
    simplices, values = simplices[: max_dimension + 2], values[: max_dimension + 2]
    facets = facets_of(simplices)
    for d in range(1, len(simplices)):
        early = (values[d][:, None] < values[d - 1][facets[d]]).any(axis=1)
        if early.any():
            simplex = simplices[d][np.argmax(early)].tolist()
            raise InputError(f"values ascend from facets to cofacets, but {simplex} enters before one of its facets")
    return persistence_of(simplices, values, facets, max_dimension, modulus)


def persistence_of(simplices: list, values: list, facets: list, max_dimension: int, modulus: int) -> Persistence:
    """Return the persistence of a filtration that is known to be one.

    Parameters
    ----------
    simplices, values
        As in `filtered_persistence`.
    facets : list of (k, d + 1) integer arrays
        The numbers of the facets, the j-th without the j-th vertex; that of dimension 0 is not looked at.
    """
    pairs = paired(values, facets, max_dimension, modulus)
    found = []
    for d, (births, deaths) in enumerate(pairs):
        first = simplices[d] if d < len(simplices) else np.zeros((0, d + 1), np.int64)
        last = simplices[d + 1] if d + 1 < len(simplices) else np.zeros((0, d + 2), np.int64)
        endings = np.append(values[d + 1], np.inf) if d + 1 < len(values) else np.array([np.inf])  # -1 is never
        begin, end = values[d][births] if d < len(values) else np.zeros(0), endings[deaths]
        longer = begin < end
        births, deaths, bars = births[longer], deaths[longer], np.column_stack([begin[longer], end[longer]])
        order = np.lexsort(bars.T[::-1])
        births, deaths, bars = births[order], deaths[order], bars[order]
        ends = np.full((len(bars), d + 2), -1)
        ended = np.isfinite(bars[:, 1])
        ends[ended] = last[deaths[ended]]
        found.append((bars, first[births].astype(np.int64), ends))
    bars, begins, ends = (tuple(part) for part in zip(*found, strict=True))
    return Persistence(bars, begins, ends, None, max((float(v.max()) for v in values if len(v)), default=0.0))


def cut(found: Persistence, threshold: float) -> Persistence:
    """Return the persistence of a filtration that ends at a threshold.

    Examples
    --------
    >>> whole = filtered_persistence([[[0], [1], [2]], [[0, 1], [1, 2]]], [[0, 0, 3], [1, 4]])
    >>> cut(whole, 2).bars[0].tolist()
    [[0.0, 1.0], [0.0, inf]]
    """
    bars, begins, ends = [], [], []
    for lengths, first, last in zip(found.bars, found.births, found.deaths, strict=True):
        kept = lengths[:, 0] <= threshold
        lengths, last = lengths[kept].copy(), last[kept].copy()
        late = lengths[:, 1] > threshold
        lengths[late, 1], last[late] = np.inf, -1
        bars.append(lengths)
        begins.append(first[kept])
        ends.append(last)
    return Persistence(tuple(bars), tuple(begins), tuple(ends), found.cocycles, min(found.threshold, float(threshold)))


def paired(values: list, facets: list, max_dimension: int, modulus: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each homology dimension, the numbers of the simplices that begin and end classes, -1 for never.

    Classes that end as they begin are among them.
    """
    from erlangen.topology import _complex_kernels as kernels

    sizes = [len(v) for v in values] + [0] * (max_dimension + 2 - len(values))
    check_memory(sum((60 + 20 * (d + 1)) * n for d, n in enumerate(sizes)), f"a complex of {sum(sizes):,} simplices")
    orders = [kernels.sorting_order(v) for v in values]
    sorted_facets = [None]
    for d in range(1, len(values)):
        rank = np.empty(sizes[d - 1], np.int32)
        rank[orders[d - 1]] = np.arange(sizes[d - 1], dtype=np.int32)
        sorted_facets.append(rank[facets[d][orders[d]]])
    top, bits = len(values) - 1, (modulus - 1).bit_length()
    pairs = {}  # dimension -> (m, 2): what begins and what ends, by rank
    if top >= 1:
        pairs[0] = kernels.merge_vertices(sorted_facets[1], sizes[0])
    if max_dimension >= top - 1 >= 1 and np.bincount(sorted_facets[top].ravel(), minlength=1).max() <= 2:
        pairs[top - 1] = kernels.merge_cells(sorted_facets[top], sizes[top - 1], modulus)
    for d in range(1, min(max_dimension, top - 1) + 1):
        if d in pairs:
            continue
        kept = np.ones(sizes[d + 1], bool)
        if d + 1 in pairs:
            kept[pairs[d + 1][:, 0]] = False  # what begins a class ends none
        starts, items = kernels.coboundaries(sorted_facets[d + 1], sizes[d], kept, modulus, bits)
        columns = np.ones(sizes[d], bool)
        columns[pairs[d - 1][:, 1]] = False  # and the other way round
        columns = np.flatnonzero(columns)[::-1].copy()
        pivots = kernels.reduce_columns(starts, items, columns, sizes[d + 1], modulus, bits)
        pairs[d] = np.column_stack([columns, pivots])[pivots >= 0]
    return [_numbered(d, pairs, orders, sizes) for d in range(max_dimension + 1)]


def _numbered(d: int, pairs: dict, orders: list, sizes: list) -> tuple[np.ndarray, np.ndarray]:
    """Return what begins and ends the classes of one dimension, those without end added, as they were numbered."""
    if d >= len(orders):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    mine = pairs.get(d, np.zeros((0, 2), np.int64))
    endless = np.ones(sizes[d], bool)
    endless[mine[:, 0]] = False
    if d - 1 in pairs:
        endless[pairs[d - 1][:, 1]] = False
    endless = np.flatnonzero(endless)
    ends = orders[d + 1][mine[:, 1]] if len(mine) else np.zeros(0, np.int64)
    return orders[d][np.concatenate([mine[:, 0], endless])], np.concatenate([ends, np.full(len(endless), -1)])


def facets_of(simplices: list) -> list[np.ndarray]:
    """Return the numbers (k, d + 1) of the facets of simplices (k, d + 1), vertices ascending, for each dimension.

    A simplex is known by the number of its prefix, without its last vertex, and this vertex.

    Raises
    ------
    InputError
        If a simplex comes twice, or one of its facets is missing.
    """
    from erlangen.topology import _complex_kernels as kernels

    labels = simplices[0][:, 0].astype(np.int64)
    low, n = labels.min(initial=0), len(labels)
    *names, again = kernels.tabulate(labels - low)
    _check_once(again, 0)
    tables, facets = [], [np.zeros((n, 0), np.int64)]
    for d in range(1, len(simplices)):
        vertices = kernels.look_up(*names, simplices[d].ravel() - low).reshape(simplices[d].shape)
        if (unknown := vertices < 0).any():
            raise InputError(f"vertices are among simplices[0], but {simplices[d][unknown][0]} is not")
        facets.append(facet_numbers(vertices, tables, n))
        missing = (facets[d] < 0).any(axis=1)
        if missing.any():
            raise InputError(
                f"a complex has the facets of its simplices, but {simplices[d][np.argmax(missing)].tolist()} lacks one"
            )
        *table, again = kernels.tabulate(facets[d][:, d] * n + vertices[:, d])
        _check_once(again, d)
        tables.append(table)
    return facets


def facet_numbers(vertices: np.ndarray, tables: list, n_vertices: int) -> np.ndarray:
    """Return the numbers (k, d + 1) of the facets of simplices (k, d + 1), -1 where one is missing.

    Parameters
    ----------
    vertices : (k, d + 1) integer array
        From 0 to n_vertices - 1.
    tables : list of tables
        For dimension 1 to d - 1, of the keys of its simplices, number of prefix * n_vertices + last vertex.
    """
    from erlangen.topology import _complex_kernels as kernels

    columns = list(vertices.T.astype(np.int64))
    found = []
    for j in range(len(columns)):
        prefix, *others = columns[:j] + columns[j + 1 :]
        for table, vertex in zip(tables, others, strict=True):
            prefix = kernels.look_up(*table, np.where(prefix < 0, -2, prefix * n_vertices + vertex))
        found.append(prefix)
    return np.stack(found, axis=1)


def _check_once(again: int, d: int) -> None:
    if again:
        raise InputError(f"each simplex comes once, but {again} of dimension {d} come again")


def ascending(found: Persistence) -> Persistence:
    """Return the same with the vertices of all simplices in ascending order."""
    begins, ends = (tuple(np.sort(table, axis=1) for table in tables) for tables in (found.births, found.deaths))
    return replace(found, births=begins, deaths=ends)


def _checked_tables(simplices, values) -> tuple[list, list]:
    """Return simplices with ascending vertices and their values, or say what is wrong."""
    if not len(simplices) or len(simplices) != len(values):
        raise ShapeError(
            f"simplices and values have one array for each dimension, got {len(simplices)} and {len(values)}"
        )
    tables, times = [], []
    for d, (table, time) in enumerate(zip(simplices, values, strict=True)):
        table, time = np.asarray(table), np.asarray(time, dtype=np.float64)
        if not table.size:
            table = np.zeros((0, d + 1), np.int64)
        if table.ndim != 2 or table.shape[1] != d + 1 or table.dtype.kind not in "iu":
            raise ShapeError(
                f"simplices of dimension {d} are integers (k, {d + 1}), got {table.dtype} of shape {table.shape}"
            )
        if time.shape != (len(table),):
            raise ShapeError(f"values of dimension {d} have shape ({len(table)},), got {time.shape}")
        if np.isnan(time).any():
            raise InputError(f"values are numbers, or inf for never; some of dimension {d} are NaN")
        table = np.sort(table.astype(np.int64), axis=1)
        if (table[:, 1:] == table[:, :-1]).any():
            raise InputError(f"a simplex has different vertices, but some of dimension {d} have one twice")
        tables.append(table)
        times.append(time)
    return tables, times


def checked_dimension(max_dimension, default: int) -> int:
    """Return the highest homology dimension, or say that it is none."""
    if max_dimension is None:
        return max(default, 0)
    if not isinstance(max_dimension, int | np.integer) or max_dimension < 0:
        raise InputError(f"max_dimension is an integer of at least 0, got {max_dimension!r}")
    return int(max_dimension)
