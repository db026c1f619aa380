"""What scikit-learn expects of estimators, asked of all of topology's, and equal results from joblib's backends.

Those that take series get the matrices that scikit-learn's own checks feed. All, also those that take point clouds,
diagrams, images or graphs, answer to the checks below, each on its own input. Mapper's are in `test_mapper.py`.
"""

import inspect
import os
import pickle
from functools import cache

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import DataDimensionalityWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from erlangen import topology
from erlangen.errors import InputError

RNG = np.random.default_rng(0)
CLOUDS = RNG.normal(size=(6, 12, 2))
BIRTHS = RNG.random((6, 8))
DIMENSIONS = np.tile(np.repeat([0.0, 1.0], 4), (6, 1))
DIAGRAMS = np.stack([BIRTHS, BIRTHS + 0.1 + RNG.random((6, 8)), DIMENSIONS], axis=2)
GREY, BINARY = RNG.random((6, 5, 7)), RNG.random((6, 5, 7)) < 0.5
WEIGHTS = RNG.random((6, 8, 8)) * (1 - np.eye(8))
WALKS = RNG.normal(size=(6, 20, 3))

COLLECTIONS = [
    (CLOUDS, [
        "VietorisRipsPersistence", "WeightedRipsPersistence", "SparseRipsPersistence", "WeakAlphaPersistence",
        "AlphaPersistence", "EuclideanCechPersistence", "KNeighborsGraph", "ConsistentRescaling",
        "ConsecutiveRescaling", "MultiparameterLandscape",
    ]),
    (DIAGRAMS, [
        "ForgetDimension", "Scaler", "Filtering", "BettiCurve", "PersistenceLandscape", "Silhouette", "HeatKernel",
        "PersistenceImage", "PersistenceEntropy", "NumberOfPoints", "ComplexPolynomial", "Amplitude",
        "PairwiseDistance", "Atol", "SlicedWassersteinKernel", "PersistenceScaleSpaceKernel",
        "PersistenceWeightedGaussianKernel", "PersistenceFisherKernel",
    ]),
    (GREY, ["Binarizer", "Inverter", "Padder", "CubicalPersistence", "Derivative", "StandardFeatures"]),
    (BINARY, [
        "ImageToPointCloud", "HeightFiltration", "RadialFiltration", "DilationFiltration", "ErosionFiltration",
        "SignedDistanceFiltration", "DensityFiltration",
    ]),
    (WEIGHTS, ["FlagserPersistence", "GraphGeodesicDistance"]),
    (WALKS, ["PermutationEntropy", "PearsonDissimilarity", "TransitionGraph", "CollectionTransformer"]),
]  # fmt: skip
"""What estimators of collections are fitted to."""
TABLES = [
    (1 + RNG.random((40, 5)), ["SlidingWindow", "Resampler", "Stationarizer", "TakensEmbedding"]),
    (RNG.normal(size=(15, 2)), ["KNeighborsLocalVietorisRips", "RadiusLocalVietorisRips"]),
    (RNG.normal(size=60), ["SingleTakensEmbedding", "Labeller"]),
]
"""What those are fitted to whose input is one matrix or one series."""
INPUTS = {name: X for X, names in COLLECTIONS + TABLES for name in names}
OF_COLLECTIONS = sorted(name for _, names in COLLECTIONS for name in names)
ARGUMENTS = {
    "Atol": {"quantiser": KMeans(2, random_state=0)},
    "CollectionTransformer": {"transformer": PCA(2, random_state=0)},
    "SingleTakensEmbedding": {"time_delay": 2, "dimension": 3},
    "SlidingWindow": {"size": 2},
    "StandardFeatures": {"function": "mean"},
    "RadiusLocalVietorisRips": {"radii": (1.0, 2.0)},
    "KNeighborsLocalVietorisRips": {"n_neighbors": (2, 5)},
}
"""What is not left at its default."""
NAMES = sorted(INPUTS)


@cache
def made(name: str) -> BaseEstimator:
    return getattr(topology, name)(**ARGUMENTS.get(name, {}))


def same(first, second) -> None:
    """Fail unless two results are equal: arrays, sparse matrices or lists of them."""
    if isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            same(one, other)
    elif hasattr(first, "toarray"):
        same(first.toarray(), second.toarray())
    else:
        np.testing.assert_array_equal(first, second)


def test_every_estimator_is_listed():
    public = (getattr(topology, name) for name in topology.__all__)
    estimators = {one.__name__ for one in public if isinstance(one, type) and issubclass(one, BaseEstimator)}
    assert estimators - {"Pipeline"} == set(INPUTS)  # a pipeline takes what its first step takes


def excused(estimator) -> dict[str, str]:
    """What scikit-learn's checks ask that an estimator of series cannot give, with the reason."""
    time = "samples are moments of a series, transformed together, and there are fewer afterwards"
    reasons = {
        "check_n_features_in_after_fitting": "nothing is learned, so that columns may be others than in fit",
        "check_n_features_in": "nothing is learned, so that columns may be others than in fit",
        "check_transformer_general": "nothing is learned, so that columns may be others than in fit",
        "check_transformer_data_not_an_array": time,
        "check_methods_sample_order_invariance": time,
        "check_methods_subset_invariance": time,
        "check_fit1d": "a single series has one axis",
        "check_fit2d_predict1d": "a single series has one axis",
        "check_dtype_object": "objects are taken as they are, like anything that has moments",
    }
    if isinstance(estimator, topology.SlidingWindow):
        return reasons | {"check_fit2d_1sample": "says how many samples a window needs"}
    if isinstance(estimator, topology.Stationarizer):
        return reasons | {"check_estimators_dtypes": "integers are zero at times, of which there is no share"}
    if isinstance(estimator, topology.TakensEmbedding):
        return {name: reasons[name] for name in reasons if "n_features" in name or name.endswith("general")} | {
            "check_fit2d_1feature": "says how many samples an embedding needs",
            "check_fit2d_predict1d": "the message names the shapes that series may have",
        }
    return reasons


@parametrize_with_checks(
    [topology.SlidingWindow(2), topology.Resampler(), topology.Stationarizer(), topology.TakensEmbedding()],
    expected_failed_checks=excused,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", NAMES)
def test_parameters(name):
    """A constructor stores what it is given and nothing else; a clone has the same; a text shows it."""
    estimator = made(name)
    parameters = estimator.get_params(deep=False)
    assert set(parameters) == set(inspect.signature(type(estimator)).parameters)
    assert vars(estimator) == parameters
    copied = clone(estimator)
    assert copied is not estimator
    assert repr(copied.get_params()) == repr(estimator.get_params())
    assert repr(estimator).startswith(f"{name}(")
    assert copied.set_params(**parameters) is copied
    with pytest.raises(ValueError, match="Invalid parameter"):
        copied.set_params(no_such_parameter=1)


@pytest.mark.parametrize("name", NAMES)
def test_fit(name):
    """It returns itself, leaves parameters and input alone, and does the same when it is done again."""
    X = INPUTS[name].copy()
    X.setflags(write=False)  # as joblib's workers get it
    estimator = clone(made(name))
    before = repr(estimator.get_params())
    assert estimator.fit(X) is estimator
    assert repr(estimator.get_params()) == before
    learned = {key for key in vars(estimator) if key.endswith("_") and not key.startswith("_")}
    assert learned, "nothing says that it is fitted"
    first = estimator.transform(X)
    same(first, estimator.transform(X))
    same(first, estimator.fit(X).transform(X))
    same(first, clone(estimator).fit_transform(X))
    same(first, pickle.loads(pickle.dumps(estimator)).transform(X))
    np.testing.assert_array_equal(X, INPUTS[name])


@pytest.mark.parametrize("name", NAMES)
def test_transform_before_fit(name):
    if name == "CollectionTransformer":
        pytest.skip("it keeps no state: a clone is fitted to each sample")
    with pytest.raises(NotFittedError):
        clone(made(name)).transform(INPUTS[name])


@pytest.mark.parametrize("name", OF_COLLECTIONS)
def test_samples(name):
    """A list and one sample do as well as an array, and samples are transformed each by itself."""
    X = INPUTS[name]
    estimator = clone(made(name)).fit(X)
    whole = estimator.transform(X)
    same(whole, estimator.transform(list(X)))
    same(whole, estimator.transform(X.tolist()))
    again = estimator.transform(np.asfortranarray(X))
    if name != "CollectionTransformer":  # how principal components are rounded depends on the order in memory
        same(whole, again)
    assert len(estimator.transform(X[:1])) == 1
    assert len(clone(estimator).fit(X[:1]).transform(X[:1])) == 1
    if not isinstance(whole, list) and whole.dtype != object and "Persistence" not in name and name != "Filtering":
        np.testing.assert_allclose(whole[:1], estimator.transform(X[:1]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", COLLECTIONS[1][1])
def test_diagrams_without_bars(name):
    """What is learned from diagrams with bars applies to those without, and most learn from these, too."""
    empty = DIAGRAMS[:2].copy()
    empty[:, :, 1] = empty[:, :, 0]
    found = clone(made(name)).fit(DIAGRAMS).transform(empty)
    assert len(found) == 2
    assert np.isfinite(found[..., :2]).all()
    if name in ("Scaler", "Atol"):
        with pytest.raises(InputError, match="bars"):
            clone(made(name)).fit(empty)
    else:
        assert np.isfinite(clone(made(name)).fit_transform(empty)[..., :2]).all()


@pytest.mark.parametrize("name", OF_COLLECTIONS)
def test_it_is_a_step_of_a_pipeline_whose_parameters_are_searched(name):
    def numbers(X):
        arrays = [np.asarray(x.todense() if hasattr(x, "todense") else x, dtype=float).ravel() for x in X]
        return np.array([[a[np.isfinite(a)].sum(), len(a)] for a in arrays])

    steps = make_pipeline(clone(made(name)), FunctionTransformer(numbers), LogisticRegression())
    search = GridSearchCV(steps, {"logisticregression__C": [0.1, 1.0]}, cv=2, error_score="raise")
    search.fit(INPUTS[name], np.arange(6) % 2)
    assert search.predict(INPUTS[name]).shape == (6,)


@pytest.mark.parametrize(
    "name", ["PersistenceEntropy", "NumberOfPoints", "Amplitude", "ComplexPolynomial", "PermutationEntropy"]
)
def test_rows_become_a_frame(name):
    pandas = pytest.importorskip("pandas")
    estimator = clone(made(name))
    plain = estimator.fit_transform(INPUTS[name])
    frame = estimator.set_output(transform="pandas").fit_transform(INPUTS[name])
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(estimator.get_feature_names_out())
    np.testing.assert_array_equal(frame, plain)


@pytest.mark.parametrize("name", ["VietorisRipsPersistence", "WeightedRipsPersistence", "SparseRipsPersistence"])
def test_distances_taken_for_points_are_noticed(name):
    distances = np.linalg.norm(CLOUDS[:, :, None] - CLOUDS[:, None], axis=3)
    with pytest.warns(DataDimensionalityWarning, match='metric="precomputed" takes it for distances'):
        clone(made(name)).fit(distances)
    clone(made(name)).set_params(metric="precomputed").fit(distances)
    clone(made(name)).fit(distances[:, :, ::-1])  # square, but no distances


PARALLEL = sorted(name for name in INPUTS if "n_jobs" in inspect.signature(getattr(topology, name)).parameters)


@pytest.mark.parametrize("name", PARALLEL)
def test_threads_find_the_same(name):
    estimator = clone(made(name)).set_params(n_jobs=2)
    same(clone(made(name)).fit_transform(INPUTS[name]), estimator.fit_transform(INPUTS[name]))


ACROSS = "VietorisRipsPersistence", "CubicalPersistence", "Amplitude", "SignedDistanceFiltration", "PermutationEntropy"


def check_other_processes() -> None:
    """Fail unless other processes do the work, and find the same."""

    def process(_) -> int:  # in here, so that it is sent whole: the others cannot import the tests
        return os.getpid()

    workers = topology.StandardFeatures(function=process, n_jobs=2).fit_transform(GREY)
    assert os.getpid() not in workers
    for name in ACROSS:
        parallel = clone(made(name)).set_params(n_jobs=2).fit_transform(INPUTS[name])
        with joblib.parallel_config("sequential"):
            same(clone(made(name)).fit_transform(INPUTS[name]), parallel)


def test_processes_find_the_same():
    with joblib.parallel_config("loky", n_jobs=2):
        check_other_processes()


def test_a_cluster_of_dask_finds_the_same():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        check_other_processes()
