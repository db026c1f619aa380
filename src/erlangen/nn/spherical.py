"""Layers on spherical features (n, (L + 1)^2, C): inputs, mixing of channels, norms and gates."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.nn.model import check_numbers
from erlangen.structures import Batch

N_ELEMENTS = 100


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


class Species(nn.Module):
    """From atomic numbers to rows of tables by element.

    Parameters
    ----------
    elements : sequence of int
        The atomic numbers with a row.

    Examples
    --------
    >>> Species([8, 1])(torch.tensor([8, 1, 8])).tolist()
    [1, 0, 1]
    """

    def __init__(self, elements: Sequence[int]) -> None:
        super().__init__()
        self.elements = sorted({int(z) for z in elements})
        if not self.elements or not 0 <= self.elements[0] <= self.elements[-1] < 119:
            raise InputError(f"elements are atomic numbers from 0 to 118, at least one, got {list(elements)}")
        row = torch.full((119,), -1, dtype=torch.int64)
        row[self.elements] = torch.arange(len(self.elements))
        self.register_buffer("row", row, persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        """(n,) atomic numbers -> (n,) rows."""
        rows = self.row.index_select(0, numbers)
        if rows.numel() and int(rows.min()) < 0:
            unknown = sorted(set(numbers[rows < 0].tolist()))
            raise InputError(
                f"this model knows the elements Z = {self.elements}, got Z = {unknown}; give it elements=..."
            )
        return rows


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


class AtomInput(nn.Module):
    """Features of degree 0 from the elements and other invariants, and of degree 1 from velocities.

    Parameters
    ----------
    hidden : int
        Channels.
    node_inputs : dict of str to int
        Invariant features to take, names in ``batch.node`` and their widths.
    velocities : bool
        Take ``batch.node["velocity"]`` (n, 3), too.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> batch = Batch.from_structures([Structure([[0, 0, 0]], ["C"], node={"velocity": [[1.0, 0, 0]]})])
    >>> AtomInput(8, {}, velocities=True)(batch).shape
    torch.Size([1, 4, 8])
    """

    def __init__(self, hidden: int, node_inputs: Mapping[str, int], velocities: bool) -> None:
        super().__init__()
        self.node_inputs = dict(node_inputs)
        self.embedding = nn.Embedding(N_ELEMENTS, hidden)
        width = sum(self.node_inputs.values())
        self.project = nn.Linear(width, hidden, bias=False) if width else None
        self.velocity = nn.Parameter(torch.randn(hidden)) if velocities else None

    @property
    def degree(self) -> int:
        """The highest degree of what it returns."""
        return 0 if self.velocity is None else 1

    def forward(self, batch: Batch) -> Tensor:
        """Return (n, 1, hidden), or (n, 4, hidden) with velocities."""
        check_numbers(batch.numbers, N_ELEMENTS)
        scalars = self.embedding(batch.numbers)
        if self.project is not None:
            columns = [self._column(batch, name, size) for name, size in self.node_inputs.items()]
            scalars = scalars + self.project(torch.cat(columns, dim=1).to(scalars.dtype))
        if self.velocity is None:
            return scalars.unsqueeze(1)
        vectors = self._column(batch, "velocity", 3).to(scalars.dtype).unsqueeze(2) * self.velocity
        return torch.cat([scalars.unsqueeze(1), vectors], dim=1)

    def _column(self, batch: Batch, name: str, size: int) -> Tensor:
        if name not in batch.node:
            raise InputError(f"this model takes the node feature {name!r}; batch.node has {sorted(batch.node)}")
        values = batch.node[name].reshape(batch.n_atoms, -1)
        if values.shape[1] != size:
            raise InputError(f"node feature {name!r} has {values.shape[1]} columns, the model takes {size}")
        return values
