"""Clusters of each set of a cover, and clusterings that find out themselves how many clusters there are."""

import numpy as np
from joblib import Parallel, delayed
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.metrics import pairwise_distances
from sklearn.utils.validation import check_array, check_memory, validate_data

from erlangen.errors import InputError, ShapeError
from erlangen.memory import check_memory as check_memory_left

EQUAL = 1e-9
"""Heights that differ by no more than this share of them do so by rounding."""

LINKAGES = "single", "complete", "average", "ward"


class ParallelClustering(ClusterMixin, BaseEstimator):
    """Clusters of each set of a cover, found independently.

    Parameters
    ----------
    clusterer : estimator with ``fit_predict``
        A copy is fitted to each set. If its ``metric`` or ``affinity`` is "precomputed", it gets the
        distances or similarities within the set.
    n_jobs : int, optional
        How many sets are worked on at the same time, by joblib.
    parallel_backend_prefer : "processes" or "threads", optional
        joblib's ``prefer``.

    Attributes
    ----------
    labels_ : (n_samples,) array of tuples
        For each sample, pairs of a set's number and the sample's cluster in it. Where the clusterer says noise, -1,
        this is a cluster too.

    Examples
    --------
    >>> from sklearn.cluster import DBSCAN
    >>> sets = [[True, False], [True, True], [False, True]]
    >>> ParallelClustering(DBSCAN(eps=1, min_samples=1)).fit([[[0.0], [1.0], [3.0]], sets]).labels_.tolist()
    [((0, 0),), ((0, 0), (1, 0)), ((1, 1),)]
    """

    def __init__(self, clusterer, n_jobs=None, parallel_backend_prefer=None):
        self.clusterer = clusterer
        self.n_jobs = n_jobs
        self.parallel_backend_prefer = parallel_backend_prefer

    def fit(self, X, y=None, sample_weight=None):
        """Cluster the sets.

        Parameters
        ----------
        X : pair of (n_samples, n_features) and (n_samples, n_sets)
            The samples, or (n_samples, n_samples) distances, and which sets of the cover each is in.
        y : None
        sample_weight : (n_samples,) array, optional
            Passed on to the clusterer.

        Raises
        ------
        ShapeError
            If there are not as many rows in both.
        """
        data, masks = self._checked(X)
        rows = [np.flatnonzero(mask) for mask in masks.T]
        parallel = Parallel(n_jobs=self.n_jobs, prefer=self.parallel_backend_prefer)
        found = parallel(delayed(self._clusters)(data, inside, sample_weight) for inside in rows)
        sizes = [len(inside) for inside in rows]
        sets = np.repeat(np.arange(len(rows)), sizes)
        samples, labels = (np.concatenate([np.zeros(0, int), *parts]).astype(int) for parts in (rows, found))
        order = np.argsort(samples, kind="stable")
        pairs = list(zip(sets[order].tolist(), labels[order].tolist(), strict=True))
        ends = np.cumsum(np.bincount(samples, minlength=len(masks))).tolist()
        self.labels_ = np.empty(len(masks), dtype=object)
        self.labels_[:] = [tuple(pairs[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
        return self

    def fit_transform(self, X, y=None, sample_weight=None):
        """Cluster the sets and return ``labels_``."""
        return self.fit(X, y, sample_weight).labels_

    def transform(self, X):
        """Refuse: clusters are found in `fit`, for the samples given there."""
        raise NotImplementedError("clusters of new samples are not defined; use fit_transform")

    def _checked(self, X):
        if not hasattr(self.clusterer, "fit_predict"):
            raise InputError(f"clusterer has to have fit_predict, {self.clusterer!r} has not")
        if not isinstance(X, list | tuple) or len(X) != 2:
            raise InputError("X is a pair: samples, and a boolean array (n_samples, n_sets) of the sets they are in")
        data, masks = check_array(X[0], accept_sparse="csr", dtype=None), np.asarray(X[1])
        if masks.dtype != bool or masks.ndim != 2 or len(masks) != data.shape[0]:
            raise ShapeError(f"the cover is a boolean array ({data.shape[0]}, n_sets), got {masks.dtype} {masks.shape}")
        return data, masks[:, masks.any(axis=0)]

    def _clusters(self, data, inside, sample_weight):
        part = data[inside]
        if "precomputed" in (getattr(self.clusterer, name, None) for name in ("metric", "affinity")):
            part = part[:, inside]
        weights = {} if sample_weight is None else {"sample_weight": np.asarray(sample_weight)[inside]}
        return clone(self.clusterer).fit_predict(part, **weights)


class _FirstGap(ClusterMixin, BaseEstimator):
    """What both clusterings share: a tree of merges, cut where the heights of merges first leave a gap."""

    def fit(self, X, y=None):
        """Cluster samples.

        Parameters
        ----------
        X : (n_samples, n_features) array, or (n_samples, n_samples) distances
        y : None
        """
        self._check_arguments()
        X = validate_data(self, X)
        n = self.n_leaves_ = len(X)
        tree = np.empty((0, 4)) if n == 1 else check_memory(self.memory).cache(merges)(X, self.linkage, self.metric)
        self.children_, self.distances_ = tree[:, :2].astype(int), tree[:, 2]
        most = max(1, int(self.max_fraction * n))
        coincide = n == 1 or self.distances_[-1] == 0
        self.n_clusters_ = 1 if coincide else min(self._count(self.distances_), most)
        self.labels_ = cut(tree, self.n_clusters_)
        return self

    def _check_arguments(self):
        if self.linkage not in LINKAGES:
            raise InputError(f"linkage is one of {', '.join(LINKAGES)}, got {self.linkage!r}")
        if self.linkage == "ward" and self.metric != "euclidean":
            raise InputError(f'linkage "ward" needs metric "euclidean", got {self.metric!r}')
        _share("max_fraction", self.max_fraction)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


class FirstSimpleGap(_FirstGap):
    """Agglomerative clustering, cut at the first gap between heights of merges that is large enough.

    The gap below the first merge counts. Samples that all coincide are one cluster.

    Parameters
    ----------
    linkage : "single", "complete", "average" or "ward"
    metric : str or callable
        As in `sklearn.metrics.pairwise_distances`; "precomputed" if distances are given. giotto-tda calls it
        ``affinity``.
    relative_gap_size : float
        The least gap, as a share of the last merge's height: above 0, at most 1.
    max_fraction : float
        There are at most so many clusters for each sample: above 0, at most 1. If the cut leaves more, it is moved up.
    memory : str or joblib.Memory, optional
        Where trees are kept.

    Attributes
    ----------
    n_clusters_, n_leaves_ : int
    labels_ : (n_samples,) array
    children_ : (n_samples - 1, 2) array
        What is merged: samples, then clusters in the order of merges.
    distances_ : (n_samples - 1,) array
        Heights of merges, ascending.

    Examples
    --------
    >>> FirstSimpleGap().fit_predict([[0.0], [1.0], [9.0], [10.0], [11.0]]).tolist()
    [0, 0, 1, 1, 1]
    """

    def __init__(self, linkage="single", metric="euclidean", relative_gap_size=0.3, max_fraction=1.0, memory=None):
        self.linkage = linkage
        self.metric = metric
        self.relative_gap_size = relative_gap_size
        self.max_fraction = max_fraction
        self.memory = memory

    def _check_arguments(self):
        super()._check_arguments()
        _share("relative_gap_size", self.relative_gap_size)

    def _count(self, heights):
        wide = np.diff(heights, prepend=0.0) >= self.relative_gap_size * heights[-1]
        return len(heights) + 1 - int(np.argmax(wide)) if wide.any() else 1


class FirstHistogramGap(_FirstGap):
    """Agglomerative clustering, cut at the first gap of a histogram of heights of merges.

    The histogram gets more bins until one of them is empty, or below the threshold. Samples that all coincide, and two
    samples, are one cluster.

    Parameters
    ----------
    linkage : "single", "complete", "average" or "ward"
    metric : str or callable
        As in `sklearn.metrics.pairwise_distances`; "precomputed" if distances are given. giotto-tda calls it
        ``affinity``.
    freq_threshold : int
        A bin with fewer merges is a gap; empty bins always are.
    max_fraction : float
        There are at most so many clusters for each sample: above 0, at most 1. If the cut leaves more, it is moved up.
    n_bins_start : int
        Bins of the first histogram.
    memory : str or joblib.Memory, optional
        Where trees are kept.

    Attributes
    ----------
    n_clusters_, n_leaves_ : int
    labels_ : (n_samples,) array
    children_ : (n_samples - 1, 2) array
        What is merged: samples, then clusters in the order of merges.
    distances_ : (n_samples - 1,) array
        Heights of merges, ascending.

    Source: G. Singh, F. Memoli, G. Carlsson (2007).

    Examples
    --------
    >>> FirstHistogramGap().fit_predict([[0.0], [1.0], [9.0], [10.0], [11.0]]).tolist()
    [0, 0, 1, 1, 1]
    """

    def __init__(
        self,
        linkage="single",
        metric="euclidean",
        freq_threshold=0,
        max_fraction=1.0,
        n_bins_start=5,
        memory=None,
    ):
        self.linkage = linkage
        self.metric = metric
        self.freq_threshold = freq_threshold
        self.max_fraction = max_fraction
        self.n_bins_start = n_bins_start
        self.memory = memory

    def _check_arguments(self):
        super()._check_arguments()
        for name, least in (("freq_threshold", 0), ("n_bins_start", 1)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < least:
                raise InputError(f"{name} is a whole number of at least {least}, got {value!r}")

    def _count(self, heights):
        if len(heights) == 1:
            return 1
        if heights[-1] - heights[0] <= EQUAL * heights[-1]:  # a histogram around one value begins with a gap
            return len(heights) + 1
        # With more bins than merges one is empty.
        for bins in range(self.n_bins_start, max(self.n_bins_start, len(heights) + 1) + 1):
            counts, edges = np.histogram(heights, bins=bins)
            rare = counts < max(self.freq_threshold, 1)
            if rare.any():
                break
        return 1 + int((heights > edges[np.argmax(rare)]).sum())


def merges(X, linkage: str, metric) -> np.ndarray:
    """Return the merges of agglomerative clustering, as `scipy.cluster.hierarchy.linkage` does."""
    check_memory_left(16 * len(X) ** 2, f"the distances of {len(X):,} samples")
    if linkage == "ward":
        return hierarchy.linkage(X, "ward")
    if metric == "precomputed" and X.shape[0] != X.shape[1]:
        raise ShapeError(f"precomputed distances have shape (n, n), got {X.shape}")
    if metric == "euclidean":
        return hierarchy.linkage(X, linkage)
    return hierarchy.linkage(squareform(pairwise_distances(X, metric=metric), checks=False), linkage)


def cut(tree: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return the labels of samples after all but the last merges, numbered by each cluster's first sample."""
    n = len(tree) + 1
    if n_clusters == 1:
        return np.zeros(n, dtype=int)
    # Not by height: of several merges at the same height, some may be undone and some not.
    parts = hierarchy.fcluster(tree, n - n_clusters - 1, "monocrit", monocrit=np.arange(n - 1.0))
    _, first, label = np.unique(parts, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[label]


def _share(name: str, value) -> None:
    if not isinstance(value, int | float | np.number) or not 0 < value <= 1:
        raise InputError(f"{name} is a number above 0 and at most 1, got {value!r}")
