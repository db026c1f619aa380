import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError, ShapeError
from erlangen.symmetry import (
    Cyclic,
    Dihedral,
    Euclidean,
    GridShift,
    Orthogonal,
    Permutation,
    SpecialEuclidean,
    SpecialOrthogonal,
    Translation,
)

ISOMETRIES = [kind(n) for kind in (Translation, Orthogonal, SpecialOrthogonal, Euclidean, SpecialEuclidean)
              for n in (1, 2, 3, 5)]  # fmt: skip
FINITE = [Cyclic(1), Cyclic(5), Dihedral(1), Dihedral(4), Dihedral(5), GridShift((2, 3)), GridShift(4), Permutation(4)]
GROUPS = [*ISOMETRIES, *FINITE, Permutation(), Euclidean(3) * Permutation() * Dihedral(3)]
seeds = st.integers(0, 2**32 - 1)


def same(g, h):
    """Compare two elements; a shuffle by what it does to sets of several sizes."""
    if hasattr(g, "parts"):
        return all(itertools.starmap(same, zip(g.parts, h.parts, strict=True)))
    if hasattr(g, "matrix"):
        scale = 1 + np.abs(g.shift).max() + np.abs(h.shift).max()
        return np.allclose(g.matrix, h.matrix, atol=1e-12) and np.allclose(g.shift, h.shift, atol=1e-12 * scale)
    if hasattr(g, "word"):
        return all(np.array_equal(g.destinations(n), h.destinations(n)) for n in (1, 2, 5, 9))
    return g == h


@pytest.mark.parametrize("group", GROUPS, ids=str)
@given(seed=seeds)
@settings(max_examples=25)
def test_group_axioms(group, seed):
    rng = np.random.default_rng(seed)
    a, b, c = (group.sample(rng) for _ in range(3))
    assert same(group.compose(group.compose(a, b), c), group.compose(a, group.compose(b, c)))
    assert same(group.compose(a, group.identity), a)
    assert same(group.compose(group.identity, a), a)
    assert same(group.compose(a, group.inverse(a)), group.identity)
    assert same(group.compose(group.inverse(a), a), group.identity)


@pytest.mark.parametrize("group", [*FINITE, Cyclic(3) * GridShift((2, 2))], ids=str)
def test_a_finite_group_lists_each_element_once_and_is_closed(group):
    elements = list(group.elements())
    assert len(elements) == group.order
    keys = {str(g.to_dict()) for g in elements}
    assert len(keys) == group.order
    products = itertools.islice(itertools.product(elements, elements), 300)
    assert all(str(group.compose(a, b).to_dict()) in keys for a, b in products)


@pytest.mark.parametrize("group", ISOMETRIES, ids=str)
def test_samples_belong_to_their_group(group):
    rng = np.random.default_rng(0)
    samples = [group.sample(rng) for _ in range(100)]
    determinants = np.array([np.linalg.det(g.matrix) for g in samples])
    assert all(np.allclose(g.matrix @ g.matrix.T, np.eye(group.n), atol=1e-12) for g in samples)
    assert (determinants < 0).any() == group.reflects
    assert (determinants > 0).any()
    assert any(np.abs(g.shift).max() > 30 for g in samples) == group.translates
    if not group.rotates:
        assert all(np.array_equal(g.matrix, np.eye(group.n)) for g in samples)


@pytest.mark.parametrize("group", [SpecialOrthogonal(2), SpecialOrthogonal(3), Orthogonal(3)], ids=str)
def test_rotations_are_haar_distributed(group):
    """Moments of the Haar measure: E[R] = 0; E[trace(R)^2] = 1 for both groups in space, 2 for SO(2)."""
    rng = np.random.default_rng(1)
    matrices = np.stack([group.sample(rng).matrix for _ in range(4000)])
    assert np.abs(matrices.mean(axis=0)).max() < 0.06
    square = (np.trace(matrices, axis1=1, axis2=2) ** 2).mean()
    assert square == pytest.approx(2 if group.n == 2 else 1, rel=0.1)


def test_a_shuffle_permutes_sets_of_every_size_uniformly():
    rng = np.random.default_rng(2)
    counts = {}
    for _ in range(1200):
        order = tuple(Permutation().sample(rng).destinations(3).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert min(counts.values()) > 140


def test_infinite_groups_have_no_list_of_elements():
    assert Euclidean(3).order == math.inf
    for group in (Euclidean(3), Permutation()):
        with pytest.raises(InputError, match="infinitely many"):
            group.elements()


@pytest.mark.parametrize("build", [lambda: Euclidean(0), lambda: Cyclic(-1), lambda: GridShift((2, 0)),
                                   lambda: Permutation(1.5), lambda: Orthogonal(True)])  # fmt: skip
def test_a_bad_size_is_named(build):
    with pytest.raises(InputError, match="positive integer, got"):
        build()


def test_lengths_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="3 places"):
        Permutation(3).identity.destinations(4)
    with pytest.raises(ShapeError, match="do not divide"):
        Cyclic(3).sample(0).destinations(4)
    with pytest.raises(InputError, match="random_state"):
        Euclidean(3).sample("today")
