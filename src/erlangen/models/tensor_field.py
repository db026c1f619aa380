"""Tensor Field Network: rotation-equivariant point convolutions (Thomas et al., 1802.08219).

::

    V_i^0 = Emb[Z_i]                                    features V_i^l,c of degrees l = 0..L, channels c
    T times:   U = S V                                  self-interaction: mixes the channels of each degree
               A_i^path = sum_j f_ij R_path,c(d_ij) Y^l2(r_ij) (x) U_j^l1,c -> l3      each path (l1, l2, l3)
               V_i = eta(S' [A_i^path; V_i])            concatenated over the paths to one degree, mixed, then
                     eta(V)^0 = ssp(V^0);  eta(V)^l = V^l ssp(|V^l| + b) / |V^l|
    R_path,c = w2 ssp(w1 e(d) + b1) + b2                e: Gaussians,  f: cosine cutoff

The paper writes V_i inside the sum, as the pair i = j with l2 = 0. Its radial networks have ReLU, whose forces jump;
ours have ssp. The sums are divided by the square root of ``neighbors``, or seven layers would overflow.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from erlangen.nn.activations import ShiftedSoftplus, mlp
from erlangen.nn.edges import Pairing, edges_of
from erlangen.nn.inputs import AtomInput, pair_attributes
from erlangen.nn.model import AtomisticModel
from erlangen.nn.radial import CosineCutoff, radial_basis
from erlangen.nn.representation import Representation
from erlangen.nn.spherical import SphericalLinear, by_degree, norms, scale_degrees
from erlangen.nn.tensor_product import Coupling, spherical_convolution
from erlangen.structures import Batch
from erlangen.symmetry import Euclidean, SpecialEuclidean, solid_harmonics


class TensorFieldNetwork(AtomisticModel):
    """SE(3)-equivariant network of spherical tensors; the defaults have the sizes of its published QM9 run.

    Parameters
    ----------
    hidden : int
        Channels C of every degree.
    layers : int
        Convolutions.
    degree : int
        Highest degree L of features and harmonics.
    cutoff : float
        In angstrom; all neighbors within it count.
    radial_size : int
        Gaussians, and width of the radial networks.
    mirror : bool
        Only couplings that reflections keep: the network is then E(3)-equivariant, and blind to handedness.
    neighbors : float
        About how many neighbors an atom has; scales the sums.
    velocities : bool
        Take velocities from ``batch.node["velocity"]`` as features of degree 1.
    node_inputs : dict of str to int, optional
        More input features: names in ``batch.node`` and their widths.
    edge_inputs : sequence of str
        More inputs of the radial functions: for a name in ``batch.node``, the product of the two atoms' values; see
        `pair_attributes`.
    head : Head, str, dict or None
        A sum over atoms by default; see `erlangen.nn.head.build_head`.

    Notes
    -----
    The sizes are those of the Tensor Field baseline that the SE(3)-Transformer's authors (2006.10503) report on QM9.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> batch = Batch.from_structures([Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "O"])])
    >>> TensorFieldNetwork(layers=2, degree=2, head="vector")(batch).shape
    torch.Size([1, 3])
    """

    small: ClassVar[dict] = {"hidden": 32, "layers": 3, "degree": 2, "cutoff": 4.0, "radial_size": 16}

    def __init__(
        self,
        hidden: int = 32,
        layers: int = 7,
        degree: int = 3,
        cutoff: float = 5.0,
        radial_size: int = 32,
        mirror: bool = False,
        neighbors: float = 16.0,
        velocities: bool = False,
        node_inputs: Mapping[str, int] | None = None,
        edge_inputs: Sequence[str] = (),
        head=None,
    ) -> None:
        hyperparameters = {
            "hidden": hidden, "layers": layers, "degree": degree, "cutoff": cutoff, "radial_size": radial_size,
            "mirror": mirror, "neighbors": neighbors, "velocities": velocities,
            "node_inputs": dict(node_inputs or {}), "edge_inputs": list(edge_inputs),
        }  # fmt: skip
        super().__init__("tensor_field", hyperparameters, head, {"name": "graph"}, hidden, hidden, "silu", cutoff)
        self.group = Euclidean(3) if mirror else SpecialEuclidean(3)
        self.degree = degree
        self.input = AtomInput(hidden, node_inputs or {}, velocities)
        self.basis, self.envelope = radial_basis("gaussian", radial_size, cutoff), CosineCutoff(cutoff)
        degrees = [self.input.degree, *[degree] * (layers - 1), 1]  # heads read scalars and vectors
        self.edge_inputs = list(edge_inputs)
        self.layers = nn.ModuleList(
            TensorFieldLayer(hidden, Coupling(d_in, degree, d_out, mirror), radial_size, neighbors, len(edge_inputs))
            for d_in, d_out in itertools.pairwise(degrees)
        )

    def represent(self, batch: Batch) -> Representation:
        """Return scalars (n, hidden) and vectors (n, 3, hidden)."""
        batch = self.connect(batch)
        edges = edges_of(batch)
        basis, envelope = self.basis(edges.pair_distance), self.envelope(edges.pair_distance)
        if self.edge_inputs:
            basis = torch.cat([basis, pair_attributes(batch, edges, self.edge_inputs)], dim=1)
        harmonics = solid_harmonics(self.degree, edges.pair_direction)
        couplings = {layer.coupling for layer in self.layers}
        matrices = {coupling: coupling.matrices(harmonics) * envelope.unsqueeze(1) for coupling in couplings}
        x = self.input(batch)
        for layer in self.layers:
            x = layer(x, basis, matrices[layer.coupling], edges.pairing)
        return Representation(x[:, 0], x[:, 1:4], edges)


class TensorFieldLayer(nn.Module):
    """Self-interaction, convolution, self-interaction, nonlinearity of the norms."""

    def __init__(self, hidden: int, coupling: Coupling, radial_size: int, neighbors: float, n_inputs: int) -> None:
        super().__init__()
        self.coupling, self.scale = coupling, 1 / math.sqrt(neighbors)
        self.before = SphericalLinear([hidden] * (coupling.degree_in + 1), hidden, bias=False)
        self.radial = mlp([radial_size + n_inputs, radial_size, len(coupling.paths) * hidden], "ssp")
        # Xavier's start would shrink features of degree > 0 sixtyfold a layer; this keeps them near their size.
        nn.init.normal_(self.radial[0].weight)
        nn.init.normal_(self.radial[2].weight, std=4 / math.sqrt(radial_size))
        own = [hidden * (degree <= coupling.degree_in) for degree in range(coupling.degree_out + 1)]
        widths = [hidden * count + n for count, n in zip(coupling.counts, own, strict=True)]
        self.after = SphericalLinear(widths, hidden)
        self.shift = nn.Parameter(torch.zeros(coupling.degree_out + 1, hidden))
        self.activation = ShiftedSoftplus()

    def forward(self, x: Tensor, basis: Tensor, matrices: Tensor, pairing: Pairing) -> Tensor:
        """(n, (L_in + 1)^2, C), (p, K), (p, entries) -> (n, (L_out + 1)^2, C)."""
        own = by_degree(x)
        weights = self.radial(basis).unflatten(1, (len(self.coupling.paths), -1)) * self.scale
        sums = spherical_convolution(self.before(own), matrices, weights, pairing, self.coupling)
        parts = self.coupling.split(sums)
        joined = [torch.cat([part, *own[degree : degree + 1]], dim=2) for degree, part in enumerate(parts)]
        y = self.after(joined)
        length = norms(y)
        factor = self.activation(length + self.shift) / length
        return torch.cat([self.activation(y[:, :1] + self.shift[0]), scale_degrees(y, factor)[:, 1:]], dim=1)
