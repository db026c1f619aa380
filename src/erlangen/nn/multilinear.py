"""Forms that are linear in each of their arrays, and differentiable any number of times.

The derivative of such a form by one of its arrays is the form with that slot left open, and so is the derivative of
that: whoever can compute every part of a form has all its derivatives, of any order, without storing anything.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Part = Callable[[int, Sequence["Tensor | None"]], Tensor]
"""From a slot and the arrays, None in that slot, to the part of the form that has the slot's shape."""


def multilinear(compiled: Part, plain: Part, slot: int, *arrays: "Tensor | None") -> Tensor:
    """Return the part of a form that one slot leaves open, differentiable by all other arrays.

    ``compiled`` computes it on a CPU, ``plain`` elsewhere.

    Examples
    --------
    >>> part = lambda slot, arrays: arrays[1 - slot]  # of the form sum x_k y_k
    >>> x = torch.ones(3, requires_grad=True)
    >>> torch.autograd.grad(multilinear(part, part, 1, x, None).sum(), x)[0]
    tensor([1., 1., 1.])
    """
    return _Part.apply(compiled, plain, slot, *arrays)


class _Part(torch.autograd.Function):
    @staticmethod
    def forward(ctx, compiled, plain, slot, *arrays):
        ctx.parts, ctx.slot = (compiled, plain), slot
        ctx.save_for_backward(*arrays)
        on_cpu = all(array is None or array.device.type == "cpu" for array in arrays)
        return (compiled if on_cpu else plain)(slot, arrays)

    @staticmethod
    def backward(ctx, cotangent):
        arrays = list(ctx.saved_tensors)
        arrays[ctx.slot] = cotangent
        gradients = []
        for slot in range(len(arrays)):
            if slot == ctx.slot or not ctx.needs_input_grad[3 + slot]:
                gradients.append(None)
                continue
            others = [None if k == slot else array for k, array in enumerate(arrays)]
            gradients.append(_Part.apply(*ctx.parts, slot, *others))
        return None, None, None, *gradients
