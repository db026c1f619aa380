"""EGNN against egnn-pytorch (lucidrains), at equal weights and outputs.

egnn-pytorch computes another function than the paper: a point sends a message to itself, too, coordinates are summed,
features go through a layer norm, and all widths differ. `Twin` computes that function from erlangen's layers, the way
`erlangen.models.EGNN` computes the paper's: edges instead of padded squares, and the first linear layer of the messages
split into receiver, sender and distance. Both sides get the same molecules; the peer padded to the largest one.
"""

import warnings
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks._timing import Case, same, training_step
from erlangen.nn.edges import Pairing, edges_of
from erlangen.nn.segments import gather_receiver, gather_sender, pool, segment_sum
from erlangen.structures import Batch

N_TOKENS = 10  # atomic numbers up to fluorine
SIZES = ((32, 3), (64, 4))  # width and depth: the peer's README, EGNN's n-body network


class TwinLayer(nn.Module):
    """One layer of egnn-pytorch on edges; the names of its weights are the peer's."""

    def __init__(self, width: int, message: int = 16) -> None:
        super().__init__()
        hidden = 2 * (2 * width + 1)
        self.edge_mlp = nn.Sequential(
            nn.Linear(2 * width + 1, hidden), nn.Identity(), nn.SiLU(), nn.Linear(hidden, message), nn.SiLU()
        )
        self.node_norm = nn.LayerNorm(width)
        self.node_mlp = nn.Sequential(
            nn.Linear(width + message, 2 * width), nn.Identity(), nn.SiLU(), nn.Linear(2 * width, width)
        )
        self.coors_mlp = nn.Sequential(
            nn.Linear(message, 4 * message), nn.Identity(), nn.SiLU(), nn.Linear(4 * message, 1)
        )

    def forward(self, h: Tensor, displacement: Tensor, pairing: Pairing) -> tuple[Tensor, Tensor]:
        """(n, F), x_j - x_i (e, 3) -> (n, F) and the step of the coordinates (n, 3)."""
        first, width = self.edge_mlp[0], h.shape[1]
        of_receiver, of_sender, of_distance = first.weight.split([width, width, 1], dim=1)
        receiver, sender = nn.functional.linear(h, of_receiver, first.bias), nn.functional.linear(h, of_sender)
        square = (displacement * displacement).sum(1, keepdim=True)
        both = gather_receiver(receiver, pairing) + gather_sender(sender, pairing)
        message = self.edge_mlp[2:](torch.addmm(both, square, of_distance.T))
        step = -segment_sum(displacement * self.coors_mlp(message), pairing)
        total = segment_sum(message, pairing) + self.edge_mlp[2:](receiver + sender)  # the point itself, at distance 0
        return h + self.node_mlp(torch.cat([self.node_norm(h), total], dim=1)), step


class Twin(nn.Module):
    """The function of ``egnn_pytorch.EGNN_Network`` on a `Batch`."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.token_emb = nn.Embedding(N_TOKENS, width)
        self.layers = nn.ModuleList(nn.ModuleList([nn.Identity(), TwinLayer(width)]) for _ in range(depth))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return features (n, F) and positions (n, 3)."""
        edges, h, x = edges_of(batch), self.token_emb(batch.numbers), batch.positions
        pairing = edges.pairing
        for _, layer in self.layers:
            moved = x - batch.positions
            h, step = layer(
                h, edges.displacement + gather_sender(moved, pairing) - gather_receiver(moved, pairing), pairing
            )
            x = x + step
        return h, x


def peer(width: int, depth: int) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from egnn_pytorch import EGNN_Network
    torch.manual_seed(0)
    # weights ten times their start of 0.001, where the network would be almost the identity
    return EGNN_Network(num_tokens=N_TOKENS, dim=width, depth=depth, init_eps=1 / width)


def padded(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return numbers (b, m), positions (b, m, 3) and which of them are atoms (b, m)."""
    parts = batch.sizes.tolist()
    pad = nn.utils.rnn.pad_sequence
    numbers, positions = (pad(x.split(parts), batch_first=True) for x in (batch.numbers, batch.positions))
    return numbers, positions, torch.arange(numbers.shape[1]) < batch.sizes.unsqueeze(1)


def sides(molecules, width: int, depth: int) -> tuple[Callable, Callable]:
    """Compare training steps; the peer's molecules are padded to the largest."""
    batch = Batch.from_structures(molecules, complete=True)
    numbers, positions, mask = padded(batch)
    targets = torch.randn(len(batch), generator=torch.Generator().manual_seed(0))
    theirs = peer(width, depth)
    ours = Twin(width, depth)
    ours.load_state_dict(theirs.state_dict())

    def our_outputs() -> tuple[Tensor, Tensor, Tensor]:
        h, x = ours(batch)
        return h, x - batch.positions, pool(h, batch.index, len(batch), mean=True)

    def their_outputs() -> tuple[Tensor, Tensor, Tensor]:
        h, x = theirs(numbers, positions, mask=mask)
        return h[mask], (x - positions)[mask], (h * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True)

    def loss(outputs: Callable) -> Tensor:  # that every weight reaches
        _, steps, means = outputs()
        return (means[:, 0] - targets).abs().mean() + steps.square().mean()

    for what, mine, other in zip(("features", "steps"), our_outputs(), their_outputs(), strict=False):
        same(mine, other, what, 1e-4)
    slopes = [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss(f), list(model.parameters()))])
        for f, model in ((our_outputs, ours), (their_outputs, theirs))
    ]
    same(*slopes, "gradients", 1e-3)
    return training_step(ours, lambda: loss(our_outputs)), training_step(theirs, lambda: loss(their_outputs))


CASES = [
    Case(f"EGNN, {width} wide, {depth} deep, training step", "egnn-pytorch", partial(sides, width=width, depth=depth))
    for width, depth in SIZES
]
