"""The flows' divergences, inverses, determinants and densities against autograd, and their symmetry."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from erlangen.errors import InputError
from erlangen.models import EquivariantFlow, UnconstrainedFlow
from erlangen.models.equivariant_flow import NormalizedKernels, runge_kutta
from erlangen.symmetry import Euclidean, Permutation, Permute, Point, Vector, certify

SHAPES = [(2, 1), (4, 2), (5, 3)]


def equivariant(particles, dimension, steps=16):
    torch.manual_seed(0)
    flow = EquivariantFlow(particles, dimension, kernels=10, time_kernels=4, reach=4.0, steps=steps).double()
    with torch.no_grad():
        for parameter in (flow.weight, flow.bias, flow.importance):
            parameter.normal_(std=0.15)
        flow.distance_kernels.log_width.add_(torch.linspace(-0.3, 0.3, 10))
    return flow


def unconstrained(particles, dimension, steps=16):
    torch.manual_seed(0)
    flow = UnconstrainedFlow(particles, dimension, hidden=12, steps=steps).double()
    torch.nn.init.normal_(flow.outward.weight, std=0.15)
    return flow


def configurations(flow, n=3, seed=1):
    return torch.tensor(np.random.default_rng(seed).normal(size=(n, flow.particles, flow.dimension)))


both = pytest.mark.parametrize("make", [equivariant, unconstrained])
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


@both
@shapes
def test_the_divergence_is_the_trace_of_the_jacobian(make, shape):
    flow = make(*shape)
    for time in (0.0, 0.37, 1.0):
        x = configurations(flow)
        _, divergence = flow.field(x, time)
        for k in range(len(x)):
            jacobian = torch.autograd.functional.jacobian(lambda y, t=time: flow.field(y[None], t)[0][0], x[k])
            trace = jacobian.reshape(x[k].numel(), -1).trace()
            torch.testing.assert_close(divergence[k], trace, rtol=1e-10, atol=1e-10)


def test_the_slope_of_the_kernels_is_exact_where_they_have_almost_vanished_too():
    kernels = NormalizedKernels(6, 2.0).double()
    x = torch.tensor([0.0, 0.3, 1.9, 3.0, 3.5, 4.0, 30.0], dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values, slopes = kernels(x, weight)
    torch.testing.assert_close(values, torch.stack([kernels.weights(d) @ weight for d in x.tolist()]))
    torch.testing.assert_close(slopes, torch.autograd.grad(values.sum(), x)[0], rtol=1e-10, atol=1e-12)


@both
@shapes
def test_the_inverse_is_as_exact_as_the_steps_are_short(make, shape):
    flow = make(*shape, steps=64)
    x = configurations(flow)
    x = x - x.mean(1, keepdim=True)
    z, logdet = flow(x)
    back, opposite = flow.inverse(z)
    assert (z - x).abs().max() > 0.01
    assert (back - x).abs().max() < 1e-6
    assert (logdet + opposite).abs().max() < 1e-6


@both
@shapes
def test_the_determinant_is_that_of_the_map_on_the_subspace(make, shape):
    flow = make(*shape, steps=32)
    n, d = shape
    x = configurations(flow, n=1)
    _, logdet = flow(x)
    basis = torch.linalg.svd(torch.eye(n, dtype=torch.float64) - 1 / n)[0][:, : n - 1].contiguous()
    basis = torch.kron(basis, torch.eye(d, dtype=torch.float64))  # ((n d), (n - 1) d)
    jacobian = torch.autograd.functional.jacobian(lambda y: flow(y[None])[0][0], x[0]).reshape(n * d, n * d)
    expected = torch.linalg.slogdet(basis.T @ jacobian @ basis)[1]
    torch.testing.assert_close(logdet[0], expected, rtol=1e-6, atol=1e-7)


def test_a_density_integrates_to_one():
    for flow in (equivariant(2, 1, steps=32), unconstrained(2, 1, steps=32)):
        distance = torch.linspace(-12, 12, 4001, dtype=torch.float64)  # along the one coordinate, (x1 - x2) / sqrt 2
        x = torch.stack([distance, -distance], dim=1).unsqueeze(2) / math.sqrt(2)
        with torch.no_grad():
            total = torch.trapezoid(flow.log_prob(x).exp(), distance)
        assert total.item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("shape", [(4, 2), (5, 3)], ids=str)
def test_densities_and_samples_keep_the_symmetry(shape):
    flow = equivariant(*shape, steps=3)
    certificate = certify(flow, samples=8)
    assert certificate.holds, str(certificate)
    group, dimension = Euclidean(shape[1]) * Permutation(), shape[1]
    assert flow.symmetry.group == group

    def decode(z):
        with torch.no_grad():
            return flow.to(z.dtype).inverse(z[None])[0][0]

    certificate = certify(
        decode, group, Point() * Permute(0), Vector() * Permute(0), samples=8, shape=(shape[0], dimension),
        arrays="torch",
    )  # fmt: skip
    assert certificate.holds, str(certificate)


def test_the_flow_without_symmetry_has_none():
    flow = unconstrained(4, 2)
    x = configurations(flow, n=1)
    turn = torch.tensor(ortho_group(2, seed=0).rvs())
    assert (flow.log_prob(x @ turn) - flow.log_prob(x)).abs().item() > 1e-3
    assert (flow.log_prob(x + 3.0) - flow.log_prob(x)).abs().item() < 1e-10


def test_samples_are_seeded_centered_and_differentiable():
    flow = equivariant(4, 2)
    draw = lambda: flow.sample(6, torch.Generator().manual_seed(3))  # noqa: E731
    x = draw()
    assert torch.equal(x, draw())
    assert x.mean(1).abs().max() < 1e-12
    gradients = torch.autograd.grad(flow.log_prob(x).mean(), list(flow.parameters()))
    assert all(torch.isfinite(g).all() for g in gradients)


def test_two_points_in_one_place_have_gradients():
    flow = equivariant(3, 2)
    x = torch.tensor([[[0.0, 0], [0, 0], [1, 0]]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(flow.log_prob(x).sum(), x)
    assert torch.isfinite(gradient).all()


def test_the_integrator_is_of_fourth_order():
    exact = torch.full((1, 1, 1), math.e, dtype=torch.float64)
    errors = []
    for steps in (8, 16):
        x, _ = runge_kutta(lambda x, t: (x, x[:, 0, 0] * 0), torch.ones_like(exact), 0.0, 1.0, steps)
        errors.append((x - exact).abs().item())
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: EquivariantFlow(1, 2), "particles"),
        (lambda: EquivariantFlow(3, 2, kernels=1), "kernels"),
        (lambda: UnconstrainedFlow(3, 2, steps=0), "steps"),
        (lambda: EquivariantFlow(3, 2).log_prob(torch.zeros(1, 2, 3)), r"\(b, 3, 2\), got \(1, 2, 3\)"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
