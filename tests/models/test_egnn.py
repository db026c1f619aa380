"""The n-body network of EGNN's authors: charges on the edges, speeds on the nodes, velocities into the coordinates."""

import numpy as np
import pytest
import torch
from torch import nn

from erlangen.errors import InputError
from erlangen.models import EGNN, load_peer_weights
from erlangen.models.egnn import pair_attributes
from erlangen.nn.edges import edges_of
from erlangen.structures import Batch, Structure
from erlangen.symmetry import certify

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
NBODY = {
    "attention": False, "update_coordinates": True, "velocities": True, "elements": [],
    "node_inputs": {"speed": 1}, "edge_inputs": ["charge", "square"], "head": "positions",
}  # fmt: skip


class ReferenceLayer(nn.Module):
    """One layer on one set of points, written from the equations with the authors' names."""

    def __init__(self, width):
        super().__init__()
        self.edge_mlp = nn.Sequential(nn.Linear(2 * width + 3, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.node_mlp = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width))
        self.coord_mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1, bias=False))
        self.coord_mlp_vel = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, h, x, v, a):
        new_h, new_x = [], []
        for i in range(len(x)):
            others = [j for j in range(len(x)) if j != i]
            messages = [
                self.edge_mlp(torch.cat([h[i], h[j], (x[i] - x[j]).square().sum()[None], a[i, j]])) for j in others
            ]
            steps = [(x[i] - x[j]) * self.coord_mlp(m) for j, m in zip(others, messages, strict=True)]
            new_x.append(x[i] + sum(steps) / len(others) + self.coord_mlp_vel(h[i]) * v[i])
            new_h.append(h[i] + self.node_mlp(torch.cat([h[i], sum(messages)])))
        return torch.stack(new_h), torch.stack(new_x)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_the_authors_nbody_network(dtype):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    peer = nn.Module()
    peer.embedding = nn.Linear(1, 16)
    for t in range(3):
        peer.add_module(f"gcl_{t}", ReferenceLayer(16))
        nn.init.normal_(peer.get_submodule(f"gcl_{t}").coord_mlp[2].weight, std=0.3)
    peer.to(dtype)
    model = load_peer_weights(EGNN(hidden=16, layers=3, **NBODY).to(dtype), peer.state_dict())
    structures, expected = [], []
    for n in (2, 5, 7):
        x, v, q = rng.normal(size=(n, 3)), rng.normal(size=(n, 3)), rng.choice([-1.0, 1.0], n)
        speed = np.linalg.norm(v, axis=1)
        structures.append(Structure(x, [1] * n, node={"velocity": v, "speed": speed, "charge": q}))
        x, v, q, speed = (torch.tensor(array, dtype=dtype) for array in (x, v, q, speed))
        a = torch.stack([q[:, None] * q[None], ((x[:, None] - x[None]) ** 2).sum(-1)], dim=-1)
        h = peer.embedding(speed[:, None])
        for t in range(3):
            h, x = peer.get_submodule(f"gcl_{t}")(h, x, v, a)
        expected.append(x)
    ours = model(Batch.from_structures(structures, dtype=dtype))
    theirs = torch.cat(expected)
    assert (ours - theirs).abs().max() < TOLERANCE[dtype] * theirs.abs().max()


def test_the_square_alone_needs_no_features_and_keeps_the_symmetry():
    torch.manual_seed(1)
    model = EGNN(hidden=8, layers=2, update_coordinates=True, edge_inputs=["square"], cutoff=4.0, head="positions")
    for layer in model.layers:
        nn.init.normal_(layer.coordinate[2].weight)
    certificate = certify(model, samples=6)
    assert certificate.holds, str(certificate)


def test_a_missing_charge_is_named():
    structure = Structure([[0, 0, 0], [0, 0, 1]], [1, 1], node={"velocity": np.ones((2, 3)), "speed": np.ones(2)})
    with pytest.raises(InputError, match="'charge'"):
        EGNN(hidden=8, layers=1, **NBODY)(Batch.from_structures([structure]))


def test_how_fast_a_pair_parts():
    structure = Structure([[0, 0, 0], [0, 0, 2.0]], [1, 1], node={"velocity": [[1.0, 0, 0.5], [1.0, 0, -1.0]]})
    batch = Batch.from_structures([structure], complete=True)
    assert pair_attributes(batch, edges_of(batch), ["approach", "square"]).tolist() == [[-3.0, 4.0]]
    assert pair_attributes(batch, edges_of(batch), []) is None
