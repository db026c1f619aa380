"""Every model with every head keeps the symmetry it declares; broken layers do not."""

import numpy as np
import pytest
import torch

from erlangen import models
from erlangen.errors import InputError
from erlangen.models.atomic_density import DensityReadout
from erlangen.nn import AtomisticModel, Representation, VectorHead
from erlangen.nn.edges import edges_of
from erlangen.structures import Batch, Structure
from erlangen.symmetry import Euclidean, Permutation, SpecialEuclidean, Symmetry, certify

SMALL = {
    "schnet": {"hidden": 8, "filters": 8, "layers": 2, "cutoff": 4.0, "radial_size": 8},
    "egnn": {"hidden": 8, "layers": 2, "update_coordinates": True},
    "painn": {"hidden": 8, "layers": 2, "cutoff": 4.0, "radial_size": 6},
    "dimenet++": {"hidden": 8, "layers": 2, "cutoff": 4.0, "triplet_size": 6, "output_size": 8, "spherical_size": 4},
    "physnet": {"hidden": 8, "layers": 2, "cutoff": 4.0, "radial_size": 6},
    "radial_field": {"hidden": 8, "layers": 2, "radial_size": 6},
    "tensor_field": {"hidden": 4, "layers": 3, "degree": 2, "cutoff": 4.0, "radial_size": 6},
    "mace": {"hidden": 4, "degree": 2, "cutoff": 4.0, "radial_hidden": [8], "elements": [1, 6, 7, 8, 9, 16]},
    "se3_transformer": {"hidden": 4, "layers": 3, "degree": 1, "heads": 2, "cutoff": 4.0},
    "cormorant": {"hidden": 3, "layers": 2, "degree": 2, "cutoff": 4.0, "elements": [1, 6, 7, 8, 9, 16]},
    "density": {"radial": 5, "angular": 3, "components": 30, "hidden": 8, "cutoff": 4.0, "angular_cutoff": 3.5},
}
HEADS = [
    None, "graph", "node", "edge", "forces", "vector", "tensor",
    {"name": "node", "conserve_charge": True}, {"name": "edge", "on": "bonds", "outputs": 3},
    {"name": "vector", "magnitude": True},
]  # fmt: skip


def awake(model):
    """Draw the weights that the published start has at zero or so small that nothing would test them."""
    name = model.hyperparameters["name"]
    if name == "egnn" and model.hyperparameters["update_coordinates"]:
        for layer in model.layers:
            torch.nn.init.normal_(layer.coordinate[2].weight)
    if name == "radial_field":
        for layer in model.layers:
            torch.nn.init.normal_(layer.phi[2].weight)
        for linear in model.filters:
            torch.nn.init.normal_(linear.weight)
    if name == "physnet":
        for key, parameter in model.named_parameters():
            if key.endswith((".filters.weight", ".last.weight")):
                torch.nn.init.normal_(parameter, std=0.3)
    for readout in model.modules():
        if isinstance(readout, DensityReadout):
            torch.nn.init.normal_(readout.output)
            readout.linear.normal_()
    return model


def small(name, **more):
    torch.manual_seed(0)
    return awake(models.create(name, **{**SMALL[name], **more}))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("head", HEADS, ids=str)
def test_every_model_keeps_the_symmetry_of_its_head(name, head):
    certificate = certify(small(name, head=head), samples=6)
    assert certificate.holds, str(certificate)


@pytest.mark.parametrize("more", [{"velocities": True, "normalize": True, "tanh": True}, {"cutoff": 4.0}], ids=str)
def test_egnn_moves_points_equivariantly(more):
    certificate = certify(small("egnn", head="positions", **more), samples=6)
    assert certificate.holds, str(certificate)


@pytest.mark.parametrize("name", ["tensor_field", "se3_transformer"])
def test_velocities_and_inputs_of_the_edges_keep_the_symmetry(name):
    more = {"edge_inputs": ["square", "approach"], **({"normalize": False} if name == "se3_transformer" else {})}
    certificate = certify(small(name, head="positions", velocities=True, **more), samples=6)
    assert certificate.holds, str(certificate)


@pytest.mark.parametrize("name", ["tensor_field", "se3_transformer"])
def test_the_product_of_charges_reaches_the_edges(name):
    model = small(name, edge_inputs=["charge"]).double()
    places = 1.5 * np.random.default_rng(0).normal(size=(2, 4, 3))
    charges = ([1.0, -1, 1, 1], [-1.0, 1, -1, -1], [1.0, 1, 1, 1])
    a, opposite, other = (
        model(Batch.from_structures([Structure(x, [6] * 4, node={"charge": q}) for x in places], dtype=torch.float64))
        for q in charges
    )
    torch.testing.assert_close(a, opposite, rtol=1e-12, atol=0)
    assert (a - other).abs().min() > 1e-6
    with pytest.raises(InputError, match="charge"):
        model(Batch.from_structures([Structure(places[0], [6] * 4)], dtype=torch.float64))


def test_the_default_models_are_certified():
    for name in SMALL:
        certificate = certify(models.create(name), samples=4, modes=("eval",))
        assert certificate.holds, str(certificate)


class Broken(AtomisticModel):
    """One convolution that can be broken on purpose; the head sees vectors."""

    def __init__(self, fault):
        super().__init__("broken", {}, {"name": "vector"}, {"name": "vector"}, 4, 4, "silu", 4.0)
        self.fault = fault
        self.embedding = torch.nn.Embedding(100, 4)

    def represent(self, batch):
        edges = edges_of(self.connect(batch))
        x = self.embedding(batch.numbers)
        displacement, receiver = edges.displacement, edges.pairing.receiver
        weight = torch.exp(-edges.distance).unsqueeze(1)
        vectors = torch.zeros(len(x), 3, 4, dtype=x.dtype)
        vectors = vectors.index_add(
            0, receiver, (displacement * weight).unsqueeze(2) * x[edges.pairing.sender].unsqueeze(1)
        )
        if self.fault == "activation on components":
            vectors = torch.nn.functional.silu(vectors)
        if self.fault == "absolute positions":
            x = x + 0.01 * batch.positions.sum(1, keepdim=True)
        if self.fault == "order of atoms":
            x = x + 0.1 * torch.arange(len(x), dtype=x.dtype).unsqueeze(1)
        if self.fault == "cross product":
            moved = vectors.roll(1, dims=2)
            vectors = vectors + torch.linalg.cross(vectors, 2 * moved, dim=1)
        return Representation(x, vectors, edges)


@pytest.mark.parametrize(
    ("fault", "group", "holds"),
    [
        ("none", None, True),
        ("activation on components", Euclidean(3), False),
        ("activation on components", Permutation(), True),
        ("absolute positions", Euclidean(3), False),
        ("order of atoms", Permutation(), False),
        ("order of atoms", Euclidean(3), True),
        ("cross product", Euclidean(3), False),
    ],
)
def test_a_broken_layer_is_found_out(fault, group, holds):
    torch.manual_seed(0)
    certificate = certify(Broken(fault), group, samples=12)
    assert certificate.holds == holds, str(certificate)


def test_a_cross_product_breaks_reflections_only():
    torch.manual_seed(0)
    model = Broken("cross product")
    whole = model.symmetry
    model.__class__ = type("Proper", (Broken,), {"symmetry": Symmetry(
        SpecialEuclidean(3) * Permutation(), whole.inputs, whole.outputs)})  # fmt: skip
    assert certify(model, samples=12).holds


def test_the_declaration_says_what_the_head_returns():
    assert str(small("schnet").symmetry).startswith("E(3) x")
    assert "vector" in str(small("painn", head="vector").symmetry)
    assert "tensor(2)" in str(small("painn", head="tensor").symmetry)
    assert small("egnn", head="positions", velocities=True).symmetry.inputs.keys() == {
        "positions",
        "numbers",
        "velocity",
    }
    assert isinstance(small("schnet", head=VectorHead(features=8)).head, VectorHead)


def test_the_probe_draws_molecules_of_many_sizes():
    rng = np.random.default_rng(0)
    model = small("schnet")
    sizes = {len(model.symmetry_probe(rng, np.float32).inputs["numbers"]) for _ in range(40)}
    assert 1 in sizes
    assert len(sizes) > 6
