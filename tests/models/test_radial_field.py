"""The radial field of the EGNN paper's authors, against a plain reference with their parameter names."""

import numpy as np
import pytest
import torch
from torch import nn

from erlangen import models
from erlangen.errors import InputError
from erlangen.models import load_peer_weights
from erlangen.nn.edges import pair_up
from erlangen.structures import Batch, Structure
from erlangen.symmetry import certify

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


class ReferenceStep(nn.Module):
    """Every pair of one set of points, written from the equation."""

    def __init__(self, width, attributes, tanh, velocities):
        super().__init__()
        layers = [nn.Linear(1 + attributes, width), nn.SiLU(), nn.Linear(width, 1, bias=False)]
        self.phi = nn.Sequential(*layers, *([nn.Tanh()] if tanh else []))
        if velocities:
            self.coord_mlp_vel = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, x, v, a):
        n = len(x)
        new = []
        for i in range(n):
            step = torch.zeros_like(x[0])
            for j in range(n):
                if i != j:
                    distance = (x[i] - x[j]).norm()
                    step = step + (x[i] - x[j]) * self.phi(torch.cat([distance[None], a[i, j]]))
            step = step / max(n - 1, 1)
            if v is not None:
                step = step + self.coord_mlp_vel(v[i].norm()[None]) * v[i]
            new.append(x[i] + step)
        return torch.stack(new)


class ReferenceField(nn.Module):
    def __init__(self, width, layers, attributes=0, tanh=True, velocities=False):
        super().__init__()
        self.n_layers = layers
        for t in range(layers):
            self.add_module(f"gcl_{t}", ReferenceStep(width, attributes, tanh, velocities))
            nn.init.normal_(self.get_submodule(f"gcl_{t}").phi[2].weight, std=0.3)

    def forward(self, x, v=None, a=None):
        a = x.new_zeros(len(x), len(x), 0) if a is None else a
        for t in range(self.n_layers):
            x = self.get_submodule(f"gcl_{t}")(x, v, a)
        return x


def agree(ours, theirs, dtype):
    error = (ours - theirs).abs().max() / theirs.abs().max()
    assert error < TOLERANCE[dtype], f"relative error {error:.1e}"


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_the_authors_velocity_model(dtype):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    peer = ReferenceField(64, 4, attributes=2, velocities=True).to(dtype)
    arguments = {"velocities": True, "edge_inputs": ["charge", "square"], "head": "positions"}
    model = load_peer_weights(models.RadialField(**arguments).to(dtype), peer.state_dict())
    structures, expected = [], []
    for n in (1, 2, 5, 9):
        charge, v = rng.choice([-1.0, 1.0], n), rng.normal(size=(n, 3))
        structures.append(Structure(rng.normal(size=(n, 3)), [1] * n, node={"charge": charge, "velocity": v}))
        x = torch.tensor(structures[-1].positions, dtype=dtype)
        square = ((x[:, None] - x[None]) ** 2).sum(-1)
        product = torch.tensor(charge[:, None] * charge[None], dtype=dtype)
        expected.append(peer(x, torch.tensor(v, dtype=dtype), torch.stack([product, square], dim=-1)))
    agree(model(Batch.from_structures(structures, dtype=dtype)), torch.cat(expected), dtype)


@pytest.mark.parametrize("tanh", [True, False])
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_any_dimension(dimension, tanh):
    torch.manual_seed(1)
    peer = ReferenceField(8, 3, tanh=tanh).double()
    model = models.RadialField(hidden=8, layers=3, tanh=tanh).double()
    load_peer_weights(model, peer.state_dict())
    x = torch.randn(6, dimension, dtype=torch.float64)
    receiver, sender = (~torch.eye(6, dtype=bool)).nonzero().T
    pairing = pair_up(torch.stack([sender, receiver]), 6)
    first = (x[sender] - x[receiver])[pairing.first]
    moved, distances = model.propagate(first, pairing)
    agree(x + moved, peer(x), torch.float64)
    assert [len(d) for d in distances] == [15, 15, 15]
    turn = torch.linalg.qr(torch.randn(dimension, dimension, dtype=torch.float64))[0]
    agree(model.propagate(first @ turn.T, pairing)[0], moved @ turn.T, torch.float64)


def test_points_with_velocities_move_equivariantly():
    torch.manual_seed(2)
    model = models.RadialField(hidden=8, layers=2, velocities=True, head="positions")
    for layer in model.layers:
        nn.init.normal_(layer.phi[2].weight)
    certificate = certify(model, samples=6)
    assert certificate.holds, str(certificate)


def test_the_centroid_stays_where_it_is():
    torch.manual_seed(3)
    model = models.RadialField(hidden=8, layers=3, head="positions").double()
    for layer in model.layers:
        nn.init.normal_(layer.phi[2].weight)
    batch = Batch.from_structures(
        [Structure(np.random.default_rng(0).normal(size=(7, 3)), [6] * 7)], dtype=torch.float64
    )
    moved = model(batch)
    assert (moved - batch.positions).abs().max() > 0.1
    torch.testing.assert_close(moved.mean(0), batch.positions.mean(0), rtol=0, atol=1e-14)


def test_energies_know_elements_and_distances():
    torch.manual_seed(4)
    model = models.RadialField(hidden=8, layers=2)
    places = np.array([[0, 0, 0], [0, 0, 1.1], [0, 1.0, 0]])
    stretched = places * [1, 1, 1.2]
    energies = model(
        Batch.from_structures([Structure(x, z) for x in (places, stretched) for z in ([6, 8, 1], [8, 6, 1])])
    )
    assert len({round(e, 5) for e in energies.tolist()}) == 4


def test_what_is_missing_is_named():
    batch = Batch.from_structures([Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "O"])])
    for arguments, name in (({"velocities": True}, "'velocity'"), ({"edge_inputs": ["charge"]}, "'charge'")):
        with pytest.raises(InputError, match=name):
            models.RadialField(hidden=8, **arguments)(batch)
