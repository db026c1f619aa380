"""What holds for every model: batches, edge cases, derivatives, cutoffs, periodic cells, hyperparameters."""

import json

import numpy as np
import pytest
import torch
from tests.models.test_symmetry import SMALL, awake

from erlangen import models
from erlangen.errors import InputError
from erlangen.nn.edges import edges_of
from erlangen.structures import Batch, Structure

CASES = {
    **SMALL,
    "egnn": {"hidden": 8, "layers": 2},
    "egnn-cutoff": {"hidden": 8, "layers": 2, "cutoff": 4.0, "update_coordinates": True},
    "physnet": {**SMALL["physnet"], "long_range_cutoff": 4.0},
    "radial_field": {**SMALL["radial_field"], "cutoff": 4.0},
}


def small(name, dtype=torch.float64, **more):
    torch.manual_seed(0)
    return awake(models.create(name.partition("-")[0], **{**CASES[name], **more})).to(dtype)


def molecule(n, seed=0, spread=1.5):
    rng = np.random.default_rng(seed)
    return Structure(spread * rng.normal(size=(n, 3)), rng.choice([1, 6, 7, 8, 9], n))


def batch_of(structures, dtype=torch.float64):
    return Batch.from_structures(structures, dtype=dtype)


every = pytest.mark.parametrize("name", CASES)
with_cutoff = pytest.mark.parametrize("name", [name for name in CASES if name != "egnn"])


@pytest.mark.parametrize(
    ("name", "arguments", "count"),
    [("schnet", {}, 455_809), ("schnet", {"cutoff": 5.0, "radial_size": 20}, 432_769), ("egnn", {}, 745_224),
     ("painn", {}, 589_057), ("painn", {"radial": "gaussian"}, 589_057),
     ("dimenet++", {}, 1_885_830), ("physnet", {}, 1_293_952)],
)  # fmt: skip
def test_parameter_counts_of_the_references(name, arguments, count):
    assert sum(p.numel() for p in models.create(name, **arguments).parameters()) == count


@every
def test_create_rebuilds_a_model_from_its_json_hyperparameters(name):
    for head in (
        None,
        "node",
        "vector",
        {"name": "graph", "pooling": "mean", "outputs": 3},
        "forces",
        "tensor",
        "edge",
    ):
        model = small(name, head=head)
        again = models.create(**json.loads(json.dumps(model.hyperparameters))).double()
        again.load_state_dict(model.state_dict())
        batch = batch_of([molecule(4), molecule(6, 1)])
        first, second = model(batch), again(batch)
        for a, b in zip(*(x.values() if isinstance(x, dict) else [x] for x in (first, second)), strict=True):
            assert torch.equal(a, b)


@every
def test_a_batch_is_its_members_alone(name):
    model = small(name)
    structures = [molecule(n, n) for n in (1, 5, 2, 9, 1, 3)]
    together = model(batch_of(structures))
    alone = torch.cat([model(batch_of([s])) for s in structures])
    assert together.shape == (6,)
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)


DEGENERATE = {
    "one atom": Structure([[0.3, 0, 0]], [6]),
    "two atoms": Structure([[0, 0, 0], [0, 0, 1.1]], [6, 8]),
    "collinear": Structure([[0, 0, 0], [0, 0, 1.2], [0, 0, 2.4]], [8, 6, 8]),
    "coincident": Structure([[0, 0, 0], [0, 0, 0], [1, 0, 0]], [1, 1, 8]),
    "all coincident": Structure(np.zeros((3, 3)), [1, 6, 8]),
    "no neighbors": Structure([[0, 0, 0], [50, 0, 0]], [1, 8]),
}


@every
@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_degenerate_structures_have_finite_values_and_gradients(name, case, dtype):
    model = small(name, dtype, head="forces")
    batch = batch_of([DEGENERATE[case], molecule(3)], dtype)
    out = model(batch)
    assert out["energy"].dtype == dtype
    assert torch.isfinite(out["energy"]).all()
    assert torch.isfinite(out["forces"]).all()
    loss = (out["forces"] ** 2).sum() + out["energy"].sum()
    gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    assert all(torch.isfinite(g).all() for g in gradients if g is not None)


@every
def test_first_and_second_derivatives_by_the_positions(name):
    model = small(name)
    batch = model.connect(batch_of([molecule(4, 3), molecule(2, 4)]))

    def energy(positions):
        return model.head(model.represent(moved), moved) if (moved := _at(batch, positions)) else None

    positions = batch.positions.clone().requires_grad_()
    assert torch.autograd.gradcheck(energy, positions)
    assert torch.autograd.gradgradcheck(energy, positions)


def _at(batch, positions):
    from dataclasses import replace

    return replace(batch, positions=positions)


@every
def test_forces_are_the_negative_slope_of_the_energy(name):
    model = small(name, head="forces")
    structure = molecule(6, 5)
    forces = model(batch_of([structure]))["forces"]
    step = 1e-5
    for atom, axis in ((0, 0), (3, 1), (5, 2)):
        shifted = []
        for sign in (1, -1):
            positions = structure.positions.copy()
            positions[atom, axis] += sign * step
            shifted.append(model(batch_of([Structure(positions, structure.numbers)]))["energy"].item())
        slope = (shifted[0] - shifted[1]) / (2 * step)
        assert forces[atom, axis].item() == pytest.approx(-slope, rel=1e-6, abs=1e-8)
    assert forces.sum(0).abs().max() < 1e-12


@every
def test_forces_come_without_gradients_enabled_too(name):
    model = small(name, head="forces").eval()
    batch = batch_of([molecule(5), molecule(1)])
    expected = model(batch)
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            out = model(batch_of([molecule(5), molecule(1)]))
        assert not out["energy"].requires_grad
        assert not out["forces"].requires_grad
        torch.testing.assert_close(out["forces"], expected["forces"].detach(), rtol=1e-12, atol=1e-14)


@with_cutoff
def test_energy_and_forces_are_continuous_at_the_cutoff(name):
    model = small(name, head="forces")
    outputs = []
    for gap in (-1e-6, 1e-6):
        structure = Structure([[0, 0, 0], [1.1, 0, 0], [0, 0, 4.0 + gap]], [6, 8, 7])
        outputs.append(model(batch_of([structure])))
    torch.testing.assert_close(outputs[0]["energy"], outputs[1]["energy"], rtol=0, atol=1e-9)
    torch.testing.assert_close(outputs[0]["forces"], outputs[1]["forces"], rtol=0, atol=1e-4)


@with_cutoff
def test_a_periodic_cell_is_a_piece_of_its_supercell(name):
    model = small(name, head={"name": "forces", "energy": {"name": "graph"}})  # EGNN's own head is not extensive
    rng = np.random.default_rng(0)
    cell = np.array([[3.1, 0, 0], [0.7, 3.3, 0], [-0.4, 0.5, 2.9]])  # smaller than the cutoff: own images count
    positions, numbers = rng.normal(size=(3, 3)), [6, 8, 1]
    one = model(batch_of([Structure(positions, numbers, cell=cell, pbc=True)]))
    shifts = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(3)]) @ cell
    many = np.concatenate([positions + shift for shift in shifts])
    supercell = Structure(many, numbers * 12, cell=np.diag([2, 2, 3]) @ cell, pbc=True)
    big = model(batch_of([supercell]))
    torch.testing.assert_close(big["energy"], 12 * one["energy"], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(big["forces"], one["forces"].repeat(12, 1), rtol=1e-9, atol=1e-10)


@with_cutoff
def test_periodic_in_one_direction_is_many_explicit_images(name):
    model = small(name, head="node")
    positions, numbers = np.array([[0.0, 0, 0], [1.0, 0.4, 0]]), [6, 8]
    chain = Structure(positions, numbers, cell=np.diag([2.5, 9.0, 9.0]), pbc=(True, False, False))
    images = np.concatenate([positions + np.array([2.5 * k, 0, 0]) for k in range(-9, 10)])
    explicit = model(batch_of([Structure(images, numbers * 19)]))[18:20]
    torch.testing.assert_close(model(batch_of([chain])), explicit, rtol=1e-10, atol=1e-12)


def test_neighbors_are_never_capped():
    structure = molecule(60, spread=0.6)
    for name in ("schnet", "painn", "egnn"):
        model = small(name, **({} if name == "egnn" else {"cutoff": 30.0}))
        assert model.represent(batch_of([structure])).edge_index.shape[1] == 60 * 59


@every
def test_models_change_their_precision(name):
    model = small(name)
    batch = batch_of([molecule(5)])
    single = model.float()(batch.to(dtype=torch.float32))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), model.double()(batch), rtol=1e-4, atol=1e-4)


def test_filters_of_both_directions_are_one():
    edges = edges_of(batch_of([molecule(7)]).with_cutoff(4.0))
    assert edges.pairing.n_pairs * 2 == edges.edge_index.shape[1]
    batch = batch_of([molecule(7)]).with_cutoff(4.0)
    torch.testing.assert_close(edges.displacement, batch.displacements())
    torch.testing.assert_close(edges.distance, batch.displacements().norm(dim=1))


PERIODIC = Structure(np.eye(3), [1, 1, 1], cell=4 * np.eye(3), pbc=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: models.create("transformer"), "unknown; known are .*schnet"),
        (lambda: models.create("schnet", widht=3), "widht"),
        (lambda: models.SchNet(hidden=0), "hidden is a positive integer"),
        (lambda: models.PaiNN(cutoff=0.0), "cutoff"),
        (lambda: models.SchNet(head="energy"), "head 'energy' is unknown; known are graph"),
        (lambda: models.SchNet(head={"name": "graph", "pooling": "max"}), "'sum' or 'mean'"),
        (lambda: models.SchNet(head="positions"), "vectors"),
        (lambda: models.EGNN(velocities=True), "update_coordinates"),
        (lambda: models.EGNN(aggregation="max"), "'mean' or 'sum'"),
        (lambda: models.EGNN(elements=[]), "elements or node_inputs"),
        (lambda: small("egnn")(batch_of([Structure([[0, 0, 0]], [16])])), r"Z = \[16\]"),
        (lambda: small("schnet")(batch_of([Structure([[0, 0, 0]], [105])])), "up to Z = 99, got Z = 105"),
        (lambda: small("egnn")(batch_of([PERIODIC])), "cutoff"),
        (lambda: small("schnet", head="vector")(batch_of([PERIODIC])), "periodic"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
