"""The sums of DimeNet++ over triplets k -> j -> i and edges j -> i, which store no product of an edge or a triplet.

    t_ji[c] = sum over k, l, b of  P_l(cos kji)  U_kj[l, b]  S[b, c]  w_kj[c],    k -> j any edge but i -> j

For one atom j this is a product of two small matrices, (edges out of j) x (edges into j, l) and (edges into j, l) x c,
and so are its gradients. The second one depends on edges alone; the first holds each angle twice.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from erlangen.kernels import over_rows
from erlangen.models import _triplet_kernels as _kernels
from erlangen.nn.edges import Pairing
from erlangen.nn.multilinear import multilinear


@dataclass(frozen=True)
class Triplets:
    """The unordered pairs of edges into each atom: both k -> j -> i and i -> j -> k, whose angle is the same.

    Attributes
    ----------
    pairing : Pairing
        The edges.
    first, second : (t,) int64 tensors
        Edges k -> j and i -> j, ordered by j.
    starts : (n + 1,) int64 array
        The pairs of atom j are ``starts[j]:starts[j + 1]``.
    """

    pairing: Pairing
    first: Tensor
    second: Tensor
    starts: np.ndarray


def triplets_of(pairing: Pairing) -> Triplets:
    """Return the triplets of a graph.

    Examples
    --------
    >>> from erlangen.nn.edges import pair_up
    >>> path = pair_up(torch.tensor([[1, 0, 2, 1], [0, 1, 1, 2]]), n_nodes=3)
    >>> triplets_of(path).first.tolist(), triplets_of(path).second.tolist()
    ([1], [2])
    """
    offsets = pairing.arrays.offsets
    degree = np.diff(offsets)
    n = int((degree * (degree - 1) // 2).sum())
    starts, first, second = np.zeros(len(offsets), np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    _kernels.pair_neighbors(offsets, starts, first, second)
    device = pairing.sender.device
    return Triplets(pairing, torch.from_numpy(first).to(device), torch.from_numpy(second).to(device), starts)


def triplet_sum(legendre: Tensor, radial: Tensor, matrix: Tensor, features: Tensor, triplets: Triplets) -> Tensor:
    """Sum over the neighbors k of j, for every edge j -> i.

    Parameters
    ----------
    legendre : (t, L) tensor
        Of the angle of each unordered triplet.
    radial : (p, L, B) tensor
        Of the distance of each unordered pair of atoms.
    matrix : (B, C) tensor
    features : (e, C) tensor
        Of the edges k -> j.
    triplets : Triplets

    Returns
    -------
    (e, C) tensor, of the edges j -> i
        Differentiable any number of times; the first gradients on a CPU are compiled, those after it are `plain_sum`'s.
    """
    if features.device.type != "cpu":
        return plain_sum(legendre, radial, matrix, features, triplets)
    return _TripletSum.apply(legendre, radial, matrix, features, triplets)


def plain_sum(legendre: Tensor, radial: Tensor, matrix: Tensor, features: Tensor, triplets: Triplets) -> Tensor:
    """Return the same by gathers and ``index_add``, with a row for each triplet."""
    pairing = triplets.pairing
    inward = torch.cat([triplets.first, triplets.second])
    outward = pairing.reverse.index_select(0, torch.cat([triplets.second, triplets.first]))
    near = radial.index_select(0, pairing.pair.index_select(0, inward))
    mixed = (legendre.repeat(2, 1).unsqueeze(1) @ near).squeeze(1) @ matrix
    return torch.zeros_like(features).index_add(0, outward, mixed * features.index_select(0, inward))


class _TripletSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, legendre, radial, matrix, features, triplets):
        ctx.triplets = triplets
        ctx.save_for_backward(legendre, radial, matrix, features)
        arrays = [x.detach().contiguous().numpy() for x in (legendre, radial, matrix, features)]
        out = torch.empty(arrays[-1].shape, dtype=features.dtype)
        _over_atoms(_kernels.sum_triplets, triplets, arrays, out.numpy())
        return out

    @staticmethod
    def backward(ctx, cotangent):
        given, triplets, needed = ctx.saved_tensors, ctx.triplets, ctx.needs_input_grad[:4]
        if torch.is_grad_enabled():  # somebody will differentiate the gradients
            given = [x.view_as(x) for x in given]  # no gradient by way of one array's dependence on another
            wanted = [x for x, need in zip(given, needed, strict=True) if need]
            gradients = iter(torch.autograd.grad(plain_sum(*given, triplets), wanted, cotangent, create_graph=True))
            return *(next(gradients) if need else None for need in needed), None
        legendre, radial, _, features = given
        arrays = [x.detach().contiguous().numpy() for x in (*given, cotangent)]
        to_legendre = torch.empty_like(legendre, memory_format=torch.contiguous_format) if needed[0] else legendre
        to_edges = radial.new_empty(len(features), *radial.shape[1:])
        to_features = torch.empty_like(features, memory_format=torch.contiguous_format)
        outputs = (to_legendre.detach().numpy(), to_edges.numpy(), to_features.numpy())
        parts = _over_atoms(_kernels.differentiate_triplets, triplets, arrays, needed[0], *outputs)
        pairing = triplets.pairing
        to_radial = _Gather.apply(to_edges, pairing)
        to_matrix = torch.from_numpy(np.sum(parts, axis=0, dtype=parts[0].dtype))
        return to_legendre if needed[0] else None, to_radial, to_matrix, to_features, None


def _over_atoms(kernel, triplets: Triplets, arrays, *outputs) -> list:
    """Run a kernel over the atoms, spread by their triplets."""
    k = triplets.pairing.arrays
    work = 2 * arrays[1].shape[1] * arrays[3].shape[1] * int(triplets.starts[-1])
    return over_rows(
        kernel, *arrays, k.pair, k.reverse, k.offsets, triplets.starts, *outputs,
        rows=len(k.offsets) - 1, work=work, offsets=triplets.starts if triplets.starts[-1] else None,
    )  # fmt: skip


def spread_pairs(values: Tensor, pairing: Pairing) -> Tensor:
    """Give each pair's row to both of its edges: (p, F) -> (e, F)."""
    return _Spread.apply(values, pairing)


class _Spread(torch.autograd.Function):
    """A gather whose gradient is two gathers and a sum instead of an ``index_add``."""

    @staticmethod
    def forward(ctx, values, pairing):
        ctx.pairing = pairing
        return values.detach().index_select(0, pairing.pair)

    @staticmethod
    def backward(ctx, cotangent):
        return _Gather.apply(cotangent, ctx.pairing), None


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values, pairing):
        ctx.pairing = pairing
        values = values.detach()
        back = pairing.reverse.index_select(0, pairing.first)
        return values.index_select(0, pairing.first).add_(values.index_select(0, back))

    @staticmethod
    def backward(ctx, cotangent):
        return _Spread.apply(cotangent, ctx.pairing), None


def radial_moments(radial: Tensor, messages: Tensor, pairing: Pairing) -> Tensor:
    """Sum the messages into each atom, each times every radial function of its pair: (p, K), (e, F) -> (n, K, F).

    A sum over edges of (R radial) * message is R applied to these moments, a linear layer on atoms instead of edges.
    The part of sum over e, k, f of radial[p, k] messages[e, f] moments[i, k, f] that the third slot leaves open, see
    `multilinear`.

    Examples
    --------
    >>> from erlangen.nn.edges import pair_up
    >>> pairing = pair_up(torch.tensor([[1, 0], [0, 1]]), n_nodes=2)
    >>> radial_moments(torch.tensor([[2.0, 3.0]]), torch.tensor([[1.0], [5.0]]), pairing).squeeze(2)
    tensor([[ 2.,  3.],
            [10., 15.]])
    """
    return multilinear(partial(_compiled_moments, pairing), partial(plain_moments, pairing), 2, radial, messages, None)


def _compiled_moments(pairing: Pairing, slot: int, arrays) -> Tensor:
    radial, messages, moments = (None if a is None else a.detach().contiguous() for a in arrays)
    x, m, y = (None if a is None else a.numpy() for a in (radial, messages, moments))
    k = pairing.arrays
    size, width = (moments.shape[1:]) if moments is not None else (radial.shape[1], messages.shape[1])
    like = radial if radial is not None else messages
    work, n_edges = size * width * len(k.sender), len(k.sender)
    if slot == 2:
        out = like.new_empty(pairing.n_nodes, size, width)
        over_rows(_kernels.sum_moments, x, m, k.pair, k.offsets, out.numpy(), rows=len(out), work=work)
    elif slot == 1:
        out = like.new_empty(n_edges, width)
        arguments = (x, y, k.pair, k.offsets, out.numpy())
        over_rows(_kernels.moments_to_messages, *arguments, rows=pairing.n_nodes, work=work)
    else:
        out = like.new_empty(pairing.n_pairs, size)
        arguments = (m, y, k.receiver, k.reverse, k.first, out.numpy())
        over_rows(_kernels.moments_to_radial, *arguments, rows=len(out), work=work)
    return out


def plain_moments(pairing: Pairing, slot: int, arrays) -> Tensor:
    """Return the same part by gathers and ``index_add``: for other devices, and the kernels' twin in the tests."""
    radial, messages, moments = arrays
    pair, receiver = pairing.pair, pairing.receiver
    if slot == 2:
        terms = radial.index_select(0, pair).unsqueeze(2) * messages.unsqueeze(1)
        return terms.new_zeros(pairing.n_nodes, *terms.shape[1:]).index_add(0, receiver, terms)
    gathered = moments.index_select(0, receiver)
    if slot == 1:
        return (radial.index_select(0, pair).unsqueeze(1) @ gathered).squeeze(1)
    terms = (gathered @ messages.unsqueeze(2)).squeeze(2)
    return terms.new_zeros(pairing.n_pairs, terms.shape[1]).index_add(0, pair, terms)
