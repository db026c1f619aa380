"""Sums over segments and gathers that are each other's gradient: rows of edges to rows of nodes and back."""

import torch
from torch import Tensor

from erlangen.kernels import over_rows
from erlangen.nn import _kernels
from erlangen.nn.edges import Pairing


def segment_sum(values: Tensor, pairing: Pairing) -> Tensor:
    """Sum edge rows at their receivers: (e, F) -> (n, F).

    Examples
    --------
    >>> from erlangen.nn.edges import pair_up
    >>> pairing = pair_up(torch.tensor([[1, 2, 0, 0], [0, 0, 1, 2]]), n_nodes=3)
    >>> segment_sum(torch.tensor([[1.0], [2.0], [4.0], [8.0]]), pairing).squeeze(1)
    tensor([3., 4., 8.])
    """
    return _SegmentSum.apply(values, pairing, False)


def gather_receiver(features: Tensor, pairing: Pairing) -> Tensor:
    """Return the receiver's row of every edge: (n, F) -> (e, F)."""
    return _Gather.apply(features, pairing, False)


def gather_sender(features: Tensor, pairing: Pairing) -> Tensor:
    """Return the sender's row of every edge: (n, F) -> (e, F)."""
    return _Gather.apply(features, pairing, True)


def pool(values: Tensor, index: Tensor, n_segments: int, mean: bool = False) -> Tensor:
    """Sum or average atom rows over their structures: (n, ...) -> (b, ...).

    Examples
    --------
    >>> pool(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([0, 1, 1]), 2, mean=True)
    tensor([1., 4.])
    """
    total = values.new_zeros(n_segments, *values.shape[1:]).index_add(0, index, values)
    if not mean:
        return total
    counts = torch.bincount(index, minlength=n_segments).clamp(min=1).to(values.dtype)
    return total / counts.view(-1, *(1,) * (values.dim() - 1))


class _SegmentSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values, pairing, at_sender):
        ctx.pairing, ctx.at_sender = pairing, at_sender
        if values.device.type != "cpu":
            row = pairing.sender if at_sender else pairing.receiver
            return values.new_zeros(pairing.n_nodes, values.shape[1]).index_add(0, row, values)
        values = values.detach().contiguous()
        k, out = pairing.arrays, values.new_empty(pairing.n_nodes, values.shape[1])
        if at_sender:  # the edges that leave a node are the reverses of those that arrive
            kernel, arguments = _kernels.segment_sum_permuted, (values.numpy(), k.reverse, k.offsets)
        else:
            kernel, arguments = _kernels.segment_sum, (values.numpy(), k.offsets)
        over_rows(kernel, *arguments, out.numpy(), rows=len(out), work=values.numel())
        return out

    @staticmethod
    def backward(ctx, cotangent):
        return _Gather.apply(cotangent, ctx.pairing, ctx.at_sender), None, None


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, pairing, at_sender):
        ctx.pairing, ctx.at_sender = pairing, at_sender
        return features.detach().index_select(0, pairing.sender if at_sender else pairing.receiver)

    @staticmethod
    def backward(ctx, cotangent):
        return _SegmentSum.apply(cotangent, ctx.pairing, ctx.at_sender), None, None
