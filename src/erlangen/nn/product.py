"""Products of features at one node, channel by channel: couplings of a node with itself, of up to three factors.

Every one is a sparse sum of terms k over rows of the factors,

    out[i, r_k, c] = sum over k of w[kind_i, k, c] x[i, a_k, c] y[i, b_k, c] z[i, d_k, c],

linear in w, x, y, z and the cotangent of the output, so that each derivative, of any order, has the same form.
"""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from erlangen.kernels import over_rows
from erlangen.nn import _product_kernels as kernels
from erlangen.nn.multilinear import multilinear
from erlangen.symmetry import wigner_3j

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
    return multilinear(
        partial(_compiled_part, kinds, len(weights), terms),
        partial(plain_part, kinds, len(weights), terms),
        OUTPUT,
        weights,
        x,
        y,
        z,
        None,
    )


class SelfCoupling:
    """Clebsch-Gordan products of two features at one node: each unordered pair of degrees once, without zeros.

    Parameters
    ----------
    degree_in, degree_out : int
        Highest degrees of the factors and of what is kept.

    Attributes
    ----------
    paths : list of (l1, l2, l3)
        l1 <= l2, in the order of l3; l1 = l2 with an odd l3 is left out, because x (x) x has none.
    counts : list of int
        How many lead to each l3.

    Examples
    --------
    >>> product = SelfCoupling(1, 1)
    >>> x = torch.tensor([[[2.0], [1.0], [0.0], [0.0]]], dtype=torch.float64)  # degree 0: 2, degree 1: (1, 0, 0)
    >>> [part.squeeze().round(decimals=4).tolist() for part in product(x, x)]
    [[4.0, 0.5774], [2.0, 0.0, 0.0]]
    """

    def __init__(self, degree_in: int, degree_out: int) -> None:
        self.paths = [
            (l1, l2, l3)
            for l3 in range(degree_out + 1)
            for l1 in range(degree_in + 1)
            for l2 in range(max(l1, abs(l1 - l3)), min(l1 + l3, degree_in) + 1)
            if l1 != l2 or l3 % 2 == 0
        ]
        self.counts = [sum(l3 == degree for *_, l3 in self.paths) for degree in range(degree_out + 1)]
        columns, values, start = [], [], 0
        for l3, count in enumerate(self.counts):
            for k, (l1, l2, _) in enumerate(path for path in self.paths if path[2] == l3):
                coupling = math.sqrt(2 * l3 + 1) * wigner_3j(l1, l2, l3)
                m1, m2, m3 = np.nonzero(coupling)
                columns.append(np.stack([l1**2 + m1, l2**2 + m2, 0 * m1, start + m3 * count + k]))
                values.append(coupling[m1, m2, m3])
            start += (2 * l3 + 1) * count
        rows = (degree_in + 1) ** 2
        self.terms = Terms(np.concatenate(columns, axis=1), (rows, rows, 1, start))
        self.coefficients = np.concatenate(values)

    def __call__(self, x: Tensor, y: Tensor) -> list[Tensor]:
        """(n, (degree_in + 1)^2, C) twice -> one (n, 2 l3 + 1, paths to l3 * C) for each l3."""
        n, _, width = x.shape
        weights = torch.from_numpy(self.coefficients).to(x).view(1, -1, 1).expand(-1, -1, width)
        kinds = torch.zeros(n, dtype=torch.int64, device=x.device)
        out = weighted_product(weights, kinds, x, y, torch.ones_like(x[:, :1]), self.terms)
        sizes = [(2 * l3 + 1) * count for l3, count in enumerate(self.counts)]
        parts = zip(out.split(sizes, dim=1), self.counts, strict=True)
        return [part.reshape(n, 2 * l3 + 1, count * width) for l3, (part, count) in enumerate(parts)]


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
