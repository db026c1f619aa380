"""Radial functions: what a network is told about a distance, and how an edge fades out at the cutoff."""

import math

import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.nn.edges import nonzero


class GaussianBasis(nn.Module):
    """exp(-(d - mu_k)^2 / (2 w^2)) with centers evenly spaced from 0 to the cutoff, w their spacing.

    Parameters
    ----------
    size : int
        How many, at least 2.
    cutoff : float
        The last center, in angstrom.

    Notes
    -----
    SchNet (1706.08566), eq. 5, with the widths that PyTorch Geometric and SchNetPack use.

    Examples
    --------
    >>> GaussianBasis(3, cutoff=2.0)(torch.tensor([1.0])).tolist()
    [[0.6065306663513184, 1.0, 0.6065306663513184]]
    """

    def __init__(self, size: int, cutoff: float) -> None:
        super().__init__()
        if size < 2 or not cutoff > 0:
            raise InputError(f"a Gaussian basis needs size >= 2 and cutoff > 0, got {size} and {cutoff}")
        self.size = size
        self.register_buffer("centers", torch.linspace(0, cutoff, size))

    def forward(self, distance: Tensor) -> Tensor:
        """(e,) distances in angstrom -> (e, size)."""
        z = (distance.unsqueeze(1) - self.centers) / (self.centers[1] - self.centers[0])
        return torch.exp(-0.5 * z * z)


class BesselBasis(nn.Module):
    """sin(k pi d / c) / d for k = 1..size, and its limit k pi / c where two atoms are at one place.

    Parameters
    ----------
    size : int
        How many.
    cutoff : float
        Where all of them vanish, in angstrom.

    Notes
    -----
    PaiNN (2102.03150), eq. 11, without the prefactor sqrt(2 / c) that DimeNet has.

    Examples
    --------
    >>> BesselBasis(1, cutoff=2.0)(torch.tensor([1.0, 0.0])).squeeze(1)
    tensor([1.0000, 1.5708])
    """

    def __init__(self, size: int, cutoff: float) -> None:
        super().__init__()
        if size < 1 or not cutoff > 0:
            raise InputError(f"a Bessel basis needs size >= 1 and cutoff > 0, got {size} and {cutoff}")
        self.size = size
        self.register_buffer(
            "frequencies", math.pi / cutoff * torch.arange(1, size + 1, dtype=torch.get_default_dtype())
        )

    def forward(self, distance: Tensor) -> Tensor:
        """(e,) distances in angstrom -> (e, size)."""
        d = distance.unsqueeze(1)
        return torch.where(d > 0, torch.sin(self.frequencies * d) / nonzero(d), self.frequencies)


class CosineCutoff(nn.Module):
    """(cos(pi d / c) + 1) / 2 inside the cutoff c, 0 outside; value and slope vanish at c.

    Examples
    --------
    >>> CosineCutoff(2.0)(torch.tensor([0.0, 1.0, 2.0, 3.0]))
    tensor([1.0000, 0.5000, 0.0000, 0.0000])
    """

    def __init__(self, cutoff: float) -> None:
        super().__init__()
        if not cutoff > 0:
            raise InputError(f"cutoff is a positive radius in angstrom, got {cutoff}")
        self.cutoff = float(cutoff)

    def forward(self, distance: Tensor) -> Tensor:
        """(e,) distances in angstrom -> (e,)."""
        return torch.where(distance < self.cutoff, 0.5 * (torch.cos(distance * (math.pi / self.cutoff)) + 1), 0)


class PolynomialCutoff(nn.Module):
    """1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2) for x = d / c < 1, else 0.

    Value, slope and curvature vanish at c. DimeNet (2003.03123), eq. 8, and MACE with p = 5; PhysNet's is p = 3.

    Examples
    --------
    >>> PolynomialCutoff(2.0, p=3)(torch.tensor([0.0, 1.0, 2.0])).tolist()
    [1.0, 0.5, 0.0]
    """

    def __init__(self, cutoff: float, p: int = 5) -> None:
        super().__init__()
        if not cutoff > 0 or p < 3:
            raise InputError(f"a polynomial cutoff needs cutoff > 0 and p >= 3, got {cutoff} and {p}")
        self.cutoff, self.p = float(cutoff), p

    def forward(self, distance: Tensor) -> Tensor:
        """(e,) distances in angstrom -> (e,)."""
        p, x = self.p, distance / self.cutoff
        value = 1 - x**p * ((p + 1) * (p + 2) / 2 - p * (p + 2) * x + p * (p + 1) / 2 * x * x)
        return torch.where(x < 1, value, 0)


def radial_basis(name: str, size: int, cutoff: float) -> nn.Module:
    """Return a basis by its name: gaussian or bessel.

    Examples
    --------
    >>> radial_basis("bessel", 20, 5.0)
    BesselBasis()
    """
    if name not in (known := {"gaussian": GaussianBasis, "bessel": BesselBasis}):
        raise InputError(f"radial basis {name!r} is unknown; known are {', '.join(known)}")
    return known[name](size, cutoff)
