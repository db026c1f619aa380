"""The edges of a batch as the layers use them: receiver-sorted, each with its reverse and its unordered pair."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from erlangen.errors import InputError
from erlangen.nn import _kernels
from erlangen.structures import Batch


class _Arrays(NamedTuple):
    """NumPy views of a pairing on the CPU, for the kernels."""

    sender: np.ndarray
    receiver: np.ndarray
    offsets: np.ndarray
    reverse: np.ndarray
    pair: np.ndarray
    sign: np.ndarray
    first: np.ndarray


@dataclass(frozen=True)
class Pairing:
    """Who is connected to whom, both ways.

    Attributes
    ----------
    sender, receiver : (e,) int64 tensors
        Edge e goes j -> i; sorted by receiver.
    offsets : (n + 1,) int64 tensor
        The edges of receiver i are ``offsets[i]:offsets[i + 1]``.
    reverse : (e,) int64 tensor
        The edge i -> j of the edge j -> i.
    pair : (e,) int64 tensor
        Unordered pair of each edge; an edge and its reverse share it.
    sign : (e,) int8 tensor
        +1 for the edge that represents its pair, -1 for its reverse.
    first : (p,) int64 tensor
        The representing edge of each pair.
    arrays : tuple of NumPy arrays
        The same, for compiled kernels.
    """

    sender: Tensor
    receiver: Tensor
    offsets: Tensor
    reverse: Tensor
    pair: Tensor
    sign: Tensor
    first: Tensor
    arrays: _Arrays

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.offsets) - 1

    @property
    def n_pairs(self) -> int:
        """Number of unordered pairs."""
        return len(self.first)


def pair_up(edge_index: Tensor, n_nodes: int, shift: Tensor | None = None) -> Pairing:
    """Find the reverse and the unordered pair of every edge, in time linear in the edges.

    Parameters
    ----------
    edge_index : (2, e) int64 tensor
        Row 0 the sender, row 1 the receiver; sorted by receiver, then sender, then shift.
    n_nodes : int
        Number of nodes.
    shift : (e, 3) int64 tensor, optional
        Cell shifts of the sender.

    Raises
    ------
    InputError
        If an edge has no reverse, or the edges are not sorted.

    Examples
    --------
    >>> pair_up(torch.tensor([[1, 2, 0, 0], [0, 0, 1, 2]]), n_nodes=3).pair.tolist()
    [0, 1, 0, 1]
    """
    sender, receiver = (np.ascontiguousarray(row) for row in edge_index.detach().cpu().numpy())
    shifts = np.empty((0, 3), np.int64) if shift is None else np.ascontiguousarray(shift.detach().cpu().numpy())
    n_edges = len(sender)
    offsets = np.empty(n_nodes + 1, np.int64)
    reverse, pair, first = (np.empty(n_edges, np.int64) for _ in range(3))
    sign = np.empty(n_edges, np.int8)
    n_pairs = _kernels.pair_edges(sender, receiver, shifts, n_nodes, offsets, reverse, pair, sign, first)
    if n_pairs < 0:
        e = -1 - n_pairs
        raise InputError(
            f"edge_index must hold every edge both ways, sorted by receiver, then sender, then shift; edge {e} "
            f"({sender[e]} -> {receiver[e]}) is out of place or has no reverse"
        )
    arrays = _Arrays(sender, receiver, offsets, reverse, pair, sign, first[:n_pairs].copy())
    return Pairing(*(torch.from_numpy(a).to(edge_index.device) for a in arrays), arrays)


@dataclass(frozen=True)
class Edges:
    """Paired edges with their geometry, computed once for each unordered pair.

    Attributes
    ----------
    pairing : Pairing
        Who is connected to whom.
    pair_displacement : (p, 3) tensor
        r_j + shift @ cell - r_i of each pair's representing edge j -> i, in angstrom.
    pair_distance : (p,) tensor
        Its length; zero, with zero gradient, for two atoms at one place.
    """

    pairing: Pairing
    pair_displacement: Tensor
    pair_distance: Tensor

    @property
    def edge_index(self) -> Tensor:
        """Sender and receiver of each edge, (2, e)."""
        return torch.stack([self.pairing.sender, self.pairing.receiver])

    @cached_property
    def displacement(self) -> Tensor:
        """r_j + shift @ cell - r_i of every edge, (e, 3), in angstrom."""
        sign = self.pairing.sign.to(self.pair_displacement.dtype)
        return self.pair_displacement.index_select(0, self.pairing.pair) * sign.unsqueeze(1)

    @cached_property
    def distance(self) -> Tensor:
        """Length of every edge, (e,), in angstrom."""
        return self.pair_distance.index_select(0, self.pairing.pair)

    @cached_property
    def pair_direction(self) -> Tensor:
        """Unit vectors of the pairs, (p, 3); zero for two atoms at one place."""
        return self.pair_displacement / nonzero(self.pair_distance).unsqueeze(1)


def nonzero(distance: Tensor) -> Tensor:
    """Return the distance where it is positive, else 1: a denominator without infinities or NaN gradients."""
    return torch.where(distance > 0, distance, torch.ones_like(distance))


def length(vectors: Tensor) -> Tensor:
    """Euclidean length over the last axis, whose every derivative at zero is zero instead of NaN.

    Examples
    --------
    >>> length(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [5.0, 0.0]
    """
    square = (vectors * vectors).sum(-1)
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, torch.ones_like(square)).sqrt(), square)


def edges_of(batch: Batch) -> Edges:
    """Pair the edges of a batch and measure each pair once.

    Raises
    ------
    InputError
        If the batch has no edges yet; ``batch.with_cutoff(radius)`` builds them.
    """
    if batch.edge_index is None:
        raise InputError("the batch has no edges; build them with batch.with_cutoff(radius) or complete=True")
    pairing = pair_up(batch.edge_index, len(batch.positions), batch.shift)
    first = pairing.first
    i, j = pairing.receiver.index_select(0, first), pairing.sender.index_select(0, first)
    displacement = batch.positions.index_select(0, j) - batch.positions.index_select(0, i)
    if batch.shift is not None and batch.cell is not None:
        shift = batch.shift.index_select(0, first).to(displacement.dtype)
        cell = batch.cell.index_select(0, batch.index.index_select(0, i))
        displacement = displacement + torch.einsum("pk,pkx->px", shift, cell)
    return Edges(pairing, displacement, length(displacement))
