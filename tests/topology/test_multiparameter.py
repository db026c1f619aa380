"""Two parameters against ranks counted by hand, gudhi's simplex trees, closed forms and stability."""

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.neighbors import KernelDensity, NearestNeighbors

from erlangen.errors import InputError, ShapeError
from erlangen.topology import (
    MultiparameterLandscape,
    codensity,
    fibered_barcode,
    multiparameter_landscape,
    rips_persistence,
)

SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])


def rank_of_components(distances, values, low, high) -> int:
    """Return how many components at the grade ``high`` hold a point that is there at the grade ``low``."""
    if low[1] < 0:
        return 0
    late = values <= high[0]
    graph = (distances <= high[1]) & late & late[:, None]
    return len(np.unique(connected_components(graph)[1][values <= low[0]]))


def test_landscapes_are_ranks():
    rng = np.random.default_rng(0)
    points, values = 4 * rng.random((8, 2)), 5 * rng.random(8)
    distances, grid = cdist(points, points), np.arange(7.0)
    found = multiparameter_landscape(points, values, grid, grid, max_dimension=0, n_layers=3)[0]
    steps = np.arange(0.005, 7, 0.01)
    for i, j in np.ndindex(7, 7):
        ranks = np.array([rank_of_components(distances, values, (i - e, j - e), (i + e, j + e)) for e in steps])
        for k in range(3):
            expected = 0.01 * np.count_nonzero(ranks > k)  # ranks fall as e grows
            assert found[k, i, j] == pytest.approx(expected, abs=0.006)


def test_a_square_has_one_loop():
    levels, scales = np.linspace(-1, 1, 41), np.linspace(0, 2, 41)  # steps of 0.05
    found = multiparameter_landscape(SQUARE, [0.2, -0.5, 0.1, 0.0], levels, scales)[1, 0]
    s, r = levels[:, None], scales[None, :]
    expected = np.clip(np.minimum(np.minimum(s - 0.2, r - 1), np.sqrt(2) - r), 0, None)
    np.testing.assert_allclose(0.05 * found, expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_barcodes_of_gudhi(seed):
    gudhi = pytest.importorskip("gudhi")
    rng = np.random.default_rng(seed)
    points, values = rng.normal(size=(12, 2)), rng.normal(size=12)
    base, direction = rng.normal(size=2), rng.random(2) + 0.2
    tree = gudhi.RipsComplex(points=points).create_simplex_tree(max_dimension=2)
    pushed = []
    for simplex, diameter in tree.get_filtration():
        grade = np.array([values[simplex].max(), diameter])
        pushed.append((simplex, ((grade - base) / direction).max()))
    for simplex, t in pushed:
        tree.assign_filtration(simplex, t)
    tree.compute_persistence(min_persistence=-1)
    for q, bars in enumerate(fibered_barcode(points, values, base, direction)):
        expected = tree.persistence_intervals_in_dimension(q)
        expected = expected[expected[:, 0] < expected[:, 1] - 1e-12]
        np.testing.assert_allclose(bars, expected[np.lexsort(expected.T[::-1])], atol=1e-9)


def test_equal_values_are_a_rips_filtration():
    points = np.random.default_rng(0).normal(size=(15, 3))
    found = fibered_barcode(points, np.zeros(15), (0, 0), max_dimension=2)
    for mine, expected in zip(found, rips_persistence(points, max_dimension=2).bars, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_landscapes_are_stable(seed):
    rng = np.random.default_rng(seed)
    points, values = rng.normal(size=(14, 2)), rng.random(14)
    levels, scales = np.linspace(0, 1, 15), np.linspace(0, 3, 15)
    before = multiparameter_landscape(points, values, levels, scales, n_layers=2)
    nudged = values + rng.uniform(-0.05, 0.05, 14)
    after = multiparameter_landscape(points, nudged, levels, scales, n_layers=2)
    assert np.abs(after - before).max() <= 0.05 / (levels[1] - levels[0]) + 1e-12
    moved = points + rng.uniform(-0.05, 0.05, (14, 2))
    after = multiparameter_landscape(moved, values, levels, scales, n_layers=2)
    farthest = 2 * np.linalg.norm(moved - points, axis=1).max()
    assert np.abs(after - before).max() <= farthest / (scales[1] - scales[0]) + 1e-12


def test_between_grid_points_the_error_is_half_a_step():
    rng = np.random.default_rng(0)
    points, values = rng.normal(size=(12, 2)), rng.random(12)
    fine = multiparameter_landscape(points, values, np.linspace(0, 1, 41), np.linspace(0, 2, 41)) / 4
    coarse = multiparameter_landscape(points, values, np.linspace(0, 1, 11), np.linspace(0, 2, 11))
    np.testing.assert_allclose(fine[:, :, ::4, ::4], coarse, atol=1e-12)
    nearest = np.round(np.arange(41) / 4 + 1e-9).astype(int)
    assert np.abs(fine - coarse[:, :, nearest][:, :, :, nearest]).max() <= 0.5 + 1e-12


def test_outliers_hide_a_circle_from_rips_but_not_from_density():
    """A point in the middle of a circle fills it; levels below that point's codensity do not see it."""
    angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    spoiled = np.vstack([circle, np.zeros((1, 2))])
    whole = [np.ptp(rips_persistence(x).bars[1], axis=1).max() for x in (circle, spoiled)]
    assert whole[1] < 0.6 * whole[0]
    values = codensity(spoiled, n_neighbors=3)
    assert values[-1] > 2 * values[:-1].max()
    levels, scales = np.linspace(0, 1, 31), np.linspace(0, 2, 31)
    found = multiparameter_landscape(spoiled, values, levels, scales)[1, 0]
    bars = rips_persistence(circle).bars[1]
    assert found[18, 15] * (scales[1] - scales[0]) > 0.3 * np.ptp(bars)


def test_codensities_of_scikit_learn():
    points = np.random.default_rng(0).normal(size=(40, 3))
    distances, _ = NearestNeighbors(n_neighbors=4).fit(points).kneighbors()
    np.testing.assert_allclose(codensity(points, n_neighbors=4), distances.mean(axis=1))
    density = np.exp(KernelDensity(bandwidth=0.7).fit(points).score_samples(points))
    found = codensity(points, method="kernel", bandwidth=0.7)
    np.testing.assert_allclose(found, -density * (2 * np.pi * 0.7**2) ** 1.5)
    assert codensity(points[:1]).tolist() == [0]
    assert codensity(points[:3], n_neighbors=9).shape == (3,)


@pytest.mark.parametrize("method", ["neighbors", "kernel"])
def test_the_estimator_is_the_function(method):
    clouds = np.random.default_rng(0).normal(size=(3, 18, 2))
    estimator = MultiparameterLandscape((0, 1), method, n_layers=2, n_bins=6, n_jobs=2).fit(clouds)
    found = estimator.transform([*clouds, clouds[0][:7]])
    assert found.shape == (4, 4, 6, 6)
    for cloud, mine in zip(clouds, found, strict=False):
        values = codensity(cloud, method=method)
        expected = multiparameter_landscape(cloud, values, estimator.levels_, estimator.scales_, n_layers=2)
        np.testing.assert_array_equal(mine, expected.reshape(4, 6, 6))
    assert clone(estimator).set_params(homology_dimensions=[1]).fit_transform(clouds).shape == (3, 2, 6, 6)
    shuffled = clouds[:, np.random.default_rng(1).permutation(18)]
    np.testing.assert_allclose(estimator.transform(shuffled), found[:3], atol=1e-9)


def test_equal_points():
    found = MultiparameterLandscape(n_bins=4).fit_transform(np.zeros((1, 5, 2)))
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: codensity(SQUARE, method="guess"), InputError, "neighbors"),
        (lambda: codensity(SQUARE, n_neighbors=0), InputError, "n_neighbors"),
        (lambda: codensity(np.zeros((4, 2)), method="kernel"), InputError, "same"),
        (lambda: fibered_barcode(SQUARE, [1.0], (0, 0)), ShapeError, "4 points"),
        (lambda: fibered_barcode(SQUARE, np.zeros(4), (0, 0), (1, 0)), InputError, "above 0"),
        (lambda: multiparameter_landscape(SQUARE, np.zeros(4), [0, 1, 3], [0, 1]), InputError, "levels"),
        (lambda: multiparameter_landscape(SQUARE, np.zeros(4), [0, 1], [1]), InputError, "scales"),
        (lambda: multiparameter_landscape(SQUARE, np.zeros(4), [0, 1], [0, 1], n_layers=0), InputError, "n_layers"),
        (lambda: MultiparameterLandscape(n_bins=1).fit(SQUARE[None]), InputError, "n_bins"),
        (lambda: MultiparameterLandscape().fit(SQUARE), ShapeError, "X[None]"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
