"""Statistics of diagrams: closed forms, what a test has to keep and to find, and seeds."""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from erlangen.errors import InputError, ShapeError
from erlangen.topology import (
    bottleneck_distance,
    collect,
    confidence_set,
    frechet_mean,
    permutation_test,
    rips_persistence,
    subsampling_stability,
    wasserstein_distance,
)


def circle(seed: int, n: int, noise: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle)]) + noise * rng.normal(size=(n, 2))


def euclidean_wasserstein(a, b) -> float:
    """Return the squared 2-Wasserstein distance with Euclidean costs, by assignment with diagonal copies."""
    n, m = len(a), len(b)
    costs = np.zeros((n + m, n + m))
    costs[:n, :m] = cdist(a, b, "sqeuclidean")
    costs[:n, m:] = ((a[:, 1] - a[:, 0]) ** 2 / 2)[:, None]
    costs[n:, :m] = (b[:, 1] - b[:, 0]) ** 2 / 2
    return float(costs[linear_sum_assignment(costs)].sum())


@pytest.mark.parametrize("method", ["bottleneck", "subsampling"])
def test_a_circle_is_significant_and_a_blob_has_no_loop(method):
    ring = confidence_set(circle(0, 120), method=method, n_resamples=20, random_state=0)
    blob = np.random.default_rng(0).normal(size=(120, 2))
    none = confidence_set(blob, method=method, n_resamples=20, random_state=0)
    assert len(none.significant[1]) == 0
    if method == "bottleneck":  # the other is known to be conservative: that wants more points
        assert len(ring.significant[1]) == 1 < len(ring.bars[1])
    assert np.isinf(ring.significant[0]).sum() == 1


def test_the_set_holds_the_truth_as_often_as_it_says():
    """The diagram of a dense sample of the same circle, without noise, for sets of level 0.9."""
    truth = rips_persistence(circle(99, 300, 0)).bars[1]
    inside = []
    for seed in range(12):
        found = confidence_set(
            circle(seed, 100, 0), homology_dimensions=[1], level=0.9, method="subsampling", n_resamples=20,
            random_state=seed,
        )  # fmt: skip
        inside.append(bottleneck_distance(found.bars[0], truth) <= found.widths[0])
    assert np.mean(inside) >= 0.9


def test_widths_are_quantiles_of_the_distances():
    points = circle(0, 30)
    found = confidence_set(points, level=0.8, n_resamples=7, size=15, random_state=3)
    expected = []
    for rng in np.random.default_rng(3).spawn(7):
        bars = rips_persistence(points[rng.integers(30, size=15)]).bars
        expected.append([bottleneck_distance(a, b) for a, b in zip(found.bars, bars, strict=True)])
    np.testing.assert_allclose(found.distances, expected)
    np.testing.assert_allclose(found.widths, np.quantile(expected, 0.8, axis=0))


def test_seeds_fix_results_whatever_the_number_of_jobs():
    points = circle(0, 25)
    results = [confidence_set(points, n_resamples=6, random_state=1, n_jobs=jobs).distances for jobs in (1, 2)]
    np.testing.assert_array_equal(*results)
    other = confidence_set(points, n_resamples=6, random_state=2).distances
    assert not np.array_equal(results[0], other)
    sizes = [subsampling_stability(points, [9, 20], random_state=1, n_jobs=jobs).distances for jobs in (1, 2)]
    np.testing.assert_array_equal(*sizes)


def test_any_persistence_will_do(capsys):
    found = confidence_set(
        circle(0, 20), homology_dimensions=[0], n_resamples=3, random_state=0, verbose=True,
        persistence=lambda x: [np.array([[0.0, np.ptp(x)]])],
    )  # fmt: skip
    assert found.bars[0].shape == (1, 2)
    assert found.widths.shape == (1,)


def test_fewer_points_are_farther_away():
    found = subsampling_stability(circle(0, 60), [10, 30, 60], n_resamples=12, random_state=0)
    assert (found.mean[:-1] > found.mean[1:]).all()
    np.testing.assert_array_equal(found.mean[-1], 0)
    assert found.distances.shape == (3, 12, 2)
    np.testing.assert_allclose(found.error, found.distances.std(axis=1, ddof=1) / np.sqrt(12))


def random_group(rng, n: int, longest: float) -> np.ndarray:
    bars = [[np.column_stack([np.zeros(k), longest * rng.random(k) + 0.1])] for k in rng.integers(3, 7, n)]
    return collect(bars, [0])


def test_groups_that_differ_are_told_apart():
    rng = np.random.default_rng(0)
    assert permutation_test(random_group(rng, 10, 1), random_group(rng, 8, 2), random_state=0).p_value < 0.01


def test_groups_alike_have_evenly_spread_p_values():
    rng = np.random.default_rng(0)
    values = [
        permutation_test(random_group(rng, 6, 1), random_group(rng, 6, 1), n_permutations=99, random_state=k).p_value
        for k in range(60)
    ]
    assert np.mean(np.array(values) <= 0.1) < 0.22  # mean 0.1, standard deviation 0.04
    assert 0.35 < np.mean(values) < 0.65


def test_the_loss_is_its_definition_and_p_values_are_those_of_all_permutations():
    rng = np.random.default_rng(1)
    first, second = random_group(rng, 3, 1), random_group(rng, 4, 1.4)
    everything = [bars[:, :2] for group in (first, second) for bars in group]
    squares = np.array([[wasserstein_distance(a, b) ** 2 for b in everything] for a in everything])

    def loss(chosen) -> float:
        groups = np.array(chosen), np.setdiff1d(np.arange(7), chosen)
        return sum(squares[np.ix_(g, g)].sum() / (2 * len(g) * (len(g) - 1)) for g in groups)

    found = permutation_test(first, second, n_permutations=4000, random_state=0)
    assert found.loss == pytest.approx(loss([0, 1, 2]))
    exact = np.mean([loss(list(chosen)) <= found.loss + 1e-12 for chosen in combinations(range(7), 3)])
    assert found.p_value == pytest.approx(exact, abs=0.03)
    assert len(found.permuted) == 4000


def test_metrics_and_dimensions_of_the_test():
    rng = np.random.default_rng(0)
    loops = np.array([0, 0, 1])
    groups = [np.concatenate([random_group(rng, 5, s), random_group(rng, 5, s) + loops], axis=1) for s in (1, 3)]
    for metric in ("bottleneck", "landscape"):
        assert permutation_test(*groups, metric=metric, n_permutations=199, random_state=0).p_value < 0.05


def test_means_with_closed_forms():
    bar = np.array([[0.0, 2.0]])
    np.testing.assert_allclose(frechet_mean([bar, bar + 0.2, bar + 0.4]).bars, bar + 0.2)
    half = frechet_mean([bar, np.empty((0, 2))])  # half way to its place on the diagonal
    np.testing.assert_allclose(half.bars, [[0.5, 1.5]])
    assert half.value == pytest.approx(0.5)
    same = frechet_mean([[[0, 1], [3, 7]]] * 4)
    np.testing.assert_allclose(same.bars, [[0, 1], [3, 7]])
    assert same.value == same.residual == 0
    far = frechet_mean([[[0, 1], [50, 52]], [[0, 3], [50, 54]]])
    np.testing.assert_allclose(far.bars, [[0, 2], [50, 53]])
    assert frechet_mean([[], []]).bars.shape == (0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_means_have_the_value_they_say_and_nothing_near_is_better(seed):
    rng = np.random.default_rng(seed)
    diagrams = [np.sort(rng.random((rng.integers(1, 6), 2)), axis=1) for _ in range(4)]
    found = frechet_mean(diagrams, n_starts=4, random_state=seed)
    assert found.value == pytest.approx(np.mean([euclidean_wasserstein(found.bars, d) for d in diagrams]))
    assert found.value <= min(np.mean([euclidean_wasserstein(d, e) for e in diagrams]) for d in diagrams)
    for _ in range(20):
        nudged = found.bars + 1e-3 * rng.normal(size=found.bars.shape)
        nudged.sort(axis=1)
        assert np.mean([euclidean_wasserstein(nudged, d) for d in diagrams]) >= found.value - 1e-12


def test_values_of_means_fall():
    rng = np.random.default_rng(0)
    diagrams = [np.sort(rng.random((15, 2)), axis=1) for _ in range(6)]
    values = [frechet_mean(diagrams, n_starts=1, max_iterations=k, random_state=0).value for k in range(1, 8)]
    assert (np.diff(values) <= 1e-12).all()
    converged = frechet_mean(diagrams, n_starts=1, random_state=0)
    assert converged.residual <= 1e-12 * converged.value
    assert converged.iterations < 100


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: confidence_set(np.zeros(3)), ShapeError, "(n, d)"),
        (lambda: confidence_set(circle(0, 9), level=95), InputError, "level"),
        (lambda: confidence_set(circle(0, 9), method="magic"), InputError, "subsampling"),
        (lambda: confidence_set(circle(0, 9), n_resamples=0), InputError, "n_resamples"),
        (lambda: confidence_set(circle(0, 9), method="subsampling", size=10), InputError, "9"),
        (lambda: subsampling_stability(circle(0, 9), [10]), InputError, "9"),
        (lambda: subsampling_stability(circle(0, 9), [5], n_resamples=1), InputError, "error bar"),
        (lambda: permutation_test([[[0, 1, 0]]], [[[0, 1, 0]]]), InputError, "at least two"),
        (lambda: permutation_test([[[0, 1, 0]]] * 2, [[[0, 1, 1]]] * 2), InputError, "dimensions"),
        (lambda: frechet_mean([]), InputError, "at least one"),
        (lambda: frechet_mean([[[0, np.inf]]]), InputError, "finite"),
        (lambda: frechet_mean([[0, 1]]), ShapeError, "(k, 2)"),
        (lambda: frechet_mean([[[0, 1]]], n_starts=0), InputError, "n_starts"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
