"""Layers on spherical features (n, (L + 1)^2, C): mixing of channels, norms and gates."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def by_degree(features: Tensor) -> list[Tensor]:
    """View features (n, (L + 1)^2, C) as one tensor (n, 2l + 1, C) for each degree.

    Examples
    --------
    >>> [part.shape[1] for part in by_degree(torch.zeros(5, 9, 4))]
    [1, 3, 5]
    """
    return list(features.split([2 * degree + 1 for degree in range(math.isqrt(features.shape[1]))], dim=1))


def norms(features: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Return sqrt(sum over m of x^2 + epsilon) of every degree and channel, (n, L + 1, C): invariant and smooth.

    Examples
    --------
    >>> norms(torch.tensor([[[2.0], [0.0], [3.0], [4.0]]])).squeeze()
    tensor([2., 5.])
    """
    squares = [(part * part).sum(1) for part in by_degree(features)]
    return (torch.stack(squares, dim=1) + epsilon).sqrt()


def scale_degrees(features: Tensor, factors: Tensor) -> Tensor:
    """Multiply features (n, (L + 1)^2, C) by one factor for each degree and channel, (n, L + 1, C)."""
    sizes = torch.arange(1, 2 * factors.shape[1], 2, device=factors.device)
    return features * factors.repeat_interleave(sizes, dim=1)


class SphericalLinear(nn.Module):
    """Mix the channels of each degree; the one linear map that commutes with rotations (Schur's lemma).

    Parameters
    ----------
    widths : sequence of int
        Channels that come in, for each degree from 0.
    width : int
        Channels that go out.
    bias : bool
        Add a constant to degree 0, the only invariant one.

    Examples
    --------
    >>> layer = SphericalLinear([4, 8], 3)
    >>> layer([torch.ones(5, 1, 4), torch.ones(5, 3, 8)]).shape
    torch.Size([5, 4, 3])
    """

    def __init__(self, widths: Sequence[int], width: int, bias: bool = True) -> None:
        super().__init__()
        self.weights = nn.ParameterList(torch.randn(n, width) / math.sqrt(max(n, 1)) for n in widths)
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, parts: Sequence[Tensor]) -> Tensor:
        """One (n, 2l + 1, widths[l]) for each degree -> (n, (L + 1)^2, width)."""
        mixed = [part @ weight for part, weight in zip(parts, self.weights, strict=True)]
        if self.bias is not None:
            mixed[0] = mixed[0] + self.bias
        return torch.cat(mixed, dim=1)
