"""Symmetric couplings span what e3nn's reduced tensor products span."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from e3nn import o3

from erlangen.symmetry import Orthogonal, symmetric_couplings, wigner_D


def dense(degree, order, degree_out):
    """Return the couplings as symmetric tensors, (basis, 2 L + 1, rows, ..., rows)."""
    monomials, coefficients = symmetric_couplings(degree, order, degree_out)
    tensor = np.zeros((*coefficients.shape[:2], *[(degree + 1) ** 2] * order))
    for column, monomial in enumerate(monomials.tolist()):
        places = set(permutations(monomial))
        for place in places:
            tensor[(slice(None), slice(None), *place)] = coefficients[:, :, column] / len(places)
    return tensor


@pytest.mark.parametrize("degree_out", [0, 1, 2])
@pytest.mark.parametrize(("degree", "order"), [(1, 2), (2, 2), (3, 2), (1, 3), (2, 3)])
def test_they_span_what_e3nn_reduces(degree, order, degree_out):
    ours = dense(degree, order, degree_out)
    letters = "ijk"[:order]
    formula = {2: "ij=ji", 3: "ijk=jik=ikj"}[order]
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        parts = o3.Irreps.spherical_harmonics(degree)
        peer = o3.ReducedTensorProducts(
            formula, **{letters[0]: parts}, filter_ir_out=[o3.Irrep(degree_out, (-1) ** degree_out)]
        )
    finally:
        torch.set_default_dtype(before)
    theirs = peer.change_of_basis.numpy().reshape(-1, 2 * degree_out + 1, (degree + 1) ** (2 * order))
    assert len(theirs) == len(ours)
    ours = ours.reshape(len(ours), 2 * degree_out + 1, -1)
    scale = math.sqrt(2 * degree_out + 1)  # theirs have norm 1 for each component, ours for all together
    for m in range(2 * degree_out + 1):
        values = np.linalg.svd(scale * ours[:, m] @ theirs[:, m].T, compute_uv=False)
        np.testing.assert_allclose(values, 1, atol=1e-8)


@pytest.mark.parametrize("degree_out", [0, 1, 2, 3])
def test_the_polynomials_turn_and_mirror_with_their_argument(degree_out):
    rng = np.random.default_rng(0)
    matrix = Orthogonal(3).sample(rng).matrix
    matrix = matrix if np.linalg.det(matrix) < 0 else -matrix
    turn = np.zeros((16, 16))
    for l in range(4):
        turn[l * l : (l + 1) ** 2, l * l : (l + 1) ** 2] = wigner_D(l, matrix)
    a = rng.normal(size=16)
    for order in (1, 2, 3):
        monomials, coefficients = symmetric_couplings(3, order, degree_out)
        here, there = (coefficients @ np.prod(x[monomials], axis=1) for x in (a, turn @ a))
        np.testing.assert_allclose(there, here @ wigner_D(degree_out, matrix).T, atol=1e-12)
        tensors = dense(3, order, degree_out).reshape(len(coefficients), -1)
        np.testing.assert_allclose(tensors @ tensors.T, np.eye(len(tensors)), atol=1e-12)
