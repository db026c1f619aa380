import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from erlangen.errors import InputError, ShapeError
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
    Probe,
    Pseudoscalar,
    Roll,
    SpecialEuclidean,
    SpecialOrthogonal,
    Symmetry,
    Translation,
    TurnImage,
    Vector,
    certify,
    discover,
)
from erlangen.symmetry.groups import Isometry

E3, SE3 = Euclidean(3), SpecialEuclidean(3)


def distances(x):
    return ((x[:, None] - x[None]) ** 2).sum(-1)


def energy(x):
    """A smooth invariant of a cloud of any size."""
    return np.exp(-distances(x) / 9).sum()


def handedness(x):
    """The triple product of the first points: a pseudoscalar."""
    return np.linalg.det((x - x[-1])[:3])


def torch_distances(x):
    return ((x[:, None] - x[None]) ** 2).sum(-1, keepdim=True)


class DeepInvariant(nn.Module):
    """Twelve layers on distances: invariant, ill conditioned enough in float32 to need a measured tolerance."""

    def __init__(self, dropout=0.0, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        layers = [nn.Linear(1, 48), nn.SiLU()]
        for _ in range(10):
            layers += [nn.Linear(48, 48), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(48, 1))

    def forward(self, x):
        return 5 * self.layers(torch_distances(x)).sum()


# What holds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "group", "input_", "output", "options"),
    [
        (energy, E3, Point(), Invariant(), {}),
        (energy, E3 * Permutation(), Point() * Permute(0), Invariant() * Invariant(), {}),
        (lambda x: x - x.mean(0), E3, Point(), Vector(), {}),
        (lambda x: x + x.mean(0) / 7 - x[0] / 7, E3, Point(), Point(), {}),
        (handedness, SE3, Point(), Invariant(), {"sizes": (4, 12)}),
        (handedness, E3, Point(), Pseudoscalar(), {"sizes": (4, 12)}),
        (lambda x: 0.0, E3, Point(), Invariant(), {}),
        (lambda x: x * 0, Orthogonal(3), Vector(), Vector(), {}),
        (lambda x: 1e-30 * energy(x), E3, Point(), Invariant(), {}),
        (lambda x: 1e6 + energy(x), E3, Point(), Invariant(), {}),
        (lambda x: x * np.roll(x, 1), GridShift(8), Roll(-1), Roll(-1), {}),
        (lambda x: x + np.rot90(x, 2), Dihedral(4), TurnImage(), TurnImage(), {}),
        (lambda x: len(x), Permutation(), Permute(0), Invariant(), {"shape": (None, 2)}),
    ],
)
def test_a_true_claim_holds(f, group, input_, output, options):
    certificate = certify(f, group, input_, output, **options)
    assert certificate.holds, str(certificate)
    assert certificate.measurements[0].tolerance < 1e-6


def test_a_deep_network_is_not_failed_for_its_conditioning():
    certificate = certify(DeepInvariant(), E3, Point(), Invariant(), samples=32)
    assert certificate.holds, str(certificate)
    assert {(m.precision, m.mode) for m in certificate.measurements} == {
        (precision, mode) for precision in ("float64", "float32") for mode in ("eval", "train")
    }


def test_an_ill_conditioned_function_gets_a_wider_tolerance_but_only_in_float32():
    def sharp(x):
        return np.sin(100 * energy(x))

    wide, narrow = (certify(f, E3, Point(), Invariant(), sizes=(4, 16)) for f in (sharp, energy))
    assert wide.holds, str(wide)
    assert narrow.holds
    assert wide.measurements[1].tolerance > 10 * narrow.measurements[1].tolerance
    assert wide.measurements[0].tolerance < 1e-9
    assert not certify(lambda x: sharp(x) + 1e-8 * x[0, 0], E3, Point(), Invariant(), sizes=(4, 16))


def test_what_rounding_may_explain_entirely_is_undecided():
    def chaotic(x):
        return np.sin(1e4 * energy(x))

    certificate = certify(chaotic, E3, Point(), Invariant(), sizes=(4, 16))
    assert [m.holds for m in certificate.measurements] == [True, None]
    assert certificate.holds
    assert "too ill conditioned" in str(certificate)
    alone = certify(chaotic, E3, Point(), Invariant(), sizes=(4, 16), precisions=("float32",))
    assert (alone.holds, alone.verdict) == (False, "UNDECIDED")
    json.dumps(alone.to_dict(), allow_nan=False)


def test_dropout_draws_the_same_mask_for_both_sides():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert certify(DeepInvariant(dropout=0.5), E3, Point(), Invariant(), samples=8).holds
    torch.manual_seed(1)
    DeepInvariant()  # seeds inside
    torch.set_rng_state(state)
    before = torch.get_rng_state()
    certify(nn.Dropout(0.5), Cyclic(3), Point(), Point(), samples=2)
    assert torch.equal(torch.get_rng_state(), before)


# What must be caught ------------------------------------------------------------------------------------------------


def near_the_origin(x):
    return energy(x) + (0.0 if np.abs(x).max() < 20 else 0.01 * x[0, 0])


def small_turns(x):
    """Blind to turns: looks at the order of coordinates only when the first atom lies on the other side."""
    return energy(x) + (0.1 if x[0, 0] < x[-1, 0] - 1 else 0.0)


def one_size(x):
    return energy(x) if len(x) != 7 else x[0, 0]


BROKEN = {
    "handedness under E(3)": (handedness, E3, Invariant(), {"sizes": (4, 12)}),
    "right near the origin only": (near_the_origin, E3, Invariant(), {}),
    "right near the origin only, a claim on rotations": (near_the_origin, Orthogonal(3), Invariant(), {}),
    "right for small turns only": (small_turns, SE3, Invariant(), {}),
    "wrong for one size": (one_size, E3, Invariant(), {}),
    "maximum over coordinates": (lambda x: np.abs(x - x.mean(0)).max(), E3, Invariant(), {}),
    "absolute coordinates with a weight of 1e-3": (lambda x: energy(x) + 1e-3 * x[0, 0], E3, Invariant(), {}),
    "absolute coordinates with a weight of 1e-9": (lambda x: energy(x) + 1e-9 * x[0, 0], E3, Invariant(), {}),
    "a vector claimed to be a point": (lambda x: x - x.mean(0), E3, Point(), {}),
    "a nonlinearity on components": (lambda x: np.tanh(x - x.mean(0)), E3, Vector(), {}),
    "a bias on a vector": (lambda x: x - x.mean(0) + 1e-4, E3, Vector(), {}),
    "only one mirror is wrong": (lambda x: energy(x) + 1e-5 * np.abs(handedness(x) > 0), Orthogonal(3), Invariant(),
                                 {"sizes": (4, 9)}),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("random_state", [0, 1, 2])
def test_a_false_claim_is_caught(name, random_state):
    f, group, output, options = BROKEN[name]
    certificate = certify(f, group, Point(), output, random_state=random_state, **options)
    assert not certificate, str(certificate)


def test_a_witness_reproduces_the_break():
    certificate = certify(handedness, E3, Point(), Invariant(), sizes=(4, 9))
    witness = certificate.worst.witness
    moved = Point()(witness.element, witness.inputs["x"].astype(float))
    assert np.linalg.det(witness.element.matrix) < 0
    error = abs(handedness(moved) - handedness(witness.inputs["x"])) / abs(handedness(moved))
    assert error == pytest.approx(certificate.error, rel=1e-3)


class OnlyInEval(DeepInvariant):
    def forward(self, x):
        return super().forward(x) + (0.01 * x[0, 0] if self.training else 0.0)


def test_a_model_right_in_eval_mode_only_is_caught_and_restored():
    model = OnlyInEval()
    model.layers[3].eval()
    modes = [part.training for part in model.modules()]
    certificate = certify(model, E3, Point(), Invariant(), samples=8)
    assert {m.mode: m.holds for m in certificate.measurements} == {"eval": True, "train": False}
    assert not certificate
    assert [part.training for part in model.modules()] == modes
    assert certify(model, E3, Point(), Invariant(), samples=8, modes=("eval",)).holds


def test_running_statistics_of_a_batch_norm_are_left_alone():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(1)
            self.symmetry = Symmetry(E3, {"x": Point()}, Invariant())

        def symmetry_probe(self, rng, dtype):
            self.to(torch.float32 if dtype is np.float32 else torch.float64)
            x = rng.normal(size=(int(rng.integers(2, 9)), 3)).astype(dtype)
            return Probe({"x": x}, lambda x: self.norm(torch_distances(torch.from_numpy(x)).reshape(-1, 1))[:, 0])

    model = Normed()
    certificate = certify(model, samples=4)
    assert certificate.holds, str(certificate)
    assert {m.mode for m in certificate.measurements} == {"eval", "train"}
    assert model.norm.num_batches_tracked == 0
    assert model.norm.running_mean.item() == 0


# Precision ----------------------------------------------------------------------------------------------------------


def test_a_function_that_refuses_float32_is_reported_not_failed():
    def fussy(x):
        if x.dtype != np.float64:
            raise TypeError("float64 only")
        return energy(x)

    certificate = certify(fussy, E3, Point(), Invariant(), samples=4)
    assert [m.holds for m in certificate.measurements] == [True, None]
    assert certificate.holds
    assert "refused: TypeError: float64 only" in str(certificate)


def test_a_function_that_always_fails_says_why():
    def broken(x):
        raise KeyError("no such table")

    with pytest.raises(KeyError, match="no such table") as caught:
        certify(broken, E3, Point(), Invariant(), samples=4)
    assert "certify called f with x (" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("f", "note"),
    [
        (lambda x: energy(x.astype(np.float64)), "returns float64 for float32 input"),
        (lambda x: energy(x.astype(np.float32)), "returns float32 for float64 input"),
        (lambda x: float(energy(x.astype(np.float32))) * np.float64(27.2), "rounds its input to float32"),
    ],
)
def test_the_precision_that_a_function_works_in_is_noted(f, note):
    certificate = certify(f, E3, Point(), Invariant())
    assert certificate.holds, str(certificate)
    assert note in str(certificate)


def test_examples_that_float32_holds_exactly_are_no_sign_of_float32():
    cube = np.array([[a, b, c] for a in (-1.0, 1) for b in (-1, 1) for c in (-1, 1)])
    certificate = certify(energy, E3, Point(), Invariant(), draw=[cube])
    assert certificate.measurements[0].notes == ()
    assert certificate.measurements[0].tolerance < 1e-12


def test_an_output_that_vanishes_by_cancellation_needs_a_scale():
    def no_net_force(x):
        return (x[:, None] - x[None]).sum(axis=(0, 1))

    assert not certify(no_net_force, SE3, Point(), Vector(), sizes=(5, 9))
    assert certify(no_net_force, SE3, Point(), Vector(), sizes=(5, 9), scale=1.0)
    assert not certify(lambda x: no_net_force(x) + 1e-3, SE3, Point(), Vector(), sizes=(5, 9), scale=1.0)


def test_float32_inside_does_not_excuse_a_leak():
    certificate = certify(lambda x: float(energy(x.astype(np.float32)) + 1e-3 * x[0, 0]), E3, Point(), Invariant())
    assert not certificate


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_output_that_is_not_finite_breaks_the_claim(value):
    certificate = certify(lambda x: value if len(x) == 5 else energy(x), E3, Point(), Invariant())
    assert not certificate
    assert certificate.error == np.inf
    assert "not finite" in str(certificate)
    assert certificate.witness.inputs["x"].shape == (5, 3)
    json.dumps(certificate.to_dict(), allow_nan=False)


def test_a_changing_shape_breaks_the_claim():
    certificate = certify(lambda x: x[x[:, 0] > 0, 0] * 0, SE3, Point(), Invariant(), sizes=(8, 8))
    assert not certificate
    assert "has shape" in certificate.witness.reason


# What can be certified ----------------------------------------------------------------------------------------------


class Model:
    """What every model of the library offers: a declared symmetry and a probe."""

    symmetry = Symmetry(
        E3 * Permutation(),
        {"positions": Point() * Permute(0), "numbers": Invariant() * Permute(0)},
        {"energy": Invariant() * Invariant(), "forces": Vector() * Permute(0)},
    )

    def symmetry_probe(self, rng, dtype):
        n = int(rng.integers(1, 9))
        return Probe({"positions": rng.normal(size=(n, 3)).astype(dtype), "numbers": rng.integers(1, 9, n)}, self)

    def __call__(self, positions, numbers):
        centred = positions - (numbers[:, None] * positions).sum(0) / numbers.sum()
        return {"energy": (numbers * (centred**2).sum(1)).sum(), "forces": centred * numbers[:, None]}


def test_a_model_says_everything_itself():
    assert certify(Model()).holds
    assert certify(Model(), E3).claim.startswith("E(3): positions: point, numbers: invariant")
    assert certify(Model(), SE3).holds
    assert certify(Model(), Permutation()).holds
    with pytest.raises(InputError, match="no factor like C4"):
        certify(Model(), Cyclic(4))


def test_one_wrong_output_among_several_is_named():
    class Wrong(Model):
        def __call__(self, positions, numbers):
            right = super().__call__(positions, numbers)
            return {**right, "forces": right["forces"] + [1e-3, 0, 0]}

    certificate = certify(Wrong())
    assert not certificate
    assert certificate.witness.output == "forces"


@dataclasses.dataclass(frozen=True)
class Atoms:
    positions: np.ndarray
    numbers: np.ndarray


class Estimator:
    def __init__(self, leak):
        self.leak = leak

    def predict(self, structures):
        return np.array([s.numbers @ distances(s.positions) @ s.numbers + self.leak * s.positions[0, 0]
                         for s in structures])  # fmt: skip


def draw_atoms(rng):
    n = int(rng.integers(1, 9))
    return Atoms(rng.normal(size=(n, 3)), rng.integers(1, 9, n).astype(float))


@pytest.mark.parametrize("draw", [draw_atoms, [draw_atoms(np.random.default_rng(seed)) for seed in range(5)]])
def test_an_estimator_of_structures(draw):
    assert certify(Estimator(0.0), E3, Point(), Invariant(), draw=draw)
    assert not certify(Estimator(1e-3), E3, Point(), Invariant(), draw=draw)
    actions = {"positions": Point() * Permute(0), "numbers": Invariant() * Permute(0)}
    assert certify(Estimator(0.0), E3 * Permutation(), actions, Invariant() * Invariant(), draw=draw)


def test_an_estimator_of_matrices():
    class Norm:
        def predict(self, X):
            return (X**2).sum(axis=1)

    assert certify(Norm(), Orthogonal(3), Vector(), Invariant())
    assert not certify(Norm(), Translation(3), Point(), Invariant())


def test_plain_torch_functions():
    assert certify(lambda x: torch_distances(x).sum(), E3, Point(), Invariant(), arrays="torch", samples=8)
    draw = lambda rng: torch.from_numpy(rng.normal(size=(5, 3)))  # noqa: E731
    assert certify(lambda x: torch.cdist(x, x), E3, Point(), Invariant(), draw=draw, samples=8)


def test_named_arguments_and_shapes():
    def moment(x, charge):
        return (charge[:, None] * x).sum(0) - charge.sum() * x.mean(0)

    actions = {"x": Point(), "charge": Invariant()}
    assert certify(moment, E3, actions, Vector(), shape={"charge": (None,)})
    with pytest.raises(InputError, match="the input charge"):
        certify(moment, E3, actions, Vector())


def test_the_input_is_not_changed_by_a_function_that_writes_into_it():
    def writes(x):
        x -= x.mean(0)
        return (x**2).sum()

    assert certify(writes, E3, Point(), Invariant())


def test_a_convolution_is_exact_on_a_torus_and_broken_by_padding():
    torch.manual_seed(0)
    for padding, holds in (("circular", True), ("zeros", False)):
        layer = nn.Conv2d(1, 1, 3, padding=1, padding_mode=padding)
        certificate = certify(layer, GridShift((8, 8)), Roll(-2, -1), Roll(-2, -1), shape=(1, 1, 8, 8), samples=16)
        assert certificate.holds == holds, str(certificate)


def test_certificates_are_reproducible_and_go_to_json():
    a, b, c = (certify(handedness, E3, Point(), Invariant(), sizes=(4, 9), random_state=s) for s in (0, 0, 1))
    assert json.dumps(a.to_dict(), allow_nan=False) == json.dumps(b.to_dict())
    assert a.to_dict() != c.to_dict()
    assert set(a.to_dict()) >= {"function", "claim", "holds", "error", "tolerance", "measurements"}
    assert str(a).startswith("handedness: BROKEN  E(3): point -> invariant")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: certify(energy), "say group="),
        (lambda: certify(3, E3, Point(), Invariant()), "something with predict, got int"),
        (lambda: certify(energy, E3, Point(), Invariant(), samples=0), "samples is at least 1"),
        (lambda: certify(energy, E3, Point(), Invariant(), precisions=("float16",)), "precisions are some of"),
        (lambda: certify(energy, E3, Point(), Invariant(), modes=()), "modes are some of"),
        (lambda: certify(energy, E3, Point(), Invariant(), sizes=(0, 3)), "sizes is"),
        (lambda: certify(energy, E3, Point(), Invariant(), draw=[]), "empty list"),
        (lambda: certify(energy, E3, Point(), Invariant(), scale=-1.0), "scale is a size"),
        (lambda: certify(energy, E3, Point(), Invariant(), arrays="jax"), "arrays is"),
        (lambda: certify(energy, E3, Point(), Invariant(), random_state="x"), "random_state"),
        (lambda: discover(energy, [GridShift(3)]), "say input="),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_an_output_action_that_does_not_fit_is_an_error_of_the_claim():
    with pytest.raises(ShapeError, match="no axis -1"):
        certify(energy, E3, Point(), Vector())


def test_the_room_needs_no_torch():
    code = "import sys, erlangen.symmetry.averaging, erlangen.symmetry.checks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Discovery ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "groups"),
    [
        (energy, {"T(3)", "SO(3)", "O(3)", "SE(3)", "E(3)", "S"}),
        (lambda x: (x**2).sum(), {"SO(3)", "O(3)", "S"}),
        (lambda x: x[:, 0].max() - x[:, 0].min(), {"T(3)", "S"}),
        (lambda x: x[0, 0] * x[-1, 1] ** 2, set()),
    ],
)
def test_discovery_finds_the_groups(f, groups):
    assert set(discover(f, sizes=(2, 9)).groups) == groups


def test_discovery_tells_how_the_output_moves():
    table = discover(handedness, sizes=(4, 9))
    assert {f.group: f.output for f in table.findings if f.certificate.holds} == {
        "T(3)": "invariant", "SO(3)": "invariant", "O(3)": "pseudoscalar", "SE(3)": "invariant", "E(3)": "pseudoscalar",
    }  # fmt: skip
    assert "broken" in str(table)
    json.dumps(table.to_dict(), allow_nan=False)


def test_discovery_of_what_a_model_declares_and_of_stated_claims():
    assert discover(Model(), samples=4).groups == ("T(3)", "SO(3)", "O(3)", "SE(3)", "E(3)")
    claims = [Symmetry(Dihedral(4), TurnImage(), TurnImage()), Symmetry(Cyclic(4), TurnImage(), TurnImage())]
    swirl = discover(lambda x: x + np.rot90(x) + np.rot90(x, 2) + np.rot90(x, 3), claims, samples=8)
    assert swirl.groups == ("D4", "C4")
    pinwheel = np.random.default_rng(0).normal(size=(6, 6))
    pinwheel = sum(np.rot90(pinwheel, k) for k in range(4))  # turns into itself, not into its mirror image
    assert discover(lambda x: x * pinwheel, claims, samples=8).groups == ("C4",)


def test_a_mirror_alone_tells_o3_from_so3():
    mirror = Isometry(np.diag([1.0, 1.0, -1.0]), np.zeros(3))
    x = np.random.default_rng(0).normal(size=(5, 3))
    assert handedness(Point()(mirror, x)) == pytest.approx(-handedness(x))
    assert certify(handedness, SpecialOrthogonal(3), Point(), Invariant(), sizes=(4, 9))
