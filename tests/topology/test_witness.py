"""Witness filtrations against gudhi and their definition."""

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from erlangen.errors import InputError, ShapeError
from erlangen.topology import farthest_points, rips_persistence, witness_persistence
from erlangen.topology.witness import _seen


def points(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    d, n = 2 + seed % 2, int(rng.integers(2, 9))
    return rng.random((int(rng.integers(1, 60)), d)), rng.random((n, d))


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3, 3.0])
def test_gudhi_finds_the_same(alpha, strong):
    gudhi = pytest.importorskip("gudhi")
    theirs = gudhi.EuclideanStrongWitnessComplex if strong else gudhi.EuclideanWitnessComplex
    for seed in range(12):
        witnesses, landmarks = points(seed)
        tree = theirs(landmarks=landmarks, witnesses=witnesses).create_simplex_tree(
            max_alpha_square=alpha**2, limit_dimension=3
        )
        tree.compute_persistence(homology_coeff_field=3, persistence_dim_max=True)
        found = witness_persistence(
            witnesses, landmarks, max_dimension=2, max_alpha=alpha, strong=strong, modulus=3
        ).bars
        for q, mine in enumerate(found):
            other = np.asarray(tree.persistence_intervals_in_dimension(q)).reshape(-1, 2)
            assert mine.shape == other.shape
            np.testing.assert_allclose(mine**2, other[np.lexsort(other.T[::-1])], atol=1e-12)


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("limit", [np.inf, 0.1, 0.0])
def test_simplices_enter_by_the_definition(limit, strong):
    for seed in range(6):
        squares = cdist(*points(seed), "sqeuclidean")
        n = squares.shape[1]
        expected = {}
        for size in range(1, min(n, 4) + 1):
            for s in combinations(range(n), size):
                others = [v for v in range(n) if v not in s]
                near = squares.min(axis=1) if strong else squares[:, others].min(axis=1, initial=np.inf)
                value = max(0.0, (squares[:, list(s)].max(axis=1) - near).min())
                faces = [expected.get(f, np.inf) for f in combinations(s, size - 1)] if size > 1 else []
                value = max([value, *faces])
                if value <= limit:
                    expected[s] = value
        simplices, values, facets = _seen(squares, 3, limit, strong)
        found = {
            tuple(s): v
            for table, times in zip(simplices, values, strict=True)
            for s, v in zip(table.tolist(), times, strict=True)
        }
        assert found.keys() == expected.keys()
        assert found == pytest.approx(expected, abs=1e-15)
        for q in range(1, 4):
            for j in range(q + 1):
                np.testing.assert_array_equal(simplices[q - 1][facets[q][:, j]], np.delete(simplices[q], j, axis=1))


def test_a_circle_is_seen_by_few_landmarks():
    angle = np.random.default_rng(0).random(800) * 2 * np.pi
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    landmarks = circle[farthest_points(circle, 20).indices]
    for strong in (False, True):
        bars = witness_persistence(circle, landmarks, max_alpha=1.0, strong=strong).bars[1]
        assert np.sort(np.ptp(np.minimum(bars, 1.0), axis=1))[-1] > 0.5
    assert len(rips_persistence(landmarks).bars[1]) == 1


def test_landmarks_that_nobody_sees_are_left_out():
    found = witness_persistence([[0.0]], [[0.0], [1.0], [5.0]], max_alpha=1.0, strong=True)
    assert found.bars[0].tolist() == [[0, np.inf]]
    assert found.births[0].tolist() == [[0]]
    weak = witness_persistence([[0.0]], [[0.0], [1.0], [5.0]], max_alpha=1.0)
    assert sorted(weak.births[0].ravel().tolist()) == [0]


def test_too_many_landmarks_are_refused():
    with pytest.raises(InputError, match="fewer landmarks"):
        witness_persistence(np.zeros((1, 2)), np.zeros((1000, 2)), max_dimension=6)


def test_empty_input():
    for witnesses, landmarks in ((np.zeros((0, 2)), np.zeros((3, 2))), (np.zeros((3, 2)), np.zeros((0, 2)))):
        for strong in (False, True):
            assert [len(b) for b in witness_persistence(witnesses, landmarks, strong=strong).bars] == [0, 0]
    assert witness_persistence(np.zeros((1, 2)), np.zeros((1, 2))).bars[0].tolist() == [[0, np.inf]]


@pytest.mark.parametrize(
    ("witnesses", "options", "error", "words"),
    [
        (np.zeros((3, 3)), {}, ShapeError, "coordinates"),
        (np.zeros(3), {}, ShapeError, "two axes"),
        (np.zeros((3, 2)), {"max_alpha": -1}, InputError, "max_alpha"),
        (np.zeros((3, 2)), {"max_alpha": np.nan}, InputError, "max_alpha"),
        (np.zeros((3, 2)), {"max_dimension": -1}, InputError, "max_dimension"),
        (np.zeros((3, 2)), {"modulus": 9}, InputError, "prime"),
    ],
)
def test_bad_input_is_named(witnesses, options, error, words):
    with pytest.raises(error, match=words):
        witness_persistence(witnesses, np.zeros((3, 2)), **options)
