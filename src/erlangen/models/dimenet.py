"""DimeNet++: directional message passing, messages on edges and angles between them (Gasteiger et al., 2011.14115).

::

    x_ji = d_ji / c,   env(x) = 1/x - 28 x^5 + 48 x^6 - 21 x^7,   rbf_k = env(x) sin(f_k x)
    rho_ln = env(x) N_ln j_l(z_ln x)          j_l(z_ln) = 0,  N_ln = sqrt(2) / |j_l+1(z_ln)| sqrt((2l + 1) / 4 pi)
    m_ji = silu(E [Emb[Z_i]; Emb[Z_j]; silu(E_r rbf_ji + e_r)] + e)
    b = 1..4 times:
        w_ji = silu(D (silu(B m_ji + b) * R2 R1 rbf_ji))
        t_ji = sum over edges k -> j but i -> j of  w_kj * S2 S1 [rho_ln(d_kj) P_l(cos alpha_kji)]
        h    = silu(A m_ji + a) + silu(U t_ji)
        m_ji = Res Res (silu(C Res(h) + c) + m_ji)             Res(h) = h + silu(Q2 silu(Q1 h + q1) + q2)
    after the embedding and after each block:
        g_i  = V sum_j (R rbf_ji) * m_ji;   three times g_i = silu(K g_i + k)
    head:    Y = sum_i sum_b O_b g_i^b

alpha_kji is the angle between r_j - r_i and r_k - r_j: 0 in a straight chain. The angular sum is evaluated as

    t_ji = sum_k w_kj * S2 sum_l P_l(cos alpha_kji) U_kj[l],    U_kj[l] = sum_n S1[:, ln] rho_ln(d_kj)

with U once for each unordered pair of atoms and P_l once for each unordered pair of neighbors (`triplet_sum`). As in
the authors' code, the 1/x of the envelope multiplies rho too, and rho takes the distance of k and j.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import ClassVar

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import spherical_jn
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from erlangen.errors import InputError
from erlangen.models._triplets import Triplets, radial_moments, spread_pairs, triplet_sum, triplets_of
from erlangen.nn.edges import Edges, Pairing, edges_of
from erlangen.nn.heads import GraphHead
from erlangen.nn.initialization import orthogonal_linear
from erlangen.nn.model import AtomisticModel, check_numbers
from erlangen.nn.representation import Representation
from erlangen.nn.segments import gather_receiver, gather_sender
from erlangen.structures import Batch

N_ELEMENTS = 95
NEAREST = 0.01
"""In cutoffs: the radial functions take nearer atoms to be at this distance, because 1/x has no value at 0."""

ROWS = 2048
"""Edges that the dense layers take at a time, for each thread."""


class LayerSumHead(GraphHead):
    """The paper's output: one linear layer without bias on the features of each layer, summed over layers and atoms.

    Parameters
    ----------
    features, layers : int
        Width of the representation, and how many layers' features lie in it side by side.
    outputs, pooling, shift_per
        As in `GraphHead`, and so are scale, shift and references.

    Notes
    -----
    The weights start orthogonal, as the authors have it for energies; for the dipole, homo, lumo and the zero-point
    energy they start from zeros.

    Examples
    --------
    >>> LayerSumHead(features=12, layers=3).network.layers[0]
    Linear(in_features=4, out_features=1, bias=False)
    """

    def __init__(
        self, features: int, layers: int, outputs: int = 1, pooling: str = "sum", shift_per: str = "atom"
    ) -> None:
        super().__init__(features, outputs, hidden=[], pooling=pooling, shift_per=shift_per)
        self.hyperparameters = {
            "name": "layer_sum", "features": features, "layers": layers, "outputs": outputs, "pooling": pooling,
            "shift_per": shift_per,
        }  # fmt: skip
        self.network = LayerSum(features // layers, outputs, layers)

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "LayerSumHead":
        """Make the head with what the model knows, unless the arguments say otherwise."""
        return cls(**{"features": given["features"], "layers": default["layers"], **arguments})


class LayerSum(nn.Module):
    """sum over b of O_b g^b, as one linear layer on the g side by side."""

    def __init__(self, width: int, outputs: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(orthogonal_linear(width, outputs, bias=False) for _ in range(layers))

    def forward(self, features: Tensor) -> Tensor:
        """(n, layers * width) -> (n, outputs)."""
        return linear(features, torch.cat([layer.weight for layer in self.layers], dim=1))


class DimeNetPlusPlus(AtomisticModel):
    """E(3)-invariant network of distances and angles; the defaults have 1,885,830 parameters.

    Parameters
    ----------
    hidden : int
        Width of the messages.
    layers : int
        Interaction blocks.
    cutoff : float
        In angstrom; all neighbors within it count.
    triplet_size, basis_size : int
        Channels of the sum over triplets, and of the two-factor maps of the basis functions.
    output_size, output_layers : int
        Width and number of the dense layers on the atoms.
    spherical_size, radial_size : int
        Angular degrees, at least 2, and radial functions of each.
    head : Head, str, dict or None
        The paper's `LayerSumHead` by default. Other heads see the atoms' features of all layers side by side.

    Notes
    -----
    Tested against PyTorch Geometric's ``DimeNetPlusPlus``, whose weights `erlangen.models.load_peer_weights` loads.
    Atoms nearer than a hundredth of the cutoff, where the envelope's 1/x loses its meaning, count as that far apart.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> water = Structure([[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]], ["O", "H", "H"])
    >>> DimeNetPlusPlus()(Batch.from_structures([water])).shape
    torch.Size([1])
    """

    own_heads: ClassVar[dict] = {"layer_sum": LayerSumHead}
    small: ClassVar[dict] = {
        "hidden": 64, "layers": 2, "cutoff": 4.0, "triplet_size": 32, "output_size": 128, "output_layers": 2,
        "spherical_size": 5,
    }  # fmt: skip

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 4,
        cutoff: float = 5.0,
        triplet_size: int = 64,
        basis_size: int = 8,
        output_size: int = 256,
        output_layers: int = 3,
        spherical_size: int = 7,
        radial_size: int = 6,
        head=None,
    ) -> None:
        hyperparameters = {
            "hidden": hidden, "layers": layers, "cutoff": cutoff, "triplet_size": triplet_size,
            "basis_size": basis_size, "output_size": output_size, "output_layers": output_layers,
            "spherical_size": spherical_size, "radial_size": radial_size,
        }  # fmt: skip
        _check(hyperparameters)
        features, own_head = (layers + 1) * output_size, {"name": "layer_sum", "layers": layers + 1}
        super().__init__("dimenet++", hyperparameters, head, own_head, features, 0, "silu", cutoff)
        self.degrees, self.radial_size = spherical_size, radial_size
        self.frequencies = nn.Parameter(math.pi * torch.arange(1, radial_size + 1))
        self.embedding = nn.Embedding(N_ELEMENTS, hidden)
        nn.init.uniform_(self.embedding.weight, -math.sqrt(3), math.sqrt(3))
        self.embed_radial = nn.Linear(radial_size, hidden)
        self.embed = nn.Linear(3 * hidden, hidden)
        self.interactions = nn.ModuleList(
            Interaction(hidden, triplet_size, basis_size, spherical_size, radial_size) for _ in range(layers)
        )
        self.outputs = nn.ModuleList(Output(hidden, output_size, output_layers, radial_size) for _ in range(layers + 1))

    def represent(self, batch: Batch) -> Representation:
        """Return the atoms' features of all layers side by side, (n, (layers + 1) * output_size)."""
        batch = self.connect(batch)
        check_numbers(batch.numbers, N_ELEMENTS)
        edges = edges_of(batch)
        pairing, triplets = edges.pairing, triplets_of(edges.pairing)
        x = (edges.pair_distance / self.cutoff).clamp(min=NEAREST).unsqueeze(1)
        rbf = envelope(x) * torch.sin(self.frequencies * x)
        spherical = envelope(x).unsqueeze(1) * spherical_functions(x, self.degrees, self.radial_size)
        legendre = legendre_polynomials(cosines(edges, triplets), self.degrees)
        m = self.messages(batch.numbers, rbf, pairing)
        features = [self.outputs[0](m, rbf, pairing)]
        for interaction, output in zip(self.interactions, self.outputs[1:], strict=True):
            m = interaction(m, rbf, spherical, legendre, triplets)
            features.append(output(m, rbf, pairing))
        return Representation(torch.cat(features, dim=1), None, edges)

    def messages(self, numbers: Tensor, rbf: Tensor, pairing: Pairing) -> Tensor:
        """Return the first messages (e, hidden): the embedding's layers act on elements and pairs, not on edges."""
        to_i, to_j, to_pair = self.embed.weight.chunk(3, dim=1)
        at_i = linear(self.embedding.weight, to_i, self.embed.bias).index_select(0, numbers)
        at_j = linear(self.embedding.weight, to_j).index_select(0, numbers)
        pairs = linear(silu(self.embed_radial(rbf)), to_pair)
        return silu(gather_receiver(at_i, pairing) + gather_sender(at_j, pairing) + spread_pairs(pairs, pairing))


class Interaction(nn.Module):
    """Messages into messages, through the angles between them."""

    def __init__(self, hidden: int, triplet_size: int, basis_size: int, degrees: int, radial_size: int) -> None:
        super().__init__()
        self.keep = orthogonal_linear(hidden, hidden)  # A
        self.send = orthogonal_linear(hidden, hidden)  # B
        self.radial_first = orthogonal_linear(radial_size, basis_size, bias=False)  # R1
        self.radial_last = orthogonal_linear(basis_size, hidden, bias=False)  # R2
        self.spherical_first = orthogonal_linear(degrees * radial_size, basis_size, bias=False)  # S1
        self.spherical_last = orthogonal_linear(basis_size, triplet_size, bias=False)  # S2
        self.down = orthogonal_linear(hidden, triplet_size, bias=False)  # D
        self.up = orthogonal_linear(triplet_size, hidden, bias=False)  # U
        self.before = nn.ModuleList([Residual(hidden)])
        self.combine = orthogonal_linear(hidden, hidden)  # C
        self.after = nn.ModuleList([Residual(hidden), Residual(hidden)])

    def forward(self, m: Tensor, rbf: Tensor, spherical: Tensor, legendre: Tensor, triplets: Triplets) -> Tensor:
        """(e, hidden), (p, K), (p, L, K), (t, L) -> (e, hidden)."""
        filters = linear(rbf, self.radial_last.weight @ self.radial_first.weight)
        w = by_rows(self.outgoing, m, spread_pairs(filters, triplets.pairing))
        first = self.spherical_first.weight.view(-1, *spherical.shape[1:])
        radial = torch.einsum("plk,blk->plb", spherical, first)
        t = triplet_sum(legendre, radial, self.spherical_last.weight.t(), w, triplets)
        return by_rows(self.update, m, t)

    def outgoing(self, m: Tensor, filters: Tensor) -> Tensor:
        """(e, hidden), (e, hidden) -> w, (e, triplet_size)."""
        return silu(self.down(silu(self.send(m)) * filters))

    def update(self, m: Tensor, t: Tensor) -> Tensor:
        """(e, hidden), (e, triplet_size) -> (e, hidden)."""
        h = silu(self.keep(m)) + silu(self.up(t))
        for residual in self.before:
            h = residual(h)
        h = silu(self.combine(h)) + m
        for residual in self.after:
            h = residual(h)
        return h


def by_rows(function: Callable[..., Tensor], *arrays: Tensor) -> Tensor:
    """Apply a function that treats every row alone to some rows after the other: what lies between stays in the cache.

    Examples
    --------
    >>> by_rows(torch.sin, torch.ones(10_000, 1)).shape
    torch.Size([10000, 1])
    """
    size = ROWS * torch.get_num_threads()
    if len(arrays[0]) <= size:
        return function(*arrays)
    return torch.cat([function(*rows) for rows in zip(*(array.split(size) for array in arrays), strict=True)])


class Residual(nn.Module):
    """h + silu(Q2 silu(Q1 h + q1) + q2)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.first = orthogonal_linear(hidden, hidden)
        self.last = orthogonal_linear(hidden, hidden)

    def forward(self, h: Tensor) -> Tensor:
        """(e, hidden) -> (e, hidden)."""
        return h + silu(self.last(silu(self.first(h))))


class Output(nn.Module):
    """Messages into features of the atom that receives them."""

    def __init__(self, hidden: int, output_size: int, output_layers: int, radial_size: int) -> None:
        super().__init__()
        self.radial = orthogonal_linear(radial_size, hidden, bias=False)  # R
        self.up = orthogonal_linear(hidden, output_size, bias=False)  # V
        self.layers = nn.ModuleList(orthogonal_linear(output_size, output_size) for _ in range(output_layers))

    def forward(self, m: Tensor, rbf: Tensor, pairing: Pairing) -> Tensor:
        """(e, hidden), (p, K) -> (n, output_size)."""
        g = self.up((radial_moments(rbf, m, pairing) * self.radial.weight.t()).sum(1))
        for layer in self.layers:
            g = silu(layer(g))
        return g


def envelope(x: Tensor) -> Tensor:
    """1/x - 28 x^5 + 48 x^6 - 21 x^7 for x < 1, else 0: value, slope and curvature vanish at 1.

    Examples
    --------
    >>> envelope(torch.tensor([0.5, 1.0, 2.0]))
    tensor([1.7109, 0.0000, 0.0000])
    """
    return torch.where(x < 1, 1 / x - x**5 * (28 - 48 * x + 21 * x * x), 0)


def spherical_functions(x: Tensor, degrees: int, size: int) -> Tensor:
    """Return N_ln j_l(z_ln x), (p, degrees, size), for 0 < x of shape (p, 1).

    Examples
    --------
    >>> spherical_functions(torch.tensor([[0.25]]), 1, 2)
    tensor([[[1.1284, 1.5958]]])
    """
    roots, norms = (torch.from_numpy(a).to(x) for a in _bessel_constants(degrees, size))
    return norms * spherical_bessel(roots * x.unsqueeze(2))


@cache
def _bessel_constants(degrees: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the roots z_ln of the spherical Bessel functions and the factors N_ln, (degrees, size).

    The roots are rounded to float32, as they were when the published weights were trained: this moves the zeros of the
    basis functions by less than 1e-7 of the cutoff, where the envelope has a threefold zero of its own.
    """
    # Between two roots of j_l lies one of j_{l+1}.
    roots = [math.pi * np.arange(1, size + degrees)]
    for degree in range(1, degrees):
        between = zip(roots[-1][:-1], roots[-1][1:], strict=True)
        roots.append(
            np.array([brentq(lambda z, order=degree: spherical_jn(order, z), a, b, xtol=1e-14) for a, b in between])
        )
    rounded = np.stack([row[:size] for row in roots]).astype(np.float32).astype(np.float64)
    degree = np.arange(degrees)[:, None]
    norms = math.sqrt(2) / np.abs(spherical_jn(degree + 1, rounded)) * np.sqrt((2 * degree + 1) / (4 * math.pi))
    return rounded, norms


def spherical_bessel(z: Tensor) -> Tensor:
    """Return the spherical Bessel functions j_l of z[:, l] > 0, (p, L, K) -> (p, L, K).

    By the recurrence j_{l+1} = (2l + 1) / z j_l - j_{l-1} where it is stable, z > l, and by the power series below.

    Examples
    --------
    >>> spherical_bessel(torch.tensor([[[1.0], [0.01]]])).squeeze()
    tensor([0.8415, 0.0033])
    """
    n = z.shape[1]
    degree = torch.arange(n, dtype=z.dtype, device=z.device).view(1, n, 1).expand_as(z)
    low = z < degree
    safe = torch.where(low, degree, z)
    before, now = torch.cos(safe) / safe, torch.sin(safe) / safe  # j_-1 and j_0
    columns = [now[:, 0]]
    for l in range(n - 1):
        safe = safe[:, 1:]
        before, now = now[:, 1:], (2 * l + 1) / safe * now[:, 1:] - before[:, 1:]
        columns.append(now[:, 0])
    return torch.stack(columns, dim=1).masked_scatter(low, _bessel_series(z[low], degree[low]))


def _bessel_series(z: Tensor, degree: Tensor) -> Tensor:
    """z^l / (2l + 1)!! (1 - z^2/2 / (2l + 3) (1 - z^2/2 / (2 (2l + 5)) (...))), for z < l."""
    half, total = 0.5 * z * z, torch.ones_like(z)
    for k in range(20, 0, -1):
        total = 1 - half / (k * (2 * degree + 2 * k + 1)) * total
    double_factorial = torch.exp(torch.lgamma(2 * degree + 2) - torch.lgamma(degree + 1) - degree * math.log(2))
    return z**degree / double_factorial * total


def cosines(edges: Edges, triplets: Triplets) -> Tensor:
    """Return cos alpha_kji of each unordered triplet, (t,); 0 where two of its atoms are at one place."""
    pairing = edges.pairing
    sign = pairing.sign.to(edges.pair_direction.dtype).unsqueeze(1)
    direction = edges.pair_direction.index_select(0, pairing.pair) * sign
    return -(direction.index_select(0, triplets.first) * direction.index_select(0, triplets.second)).sum(1)


def legendre_polynomials(x: Tensor, size: int) -> Tensor:
    """Return P_0(x) .. P_{size - 1}(x), (t,) -> (t, size).

    Examples
    --------
    >>> legendre_polynomials(torch.tensor([0.5]), 3)
    tensor([[ 1.0000,  0.5000, -0.1250]])
    """
    columns = [torch.ones_like(x), x]
    for l in range(1, size - 1):
        columns.append(((2 * l + 1) * x * columns[l] - l * columns[l - 1]) / (l + 1))
    return torch.stack(columns[:size], dim=1)


def _check(given: dict) -> None:
    for name in ("layers", "triplet_size", "basis_size", "output_size", "output_layers", "radial_size"):
        if not isinstance(given[name], int) or given[name] < 1:
            raise InputError(f"{name} is a positive integer, got {given[name]!r}")
    if not isinstance(given["spherical_size"], int) or given["spherical_size"] < 2:
        raise InputError(f"spherical_size is an integer, at least 2, got {given['spherical_size']!r}")
    if not given["cutoff"] > 0:
        raise InputError(f"cutoff is a positive radius in angstrom, got {given['cutoff']!r}")
