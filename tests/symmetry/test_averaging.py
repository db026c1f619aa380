import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError, ShapeError, TooLargeError
from erlangen.symmetry import (
    Cyclic,
    Dihedral,
    Euclidean,
    GridShift,
    Invariant,
    Orthogonal,
    Permutation,
    Permute,
    Point,
    Pseudoscalar,
    Pseudovector,
    Roll,
    SpecialEuclidean,
    SpecialOrthogonal,
    Steerable,
    Tensor,
    Translation,
    TurnImage,
    Vector,
    certify,
    symmetrize,
)
from erlangen.symmetry.averaging import elements_for, rotations_of

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
HEXAGON = np.array([[np.cos(a), np.sin(a), 0] for a in np.arange(6) * np.pi / 3])
CUBE = np.array([[a, b, c] for a in (-1.0, 1) for b in (-1, 1) for c in (-1, 1)])
SHAPES = {
    "methane": np.vstack([np.zeros(3), 1.09 * TETRAHEDRON]),
    "benzene": np.vstack([1.39 * HEXAGON, 2.48 * HEXAGON]),
    "carbon dioxide": np.array([[0.0, 0, -1.16], [0, 0, 0], [0, 0, 1.16]]),
    "hydrogen cyanide": np.array([[0.0, 0, -1.06], [0, 0, 0], [0, 0, 1.16]]),
    "water": np.array([[0.0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]]),
    "cube": CUBE,
    "octahedron": np.vstack([np.eye(3), -np.eye(3)]),
    "atom": np.zeros((1, 3)),
    "two atoms at one place": np.zeros((2, 3)),
    "chiral": np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]),
    "asymmetric": np.random.default_rng(0).normal(size=(7, 3)),
}
GROUPS = [Orthogonal(3), SpecialOrthogonal(3), Euclidean(3), SpecialEuclidean(3)]
WEIGHTS = np.random.default_rng(1).normal(size=(3, 3))


def scalar(x):
    """Anything smooth that respects nothing, not even the order of the points."""
    order = np.arange(1, len(x) + 1)
    return np.sin(x @ [0.3, 0.5, 0.7] + order).sum() + 0.1 * (x @ [1, -2, 0.5]).max()


def vector(x):
    return np.stack([scalar(x), scalar(x[:, [2, 0, 1]]), 1 + scalar(-x)])


def tensor(x):
    return np.outer(vector(x), vector(2 * x)) + WEIGHTS


def harmonics(x):
    return np.array([scalar(k * x / 5) for k in range(6)])


def per_atom(x):
    return np.sin(x @ WEIGHTS + 1) + vector(x)


OUTPUTS = {
    "scalar": (scalar, Invariant()),
    "pseudoscalar": (scalar, Pseudoscalar()),
    "vector": (vector, Vector()),
    "pseudovector": (vector, Pseudovector()),
    "tensor": (tensor, Tensor(2)),
    "harmonics": (harmonics, Steerable("1x0o+1x2e")),
    "vectors of atoms": (per_atom, Vector()),
    "points": (per_atom, Point()),
}


EVERY_SHAPE = [(group, name) for group in (Euclidean(3), SpecialEuclidean(3)) for name in SHAPES]
SOME_SHAPES = [(group, name) for group in (Orthogonal(3), SpecialOrthogonal(3))
               for name in ("methane", "carbon dioxide", "atom")]  # fmt: skip


@pytest.mark.parametrize(("group", "name"), EVERY_SHAPE + SOME_SHAPES)
def test_symmetrized_functions_pass_on_every_shape(group, name):
    """Whatever the output, and also where principal axes do not exist: certified on this one shape, far out too."""
    f = lambda x: {output: function(x) for output, (function, _) in OUTPUTS.items()}  # noqa: E731
    claim = symmetrize(f, group, Point(), {output: action for output, (_, action) in OUTPUTS.items()})
    certificate = certify(claim, draw=[SHAPES[name]], samples=2, scale=1.0)
    assert certificate.holds, str(certificate)
    assert certificate.measurements[0].tolerance < 1e-10


@pytest.mark.parametrize("group", [*GROUPS, Translation(3)], ids=str)
@pytest.mark.parametrize("output", OUTPUTS)
def test_symmetrized_functions_pass_on_random_clouds(group, output):
    f, action = OUTPUTS[output]
    certificate = certify(symmetrize(f, group, Point(), action), samples=12)
    assert certificate.holds, str(certificate)


@pytest.mark.parametrize("n", [1, 2, 4, 5])
@pytest.mark.parametrize("kind", [Orthogonal, SpecialOrthogonal, Euclidean, SpecialEuclidean])
def test_frames_in_other_dimensions(kind, n):
    weights = np.linspace(0.3, 1, n)
    f = lambda x: np.sin(x @ weights + np.arange(len(x))).sum()  # noqa: E731
    certificate = certify(symmetrize(f, kind(n), Point(), Invariant()), samples=16)
    assert certificate.holds, str(certificate)
    g = lambda x: np.sin(x * weights + 1).sum(0)  # noqa: E731
    certificate = certify(symmetrize(g, kind(n), Point(), Vector()), sizes=(n, 9), samples=16)
    assert certificate.holds, str(certificate)


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_symmetric_already_stays_as_it_is(name):
    x = SHAPES[name] + [1.0, 2, 3]

    def energy(x):
        return np.exp(-((x[:, None] - x[None]) ** 2).sum(-1)).sum()

    def force(x):
        return (x[:, None] - x[None]).sum(1) * np.arange(1, len(x) + 1)[:, None]

    np.testing.assert_allclose(symmetrize(energy, Euclidean(3), Point(), Invariant())(x), energy(x), rtol=1e-12)
    np.testing.assert_allclose(symmetrize(force, Euclidean(3), Point(), Vector())(x), force(x), atol=1e-12)


def test_a_pseudoscalar_vanishes_where_there_is_a_mirror():
    claim = symmetrize(lambda x: 1 + scalar(x), Euclidean(3), Point(), Pseudoscalar())
    for name in ("water", "carbon dioxide", "atom", "benzene"):
        assert claim(SHAPES[name]) == pytest.approx(0, abs=1e-12)
    assert abs(claim(SHAPES["chiral"])) > 1e-3


def test_a_vector_lies_where_the_shape_allows_it():
    dipole = symmetrize(vector, Euclidean(3), Point(), Vector())
    np.testing.assert_allclose(dipole(SHAPES["atom"]), 0, atol=1e-12)
    np.testing.assert_allclose(dipole(SHAPES["hydrogen cyanide"])[:2], 0, atol=1e-12)
    assert abs(dipole(SHAPES["hydrogen cyanide"])[2]) > 1e-3
    np.testing.assert_allclose(dipole(SHAPES["water"])[2], 0, atol=1e-12)


@pytest.mark.parametrize(("name", "group", "cost"), [
    ("asymmetric", SpecialEuclidean(3), 1), ("asymmetric", Euclidean(3), 2), ("atom", Euclidean(3), 2),
    ("methane", Euclidean(3), 24), ("benzene", Euclidean(3), 48), ("cube", Euclidean(3), 96),
])  # fmt: skip
def test_the_cost_is_what_the_docstring_says(name, group, cost):
    calls = []
    symmetrize(lambda x: calls.append(1) or 0.0, group, Point(), Invariant())(SHAPES[name])
    assert len(calls) == cost
    elements = list(elements_for(group, {"x": Point()}, Invariant(), {"x": SHAPES[name]}, 1000))
    assert sum(weight for _, weight, _ in elements) == pytest.approx(1)


@given(seed=st.integers(0, 2**32 - 1), flatness=st.integers(0, 3), n=st.integers(1, 8))
@settings(max_examples=60)
def test_order_and_flatness_do_not_matter(seed, flatness, n):
    """The frame is built from distances alone: relabelling the points changes nothing, in any flat arrangement."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * (np.arange(3) < flatness) + rng.normal(size=3)
    f = symmetrize(lambda x: np.sin(x @ [1, 2, 3.0]).sum(), Euclidean(3), Point(), Invariant())
    g = Euclidean(3).sample(rng)
    moved = Point()(g, x[rng.permutation(n)])
    np.testing.assert_allclose(f(moved), f(x), rtol=1e-6, atol=1e-8)


def test_permutations_and_motions_together():
    claim = symmetrize(scalar, Euclidean(3) * Permutation(), Point() * Permute(0), Invariant() * Invariant())
    for name in ("water", "carbon dioxide", "methane"):
        certificate = certify(claim, draw=[SHAPES[name]], samples=1, precisions=("float64",))
        assert certificate.holds, str(certificate)
    assert not certify(symmetrize(scalar, Euclidean(3), Point(), Invariant()),
                       Permutation(), Permute(0), Invariant(), shape=(4, 3), samples=8)  # fmt: skip


def test_several_inputs_share_a_frame():
    """Positions on a line with velocities across it: together they span a plane."""
    line = np.outer([0.0, 1, 3], [0, 0, 1.0])
    draws = [{"x": line, "v": np.array([[1.0, 0, 0], [2, 0, 0], [0, 0, 1]]), "z": np.array([1.0, 2, 3])}]
    f = lambda x, v, z: vector(x) * z.sum() + vector(v) + (v * x).sum()  # noqa: E731
    actions = {"x": Point(), "v": Vector(), "z": Invariant()}
    assert certify(symmetrize(f, Euclidean(3), actions, Vector()), draw=draws, samples=8)
    assert not certify(f, Euclidean(3), actions, Vector(), draw=draws, samples=8)


FINITE = [
    (lambda x: np.cumsum(x), GridShift(6), Roll(-1), Roll(-1), (6,)),
    (lambda x: np.cumsum(np.cumsum(x, 0), 1), GridShift((3, 4)), Roll(0, 1), Roll(0, 1), (3, 4)),
    (lambda x: np.cumsum(np.cumsum(x, 0), 1) * np.arange(6), Dihedral(4), TurnImage(), TurnImage(), (6, 6)),
    (lambda x: (x * np.arange(6)).max(), Cyclic(4), TurnImage(), Invariant(), (6, 6)),
    (lambda x: np.sin(x[:, 0]).sum(), Dihedral(5), Point(), Invariant(), (None, 2)),
    (lambda x: np.sin(x * [1, 2]), Cyclic(7), Vector(), Vector(), (None, 2)),
    (lambda x: np.cumsum(x, 0), Permutation(), Permute(0), Permute(0), (4, 2)),
    (lambda x: np.cumsum(x, 0) ** 2, Permutation(3), Permute(0, 1), Permute(0, 1), (3, 3)),
    (lambda x: np.cumsum(x, 0), Cyclic(3) * Permutation(3), Vector() * Permute(0), Vector() * Permute(0), (3, 2)),
]


@pytest.mark.parametrize(("f", "group", "input_", "output", "shape"), FINITE, ids=[str(case[1]) for case in FINITE])
def test_finite_groups_are_averaged_exactly(f, group, input_, output, shape):
    assert not certify(f, group, input_, output, shape=shape, samples=8)
    certificate = certify(symmetrize(f, group, input_, output), shape=shape, samples=16)
    assert certificate.holds, str(certificate)


def test_torch_inputs_and_the_gradient_through_the_frame():
    """The gradient of an invariant function is an equivariant vector: only if the frame is differentiated too."""
    weights = torch.tensor([0.3, 0.5, 0.7], dtype=torch.float64)

    def energy(x):
        return torch.sin(x @ weights.to(x.dtype) + torch.arange(len(x))).sum()

    smooth = symmetrize(energy, Euclidean(3), Point(), Invariant())

    def forces(x):
        x = x.clone().requires_grad_()
        return -torch.autograd.grad(smooth(x), x)[0]

    assert certify(smooth, arrays="torch", samples=16)
    assert certify(forces, Euclidean(3), Point(), Vector(), arrays="torch", sizes=(3, 9), samples=16)
    x = torch.tensor(SHAPES["asymmetric"], requires_grad=True)
    assert torch.autograd.gradcheck(smooth, x)
    assert forces(x.detach()).sum(0).abs().max() < 1e-12


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 6])
def test_the_quadrature_equals_the_mean_over_the_group(n, degree):
    """Mean of R x R x ... : exact moments of the Haar measure are invariant under it."""
    matrices = rotations_of(n, degree, reflects=False)
    assert sum(weight for _, weight in matrices) == pytest.approx(1)
    if n == 3 and degree:
        moments = np.einsum("w,wab,wcd->abcd", *_split(matrices)[::-1], _split(matrices)[0]) if degree > 1 else None
        mean = np.einsum("w,wab->ab", _split(matrices)[1], _split(matrices)[0])
        np.testing.assert_allclose(mean, 0, atol=1e-14)
        if moments is not None:
            delta = np.eye(3)
            np.testing.assert_allclose(moments, np.einsum("ac,bd->abcd", delta, delta) / 3, atol=1e-14)


def _split(matrices):
    return np.stack([m for m, _ in matrices]), np.array([w for _, w in matrices])


def test_whole_numbers_are_coordinates_too():
    f = symmetrize(scalar, Euclidean(3), Point(), Invariant())
    assert f(CUBE.astype(int)) == pytest.approx(f(CUBE))


def test_dict_outputs():
    f = lambda x: {"energy": scalar(x), "forces": per_atom(x)}  # noqa: E731
    claim = symmetrize(f, Euclidean(3), Point(), {"energy": Invariant(), "forces": Vector()})
    assert certify(claim, draw=[SHAPES["methane"]], samples=4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: symmetrize(3, Euclidean(3), Point(), Invariant()), InputError, "f is a function of arrays"),
        (lambda: symmetrize(scalar, Euclidean(3), Tensor(2), Invariant()), InputError, "frames are built from"),
        (lambda: symmetrize(scalar, Euclidean(3), Invariant(), Invariant())(np.ones(3)), InputError, "needs points"),
        (lambda: symmetrize(scalar, Euclidean(3), Point(), Invariant())(np.full((2, 3), np.nan)), InputError, "finite"),
        (lambda: symmetrize(scalar, Euclidean(3), Point(), Invariant())(np.ones((2, 2))), ShapeError, "3 coordinates"),
        (lambda: symmetrize(scalar, Euclidean(3), Point(), Invariant())(np.ones((0, 3))), ShapeError, "no points"),
        (lambda: symmetrize(scalar, Euclidean(3), Point(), Invariant())(), InputError, "takes one array"),
        (
            lambda: symmetrize(scalar, Euclidean(3), {"x": Point()}, Invariant())(y=1),
            InputError,
            r"declared for \['y'\]",
        ),
        (lambda: symmetrize(np.sum, Permutation(), Permute(0), Invariant())(np.ones(12)), TooLargeError, "479,001,600"),
        (lambda: symmetrize(scalar, Euclidean(3), Point(), Invariant(), limit=20)(CUBE), TooLargeError, "limit=20"),
        (lambda: symmetrize(np.sum, Euclidean(4), Point(), Vector())(np.ones((1, 4))), InputError, "4 directions open"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
