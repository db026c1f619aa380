"""Persistent cohomology of Vietoris-Rips filtrations: points or distances in, bars and what makes them out."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances

from erlangen.errors import InputError, ShapeError
from erlangen.kernels import n_threads, over_rows, threads_for
from erlangen.memory import HARMLESS, available_bytes, check_memory

MAX_DIMENSION = 20
"""Homology dimensions above this are surely a slip of the pen."""

_WORK = 32
"""Multiplications that looking for a vertex in an edge's lune takes, about."""

_BYTES_PER_EDGE = 60
_BYTES_PER_COLUMN = 64

_FEWER_POINTS = (
    "take a threshold, of Euclidean distances or in a sparse matrix of them, or some of the points: farthest_points"
)

_SAMPLE = 64
"""Edges at which simplices are counted to tell how many there are in all."""

_SMALL = 256
"""Points up to which the time between the steps matters."""

_LONG_CHAIN = 1_000
"""Simplices in a cochain from which on several threads look for its cofacets."""

_FIRST_PORTION = 16_384
"""Edges that are looked at before asking whether all cycles have ended."""


@dataclass(frozen=True)
class Persistence:
    """Bars of a filtration, by homology dimension, with what begins and ends them.

    Attributes
    ----------
    bars : tuple of (k, 2) arrays
        Birth and death of each bar, for dimension 0, 1, ...; those of length zero are left out. Death is inf where
        a class lives on at the threshold. Sorted by birth, then death.
    births, deaths : tuple of (k, 2) integer arrays
        Of points: the two whose edge completes the simplex that begins or ends the bar; its length is the birth or the
        death. A component is begun by a point, given twice; what does not end has -1, -1. Of images: the pixels (k, d)
        whose values are the births and deaths. Of other complexes: the vertices (k, q + 1) of the simplex that begins a
        bar of dimension q, and those (k, q + 2) of the one that ends it.
    cocycles : tuple of lists, or None
        For dimension 1 and above, for each bar, the simplices (s, d + 1) of a representative cocycle, points
        ascending, and its coefficients (s,). The list of dimension 0 is empty: a component's cocycle is the component.
    cycles : tuple of lists, or None
        The same of representative cycles: they begin and end with their bars.
    threshold : float
        The value up to which the filtration was looked at.
    """

    bars: tuple[np.ndarray, ...]
    births: tuple[np.ndarray, ...]
    deaths: tuple[np.ndarray, ...]
    cocycles: tuple[list, ...] | None
    threshold: float
    cycles: tuple[list, ...] | None = None


def rips_persistence(
    X,
    *,
    max_dimension: int = 1,
    threshold: float = np.inf,
    metric="euclidean",
    metric_params: dict | None = None,
    births=None,
    modulus: int = 2,
    cocycles: bool = False,
    cycles: bool = False,
    collapse_edges: bool = False,
) -> Persistence:
    """Compute the persistent homology of the Vietoris-Rips filtration, with coefficients modulo a prime.

    A simplex enters when its longest edge does, at this edge's length (the diameter, not the radius).

    Parameters
    ----------
    X : (n, d) array, or (n, n) array or sparse matrix
        Points; or distances with ``metric="precomputed"``, of which the upper triangle counts. In a sparse matrix what
        is not stored is no edge; infinite distances are none either. Where few of many pairs are near, by a sparse
        matrix or by the threshold, no table of all pairs is made.
    max_dimension : int
        The highest homology dimension.
    threshold : float
        Longer edges are left out. By default the enclosing radius, beyond which nothing changes.
    metric, metric_params : str or callable, dict
        As in `sklearn.metrics.pairwise_distances`.
    births : (n,) array, optional
        When each point enters, zero by default, with "precomputed" the diagonal; an edge enters after both its ends.
    modulus : int
        A prime: the field of the coefficients.
    cocycles : bool
        Whether to return a representative cocycle of each bar: what one has to cut.
    cycles : bool
        Whether to return a representative cycle of each bar: what goes around the hole.
    collapse_edges : bool
        Whether to leave out first, or let enter later, the edges that do not matter. The bars are the same. It rarely
        pays, as dominated edges cost next to nothing here anyway. Not together with cocycles, which would be those of
        another complex.

    Raises
    ------
    InputError
        If the arguments make no sense: NaN, negative distances, a modulus that is not prime.
    TooLargeError
        If the tables do not fit the memory that is left.

    Source: U. Bauer, Ripser, 2021 (arXiv:1908.02518); the blocks are described in `erlangen.topology._rips_kernels`.

    Examples
    --------
    >>> angle = np.arange(20) * np.pi / 10
    >>> circle = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> rips_persistence(circle).bars[1]
    array([[0.31286893, 1.78201305]])
    """
    from erlangen.topology import _rips_kernels as kernels
    from erlangen.topology._cycle_kernels import lonely_edges
    from erlangen.topology.cycles import find_cycles
    from erlangen.topology.sparse_persistence import near_pairs, persistence_of_pairs

    _check_arguments(max_dimension, threshold)
    modulus = checked_modulus(modulus)
    if not (cocycles or cycles or collapse_edges) and (few := near_pairs(X, metric, threshold, births)) is not None:
        return persistence_of_pairs(*few, threshold, max_dimension, modulus)
    distances, births = checked_distances(X, metric, metric_params, births)
    n = len(distances)
    if threshold == np.inf:
        threshold = _enclosing_radius(distances, births)
    ranks, a, b, values = _ranked_edges(distances, births, threshold)
    lengths = values, a, b  # and the edges that have them
    if collapse_edges:
        if cocycles:
            raise InputError("cocycles are those of all edges; set either collapse_edges or cocycles, not both")
        ranks, a, b, lengths = _collapsed(ranks, *lengths)
    m = len(a)
    bits = (modulus - 1).bit_length()
    binomials = _binomials(n, max_dimension + 1)
    _check_keys(n, m, max_dimension, bits, binomials)
    labelled = modulus == 2 and not cocycles  # first homology by the faster way
    apex, crowded = np.full(m, -1, np.int32), np.zeros(m, np.bool_)
    graph = ranks, a, b, apex, binomials
    lonely = np.arange(m)
    if max_dimension:
        lonely = np.sort(np.concatenate(over_rows(lonely_edges, ranks, rows=n, work=m * _WORK)))
    if max_dimension > 1 or (max_dimension and not labelled):
        over_rows(kernels.find_apexes, ranks, a, b, apex, crowded, rows=m, work=m * n)

    tree, points = kernels.merge_components(births, a, b, lonely)
    lasting = kernels.without(np.arange(n), points)
    points, edges = np.concatenate([points, lasting]), np.concatenate([tree, np.full(len(lasting), -1)])
    found = [_sorted_bars(births[points], np.repeat(points[:, None], 2, 1), edges, lengths)]
    columns, pivots, cochains = [points], [edges], [[]]  # by dimension
    triangles = None
    if max_dimension > 1:
        _check_columns(*graph, crowded, lengths[0], 1)
        triangles = _critical_simplices(*graph, crowded, 1, 0, m)
    for dimension in range(1, max_dimension + 1):
        k = dimension - 1
        if k == 0:
            begun = kernels.without(lonely, tree)
        elif k == 1:
            begun = kernels.without(triangles, pivots[-1])
        else:
            _check_columns(*graph, crowded, lengths[0], k)
            begun = kernels.without(_critical_simplices(*graph, crowded, k, 0, m), pivots[-1])
        if k == 0 and labelled:
            ended = _end_cycles(*graph, crowded, begun, triangles)
        else:
            begun = begun[::-1].copy()
            ended, chains, starts = _reduced(*graph, k, modulus, bits, begun)
        columns.append(begun)
        pivots.append(ended)  # they begin no bar in the next dimension
        first = begun // binomials[k, n]
        last = np.where(ended < 0, -1, ended // binomials[k + 1, n])
        found.append(_sorted_bars(lengths[0][first], _ends(first, *lengths[1:]), last, lengths))
        if cocycles:
            spans = [chains[starts[c] : starts[c + 1]] for c in found[-1][-1]]
            cochains.append([kernels.decode_chain(s, bits, k, *graph[1:]) for s in spans])
    bars, begins, stops, kept = (tuple(part) for part in zip(*found, strict=True))
    chains = find_cycles(graph, modulus, bits, tree, columns, pivots, kept) if cycles else None
    return Persistence(bars, begins, stops, tuple(cochains) if cocycles else None, float(threshold), chains)


def rips_bars(X, *, max_dimension: int, threshold: float = np.inf, modulus: int = 2, **options) -> tuple:
    """Return the bars of `rips_persistence` alone, faster for a small cloud.

    Examples
    --------
    >>> [bars.tolist() for bars in rips_bars([[0.0], [1.0]], max_dimension=1)]
    [[[0.0, 1.0], [0.0, inf]], []]
    """
    metric, collapse_edges = options.get("metric", "euclidean"), options.get("collapse_edges", False)
    n = np.shape(X)[0] if np.ndim(X) == 2 or sparse.issparse(X) else 0
    if not 0 < n <= _SMALL or max_dimension > 2 or collapse_edges:  # up to there nothing can outgrow the memory
        return rips_persistence(X, max_dimension=max_dimension, threshold=threshold, modulus=modulus, **options).bars
    from erlangen.topology._small_kernels import bars_of_cloud

    _check_arguments(max_dimension, threshold)
    modulus = checked_modulus(modulus)
    distances, births = checked_distances(X, metric, options.get("metric_params"), options.get("births"))
    bits, binomials = (modulus - 1).bit_length(), _binomials(n, max_dimension + 1)
    bars, sizes = bars_of_cloud(distances, births, float(threshold), max_dimension, modulus, bits, binomials)
    return tuple(in_order(part) for part in np.split(bars, np.cumsum(sizes)[:-1]))


def in_order(bars: np.ndarray) -> np.ndarray:
    """Return bars (k, 2) by birth, then death, without those of length zero."""
    bars = bars[bars[:, 0] < bars[:, 1]]
    return bars[np.lexsort([bars[:, 1], bars[:, 0]])]


def _over_pairs(kernel, distances, *arguments) -> list:
    """Call ``kernel(distances, *arguments, start, stop)`` for ranges of points with as many pairs to later ones."""
    n = len(distances)
    offsets = np.concatenate([[0], np.cumsum(np.arange(n, 0, -1))])
    return over_rows(kernel, distances, *arguments, rows=n, work=n * n, offsets=offsets)


def _enclosing_radius(distances: np.ndarray, births: np.ndarray) -> float:
    """Return the value at which some point is next to all others: from there on the complex is a cone."""
    from erlangen.topology._edge_kernels import farthest_points

    if not len(distances):
        return 0.0
    return float(np.maximum.reduce(_over_pairs(farthest_points, distances, births)).min())


def _ranked_edges(distances, births, threshold) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the ranks (n, n) of edges by value, and ends a < b and value of each, up to the threshold."""
    from erlangen.topology import _edge_kernels as kernels

    n = len(distances)
    counts = np.empty(n, np.int64)
    _over_pairs(kernels.count_edges, distances, births, threshold, counts)
    m = int(counts.sum())

    def lower_threshold(available: int) -> str:
        few = (available - 4 * n * n) // _BYTES_PER_EDGE
        if few <= 0:
            return _FEWER_POINTS
        i, j = np.random.default_rng(0).integers(n, size=(2, 100_000))
        sample = np.sort(np.maximum(distances[np.minimum(i, j), np.maximum(i, j)], np.maximum(births[i], births[j])))
        limit = float(sample[int(len(sample) * few / (n * n / 2))])
        return f"threshold={limit:.4g} would do, with some {few:,} edges"

    needed = 4 * n * n + _BYTES_PER_EDGE * m
    check_memory(needed, f"persistence of {n:,} points with {m:,} edges up to {threshold:.4g}", lower_threshold)
    ends, values = np.empty((m, 2), np.int32), np.empty(m)
    _over_pairs(kernels.list_edges, distances, births, threshold, np.cumsum(counts) - counts, ends, values)
    parts = threads_for(m, m * _WORK)  # of values, each sorted by one thread
    cuts = np.quantile(values[:: m // 1000 + 1], np.linspace(0, 1, parts + 1)[1:-1]) if parts > 1 else []
    cuts = np.concatenate([[-np.inf], cuts, [np.inf]])
    order = np.concatenate(over_rows(kernels.sorting_order, values, cuts, rows=parts, work=m * _WORK))
    ranks = np.full((n, n), kernels.ABSENT, np.int32)
    a, b, ranked = np.empty(m, np.int32), np.empty(m, np.int32), np.empty(m)
    over_rows(kernels.write_ranks, ends, values, order, ranks, a, b, ranked, rows=m, work=m * _WORK)
    return ranks, a, b, ranked


def _collapsed(ranks, values, a, b) -> tuple:
    """Return ranked edges without those that do not matter, and values and ends of those whose values they have."""
    from erlangen.topology import _edge_kernels as kernels

    kernels.collapse_edges(ranks, a, b)
    times = ranks[a, b]
    order = np.argsort(times, kind="stable")[: np.count_nonzero(times < kernels.ABSENT)]
    times, a_left, b_left = times[order], a[order], b[order]
    ranks[...] = kernels.ABSENT
    ranks[a_left, b_left] = ranks[b_left, a_left] = np.arange(len(order), dtype=np.int32)
    return ranks, a_left, b_left, (values[times], a[times], b[times])


def _critical_simplices(ranks, a, b, apex, binomials, crowded, k: int, start: int, stop: int) -> np.ndarray:
    """Return the ascending keys of critical simplices with k vertices beside a longest edge of rank start to stop."""
    from erlangen.topology._cycle_kernels import critical_triangles
    from erlangen.topology._rips_kernels import critical_simplices

    def portion(low, high):
        if k == 1:
            return critical_triangles(ranks, a, b, apex, crowded, start + low, start + high)
        return critical_simplices(ranks, a, b, apex, crowded, binomials, k, start + low, start + high)

    work = (stop - start) * len(ranks) * k
    return np.concatenate(over_rows(portion, rows=stop - start, work=work, shares=16))


def _check_columns(ranks, a, b, apex, binomials, crowded, values, k: int) -> None:
    """Refuse dimensions with too many critical simplices, told from those of some edges, and say what would do."""
    edges = np.flatnonzero(crowded)
    most = len(edges) * int(binomials[k, len(ranks)]) * _BYTES_PER_COLUMN
    if most < HARMLESS or (available := available_bytes()) is None or most < available:
        return
    chosen = np.sort(np.random.default_rng(0).choice(edges, min(_SAMPLE, len(edges)), replace=False))
    counts = [len(_critical_simplices(ranks, a, b, apex, binomials, crowded, k, r, r + 1)) for r in chosen]
    needed = np.cumsum(counts) * (len(edges) / len(chosen)) * _BYTES_PER_COLUMN

    def less(available: int) -> str:
        return f"max_dimension={k} would do, or threshold={values[chosen[np.argmax(needed > 0.7 * available)]]:.4g}"

    what = f"homology of dimension {k + 1}, with some {needed[-1] / _BYTES_PER_COLUMN:,.0f} critical simplices,"
    check_memory(int(needed[-1]), what, less)


def _reduced(ranks, a, b, apex, binomials, k: int, modulus: int, bits: int, columns: np.ndarray) -> tuple:
    """Return the pivots of coboundaries, given by key, youngest first, -1 for cocycles, and the cochains with starts.

    Where a column has got a long chain, several threads look for its cofacets.
    """
    from erlangen.topology import _rips_kernels as kernels

    graph, m = (ranks, a, b, apex, binomials, k, modulus, bits), len(a)
    long = _LONG_CHAIN if n_threads() > 1 else np.iinfo(np.int64).max
    book, c, chain, high = kernels.reduce_columns(*graph, columns, 0, kernels.new_book(len(columns)), long)
    while c < len(columns):
        first, pivot = columns[c] // binomials[k, len(ranks)], -1
        while pivot < 0 and high < m:
            low, high = high, kernels.next_window(first, high, m)
            work = len(chain) * len(ranks) * _WORK
            items = over_rows(kernels.coboundary, *graph, chain, low, high, rows=len(chain), work=work, shares=4)
            pivot, coefficient, chain = kernels.reduce_items(*graph, book, chain, np.concatenate(items), low, high)
        book = kernels.write_down(book, c, pivot, coefficient, chain, modulus, bits)
        book, c, chain, high = kernels.reduce_columns(*graph, columns, c + 1, book, long)
    pivots, _, _, chains, starts = book
    return pivots, chains, starts


def _end_cycles(ranks, a, b, apex, binomials, crowded, begun, triangles) -> np.ndarray:
    """Return for each edge that begins a class the key of the triangle that ends it, -1 where none does.

    The critical triangles, and the apexes, are found on the way if they are not given. Edges are looked at in portions,
    each half as many as all before: classes that ended need no bits any more, and where all have ended the others need
    not be looked at.
    """
    from erlangen.topology import _cycle_kernels as cycles
    from erlangen.topology._rips_kernels import find_apexes

    ended = np.full(len(begun), -1, np.int64)
    classes, dead = np.empty(0, np.int64), np.empty(0, np.bool_)  # those that have bits
    labels, relations = np.empty((0, 1), np.uint64), np.empty((0, 1), np.uint64)
    start, m, n = 0, len(a), len(ranks)
    while len(begun) and start < m and (start <= begun[-1] or not dead.all()):
        stop = min(m, max(3 * start // 2, _FIRST_PORTION))
        if triangles is None:
            over_rows(
                lambda low, high, start=start: find_apexes(ranks, a, b, apex, crowded, start + low, start + high),
                rows=stop - start,
                work=(stop - start) * n,
            )
            found = _critical_simplices(ranks, a, b, apex, binomials, crowded, 1, start, stop)
        else:
            found = triangles[slice(*np.searchsorted(triangles, (start * n, stop * n)))]
        fresh = np.flatnonzero((begun >= start) & (begun < stop))
        alive = np.flatnonzero(~dead)
        width = (len(alive) + len(fresh)) // 64 + 1
        check_memory(8 * stop * width, f"labels of {stop:,} edges for {len(alive) + len(fresh):,} cycles")
        table = cycles.survivors(relations, dead, alive, width)
        labels = cycles.translate(labels, table, stop)
        classes = np.concatenate([classes[alive], fresh])
        relations, dead = np.zeros((len(classes), width), np.uint64), np.zeros(len(classes), np.bool_)
        triangle = np.full(len(classes), -1, np.int64)
        cycles.label_edges(ranks, a, b, apex, found, begun[classes], labels, relations, dead, triangle, start, stop)
        ended[classes] = triangle
        start = stop
    return ended


def _ends(edges: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the ends (k, 2) of edges given by rank, -1 for rank -1."""
    found = np.full((len(edges), 2), -1)
    there = edges >= 0
    found[there, 0], found[there, 1] = a[edges[there]], b[edges[there]]
    return found


def _sorted_bars(birth, begins, last, lengths) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return bars, what begins them, what ends them, and the order, which leaves out bars of length zero."""
    values, a, b = lengths
    death = np.full(len(last), np.inf)
    death[last >= 0] = values[last[last >= 0]]
    order = np.lexsort([death, birth])
    order = order[birth[order] < death[order]]
    return np.column_stack([birth, death])[order], begins[order], _ends(last[order], a, b), order


@cache
def _binomials(n: int, most: int) -> np.ndarray:
    """Return the table of binomial(x, k) at [k, x], for x up to n and k up to ``most``; too large ones are -1."""
    table = np.zeros((most + 1, n + 1), np.int64)
    table[0] = 1
    for k in range(1, most + 1):
        total = 0
        for x in range(1, n + 1):
            before = int(table[k - 1, x - 1])
            total = -1 if total < 0 or before < 0 or total + before >= 2**62 else total + before
            table[k, x] = total
    return table


def _check_keys(n: int, m: int, max_dimension: int, bits: int, binomials: np.ndarray) -> None:
    largest = int(binomials[max_dimension + 1, n])
    if m >= 2**31 - 1 or largest < 0 or (m * largest) << bits >= 2**63:
        raise InputError(
            f"simplices of dimension {max_dimension + 1} on {n:,} points cannot be numbered with 63 bits; take a lower "
            "max_dimension, or fewer points"
        )


def _check_arguments(max_dimension, threshold) -> None:
    if not isinstance(max_dimension, int | np.integer) or not 0 <= max_dimension <= MAX_DIMENSION:
        raise InputError(f"max_dimension is an integer from 0 to {MAX_DIMENSION}, got {max_dimension!r}")
    if not isinstance(threshold, int | float | np.number) or not threshold >= 0:
        raise InputError(f"threshold is a number of at least 0, or inf, got {threshold!r}")


def checked_modulus(modulus) -> int:
    """Return a prime below 32,768, or say that it is none."""
    prime = isinstance(modulus, int | np.integer) and 1 < modulus < 2**15
    if not prime or any(modulus % d == 0 for d in range(2, int(modulus**0.5) + 1)):
        raise InputError(f"modulus is a prime below 32,768, the field of the coefficients, got {modulus!r}")
    return int(modulus)


def checked_distances(X, metric, metric_params=None, births=None) -> tuple[np.ndarray, np.ndarray]:
    """Return distances (n, n) and when each point enters (n,), or say what is wrong; as in `rips_persistence`."""
    if metric == "precomputed":
        distances = _dense(X) if sparse.issparse(X) else _numbers(X, "distances")
        if distances.shape[0] != distances.shape[1]:
            raise ShapeError(f"precomputed distances have shape (n, n), got {distances.shape}")
        births = np.diagonal(distances).copy() if births is None else births
        bad = np.triu(np.isnan(distances) | (distances < 0), 1)
        if bad.any():
            i, j = np.argwhere(bad)[0]
            raise InputError(f"distances are numbers of at least 0, or inf, got {distances[i, j]} between {i} and {j}")
    else:
        points = checked_points(X)
        check_memory(16 * len(points) ** 2, f"the distances of {len(points):,} points", lambda _: _FEWER_POINTS)
        if metric == "euclidean":  # scikit-learn's own is off by up to 1e-8
            distances = cdist(points, points)
        else:
            distances = np.ascontiguousarray(pairwise_distances(points, metric=metric, **(metric_params or {})), float)
    if births is None:
        return distances, np.zeros(len(distances))
    births = np.ascontiguousarray(births, dtype=float)
    if births.shape != (len(distances),) or not np.isfinite(births).all():
        raise ShapeError(f"births are a finite number for each of {len(distances)} points, got shape {births.shape}")
    return distances, births


def checked_points(X) -> np.ndarray:
    """Return points (n, d) as float64, or say what is wrong."""
    points = _numbers(X, "points")
    if not np.isfinite(points).all():
        row = int(np.argmin(np.isfinite(points).all(axis=1)))
        raise InputError(f"points are finite, got {points[row].tolist()} for point {row}")
    return points


def _numbers(X, what: str) -> np.ndarray:
    try:
        array = np.ascontiguousarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{what} are a table of numbers, got {type(X).__name__}") from None
    if array.ndim != 2:
        raise ShapeError(f"{what} have two axes, got shape {array.shape}")
    return array


def _dense(X) -> np.ndarray:
    """Return the distances of a sparse matrix: inf where neither of (i, j) and (j, i) is stored."""
    n = X.shape[0]
    check_memory(16 * n * n, f"the distances of {n:,} points", lambda _: _FEWER_POINTS)
    entries = sparse.coo_array(X)
    if X.shape != (n, n):
        raise ShapeError(f"precomputed distances have shape (n, n), got {X.shape}")
    distances = np.full((n, n), np.inf)
    np.fill_diagonal(distances, 0.0)
    row, column = entries.coords
    lower = row > column
    distances[column[lower], row[lower]] = entries.data[lower]
    distances[row[~lower], column[~lower]] = entries.data[~lower]  # the upper one wins
    return distances
