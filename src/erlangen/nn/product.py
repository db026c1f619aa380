"""Products of features at one node, channel by channel: couplings of a node with itself, of up to three factors.

Every one is a sparse sum of terms k over rows of the factors,

    out[i, r_k, c] = sum over k of w[kind_i, k, c] x[i, a_k, c] y[i, b_k, c] z[i, d_k, c],

linear in w, x, y, z and the cotangent of the output, so that each derivative, of any order, has the same form.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from erlangen.kernels import over_rows
from erlangen.nn import _product_kernels as kernels

WEIGHTS, X, Y, Z, OUTPUT = range(5)


@dataclass(frozen=True)
class Terms:
    """Which rows each term multiplies.

    Attributes
    ----------
    index : (4, k) int64 array
        Rows of x, y, z and of the output.
    sizes : tuple of int
        How many rows those four have.
    """

    index: np.ndarray
    sizes: tuple[int, int, int, int]


def weighted_product(weights: Tensor, kinds: Tensor, x: Tensor, y: Tensor, z: Tensor, terms: Terms) -> Tensor:
    """Sum weighted products of three rows a node.

    Parameters
    ----------
    weights : (kinds, k, C) tensor
    kinds : (n,) int64 tensor
        Which weights each node has: its element.
    x, y, z : (n, rows, C) tensors
    terms : Terms

    Returns
    -------
    (n, rows, C) tensor

    Examples
    --------
    >>> terms = Terms(np.array([[0, 1], [0, 1], [0, 0], [0, 0]]), (2, 2, 1, 1))  # x_0 y_0 z_0 + x_1 y_1 z_0
    >>> x = torch.tensor([[[3.0], [4.0]]])
    >>> weighted_product(torch.ones(1, 2, 1), torch.zeros(1, dtype=torch.int64), x, x, torch.ones(1, 1, 1), terms)
    tensor([[[25.]]])
    """
    return _Product.apply(kinds, len(weights), terms, OUTPUT, weights, x, y, z, None)


class _Product(torch.autograd.Function):
    """The part of the form that one of its five slots leaves open."""

    @staticmethod
    def forward(ctx, kinds, n_kinds, terms, slot, *arrays):
        ctx.given = kinds, n_kinds, terms
        ctx.slot = slot
        ctx.save_for_backward(*arrays)
        part = _compiled_part if kinds.device.type == "cpu" else plain_part
        return part(kinds, n_kinds, terms, slot, arrays)

    @staticmethod
    def backward(ctx, cotangent):
        arrays = list(ctx.saved_tensors)
        arrays[ctx.slot] = cotangent
        gradients = []
        for slot in range(5):
            if slot == ctx.slot or not ctx.needs_input_grad[4 + slot]:
                gradients.append(None)
                continue
            others = [None if k == slot else array for k, array in enumerate(arrays)]
            gradients.append(_Product.apply(*ctx.given, slot, *others))
        return None, None, None, None, *gradients


def _compiled_part(kinds: Tensor, n_kinds: int, terms: Terms, slot: int, arrays) -> Tensor:
    tensors = [None if a is None else a.detach().contiguous() for a in arrays]
    given = [tensors[k].numpy() for k in (X, Y, Z, OUTPUT) if k != slot]
    index = [terms.index[k - 1] for k in (X, Y, Z, OUTPUT) if k != slot]
    like = next(t for k, t in enumerate(tensors) if t is not None and k != WEIGHTS)
    n_terms, width = terms.index.shape[1], like.shape[-1]
    work = len(kinds) * n_terms * width
    if slot == WEIGHTS:
        out = like.new_empty(n_kinds, n_terms, width)
        over_rows(kernels.product_weights, kinds.numpy(), *given, *index, out.numpy(), rows=n_terms, work=work)
        return out
    out = like.new_empty(len(kinds), terms.sizes[slot - 1], width)
    arguments = (tensors[WEIGHTS].numpy(), kinds.numpy(), *given, terms.index[slot - 1], *index)
    over_rows(kernels.product_rows, *arguments, out.numpy(), rows=len(kinds), work=work)
    return out


def plain_part(kinds: Tensor, n_kinds: int, terms: Terms, slot: int, arrays) -> Tensor:
    """Return the same part by gathers and ``index_add``: for other devices, and the kernels' twin in the tests."""
    index = torch.from_numpy(terms.index).to(kinds.device)
    product = None
    for k, array in enumerate(arrays):
        if k == slot:
            continue
        factor = array.index_select(0, kinds) if k == WEIGHTS else array.index_select(1, index[k - 1])
        product = factor if product is None else product * factor
    if slot == WEIGHTS:
        return product.new_zeros(n_kinds, *product.shape[1:]).index_add(0, kinds, product)
    out = product.new_zeros(len(kinds), terms.sizes[slot - 1], product.shape[-1])
    return out.index_add(1, index[slot - 1], product)
