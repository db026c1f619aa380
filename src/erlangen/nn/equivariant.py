"""Layers on vector features (n, 3, V): only scaled, added, mixed by channel and contracted with each other."""

import torch
from torch import Tensor, nn

from erlangen.nn.activations import activation, xavier_linear
from erlangen.nn.convolution import continuous_filter_convolution
from erlangen.nn.edges import Edges
from erlangen.nn.radial import CosineCutoff, GaussianBasis


def smooth_length(vectors: Tensor, epsilon: float = 1e-8) -> Tensor:
    """sqrt(|v|^2 + epsilon) over the middle axis: (n, 3, V) -> (n, V); differentiable at zero.

    Examples
    --------
    >>> smooth_length(torch.tensor([[[3.0], [4.0], [0.0]]])).item()
    5.0
    """
    return ((vectors * vectors).sum(1) + epsilon).sqrt()


class GatedEquivariantBlock(nn.Module):
    """[V; W] = M v;  (s', g) = MLP([s; |V|]);  v' = g * W.

    PaiNN (2102.03150), figure 3. Returns scalars (n, s_out) and vectors (n, 3, v_out).

    Examples
    --------
    >>> block = GatedEquivariantBlock(8, 4, 2, 1, "silu")
    >>> [tuple(x.shape) for x in block(torch.zeros(5, 8), torch.zeros(5, 3, 4))]
    [(5, 2), (5, 3, 1)]
    """

    def __init__(self, scalars: int, vectors: int, scalars_out: int, vectors_out: int, activation_name: str) -> None:
        super().__init__()
        self.widths = [scalars_out, vectors_out]
        self.mix = xavier_linear(vectors, 2 * vectors_out, bias=False)
        self.network = nn.Sequential(
            xavier_linear(scalars + vectors_out, scalars),
            activation(activation_name),
            xavier_linear(scalars, scalars_out + vectors_out),
        )

    def forward(self, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new scalars and vectors."""
        v, w = self.mix(vectors).chunk(2, dim=-1)
        s, gate = self.network(torch.cat([scalars, smooth_length(v)], dim=-1)).split(self.widths, dim=-1)
        return s, gate.unsqueeze(1) * w


class EdgeVectors(nn.Module):
    """Vector features for networks that have none: v_i = sum_j (A e(d_ij)) * (B x_j) * f(d_ij) u_ij.

    u_ij is the unit vector from i to j, e Gaussians up to the cutoff and f the cosine cutoff.

    Examples
    --------
    >>> EdgeVectors(features=8, vectors=4, cutoff=5.0).vectors
    4
    """

    def __init__(self, features: int, vectors: int, cutoff: float, radial_size: int = 20) -> None:
        super().__init__()
        self.vectors = vectors
        self.basis, self.cutoff = GaussianBasis(radial_size, cutoff), CosineCutoff(cutoff)
        self.filter = xavier_linear(radial_size, vectors)
        self.project = xavier_linear(features, vectors, bias=False)

    def forward(self, scalars: Tensor, edges: Edges) -> Tensor:
        """Return vector features (n, 3, vectors)."""
        distance = edges.pair_distance
        coefficient = edges.pair_direction * self.cutoff(distance).unsqueeze(1)
        filters = self.filter(self.basis(distance))
        return continuous_filter_convolution(self.project(scalars), filters, coefficient, edges.pairing, odd=True)
