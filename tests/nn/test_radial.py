"""Radial functions against closed forms, and their derivatives at zero and at the cutoff."""

import math

import pytest
import torch

from erlangen.errors import InputError
from erlangen.nn import BesselBasis, CosineCutoff, GaussianBasis, PolynomialCutoff
from erlangen.nn.edges import length
from erlangen.nn.radial import radial_basis

D = torch.linspace(0.01, 5.9, 60, dtype=torch.float64)


def test_gaussians_have_the_spacing_as_their_width():
    basis = GaussianBasis(11, 5.0).double()
    expected = torch.exp(-((D[:, None] - torch.linspace(0, 5, 11, dtype=torch.float64)) ** 2) / (2 * 0.5**2))
    torch.testing.assert_close(basis(D), expected, rtol=1e-12, atol=1e-14)


def test_bessel_functions_and_their_limit_at_zero():
    basis = BesselBasis(4, 5.0).double()
    k = basis.frequencies
    torch.testing.assert_close(basis(D), torch.sin(k * D[:, None]) / D[:, None])
    torch.testing.assert_close(k, math.pi / 5 * torch.arange(1, 5, dtype=torch.float64), rtol=1e-6, atol=0)
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(basis(zero)[0], k)
    (gradient,) = torch.autograd.grad(basis(zero).sum(), zero)
    assert gradient.item() == 0


def test_polynomial_cutoff_of_order_three_is_physnets():
    x = D / 5
    expected = torch.where(x < 1, 1 - 6 * x**5 + 15 * x**4 - 10 * x**3, 0)
    torch.testing.assert_close(PolynomialCutoff(5.0, p=3)(D), expected)


@pytest.mark.parametrize(("cutoff", "orders"), [(CosineCutoff(5.0), 1), (PolynomialCutoff(5.0), 2)])
def test_cutoffs_fade_smoothly(cutoff, orders):
    below = torch.tensor([5.0 - 1e-6], dtype=torch.float64, requires_grad=True)
    value = cutoff(below)
    for _ in range(orders + 1):
        assert abs(value.item()) < 1e-5
        (value,) = torch.autograd.grad(value.sum(), below, create_graph=True)
    assert abs(value.item()) > 1e-2  # the first derivative that does not vanish
    assert not cutoff(torch.tensor([5.0, 7.0, 1e9])).any()


def test_length_has_finite_derivatives_at_zero():
    v = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(length(v).sum(), v, create_graph=True)
    torch.testing.assert_close(gradient.detach(), torch.tensor([[0.6, 0.8, 0.0], [0, 0, 0]], dtype=torch.float64))
    (second,) = torch.autograd.grad(gradient[:, 0].sum(), v)
    assert torch.isfinite(second).all()
    torch.testing.assert_close(second[0, 0].item(), (1 - 0.36) / 5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GaussianBasis(1, 5.0),
        lambda: BesselBasis(4, 0.0),
        lambda: CosineCutoff(-1.0),
        lambda: PolynomialCutoff(5.0, p=2),
        lambda: radial_basis("fourier", 4, 5.0),
    ],
)
def test_bad_arguments_are_named(make):
    with pytest.raises(InputError, match=r"needs|positive|unknown"):
        make()
