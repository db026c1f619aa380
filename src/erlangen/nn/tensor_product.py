"""Spherical convolution: neighbors' features times spherical harmonics, coupled by Clebsch-Gordan tensors, summed.

Features of degrees 0 to L lie in one array (n, (L + 1)^2, C): the orders -l to l of degree 0, then of degree 1, and so
on, for each of C channels. A path (l1, l2, l3) couples features of degree l1 with harmonics of degree l2 to degree l3,
with one weight a channel, which a network makes of the distance:

    out_i[l3, m3, path, c] = sum over j of w[p, path, c] sum over m1 of M[p, path, m3, m1] x_j[l1, m1, c],
    M[p, path, m3, m1]     = sqrt(2 l3 + 1) sum over m2 of w3j[m1, m2, m3] Y_l2,m2(r_ij)

M costs nothing, because all channels share it, and its sign changes with the direction of the edge where l2 is odd, so
that a pair of atoms needs one M and one w. The sum is linear in each of w, M, x and the cotangent of the output: every
derivative of it, of any order, is another part of the same form (see `multilinear`), and nothing of size (edges,
channels) is ever stored.
"""

import math
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from erlangen.errors import InputError
from erlangen.kernels import over_rows
from erlangen.nn import _tensor_kernels as kernels
from erlangen.nn.edges import Pairing
from erlangen.nn.multilinear import multilinear
from erlangen.symmetry import wigner_3j

WEIGHTS, MATRICES, FEATURES, OUTPUT = range(4)


@dataclass(frozen=True)
class Coupling:
    """The paths from features of degrees up to ``degree_in`` to features of degrees up to ``degree_out``.

    Parameters
    ----------
    degree_in, degree_edge, degree_out : int
        Highest degrees of the features, of the harmonics, and of what is kept.
    mirror : bool
        Keep only paths with even l1 + l2 + l3: if features of degree l have the parity (-1)^l of the harmonics, the
        convolution is then O(3)-equivariant. With all paths it is SO(3)-equivariant, and tells mirror images apart.

    Examples
    --------
    >>> Coupling(1, 1, 1, mirror=True).paths
    ((0, 0, 0), (1, 1, 0), (0, 1, 1), (1, 0, 1))
    >>> len(Coupling(1, 1, 1, mirror=False).paths)
    5
    """

    degree_in: int
    degree_edge: int
    degree_out: int
    mirror: bool = False

    def __post_init__(self) -> None:
        for name in ("degree_in", "degree_edge", "degree_out"):
            if not 0 <= getattr(self, name) <= 10:
                raise InputError(f"degrees are between 0 and 10, got {name}={getattr(self, name)}")

    @cached_property
    def paths(self) -> tuple[tuple[int, int, int], ...]:
        """(l1, l2, l3) of each path, in the order of l3."""
        return tuple(
            (l1, l2, l3)
            for l3 in range(self.degree_out + 1)
            for l1 in range(self.degree_in + 1)
            for l2 in range(abs(l1 - l3), min(l1 + l3, self.degree_edge) + 1)
            if not (self.mirror and (l1 + l2 + l3) % 2)
        )

    @cached_property
    def counts(self) -> list[int]:
        """How many paths lead to each output degree."""
        return [sum(l3 == degree for *_, l3 in self.paths) for degree in range(self.degree_out + 1)]

    @cached_property
    def rows(self) -> int:
        """Rows of the output, sum of (2 l3 + 1) over the paths."""
        return sum(2 * l3 + 1 for *_, l3 in self.paths)

    @cached_property
    def table(self) -> np.ndarray:
        """What the kernels read, (paths, 6): see `erlangen.nn._tensor_kernels`."""
        starts = np.cumsum([0, *((2 * l3 + 1) * count for l3, count in enumerate(self.counts))])
        seen, at, table = [0] * len(self.counts), 0, []
        for l1, _, l3 in self.paths:
            table.append((l1 * l1, 2 * l1 + 1, starts[l3] + seen[l3], self.counts[l3], 2 * l3 + 1, at))
            seen[l3] += 1
            at += (2 * l1 + 1) * (2 * l3 + 1)
        return np.array(table, np.int64).reshape(-1, 6)

    @cached_property
    def flips(self) -> np.ndarray:
        """Whether each path's matrix changes its sign with the direction of the edge."""
        return np.array([l2 % 2 == 1 for _, l2, _ in self.paths])

    @cached_property
    def matrix(self) -> np.ndarray:
        """The linear map from the harmonics of an edge to the entries of its M, ((degree_edge + 1)^2, entries)."""
        blocks = [np.zeros(((self.degree_edge + 1) ** 2, 0))]
        for l1, l2, l3 in self.paths:
            block = np.zeros(((self.degree_edge + 1) ** 2, (2 * l1 + 1) * (2 * l3 + 1)))
            coupling = math.sqrt(2 * l3 + 1) * wigner_3j(l1, l2, l3)
            block[l2 * l2 : (l2 + 1) ** 2] = coupling.transpose(1, 2, 0).reshape(2 * l2 + 1, -1)
            blocks.append(block)
        return np.concatenate(blocks, axis=1)

    def matrices(self, harmonics: Tensor) -> Tensor:
        """Return M of every pair, (p, entries), from its `solid_harmonics` (p, (degree_edge + 1)^2)."""
        return harmonics @ torch.from_numpy(self.matrix).to(harmonics)

    def split(self, output: Tensor) -> list[Tensor]:
        """View the output (n, rows, C) as one tensor (n, 2 l3 + 1, paths to l3 * C) for each output degree."""
        sizes = [(2 * l3 + 1) * count for l3, count in enumerate(self.counts)]
        parts = zip(output.split(sizes, dim=1), self.counts, strict=True)
        n, width = len(output), output.shape[2]
        return [part.reshape(n, 2 * l3 + 1, count * width) for l3, (part, count) in enumerate(parts)]


def spherical_convolution(
    features: Tensor, matrices: Tensor, weights: Tensor, pairing: Pairing, coupling: Coupling
) -> Tensor:
    """Sum the neighbors' features, coupled with the harmonics of the edges, along every path.

    Parameters
    ----------
    features : (n, (degree_in + 1)^2, C) tensor
    matrices : (p, entries) tensor
        ``coupling.matrices(harmonics)`` for the direction ``pairing.first`` of each pair.
    weights : (p, paths, C) tensor
        The same for both directions of a pair.
    pairing : Pairing
    coupling : Coupling

    Returns
    -------
    (n, rows, C) tensor
        ``coupling.split`` views it by degrees.

    Notes
    -----
    Tensor Field Networks (1802.08219), eq. 3; e3nn's ``TensorProduct`` in mode "uvu" with its default normalisation,
    applied to gathered senders and summed at receivers.

    Examples
    --------
    >>> from erlangen.nn.edges import pair_up
    >>> from erlangen.symmetry import solid_harmonics
    >>> pairing, coupling = pair_up(torch.tensor([[1, 0], [0, 1]]), n_nodes=2), Coupling(0, 1, 1)
    >>> matrices = coupling.matrices(solid_harmonics(1, torch.tensor([[0.0, 0.0, 1.0]])))
    >>> x, w = torch.ones(2, 1, 1), torch.ones(1, 2, 1)
    >>> spherical_convolution(x, matrices, w, pairing, coupling).squeeze(2)[:, 3]
    tensor([ 1.7321, -1.7321])
    """
    return multilinear(
        partial(_compiled_part, pairing, coupling),
        partial(plain_part, pairing, coupling),
        OUTPUT,
        weights,
        matrices,
        features,
        None,
    )


def _compiled_part(pairing: Pairing, coupling: Coupling, slot: int, arrays) -> Tensor:
    weights, matrices, features, cotangent = (None if a is None else a.detach().contiguous() for a in arrays)
    w, m, x, y = (None if a is None else a.numpy() for a in (weights, matrices, features, cotangent))
    k, paths = pairing.arrays, (coupling.table, coupling.flips)
    like = features if features is not None else cotangent
    n, n_pairs, width = pairing.n_nodes, pairing.n_pairs, like.shape[-1]
    if slot == OUTPUT:
        out = like.new_empty(n, coupling.rows, width)
        kernel, arguments = kernels.to_receivers, (w, m, x, *paths, k.sender, k.pair, k.sign, k.offsets)
    elif slot == FEATURES:
        out = like.new_empty(n, (coupling.degree_in + 1) ** 2, width)
        kernel, arguments = kernels.to_senders, (w, m, y, *paths, k.sender, k.pair, k.sign, k.offsets)
    elif slot == WEIGHTS:
        out = like.new_empty(n_pairs, len(coupling.paths), width)
        kernel, arguments = kernels.to_weights, (m, x, y, *paths, k.sender, k.receiver, k.first)
    else:
        out = like.new_empty(n_pairs, coupling.matrix.shape[1])
        kernel, arguments = kernels.to_matrices, (w, x, y, *paths, k.sender, k.receiver, k.first)
    by_node = slot in (OUTPUT, FEATURES)
    over_rows(
        kernel, *arguments, out.numpy(), rows=n if by_node else n_pairs,
        work=2 * n_pairs * width * coupling.matrix.shape[1], offsets=k.offsets if by_node else None,
    )  # fmt: skip
    return out


def plain_part(pairing: Pairing, coupling: Coupling, slot: int, arrays) -> Tensor:
    """Return the same part by gathers and einsums: for other devices, and the kernels' twin in the tests."""
    rows = [pairing.pair, pairing.pair, pairing.sender, pairing.receiver]
    letters = ["ec", "eba", "eac", "ebc"]
    given = [k for k in range(4) if k != slot]
    values = {k: arrays[k].index_select(0, rows[k]) for k in given}
    like = next(iter(values.values()))
    width = next(values[k].shape[-1] for k in given if k != MATRICES)
    shape = [(len(coupling.paths), width), (coupling.matrix.shape[1],), ((coupling.degree_in + 1) ** 2, width),
             (coupling.rows, width)][slot]  # fmt: skip
    terms = like.new_zeros(len(pairing.sender), *shape)
    sign = pairing.sign.to(like.dtype)
    for q, (x, n1, row, stride, n3, at) in enumerate(coupling.table.tolist()):
        places = [q, slice(at, at + n1 * n3), slice(x, x + n1), slice(row, row + n3 * stride, stride)]
        parts = [values[k][:, places[k]] for k in given]
        if MATRICES in given:
            parts[given.index(MATRICES)] = parts[given.index(MATRICES)].unflatten(1, (n3, n1))
        term = torch.einsum(",".join(letters[k] for k in given) + "->" + letters[slot], *parts)
        if coupling.flips[q]:
            term = term * sign.view(-1, *(1,) * (term.dim() - 1))
        terms[:, places[slot]] += term.flatten(1) if slot == MATRICES else term
    n_rows = pairing.n_pairs if slot in (WEIGHTS, MATRICES) else pairing.n_nodes
    return terms.new_zeros(n_rows, *shape).index_add(0, rows[slot], terms)
