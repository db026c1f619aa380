"""The products at one node: kernels against plain torch, derivatives against finite differences."""

import numpy as np
import pytest
import torch

from erlangen.nn.product import Terms, _compiled_part, plain_part, weighted_product

TERMS = Terms(np.array([[0, 2, 1, 1, 0], [1, 1, 0, 2, 0], [0, 1, 1, 0, 0], [0, 1, 1, 2, 0]]), (3, 3, 2, 3))
KINDS = torch.tensor([1, 0, 1, 1])  # kind 2 is nowhere


def arrays(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 5, 2), (4, 3, 2), (4, 3, 2), (4, 2, 2), (4, 3, 2)]
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


@pytest.mark.parametrize("slot", range(5))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_part_is_its_plain_twin_and_has_its_slots_shape(slot, dtype):
    given = arrays(dtype)
    shape = given[slot].shape
    given[slot] = None
    compiled, plain = (part(KINDS, 3, TERMS, slot, given) for part in (_compiled_part, plain_part))
    assert compiled.shape == shape
    assert compiled.dtype == dtype
    torch.testing.assert_close(compiled, plain, rtol=1e-5, atol=1e-5)


def test_first_and_second_derivatives():
    given = [a.requires_grad_() for a in arrays()[:4]]
    call = lambda w, x, y, z: weighted_product(w, KINDS, x, y, z, TERMS)  # noqa: E731
    assert torch.autograd.gradcheck(call, given)
    assert torch.autograd.gradgradcheck(call, given)
