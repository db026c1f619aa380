"""The same numbers as the peers: PyTorch Geometric's SchNet, and plain references of EGNN and PaiNN.

The references are written from the papers' equations on dense (n, n) arrays, one molecule at a time, with the parameter
names of the authors' code (vgsatorras/egnn; SchNetPack 2).
"""

import math
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from erlangen import models
from erlangen.errors import ModelFileError
from erlangen.models import load_peer_weights
from erlangen.nn.edges import pair_up
from erlangen.structures import Batch, Structure

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
PRECISIONS = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


def molecules():
    rng = np.random.default_rng(0)
    return [Structure(1.7 * rng.normal(size=(n, 3)), rng.choice([1, 6, 7, 8, 9], n)) for n in (1, 2, 7, 19, 45)]


def agree(ours, theirs, dtype):
    error = (ours - theirs).abs().max() / theirs.abs().max()
    assert error < TOLERANCE[dtype], f"relative error {error:.1e}"


# ---------------------------------------------------------------------------------------------------------------------
# SchNet


def pyg_schnet(**arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the peer deprecates is not ours to fix
        from torch_geometric.nn.models import SchNet

    def graph(positions, batch):
        distance = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
        near = (
            (distance < arguments.get("cutoff", 10.0)) & (batch[:, None] == batch) & ~torch.eye(len(batch), dtype=bool)
        )
        return near.nonzero().T, distance[near]

    torch.manual_seed(0)
    peer = SchNet(interaction_graph=graph, **arguments)
    for parameter in peer.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, std=0.1)  # biases start at zero, where nothing would test them
    return peer


@PRECISIONS
def test_schnet_of_pytorch_geometric(dtype, tmp_path):
    peer = pyg_schnet(atomref=torch.linspace(-2, 2, 100).view(100, 1), mean=0.3, std=1.7).to(dtype)
    torch.save(peer.state_dict(), tmp_path / "schnet.pt")
    model = load_peer_weights(models.SchNet().to(dtype), tmp_path / "schnet.pt")
    model.head.calibrate(shift=peer.mean, scale=peer.std)
    batch = Batch.from_structures(molecules(), dtype=dtype)
    theirs = peer(batch.numbers, batch.positions, batch.index).squeeze(1)
    agree(model(batch), theirs, dtype)
    ours = torch.autograd.grad(model(batch).sum(), model.embedding.weight)[0]
    agree(ours, torch.autograd.grad(theirs.sum(), peer.embedding.weight)[0], dtype)


def test_schnet_forces_of_pytorch_geometric():
    peer = pyg_schnet(hidden_channels=16, num_filters=24, num_interactions=2, num_gaussians=11, cutoff=4.0).double()
    model = models.SchNet(hidden=16, filters=24, layers=2, radial_size=11, cutoff=4.0, head="forces").double()
    load_peer_weights(model, peer.state_dict())
    batch = Batch.from_structures(molecules(), dtype=torch.float64)
    positions = batch.positions.clone().requires_grad_()
    energy = peer(batch.numbers, positions, batch.index)
    out = model(batch)
    agree(out["energy"], energy.squeeze(1), torch.float64)
    agree(out["forces"], -torch.autograd.grad(energy.sum(), positions)[0], torch.float64)


# ---------------------------------------------------------------------------------------------------------------------
# EGNN


class ReferenceLayer(nn.Module):
    """One graph convolution on a dense molecule: every pair i, j with i != j."""

    def __init__(self, width, attention, coordinates, velocities, tanh):
        super().__init__()
        self.edge_mlp = nn.Sequential(nn.Linear(2 * width + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.node_mlp = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width))
        self.att_mlp = nn.Sequential(nn.Linear(width, 1), nn.Sigmoid()) if attention else None
        self.coord_mlp = self.coord_mlp_vel = None
        if coordinates:
            layers = [nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1, bias=False), *([nn.Tanh()] * tanh)]
            self.coord_mlp = nn.Sequential(*layers)
        if velocities:
            self.coord_mlp_vel = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, h, x, v, normalize, mean):
        n = len(h)
        others = ~torch.eye(n, dtype=bool)
        difference = x[:, None] - x[None]
        square = (difference**2).sum(-1, keepdim=True)
        inputs = torch.cat([h[:, None].expand(n, n, -1), h[None].expand(n, n, -1), square], dim=-1)
        message = self.edge_mlp(inputs)
        if self.att_mlp is not None:
            message = message * self.att_mlp(message)
        message = message * others[..., None]
        if self.coord_mlp is not None:
            if normalize:
                difference = difference / (square.sqrt() + 1e-8)
            step = (difference * self.coord_mlp(message) * others[..., None]).sum(1)
            x = x + (step / max(n - 1, 1) if mean else step)
        if self.coord_mlp_vel is not None:
            x = x + self.coord_mlp_vel(h) * v
        return h + self.node_mlp(torch.cat([h, message.sum(1)], dim=-1)), x


class ReferenceEGNN(nn.Module):
    """The authors' QM9 model (``head='qm9'``) or their general one with ``embedding_in`` and ``embedding_out``."""

    def __init__(self, width, layers, head, attention, coordinates, velocities=False, tanh=False, outputs=1):
        super().__init__()
        self.n_layers, self.head = layers, head
        first = nn.Linear(15, width)
        if head == "qm9":
            self.embedding = first
            self.node_dec = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            self.graph_dec = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))
        else:
            self.embedding_in, self.embedding_out = first, nn.Linear(width, outputs)
        for t in range(layers):
            self.add_module(f"gcl_{t}", ReferenceLayer(width, attention, coordinates, velocities, tanh))

    def forward(self, structure, v=None, normalize=False, mean=True):
        dtype = next(self.parameters()).dtype
        x = torch.tensor(structure.positions, dtype=dtype)
        z = torch.tensor(structure.numbers)
        one_hot = (z[:, None] == torch.tensor([1, 6, 7, 8, 9])).to(dtype)
        powers = torch.stack([(z.to(dtype) / 9) ** k for k in range(3)], dim=1)
        h = (self.embedding if self.head == "qm9" else self.embedding_in)(
            torch.einsum("ns,nk->nsk", one_hot, powers).flatten(1)
        )
        for t in range(self.n_layers):
            h, x = self.get_submodule(f"gcl_{t}")(h, x, v, normalize, mean)
        if self.head == "qm9":
            return self.graph_dec(self.node_dec(h).sum(0))
        return self.embedding_out(h), x


@PRECISIONS
def test_egnn_of_its_authors_on_qm9(dtype, tmp_path):
    torch.manual_seed(0)
    peer = ReferenceEGNN(128, 7, "qm9", attention=True, coordinates=False).to(dtype)
    assert sum(p.numel() for p in peer.parameters()) == 745_224
    save_file(peer.state_dict(), tmp_path / "egnn.safetensors")
    model = load_peer_weights(models.EGNN().to(dtype), tmp_path / "egnn.safetensors")
    structures = molecules()
    theirs = torch.cat([peer(s) for s in structures])
    agree(model(Batch.from_structures(structures, dtype=dtype)), theirs, dtype)


@PRECISIONS
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("aggregation", ["mean", "sum"])
def test_egnn_of_its_authors_moves_points_alike(dtype, normalize, aggregation):
    torch.manual_seed(1)
    peer = ReferenceEGNN(16, 3, "clean", attention=False, coordinates=True, tanh=True, velocities=True, outputs=4).to(
        dtype
    )
    arguments = {
        "hidden": 16, "layers": 3, "attention": False, "update_coordinates": True, "velocities": True, "tanh": True,
        "normalize": normalize, "aggregation": aggregation,
    }  # fmt: skip
    model = models.EGNN(**arguments, head={"name": "node", "hidden": [], "outputs": 4}).to(dtype)
    load_peer_weights(model, peer.state_dict())
    structure = molecules()[2]
    v = np.random.default_rng(0).normal(size=(7, 3))
    batch = Batch.from_structures(
        [Structure(structure.positions, structure.numbers, node={"velocity": v})], dtype=dtype
    )
    h, x = peer(structure, torch.tensor(v, dtype=dtype), normalize, aggregation == "mean")
    agree(model(batch), h, dtype)
    agree(batch.positions + model.represent(batch).vectors[..., 0], x, dtype)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_egnn_works_in_any_dimension(dimension):
    torch.manual_seed(2)
    peer = ReferenceLayer(8, attention=True, coordinates=True, velocities=False, tanh=False).double()
    model = models.EGNN(hidden=8, layers=1, update_coordinates=True, head="node").double()
    names = {
        "edge_mlp.0": "edge_first",
        "edge_mlp.2": "edge_last",
        "att_mlp.0": "gate",
        "node_mlp": "node",
        "coord_mlp": "coordinate",
    }
    state = {}
    for key, value in peer.state_dict().items():
        for theirs, ours in names.items():
            key = key.replace(theirs, ours)
        state[key] = value
    model.layers[0].load_state_dict(state)
    x, h = torch.randn(6, dimension, dtype=torch.float64), torch.randn(6, 8, dtype=torch.float64)
    receiver, sender = (~torch.eye(6, dtype=bool)).nonzero().T
    pairing = pair_up(torch.stack([sender, receiver]), 6)
    h_new, moved = model.propagate(h, x[sender] - x[receiver], pairing)
    h_peer, x_peer = peer(h, x, None, False, True)
    agree(h_new, h_peer, torch.float64)
    agree(x + moved, x_peer, torch.float64)
    turn = torch.linalg.qr(torch.randn(dimension, dimension, dtype=torch.float64))[0]
    h_turned, moved_turned = model.propagate(h, (x[sender] - x[receiver]) @ turn.T, pairing)
    agree(h_turned, h_new, torch.float64)
    agree(moved_turned, moved @ turn.T, torch.float64)


# ---------------------------------------------------------------------------------------------------------------------
# PaiNN


class ReferencePaiNN(nn.Module):
    """PaiNN on a dense molecule, with the names of SchNetPack's ``NeuralNetworkPotential``."""

    def __init__(self, width, layers, size, cutoff, radial):
        super().__init__()
        self.width, self.layers, self.size, self.radial = width, layers, size, radial
        r = self.representation = nn.Module()
        r.embedding = nn.Embedding(100, width, padding_idx=0)
        r.radial_basis, r.cutoff_fn = nn.Module(), nn.Module()
        if radial == "gaussian":
            r.radial_basis.register_buffer("offsets", torch.linspace(0, cutoff, size))
            r.radial_basis.register_buffer("widths", torch.full((size,), cutoff / (size - 1)))
        else:
            r.radial_basis.register_buffer("freqs", torch.arange(1, size + 1) * math.pi / cutoff)
        r.cutoff_fn.register_buffer("cutoff", torch.tensor([cutoff]))
        r.filter_net = nn.Linear(size, layers * 3 * width)
        r.interactions, r.mixing = nn.ModuleList(), nn.ModuleList()
        for _ in range(layers):
            interaction, mixing = nn.Module(), nn.Module()
            interaction.interatomic_context_net = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, 3 * width)])
            mixing.intraatomic_context_net = nn.ModuleList([nn.Linear(2 * width, width), nn.Linear(width, 3 * width)])
            mixing.mu_channel_mix = nn.Linear(width, 2 * width, bias=False)
            r.interactions.append(interaction)
            r.mixing.append(mixing)
        head = nn.Module()
        head.outnet = nn.ModuleList([nn.Linear(width, width // 2), nn.Linear(width // 2, 1)])
        self.output_modules = nn.ModuleList([head])

    def forward(self, structure):
        r, silu = self.representation, nn.functional.silu
        dtype, cutoff = r.filter_net.weight.dtype, r.cutoff_fn.cutoff.item()
        x, z = torch.tensor(structure.positions, dtype=dtype), torch.tensor(structure.numbers)
        n, off = len(z), torch.eye(len(z), dtype=bool)
        towards = x[None] - x[:, None]  # [i, j] = r_j - r_i
        d = towards.norm(dim=-1).masked_fill(off, 1.0)
        if self.radial == "gaussian":
            offsets = r.radial_basis.offsets
            e = torch.exp(-0.5 * ((d[..., None] - offsets) / (offsets[1] - offsets[0])) ** 2)
        else:
            e = torch.sin(d[..., None] * r.radial_basis.freqs) / d[..., None]
        f = 0.5 * (torch.cos(d * math.pi / cutoff) + 1) * (d < cutoff) * ~off
        w = (r.filter_net(e) * f[..., None]).view(n, n, self.layers, 3, self.width)
        q, mu = r.embedding(z), torch.zeros(n, 3, self.width, dtype=dtype)
        for t in range(self.layers):
            net = r.interactions[t].interatomic_context_net
            s = net[1](silu(net[0](q))).view(n, 3, self.width)
            dq, d_r, d_mu = (w[:, :, t] * s[None]).unbind(2)
            q = q + dq.sum(1)
            mu = mu + torch.einsum("ijf,ijx->ixf", d_r, towards / d[..., None]) + torch.einsum("ijf,jxf->ixf", d_mu, mu)
            mixing = r.mixing[t]
            v, u = mixing.mu_channel_mix(mu).split(self.width, dim=-1)
            norm = ((v**2).sum(1) + 1e-8).sqrt()
            net = mixing.intraatomic_context_net
            a, b, c = net[1](silu(net[0](torch.cat([q, norm], dim=-1)))).split(self.width, dim=-1)
            q, mu = q + a + c * (v * u).sum(1), mu + b[:, None] * u
        net = self.output_modules[0].outnet
        return net[1](silu(net[0](q))).sum(0)


@PRECISIONS
@pytest.mark.parametrize("radial", ["gaussian", "bessel"])
def test_painn_of_schnetpack(dtype, radial, tmp_path):
    torch.manual_seed(0)
    peer = ReferencePaiNN(128, 3, 20, 5.0, radial).to(dtype)
    assert sum(p.numel() for p in peer.parameters()) == 589_057
    torch.save(peer.state_dict(), tmp_path / "painn.pt")
    model = load_peer_weights(models.PaiNN(radial=radial).to(dtype), tmp_path / "painn.pt")
    structures = molecules()
    theirs = torch.cat([peer(s) for s in structures])
    agree(model(Batch.from_structures(structures, dtype=dtype)), theirs, dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Files


def test_files_that_are_no_weights_are_refused_and_leave_the_model_alone(tmp_path):
    model = models.SchNet(hidden=8, filters=8, layers=1, radial_size=5)
    peer = pyg_schnet(hidden_channels=8, num_filters=8, num_interactions=1, num_gaussians=5)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = peer.state_dict()
    torch.save(state, tmp_path / "good.pt")
    content = (tmp_path / "good.pt").read_bytes()
    (tmp_path / "half.pt").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.pt").write_text("not weights")
    (tmp_path / "half.safetensors").write_bytes(b"\x10\x00")
    torch.save(peer.lin1, tmp_path / "module.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({k: v for k, v in state.items() if k != "lin2.bias"}, tmp_path / "missing.pt")
    torch.save({**state, "surprise": torch.ones(1)}, tmp_path / "surprise.pt")
    torch.save({**state, "interactions.1.lin.bias": torch.ones(8)}, tmp_path / "deeper.pt")
    torch.save({**state, "lin2.bias": torch.ones(3)}, tmp_path / "shape.pt")
    for name, words in {
        "none.pt": "is no file", "half.pt": "damaged", "text.pt": "damaged", "half.safetensors": "damaged",
        "module.pt": "could run code", "list.pt": "no state dict", "missing.pt": "head.network.2.bias",
        "surprise.pt": "'surprise'", "deeper.pt": "does not exist", "shape.pt": r"\(3,\)",
    }.items():  # fmt: skip
        with pytest.raises(ModelFileError, match=words):
            load_peer_weights(model, tmp_path / name)
    with pytest.raises(ModelFileError, match="no peer's weights are known for Linear"):
        load_peer_weights(nn.Linear(2, 2), state)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    load_peer_weights(model, tmp_path / "good.pt")
    assert not torch.equal(before["embedding.weight"], model.embedding.weight)
