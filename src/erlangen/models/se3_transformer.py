"""SE(3)-Transformer: attention between spherical tensors (Fuchs, Worrall, Fischer, Welling, 2006.10503).

::

    f_i^0 = Emb[Z_i]                                                  degrees l = 0..L, channels c = 1..C
    W_ij^lk = sum over J of R_J^lk(d_ij) Q_J^lk Y_J(r_ij)             from degree k to l, channels to channels
    T times:   v_ij^l = sum_k W_V^lk f_j^k;   key_ij^l = sum_k W_K^lk f_j^k;   q_i^l = W_Q^l f_i^l
               a_ij = softmax over j of ln f_ij + <q_i, key_ij> / sqrt(n)     n entries in a key, heads share them
               f_i^l = W_S^l [sum_j f_ij a_ij v_ij^l; f_i^l]
               f_i^l = silu(LayerNorm |f_i^l|) f_i^l / |f_i^l|        degree 0: silu(LayerNorm f_i^0)
    last:      x_i = sum_j f_ij (sum_k W^0k f_j^k) / (1 + sum_j f_ij) + W f_i
    R = three linear layers of the distance, and of edge inputs, with LayerNorm and silu
    f_ij: cosine cutoff;  |f| = sqrt(f^2 + 0.01)

Changed from the paper, so that energies have forces: silu for ReLU; the scalars keep their sign in the nonlinearity;
edges fade out at a cutoff instead of being bonds; a mean that vanishes smoothly with the last neighbor. The 0.01 keeps
a vector that symmetry makes zero, up to rounding, from becoming a direction.
"""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.nn.edges import Edges, edges_of
from erlangen.nn.inputs import AtomInput, pair_attributes
from erlangen.nn.model import AtomisticModel
from erlangen.nn.radial import CosineCutoff
from erlangen.nn.representation import Representation
from erlangen.nn.spherical import SphericalLinear, by_degree, norms, scale_degrees
from erlangen.nn.tensor_product import Coupling
from erlangen.structures import Batch
from erlangen.symmetry import SpecialEuclidean, solid_harmonics

RADIAL_WIDTH = 32


class SE3Transformer(AtomisticModel):
    """SE(3)-equivariant attention network; the defaults have the sizes of the authors' QM9 model.

    Parameters
    ----------
    hidden : int
        Channels C of every degree.
    layers : int
        Attention layers.
    degree : int
        Highest degree L of the features.
    heads : int
        Of the attention; divides the channels of values and keys.
    divisor : int
        Values and keys have ``hidden / divisor`` channels.
    normalize : bool
        LayerNorm, which forgets how long vectors are; without it a bias b takes its place, as in the authors' model of
        moving particles.
    cutoff : float
        In angstrom; all neighbors within it count.
    velocities : bool
        Take velocities from ``batch.node["velocity"]`` as features of degree 1.
    node_inputs : dict of str to int, optional
        More input features: names in ``batch.node`` and their widths.
    edge_inputs : sequence of str
        More inputs of R: for a name in ``batch.node``, the product of the two atoms' values; see `pair_attributes`.
    head : Head, str, dict or None
        A sum over atoms by default (the authors' maximum does not grow with the molecule); see
        `erlangen.nn.head.build_head`.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> batch = Batch.from_structures([Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "O"])])
    >>> SE3Transformer(layers=2, degree=2, head="vector")(batch).shape
    torch.Size([1, 3])
    """

    group = SpecialEuclidean(3)
    small: ClassVar[dict] = {"hidden": 16, "layers": 3, "degree": 2, "heads": 4, "cutoff": 3.0}

    def __init__(
        self,
        hidden: int = 32,
        layers: int = 7,
        degree: int = 3,
        heads: int = 8,
        divisor: int = 2,
        normalize: bool = True,
        cutoff: float = 5.0,
        velocities: bool = False,
        node_inputs: Mapping[str, int] | None = None,
        edge_inputs: Sequence[str] = (),
        head=None,
    ) -> None:
        hyperparameters = {
            "hidden": hidden, "layers": layers, "degree": degree, "heads": heads, "divisor": divisor,
            "normalize": normalize, "cutoff": cutoff, "velocities": velocities,
            "node_inputs": dict(node_inputs or {}), "edge_inputs": list(edge_inputs),
        }  # fmt: skip
        if degree > 5:
            raise InputError(f"degree is at most 5, because kernels couple twice the degree, got {degree}")
        if hidden % divisor or (hidden // divisor) % heads:
            raise InputError(f"hidden / divisor must be a multiple of heads, got {hidden} / {divisor} and {heads}")
        scalars = (degree + 1) * hidden
        super().__init__(
            "se3_transformer", hyperparameters, head, {"name": "graph"}, scalars, hidden, "silu", cutoff
        )  # fmt: skip
        self.coupling = Coupling(degree, 2 * degree, degree)
        self.input, self.envelope = AtomInput(hidden, node_inputs or {}, velocities), CosineCutoff(cutoff)
        degrees = [self.input.degree, *[degree] * (layers - 1)]
        self.edge_inputs, n_inputs = list(edge_inputs), 1 + len(edge_inputs)
        self.layers = nn.ModuleList(
            Attention(hidden, d_in, degree, heads, hidden // divisor, normalize, n_inputs) for d_in in degrees
        )
        self.last = nn.ModuleList(Kernel(k, 0, hidden, scalars, n_inputs) for k in range(degree + 1))
        self.own = nn.Linear(hidden, scalars)

    def represent(self, batch: Batch) -> Representation:
        """Return scalars (n, (degree + 1) * hidden) and vectors (n, 3, hidden)."""
        batch = self.connect(batch)
        edges = edges_of(batch)
        radial_inputs = edges.pair_distance.unsqueeze(1)
        if self.edge_inputs:
            radial_inputs = torch.cat([radial_inputs, pair_attributes(batch, edges, self.edge_inputs)], dim=1)
        ways = both_ways(edges, self.coupling, self.envelope(edges.pair_distance), radial_inputs)
        x = self.input(batch)
        for layer in self.layers:
            x = layer(x, ways)
        coupled = ways.couple(x, 0)
        sums = sum(kernel(ways.radial_inputs, coupled[k]) for k, kernel in enumerate(self.last)).squeeze(1)
        weight = ways.envelope.unsqueeze(1)
        total = ways.sum_at_receivers(torch.cat([sums * weight, weight], dim=1), len(x))
        mean = total[:, :-1] / (total[:, -1:] + 1)  # 1: a last neighbor that leaves takes the mean with it
        return Representation(mean + self.own(x[:, 0]), x[:, 1:4], edges)


class Ways(NamedTuple):
    """Both directions of every pair, one after the other: rows 2 p and 2 p + 1.

    Attributes
    ----------
    sender, receiver : (2 p,) int64 tensors
    matrices : dict of (l, k) to (2 p, J, 2 l + 1, 2 k + 1) tensor
        Q_J Y_J.
    radial_inputs : (p, F) tensor
        What the radial functions take: the distance, and more if the model has it.
    envelope : (2 p,) tensor
    """

    sender: Tensor
    receiver: Tensor
    matrices: dict[tuple[int, int], Tensor]
    radial_inputs: Tensor
    envelope: Tensor

    def couple(self, x: Tensor, degree: int) -> list[Tensor]:
        """Couple senders' features to one degree l: (n, rows, C) -> (p, 2 (2 l + 1), J C) for each degree k of x."""
        coupled = []
        for k, part in enumerate(by_degree(x)):
            matrices = self.matrices[degree, k]
            n, n_j, d_out, d_in = matrices.shape
            rows = matrices.reshape(n, n_j * d_out, d_in) @ part.index_select(0, self.sender)
            rows = rows.view(n // 2, 2, n_j, d_out, x.shape[2]).permute(0, 1, 3, 2, 4)
            coupled.append(rows.reshape(n // 2, 2 * d_out, n_j * x.shape[2]))
        return coupled

    def sum_at_receivers(self, values: Tensor, n: int) -> Tensor:
        """(2 p, ...) -> (n, ...)."""
        return values.new_zeros(n, *values.shape[1:]).index_add(0, self.receiver, values)


def both_ways(edges: Edges, coupling: Coupling, envelope: Tensor, radial_inputs: Tensor) -> Ways:
    """Lay out the directions of every pair with their coupling matrices."""
    first = edges.pairing.first
    j, i = edges.pairing.sender.index_select(0, first), edges.pairing.receiver.index_select(0, first)
    entries = coupling.matrices(solid_harmonics(coupling.degree_edge, edges.pair_direction))
    blocks, place = {}, 0
    signs = torch.tensor([[1.0, (-1.0) ** l2] for _, l2, _ in coupling.paths], dtype=entries.dtype)
    for q, (k, _, l) in enumerate(coupling.paths):
        size = (2 * k + 1) * (2 * l + 1)
        block = entries[:, place : place + size].view(-1, 1, 1, 2 * l + 1, 2 * k + 1)
        blocks.setdefault((l, k), []).append(block * signs[q].to(entries.device).view(1, 2, 1, 1, 1))
        place += size
    matrices = {key: torch.cat(parts, dim=2).flatten(0, 1) for key, parts in blocks.items()}
    return Ways(
        torch.stack([j, i], dim=1).flatten(), torch.stack([i, j], dim=1).flatten(), matrices,
        radial_inputs, envelope.repeat_interleave(2),
    )  # fmt: skip


class Kernel(nn.Module):
    """The map W^lk, for all J at once, once for both directions of a pair."""

    def __init__(self, k: int, l: int, n_in: int, n_out: int, n_inputs: int = 1) -> None:
        super().__init__()
        self.shape = ((2 * min(k, l) + 1) * n_in, n_out)
        self.radial = nn.Sequential(
            nn.Linear(n_inputs, RADIAL_WIDTH), nn.LayerNorm(RADIAL_WIDTH), nn.SiLU(),
            nn.Linear(RADIAL_WIDTH, RADIAL_WIDTH), nn.LayerNorm(RADIAL_WIDTH), nn.SiLU(),
            nn.Linear(RADIAL_WIDTH, math.prod(self.shape)),
        )  # fmt: skip
        nn.init.normal_(self.radial[-1].weight, std=1 / math.sqrt(RADIAL_WIDTH * self.shape[0] / 4))

    def forward(self, radial_inputs: Tensor, coupled: Tensor) -> Tensor:
        """(p, F), (p, 2 (2 l + 1), J C_in) -> (2 p, 2 l + 1, C_out)."""
        out = torch.bmm(coupled, self.radial(radial_inputs).unflatten(1, self.shape))
        return out.view(2 * len(out), out.shape[1] // 2, out.shape[2])


class Bias(nn.Module):
    """x + b."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) -> (n, width)."""
        return x + self.bias


class Attention(nn.Module):
    """Every atom attends to its neighbors, by invariant weights; then the nonlinearity of the norms."""

    def __init__(
        self, hidden: int, d_in: int, d_out: int, heads: int, width: int, normalize: bool, n_inputs: int
    ) -> None:
        super().__init__()
        self.heads, self.d_in = heads, d_in
        inputs = range(d_in + 1)
        self.values = nn.ModuleList(
            nn.ModuleList(Kernel(k, l, hidden, width, n_inputs) for k in inputs) for l in range(d_out + 1)
        )
        self.keys = nn.ModuleList(nn.ModuleList(Kernel(k, l, hidden, width, n_inputs) for k in inputs) for l in inputs)
        self.query = SphericalLinear([hidden] * (d_in + 1), width, bias=False)
        widths = [width + hidden * (l <= d_in) for l in range(d_out + 1)]
        self.join = SphericalLinear(widths, hidden, bias=False)
        self.normalize = nn.ModuleList(nn.LayerNorm(hidden) if normalize else Bias(hidden) for _ in range(d_out + 1))

    def forward(self, x: Tensor, ways: Ways) -> Tensor:
        """(n, (d_in + 1)^2, C) -> (n, (d_out + 1)^2, C)."""
        query = self.query(by_degree(x)).index_select(0, ways.receiver)
        values, keys = [], []
        for l, kernels in enumerate(self.values):
            coupled = ways.couple(x, l)
            values.append(_apply(kernels, ways.radial_inputs, coupled))
            if l <= self.d_in:
                keys.append(_apply(self.keys[l], ways.radial_inputs, coupled))
        key = torch.cat(keys, dim=1)
        attention = self.attention(query, key, ways, len(x))  # (2 p, heads)
        value = torch.cat(values, dim=1).unflatten(2, (self.heads, -1))
        weight = (attention * ways.envelope.unsqueeze(1)).view(-1, 1, self.heads, 1)
        sums = by_degree(ways.sum_at_receivers((value * weight).flatten(2), len(x)))
        own = by_degree(x)
        y = self.join([torch.cat([part, *own[l : l + 1]], dim=2) for l, part in enumerate(sums)])
        length = norms(y, epsilon=0.01)
        factors = [
            nn.functional.silu(layer(length[:, l])) / length[:, l] for l, layer in enumerate(self.normalize) if l
        ]
        scalars = nn.functional.silu(self.normalize[0](y[:, 0]))
        vectors = scale_degrees(y, torch.stack([torch.ones_like(scalars), *factors], dim=1))[:, 1:]
        return torch.cat([scalars.unsqueeze(1), vectors], dim=1)

    def attention(self, query: Tensor, key: Tensor, ways: Ways, n: int) -> Tensor:
        """Return the invariant weights (2 p, heads), which sum to one at every receiver that has neighbors."""
        logits = (query * key).unflatten(2, (self.heads, -1)).sum((1, 3)) / math.sqrt(key[0].numel() if len(key) else 1)
        receiver = ways.receiver.unsqueeze(1).expand_as(logits)
        largest = logits.detach().new_full((n, self.heads), -math.inf)
        largest = largest.scatter_reduce(0, receiver, logits.detach(), "amax")
        weight = ways.envelope.unsqueeze(1) * torch.exp(logits - largest.index_select(0, ways.receiver))
        total = ways.sum_at_receivers(weight, n)
        total = torch.where(total > 0, total, torch.ones_like(total))
        return weight / total.index_select(0, ways.receiver)


def _apply(kernels: Sequence[Kernel], radial_inputs: Tensor, coupled: Sequence[Tensor]) -> Tensor:
    """Sum over the degrees that come in."""
    return sum(kernel(radial_inputs, rows) for kernel, rows in zip(kernels, coupled, strict=True))
