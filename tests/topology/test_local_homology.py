"""Local homology tells points inside, at the end and at crossings apart; giotto-tda's values are in test_giotto."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from erlangen.errors import InputError
from erlangen.topology import KNeighborsLocalVietorisRips, RadiusLocalVietorisRips, rips_persistence


def star(rays: int, n: int = 20) -> np.ndarray:
    """Points, 0.1 apart, on segments of length 2 that meet at the origin, which comes first."""
    angle = 2 * np.pi * np.arange(rays) / rays
    directions = np.column_stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([[[0, 0]], (0.1 * np.arange(1, n + 1)[:, None, None] * directions).reshape(-1, 2)])


def long_bars(diagram, dimension: int, least: float) -> int:
    return int(((diagram[:, 2] == dimension) & (diagram[:, 1] - diagram[:, 0] > least)).sum())


@pytest.mark.parametrize("rays", [1, 2, 3, 4, 5])
def test_rays_that_meet_make_loops_less_one(rays):
    local = RadiusLocalVietorisRips(radii=(0.55, 0.95), homology_dimensions=(0, 1)).fit(star(rays))
    (diagram,) = local.transform([[0.0, 0.0]])
    assert long_bars(diagram, 1, 0.25) == rays - 1


def test_a_sheet_has_a_sphere_at_each_inner_point_and_none_at_its_edge():
    grid = np.stack(np.meshgrid(np.arange(15.0), np.arange(15.0)), axis=-1).reshape(-1, 2)
    local = RadiusLocalVietorisRips(radii=(2.5, 4.5), homology_dimensions=(1, 2)).fit(grid)
    inside, edge = local.transform([[7.0, 7.0], [0.0, 7.0]])
    assert long_bars(inside, 2, 1) == 1
    assert long_bars(edge, 2, 1) == 0
    assert long_bars(inside, 1, 1) == long_bars(edge, 1, 1) == 0


def test_the_matrix_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    points, query = rng.normal(size=(25, 3)), rng.normal(size=3)
    order = np.argsort(np.linalg.norm(points - query, axis=1))
    wide, k = points[order[:11]], 4
    matrix = np.zeros((12, 12))
    matrix[:11, :11] = np.linalg.norm(wide[:, None] - wide, axis=2)
    matrix[11, :k] = matrix[:k, 11] = np.inf
    expected = rips_persistence(matrix, metric="precomputed", max_dimension=2).bars
    for collapse in (False, True):
        local = KNeighborsLocalVietorisRips(n_neighbors=(k, 11), collapse_edges=collapse, n_jobs=2).fit(points)
        (found,) = local.transform(query[None])
        for q in (1, 2):
            bars = found[(found[:, 2] == q) & (found[:, 0] < found[:, 1]), :2]
            np.testing.assert_allclose(bars[np.lexsort(bars.T[::-1])], expected[q])


def test_both_neighborhoods_agree_where_they_hold_the_same_points():
    points = star(3)
    near = np.sort(np.linalg.norm(points - points[5], axis=1))
    radii = (near[5] + near[6]) / 2, (near[11] + near[12]) / 2
    one = RadiusLocalVietorisRips(radii=radii).fit(points).transform(points[[5]])
    other = KNeighborsLocalVietorisRips(n_neighbors=(6, 12)).fit(points).transform(points[[5]])
    np.testing.assert_allclose(np.sort(one[0], axis=0), np.sort(other[0], axis=0), atol=1e-12)


def test_a_query_far_away_has_no_homology():
    local = RadiusLocalVietorisRips(radii=(0.1, 0.5), homology_dimensions=(0, 1)).fit(star(2))
    far = local.transform([[9.0, 9.0]])
    assert far.shape == (1, 2, 3)
    assert (far[:, :, 0] == far[:, :, 1]).all()


def test_neighborhoods_larger_than_the_cloud_and_other_metrics():
    points = star(2, 4)
    few = KNeighborsLocalVietorisRips(n_neighbors=(2, 100)).fit(points).transform(points)
    assert few.shape[0] == 9
    city = RadiusLocalVietorisRips(metric="cityblock", radii=(0.3, 0.6)).fit(points)
    assert clone(city).get_params()["metric"] == "cityblock"
    assert city.fit_transform(points).shape[0] == 9
    assert len(city.plot(city.transform(points), sample=4).data) >= 2


def test_pairs_in_the_wrong_order_are_sorted_with_a_warning():
    points = star(3)
    with pytest.warns(UserWarning, match="ascend"):
        swapped = RadiusLocalVietorisRips(radii=(0.9, 0.5)).fit(points)
    assert swapped.extent_ == (0.5, 0.9)
    sorted_ = RadiusLocalVietorisRips(radii=(0.5, 0.9)).fit(points)
    np.testing.assert_array_equal(swapped.transform(points), sorted_.transform(points))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: KNeighborsLocalVietorisRips(n_neighbors=3).fit(star(2)), InputError, "two numbers"),
        (lambda: KNeighborsLocalVietorisRips(n_neighbors=(0, 3)).fit(star(2)), InputError, "at least 1"),
        (lambda: KNeighborsLocalVietorisRips(n_neighbors=(1, 2.5)).fit(star(2)), InputError, "2.5"),
        (lambda: RadiusLocalVietorisRips(radii=(1, np.inf)).fit(star(2)), InputError, "finite"),
        (lambda: RadiusLocalVietorisRips(metric="precomputed").fit(star(2)), InputError, "precomputed"),
        (lambda: RadiusLocalVietorisRips().fit(star(2)[None]), ValueError, "dim 3"),
        (lambda: RadiusLocalVietorisRips().transform(star(2)), NotFittedError, "not fitted"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
