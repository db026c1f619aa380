"""MACE: higher-order equivariant messages (Batatia, Kovacs, Simm, Ortner, Csanyi, 2206.07697).

::

    h_i = Emb[Z_i]                                                      C channels of degree 0
    T times:  A_i = W_A (1 / lambda) sum_j R(d_ij) * (W_up h_j (x) Y(r_ij))        degrees 0..3
              B_i = sum over orders 1..3, eta of w[Z_i, eta] U_eta(A_i, ..., A_i)  all symmetric couplings to degree L
              h_i = W_B B_i + W_s[Z_i] h_i                              the last time degree 0 only
    R  = network of b_k(d) f(d),  b_k = sqrt(2 / c) sin(k pi d / c) / d,  f the polynomial cutoff with p = 5
    head:  E = sum_i (shift + scale (V_1 h_i^1 + ... + silu network of h_i^T)),   h^t of degree 0

lambda is ``neighbors``, about how many an atom has. U runs over an orthonormal basis of the equivariant polynomials
(`symmetric_couplings`), of which MACE's own lists span the same space. Weights start at N(0, 1 / inputs).
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.nn.activations import normalized_mlp
from erlangen.nn.edges import Pairing, edges_of
from erlangen.nn.heads import GraphHead
from erlangen.nn.inputs import Species
from erlangen.nn.model import AtomisticModel
from erlangen.nn.product import Terms, weighted_product
from erlangen.nn.radial import PolynomialCutoff, radial_basis
from erlangen.nn.representation import Representation
from erlangen.nn.spherical import SphericalLinear, by_degree
from erlangen.nn.tensor_product import Coupling, spherical_convolution
from erlangen.structures import Batch
from erlangen.symmetry import solid_harmonics, symmetric_couplings


class MACEReadout(GraphHead):
    """A linear function of every layer's scalars but the last, and a small network of the last layer's.

    Parameters
    ----------
    features : int
        Scalars of all layers side by side.
    layers : int
        How many layers they come from.
    readout : int
        Width of the last layer's network.
    outputs, pooling, shift_per
        As in `GraphHead`.
    """

    def __init__(
        self,
        features: int,
        layers: int,
        readout: int = 16,
        outputs: int = 1,
        pooling: str = "sum",
        shift_per: str = "atom",
    ) -> None:
        super().__init__(features, outputs, pooling=pooling, shift_per=shift_per)
        self.hyperparameters = {
            "name": "mace", "features": features, "layers": layers, "readout": readout, "outputs": outputs,
            "pooling": pooling, "shift_per": shift_per,
        }  # fmt: skip
        self.network = _Readouts(features // layers, layers, readout, outputs)

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "MACEReadout":
        """Make the head with what the model knows, unless the arguments say otherwise."""
        return cls(**{"features": given["features"], "layers": default["layers"], **arguments})


class _Readouts(nn.Module):
    def __init__(self, hidden: int, layers: int, readout: int, outputs: int) -> None:
        super().__init__()
        self.sizes = [hidden * (layers - 1), hidden]
        self.linear = nn.Parameter(torch.randn(hidden * (layers - 1), outputs) / math.sqrt(hidden))
        self.last = normalized_mlp([hidden, readout, outputs])

    def forward(self, scalars: Tensor) -> Tensor:
        before, last = scalars.split(self.sizes, dim=1)
        return before @ self.linear + self.last(last)


class MACE(AtomisticModel):
    """E(3)-equivariant network of many-body messages.

    Parameters
    ----------
    hidden : int
        Channels C.
    layers : int
        Interactions.
    degree : int
        Highest degree of the harmonics and of A.
    hidden_degree : int
        Highest degree of the messages between layers.
    correlation : int
        Highest order of the products, 1 to 3: a message sees up to ``correlation + 1`` atoms at once.
    cutoff : float
        In angstrom; all neighbors within it count.
    radial_size : int
        Bessel functions.
    radial_hidden : sequence of int
        Hidden widths of the radial networks.
    neighbors : float
        About how many neighbors an atom has; divides the sums.
    elements : sequence of int
        Atomic numbers it can see; each has weights of its own.
    head : Head, str, dict or None
        `MACEReadout` by default. Other heads see the scalars of all layers, and the vectors of the last but one.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> batch = Batch.from_structures([Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "O"])])
    >>> MACE(hidden=8)(batch).shape
    torch.Size([1])
    """

    small: ClassVar[dict] = {"hidden": 32, "degree": 2, "cutoff": 4.0, "radial_hidden": [32, 32]}
    own_heads: ClassVar[dict] = {"mace": MACEReadout}

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 2,
        degree: int = 3,
        hidden_degree: int = 1,
        correlation: int = 3,
        cutoff: float = 5.0,
        radial_size: int = 8,
        radial_hidden: Sequence[int] = (64, 64, 64),
        neighbors: float = 16.0,
        elements: Sequence[int] = (1, 6, 7, 8, 9),
        head=None,
    ) -> None:
        if correlation not in (1, 2, 3):
            raise InputError(f"correlation is 1, 2 or 3, got {correlation!r}")
        if not 0 <= hidden_degree <= degree:
            raise InputError(f"hidden_degree is between 0 and degree={degree}, got {hidden_degree!r}")
        species = Species(elements)
        hyperparameters = {
            "hidden": hidden, "layers": layers, "degree": degree, "hidden_degree": hidden_degree,
            "correlation": correlation, "cutoff": cutoff, "radial_size": radial_size,
            "radial_hidden": list(radial_hidden), "neighbors": neighbors, "elements": species.elements,
        }  # fmt: skip
        vectors = hidden if layers > 1 and hidden_degree > 0 else 0
        super().__init__(
            "mace", hyperparameters, head, {"name": "mace", "layers": layers}, hidden * layers, vectors, "silu", cutoff
        )
        self.degree, self.species = degree, species
        self.basis, self.envelope = radial_basis("bessel", radial_size, cutoff), PolynomialCutoff(cutoff)
        self.embedding = nn.Parameter(torch.randn(len(species.elements), hidden))
        degrees = [0, *[hidden_degree] * (layers - 1), 0]
        self.interactions = nn.ModuleList(
            Interaction(hidden, Coupling(d_in, degree, degree, mirror=True), [radial_size, *radial_hidden], neighbors)
            for d_in in degrees[:-1]
        )
        self.products = nn.ModuleList(
            Product(hidden, degree, d_in, d_out, correlation, len(species.elements))
            for d_in, d_out in itertools.pairwise(degrees)
        )

    @property
    def probe_numbers(self) -> list[int]:
        """The elements that this model distinguishes."""
        return self.species.elements

    def represent(self, batch: Batch) -> Representation:
        """Return scalars (n, layers * hidden) and the vectors between the last two layers (n, 3, hidden)."""
        batch = self.connect(batch)
        kinds = self.species(batch.numbers)
        edges = edges_of(batch)
        distance = edges.pair_distance
        basis = math.sqrt(2 / self.cutoff) * self.basis(distance) * self.envelope(distance).unsqueeze(1)
        harmonics = solid_harmonics(self.degree, edges.pair_direction)
        couplings = {interaction.coupling for interaction in self.interactions}
        matrices = {coupling: coupling.matrices(harmonics) for coupling in couplings}
        h, scalars, vectors = self.embedding.index_select(0, kinds).unsqueeze(1), [], None
        for interaction, product in zip(self.interactions, self.products, strict=True):
            a = interaction(h, basis, matrices[interaction.coupling], edges.pairing)
            h = product(a, h, kinds)
            scalars.append(h[:, 0])
            vectors = h[:, 1:4] if h.shape[1] > 1 else vectors
        return Representation(torch.cat(scalars, dim=1), vectors, edges)


class Interaction(nn.Module):
    """The neighbors' features times harmonics and radial networks, summed and mixed: A."""

    def __init__(self, hidden: int, coupling: Coupling, radial: Sequence[int], neighbors: float) -> None:
        super().__init__()
        self.coupling, self.scale = coupling, 1 / neighbors
        self.up = SphericalLinear([hidden] * (coupling.degree_in + 1), hidden, bias=False)
        self.radial = normalized_mlp([*radial, len(coupling.paths) * hidden])
        self.mix = SphericalLinear([hidden * count for count in coupling.counts], hidden, bias=False)

    def forward(self, h: Tensor, basis: Tensor, matrices: Tensor, pairing: Pairing) -> Tensor:
        """(n, (L + 1)^2, C), (p, K), (p, entries) -> (n, (degree + 1)^2, C)."""
        weights = self.radial(basis).unflatten(1, (len(self.coupling.paths), -1))
        sums = spherical_convolution(self.up(by_degree(h)), matrices, weights, pairing, self.coupling)
        return self.scale * self.mix(self.coupling.split(sums))


class Product(nn.Module):
    """All symmetric products of A up to an order, weighted by element, and what the atom was before."""

    def __init__(self, hidden: int, degree: int, d_in: int, d_out: int, correlation: int, n_species: int) -> None:
        super().__init__()
        self.terms, self.coefficients = _product_terms(degree, d_out, correlation)  # in float64, whatever the model's
        n_paths = len(self.coefficients)
        self.weights = nn.Parameter(torch.randn(n_species, n_paths, hidden) / math.sqrt(n_paths / (d_out + 1)))
        self.mix = SphericalLinear([hidden] * (d_out + 1), hidden, bias=False)
        kept = min(d_in, d_out) + 1
        self.skip = nn.Parameter(torch.randn(kept, n_species, hidden, hidden) / math.sqrt(hidden * n_species))

    def forward(self, a: Tensor, h: Tensor, kinds: Tensor) -> Tensor:
        """(n, (degree + 1)^2, C), (n, (d_in + 1)^2, C), (n,) -> (n, (d_out + 1)^2, C)."""
        one = torch.cat([torch.ones_like(a[:, :1]), a], dim=1)  # row 0 fills up products of fewer than three
        coefficients = torch.from_numpy(self.coefficients).to(self.weights)
        weights = torch.einsum("spc,pk->skc", self.weights, coefficients)
        b = self.mix(by_degree(weighted_product(weights, kinds, one, one, one, self.terms)))
        return b + self._skip(h, kinds, b.shape[1])

    def _skip(self, h: Tensor, kinds: Tensor, rows: int) -> Tensor:
        """Mix the channels of each degree by the matrix of the atom's element; degrees that h lacks stay zero."""
        order = torch.argsort(kinds, stable=True)
        counts = torch.bincount(kinds, minlength=self.skip.shape[1]).tolist()
        parts = [part.index_select(0, order).split(counts) for part in by_degree(h)[: len(self.skip)]]
        mixed = [
            torch.cat([x @ w for x, w in zip(part, skip, strict=True)])
            for part, skip in zip(parts, self.skip, strict=True)
        ]
        mixed = torch.cat(mixed, dim=1).index_select(0, torch.argsort(order))
        return nn.functional.pad(mixed, (0, 0, 0, rows - mixed.shape[1]))


def _product_terms(degree: int, d_out: int, correlation: int) -> tuple[Terms, np.ndarray]:
    """Return the terms of all couplings of [1, A] to degrees up to ``d_out``, and (paths, terms) coefficients."""
    columns, blocks = [], []
    for degree_out in range(d_out + 1):
        for order in range(correlation, 0, -1):
            monomials, coefficients = symmetric_couplings(degree, order, degree_out)
            m, k = np.nonzero(np.abs(coefficients).max(axis=0, initial=0))
            rows = np.zeros((4, len(k)), np.int64)
            rows[:order] = 1 + monomials[k].T
            rows[3] = degree_out**2 + m
            columns.append(rows)
            blocks.append(coefficients[:, m, k])
    matrix = np.zeros((sum(map(len, blocks)), sum(block.shape[1] for block in blocks)))
    row = column = 0
    for block in blocks:
        matrix[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    size = (degree + 1) ** 2 + 1
    return Terms(np.concatenate(columns, axis=1), (size, size, size, (d_out + 1) ** 2)), matrix
