"""The nerve: clusters as nodes, joined where they share samples."""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from erlangen.errors import InputError, require


@dataclass(frozen=True, eq=False)
class MapperGraph:
    """A Mapper graph: what giotto-tda keeps as attributes of an igraph graph, by the same names.

    Attributes
    ----------
    pullback_set_label : (n_nodes,) array
        The set of the cover that each node's cluster was found in.
    partial_cluster_label : (n_nodes,) array
        Its number in this set.
    node_elements : tuple of (k,) arrays
        The samples of each node, ascending.
    edges : (n_edges, 2) array
        Nodes i < j, ascending.
    weight : (n_edges,) array
        How many samples both share.
    edge_elements : tuple of (k,) arrays, or None
        These samples, if they were asked for.
    """

    pullback_set_label: np.ndarray
    partial_cluster_label: np.ndarray
    node_elements: tuple[np.ndarray, ...]
    edges: np.ndarray
    weight: np.ndarray
    edge_elements: tuple[np.ndarray, ...] | None

    @property
    def n_nodes(self) -> int:
        """How many nodes there are."""
        return len(self.node_elements)

    def adjacency(self) -> sparse.csr_array:
        """Return the symmetric matrix (n_nodes, n_nodes) of weights."""
        i, j = self.edges.T
        both = np.concatenate([i, j]), np.concatenate([j, i])
        return sparse.csr_array((np.tile(self.weight, 2), both), shape=(self.n_nodes, self.n_nodes))

    def to_networkx(self):
        """Return a networkx graph whose nodes and edges carry the attributes.

        Raises
        ------
        MissingExtraError
            If networkx is not installed; torch brings it.
        """
        graph = require("networkx", "nn").Graph()
        names = "pullback_set_label", "partial_cluster_label", "node_elements"
        columns = self.pullback_set_label.tolist(), self.partial_cluster_label.tolist(), self.node_elements
        graph.add_nodes_from(
            (i, dict(zip(names, row, strict=True))) for i, row in enumerate(zip(*columns, strict=True))
        )
        graph.add_edges_from(
            (i, j, {"weight": w}) for (i, j), w in zip(self.edges.tolist(), self.weight.tolist(), strict=True)
        )
        for (i, j), shared in zip(self.edges.tolist(), self.edge_elements or (), strict=False):
            graph.edges[i, j]["edge_elements"] = shared
        return graph


class Nerve(BaseEstimator):
    """The graph of clusters: two are joined if they share samples.

    Parameters
    ----------
    min_intersection : int
        How many samples they share at least.
    store_edge_elements : bool
        Whether to keep the shared samples of each edge.
    contract_nodes : bool
        Whether to leave out clusters that lie in another one; of equal ones the first stays. In giotto-tda a node
        that is left can have the samples of a smaller one.

    Attributes
    ----------
    graph_ : MapperGraph

    Examples
    --------
    >>> labels = [((0, 0),), ((0, 0), (1, 0)), ((1, 0),), ((1, 1),)]
    >>> graph = Nerve().fit_transform(labels)
    >>> [samples.tolist() for samples in graph.node_elements], graph.edges.tolist()
    ([[0, 1], [1, 2], [3]], [[0, 1]])
    """

    def __init__(self, min_intersection=1, store_edge_elements=False, contract_nodes=False):
        self.min_intersection = min_intersection
        self.store_edge_elements = store_edge_elements
        self.contract_nodes = contract_nodes

    def fit(self, X, y=None):
        """Make the graph.

        Parameters
        ----------
        X : (n_samples,) sequence of tuples
            For each sample, pairs of a set and a cluster in it: ``labels_`` of `ParallelClustering`.
        y : None

        Raises
        ------
        InputError
            If the labels are no such pairs.
        """
        if not isinstance(self.min_intersection, int | np.integer) or self.min_intersection < 1:
            raise InputError(f"min_intersection is a whole number of at least 1, got {self.min_intersection!r}")
        labels, members = memberships(X)
        if self.contract_nodes:
            kept = _maximal(members)
            labels, members = labels[kept], members[kept]
        shared = sparse.triu(members @ members.T, k=1).tocsr()
        shared.sort_indices()
        shared = shared.tocoo()
        enough = shared.data >= self.min_intersection
        i, j = shared.row[enough], shared.col[enough]
        self.graph_ = MapperGraph(
            pullback_set_label=labels[:, 0],
            partial_cluster_label=labels[:, 1],
            node_elements=_columns(members),
            edges=np.column_stack([i, j]).astype(int),
            weight=shared.data[enough].astype(int),
            edge_elements=_columns(members[i].multiply(members[j]).tocsr()) if self.store_edge_elements else None,
        )
        return self

    def fit_transform(self, X, y=None) -> MapperGraph:
        """Make the graph and return it."""
        return self.fit(X, y).graph_


def memberships(labels) -> tuple[np.ndarray, sparse.csr_array]:
    """Return set and cluster of each node (n_nodes, 2), and which samples are in it, (n_nodes, n_samples).

    Nodes are in the order in which samples first name them.
    """
    try:
        sizes = np.fromiter(map(len, labels), dtype=np.int64)
        pairs = np.array(list(chain.from_iterable(labels))).reshape(-1, 2)
        usable = len(pairs) == sizes.sum() and pairs.dtype.kind in "iu" if len(pairs) else True
    except (TypeError, ValueError):
        usable = False
    if not usable:
        raise InputError("for each sample a tuple of pairs (set, cluster) is needed, as ParallelClustering makes them")
    nodes, first, node = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.argsort(order)[node.ravel()]
    samples = np.repeat(np.arange(len(sizes)), sizes)
    members = sparse.csr_array((np.ones(len(samples), dtype=int), (place, samples)), shape=(len(nodes), len(sizes)))
    return nodes[order].astype(int), members


def _maximal(members: sparse.csr_array) -> np.ndarray:
    """Return the nodes that lie in no other one, the first of equal ones."""
    sizes = members.sum(axis=1)
    shared = (members @ members.T).tocoo()
    inner, outer = shared.row, shared.col
    inside = (shared.data == sizes[inner]) & ((sizes[outer] > sizes[inner]) | (outer < inner))
    return np.setdiff1d(np.arange(len(sizes)), inner[inside])


def _columns(rows: sparse.csr_array) -> tuple[np.ndarray, ...]:
    """Return the columns of each row, ascending."""
    rows.sort_indices()
    return tuple(np.split(rows.indices.astype(int), rows.indptr[1:-1])[: rows.shape[0]])
