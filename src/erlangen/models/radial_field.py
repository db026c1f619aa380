"""Radial field: points that move along the lines between them (Koehler, Klein, Noe, 2006.02425; RF in 2102.09844).

::

    x_i += mean_j (x_i - x_j) phi([d_ij; a_ij]) + v_i phi_v(|v_i|)       phi = tanh(w silu(W [d; a] + b)); phi_v linear
                                                                        at its end; a_ij, v_i as in EGNN, if given
    h_i = E[Z_i] + sum_t sum_j (B_t e(d_ij^t)) * E[Z_j]                 ours: e Gaussians, d^t before layer t

The field has no features of its own: it is the simplest network that moves points equivariantly, in any dimension. So
that every head can read it, h is made of what the paper has, the distances in each layer, and of the elements. With a
cutoff, phi and e are multiplied by the cosine cutoff, and the mean divides by 1 + the sum of the cutoffs. phi is the
same both ways, so it is computed once for each unordered pair.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from erlangen.nn.activations import xavier_linear
from erlangen.nn.convolution import continuous_filter_convolution
from erlangen.nn.edges import Pairing, edges_of, length
from erlangen.nn.inputs import node_input, pair_attributes
from erlangen.nn.model import AtomisticModel, check_numbers
from erlangen.nn.radial import CosineCutoff, GaussianBasis
from erlangen.nn.representation import Representation
from erlangen.structures import Batch

N_ELEMENTS = 100
REACH = 8.0
"""Of the Gaussians without a cutoff, in angstrom."""


class RadialField(AtomisticModel):
    """E(n)-equivariant field along the lines between points; its vector feature is the displacement.

    Parameters
    ----------
    hidden : int
        Width of phi, of phi_v and of the scalars.
    layers : int
        Steps of the points.
    cutoff : float, optional
        In angstrom; all pairs of a structure without it.
    velocities : bool
        Take velocities from ``batch.node["velocity"]``.
    tanh : bool
        Bound phi, as the authors do where there are velocities.
    edge_inputs : sequence of str
        a_ij: for a name in ``batch.node``, the product of the two atoms' values; for ``"square"``, the squared
        distance before any layer has moved the atoms.
    radial_size : int
        Gaussians of the scalars.
    head : Head, str, dict or None
        A sum over atoms by default; see `erlangen.nn.head.build_head`.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> batch = Batch.from_structures([Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "O"])])
    >>> RadialField(head="positions")(batch).shape
    torch.Size([2, 3])
    """

    small: ClassVar[dict] = {"cutoff": 5.0}

    def __init__(
        self,
        hidden: int = 64,
        layers: int = 4,
        cutoff: float | None = None,
        velocities: bool = False,
        tanh: bool = True,
        edge_inputs: Sequence[str] = (),
        radial_size: int = 32,
        head=None,
    ) -> None:
        edge_inputs = list(edge_inputs)
        hyperparameters = {
            "hidden": hidden, "layers": layers, "cutoff": cutoff, "velocities": velocities, "tanh": tanh,
            "edge_inputs": edge_inputs, "radial_size": radial_size,
        }  # fmt: skip
        super().__init__("radial_field", hyperparameters, head, {"name": "graph"}, hidden, 1, "silu", cutoff)
        self.velocities, self.edge_inputs = velocities, edge_inputs
        self.envelope = None if cutoff is None else CosineCutoff(cutoff)
        self.layers = nn.ModuleList(RadialStep(hidden, 1 + len(edge_inputs), velocities, tanh) for _ in range(layers))
        self.basis = GaussianBasis(radial_size, REACH if cutoff is None else cutoff)
        self.embedding = nn.Embedding(N_ELEMENTS, hidden)
        self.filters = nn.ModuleList(xavier_linear(radial_size, hidden, bias=False) for _ in range(layers))
        for linear in self.filters:  # sums over all neighbors and layers: they start small beside the element's own row
            nn.init.xavier_uniform_(linear.weight, gain=0.03)

    def represent(self, batch: Batch) -> Representation:
        """Return scalars (n, hidden) and the displacement (n, 3, 1) as a vector."""
        batch = self.connect(batch)
        check_numbers(batch.numbers, N_ELEMENTS)
        edges = edges_of(batch)
        weight = None if self.envelope is None else self.envelope(edges.pair_distance).unsqueeze(1)
        velocity = node_input(batch, "velocity", 3) if self.velocities else None
        attributes = pair_attributes(batch, edges, self.edge_inputs)
        moved, distances = self.propagate(edges.pair_displacement, edges.pairing, weight, velocity, attributes)
        return Representation(self.scalars(batch.numbers, distances, weight, edges.pairing), moved.unsqueeze(-1), edges)

    def propagate(
        self,
        pair_displacement: Tensor,
        pairing: Pairing,
        weight: Tensor | None = None,
        velocity: Tensor | None = None,
        attributes: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Move points of any dimension D.

        Parameters
        ----------
        pair_displacement : (p, D)
            x_j - x_i of the edge j -> i that represents its pair, ``pairing.first``.
        pairing : Pairing
            Who is connected.
        weight, attributes : (p, 1) and (p, a), optional
            Cutoffs and a_ij of the pairs.
        velocity : (n, D), optional

        Returns
        -------
        moved : (n, D)
            How far each point has moved.
        distances : list of (p,)
            Of the pairs before each layer.
        """
        i, j = (side.index_select(0, pairing.first) for side in (pairing.receiver, pairing.sender))
        moved, distances = pair_displacement.new_zeros(pairing.n_nodes, pair_displacement.shape[1]), []
        for layer in self.layers:
            current = pair_displacement
            if distances:
                current = pair_displacement + moved.index_select(0, j) - moved.index_select(0, i)
            distances.append(length(current))
            moved = moved + layer(current, distances[-1], pairing, weight, velocity, attributes)
        return moved, distances

    def scalars(self, numbers: Tensor, distances: list[Tensor], weight: Tensor | None, pairing: Pairing) -> Tensor:
        """Return the element and the radial functions of each atom's neighbors, by element, (n, hidden)."""
        elements = self.embedding(numbers)
        filters = sum(linear(self.basis(d)) for linear, d in zip(self.filters, distances, strict=True))
        weight = torch.ones_like(distances[0]) if weight is None else weight.squeeze(1)
        return elements + continuous_filter_convolution(elements, filters, weight, pairing)


class RadialStep(nn.Module):
    """One step of the points: along the lines to the others, and along their velocities."""

    def __init__(self, hidden: int, inputs: int, velocities: bool, tanh: bool) -> None:
        super().__init__()
        last = nn.Linear(hidden, 1, bias=False)
        nn.init.xavier_uniform_(last.weight, gain=0.001)
        self.phi = nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), last, *([nn.Tanh()] if tanh else []))
        self.velocity = None
        if velocities:
            self.velocity = nn.Sequential(nn.Linear(1, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def forward(
        self,
        displacement: Tensor,
        distance: Tensor,
        pairing: Pairing,
        weight: Tensor | None,
        velocity: Tensor | None,
        attributes: Tensor | None,
    ) -> Tensor:
        """(p, D), (p,), cutoffs (p, 1), (n, D), (p, a) -> the step (n, D)."""
        inputs = [distance.unsqueeze(1), *([] if attributes is None else [attributes])]
        factor = self.phi(torch.cat(inputs, dim=1))
        one = torch.ones(pairing.n_nodes, 1, dtype=factor.dtype, device=factor.device)
        if weight is None:
            count = pairing.offsets.diff().clamp(min=1).unsqueeze(1)
        else:
            factor = factor * weight
            count = 1 + continuous_filter_convolution(one, weight, torch.ones_like(distance), pairing)
        towards = continuous_filter_convolution(one, factor, displacement, pairing, odd=True).squeeze(-1)
        step = -towards / count
        return step if velocity is None else step + self.velocity(length(velocity).unsqueeze(1)) * velocity
