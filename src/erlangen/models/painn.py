"""PaiNN: polarizable atom interaction network (Schuett, Unke, Gastegger, 2102.03150).

::

    q_i = Emb[Z_i],  mu_i = 0 (3 x F);   u_ij = (r_j - r_i) / d_ij,   w_ij = (A e(d_ij) + a) f(d_ij)
    message:   s = P2 silu(P1 q + p1) + p2                      split into s_q, s_R, s_mu, as is w
               q_i  += sum_j w_q s_q,j
               mu_i += sum_j (w_R s_R,j) u_ij + w_mu s_mu,j mu_j
    update:    [V; W] = M mu_i;  n = sqrt(|V|^2 + 1e-8);  (a, b, c) = N2 silu(N1 [q; n] + n1) + n2
               q_i  += a + c <V, W>;   mu_i += b W
    head:      Y = sum_i L2 silu(L1 q_i + l1) + l2
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from erlangen.nn.activations import mlp, xavier_linear
from erlangen.nn.convolution import continuous_filter_convolution
from erlangen.nn.edges import Pairing, edges_of
from erlangen.nn.equivariant import smooth_length
from erlangen.nn.inputs import N_ELEMENTS
from erlangen.nn.model import AtomisticModel, check_numbers
from erlangen.nn.radial import CosineCutoff, radial_basis
from erlangen.nn.representation import Representation
from erlangen.structures import Batch


class PaiNN(AtomisticModel):
    """E(3)-equivariant network of scalars and vectors; the defaults have 589,057 parameters.

    Parameters
    ----------
    hidden : int
        Width F of the scalars and of the vectors.
    layers : int
        Message and update blocks.
    cutoff : float
        In angstrom; all neighbors within it count.
    radial : {"bessel", "gaussian"}
        Radial functions; the paper has Bessel functions, SchNetPack's configuration Gaussians.
    radial_size : int
        How many radial functions.
    head : Head, str, dict or None
        The paper's sum over atoms by default; see `erlangen.nn.head.build_head`.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> batch = Batch.from_structures([Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "O"])])
    >>> PaiNN(head="vector")(batch).shape
    torch.Size([1, 3])
    """

    small: ClassVar[dict] = {"hidden": 64, "layers": 3, "cutoff": 4.0, "radial_size": 16}

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 3,
        cutoff: float = 5.0,
        radial: str = "bessel",
        radial_size: int = 20,
        head=None,
    ) -> None:
        hyperparameters = {
            "hidden": hidden, "layers": layers, "cutoff": cutoff, "radial": radial, "radial_size": radial_size,
        }  # fmt: skip
        super().__init__("painn", hyperparameters, head, {"name": "graph"}, hidden, hidden, "silu", cutoff)
        self.embedding = nn.Embedding(N_ELEMENTS, hidden, padding_idx=0)
        self.basis = radial_basis(radial, radial_size, cutoff)
        self.envelope = CosineCutoff(cutoff)
        self.filters = xavier_linear(radial_size, layers * 3 * hidden)
        self.messages = nn.ModuleList(Message(hidden) for _ in range(layers))
        self.updates = nn.ModuleList(Update(hidden) for _ in range(layers))

    def represent(self, batch: Batch) -> Representation:
        """Return scalars (n, hidden) and vectors (n, 3, hidden)."""
        batch = self.connect(batch)
        check_numbers(batch.numbers, N_ELEMENTS)
        edges = edges_of(batch)
        basis, envelope = self.basis(edges.pair_distance), self.envelope(edges.pair_distance)
        direction = edges.pair_direction * envelope.unsqueeze(1)
        hidden = self.embedding.embedding_dim
        weights, biases = self.filters.weight.split(hidden), self.filters.bias.split(hidden)
        q, mu = self.embedding(batch.numbers), None
        for layer, (message, update) in enumerate(zip(self.messages, self.updates, strict=True)):
            parts = range(3 * layer, 3 * layer + (2 if mu is None else 3))  # the third multiplies vectors still zero
            filters = [nn.functional.linear(basis, weights[k], biases[k]) for k in parts]
            q, mu = update(*message(q, mu, filters, envelope, direction, edges.pairing))
        return Representation(q, mu, edges)


class Message(nn.Module):
    """Neighbors' scalars into scalars and vectors, neighbors' vectors into vectors (eqs. 7 and 8)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.context = mlp([hidden, hidden, 3 * hidden], "silu")

    def forward(
        self, q: Tensor, mu: Tensor | None, filters: list[Tensor], envelope: Tensor, direction: Tensor, pairing: Pairing
    ) -> tuple[Tensor, Tensor]:
        """(n, F), (n, 3, F) or None, filters (p, F), (p,), (p, 3) -> (n, F), (n, 3, F)."""
        s_q, s_r, s_mu = self.context(q).chunk(3, dim=1)
        q_new = q + continuous_filter_convolution(s_q, filters[0], envelope, pairing)
        mu_new = continuous_filter_convolution(s_r, filters[1], direction, pairing, odd=True)
        if mu is not None:
            moved = continuous_filter_convolution(s_mu.unsqueeze(1) * mu, filters[2], envelope, pairing)
            mu_new = mu + mu_new + moved
        return q_new, mu_new


class Update(nn.Module):
    """Scalars and vectors of an atom mixed with each other (eqs. 9 and 10)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.context = mlp([2 * hidden, hidden, 3 * hidden], "silu")
        self.mix = xavier_linear(hidden, 2 * hidden, bias=False)

    def forward(self, q: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """(n, F), (n, 3, F) -> the same."""
        v, w = self.mix(mu).chunk(2, dim=-1)
        a, b, c = self.context(torch.cat([q, smooth_length(v)], dim=1)).chunk(3, dim=1)
        return q + a + c * (v * w).sum(1), mu + b.unsqueeze(1) * w
