"""Filter, cover, clustering and nerve as one pipeline."""

import sklearn.pipeline
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import DBSCAN
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer

from erlangen.topology.mapper.clustering import ParallelClustering
from erlangen.topology.mapper.cover import CubicalCover
from erlangen.topology.mapper.filters import transformer_from_callable_on_rows
from erlangen.topology.mapper.nerve import Nerve

PLACES = {
    **{name: f"pullback_cover__map_and_cover__{name}" for name in ("scaler", "filter_func", "cover")},
    "clustering_preprocessing": "pullback_cover__clustering_preprocessing",
    **{name: f"clustering__{name}" for name in ("clusterer", "n_jobs", "parallel_backend_prefer")},
    **{name: f"nerve__{name}" for name in ("min_intersection", "store_edge_elements", "contract_nodes")},
}
"""Where a pipeline keeps what `make_mapper_pipeline` takes."""


class PullbackCover(TransformerMixin, BaseEstimator):
    """What is clustered, beside the sets it is clustered in.

    Parameters
    ----------
    clustering_preprocessing : transformer
        Makes what is clustered.
    map_and_cover : transformer
        Makes the sets, (n_samples, n_sets) of bool.
    """

    def __init__(self, clustering_preprocessing, map_and_cover):
        self.clustering_preprocessing = clustering_preprocessing
        self.map_and_cover = map_and_cover

    def fit(self, X, y=None):
        """Fit both."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X, y=None):
        """Fit both and return what they make of the samples, a list of two."""
        return [part.fit_transform(X, y) for part in (self.clustering_preprocessing, self.map_and_cover)]

    def transform(self, X):
        """Return what both make of the samples, a list of two."""
        return [part.transform(X) for part in (self.clustering_preprocessing, self.map_and_cover)]


class MapperPipeline(sklearn.pipeline.Pipeline):
    """A pipeline of `make_mapper_pipeline`, whose parameters also go by the names that this function takes.

    ``fit_transform(X)`` returns the graph. Steps are ``pullback_cover``, ``clustering`` and ``nerve``.

    Examples
    --------
    >>> pipeline = make_mapper_pipeline().set_params(cover__n_intervals=5, clusterer__eps=0.3)
    >>> pipeline.get_mapper_params()["cover__n_intervals"]
    5
    """

    def get_mapper_params(self, deep: bool = True) -> dict:
        """Return the parameters under the names that `make_mapper_pipeline` takes.

        Parameters
        ----------
        deep : bool
            Whether to return those of the parts, too, as ``part__parameter``.
        """
        held = self.get_params()
        found = {"memory": held["memory"], "verbose": held["verbose"]}
        for name, place in PLACES.items():
            found |= {name + key[len(place) :]: value for key, value in held.items() if _part_of(key, place, deep)}
        return found

    def set_params(self, **params):
        """Set parameters, by their own names or by those that `make_mapper_pipeline` takes."""
        return super().set_params(**{_placed(key): value for key, value in params.items()})


def _part_of(key: str, place: str, deep: bool) -> bool:
    return key == place or (deep and key.startswith(f"{place}__"))


def _placed(key: str) -> str:
    name, mark, rest = key.partition("__")
    return PLACES.get(name, name) + mark + rest


def make_mapper_pipeline(
    scaler=None,
    filter_func=None,
    cover=None,
    clustering_preprocessing=None,
    clusterer=None,
    n_jobs=None,
    parallel_backend_prefer=None,
    graph_step=True,
    min_intersection=1,
    store_edge_elements=False,
    contract_nodes=False,
    memory=None,
    verbose=False,
) -> MapperPipeline:
    """Return a pipeline that makes Mapper graphs.

    Parameters
    ----------
    scaler : transformer, optional
        Applied before the filter; none by default.
    filter_func : transformer or callable, optional
        Maps samples, a callable each row, to filter values; the first two principal components by default.
    cover : transformer, optional
        Covers filter values; `CubicalCover` by default.
    clustering_preprocessing : transformer, optional
        Makes of the samples what is clustered; samples are clustered as they are by default.
    clusterer : clusterer, optional
        scikit-learn's DBSCAN by default.
    n_jobs, parallel_backend_prefer
        As in `ParallelClustering`.
    graph_step : bool
        Whether the last step is a `Nerve`; without it the pipeline returns the labels of `ParallelClustering`.
    min_intersection, store_edge_elements, contract_nodes
        As in `Nerve`.
    memory, verbose
        As in `sklearn.pipeline.Pipeline`.

    Examples
    --------
    >>> import numpy as np
    >>> angle = np.arange(100) * np.pi / 50
    >>> circle = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> cover = CubicalCover(n_intervals=4, overlap_frac=0.3)
    >>> graph = make_mapper_pipeline(filter_func=lambda row: row[0], cover=cover).fit_transform(circle)
    >>> graph.n_nodes, len(graph.edges)
    (6, 6)
    """
    if filter_func is None:
        filter_func = PCA(n_components=2)
    elif not hasattr(filter_func, "fit_transform"):
        filter_func = transformer_from_callable_on_rows(filter_func)
    map_and_cover = sklearn.pipeline.Pipeline(
        [
            ("scaler", FunctionTransformer() if scaler is None else scaler),
            ("filter_func", filter_func),
            ("cover", CubicalCover() if cover is None else cover),
        ]
    )
    identity = FunctionTransformer() if clustering_preprocessing is None else clustering_preprocessing
    clusterer = DBSCAN() if clusterer is None else clusterer
    steps = [
        ("pullback_cover", PullbackCover(identity, map_and_cover)),
        ("clustering", ParallelClustering(clusterer, n_jobs, parallel_backend_prefer)),
    ]
    if graph_step:
        steps.append(("nerve", Nerve(min_intersection, store_edge_elements, contract_nodes)))
    return MapperPipeline(steps, memory=memory, verbose=verbose)
