"""Sparse Rips filtrations against gudhi and their guarantee; greedy subsamples against their definition."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone

from erlangen.errors import InputError
from erlangen.topology import (
    SparseRipsPersistence,
    VietorisRipsPersistence,
    bottleneck_distance,
    farthest_points,
    rips_persistence,
    sparse_rips_persistence,
)
from erlangen.topology.complexes import facets_of, persistence_of
from erlangen.topology.flag import clique_complex
from erlangen.topology.sparse_rips import sparse_graph


def cloud(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:
        return rng.integers(0, 5, (n, 2)).astype(float)
    if seed % 3 == 1:
        return rng.random((n, 3))
    angle = rng.random(n) * 2 * np.pi
    return np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.05, (n, 2))


@pytest.mark.parametrize("epsilon", [0.1, 0.4, 0.8, 1.0])
@pytest.mark.parametrize("threshold", [np.inf, 0.9])
def test_gudhi_finds_the_same(epsilon, threshold):
    gudhi = pytest.importorskip("gudhi")
    for seed in range(8):
        points = cloud(seed, 18)
        complex_ = gudhi.RipsComplex(points=points, sparse=epsilon, max_edge_length=threshold)
        tree = complex_.create_simplex_tree(max_dimension=3)
        tree.compute_persistence(homology_coeff_field=2, persistence_dim_max=True)
        expected = [np.asarray(tree.persistence_intervals_in_dimension(q)).reshape(-1, 2) for q in range(3)]
        expected = [b[np.lexsort(b.T[::-1])] for b in expected]

        def same(start, points=points, expected=expected):
            order, edges, latest = sparse_graph(cdist(points, points), epsilon, start)
            kept = edges[2] <= threshold
            tables = clique_complex(np.zeros(len(order)), *(e[kept] for e in edges), 3, latest)
            bars = persistence_of(*tables, facets_of(tables[0]), 2, 2).bars
            return all(a.shape == b.shape and np.allclose(a, b) for a, b in zip(bars, expected, strict=True))

        assert any(map(same, range(len(points))))  # gudhi's first point is any


@pytest.mark.parametrize("epsilon", [0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("seed", range(6))
def test_bars_are_as_near_as_promised(seed, epsilon):
    points = cloud(seed, 60)
    whole, found = rips_persistence(points).bars, sparse_rips_persistence(points, epsilon=epsilon).bars
    factor = 1 / (1 - epsilon)
    deaths, late = (np.sort(b[0][np.isfinite(b[0][:, 1]), 1]) for b in (whole, found))
    assert len(deaths) == len(late)
    assert (deaths <= late * (1 + 1e-9)).all()
    assert (late <= factor * deaths * (1 + 1e-9)).all()
    middle = np.log(found[1]) - np.log(factor) / 2  # within half of the factor's logarithm of theirs, either way
    assert bottleneck_distance(np.log(whole[1]), middle) <= np.log(factor) / 2 + 1e-9


def test_sparse_filtrations_are_smaller():
    points = np.random.default_rng(0).random((400, 2))
    _, edges, _ = sparse_graph(cdist(points, points), 0.9, 0)
    assert len(edges[0]) < 0.4 * 400 * 399 / 2


def test_epsilon_zero_is_rips():
    points = cloud(1, 20)
    for options in ({}, {"threshold": 0.5}, {"metric": "cityblock"}, {"modulus": 3, "max_dimension": 2}):
        found = sparse_rips_persistence(points, epsilon=0, **options).bars
        for mine, other in zip(found, rips_persistence(points, **options).bars, strict=True):
            np.testing.assert_array_equal(mine, other)


def test_simplices_are_named_by_their_points():
    points = cloud(2, 40)
    found = sparse_rips_persistence(points, epsilon=0.05)
    distances = cdist(points, points)
    for bars, begins, ends in zip(found.bars, found.births, found.deaths, strict=True):
        for (birth, death), first, last in zip(bars, begins, ends, strict=True):
            assert distances[np.ix_(first, first)].max() <= birth + 1e-12
            assert last[0] < 0 if np.isinf(death) else distances[np.ix_(last, last)].max() <= death + 1e-12


def test_any_metric_and_few_points():
    points = cloud(1, 15)
    taxi = cdist(points, points, "cityblock")
    expected = sparse_rips_persistence(points, metric="cityblock", epsilon=0.5).bars
    for matrix in (taxi, sparse.csr_array(np.triu(taxi))):
        for mine, other in zip(
            sparse_rips_persistence(matrix, metric="precomputed", epsilon=0.5).bars, expected, strict=True
        ):
            np.testing.assert_array_equal(mine, other)
    assert [len(b) for b in sparse_rips_persistence(np.zeros((0, 2))).bars] == [0, 0]
    assert sparse_rips_persistence(np.zeros((4, 2))).bars[0].tolist() == [[0, np.inf]]


@pytest.mark.parametrize("metric", ["euclidean", "cityblock"])
def test_farthest_points_are_the_farthest(metric):
    points = np.random.default_rng(0).random((50, 3))
    distances = cdist(points, points, metric)
    chosen = [0]
    for n in range(1, 51):
        found = farthest_points(points, n, metric=metric)
        assert found.indices.tolist() == chosen
        nearest = distances[:, chosen].min(axis=1)
        assert found.covering_radius == pytest.approx(nearest.max(), abs=1e-15)
        chosen.append(int(nearest.argmax()))
    same = farthest_points(distances, 7, metric="precomputed")
    assert same.indices.tolist() == chosen[:7]


def test_bars_of_a_subsample_are_near():
    points = cloud(2, 150)
    chosen, radius = farthest_points(points, 60)
    for part, whole in zip(rips_persistence(points[chosen]).bars, rips_persistence(points).bars, strict=True):
        part, whole = (b[np.isfinite(b[:, 1])] for b in (part, whole))
        assert bottleneck_distance(part, whole) <= 2 * radius


def test_the_estimator():
    clouds = np.stack([cloud(1, 25), cloud(4, 25)])
    clouds.setflags(write=False)
    found = SparseRipsPersistence().fit_transform(clouds)
    np.testing.assert_array_equal(clone(SparseRipsPersistence(n_jobs=2)).fit_transform(list(clouds)), found)
    distances = np.stack([cdist(c, c) for c in clouds])
    np.testing.assert_allclose(SparseRipsPersistence(metric="precomputed").fit_transform(distances), found)
    for options in ({}, {"max_edge_length": 0.4}, {"homology_dimensions": (0, 1, 2), "reduced_homology": False}):
        expected = VietorisRipsPersistence(**options).fit_transform(clouds)
        np.testing.assert_array_equal(SparseRipsPersistence(epsilon=0, **options).fit_transform(clouds), expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epsilon": -0.1}, "epsilon"),
        ({"epsilon": 1.1}, "epsilon"),
        ({"epsilon": "a"}, "epsilon"),
        ({"threshold": -1.0}, "threshold"),
        ({"threshold": np.nan}, "threshold"),
        ({"max_dimension": -1}, "max_dimension"),
        ({"modulus": 1}, "prime"),
    ],
)
def test_bad_input_is_named(options, words):
    with pytest.raises(InputError, match=words):
        sparse_rips_persistence(np.zeros((3, 2)), **options)
    with pytest.raises(InputError, match="from 1 to 3"):
        farthest_points(np.zeros((3, 2)), 4)
    with pytest.raises(InputError, match="epsilon"):
        SparseRipsPersistence(epsilon=2).fit(np.zeros((1, 3, 2)))
