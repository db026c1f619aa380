"""Estimators of persistence by explicit complexes: alpha, Čech, sparse Rips and directed flag filtrations."""

import numpy as np

from erlangen.errors import InputError, ShapeError
from erlangen.topology.alpha import OUTPUTS, alpha_persistence
from erlangen.topology.cech import cech_persistence
from erlangen.topology.complexes import cut
from erlangen.topology.flag import RULES, flag_persistence
from erlangen.topology.homology import _dimensions, _Homology, check_point_clouds
from erlangen.topology.sparse_rips import sparse_rips_persistence


class AlphaPersistence(_Homology):
    """Persistence diagrams of alpha filtrations: growing balls around points, many of them, in two or three dimensions.

    Parameters
    ----------
    homology_dimensions : sequence of int
        Which dimensions to return.
    coeff : int
        A prime: homology has coefficients modulo it.
    max_edge_length : float
        The filtration's end, in the units of ``output``.
    output : "diameter", "radius" or "squared"
        Whether births and deaths are twice the balls' radius, comparable with `VietorisRipsPersistence`, the radius, or
        its square.
    infinity_values : float, optional
        What the death of a bar that never ends becomes; ``max_edge_length`` by default.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Attributes
    ----------
    infinity_values_ : float

    Examples
    --------
    >>> angle = np.arange(20) * np.pi / 10
    >>> circles = np.column_stack([np.cos(angle), np.sin(angle)])[None]
    >>> AlphaPersistence().fit_transform(circles)[0, -1].round(3).tolist()
    [0.313, 2.0, 1.0]
    """

    def __init__(
        self,
        homology_dimensions=(0, 1),
        coeff=2,
        max_edge_length=np.inf,
        output="diameter",
        infinity_values=None,
        reduced_homology=True,
        n_jobs=None,
    ):
        self.homology_dimensions = homology_dimensions
        self.coeff = coeff
        self.max_edge_length = max_edge_length
        self.output = output
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the input and set ``infinity_values_``; nothing is learned.

        Parameters
        ----------
        X : (n_samples, n_points, d) array, or list of (n_points, d) arrays
        y : None
        """
        if self.output not in OUTPUTS:
            raise InputError(f"output is one of {', '.join(OUTPUTS)}, got {self.output!r}")
        _check_length("max_edge_length", self.max_edge_length)
        return super().fit(X)

    def _bars(self, cloud, highest):
        found = alpha_persistence(cloud, max_dimension=highest, output=self.output, modulus=self.coeff)
        return cut(found, self.max_edge_length).bars


class EuclideanCechPersistence(_Homology):
    """Persistence diagrams of Čech filtrations: a simplex enters at the radius of the smallest ball around its points.

    Parameters
    ----------
    homology_dimensions : sequence of int
        Which dimensions to return.
    coeff : int
        A prime: homology has coefficients modulo it.
    max_edge_length : float
        The filtration's end, a radius.
    infinity_values : float, optional
        What the death of a bar that never ends becomes; ``max_edge_length`` by default.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Attributes
    ----------
    infinity_values_ : float

    See Also
    --------
    cech_persistence : says how, and for how many points.

    Examples
    --------
    >>> angle = np.arange(20) * np.pi / 10
    >>> circles = np.column_stack([np.cos(angle), np.sin(angle)])[None]
    >>> EuclideanCechPersistence().fit_transform(circles)[0, -1].round(3).tolist()
    [0.156, 1.0, 1.0]
    """

    def __init__(
        self,
        homology_dimensions=(0, 1),
        coeff=2,
        max_edge_length=np.inf,
        infinity_values=None,
        reduced_homology=True,
        n_jobs=None,
    ):
        self.homology_dimensions = homology_dimensions
        self.coeff = coeff
        self.max_edge_length = max_edge_length
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the input and set ``infinity_values_``; nothing is learned.

        Parameters
        ----------
        X : (n_samples, n_points, d) array, or list of (n_points, d) arrays
        y : None
        """
        _check_length("max_edge_length", self.max_edge_length)
        return super().fit(X)

    def _bars(self, cloud, highest):
        return cech_persistence(cloud, max_dimension=highest, max_radius=self.max_edge_length, modulus=self.coeff).bars


class SparseRipsPersistence(_Homology):
    """Persistence diagrams near those of `VietorisRipsPersistence`, from far fewer simplices.

    Parameters
    ----------
    metric, metric_params
        As in `VietorisRipsPersistence`; distances have to obey the triangle inequality.
    homology_dimensions : sequence of int
        Which dimensions to return.
    coeff : int
        A prime: homology has coefficients modulo it.
    epsilon : float
        From 0, the Rips filtration itself, to 1: births and deaths are at most 1 / (1 - epsilon) times as large.
    max_edge_length : float
        Edges that enter later are left out.
    infinity_values : float, optional
        What the death of a bar that never ends becomes; ``max_edge_length`` by default.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Attributes
    ----------
    infinity_values_ : float

    See Also
    --------
    sparse_rips_persistence : says how, and how near.

    Examples
    --------
    >>> angle = np.arange(20) * np.pi / 10
    >>> circles = np.column_stack([np.cos(angle), np.sin(angle)])[None]
    >>> SparseRipsPersistence().fit_transform(circles)[0, -1].round(3).tolist()
    [0.313, 1.782, 1.0]
    """

    def __init__(
        self,
        metric="euclidean",
        metric_params=None,
        homology_dimensions=(0, 1),
        coeff=2,
        epsilon=0.1,
        max_edge_length=np.inf,
        infinity_values=None,
        reduced_homology=True,
        n_jobs=None,
    ):
        self.metric = metric
        self.metric_params = metric_params
        self.homology_dimensions = homology_dimensions
        self.coeff = coeff
        self.epsilon = epsilon
        self.max_edge_length = max_edge_length
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the input and set ``infinity_values_``; nothing is learned.

        Parameters
        ----------
        X : (n_samples, n_points, d) array, or list of (n_points, d) arrays or (n_points, n_points) distances
        y : None
        """
        if not isinstance(self.epsilon, int | float | np.number) or not 0 <= self.epsilon <= 1:
            raise InputError(f"epsilon is a number from 0 to 1, got {self.epsilon!r}")
        _check_length("max_edge_length", self.max_edge_length)
        return super().fit(X)

    def _bars(self, cloud, highest):
        return sparse_rips_persistence(
            cloud,
            epsilon=self.epsilon,
            max_dimension=highest,
            threshold=self.max_edge_length,
            metric=self.metric,
            metric_params=self.metric_params,
            modulus=self.coeff,
        ).bars


class FlagserPersistence(_Homology):
    """Persistence diagrams of flag complexes of graphs with weights, directed or not.

    Parameters
    ----------
    homology_dimensions : sequence of int
        Which dimensions to return.
    directed : bool
        Whether simplices are tuples of vertices with an edge from each to all later ones; else cliques.
    filtration : str
        When simplices enter, "max" or others of `flag_persistence`.
    coeff : int
        A prime: homology has coefficients modulo it.
    max_edge_weight : float
        Edges that enter later are left out.
    infinity_values : float, optional
        What the death of a bar that never ends becomes; ``max_edge_weight`` by default.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    max_entries : int
        Not used: flagser skips columns with more entries than this, here all are reduced.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.

    Attributes
    ----------
    infinity_values_ : float

    Examples
    --------
    >>> inf = np.inf
    >>> FlagserPersistence().fit_transform([[[0, 1, inf], [inf, 0, 2], [3, inf, 0]]])[0].tolist()
    [[0.0, 1.0, 0.0], [0.0, 2.0, 0.0], [3.0, inf, 1.0]]
    """

    def __init__(
        self,
        homology_dimensions=(0, 1),
        directed=True,
        filtration="max",
        coeff=2,
        max_edge_weight=np.inf,
        infinity_values=None,
        reduced_homology=True,
        max_entries=-1,
        n_jobs=None,
    ):
        self.homology_dimensions = homology_dimensions
        self.directed = directed
        self.filtration = filtration
        self.coeff = coeff
        self.max_edge_weight = max_edge_weight
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.max_entries = max_entries
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Check the input and set ``infinity_values_``; nothing is learned.

        Parameters
        ----------
        X : (n_samples, n, n) array, or list of (n, n) arrays or sparse matrices
            As in `flag_persistence`.
        y : None
        """
        self._samples(X)
        _dimensions(self.homology_dimensions)
        if self.filtration not in RULES:
            raise InputError(f"filtration is one of {', '.join(RULES)}, got {self.filtration!r}")
        _check_length("max_edge_weight", self.max_edge_weight, least=-np.inf)
        self.infinity_values_ = self.max_edge_weight if self.infinity_values is None else self.infinity_values
        return self

    def _samples(self, X):
        for graph in check_point_clouds(X):
            if np.shape(graph)[0] != np.shape(graph)[1]:
                raise ShapeError(f"each graph is an adjacency matrix (n, n), got shape {np.shape(graph)}")
        return X

    def _bars(self, graph, highest):
        return flag_persistence(
            graph,
            directed=self.directed,
            filtration=self.filtration,
            max_dimension=highest,
            max_weight=self.max_edge_weight,
            modulus=self.coeff,
        ).bars


def _check_length(name: str, value, least: float = 0.0) -> None:
    if not isinstance(value, int | float | np.number) or not value >= least:
        raise InputError(f"{name} is a number of at least {least:g}, or inf, got {value!r}")
