"""Distances between diagrams against all matchings, gudhi's hera, giotto-tda's figures and the axioms of a metric."""

from itertools import permutations

import numpy as np
import ot
import pytest
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial.distance import cdist
from sklearn.base import clone

from erlangen import kernels
from erlangen.errors import InputError, ShapeError
from erlangen.topology import (
    Amplitude,
    Filtering,
    ForgetDimension,
    PairwiseDistance,
    Scaler,
    bottleneck_distance,
    rips_persistence,
    wasserstein_distance,
)
from erlangen.topology.distances import matched

A = np.array([[[0.0, 1, 0], [0, 2, 0], [0, 4, 1], [1, 1, 1]]])
B = np.array([[[0.0, 1.5, 0], [0, 0, 0], [0, 3, 1], [0, 0, 1]]])


def some_bars(rng, k: int, ties: bool = False) -> np.ndarray:
    birth = rng.random(k)
    bars = np.column_stack([birth, birth + rng.random(k) ** 3])
    return np.round(4 * bars) / 4 if ties else bars


def by_all_matchings(a, b, p: float) -> float:
    """Return the distance as the least over all permutations of both diagrams with their diagonal partners."""
    n, m = len(a), len(b)
    costs = np.zeros((n + m, n + m))
    for i in range(n):
        costs[i, :m] = np.abs(a[i] - b).max(axis=1) if m else []
        costs[i, m:] = (a[i, 1] - a[i, 0]) / 2
    costs[n:, :m] = (b[:, 1] - b[:, 0]) / 2
    sizes = [costs[np.arange(n + m), list(s)] for s in permutations(range(n + m))]
    return min(np.linalg.norm(s, ord=p) for s in sizes) if n + m else 0.0


@pytest.mark.parametrize("seed", range(30))
def test_all_matchings(seed):
    rng = np.random.default_rng(seed)
    a, b = (some_bars(rng, rng.integers(0, 4), ties=seed % 2 == 0) for _ in range(2))
    assert bottleneck_distance(a, b) == pytest.approx(by_all_matchings(a, b, np.inf), abs=1e-15)
    for p in (1.0, 2.0, 3.5):
        assert wasserstein_distance(a, b, p=p) == pytest.approx(by_all_matchings(a, b, p), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_gudhi(seed):
    gudhi = pytest.importorskip("gudhi")
    hera = pytest.importorskip("gudhi.hera")
    rng = np.random.default_rng(seed)
    a, b = (some_bars(rng, rng.integers(1, 150), ties=seed % 4 == 0) for _ in range(2))
    assert bottleneck_distance(a, b) == pytest.approx(gudhi.bottleneck_distance(a, b), abs=1e-9)
    for p in (1.0, 2.0):
        theirs = hera.wasserstein_distance(a, b, order=p, internal_p=np.inf, delta=1e-10)
        assert wasserstein_distance(a, b, p=p) == pytest.approx(theirs, rel=1e-9)


def plain_wasserstein(a, b, p: float) -> float:
    """Return the distance by scipy's assignment of the square matrix with diagonal copies."""
    n, m = len(a), len(b)
    costs = np.zeros((n + m, n + m))
    costs[:n, :m] = cdist(a, b, "chebyshev") ** p
    costs[:n, m:] = (((a[:, 1] - a[:, 0]) / 2) ** p)[:, None]
    costs[n:, :m] = ((b[:, 1] - b[:, 0]) / 2) ** p
    return costs[linear_sum_assignment(costs)].sum() ** (1 / p)


def plain_bottleneck(a, b) -> float:
    """Return the least distance at which scipy finds a perfect matching of the bars and their diagonal copies."""
    n, m = len(a), len(b)
    costs = np.zeros((n + m, n + m))
    costs[:n, :m] = cdist(a, b, "chebyshev")
    costs[:n, m:] = ((a[:, 1] - a[:, 0]) / 2)[:, None]
    costs[n:, :m] = (b[:, 1] - b[:, 0]) / 2
    values = np.unique(costs)
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        found = maximum_bipartite_matching(sparse.csr_array(costs <= values[middle]))
        low, high = (low, middle) if (found >= 0).all() else (middle + 1, high)
    return float(values[low])


def kinds_of_bars(rng, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return two diagrams of one kind that somebody's data are."""
    n, m = rng.integers(1, 70, 2)
    if kind == "components":  # all are born at once
        return tuple(np.column_stack([np.zeros(k), rng.random(k)]) for k in (n, m))
    if kind == "pixels":  # of few values, with many ties
        return tuple(np.sort(rng.permuted(np.tile(np.arange(9), (k, 1)), axis=1)[:, :2], axis=1) * 1.0 for k in (n, m))
    if kind == "equal":
        return np.tile([[0.0, 1.0]], (n, 1)), np.tile([[0.1, 1.2]], (m, 1))
    if kind == "nearby":
        a = some_bars(rng, n)
        return a, np.sort(a + 0.01 * rng.normal(size=a.shape), axis=1)
    if kind == "long and short":
        return some_bars(rng, n) * [1, 100], some_bars(rng, m) * [1, 0.01] + [0, 1]
    return some_bars(rng, n) + 1e6, some_bars(rng, m) + 1e6  # far from the origin


@pytest.mark.parametrize("kind", ["components", "pixels", "equal", "nearby", "long and short", "far"])
def test_matchings_of_scipy(kind):
    rng = np.random.default_rng(0)
    for _ in range(25):
        a, b = kinds_of_bars(rng, kind)
        assert bottleneck_distance(a, b) == pytest.approx(plain_bottleneck(a, b), rel=1e-12)
        for p in (1.0, 2.0, 4.0):
            assert wasserstein_distance(a, b, p=p) == pytest.approx(plain_wasserstein(a, b, p), rel=1e-9)
        partners = matched(a, b, 2.0)
        paired = partners >= 0
        assert len(set(partners[paired])) == paired.sum()
        alone = [np.ptp(x, axis=1) / 2 for x in (a[~paired], np.delete(b, partners[paired], axis=0))]
        costs = np.concatenate([np.abs(a[paired] - b[partners[paired]]).max(axis=1), *alone])
        assert np.linalg.norm(costs) == pytest.approx(wasserstein_distance(a, b), rel=1e-9)


def test_large_diagrams_of_gudhi():
    gudhi = pytest.importorskip("gudhi")
    hera = pytest.importorskip("gudhi.hera")
    rng = np.random.default_rng(0)
    a, b = some_bars(rng, 1500), some_bars(rng, 1200)
    assert bottleneck_distance(a, b) == pytest.approx(gudhi.bottleneck_distance(a, b), abs=1e-12)
    theirs = hera.wasserstein_distance(a, b, order=1.0, internal_p=np.inf, delta=1e-9)
    assert wasserstein_distance(a, b, p=1) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_optimal_transport_of_pot(seed, p):
    rng = np.random.default_rng(seed)
    a, b = some_bars(rng, 60), some_bars(rng, int(rng.integers(30, 90)))
    costs = np.zeros((len(a) + 1, len(b) + 1))  # the last ones are the diagonal, as often as it is needed
    costs[:-1, :-1] = cdist(a, b, "chebyshev") ** p
    costs[:-1, -1], costs[-1, :-1] = (np.ptp(a, axis=1) / 2) ** p, (np.ptp(b, axis=1) / 2) ** p
    masses = np.append(np.ones(len(a)), len(b)), np.append(np.ones(len(b)), len(a))
    assert wasserstein_distance(a, b, p=p) == pytest.approx(ot.emd2(*masses, costs) ** (1 / p), rel=1e-9)


def test_several_threads_find_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    X = np.stack([np.column_stack([some_bars(rng, 40), np.zeros(40)]) for _ in range(12)])
    found = []
    for threads in (1, 2):
        monkeypatch.setattr(kernels, "n_threads", lambda threads=threads: threads)
        found.append([PairwiseDistance(metric).fit_transform(X) for metric in ("bottleneck", "wasserstein")])
    np.testing.assert_array_equal(*found)


def test_large_diagrams_of_a_bottleneck_halve_their_candidates():
    rng = np.random.default_rng(0)
    a = some_bars(rng, 300)
    b = a + 0.001 * rng.random((300, 1))
    assert 0 < bottleneck_distance(a, b) <= 0.001


def test_bars_that_never_end():
    a = [[0, 1], [0.5, np.inf], [0.1, np.inf]]
    assert bottleneck_distance(a, a) == 0
    assert bottleneck_distance(a, [[0.2, np.inf], [0.7, np.inf]]) == pytest.approx(0.5)
    assert wasserstein_distance(a, [[0.2, np.inf], [0.7, np.inf]], p=1) == pytest.approx(0.8)
    assert bottleneck_distance(a, [[0, 1]]) == wasserstein_distance(a, []) == np.inf
    assert bottleneck_distance([], []) == wasserstein_distance([], []) == 0


@pytest.mark.parametrize("distance", [bottleneck_distance, wasserstein_distance])
def test_axioms_of_a_metric(distance):
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b, c = (some_bars(rng, 8) for _ in range(3))
        assert distance(a, b) == pytest.approx(distance(b, a))
        assert distance(a, c) <= distance(a, b) + distance(b, c) + 1e-12
        assert distance(a, a[::-1]) == 0
        assert distance(5 * a, 5 * b) == pytest.approx(5 * distance(a, b))


@pytest.mark.parametrize("seed", range(10))
def test_diagrams_are_stable(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(25, 3))
    y = x + rng.uniform(-0.1, 0.1, size=x.shape)
    farthest = np.linalg.norm(x - y, axis=1).max()
    for a, b in zip(rips_persistence(x, max_dimension=2).bars, rips_persistence(y, max_dimension=2).bars, strict=True):
        assert bottleneck_distance(a, b) <= 2 * farthest


def test_amplitudes_of_giotto():
    expected = {
        "bottleneck": (1, 2), "wasserstein": (1.11803399, 2), "betti": (2.24283371, 2),
        "landscape": (0.81645493, 2.30928326), "silhouette": (0.60090408, 2.30928326),
        "heat": (3.84373225, 2.80931864), "persistence_image": (2.16410219, 1.84306214),
    }  # fmt: skip
    for metric, values in expected.items():
        np.testing.assert_allclose(Amplitude(metric).fit_transform(A)[0], values, rtol=1e-7, err_msg=metric)
    assert Amplitude("bottleneck", order=1).fit_transform(A).tolist() == [[3]]


def test_distances_of_giotto():
    expected = [
        ("bottleneck", {}, (0.5, 1)), ("wasserstein", {}, (0.70710678, 1)), ("wasserstein", {"p": 1}, (1, 1)),
        ("betti", {}, (1.22268127, 0.98473193)), ("landscape", {}, (0.43296919, 1.2246218)),
        ("silhouette", {}, (0.23570105, 1.2246218)),
    ]  # fmt: skip
    for metric, parameters, values in expected:
        fitted = PairwiseDistance(metric, metric_params=parameters, order=None).fit(A)
        np.testing.assert_allclose(fitted.transform(B)[0, 0], values, rtol=1e-6, err_msg=metric)
        whole = clone(fitted).set_params(order=2.0).fit(A).transform(B)
        np.testing.assert_allclose(whole, [[np.linalg.norm(values)]], rtol=1e-6)


def test_a_batch_is_its_pairs():
    rng = np.random.default_rng(0)
    X = np.zeros((5, 9, 3))
    for sample in X:
        sample[: rng.integers(1, 10), :2] = 1
    for sample in X:
        k = int(sample[:, 0].sum())
        sample[:k, :2] = some_bars(rng, k)
    for metric, distance in (("bottleneck", bottleneck_distance), ("wasserstein", wasserstein_distance)):
        found = PairwiseDistance(metric).fit_transform(X)
        expected = [[distance(a[:, :2], b[:, :2]) for b in X] for a in X]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_scaler_and_its_inverse():
    scaler = Scaler().fit(A)
    assert scaler.scale_ == 2
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(A)), A)
    assert np.ptp(scaler.transform(A)[0, :, :2], axis=1).max() == 2
    with pytest.raises(InputError, match="length zero"):
        Scaler().fit(np.zeros((1, 2, 3)))


def test_filtering_and_forgetting():
    X = np.array([[[0, 1.0, 0], [0, 0.5, 0], [2, 3, 1]], [[0, 0.2, 0], [0, 0, 0], [1, 1.1, 1]]])
    found = Filtering(epsilon=0.5).fit_transform(X)
    assert found.tolist() == [[[0, 1, 0], [2, 3, 1]], [[0, 0, 0], [2, 2, 1]]]
    found = Filtering(homology_dimensions=[1], epsilon=2).fit_transform(X)
    assert found[:, 0].tolist() == [[0, 0, 1], [0, 0, 1]]
    np.testing.assert_array_equal(found[:, 1:], X[:, :2])
    assert np.isinf(ForgetDimension().fit_transform(X)[:, :, 2]).all()
    assert Amplitude("bottleneck").fit_transform(ForgetDimension().fit_transform(X)).shape == (2, 1)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: bottleneck_distance([[1, 0]], []), InputError, "births"),
        (lambda: bottleneck_distance([[0, np.nan]], []), InputError, "NaN"),
        (lambda: bottleneck_distance([0, 1], []), ShapeError, "(k, 2)"),
        (lambda: wasserstein_distance([], [], p=0.5), InputError, "p is"),
        (lambda: Amplitude("foo").fit(A), InputError, "landscape"),
        (lambda: Amplitude("betti", {"sigma": 1}).fit(A), InputError, "n_bins"),
        (lambda: PairwiseDistance("landscape", {"p": 0}).fit(A), InputError, "p is"),
        (lambda: Filtering(epsilon=-1).fit(A), InputError, "epsilon"),
        (lambda: PairwiseDistance().fit(A[0]), ShapeError, "X[None]"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
