"""Persistence of complexes on graphs: lower stars of functions, cliques, directed or not, and extended persistence."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import sparse

from erlangen.errors import InputError, ShapeError
from erlangen.memory import check_memory
from erlangen.topology.complexes import checked_dimension, facets_of, paired, persistence_of
from erlangen.topology.persistence import Persistence, checked_modulus

RULES: dict[str, Callable] = {
    "max": lambda values, d: values.max(axis=1),
    "dimension": lambda values, d: np.full(len(values), float(d)),
    "zero": lambda values, d: np.zeros(len(values)),
    "max_plus_one": lambda values, d: values.max(axis=1) + 1,
    "sum": lambda values, d: values.sum(axis=1),
    "product": lambda values, d: values.prod(axis=1),
    "pmean": lambda values, d: values.max(axis=1) + np.linalg.norm(values, axis=1) / (d + 1),
    "pmoment": lambda values, d: (
        values.max(axis=1) + np.linalg.norm(values - values.mean(axis=1, keepdims=True), axis=1) / (d + 1)
    ),
}
"""When a simplex of dimension d enters, from the values (k, d + 1) of its facets."""


def lower_star_persistence(simplices, values, *, max_dimension: int | None = None, modulus: int = 2) -> Persistence:
    """Compute the persistent homology of a function's sublevel sets on a graph or a simplicial complex.

    A simplex enters with the last of its vertices.

    Parameters
    ----------
    simplices : (m, k + 1) integer array, or list of such
        Edges, triangles, or others, of vertices 0 to n - 1. Their faces and all vertices are added.
    values : (n,) array
        The function on the vertices; inf is never.
    max_dimension : int, optional
        The highest homology dimension; that of the complex by default.
    modulus : int
        A prime: the field of the coefficients.

    Returns
    -------
    Persistence
        ``births`` and ``deaths`` hold the vertices of the simplices that begin and end the bars, -1 where one does not
        end.

    Raises
    ------
    InputError
        For vertices without a value, NaN, and a modulus that is not prime.

    Examples
    --------
    >>> found = lower_star_persistence([[0, 1], [1, 2], [2, 3], [3, 0]], [0.0, 3.0, 1.0, 2.0])
    >>> [bars.tolist() for bars in found.bars]
    [[[0.0, inf], [1.0, 2.0]], [[3.0, inf]]]
    """
    modulus = checked_modulus(modulus)
    heights = np.asarray(values, dtype=np.float64)
    if heights.ndim != 1 or np.isnan(heights).any():
        raise InputError(f"values are a number for each vertex, (n,), none of them NaN; got shape {heights.shape}")
    tables = closure(simplices, len(heights))
    max_dimension = checked_dimension(max_dimension, len(tables) - 1)
    tables = tables[: max_dimension + 2]
    times = [heights[table].max(axis=1, initial=-np.inf) for table in tables]
    return persistence_of(tables, times, facets_of(tables), max_dimension, modulus)


def closure(simplices, n: int) -> list[np.ndarray]:
    """Return all faces (k, d + 1) of simplices on n vertices, for each dimension d, ascending.

    Parameters
    ----------
    simplices : (m, k + 1) integer array, or list of such

    Examples
    --------
    >>> [faces.tolist() for faces in closure([[0, 2, 1]], 3)]
    [[[0], [1], [2]], [[0, 1], [0, 2], [1, 2]], [[0, 1, 2]]]
    """
    given = simplices if isinstance(simplices, list) and any(np.ndim(s) == 2 for s in simplices) else [simplices]
    given = [np.asarray(table) for table in given if np.size(table)]
    for table in given:
        if table.ndim != 2 or table.dtype.kind not in "iu":
            raise ShapeError(f"simplices are integers (m, k + 1), got {table.dtype} of shape {table.shape}")
        if table.min() < 0 or table.max() >= n:
            raise InputError(f"vertices are from 0 to {n - 1}, got {table.min()} to {table.max()}")
    faces = {0: [np.arange(n)[:, None]]}
    for table in given:
        table = np.sort(table.astype(np.int64), axis=1)
        if (table[:, 1:] == table[:, :-1]).any():
            raise InputError("a simplex has different vertices, but some have one twice")
        for size in range(2, table.shape[1] + 1):
            chosen = [table[:, list(columns)] for columns in combinations(range(table.shape[1]), size)]
            faces.setdefault(size - 1, []).extend(chosen)
    return [np.unique(np.concatenate(faces[d]), axis=0) for d in range(len(faces))]


def flag_persistence(
    adjacency,
    *,
    directed: bool = True,
    filtration: str = "max",
    max_dimension: int = 1,
    max_weight: float = np.inf,
    modulus: int = 2,
) -> Persistence:
    """Compute the persistent homology of the flag complex of a graph with weights.

    Of a directed graph the simplices are tuples of vertices in which an edge leads from each to all later ones; of one
    that is not, the cliques.

    Parameters
    ----------
    adjacency : (n, n) array or sparse matrix
        When the edge from row to column enters; inf, or in a sparse matrix not stored, is no edge. The diagonal says
        when vertices enter.
    directed : bool
        Without, either of the two entries of an edge will do; of both the one in the upper triangle counts.
    filtration : str
        When a simplex enters: "max", as the last of its facets. Of the dimensions from 2 on: "max_plus_one", one
        later; "sum" or "product" of the facets' values; "pmean" or "pmoment", after the last of them by the length of
        their vector, or of its deviation from the mean, over their number. Of all dimensions: "dimension", or "zero".
    max_dimension : int
        The highest homology dimension.
    max_weight : float
        Edges that enter later are left out.
    modulus : int
        A prime: the field of the coefficients.

    Returns
    -------
    Persistence
        ``births`` and ``deaths`` hold the vertices of the simplices that begin and end the bars, in the edges'
        order, -1 where one does not end.

    Raises
    ------
    InputError
        For NaN, values of a filtration that descend, and a modulus that is not prime.
    TooLargeError
        If the simplices do not fit the memory that is left.

    Source: D. Lütgehetmann et al., Computing persistent homology of directed flag complexes (arXiv:1906.10458).

    Examples
    --------
    >>> inf = np.inf
    >>> cycle = np.array([[0, 1, inf], [inf, 0, 2], [3, inf, 0]])
    >>> flag_persistence(cycle).bars[1].tolist()  # no vertex comes first
    [[3.0, inf]]
    >>> flag_persistence(np.array([[0, 1, 3], [inf, 0, 2], [inf, inf, 0]])).bars[1].tolist()
    []
    """
    modulus, max_dimension = checked_modulus(modulus), checked_dimension(max_dimension, 1)
    if filtration not in RULES:
        raise InputError(f"filtration is one of {', '.join(RULES)}, got {filtration!r}")
    if not isinstance(max_weight, int | float | np.number) or np.isnan(max_weight):
        raise InputError(f"max_weight is a number, or inf, got {max_weight!r}")
    births, tails, heads, weights = _edges(adjacency, directed)
    births = np.where(births <= max_weight, births, np.inf)
    kept = weights <= max_weight
    simplices, values = clique_complex(births, tails[kept], heads[kept], weights[kept], max_dimension + 1)
    facets = facets_of(simplices)
    if filtration != "max":
        if filtration in ("dimension", "zero"):
            values[:2] = [RULES[filtration](v[:, None], d) for d, v in enumerate(values[:2])]
        for d in range(2, len(values)):
            values[d] = RULES[filtration](values[d - 1][facets[d]], d)
            if (values[d][:, None] < values[d - 1][facets[d]]).any():
                raise InputError(f"the filtration {filtration!r} of these weights lets simplices enter before a facet")
    return persistence_of(simplices, values, facets, max_dimension, modulus)


def clique_complex(births, tails, heads, weights, dimension: int, latest=None) -> tuple[list, list]:
    """Return the simplices (k, d + 1) of a graph's flag complex and when they enter (k,), for d = 0 to ``dimension``.

    Parameters
    ----------
    births : (n,) array
        When vertices enter; inf is never.
    tails, heads, weights : (m,) arrays
        The edges, each once, and when they enter: not before their ends.
    latest : (n,) array, optional
        After which a vertex gets no more simplices.
    """
    from erlangen.topology import _flag_kernels as kernels

    n = len(births)
    weights = np.maximum(weights, np.maximum(births[tails], births[heads]))
    kept = weights < np.inf
    order = np.lexsort([heads[kept], tails[kept]])
    tails, heads, weights = tails[kept][order], heads[kept][order], weights[kept][order]
    starts = np.searchsorted(tails, np.arange(n + 1))
    latest = np.full(n, np.inf) if latest is None else latest
    present = np.flatnonzero(births < np.inf)
    simplices, values = [present.astype(np.int32)[:, None]], [births[present].astype(np.float64)]
    graph = starts, heads.astype(np.int32), np.ascontiguousarray(weights, np.float64), latest
    for d in range(1, dimension + 1):
        room = np.empty((0, d + 1), np.int32), np.empty(0)
        size = kernels.cofaces(simplices[-1], values[-1], *graph, *room)
        check_memory((20 * d + 100) * size, f"a complex with {size:,} simplices of dimension {d}")
        room = np.empty((size, d + 1), np.int32), np.empty(size)
        kernels.cofaces(simplices[-1], values[-1], *graph, *room)
        simplices.append(room[0])
        values.append(room[1])
    return simplices, values


def _edges(adjacency, directed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return when vertices enter, and tails, heads and weights of edges, or say what is wrong."""
    shape = np.shape(adjacency)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ShapeError(f"an adjacency matrix has shape (n, n), got {shape}")
    if sparse.issparse(adjacency):
        entries = sparse.coo_array(adjacency)
        births = np.asarray(adjacency.diagonal(), dtype=np.float64)
        (tails, heads), weights = entries.coords, entries.data.astype(np.float64)
    else:
        try:
            table = np.asarray(adjacency, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(f"an adjacency matrix holds numbers, got {type(adjacency).__name__}") from None
        births = np.diagonal(table).copy()
        tails, heads = np.nonzero(~(table == np.inf))
        weights = table[tails, heads]
    if np.isnan(weights).any() or np.isnan(births).any():
        raise InputError("weights are numbers, or inf for no edge; some are NaN")
    kept = (tails != heads) & (weights < np.inf)
    tails, heads, weights = tails[kept], heads[kept], weights[kept]
    if not directed and len(tails):
        lower = tails > heads
        tails, heads = np.minimum(tails, heads), np.maximum(tails, heads)
        order = np.lexsort([lower, heads, tails])
        tails, heads, weights = tails[order], heads[order], weights[order]
        first = np.append(True, (tails[1:] != tails[:-1]) | (heads[1:] != heads[:-1]))
        tails, heads, weights = tails[first], heads[first], weights[first]
    return births, tails, heads, weights


@dataclass(frozen=True)
class ExtendedPersistence:
    """Bars of a function on a graph, with its superlevel sets added to what the sublevel sets tell: none is infinite.

    Attributes
    ----------
    ordinary : (k, 2) array
        Components of sublevel sets: the minimum at which one begins, and where an elder one meets it.
    relative : (k, 2) array
        Loops of the graph relative to superlevel sets, which are components of these: the maximum at which one begins,
        and where an elder one meets it, below.
    components : (k, 2) array
        Minimum and maximum of each component of the graph.
    loops : (k, 2) array
        Of each loop, its highest edge's upper end and its lowest edge's lower end: the second is not above the first.
    """

    ordinary: np.ndarray
    relative: np.ndarray
    components: np.ndarray
    loops: np.ndarray


def extended_persistence(edges, values, *, modulus: int = 2) -> ExtendedPersistence:
    """Compute the extended persistence of a function on a graph.

    Parameters
    ----------
    edges : (m, 2) integer array
        Of vertices 0 to n - 1.
    values : (n,) array
        The function on the vertices, finite.
    modulus : int
        A prime: the field of the coefficients.

    Raises
    ------
    InputError
        For vertices without a value, values that are not finite, and a modulus that is not prime.

    Source: D. Cohen-Steiner, H. Edelsbrunner, J. Harer, Extending persistence using Poincaré and Lefschetz duality,
    2009. Superlevel sets are added as cones over them, from the top of the function downwards.

    Examples
    --------
    >>> found = extended_persistence([[0, 1], [1, 2], [2, 3], [3, 0]], [0.0, 3.0, 1.0, 2.0])
    >>> found.ordinary.tolist(), found.relative.tolist(), found.components.tolist(), found.loops.tolist()
    ([[1.0, 2.0]], [[2.0, 1.0]], [[0.0, 3.0]], [[3.0, 0.0]])
    """
    modulus = checked_modulus(modulus)
    heights = np.asarray(values, dtype=np.float64)
    if heights.ndim != 1 or not np.isfinite(heights).all():
        raise InputError(f"values are a finite number for each vertex, (n,); got shape {heights.shape}")
    n = len(heights)
    vertices, graph = [*closure(edges, n), np.zeros((0, 2), np.int64)][:2]
    if np.size(edges) and np.shape(edges)[-1] != 2:
        raise ShapeError(f"edges are integers (m, 2), got shape {np.shape(edges)}")
    levels, ranks = np.unique(heights, return_inverse=True)
    top = 2 * len(levels) - 1
    tip = np.full((1, 1), n)
    simplices = [
        np.vstack([vertices, tip]),
        np.vstack([graph, np.column_stack([vertices, np.full(n, n)])]),
        np.column_stack([graph, np.full(len(graph), n)]),
    ]
    times = [  # steps up the levels, then down again
        np.append(ranks, -1.0),
        np.concatenate([ranks[graph].max(axis=1, initial=0), top - ranks]),
        top - ranks[graph].min(axis=1, initial=len(levels)),
    ]
    times = [np.asarray(t, dtype=np.float64) for t in times]
    levels = np.concatenate([levels, levels[::-1]])
    found = {}
    for d, (begin, end) in enumerate(paired(times, facets_of(simplices), 1, modulus)):
        steps = np.column_stack([times[d][begin[end >= 0]], times[d + 1][end[end >= 0]]]).astype(int)
        up, down = steps[:, 0] < len(levels) // 2, steps[:, 1] >= len(levels) // 2
        for name, chosen in (("ordinary", ~down), ("relative", ~up), ("extended", up & down)):
            bars = levels[steps[chosen]].reshape(-1, 2)
            found[name, d] = bars[np.lexsort(bars.T[::-1])]
    lasting = [found[kind, d][found[kind, d][:, 0] != found[kind, d][:, 1]] for kind, d in _KINDS]
    return ExtendedPersistence(*lasting, found["extended", 0], found["extended", 1])


_KINDS = ("ordinary", 0), ("relative", 1)
