"""A smooth network of a distance, evaluated on a grid of distances and interpolated between its points.

A filter network W(d) is a smooth function on [0, cutoff], and a batch asks for it at thousands of distances. Evaluated
at some hundred grid points and interpolated by polynomials of degree five, it costs a fraction, and in single precision
the interpolation is as exact as the rounding: which is measured, on every table, before it is used.

The slope of a table of rounded numbers is some thirty times less exact than its values (measured). So forces come not
from the slope of the table of W but from a second table, of W', and what trains on forces from a third, of W''.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from erlangen.errors import InputError
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

    def function(self, distance: Tensor, tables: Sequence[Tensor]) -> Tensor:
        """Return the rows (p, F) of a function of the distance, differentiable by it as often as there are more tables.

        Parameters
        ----------
        distance : (p,) tensor
            The same as the grid's.
        tables : sequence of (size, F) tensors
            The function on the grid, its first derivative, its second, and so on.

        Examples
        --------
        >>> d = torch.tensor([0.5, 1.25], requires_grad=True)
        >>> grid = Grid(d, cutoff=2.0, size=21)
        >>> x = grid.points.unsqueeze(1)
        >>> torch.autograd.grad(grid.function(d, [x**2, 2 * x]).sum(), d)[0]
        tensor([1.0000, 2.5000])
        """
        return _Function.apply(distance, self, *tables)


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


def derivatives(function: Callable[[Tensor], Tensor], x: Tensor, order: int) -> list[Tensor]:
    """Return f(x), f'(x), ... of a function without weights that acts on every entry by itself: (p,) -> (p, K) each.

    Examples
    --------
    >>> derivatives(lambda x: (x**3).unsqueeze(1), torch.tensor([2.0]), 2)
    [tensor([[8.]]), tensor([[12.]]), tensor([[12.]])]
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        values = [function(x)]
        for _ in range(order):
            # the gradient by x is linear in its cotangent, and the gradient of that is the derivative of every column
            cotangent = torch.zeros_like(values[-1], requires_grad=True)
            (linear,) = torch.autograd.grad(values[-1], x, cotangent, create_graph=True)
            values += torch.autograd.grad(linear.sum(), cotangent, create_graph=True)
    return [value.detach() for value in values]


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


class _Function(torch.autograd.Function):
    """The first table's rows; its derivative by the distance are the rows of the others."""

    @staticmethod
    def forward(ctx, distance, grid, *tables):
        ctx.grid = grid
        ctx.save_for_backward(distance, *tables)
        return grid.interpolate(tables[0].detach())

    @staticmethod
    def backward(ctx, cotangent):
        distance, _, *others = ctx.saved_tensors
        by_distance = by_table = None
        if ctx.needs_input_grad[0]:
            if not others:
                raise InputError("interpolated filters have two derivatives; interpolate=False has any number")
            by_distance = (cotangent * ctx.grid.function(distance, others)).sum(1)
        if ctx.needs_input_grad[2]:
            by_table = _Transpose.apply(cotangent, ctx.grid)
        return by_distance, None, by_table, *[None] * len(others)


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
