"""What heads return: shapes, statistics, conservation, and what they are built from."""

import numpy as np
import pytest
import torch

from erlangen.errors import InputError
from erlangen.models import EGNN, PaiNN, SchNet
from erlangen.nn import ForceHead, GraphHead, NodeHead, VectorHead
from erlangen.nn.segments import pool
from erlangen.structures import Batch, Structure


def structures(charge=0):
    rng = np.random.default_rng(0)
    return [Structure(1.5 * rng.normal(size=(n, 3)), rng.choice([1, 6, 8], n), charge=charge) for n in (3, 1, 5)]


def batch_of(items):
    return Batch.from_structures(items, dtype=torch.float64)


def model_with(head, kind=PaiNN):
    torch.manual_seed(0)
    return kind(hidden=8, layers=2, head=head).double()


@pytest.mark.parametrize(
    ("head", "shape"),
    [
        ("graph", (3,)), ({"name": "graph", "outputs": 4}, (3, 4)), ("node", (9,)), ("vector", (3, 3)),
        ({"name": "node", "outputs": 2}, (9, 2)), ({"name": "vector", "magnitude": True}, (3,)), ("tensor", (3, 3, 3)),
        ("edge", (26,)), ({"name": "edge", "outputs": 4}, (26, 4)),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind", [SchNet, EGNN, PaiNN])
def test_shapes(kind, head, shape):
    torch.manual_seed(0)
    more = {} if kind is EGNN else {"cutoff": 50.0}
    out = kind(hidden=8, layers=1, head=head, **more)(Batch.from_structures(structures()))
    assert out.shape == shape
    assert out.dtype == torch.float32


def test_graph_statistics():
    batch = batch_of(structures())
    sizes, numbers = batch.sizes.double(), batch.numbers
    for pooling, per, after in (
        ("sum", "atom", None),
        ("sum", "molecule", None),
        ("mean", "molecule", None),
        ("sum", "atom", [8]),
    ):
        model = model_with({"name": "graph", "pooling": pooling, "shift_per": per, "after": after})
        raw = model(batch)
        model.head.calibrate(shift=0.7, scale=3.0, references={1: -13.6, 6: -1028.0, 8: -2042.0})
        references = torch.tensor([{1: -13.6, 6: -1028.0, 8: -2042.0}[int(z)] for z in numbers], dtype=torch.float64)
        reference = pool(references, batch.index, 3, mean=pooling == "mean")
        expected = 3 * raw + 0.7 * (sizes if per == "atom" else 1) + reference
        torch.testing.assert_close(model(batch), expected, rtol=1e-12, atol=1e-12)


def test_mean_pooling_is_intensive_and_sum_pooling_extensive():
    molecule = structures()[0]
    two = Structure(np.concatenate([molecule.positions, molecule.positions + 100]), np.tile(molecule.numbers, 2))
    for pooling, factor in (("mean", 1), ("sum", 2)):
        model = model_with({"name": "graph", "pooling": pooling})
        torch.testing.assert_close(model(batch_of([two])), factor * model(batch_of([molecule])))


@pytest.mark.parametrize("charge", [0, 1, -2])
def test_charges_sum_to_the_total_charge(charge):
    batch = batch_of(structures(charge))
    charges = model_with({"name": "node", "conserve_charge": True})(batch)
    totals = pool(charges, batch.index, 3)
    torch.testing.assert_close(totals, torch.full((3,), float(charge), dtype=torch.float64))


@pytest.mark.parametrize("kind", [SchNet, PaiNN])
def test_dipole_of_a_symmetric_molecule_points_along_its_axis(kind):
    water = Structure([[0, 0, 0.1], [0, 0.76, -0.5], [0, -0.76, -0.5]], [8, 1, 1])
    dipole = model_with("vector", kind)(batch_of([water]))[0]
    assert dipole[2].abs() > 1e-3
    assert dipole[:2].abs().max() < 1e-12
    length = model_with({"name": "vector", "magnitude": True}, kind)(batch_of([water]))
    torch.testing.assert_close(length[0], dipole.norm(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", [SchNet, EGNN, PaiNN])
def test_polarizability_is_symmetric_and_of_an_atom_isotropic(kind):
    tensor = model_with("tensor", kind)(batch_of(structures()))
    torch.testing.assert_close(tensor, tensor.transpose(1, 2))
    torch.testing.assert_close(tensor[1], tensor[1, 0, 0] * torch.eye(3, dtype=torch.float64))
    eigenvalues = torch.linalg.eigvalsh(tensor[0])
    assert eigenvalues.max() - eigenvalues.min() > 1e-4


def test_edges_are_alike_both_ways_and_bonds_follow_their_columns():
    bonds = {"index": np.array([[0, 0, 2], [1, 2, 1]])}
    molecule = structures()[0]
    batch = batch_of([molecule, Structure(molecule.positions, molecule.numbers)])
    model = model_with("edge")
    values, (sender, receiver) = model(batch), model.represent(batch).edge_index
    table = {(int(j), int(i)): float(v) for j, i, v in zip(sender, receiver, values.detach(), strict=True)}
    assert all(table[i, j] == value for (j, i), value in table.items())

    with_bonds = [Structure(molecule.positions, molecule.numbers, edge=bonds) for _ in range(2)]
    on_bonds = model_with({"name": "edge", "on": "bonds"})
    on_bonds.load_state_dict(model.state_dict())
    expected = [table[0, 1], table[0, 2], table[2, 1]] * 2
    torch.testing.assert_close(on_bonds(batch_of(with_bonds)).detach(), torch.tensor(expected, dtype=torch.float64))
    with pytest.raises(InputError, match=r"batch.edge\['index'\]"):
        on_bonds(batch)


def test_training_on_forces_reaches_every_weight():
    model = model_with("forces")
    out = model(batch_of(structures()))
    gradients = torch.autograd.grad((out["forces"] ** 2).sum(), list(model.parameters()), allow_unused=True)
    silent = [
        name for (name, _), g in zip(model.named_parameters(), gradients, strict=True) if g is None or not g.any()
    ]
    assert silent == ["head.energy.network.2.bias"]  # a constant has no slope


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GraphHead(8, shift_per="bond"), "'atom' or 'molecule'"),
        (lambda: NodeHead(8, outputs=2, conserve_charge=True), "one output"),
        (lambda: ForceHead(GraphHead(8, outputs=2)), "one output"),
        (lambda: GraphHead(8, activation="gelu"), "gelu"),
        (lambda: SchNet(head={"name": "edge", "on": "angles"}), "'edges' or 'bonds'"),
        (lambda: SchNet(head={"pooling": "sum"}), "head None is unknown"),
    ],
)
def test_bad_arguments_are_named(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_a_head_module_may_be_handed_over():
    model = SchNet(hidden=8, layers=1, head=VectorHead(features=8))
    assert model.hyperparameters["head"]["name"] == "vector"
