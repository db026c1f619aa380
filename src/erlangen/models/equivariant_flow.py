"""Equivariant continuous flows (Koehler, Klein, Noe, 2006.02425), with kernel dynamics, and a flow without symmetry.

::

    dr_i/dt = sum_j (r_i - r_j) psi(d_ij, t)                       the centroid stays where it is
    div     = sum over ordered pairs of  d psi'(d, t) + D psi(d, t)
    psi(d, t) = sum_s c_s(t) [b_s + sum_k (c_k(d) + w_k^2) W_ks]
    c_k(d)  = g_k / S,  c_k' = (g_k' - c_k sum g') / S,  g_k = exp(-(d - mu_k)^2 / gamma_k^2),  S = 1e-6 + sum g
    log p(x) = log N(z) + log det dz/dx,   log det = integral of div

Densities are those of the (N - 1) D coordinates relative to the centroid, in which the prior N is a standard Gaussian.
The divergence is that of the field as it is computed, the 1e-6 included. Time runs from 0, the data, to 1, the prior,
in steps of the classical Runge-Kutta method; going back is the same method with the sign of the time turned, so that
the inverse and the determinant are as exact as the steps are short.
"""

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.symmetry import Euclidean, Invariant, Permutation, Permute, Point, Probe, Symmetry


class ContinuousFlow(nn.Module):
    """An invertible map between configurations of points and a Gaussian; subclasses write `field`.

    Parameters
    ----------
    particles, dimension : int
        N points in D dimensions.
    steps : int
        Of the integrator.
    """

    def __init__(self, particles: int, dimension: int, steps: int) -> None:
        super().__init__()
        for name, value, least in (("particles", particles, 2), ("dimension", dimension, 1), ("steps", steps, 1)):
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name} is an integer of at least {least}, got {value!r}")
        self.particles, self.dimension, self.steps = particles, dimension, steps

    def field(self, x: Tensor, time: float) -> tuple[Tensor, Tensor]:
        """Return the velocity (b, N, D) and its divergence (b,)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map data (b, N, D) to the prior.

        Returns
        -------
        z : (b, N, D)
            With their centroid at the origin.
        logdet : (b,)
            log |det dz/dx| on the coordinates relative to the centroid.
        """
        return runge_kutta(self.field, self._centered(x), 0.0, 1.0, self.steps)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map points of the prior (b, N, D) to data and return log |det dx/dz|, too."""
        return runge_kutta(self.field, self._centered(z), 1.0, 0.0, self.steps)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-density of the coordinates relative to the centroid, (b,), in nats."""
        z, logdet = self(x)
        freedom = (self.particles - 1) * self.dimension
        return logdet - 0.5 * z.square().sum((1, 2)) - 0.5 * freedom * math.log(2 * math.pi)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw configurations (n, N, D) with their centroid at the origin; differentiable."""
        like = next(self.parameters())
        z = torch.randn(n, self.particles, self.dimension, generator=generator, dtype=like.dtype, device=like.device)
        return self.inverse(z)[0]

    def _centered(self, x: Tensor) -> Tensor:
        if x.dim() != 3 or x.shape[1:] != (self.particles, self.dimension):
            raise InputError(f"points have shape (b, {self.particles}, {self.dimension}), got {tuple(x.shape)}")
        return x - x.mean(1, keepdim=True)


class EquivariantFlow(ContinuousFlow):
    """The flow whose density no motion and no exchange of particles changes.

    Parameters
    ----------
    particles, dimension : int
        N points in D dimensions.
    kernels, time_kernels : int
        Gaussians in the distance and in the time.
    reach : float
        Their centers are evenly spaced from 0 to this distance.
    steps : int
        Of the integrator.

    Examples
    --------
    >>> flow = EquivariantFlow(particles=4, dimension=2)
    >>> x = torch.randn(3, 4, 2)
    >>> flow.log_prob(x).shape
    torch.Size([3])
    >>> flow.sample(5, torch.Generator().manual_seed(0)).shape
    torch.Size([5, 4, 2])
    """

    def __init__(
        self,
        particles: int,
        dimension: int,
        kernels: int = 32,
        time_kernels: int = 8,
        reach: float = 8.0,
        steps: int = 16,
    ) -> None:
        super().__init__(particles, dimension, steps)
        self.distance_kernels = NormalizedKernels(kernels, reach)
        self.time_kernels = NormalizedKernels(time_kernels, 1.0)
        self.weight = nn.Parameter(torch.randn(kernels, time_kernels) / kernels)
        self.bias = nn.Parameter(torch.zeros(time_kernels))
        self.importance = nn.Parameter(torch.zeros(kernels))
        pairs = torch.triu_indices(particles, particles, 1)
        self.register_buffer("first", pairs[0], persistent=False)
        self.register_buffer("second", pairs[1], persistent=False)

    @property
    def symmetry(self) -> Symmetry:
        """The log-density does not change."""
        group = Euclidean(self.dimension) * Permutation()
        return Symmetry(group, {"x": Point() * Permute(0)}, Invariant() * Invariant())

    def symmetry_probe(self, rng, dtype) -> Probe:
        """Draw one configuration, and the log-density as a function of it."""
        twin = copy.deepcopy(self).to(torch.float32 if np.dtype(dtype) == np.float32 else torch.float64)
        x = rng.normal(size=(self.particles, self.dimension)).astype(dtype)

        def function(x):
            with torch.no_grad():
                return twin.log_prob(torch.as_tensor(x)[None]).numpy()[0]

        return Probe({"x": x}, function)

    def field(self, x: Tensor, time: float) -> tuple[Tensor, Tensor]:
        """Return the velocity (b, N, D) and its divergence (b,), both from one evaluation of the kernels."""
        difference = x[:, self.first] - x[:, self.second]
        distance = (difference.square().sum(-1) + 1e-30).sqrt()  # two points in one place have a gradient, too
        psi, slope = self.profile(distance, time)
        push = difference * psi.unsqueeze(-1)
        velocity = torch.zeros_like(x).index_add(1, self.first, push).index_add(1, self.second, -push)
        return velocity, 2 * (distance * slope + self.dimension * psi).sum(1)

    def profile(self, distance: Tensor, time: float) -> tuple[Tensor, Tensor]:
        """Return psi(d, t) and its derivative by d, in the shape of the distances."""
        at = self.time_kernels.weights(time)
        weight = self.weight @ at
        psi, slope = self.distance_kernels(distance, weight)
        return psi + (self.bias @ at + self.importance.square() @ weight), slope


class NormalizedKernels(nn.Module):
    """Gaussians divided by their sum, with widths that are learned, and the exact derivative.

    Examples
    --------
    >>> value, slope = NormalizedKernels(3, reach=2.0)(torch.tensor([1.0]), torch.tensor([1.0, 2.0, 3.0]))
    >>> round(value.item(), 3), round(slope.item(), 3)
    (2.0, 0.848)
    """

    def __init__(self, size: int, reach: float) -> None:
        super().__init__()
        if size < 2 or not reach > 0:
            raise InputError(f"kernels need a size of at least 2 and a positive reach, got {size} and {reach}")
        self.register_buffer("centers", torch.linspace(0, reach, size))
        self.log_width = nn.Parameter(torch.full((size,), math.log(reach / (size - 1))))

    def forward(self, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return sum_k c_k(x) weight_k and its derivative by x, in the shape of x.

        Everything is one product of the Gaussians (..., size) with six columns: the sums of g, of g weight, and the two
        parts, with and without x, of the sums of their derivatives.
        """
        rate = torch.exp(-self.log_width)
        scaled = torch.addmm(-self.centers * rate, x.reshape(-1, 1), rate.unsqueeze(0))
        gaussian = torch.exp(-scaled * scaled)
        slope, shift = -2 * rate * rate, 2 * rate * rate * self.centers  # g' = g (slope x + shift)
        columns = [torch.ones_like(rate), slope, shift, weight, weight * slope, weight * shift]
        total, a, b, value, c, d = (gaussian @ torch.stack(columns, dim=1)).view(*x.shape, 6).unbind(-1)
        total = total + 1e-6
        value = value / total
        return value, (x * c + d - value * (x * a + b)) / total

    def weights(self, x: float) -> Tensor:
        """Return the kernels at one number, (size,)."""
        scaled = (x - self.centers) * torch.exp(-self.log_width)
        gaussian = torch.exp(-scaled * scaled)
        return gaussian / (1e-6 + gaussian.sum())


class UnconstrainedFlow(ContinuousFlow):
    """A flow that knows no symmetry but translations: v = P W2 tanh(W1 [x; t] + b), P removes the centroid.

    The divergence is exact: sum over h of (1 - tanh^2)_h (W1 P W2)_hh.

    Parameters
    ----------
    particles, dimension, steps : int
        As in `EquivariantFlow`.
    hidden : int
        Width of the layer.

    Examples
    --------
    >>> flow = UnconstrainedFlow(particles=4, dimension=2, hidden=16)
    >>> flow.log_prob(torch.randn(3, 4, 2)).shape
    torch.Size([3])
    """

    def __init__(self, particles: int, dimension: int, hidden: int = 256, steps: int = 16) -> None:
        super().__init__(particles, dimension, steps)
        self.inward = nn.Linear(particles * dimension + 1, hidden)
        self.outward = nn.Linear(hidden, particles * dimension, bias=False)
        nn.init.zeros_(self.outward.weight)

    def field(self, x: Tensor, time: float) -> tuple[Tensor, Tensor]:
        """Return the velocity (b, N, D) and its divergence (b,)."""
        flat = x.flatten(1)
        hidden = torch.tanh(self.inward(torch.cat([flat, torch.full_like(flat[:, :1], time)], dim=1)))
        outward = self.outward.weight.view(self.particles, self.dimension, -1)
        outward = (outward - outward.mean(0)).flatten(0, 1)  # P W2
        diagonal = (outward * self.inward.weight[:, :-1].T).sum(0)
        return (hidden @ outward.T).view_as(x), (1 - hidden * hidden) @ diagonal


def runge_kutta(
    field: Callable[[Tensor, float], tuple[Tensor, Tensor]], x: Tensor, start: float, stop: float, steps: int
) -> tuple[Tensor, Tensor]:
    """Integrate a field and its divergence in equal steps of the classical fourth-order method.

    Returns
    -------
    x : tensor
        At the time ``stop``.
    logdet : (b,)
        Integral of the divergence along the way.

    Examples
    --------
    >>> x, logdet = runge_kutta(lambda x, t: (x, 3 * torch.ones(len(x))), torch.ones(1, 1, 3), 0.0, 1.0, 20)
    >>> round(x[0, 0, 0].item(), 4), round(logdet.item(), 4)
    (2.7183, 3.0)
    """
    h, logdet = (stop - start) / steps, 0.0
    for k in range(steps):
        t = start + k * h
        v1, d1 = field(x, t)
        v2, d2 = field(x + h / 2 * v1, t + h / 2)
        v3, d3 = field(x + h / 2 * v2, t + h / 2)
        v4, d4 = field(x + h * v3, t + h)
        x = x + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        logdet = logdet + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    return x, logdet
