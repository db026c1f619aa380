"""What goes into a network: elements, other features of the atoms, velocities, and features of pairs."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.nn.edges import Edges
from erlangen.nn.model import check_numbers
from erlangen.structures import Batch

N_ELEMENTS = 100


class Species(nn.Module):
    """From atomic numbers to rows of tables by element.

    Parameters
    ----------
    elements : sequence of int
        The atomic numbers with a row.

    Examples
    --------
    >>> Species([8, 1])(torch.tensor([8, 1, 8])).tolist()
    [0, 1, 0]
    """

    def __init__(self, elements: Sequence[int]) -> None:
        super().__init__()
        self.elements = list(dict.fromkeys(int(z) for z in elements))
        if not self.elements or not all(0 <= z < 119 for z in self.elements):
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


def species_features(elements: Tensor, charge_power: int, charge_scale: float, dtype: torch.dtype) -> Tensor:
    """Return one-hot elements times powers of Z / scale, a row for each element: (s, s * (power + 1)).

    Examples
    --------
    >>> species_features(torch.tensor([1, 8]), 1, 8.0, torch.float32).tolist()
    [[1.0, 0.125, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    """
    powers = (elements.to(dtype).unsqueeze(1) / charge_scale) ** torch.arange(charge_power + 1, device=elements.device)
    one_hot = torch.eye(len(elements), dtype=dtype, device=elements.device)
    return (one_hot.unsqueeze(2) * powers.unsqueeze(1)).flatten(1)


def node_input(batch: Batch, name: str, size: int) -> Tensor:
    """Return the node feature of a name as (n, size).

    Raises
    ------
    InputError
        If the batch does not have it, or in another size.
    """
    if name not in batch.node:
        raise InputError(f"this model takes the node feature {name!r}; batch.node has {sorted(batch.node)}")
    values = batch.node[name].reshape(batch.n_atoms, -1)
    if values.shape[1] != size:
        raise InputError(f"node feature {name!r} has {values.shape[1]} columns, the model takes {size}")
    return values


def pair_attributes(batch: Batch, edges: Edges, names: Sequence[str]) -> Tensor | None:
    """Return a_ij of unordered pairs, (p, len(names)).

    A name in ``batch.node`` stands for the product of the two atoms' values, ``"square"`` for |x_i - x_j|^2, and
    ``"approach"`` for (x_i - x_j) (v_i - v_j) with the velocities v.

    Examples
    --------
    >>> from erlangen.nn.edges import edges_of
    >>> from erlangen.structures import Structure
    >>> pair = Structure([[0, 0, 0], [0, 0, 2.0]], ["H", "He"], node={"charge": [-1.0, 3.0]})
    >>> batch = Batch.from_structures([pair], complete=True)
    >>> pair_attributes(batch, edges_of(batch), ["charge", "square"])
    tensor([[-3.,  4.]])
    """
    i, j = (side.index_select(0, edges.pairing.first) for side in (edges.pairing.receiver, edges.pairing.sender))
    columns = []
    for name in names:
        if name == "square":
            columns.append((edges.pair_displacement * edges.pair_displacement).sum(1, keepdim=True))
        elif name == "approach":
            v = node_input(batch, "velocity", 3).to(edges.pair_distance.dtype)
            difference = v.index_select(0, j) - v.index_select(0, i)
            columns.append((edges.pair_displacement * difference).sum(1, keepdim=True))
        else:
            values = node_input(batch, name, 1).to(edges.pair_distance.dtype)
            columns.append(values.index_select(0, i) * values.index_select(0, j))
    return torch.cat(columns, dim=1) if columns else None


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
            columns = [node_input(batch, name, size) for name, size in self.node_inputs.items()]
            scalars = scalars + self.project(torch.cat(columns, dim=1).to(scalars.dtype))
        if self.velocity is None:
            return scalars.unsqueeze(1)
        vectors = node_input(batch, "velocity", 3).to(scalars.dtype).unsqueeze(2) * self.velocity
        return torch.cat([scalars.unsqueeze(1), vectors], dim=1)
