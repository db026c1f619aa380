import math

import numpy as np
import pytest
import torch
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError, ShapeError
from erlangen.symmetry import Orthogonal, Steerable, spherical_harmonics, wigner_D

DEGREES = range(9)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def _double_precision():
    """e3nn computes angles in torch's default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("degree", DEGREES)
def test_harmonics_are_those_of_e3nn(degree):
    vectors = np.random.default_rng(degree).normal(size=(50, 3))
    vectors[:6] = np.concatenate([np.eye(3), -np.eye(3)])  # the poles too
    peer = o3.spherical_harmonics(degree, torch.from_numpy(vectors), normalize=True, normalization="integral")
    np.testing.assert_allclose(spherical_harmonics(degree, vectors), peer.numpy(), atol=1e-13)


@pytest.mark.parametrize("degree", DEGREES)
def test_wigner_matrices_are_those_of_e3nn(degree):
    rng = np.random.default_rng(degree)
    for parity in (1, -1):
        for _ in range(5):
            matrix = Orthogonal(3).sample(rng).matrix
            peer = o3.Irrep(degree, parity).D_from_matrix(torch.from_numpy(matrix))
            np.testing.assert_allclose(wigner_D(degree, matrix, parity), peer.numpy(), atol=1e-12)


def test_irreps_are_laid_out_as_in_e3nn():
    text, matrix = "3x0e+2x0o+2x1o+1x1e+2x3o", Orthogonal(3).sample(7).matrix
    x = np.random.default_rng(7).normal(size=(4, o3.Irreps(text).dim))
    peer = x @ o3.Irreps(text).D_from_matrix(torch.from_numpy(matrix)).numpy().T
    np.testing.assert_allclose(Steerable(text)(Orthogonal(3).sample(7), x), peer, atol=1e-12)


@pytest.mark.parametrize("degree", DEGREES)
@given(seed=seeds)
@settings(max_examples=25)
def test_wigner_matrices_are_an_orthogonal_representation(degree, seed):
    rng = np.random.default_rng(seed)
    a, b = (Orthogonal(3).sample(rng).matrix for _ in range(2))
    np.testing.assert_allclose(wigner_D(degree, a) @ wigner_D(degree, b), wigner_D(degree, a @ b), atol=1e-12)
    np.testing.assert_allclose(wigner_D(degree, a) @ wigner_D(degree, a).T, np.eye(2 * degree + 1), atol=1e-12)
    v = rng.normal(size=3)
    moved = wigner_D(degree, a) @ spherical_harmonics(degree, v)
    np.testing.assert_allclose(moved, spherical_harmonics(degree, a @ v), atol=1e-12)


@pytest.mark.parametrize("degree", DEGREES)
def test_no_rotation_is_singular(degree):
    """Half turns and quarter turns about the axes, where Euler angles degenerate."""
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    for axes in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        turn = quarter[np.ix_(axes, axes)]
        fourth = np.linalg.matrix_power(wigner_D(degree, turn), 4)
        np.testing.assert_allclose(fourth, np.eye(2 * degree + 1), atol=1e-12)


def test_high_degrees_stay_orthogonal():
    matrix = Orthogonal(3).sample(0).matrix
    np.testing.assert_allclose(wigner_D(20, matrix) @ wigner_D(20, matrix).T, np.eye(41), atol=1e-12)


def test_harmonics_are_orthonormal():
    """Exact quadrature over the sphere: Gauss-Legendre in height, equal angles around."""
    heights, weights = np.polynomial.legendre.leggauss(9)
    angles = 2 * math.pi * np.arange(18) / 18
    ring = np.sqrt(1 - heights**2)[:, None]
    y = np.broadcast_to(heights[:, None], (9, 18))
    points = np.stack([ring * np.sin(angles), y, ring * np.cos(angles)], axis=-1).reshape(-1, 3)
    values = np.concatenate([spherical_harmonics(degree, points) for degree in range(5)], axis=1)
    gram = values.T @ (np.repeat(weights, 18)[:, None] * 2 * math.pi / 18 * values)
    np.testing.assert_allclose(gram, np.eye(25), atol=1e-13)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="no direction"):
        spherical_harmonics(1, np.zeros(3))
    with pytest.raises(InputError, match="no direction"):
        spherical_harmonics(1, np.full(3, np.nan))
    with pytest.raises(ShapeError, match=r"\(\.\.\., 3\)"):
        spherical_harmonics(1, np.zeros(2))
    with pytest.raises(InputError, match="at least 0"):
        spherical_harmonics(-1, np.ones(3))
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        wigner_D(1, np.eye(2))
