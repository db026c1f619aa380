"""SchNet and DimeNet++ against PyTorch Geometric's, at equal weights.

Edges are never capped. Both get the same ones and measure distances themselves; "edges built": both have erlangen's
`neighbor_list` build them in every step, because PyTorch Geometric's own radius graph needs an extra compiled package.
"exact": without interpolating the filters between grid points, which is on by default. DimeNet++'s peer gets its
triplets, found before: it needs another compiled package to find them.
"""

import warnings
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks._timing import Case, same, training_step
from erlangen.models import DimeNetPlusPlus, SchNet, load_peer_weights
from erlangen.neighbors import neighbor_list
from erlangen.structures import Batch

CUTOFF = 10.0
DIMENET_CUTOFF = 5.0
PEER = "torch_geometric"


def peer_schnet(edges: Callable) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn.models import SchNet as Peer
    torch.manual_seed(0)
    return Peer(interaction_graph=edges)


def schnet(molecules, build: bool = False, interpolate: bool = True) -> tuple:
    """Return both models, and both energies as functions."""
    bare = Batch.from_structures(molecules)
    batch = bare.with_cutoff(CUTOFF)
    sender, receiver = batch.edge_index

    def given(positions, _):
        return batch.edge_index, (positions[sender] - positions[receiver]).norm(dim=-1)

    def built(positions, index):
        found = neighbor_list(positions, CUTOFF, batch=index)
        return found.edge_index, found.displacement.norm(dim=-1)

    peer = peer_schnet(built if build else given)
    model = load_peer_weights(SchNet(interpolate=interpolate), peer.state_dict())
    source = bare if build else batch
    return model, peer, lambda: model(source), lambda: peer(bare.numbers, bare.positions, bare.index).squeeze(1)


def dimenet(molecules) -> tuple:
    """Return both models, and both energies as functions."""
    batch = Batch.from_structures(molecules, cutoff=DIMENET_CUTOFF)
    peer = peer_dimenet(batch.edge_index, triplets_of(batch.edge_index, batch.n_atoms))
    model = load_peer_weights(DimeNetPlusPlus(), peer.state_dict())
    return model, peer, lambda: model(batch), lambda: peer(batch.numbers, batch.positions, batch.index).squeeze(1)


def peer_dimenet(edge_index: Tensor, triplets: tuple) -> torch.nn.Module:
    """Return the peer with edges and triplets fixed, in place of the packages that it would find them with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn.models import dimenet
    dimenet.radius_graph = lambda *_, **__: edge_index
    dimenet.triplets = lambda *_, **__: triplets
    torch.manual_seed(0)
    return dimenet.DimeNetPlusPlus(
        hidden_channels=128, out_channels=1, num_blocks=4, int_emb_size=64, basis_emb_size=8, out_emb_channels=256,
        num_spherical=7, num_radial=6, output_initializer="glorot_orthogonal",
    )  # fmt: skip


def triplets_of(edge_index: Tensor, n_atoms: int) -> tuple[Tensor, ...]:
    """Return what the peer's function of triplets returns, from edges sorted by receiver."""
    sender, receiver = edge_index
    degree = torch.bincount(receiver, minlength=n_atoms)
    many = degree[sender]
    outward = torch.repeat_interleave(many)
    place = torch.arange(len(outward)) - (torch.cumsum(many, 0) - many)[outward]
    inward = (torch.cumsum(degree, 0) - degree)[sender[outward]] + place
    onward = sender[inward] != receiver[outward]
    outward, inward = outward[onward], inward[onward]
    return receiver, sender, receiver[outward], sender[outward], sender[inward], inward, outward


def embedding(model: torch.nn.Module) -> Tensor:
    """Return the weights whose gradient goes through everything."""
    return (model.emb.emb if hasattr(model, "emb") else model.embedding).weight


def forward(sides: Callable, molecules) -> tuple[Callable, Callable]:
    """Compare energies without gradients."""
    _, _, ours, theirs = sides(molecules)
    same(ours(), theirs(), "energies")
    return torch.no_grad()(ours), torch.no_grad()(theirs)


def step(sides: Callable, molecules) -> tuple[Callable, Callable]:
    """Compare training steps on energies."""
    model, peer, ours, theirs = sides(molecules)
    targets = torch.randn(len(molecules), generator=torch.Generator().manual_seed(0))
    losses = [lambda f=f: (f() - targets).abs().mean() for f in (ours, theirs)]
    same(ours(), theirs(), "energies")
    slopes = [torch.autograd.grad(f(), embedding(m))[0] for f, m in zip(losses, (model, peer), strict=True)]
    same(*slopes, "gradients", 1e-4)
    return training_step(model, losses[0]), training_step(peer, losses[1])


def forces_step(molecules) -> tuple[Callable, Callable]:
    """Compare training steps on energies and forces."""
    batch = Batch.from_structures(molecules, cutoff=CUTOFF)
    sender, receiver = batch.edge_index
    peer = peer_schnet(lambda x, _: (batch.edge_index, (x[sender] - x[receiver]).norm(dim=-1)))
    model = load_peer_weights(SchNet(head="forces"), peer.state_dict())
    generator = torch.Generator().manual_seed(0)
    energies, forces = (torch.randn(shape, generator=generator) for shape in ((len(batch),), (batch.n_atoms, 3)))

    def theirs() -> tuple[Tensor, Tensor]:
        positions = batch.positions.clone().requires_grad_()
        energy = peer(batch.numbers, positions, batch.index).squeeze(1)
        return energy, -torch.autograd.grad(energy.sum(), positions, create_graph=True)[0]

    def ours() -> tuple[Tensor, Tensor]:
        return tuple(model(batch).values())

    def loss(f: Callable) -> Tensor:
        energy, force = f()
        return (energy - energies).square().mean() + (force - forces).square().mean()

    same(ours()[1], theirs()[1], "forces", 1e-4)
    slopes = [torch.autograd.grad(loss(f), embedding(m))[0] for f, m in ((ours, model), (theirs, peer))]
    same(*slopes, "gradients", 1e-4)
    return training_step(model, lambda: loss(ours)), training_step(peer, lambda: loss(theirs))


EXACT, BUILT = partial(schnet, interpolate=False), partial(schnet, build=True)
CASES = [
    Case("SchNet, forward", PEER, partial(forward, schnet)),
    Case("SchNet, training step", PEER, partial(step, schnet)),
    Case("SchNet, training step, edges built", PEER, partial(step, BUILT)),
    Case("SchNet, training step, exact", PEER, partial(step, EXACT)),
    Case("SchNet, training step with forces", PEER, forces_step),
    Case("DimeNet++, forward", PEER, partial(forward, dimenet)),
    Case("DimeNet++, training step", PEER, partial(step, dimenet)),
]
