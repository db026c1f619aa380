"""DimeNet++'s dense layers on messages, some rows after the other: what lies between two layers stays in the cache.

Two thirds of a training step are these matrix products. The rest of what autograd would do for them, keeping every
activation and walking over it again, is avoided: only what enters an activation is kept, and the backward pass works
through the same rows at once. Where derivatives of derivatives are wanted, plain layers take its place.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import linear, silu

ROWS = 2048
"""Messages that the dense layers take at a time, for each thread."""

silu_backward = torch.ops.aten.silu_backward


def outgoing(m: Tensor, filters: Tensor, send: tuple[Tensor, Tensor], down: Tensor) -> Tensor:
    """Return w = silu(D (silu(B m + b) * filters)): (e, hidden) twice -> (e, triplet_size)."""
    return _Rows.apply(_Outgoing, m, filters, *send, down)


def update(m: Tensor, t: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """Return the next messages: h = silu(A m + a) + silu(U t); h = Res h; h = silu(C h + c) + m; h = Res Res h.

    The weights are A, a, U, then Q1, q1, Q2, q2 of the first residual layer, C, c, and those of the other two.
    """
    return _Rows.apply(_Update, m, t, *weights)


class _Rows(torch.autograd.Function):
    """A function of some rows and weights, with its backward pass by hand."""

    @staticmethod
    def forward(ctx, layers, m, other, *weights):
        ctx.layers, ctx.kept, parts = layers, [], []
        for rows in _slices(len(m)):
            out, kept = layers.forward(m.detach()[rows], other.detach()[rows], *weights)
            parts.append(out)
            ctx.kept.append(kept)
        ctx.save_for_backward(m, other, *weights)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, cotangent):
        given = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody wants to differentiate this again
            given = [x.view_as(x) for x in given]  # nodes of their own: the messages are inputs of the filters, too
            wanted = [x for x, needed in zip(given, ctx.needs_input_grad[1:], strict=True) if needed]
            found = iter(torch.autograd.grad(ctx.layers.plain(*given), wanted, cotangent, create_graph=True))
            return None, *(next(found) if needed else None for needed in ctx.needs_input_grad[1:])
        m, other, *weights = given
        by_m, by_other = torch.empty_like(m), torch.empty_like(other)
        by_weights = [torch.zeros_like(weight) for weight in weights]
        for rows, kept in zip(_slices(len(m)), ctx.kept, strict=True):
            by_m[rows], by_other[rows] = ctx.layers.backward(
                cotangent[rows], m[rows], other[rows], kept, weights, by_weights
            )
        return None, by_m, by_other, *by_weights


def _slices(n: int) -> list[slice]:
    size = ROWS * torch.get_num_threads()
    return [slice(start, min(start + size, n)) for start in range(0, max(n, 1), size)]


class _Outgoing:
    """Of `outgoing`; kept is what enters both activations."""

    @staticmethod
    def plain(m, filters, send, bias, down):
        return silu(linear(silu(linear(m, send, bias)) * filters, down))

    @staticmethod
    def forward(m, filters, send, bias, down):
        first = linear(m, send, bias)
        last = linear(silu(first).mul_(filters), down)
        return silu(last), (first, last)

    @staticmethod
    def backward(g, m, filters, kept, weights, by_weights):
        (first, last), (send, _, down) = kept, weights
        g = silu_backward(g, last)
        active = silu(first)
        by_weights[2].addmm_(g.T, active * filters)
        g = g @ down
        by_filters = g * active
        g = silu_backward(g.mul_(filters), first)
        _add_linear(by_weights, 0, g, m)
        return g @ send, by_filters


class _Update:
    """Of `update`; kept is what enters the activations, in their order."""

    @staticmethod
    def plain(m, t, *weights):
        keep, keep_bias, up, *rest = weights
        h = _residual(silu(linear(m, keep, keep_bias)) + silu(linear(t, up)), *rest[:4])
        h = silu(linear(h, *rest[4:6])) + m
        return _residual(_residual(h, *rest[6:10]), *rest[10:14])

    @staticmethod
    def forward(m, t, *weights):
        keep, keep_bias, up, *rest = weights
        kept = [linear(m, keep, keep_bias), linear(t, up)]
        h = silu(kept[0]).add_(silu(kept[1]))
        h = _kept_residual(h, kept, *rest[:4])
        kept.append(linear(h, *rest[4:6]))
        h = silu(kept[-1]).add_(m)
        h = _kept_residual(h, kept, *rest[6:10])
        return _kept_residual(h, kept, *rest[10:14]), kept

    @staticmethod
    def backward(g, m, t, kept, weights, by_weights):
        kept_m, kept_t, first_1, last_1, middle, first_2, last_2, first_3, last_3 = kept
        start = silu(kept_m).add_(silu(kept_t))
        after_first = start + silu(last_1)
        combined = silu(middle).add_(m)
        after_second = combined + silu(last_2)
        g = _residual_backward(g, after_second, first_3, last_3, weights, by_weights, 13)
        g = _residual_backward(g, combined, first_2, last_2, weights, by_weights, 9)
        by_m = g
        g = silu_backward(g, middle)
        _add_linear(by_weights, 7, g, after_first)
        g = _residual_backward(g @ weights[7], start, first_1, last_1, weights, by_weights, 3)
        by_t = silu_backward(g, kept_t)
        by_weights[2].addmm_(by_t.T, t)
        g = silu_backward(g, kept_m)
        _add_linear(by_weights, 0, g, m)
        return torch.addmm(by_m, g, weights[0]), by_t @ weights[2]


def _residual(h, first, first_bias, last, last_bias):
    return h + silu(linear(silu(linear(h, first, first_bias)), last, last_bias))


def _kept_residual(h, kept, first, first_bias, last, last_bias):
    kept.append(linear(h, first, first_bias))
    kept.append(linear(silu(kept[-1]), last, last_bias))
    return h.add_(silu(kept[-1]))


def _residual_backward(g, h, first, last, weights, by_weights, at):
    """Return the gradient by h; those of the four weights from ``at`` on are added to."""
    inner = silu_backward(g, last)
    _add_linear(by_weights, at + 2, inner, silu(first))
    inner = silu_backward(inner @ weights[at + 2], first)
    _add_linear(by_weights, at, inner, h)
    return torch.addmm(g, inner, weights[at])


def _add_linear(by_weights, at, g, x):
    by_weights[at].addmm_(g.T, x)
    by_weights[at + 1].add_(g.sum(0))
