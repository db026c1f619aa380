"""Continuous-filter convolution: gather, multiply and sum in one pass, with filters shared by both edge directions.

Every sum here is a partial derivative of one form that is linear in each of four arrays,

    T(W, c, x, y) = sum over edges j -> i, a, m, f of  s_e W[p, f] c[p, a] x[j, m, f] y[i, a, m, f],

with p the unordered pair of edge e, and s_e = 1, or -1 on the second direction of each pair for odd coefficients such
as unit vectors. The convolution is dT/dy, its gradients are dT/dW, dT/dc and dT/dx, and theirs are parts of T too: so
one autograd function that can be differentiated any number of times and never stores an (edges, channels) product.
"""

from functools import partial

import torch
from torch import Tensor

from erlangen.kernels import over_rows
from erlangen.nn import _kernels
from erlangen.nn.edges import Pairing
from erlangen.nn.multilinear import multilinear

FILTERS, COEFFICIENT, FEATURES, OUTPUT = range(4)


def continuous_filter_convolution(
    features: Tensor, filters: Tensor, coefficient: Tensor, pairing: Pairing, *, odd: bool = False
) -> Tensor:
    """Sum the neighbors' features, each multiplied by the filter and the coefficients of its pair.

    Parameters
    ----------
    features : (n, F) or (n, m, F) tensor
        Node features x.
    filters : (p, F) tensor
        One filter for each unordered pair.
    coefficient : (p,) or (p, a) tensor
        Factors of the pair that all channels share: the cutoff, or the components of a vector.
    pairing : Pairing
        Who is connected, ``edges.pairing``.
    odd : bool
        Whether the coefficient changes its sign with the direction of the edge, as vectors do; given is that of
        ``pairing.first``.

    Returns
    -------
    (n, F), or with the axes a (if the coefficient has it) and m (if the features have it) before F
        sum over j of s_e W[p, f] c[p, a] x[j, m, f].

    Notes
    -----
    SchNet (1706.08566), eq. 2, and the message sums of PaiNN (2102.03150), eqs. 7 and 8. On a CPU the sum is one
    compiled pass over receiver-sorted edges; elsewhere it is a gather, a product and an ``index_add``.

    Examples
    --------
    >>> from erlangen.nn.edges import pair_up
    >>> pairing = pair_up(torch.tensor([[1, 0], [0, 1]]), n_nodes=2)
    >>> x, w = torch.tensor([[1.0], [5.0]]), torch.tensor([[2.0]])
    >>> continuous_filter_convolution(x, w, torch.ones(1), pairing).tolist()
    [[10.0], [2.0]]
    """
    vectors, components = features.dim() == 3, coefficient.dim() == 2
    x = features if vectors else features.unsqueeze(1)
    c = coefficient if components else coefficient.unsqueeze(1)
    result = multilinear(
        partial(_compiled_part, pairing, odd), partial(plain_part, pairing, odd), OUTPUT, filters, c, x, None
    )
    if not vectors:
        result = result.squeeze(2)
    return result if components else result.squeeze(1)


def _compiled_part(pairing: Pairing, odd: bool, slot: int, arrays) -> Tensor:
    filters, coefficient, features, cotangent = (None if a is None else a.detach().contiguous() for a in arrays)
    w, c, x, y = (None if a is None else a.numpy() for a in (filters, coefficient, features, cotangent))
    k = pairing.arrays
    like = features if features is not None else cotangent
    n, n_pairs, width = len(k.offsets) - 1, len(k.first), like.shape[-1]
    n_a = coefficient.shape[1] if coefficient is not None else cotangent.shape[1]
    n_m = like.shape[-2]
    work = 2 * n_pairs * n_a * n_m * width
    if slot == OUTPUT:
        out = like.new_empty(n, n_a, n_m, width)
        kernel, rows = _kernels.contract_to_receivers, n
        arguments = (w, c, x, k.sender, k.pair, k.sign, k.offsets, odd)
    elif slot == FEATURES:
        out = like.new_empty(n, n_m, width)
        kernel, rows = _kernels.contract_to_senders, n
        arguments = (w, c, y, k.sender, k.pair, k.sign, k.offsets, odd)
    elif slot == FILTERS:
        out = like.new_empty(n_pairs, width)
        kernel, rows = _kernels.contract_to_filters, n_pairs
        arguments = (c, x, y, k.sender, k.receiver, k.first, odd)
    else:
        out = like.new_empty(n_pairs, n_a)
        kernel, rows = _kernels.contract_to_coefficient, n_pairs
        arguments = (w, x, y, k.sender, k.receiver, k.first, odd)
    over_rows(
        kernel, *arguments, out.numpy(), rows=rows, work=work, offsets=k.offsets if slot in (OUTPUT, FEATURES) else None
    )
    return out


def plain_part(pairing: Pairing, odd: bool, slot: int, arrays) -> Tensor:
    """Return the same part by gathers and ``index_add``: for other devices, and the kernels' twin in the tests."""
    w, c, x, y = arrays
    sender, receiver, pair = pairing.sender, pairing.receiver, pairing.pair
    letters = ["ef", "ea", "emf", "eamf"]
    rows = [pair, pair, sender, receiver]
    given = [k for k in range(4) if k != slot]
    values = [array.index_select(0, rows[k]) for k, array in enumerate((w, c, x, y)) if k != slot]
    if odd:
        values[0] = values[0] * pairing.sign.to(values[0].dtype).view(-1, *(1,) * (values[0].dim() - 1))
    terms = torch.einsum(",".join(letters[k] for k in given) + "->" + letters[slot], *values)
    n_rows = len(pairing.first) if slot in (FILTERS, COEFFICIENT) else pairing.n_nodes
    return terms.new_zeros(n_rows, *terms.shape[1:]).index_add(0, rows[slot], terms)
