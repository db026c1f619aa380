"""The spherical convolution: equal to e3nn's tensor product, its kernels to einsums, its derivatives to finite ones."""

import numpy as np
import pytest
import torch
from e3nn import o3

from erlangen.errors import InputError
from erlangen.nn.edges import pair_up
from erlangen.nn.spherical import by_degree
from erlangen.nn.tensor_product import Coupling, _compiled_part, plain_part, spherical_convolution
from erlangen.symmetry import solid_harmonics


def graph(n=7, seed=0):
    rng = np.random.default_rng(seed)
    near = np.triu(rng.random((n, n)) < 0.6, 1)
    receiver, sender = np.nonzero(near | near.T)
    return pair_up(torch.from_numpy(np.stack([sender, receiver])), n)


def arrays(pairing, coupling, channels, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=dtype)  # noqa: E731
    directions = torch.nn.functional.normalize(draw(pairing.n_pairs, 3), dim=1)
    harmonics = solid_harmonics(coupling.degree_edge, directions)
    weights = draw(pairing.n_pairs, len(coupling.paths), channels)
    features = draw(pairing.n_nodes, (coupling.degree_in + 1) ** 2, channels)
    return weights, coupling.matrices(harmonics), features, draw(pairing.n_nodes, coupling.rows, channels), harmonics


def e3nn_convolution(coupling, pairing, channels, weights, harmonics, features):
    """Return the same rows from e3nn's TensorProduct on gathered senders."""
    parity = {True: lambda l: (-1) ** l, False: lambda l: 1}[coupling.mirror]
    in_1 = o3.Irreps([(channels, (l, parity(l))) for l in range(coupling.degree_in + 1)])
    in_2 = o3.Irreps([(1, (l, parity(l))) for l in range(coupling.degree_edge + 1)])
    out = o3.Irreps([(channels, (l3, parity(l3))) for *_, l3 in coupling.paths])
    instructions = [(l1, l2, k, "uvu", True) for k, (l1, l2, _) in enumerate(coupling.paths)]
    product = o3.TensorProduct(in_1, in_2, out, instructions, shared_weights=False, internal_weights=False)
    x = torch.cat([part.transpose(1, 2).flatten(1) for part in by_degree(features)], dim=1)
    sign = pairing.sign.to(harmonics.dtype).unsqueeze(1)
    odd = torch.cat([torch.full((2 * l + 1,), l % 2 == 1) for l in range(coupling.degree_edge + 1)])
    y = torch.where(odd, harmonics[pairing.pair] * sign, harmonics[pairing.pair])
    message = product(x[pairing.sender], y, weights[pairing.pair].flatten(1))
    total = message.new_zeros(pairing.n_nodes, message.shape[1]).index_add(0, pairing.receiver, message)
    return [total[:, s].unflatten(1, (channels, -1)).transpose(1, 2) for s in out.slices()]


@pytest.fixture(autouse=True)
def _double_precision():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


COUPLINGS = [
    Coupling(0, 1, 1),
    Coupling(2, 2, 2),
    Coupling(2, 2, 2, mirror=True),
    Coupling(3, 2, 1),
    Coupling(1, 4, 4),
    Coupling(4, 4, 2),
]


@pytest.mark.parametrize("coupling", COUPLINGS, ids=str)
def test_the_convolution_is_that_of_e3nn(coupling):
    pairing = graph()
    weights, matrices, features, _, harmonics = arrays(pairing, coupling, 5)
    ours = coupling.split(spherical_convolution(features, matrices, weights, pairing, coupling))
    theirs = e3nn_convolution(coupling, pairing, 5, weights, harmonics, features)
    for degree, part in enumerate(ours):
        same = [block for block, (*_, l3) in zip(theirs, coupling.paths, strict=True) if l3 == degree]
        if same:
            torch.testing.assert_close(part, torch.cat(same, dim=2), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("coupling", COUPLINGS, ids=str)
@pytest.mark.parametrize("slot", range(4))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_kernel_is_its_plain_twin(coupling, slot, dtype):
    pairing = graph(6, 1)
    given = list(arrays(pairing, coupling, 3, dtype)[:4])
    given[slot] = None
    compiled, plain = (part(pairing, coupling, slot, given) for part in (_compiled_part, plain_part))
    assert compiled.dtype == dtype
    tolerance = 1e-4 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(compiled, plain, rtol=tolerance, atol=tolerance)


def test_first_and_second_derivatives():
    pairing, coupling = graph(4), Coupling(1, 1, 1)
    weights, matrices, features, *_ = (a.requires_grad_() for a in arrays(pairing, coupling, 2))
    call = lambda *given: spherical_convolution(*given, pairing, coupling)  # noqa: E731
    assert torch.autograd.gradcheck(call, (features, matrices, weights))
    assert torch.autograd.gradgradcheck(call, (features, matrices, weights))


def test_degrees_are_checked():
    with pytest.raises(InputError, match="degree_edge=11"):
        Coupling(1, 11, 1)
