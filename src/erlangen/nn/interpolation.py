"""A smooth network of a distance, evaluated on a grid of distances and interpolated between its points.

A filter network W(d) is a smooth function on [0, cutoff], and a batch asks for it at thousands of distances. Evaluated
at some hundred grid points and interpolated by polynomials of degree five, it costs a fraction, and in single precision
the interpolation is as exact as the rounding: which is measured, on every table, before it is used.

It is differentiated by the table, not by the distances: the slope of a table of rounded numbers is some thirty times
less exact than its values (measured), so whoever wants forces evaluates the network itself.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from erlangen.kernels import over_rows
from erlangen.nn import _kernels

POINTS = 6
TOLERANCE = 3e-7
"""Largest estimated error of an interpolation, relative to the largest entry: about twice the rounding of float32."""


class Grid:
    """Where a batch's distances lie between grid points; one for all layers.

    Parameters
    ----------
    distance : (p,) tensor
        In angstrom, on the CPU, from 0 to the cutoff.
    cutoff : float
        The last grid point.
    size : int
        How many grid points, at least 6.

    Attributes
    ----------
    points : (size,) tensor
        The grid, in angstrom.

    Examples
    --------
    >>> grid = Grid(torch.tensor([0.5, 1.25]), cutoff=2.0, size=21)
    >>> grid.interpolate(grid.points.unsqueeze(1) ** 2)
    tensor([[0.2500],
            [1.5625]])
    """

    def __init__(self, distance: Tensor, cutoff: float, size: int) -> None:
        self.size = size
        step = cutoff / (size - 1)
        self.points = torch.linspace(0, cutoff, size, dtype=distance.dtype)
        place = distance.detach() / step
        first = (place.floor().long() - (POINTS // 2 - 1)).clamp(0, size - POINTS)
        powers = (place - (first + (POINTS - 1) / 2)).unsqueeze(1) ** torch.arange(POINTS)
        self.weights = (powers @ torch.from_numpy(_lagrange_coefficients()).to(distance.dtype)).numpy()
        self.starts, self.order = np.empty(size - POINTS + 2, np.int64), np.empty(len(first), np.int64)
        _kernels.sort_bins(first.numpy(), self.starts, self.order)

    def interpolate(self, table: Tensor) -> Tensor:
        """Return the rows (p, F) between the rows (size, F) of the table."""
        return _Interpolation.apply(table, self)


def is_accurate(table: Tensor) -> bool:
    """Measure whether a table's interpolation is as exact as float32.

    Every second row is interpolated from the others; on the whole grid, twice as fine, the error is 2^6 times smaller.

    Examples
    --------
    >>> x = torch.linspace(0, 1, 101).unsqueeze(1)
    >>> is_accurate(torch.sin(5 * x)), is_accurate(torch.sin(500 * x))
    (True, False)
    """
    worst, largest = _kernels.interpolation_error(table.detach().numpy())
    return worst / 2**POINTS <= TOLERANCE * largest


@cache
def _lagrange_coefficients() -> np.ndarray:
    """Return (power, point): Lagrange polynomials of six points, in the distance from their middle."""
    nodes = np.arange(POINTS) - (POINTS - 1) / 2
    return np.linalg.inv(np.vander(nodes, increasing=True)).copy()


class _Interpolation(torch.autograd.Function):
    """A linear map of the table, and its transpose for the gradient."""

    @staticmethod
    def forward(ctx, table, grid):
        ctx.grid = grid
        table = table.detach().contiguous()
        out = table.new_empty(len(grid.order), table.shape[1])
        arguments = (table.numpy(), grid.weights, grid.starts, grid.order, out.numpy())
        bins = len(grid.starts) - 1
        over_rows(_kernels.interpolate, *arguments, rows=bins, work=POINTS * out.numel(), offsets=grid.starts)
        return out

    @staticmethod
    def backward(ctx, cotangent):
        return _Transpose.apply(cotangent, ctx.grid), None


class _Transpose(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values, grid):
        ctx.grid = grid
        values = values.detach().contiguous()
        out = values.new_empty(grid.size, values.shape[1])
        arguments = (grid.weights, values.numpy(), grid.starts, grid.order, out.numpy())
        over_rows(_kernels.interpolate_to_table, *arguments, rows=len(out), work=POINTS * values.numel())
        return out

    @staticmethod
    def backward(ctx, cotangent):
        return _Interpolation.apply(cotangent, ctx.grid), None
