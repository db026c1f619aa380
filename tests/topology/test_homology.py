"""The estimators of persistence under scikit-learn's rules, with giotto-tda's figures."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from erlangen.errors import InputError, ShapeError
from erlangen.topology import (
    PersistenceEntropy,
    VietorisRipsPersistence,
    WeightedRipsPersistence,
    check_diagrams,
    collect,
    rips_persistence,
)
from erlangen.topology.homology import distance_to_measure, weighted_distances
from erlangen.topology.persistence import rips_bars


def circle(n: int = 20) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angle), np.sin(angle)])


def test_figures_of_giotto():
    diagrams = VietorisRipsPersistence().fit_transform(circle()[None])
    assert diagrams.shape == (1, 20, 3)
    np.testing.assert_allclose(diagrams[0, -1], [0.31286892, 1.78201306, 1], rtol=1e-6)
    whole = VietorisRipsPersistence(reduced_homology=False).fit_transform(circle()[None])
    assert whole.shape == (1, 21, 3)
    assert [0, np.inf, 0] in whole[0].tolist()
    far = np.array([[0, 0], [0, 1], [10, 0], [10, 1.5]])
    assert VietorisRipsPersistence(max_edge_length=3).fit_transform([far])[0, -2].tolist() == [0, 3, 0]
    limited = VietorisRipsPersistence(max_edge_length=3, infinity_values=100).fit(circle()[None])
    assert limited.infinity_values_ == 100
    assert [0, 100, 0] in limited.transform([far])[0].tolist()


def test_blocks_are_filled_up_with_the_smallest_birth():
    clouds = [circle(20), circle(8), np.zeros((1, 2))]
    diagrams = VietorisRipsPersistence().fit_transform(clouds)
    assert diagrams.shape == (3, 20, 3)
    births = [rips_persistence(c).bars[1][:, 0] for c in clouds]
    assert diagrams[2, -1].tolist() == [min(b.min() for b in births if len(b))] * 2 + [1]
    assert (diagrams[2, :-1, :2] == 0).all()
    assert (diagrams[:, :-1, 2] == 0).all()
    check_diagrams(diagrams)


def test_input_of_every_kind_gives_the_same():
    clouds = np.random.default_rng(0).normal(size=(4, 15, 3))
    expected = VietorisRipsPersistence(homology_dimensions=(0, 1, 2)).fit_transform(clouds)
    clouds.setflags(write=False)
    distances = np.stack([cdist(c, c) for c in clouds])
    for X, metric in [
        (list(clouds), "euclidean"),
        (np.asfortranarray(clouds), "euclidean"),
        (distances, "precomputed"),
        ([sparse.csr_matrix(np.triu(d)) for d in distances], "precomputed"),
    ]:
        for n_jobs in (None, 2):
            rips = VietorisRipsPersistence(metric=metric, homology_dimensions=(2, 0, 1), n_jobs=n_jobs)
            np.testing.assert_allclose(rips.fit_transform(X), expected, rtol=1e-12)


def test_pipelines_grids_and_clones():
    rng = np.random.default_rng(0)
    X = np.concatenate([circle(15) + rng.normal(0, 0.05, (20, 15, 2)), rng.normal(0, 0.7, (20, 15, 2))])
    y = np.repeat([0, 1], 20)
    pipeline = make_pipeline(VietorisRipsPersistence(), PersistenceEntropy(), LogisticRegression())
    grid = {"vietorisripspersistence__homology_dimensions": [(0,), (0, 1)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.9
    assert clone(pipeline).get_params()["vietorisripspersistence__coeff"] == 2


def test_collect_drops_one_component_and_replaces_infinity():
    bars = [np.array([[0.5, np.inf], [0.2, np.inf], [0, 1]]), np.zeros((0, 2))]
    assert collect([bars], [0, 1], infinity=0.5, reduced=True).tolist() == [[[0, 1, 0], [0, 0, 1]]]
    assert collect([bars], [0, 1], infinity=2).tolist() == [[[0.5, 2, 0], [0.2, 2, 0], [0, 1, 0], [0, 0, 1]]]


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (circle(), "X[None]"),
        (sparse.csr_matrix(circle()), "X[None]"),
        ([], "none"),
        ([np.zeros(3)], "each point cloud"),
        (np.zeros((1, 2, 3, 4)), "(n_samples, n_points, d)"),
        (3.0, "(n_samples, n_points, d)"),
    ],
)
def test_bad_clouds_are_named(X, words):
    with pytest.raises((InputError, ShapeError)) as caught:
        VietorisRipsPersistence().fit(X)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.zeros((3, 3)), "X[None]"),
        (np.zeros((2, 3, 2)), "(n_samples, n_bars, 3)"),
        (np.zeros((0, 3, 3)), "at least one"),
        ([[[0, 1, 0]], [[0, 1, 0], [0, 1, 0]]], "filled up"),
        ([[[1.0, 0, 0]]], "after their birth"),
        ([[[np.nan, 0, 0]]], "NaN"),
        ([[[0, 1, 0.5]]], "whole numbers"),
        ([[[0, 1, -1]]], "whole numbers"),
        ([[[0, 1, np.inf], [0, 1, 1]]], "all are inf"),
        ([[[0, 1, 0], [0, 1, 1]], [[0, 1, 0], [0, 1, 0]]], "same number"),
        ([[[0, np.inf, 0]]], "infinity_values"),
    ],
)
def test_bad_diagrams_are_named(X, words):
    with pytest.raises((InputError, ShapeError)) as caught:
        check_diagrams(X, finite=True)
    assert words in str(caught.value)


def test_bad_dimensions_are_named():
    with pytest.raises(InputError, match="homology_dimensions"):
        VietorisRipsPersistence(homology_dimensions=(0, -1)).fit(circle()[None])


@pytest.mark.parametrize("p", [1, 2, np.inf])
def test_weighted_edges_solve_their_equation(p):
    rng = np.random.default_rng(0)
    points, weights = rng.normal(size=(12, 2)), rng.random(12)
    distances = cdist(points, points)
    found = weighted_distances(distances, weights, p)
    assert (found >= np.maximum.outer(weights, weights)).all()
    for i in range(12):
        for j in range(i):
            a, b, d, t = weights[i], weights[j], distances[i, j], found[i, j]
            if p == np.inf:
                assert t == max(d, a, b)
            elif 2 * d <= abs(a**p - b**p) ** (1 / p):
                assert t == max(a, b)
            else:
                assert (t**p - a**p) ** (1 / p) + (t**p - b**p) ** (1 / p) == pytest.approx(2 * d)


def test_weights_of_zero_give_plain_rips_and_outliers_enter_late():
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(2, 15, 2))
    plain = VietorisRipsPersistence().fit_transform(clouds)
    for p in (1, 2, np.inf):
        zero = WeightedRipsPersistence(weights=lambda x: np.zeros(len(x)), weight_params={"p": p})
        np.testing.assert_allclose(zero.fit_transform(clouds), plain, rtol=1e-12)
    noisy = np.vstack([circle(40), rng.uniform(-0.5, 0.5, (3, 2))])
    for cloud, least in ((circle(40), 1.2), (noisy, 0.6)):
        bars = WeightedRipsPersistence(weight_params={"n_neighbors": 5}).fit_transform([cloud])[0]
        assert np.diff(bars[bars[:, 2] == 1, :2]).max() > least
    far = np.vstack([circle(20), [[9.0, 9.0]]])
    found = rips_persistence(far).bars[0]
    assert distance_to_measure(cdist(far, far))[-1] > 15
    assert found[:, 0].max() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": "KDE"}, "DTM"),
        ({"weight_params": {"q": 1}}, "n_neighbors"),
        ({"weight_params": {"p": 3}}, "p is"),
        ({"weight_params": {"n_neighbors": 20}}, "below the number"),
        ({"weight_params": {"n_neighbors": 0}}, "at least 1"),
        ({"weights": lambda x: -np.ones(len(x))}, "at least 0"),
    ],
)
def test_bad_weights_are_named(options, words):
    with pytest.raises(InputError) as caught:
        WeightedRipsPersistence(**options).fit_transform([circle()])
    assert words in str(caught.value)


@pytest.mark.parametrize("seed", range(24))
def test_small_clouds_by_one_function_have_the_same_bars(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    X = [rng.random((n, 3)), rng.integers(0, 3, (n, 2)).astype(float), rng.random((n, n))][seed % 3]
    options = {"max_dimension": seed % 4, "modulus": [2, 3, 5][seed % 3], "threshold": [np.inf, 0.6][seed % 2]}
    if X.shape == (n, n) and seed % 3 == 2:
        options["metric"] = "precomputed"  # with births on the diagonal
    for mine, theirs in zip(rips_bars(X, **options), rips_persistence(X, **options).bars, strict=True):
        np.testing.assert_array_equal(mine, theirs)
