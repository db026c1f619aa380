"""SchNet: a continuous-filter convolutional network (Schuett et al., 1706.08566).

::

    x_i = Emb[Z_i],   e_ij = Gaussians of d_ij,   f_ij = cosine cutoff
    T times:   W_ij = A2 ssp(A1 e_ij + a1) + a2                 the filter, once for each unordered pair
               v_i  = sum_j f_ij W_ij * (B x_j)                 the continuous-filter convolution
               x_i += D2 ssp(D1 v_i + d1) + d2
    head:      Y = sum_i L2 ssp(L1 x_i + l1) + l2
"""

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from erlangen.nn.activations import ShiftedSoftplus, xavier_linear
from erlangen.nn.convolution import continuous_filter_convolution
from erlangen.nn.edges import Pairing, edges_of
from erlangen.nn.inputs import N_ELEMENTS
from erlangen.nn.interpolation import Grid, derivatives, is_accurate
from erlangen.nn.model import AtomisticModel, check_numbers
from erlangen.nn.radial import CosineCutoff, radial_basis
from erlangen.nn.representation import Representation
from erlangen.structures import Batch

GRID_POINTS = 12  # for each radial function: resolves a Gaussian to 3e-8 of its height


class SchNet(AtomisticModel):
    """E(3)-invariant network of distances; the defaults have 455,809 parameters (PyTorch Geometric's, QM9's weights).

    Parameters
    ----------
    hidden, filters : int
        Width of the atoms' features and of the filters.
    layers : int
        Interaction blocks.
    cutoff : float
        In angstrom; all neighbors within it count, however many.
    radial : {"gaussian", "bessel"}
        What the filter network sees of a distance.
    radial_size : int
        How many radial functions.
    interpolate : bool
        In float32, for large batches, evaluate the filter networks and their derivatives on a grid of distances and
        interpolate, wherever the error, measured at every step, is that of rounding (3e-7 of the largest entry). False
        never does.
    head : Head, str, dict or None
        The paper's sum over atoms by default; see `erlangen.nn.head.build_head`.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> batch = Batch.from_structures([Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "O"])])
    >>> SchNet()(batch).shape
    torch.Size([1])
    """

    small: ClassVar[dict] = {"hidden": 64, "filters": 64, "layers": 3, "cutoff": 5.0, "radial_size": 32}

    def __init__(
        self,
        hidden: int = 128,
        filters: int = 128,
        layers: int = 6,
        cutoff: float = 10.0,
        radial: str = "gaussian",
        radial_size: int = 50,
        interpolate: bool = True,
        head=None,
    ) -> None:
        hyperparameters = {
            "hidden": hidden, "filters": filters, "layers": layers, "cutoff": cutoff, "radial": radial,
            "radial_size": radial_size, "interpolate": interpolate,
        }  # fmt: skip
        super().__init__("schnet", hyperparameters, head, {"name": "graph"}, hidden, 0, "ssp", cutoff)
        self.interpolate = interpolate
        self.embedding = nn.Embedding(N_ELEMENTS, hidden, padding_idx=0)
        self.basis = radial_basis(radial, radial_size, cutoff)
        self.envelope = CosineCutoff(cutoff)
        self.interactions = nn.ModuleList(Interaction(hidden, filters, radial_size) for _ in range(layers))

    def represent(self, batch: Batch) -> Representation:
        """Return the atoms' features (n, hidden)."""
        batch = self.connect(batch)
        check_numbers(batch.numbers, N_ELEMENTS)
        edges = edges_of(batch)
        envelope = self.envelope(edges.pair_distance)
        x = self.embedding(batch.numbers)
        for interaction, filters in zip(self.interactions, self.filters(edges.pair_distance), strict=True):
            x = x + interaction(x, filters, envelope, edges.pairing)
        return Representation(x, None, edges)

    def filters(self, distance: Tensor) -> Iterator[Tensor]:
        """Yield each layer's filters (p, filters): interpolated where that is allowed and exact to rounding."""
        size = GRID_POINTS * self.basis.size
        single = distance.dtype == torch.float32 and distance.device.type == "cpu"
        if not (self.interpolate and single and len(distance) > 2 * size):
            basis = self.basis(distance)
            yield from (interaction.filters(basis) for interaction in self.interactions)
            return
        grid, basis = Grid(distance, self.cutoff, size), None
        on_grid = derivatives(self.basis, grid.points, 2 if distance.requires_grad else 0)
        for interaction in self.interactions:
            tables = interaction.filter_derivatives(on_grid)
            if all(map(is_accurate, tables)):
                yield grid.function(distance, tables)
            else:
                basis = self.basis(distance) if basis is None else basis
                yield interaction.filters(basis)


class Interaction(nn.Module):
    """Filter, convolve, two atom-wise layers: the increment of the features."""

    def __init__(self, hidden: int, filters: int, radial_size: int) -> None:
        super().__init__()
        self.filter_first = xavier_linear(radial_size, filters)  # A1
        self.filter_last = xavier_linear(filters, filters)  # A2
        self.project = xavier_linear(hidden, filters, bias=False)  # B
        self.dense_first = xavier_linear(filters, hidden)  # D1
        self.dense_last = xavier_linear(hidden, hidden)  # D2
        self.activation = ShiftedSoftplus()

    def forward(self, x: Tensor, filters: Tensor, envelope: Tensor, pairing: Pairing) -> Tensor:
        """(n, hidden), (p, filters), (p,) -> (n, hidden)."""
        v = continuous_filter_convolution(self.project(x), filters, envelope, pairing)
        return self.dense_last(self.activation(self.dense_first(v)))

    def filters(self, basis: Tensor) -> Tensor:
        """(p, K) radial functions -> (p, filters)."""
        return self.filter_derivatives([basis])[0]

    def filter_derivatives(self, basis: list[Tensor]) -> list[Tensor]:
        """(p, K) radial functions, and their first and second derivatives if wanted -> the filters' (p, filters)."""
        weight, bias = self.filter_last.weight, self.filter_last.bias
        u = self.filter_first(basis[0])
        # The shift of the activation goes into the bias: one pass less over (p, filters).
        values = [nn.functional.linear(nn.functional.softplus(u), weight, bias - math.log(2.0) * weight.sum(1))]
        if len(basis) == 1:
            return values
        slope, (u1, u2) = torch.sigmoid(u), (nn.functional.linear(b, self.filter_first.weight) for b in basis[1:])
        inner = [slope * u1, slope * (1 - slope) * u1 * u1 + slope * u2]
        return values + [nn.functional.linear(x, weight) for x in inner]
