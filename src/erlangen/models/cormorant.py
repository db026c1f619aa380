"""Cormorant: covariant molecular networks, with Clebsch-Gordan products as the only nonlinearity (1906.04015).

Anderson, Hy, Kondor. Features F_i^l,c are complex, of degrees l = 0..L and channels c = 1..C::

    F_i^0 = MLP [sum_j rho(d_ij) cut(d_ij) s_j; s_i]                  s: one-hot element times powers of Z / 9
    T times:   D_ij   = (sum over m of F_i^l,m F_j^l,m)               all degrees and channels of the pair
               g_ij^l = cut(d_ij) M^l [g_ij^l before; D_ij; phi(d_ij)]           complex M
               F_i^l  = M'^l [sum_j g_ij Y(r_ij) (x) F_j; F_i; F_i (x) F_i]      complex M', products channel by channel
    phi_pn(d) = d^-p sin(2 pi kappa_n d + theta_n),   p = 0..3, n = 1..8, read as 16 complex numbers
    cut(d)    = sigmoid((R - d) / w) f(d),   R = 1.73, w = 0.2 to begin with, each channel;  f: cosine cutoff
    x_i    = Re F^0, Im F^0, Re sum_m F_m F_m, sum_m |F_m|^2 of every degree, channel and level
    head:  Y = sum_i MLP x_i

The authors' basis of spherical harmonics is complex. Here it is the real one, and F stays complex: a unitary change of
basis, after which the Clebsch-Gordan tensors are real up to a factor i for odd l1 + l2 + l3, which the complex M'
holds, and sum_m (-1)^m F_m F_-m becomes (-1)^l sum_m F_m F_m. A complex number is two channels. Changed from the
authors' code: silu for LeakyReLU; f, because their cut never reaches zero; 1/d stops growing at 0.5 angstrom;
F_i (x) F_i has each unordered pair of degrees once, without products that vanish; one network on the atoms.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from erlangen.nn.activations import mlp
from erlangen.nn.edges import edges_of
from erlangen.nn.inputs import Species, species_features
from erlangen.nn.model import AtomisticModel
from erlangen.nn.product import SelfCoupling
from erlangen.nn.radial import CosineCutoff
from erlangen.nn.representation import Representation
from erlangen.nn.segments import gather_sender, segment_sum
from erlangen.nn.spherical import by_degree
from erlangen.nn.tensor_product import Coupling, spherical_convolution
from erlangen.structures import Batch
from erlangen.symmetry import SpecialEuclidean, solid_harmonics

NEAREST = 0.5


class Cormorant(AtomisticModel):
    """SE(3)-equivariant network of Clebsch-Gordan products; the defaults have the sizes of the authors' code.

    Parameters
    ----------
    hidden : int
        Complex channels C of every degree.
    layers : int
        Levels.
    degree : int
        Highest degree L of features and harmonics.
    cutoff : float
        In angstrom; all neighbors within it count.
    elements : sequence of int
        Atomic numbers it can see.
    head : Head, str, dict or None
        A sum over atoms by default; see `erlangen.nn.head.build_head`.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> batch = Batch.from_structures([Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "O"])])
    >>> Cormorant(layers=2, degree=2, head="vector")(batch).shape
    torch.Size([1, 3])
    """

    group = SpecialEuclidean(3)
    small: ClassVar[dict] = {"hidden": 8, "layers": 3, "degree": 2, "cutoff": 4.0}

    def __init__(
        self,
        hidden: int = 10,
        layers: int = 4,
        degree: int = 3,
        cutoff: float = 5.0,
        elements: Sequence[int] = (1, 6, 7, 8, 9),
        head=None,
    ) -> None:
        species = Species(elements)
        hyperparameters = {
            "hidden": hidden, "layers": layers, "degree": degree, "cutoff": cutoff, "elements": species.elements,
        }  # fmt: skip
        scalars = sum(2 * hidden * (2 + d) for d in [0, *[degree] * layers])
        super().__init__(
            "cormorant", hyperparameters, head, {"name": "graph", "hidden": [256, 64]}, scalars, 2 * hidden, "silu",
            cutoff,
        )  # fmt: skip
        self.degree, self.species = degree, species
        self.basis, self.envelope = InversePowers(), CosineCutoff(cutoff)
        features = 3 * len(species.elements)
        self.rho = nn.Linear(self.basis.size, features)
        self.first_cut = SoftCutoff(features)
        self.first = mlp([2 * features, 256, 2 * hidden], "silu")
        degrees = [0, *[degree] * layers]
        self.levels = nn.ModuleList(
            Level(hidden, d_in, degree, self.basis.size // 2, before)
            for d_in, before in zip(degrees[:-1], [False, *[True] * layers], strict=False)
        )

    @property
    def probe_numbers(self) -> list[int]:
        """The elements that this model distinguishes."""
        return self.species.elements

    def represent(self, batch: Batch) -> Representation:
        """Return the invariants of all levels, and the last level's vectors (n, 3, 2 * hidden)."""
        batch = self.connect(batch)
        edges = edges_of(batch)
        distance = edges.pair_distance
        basis, envelope = self.basis(distance), self.envelope(distance).unsqueeze(1)
        norm = [1 / math.sqrt(2 * l + 1) for l in range(self.degree + 1) for _ in range(2 * l + 1)]
        harmonics = solid_harmonics(self.degree, edges.pair_displacement) * distance.new_tensor(norm)
        couplings = {level.coupling for level in self.levels}  # equal ones once
        matrices = {coupling: coupling.matrices(harmonics) for coupling in couplings}

        s = self.elements_of(batch.numbers, distance.dtype)
        weight = (self.rho(basis) * self.first_cut(distance) * envelope).index_select(0, edges.pairing.pair)
        near = segment_sum(gather_sender(s, edges.pairing) * weight, edges.pairing)
        f = self.first(torch.cat([near, s], dim=1)).unsqueeze(1)
        g, invariants = None, [level_invariants(f)]
        for level in self.levels:
            f, g = level(f, g, basis, distance, envelope, matrices[level.coupling], edges)
            invariants.append(level_invariants(f))
        return Representation(torch.cat(invariants, dim=1), f[:, 1:4], edges)

    def elements_of(self, numbers: Tensor, dtype: torch.dtype) -> Tensor:
        """Return s (n, 3 * elements)."""
        elements = torch.tensor(self.species.elements, device=numbers.device)
        return species_features(elements, 2, 9.0, dtype).index_select(0, self.species(numbers))


def level_invariants(f: Tensor) -> Tensor:
    """Return Re F^0, Im F^0, and Re sum_m F_m F_m and sum_m |F_m|^2 of every degree: (n, rows, 2 C) -> (n, k C)."""
    re, im = f.chunk(2, dim=2)
    squares = [((a * a).sum(1), (b * b).sum(1)) for a, b in zip(by_degree(re), by_degree(im), strict=True)]
    return torch.cat([f[:, 0], *(a - b for a, b in squares), *(a + b for a, b in squares)], dim=1)


class InversePowers(nn.Module):
    """d^-p sin(2 pi kappa_n d + theta_n) for p = 0..3 and n = 1..8, kappa and theta trained."""

    size = 32

    def __init__(self) -> None:
        super().__init__()
        half = math.pi / 2
        self.frequencies = nn.Parameter(torch.tensor([0.0, 1, 2, 3, 0, 1, 2, 3]))
        self.phases = nn.Parameter(torch.tensor([half, 0, 0, 0, half, half, half, half]))

    def forward(self, distance: Tensor) -> Tensor:
        """(p,) distances in angstrom -> (p, 32)."""
        d = distance.unsqueeze(1).clamp(min=NEAREST)
        waves = torch.sin(2 * math.pi * self.frequencies * d + self.phases)
        return torch.cat([waves * d**-power for power in range(4)], dim=1)


class SoftCutoff(nn.Module):
    """sigmoid((R - d) / w), R and w trained for each channel; w at least 0.001 angstrom."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.radius = nn.Parameter(torch.full((channels,), 1.73))
        self.width = nn.Parameter(torch.full((channels,), 0.2))

    def forward(self, distance: Tensor) -> Tensor:
        """(p,) distances in angstrom -> (p, channels)."""
        return torch.sigmoid((self.radius - distance.unsqueeze(1)) / self.width.clamp(min=1e-3))


class ComplexLinear(nn.Module):
    """A complex matrix on channels [Re | Im], without bias."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.real = nn.Parameter(torch.empty(n_in, n_out))
        self.imaginary = nn.Parameter(torch.empty(n_in, n_out))

    def forward(self, x: Tensor) -> Tensor:
        """(..., 2 n_in) -> (..., 2 n_out)."""
        top = torch.cat([self.real, self.imaginary], dim=1)
        bottom = torch.cat([-self.imaginary, self.real], dim=1)
        return x @ torch.cat([top, bottom])


class Level(nn.Module):
    """From features and edge numbers to the next ones."""

    def __init__(self, hidden: int, d_in: int, d_out: int, radial: int, before: bool) -> None:
        super().__init__()
        self.coupling, self.itself = Coupling(d_in, d_out, d_out), SelfCoupling(d_in, d_out)
        self.cut = SoftCutoff(hidden)
        n_edge = (d_in + 1) * hidden + radial + hidden * before
        self.edge = nn.ModuleList(ComplexLinear(n_edge, hidden) for _ in range(d_out + 1))
        counts = [
            there + itself + (l <= d_in)
            for l, (there, itself) in enumerate(zip(self.coupling.counts, self.itself.counts, strict=True))
        ]
        self.atom = nn.ModuleList(ComplexLinear(hidden * count, hidden) for count in counts)
        for layer in self.edge:
            for weight in layer.parameters():
                nn.init.normal_(weight, std=1 / max(weight.shape))
        for layer in self.atom:
            for weight in layer.parameters():
                nn.init.uniform_(weight, -10 / max(weight.shape), 10 / max(weight.shape))
        self.register_buffer("edge_degree", torch.tensor([l2 for _, l2, _ in self.coupling.paths]), persistent=False)

    def forward(self, f, g, basis, distance, envelope, matrices, edges) -> tuple[Tensor, Tensor]:
        """F (n, rows, 2 C) and g (p, L + 1, 2 C) or None -> the next ones."""
        first = edges.pairing.first
        i = f.index_select(0, edges.pairing.receiver.index_select(0, first))
        j = f.index_select(0, edges.pairing.sender.index_select(0, first))
        g = self.edge_numbers(i, j, g, basis, distance, envelope)
        (f_re, f_im), (g_re, g_im) = f.chunk(2, dim=2), g.index_select(1, self.edge_degree).chunk(2, dim=2)
        # (g_re + i g_im)(f_re + i f_im): four products side by side, added afterwards
        features, weights = torch.cat([f_re, f_im, f_im, f_re], dim=2), torch.cat([g_re, -g_im, g_re, g_im], dim=2)
        neighbors = self.coupling.split(
            spherical_convolution(features, matrices, weights, edges.pairing, self.coupling)
        )
        itself = self.itself(torch.cat([f_re, f_im, f_re, f_im], dim=2), torch.cat([f_re, -f_im, f_im, f_re], dim=2))
        return self.join(f, neighbors, itself), g

    def edge_numbers(self, i: Tensor, j: Tensor, g, basis, distance, envelope) -> Tensor:
        """Return g (p, L + 1, 2 C) from the features at both ends."""
        (a, b), (c, d) = i.chunk(2, dim=2), j.chunk(2, dim=2)
        re = [part.sum(1) for part in by_degree(a * c - b * d)]
        im = [part.sum(1) for part in by_degree(a * d + b * c)]
        before = (None, None) if g is None else g.chunk(2, dim=2)
        radial = basis.chunk(2, dim=1)
        cut, numbers = self.cut(distance) * envelope, []
        for l, layer in enumerate(self.edge):
            last = ([], []) if g is None else ([before[0][:, l]], [before[1][:, l]])
            x = torch.cat([*last[0], *re, radial[0], *last[1], *im, radial[1]], dim=1)
            numbers.append(layer(x) * torch.cat([cut, cut], dim=1))
        return torch.stack(numbers, dim=1)

    def join(self, f: Tensor, neighbors: Sequence[Tensor], itself: Sequence[Tensor]) -> Tensor:
        """Mix both kinds of products, (n, 2l + 1, paths * 4 C) for each degree, and what was there before."""
        own, width, parts = by_degree(f), f.shape[2] // 2, []
        for l, layer in enumerate(self.atom):
            counts = self.coupling.counts[l], self.itself.counts[l]
            products = [_add_products(neighbors[l], counts[0], width), _add_products(itself[l], counts[1], width)]
            channels = [*products, *([part.chunk(2, dim=2) for part in own[l : l + 1]])]
            re, im = (torch.cat([pair[side] for pair in channels], dim=2) for side in (0, 1))
            parts.append(layer(torch.cat([re, im], dim=2)))
        return torch.cat(parts, dim=1)


def _add_products(products: Tensor, count: int, width: int) -> tuple[Tensor, Tensor]:
    """(n, 2l + 1, count * 4 C) of four products side by side -> real and imaginary parts (n, 2l + 1, count * C)."""
    a, b, c, d = products.unflatten(2, (count, 4, width)).unbind(3)
    return (a + b).flatten(2), (c + d).flatten(2)
