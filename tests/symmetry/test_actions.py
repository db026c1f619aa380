import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError, ShapeError
from erlangen.symmetry import (
    Cyclic,
    Dihedral,
    Euclidean,
    GridShift,
    Invariant,
    Irreps,
    Orthogonal,
    Permutation,
    Permute,
    Point,
    Pseudoscalar,
    Pseudovector,
    Roll,
    SpecialOrthogonal,
    Steerable,
    Symmetry,
    Tensor,
    TurnImage,
    Vector,
)
from erlangen.symmetry.declaration import move
from erlangen.symmetry.groups import Isometry

CASES = [
    (Euclidean(3), Invariant(), (4, 2)),
    (Euclidean(3), Point(), (4, 3)),
    (Euclidean(3), Point(axis=1), (4, 3, 2)),
    (Euclidean(3), Point(axis=-2), (4, 3, 2)),
    (Euclidean(2), Point(axis=0), (2, 5)),
    (Orthogonal(3), Vector(), (4, 3)),
    (Orthogonal(4), Vector(axis=-2), (2, 4, 3)),
    (Orthogonal(3), Tensor(2), (4, 3, 3)),
    (Orthogonal(3), Tensor(3, pseudo=True), (3, 3, 3)),
    (Orthogonal(3), Pseudoscalar(), (4,)),
    (Orthogonal(3), Pseudovector(), (4, 3)),
    (Orthogonal(3), Steerable("2x0e + 0o + 2x1o + 1e + 3x2e + 3o + 4e"), (4, 43)),
    (SpecialOrthogonal(3), Steerable("1x6e", axis=0), (13, 2)),
    (Permutation(), Permute(0), (5, 2)),
    (Permutation(), Permute(0, 1), (4, 4, 2)),
    (Permutation(5), Permute(-1), (2, 5)),
    (Cyclic(5), Point(), (4, 2)),
    (Dihedral(5), Vector(), (4, 3)),
    (Dihedral(6), Permute(0), (12,)),
    (Dihedral(4), TurnImage(), (3, 6, 6)),
    (Cyclic(2), TurnImage((0, 1)), (4, 4, 2)),
    (Dihedral(4), TurnImage((1, 0)), (4, 4)),
    (GridShift((4, 6)), Roll(-2, -1), (2, 4, 6)),
    (Euclidean(3) * Permutation(), Point() * Permute(0), (5, 3)),
    (Euclidean(3) * Permutation() * GridShift(4), Vector(1) * Permute(0) * Roll(2), (5, 3, 4)),
]
IDS = [f"{group}-{action}-{shape}" for group, action, shape in CASES]


@pytest.mark.parametrize(("group", "action", "shape"), CASES, ids=IDS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_an_action_is_a_homomorphism(group, action, shape, seed):
    rng = np.random.default_rng(seed)
    g, h, x = group.sample(rng), group.sample(rng), rng.normal(size=shape)
    twice, once = action(g, action(h, x)), action(group.compose(g, h), x)
    scale = np.abs(once).max() + 1
    np.testing.assert_allclose(twice, once, atol=1e-12 * scale)
    np.testing.assert_allclose(action(group.identity, x), x, atol=1e-14)
    np.testing.assert_allclose(action(group.inverse(g), action(g, x)), x, atol=1e-12 * scale)


@pytest.mark.parametrize(("group", "action", "shape"), CASES, ids=IDS)
def test_torch_and_numpy_agree_and_keep_the_type(group, action, shape):
    rng = np.random.default_rng(3)
    g, x = group.sample(rng), rng.normal(size=shape)
    moved = action(g, torch.from_numpy(x))
    np.testing.assert_allclose(moved.numpy(), action(g, x), atol=1e-12)
    assert action(g, x.astype(np.float32)).dtype == np.float32
    assert action(g, torch.from_numpy(x).float()).dtype == torch.float32


@pytest.mark.parametrize(("group", "action", "shape"), CASES, ids=IDS)
def test_an_action_moves_something(group, action, shape):
    """No action but the trivial one is the identity: else the homomorphism above would prove nothing."""
    x = np.random.default_rng(4).normal(size=shape)
    moves = any(not np.allclose(action(group.sample(seed), x), x) for seed in range(20))
    assert moves == (not isinstance(action, Invariant))


def test_gradients_pass_through_an_action():
    g, x = Euclidean(3).sample(0), torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: Point()(g, x), x)


def test_a_tensor_of_rank_two_moves_like_an_outer_product():
    rng = np.random.default_rng(5)
    g, a, b = Orthogonal(3).sample(rng), rng.normal(size=3), rng.normal(size=3)
    np.testing.assert_allclose(Tensor(2)(g, np.outer(a, b)), np.outer(Vector()(g, a), Vector()(g, b)), atol=1e-14)


def test_a_cross_product_is_a_pseudovector_and_a_triple_product_a_pseudoscalar():
    rng = np.random.default_rng(6)
    a, b, c = rng.normal(size=(3, 3))
    mirror = Isometry(np.diag([1.0, 1.0, -1.0]), np.zeros(3))
    ga, gb, gc = (Vector()(mirror, v) for v in (a, b, c))
    np.testing.assert_allclose(Pseudovector()(mirror, np.cross(a, b)), np.cross(ga, gb), atol=1e-14)
    np.testing.assert_allclose(Pseudoscalar()(mirror, np.dot(a, np.cross(b, c))), np.dot(ga, np.cross(gb, gc)))


def test_image_turns_are_those_of_numpy():
    image = np.arange(16.0).reshape(4, 4)
    for g in Dihedral(4).elements():
        twin = np.rot90(np.flip(image, 1) if g.flip else image, g.step)
        np.testing.assert_array_equal(TurnImage()(g, image), twin)


def test_a_permutation_sends_place_i_where_it_says():
    g, x = Permutation(4).sample(1), np.arange(4.0)
    assert all(Permute(0)(g, x)[j] == x[i] for i, j in enumerate(g.images))


def test_irreps_are_read_and_written():
    irreps = Irreps.parse("8x0e+ 4 x 1o + 2e")
    assert (str(irreps), irreps.dim, irreps.lmax) == ("8x0e+4x1o+1x2e", 25, 2)
    assert [(term.l, place.start, place.stop) for term, place in irreps.slices()] == [
        (0, 0, 8),
        (1, 8, 20),
        (2, 20, 25),
    ]
    for wrong in ("", "8x0", "1.5x0e", "0e 1o", None):
        with pytest.raises(InputError, match="irreps are written like"):
            Irreps.parse(wrong)


@pytest.mark.parametrize(
    ("action", "group", "shape", "error", "message"),
    [
        (Point(), Euclidean(3), (4, 2), ShapeError, "3-dimensional space cannot move an axis of length 2"),
        (Vector(), Permutation(), (4, 3), InputError, "turns no coordinates"),
        (Vector(), Orthogonal(3), (), ShapeError, "no axis -1"),
        (Permute(0), Euclidean(3), (4, 3), InputError, "needs a permutation"),
        (Steerable("1x1o"), Orthogonal(3), (4, 4), ShapeError, "3 components, the axis has 4"),
        (Tensor(2), Orthogonal(3), (3,), ShapeError, "one axis a rank"),
        (Tensor(0), Orthogonal(3), (3,), ShapeError, "one axis a rank"),
        (Roll(0, 1), GridShift(4), (4, 4), InputError, "needs as many steps"),
        (TurnImage(), Cyclic(3), (4, 4), InputError, "right angles"),
        (Point() * Permute(0), Euclidean(3), (4, 3), InputError, "product of 2 groups"),
        (Point(), Euclidean(3) * Permutation(), (4, 3), InputError, "multiply the actions"),
    ],
)
def test_what_cannot_act_is_refused(action, group, shape, error, message):
    with pytest.raises(error, match=message):
        action(group.sample(0), np.zeros(shape))


def test_named_arrays_move_by_their_own_action():
    claim = Symmetry(Euclidean(3), {"x": Point(), "z": Invariant()}, Vector())
    assert str(claim) == "E(3): x: point, z: invariant -> vector"
    g, arrays = Euclidean(3).sample(0), {"x": np.ones((2, 3)), "z": np.array([6, 1])}
    moved = move(claim.inputs, g, arrays)
    np.testing.assert_array_equal(moved["x"], Point()(g, arrays["x"]))
    assert moved["z"].dtype == np.int64
    with pytest.raises(InputError, match=r"no action is declared for \['q'\]"):
        move(claim.inputs, g, {"q": np.ones(2)})
    with pytest.raises(InputError, match="one array without a name"):
        move(claim.inputs, g, np.ones(2))
