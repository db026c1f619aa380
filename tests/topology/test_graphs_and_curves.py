"""Graphs, rescaled distances and features of curves; their values are compared in `test_giotto.py`."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.pipeline import make_pipeline

from erlangen.errors import InputError, ShapeError
from erlangen.topology import (
    BettiCurve,
    ConsecutiveRescaling,
    ConsistentRescaling,
    Derivative,
    GraphGeodesicDistance,
    KNeighborsGraph,
    StandardFeatures,
    TransitionGraph,
    VietorisRipsPersistence,
    WeakAlphaPersistence,
    rips_persistence,
)
from erlangen.topology.homology import delaunay_distances


def clouds() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 20, 2))


def test_shortest_paths_of_nearest_neighbors():
    pipeline = make_pipeline(KNeighborsGraph(n_neighbors=4, mode="distance"), GraphGeodesicDistance())
    found = pipeline.fit_transform(clouds())
    assert found.shape == (3, 20, 20)
    np.testing.assert_allclose(found, found.transpose(0, 2, 1), rtol=1e-14)
    rips = VietorisRipsPersistence(metric="precomputed").fit_transform(found)
    assert rips.shape[0] == 3


def test_edges_of_length_zero_and_absent_ones():
    dense = np.array([[0, 0, np.inf], [0, 0, 2], [np.inf, 2, 0.0]])
    expected = [[0, 0, 2], [0, 0, 2], [2, 2, 0]]
    assert GraphGeodesicDistance().fit_transform([dense])[0].tolist() == expected
    with pytest.warns(UserWarning, match="length zero"):
        assert GraphGeodesicDistance(method="FW").fit_transform([dense])[0].tolist() == expected
    flags = np.array([[False, True], [False, False]])
    assert GraphGeodesicDistance(directed=True).fit_transform([flags])[0].tolist() == [[0, 1], [np.inf, 0]]
    several = GraphGeodesicDistance(n_jobs=2).fit_transform([dense, sparse.csr_matrix([[0, 1.5], [0, 0]])])
    assert [one.shape for one in several] == [(3, 3), (2, 2)]
    assert several[1].tolist() == [[0, 1.5], [1.5, 0]]


def test_transitions_of_ragged_series():
    found = TransitionGraph(n_jobs=2).fit_transform([np.array([[0, 1], [1, 0], [0, 1]]), np.array([[0, 1], [0, 2]])])
    assert [one.toarray().tolist() for one in found] == [[[0, 1], [1, 0]], [[0]]]
    largest = TransitionGraph(func=np.argmax).fit_transform([[[0, 1, 2], [2, 0, 0], [0, 3, 1], [3, 0, 1]]])
    assert largest[0].toarray().tolist() == [[0, 1, 0], [1, 0, 0], [1, 0, 0]]


def test_rescaling_does_not_know_the_unit():
    X = clouds()
    np.testing.assert_allclose(ConsistentRescaling().fit_transform(7 * X), ConsistentRescaling().fit_transform(X))
    near = ConsecutiveRescaling().fit_transform(X)
    assert (near[:, np.arange(19), np.arange(1, 20)] == 0).all()
    assert len(ConsecutiveRescaling().fit_transform([X[0], X[1, :5]])) == 2


def test_weak_alpha_of_twins_and_of_points_in_a_line():
    points = np.vstack([clouds()[0], clouds()[0][:2]])
    distances = delaunay_distances(points)
    assert distances[0, 20] == distances[21, 1] == 0
    for a, b in zip(
        rips_persistence(distances, metric="precomputed").bars,
        rips_persistence(delaunay_distances(points[:20]), metric="precomputed").bars,
        strict=True,
    ):
        np.testing.assert_allclose(a, b)
    line = np.column_stack([np.arange(5.0), np.zeros(5)])
    np.testing.assert_array_equal(WeakAlphaPersistence().fit_transform([line])[0, :4, 1], 1)
    assert WeakAlphaPersistence().fit_transform([line[:2], line[:1]]).shape == (2, 2, 3)


def test_curves_become_features():
    diagrams = VietorisRipsPersistence().fit_transform(clouds())
    pipeline = make_pipeline(BettiCurve(n_bins=10), Derivative(), StandardFeatures(["max", None], n_jobs=2))
    assert pipeline.fit_transform(diagrams).shape == (3, 1)
    curves = np.arange(12.0).reshape(2, 2, 3)
    own = StandardFeatures([lambda c, k: c[:k], "average"], function_params=[{"k": 2}, {"weights": [1, 0, 0]}])
    assert own.fit_transform(curves).tolist() == [[0, 1, 3], [6, 7, 9]]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: KNeighborsGraph(n_neighbors=20).fit(clouds()), InputError, "n_neighbors"),
        (lambda: GraphGeodesicDistance().fit(np.zeros((3, 3))), ShapeError, "[X]"),
        (lambda: GraphGeodesicDistance().fit([np.zeros((3, 2))]), ShapeError, "square"),
        (lambda: GraphGeodesicDistance().fit([]), InputError, "none"),
        (lambda: ConsistentRescaling(neighbor_rank=0).fit(clouds()), InputError, "neighbor_rank"),
        (lambda: ConsistentRescaling(neighbor_rank=20).fit_transform(clouds()), InputError, "neighbor_rank"),
        (lambda: ConsistentRescaling().fit_transform(np.zeros((1, 3, 2))), InputError, "neighbor"),
        (lambda: ConsecutiveRescaling(factor=-1).fit(clouds()), InputError, "factor"),
        (lambda: Derivative(order=3).fit(np.zeros((1, 1, 3))), InputError, "order"),
        (lambda: Derivative().fit(np.zeros((1, 3))), ShapeError, "n_channels"),
        (lambda: Derivative().fit(np.full((1, 1, 3), np.nan)), InputError, "finite"),
        (lambda: Derivative().fit(np.zeros((1, 2, 3))).transform(np.zeros((1, 1, 3))), ShapeError, "2 channels"),
        (lambda: StandardFeatures("middle").fit(np.zeros((1, 1, 3))), InputError, "median"),
        (lambda: StandardFeatures(["max"]).fit(np.zeros((1, 2, 3))), InputError, "2 channels"),
        (lambda: StandardFeatures([None]).fit(np.zeros((1, 1, 3))), InputError, "at least one"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
