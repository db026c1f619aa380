"""Graphs ready for topology: nearest neighbors, shortest paths, transitions between states of a series."""

import warnings

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from scipy.sparse.csgraph import shortest_path
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.neighbors import kneighbors_graph
from sklearn.utils.validation import check_array, check_is_fitted

from erlangen.errors import InputError, ShapeError
from erlangen.topology.homology import check_point_clouds
from erlangen.topology.plots import MatrixPlots


class KNeighborsGraph(TransformerMixin, BaseEstimator):
    """Graphs of the nearest neighbors in point clouds, directed from a point to its neighbors.

    Parameters
    ----------
    n_neighbors : int
        Neighbors of a point, itself not counted.
    mode : "connectivity" or "distance"
        Whether entries are one or distances.
    metric, p, metric_params
        As in `sklearn.neighbors.kneighbors_graph`.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Examples
    --------
    >>> KNeighborsGraph(n_neighbors=1).fit_transform([[[0.0], [1.0], [3.0]]])[0].toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """

    def __init__(self, n_neighbors=4, mode="connectivity", metric="euclidean", p=2, metric_params=None, n_jobs=None):
        self.n_neighbors = n_neighbors
        self.mode = mode
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check point clouds (n_samples, n_points, d); nothing is learned."""
        if any(len(cloud) <= self.n_neighbors for cloud in check_point_clouds(X)):
            raise InputError(f"each cloud has more than n_neighbors = {self.n_neighbors} points")
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return a list of sparse matrices (n_points, n_points)."""
        check_is_fitted(self)
        options = {"mode": self.mode, "metric": self.metric, "p": self.p, "metric_params": self.metric_params}
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(kneighbors_graph)(cloud, self.n_neighbors, include_self=False, **options)
            for cloud in check_point_clouds(X)
        )


class GraphGeodesicDistance(MatrixPlots, TransformerMixin, BaseEstimator):
    """Lengths of shortest paths between the vertices of graphs.

    In a dense matrix inf, NaN, or False if it is boolean, is no edge, and zero an edge of length zero; in a sparse one
    what is not stored is no edge.

    Parameters
    ----------
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.
    directed : bool
        Whether edges lead one way only.
    unweighted : bool
        Whether each edge counts as one.
    method : "auto", "FW", "D", "BF" or "J"
        As in `scipy.sparse.csgraph.shortest_path`.

    Examples
    --------
    >>> path = [[0, 1, np.inf], [1, 0, 2], [np.inf, 2, 0]]
    >>> GraphGeodesicDistance().fit_transform([path])[0].tolist()
    [[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]
    """

    def __init__(self, n_jobs=None, directed=False, unweighted=False, method="auto"):
        self.n_jobs = n_jobs
        self.directed = directed
        self.unweighted = unweighted
        self.method = method

    def fit(self, X, y=None):
        """Check graphs, a list of square matrices or an array (n_samples, n, n); nothing is learned."""
        _graphs(X)
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return the lengths, (n_samples, n, n), inf where there is no path; a list if sizes differ."""
        check_is_fitted(self)
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(delayed(self._paths)(graph) for graph in _graphs(X))
        return np.stack(found) if len({one.shape for one in found}) == 1 else found

    def _paths(self, graph):
        method = self.method
        if not sparse.issparse(graph):
            graph = _edges(np.asarray(graph))
            if method in ("auto", "FW") and (graph.data == 0).any():  # Floyd and Warshall's takes zeros for no edge
                negative = (graph.data < 0).any()
                method = "J" if negative else "D"
                if self.method == "FW":
                    warnings.warn(f"edges of length zero: method {method} is used instead of FW", stacklevel=2)
        return shortest_path(graph, method=method, directed=self.directed, unweighted=self.unweighted)


def _edges(dense: np.ndarray) -> sparse.csr_array:
    """Return the edges of a dense matrix, those of length zero stored."""
    present = dense if dense.dtype == bool else np.isfinite(dense)
    present = present & ~np.eye(len(dense), dtype=bool)
    row, column = np.nonzero(present)
    return sparse.csr_array((dense[present].astype(float), (row, column)), shape=dense.shape)


def _graphs(X):
    if sparse.issparse(X) or getattr(X, "ndim", 3) == 2:
        raise ShapeError(f"a collection of graphs is needed, got one of shape {X.shape}; [X] makes it one")
    if not len(X):
        raise InputError("at least one graph is needed, got none")
    if any(np.ndim(graph) != 2 and not sparse.issparse(graph) for graph in X):
        raise ShapeError("each graph is a square matrix")
    if any(np.shape(graph)[0] != np.shape(graph)[1] for graph in X):
        raise ShapeError("each graph is a square matrix")
    return X


class TransitionGraph(TransformerMixin, BaseEstimator):
    """Graphs of the states that a series passes through: how often one state follows another.

    Parameters
    ----------
    func : callable or None
        Maps a row of the series to its state; the order of its entries by default. None: the row is the state.
    func_params : dict, optional
        Its further arguments.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Attributes
    ----------
    effective_func_params_ : dict

    Examples
    --------
    >>> TransitionGraph().fit_transform([[[0, 1], [1, 0], [0, 2], [3, 5]]])[0].toarray().tolist()
    [[0, 1], [1, 0]]
    """

    def __init__(self, func=np.argsort, func_params=None, n_jobs=None):
        self.func = func
        self.func_params = func_params
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check series (n_samples, n, d); nothing is learned."""
        check_point_clouds(X)
        self.effective_func_params_ = dict(self.func_params or {})
        return self

    def transform(self, X):
        """Return a list of sparse matrices (n_states, n_states), states in ascending order."""
        check_is_fitted(self)
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(delayed(self._graph)(x) for x in check_point_clouds(X))

    def _graph(self, series):
        states = check_array(series, dtype=None)
        if self.func is not None:
            states = np.stack([np.atleast_1d(self.func(row, **self.effective_func_params_)) for row in states])
        names, state = np.unique(states, axis=0, return_inverse=True)
        here, there = state.ravel()[:-1], state.ravel()[1:]
        moves = here != there
        ones = np.ones(int(moves.sum()), dtype=int)
        return sparse.csr_array((ones, (here[moves], there[moves])), shape=(len(names), len(names)))
