"""Heads with invariant outputs, of graphs, nodes and edges, and the forces of an energy."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from erlangen.errors import InputError
from erlangen.nn.activations import mlp
from erlangen.nn.edges import length
from erlangen.nn.head import Head, build_head, head_class, pick
from erlangen.nn.radial import GaussianBasis
from erlangen.nn.representation import Representation
from erlangen.nn.segments import pool
from erlangen.structures import Batch
from erlangen.symmetry import Invariant, Permute, Vector

N_ELEMENTS = 119
"""Rows of a table by atomic number; 0 is a point that is no atom."""


class GraphHead(Head):
    """One or several numbers a structure: the sum or mean of a small network on every atom.

    Y = scale * pool_i MLP(x_i) + shift * (number of atoms, or 1) + pool_i reference[Z_i]; with ``after``, another MLP
    acts on the pooled features (EGNN's head).

    Parameters
    ----------
    features : int
        Width of the scalars.
    outputs : int
        Numbers a structure; one gives (b,), more give (b, outputs).
    hidden : sequence of int, optional
        Hidden widths; ``[features // 2]`` by default.
    after : sequence of int, optional
        Hidden widths of the MLP after pooling; the one before then ends in ``features``.
    activation : str
        Between the layers.
    pooling : {"sum", "mean"}
        "sum" for extensive quantities such as energies, "mean" for intensive ones.
    shift_per : {"atom", "molecule"}
        Whether ``shift`` counts once an atom (with "sum" pooling) or once a structure.

    Examples
    --------
    >>> head = GraphHead(features=8)
    >>> head.calibrate(shift=-1.5, scale=2.0, references={1: -13.6})
    >>> head.references[1].item()
    -13.600000381469727
    """

    action = Invariant() * Invariant()

    def __init__(
        self,
        features: int,
        outputs: int = 1,
        hidden: Sequence[int] | None = None,
        after: Sequence[int] | None = None,
        activation: str = "ssp",
        pooling: str = "sum",
        shift_per: str = "atom",
    ) -> None:
        hidden = [max(features // 2, 1)] if hidden is None else list(hidden)
        after = None if after is None else list(after)
        super().__init__(
            "graph", features=features, outputs=outputs, hidden=hidden, after=after, activation=activation,
            pooling=pooling, shift_per=shift_per,
        )  # fmt: skip
        if pooling not in ("sum", "mean"):
            raise InputError(f"pooling is 'sum' or 'mean', got {pooling!r}")
        if shift_per not in ("atom", "molecule"):
            raise InputError(f"shift_per is 'atom' or 'molecule', got {shift_per!r}")
        self.mean, self.per_atom = pooling == "mean", shift_per == "atom" and pooling == "sum"
        self.outputs = outputs
        self.network = mlp([features, *hidden, outputs if after is None else features], activation)
        self.after = None if after is None else mlp([features, *after, outputs], activation)
        self.register_buffer("shift", torch.zeros(outputs))
        self.register_buffer("scale", torch.ones(outputs))
        self.register_buffer("references", torch.zeros(N_ELEMENTS, outputs))

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "GraphHead":
        """Make the head with what the model knows, unless the arguments say otherwise."""
        return cls(**{**pick(given, "features", "activation"), **arguments})

    def calibrate(self, shift=None, scale=None, references: "Mapping[int, float] | Tensor | None" = None) -> None:
        """Set the statistics of the target: shift, scale, and reference energies by atomic number.

        They are buffers, saved with the weights, in the precision of the model: total energies of thousands of eV lose
        digits in float32, so subtract those from the targets instead, in float64.
        """
        with torch.no_grad():
            if shift is not None:
                self.shift.copy_(torch.as_tensor(shift, dtype=self.shift.dtype))
            if scale is not None:
                self.scale.copy_(torch.as_tensor(scale, dtype=self.scale.dtype))
            if isinstance(references, Mapping):
                for number, value in references.items():
                    self.references[number] = torch.as_tensor(value, dtype=self.references.dtype)
            elif references is not None:
                values = torch.as_tensor(references).to(self.references)
                self.references[: len(values)] = values.view(len(values), -1)

    def forward(self, representation: Representation, batch: Batch) -> Tensor:
        """Return (b,), or (b, outputs)."""
        n = len(batch)
        values = pool(self.network(representation.scalars), batch.index, n, self.mean)
        if self.after is not None:
            values = self.after(values)
        weight = batch.sizes.to(values.dtype).unsqueeze(1) if self.per_atom else 1
        values = self.scale * values + self.shift * weight
        values = values + pool(self.references.index_select(0, batch.numbers), batch.index, n, self.mean)
        return values.squeeze(1) if self.outputs == 1 else values


class NodeHead(Head):
    """One or several numbers an atom, such as partial charges.

    Parameters
    ----------
    features, outputs, hidden, activation
        As in `GraphHead`; the output is (n,) or (n, outputs).
    conserve_charge : bool
        Spread what is missing to the structure's total charge evenly over its atoms.

    Examples
    --------
    >>> NodeHead(features=8, outputs=3).hyperparameters["outputs"]
    3
    """

    action = Invariant() * Permute(0)

    def __init__(
        self,
        features: int,
        outputs: int = 1,
        hidden: Sequence[int] | None = None,
        activation: str = "ssp",
        conserve_charge: bool = False,
    ) -> None:
        hidden = [max(features // 2, 1)] if hidden is None else list(hidden)
        super().__init__(
            "node", features=features, outputs=outputs, hidden=hidden, activation=activation,
            conserve_charge=conserve_charge,
        )  # fmt: skip
        if conserve_charge and outputs != 1:
            raise InputError(f"conserve_charge needs one output an atom, got outputs={outputs}")
        self.outputs, self.conserve_charge = outputs, conserve_charge
        self.network = mlp([features, *hidden, outputs], activation)
        self.register_buffer("shift", torch.zeros(N_ELEMENTS, outputs))
        self.register_buffer("scale", torch.ones(outputs))

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "NodeHead":
        """Make the head with what the model knows, unless the arguments say otherwise."""
        return cls(**{**pick(given, "features", "activation"), **arguments})

    def forward(self, representation: Representation, batch: Batch) -> Tensor:
        """Return (n,), or (n, outputs)."""
        values = self.scale * self.network(representation.scalars) + self.shift.index_select(0, batch.numbers)
        if self.conserve_charge:
            values = conserve(values, batch)
        return values.squeeze(1) if self.outputs == 1 else values


def conserve(charges: Tensor, batch: Batch) -> Tensor:
    """Shift the charges (n, 1) of each structure evenly, so that they sum to its total charge."""
    missing = batch.charge.unsqueeze(1).to(charges.dtype) - pool(charges, batch.index, len(batch))
    return charges + (missing / batch.sizes.unsqueeze(1)).index_select(0, batch.index)


class EdgeHead(Head):
    """One or several numbers a pair of atoms, the same in both directions.

    The pair's features are x_i + x_j, x_i * x_j and Gaussians of the distance.

    Parameters
    ----------
    features, outputs, hidden, activation
        As in `GraphHead`.
    on : {"edges", "bonds"}
        The model's directed edges, in the order of ``edge_index``: (e,) or (e, outputs); or the columns of
        ``batch.edge["index"]``: (bonds,) or (bonds, outputs).
    cutoff : float
        Where the Gaussians end, in angstrom.
    radial_size : int
        How many Gaussians.

    Examples
    --------
    >>> EdgeHead(features=8, outputs=4, on="bonds").hyperparameters["on"]
    'bonds'
    """

    action = Invariant() * Permute(0, 1)

    def __init__(
        self,
        features: int,
        outputs: int = 1,
        hidden: Sequence[int] | None = None,
        activation: str = "silu",
        on: str = "edges",
        cutoff: float = 5.0,
        radial_size: int = 32,
    ) -> None:
        hidden = [features] if hidden is None else list(hidden)
        super().__init__(
            "edge", features=features, outputs=outputs, hidden=hidden, activation=activation, on=on, cutoff=cutoff,
            radial_size=radial_size,
        )  # fmt: skip
        if on not in ("edges", "bonds"):
            raise InputError(f"on is 'edges' or 'bonds', got {on!r}")
        self.outputs, self.on = outputs, on
        self.basis = GaussianBasis(radial_size, cutoff)
        self.network = mlp([2 * features + radial_size, *hidden, outputs], activation)

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "EdgeHead":
        """Make the head with what the model knows, unless the arguments say otherwise."""
        return cls(**{**pick(given, "features", "activation", "cutoff"), **arguments})

    def forward(self, representation: Representation, batch: Batch) -> Tensor:
        """Return one row for each edge or bond."""
        edges = representation.edges
        if self.on == "edges":
            first = edges.pairing.first
            i, j, distance = edges.pairing.receiver[first], edges.pairing.sender[first], edges.pair_distance
        else:
            if "index" not in batch.edge:
                raise InputError("a head on bonds needs batch.edge['index']: structures with bonds, e.g. from_smiles")
            if batch.pbc is not None:
                raise InputError("a head on bonds needs open structures: a bond does not say which image it joins")
            i, j = batch.edge["index"]
            distance = length(batch.positions[j] - batch.positions[i])
        x_i, x_j = representation.scalars.index_select(0, i), representation.scalars.index_select(0, j)
        values = self.network(torch.cat([x_i + x_j, x_i * x_j, self.basis(distance)], dim=1))
        if self.on == "edges":
            values = values.index_select(0, edges.pairing.pair)
        return values.squeeze(1) if self.outputs == 1 else values


class ForceHead(Head):
    """An energy and its negative gradient with respect to the positions.

    Parameters
    ----------
    energy : GraphHead
        With one output, in eV.

    Returns a dict: ``energy`` (b,) in eV and ``forces`` (n, 3) in eV/angstrom. The forces can be differentiated again,
    to train on them, wherever gradients are enabled.

    Examples
    --------
    >>> ForceHead(GraphHead(features=8)).hyperparameters["energy"]["pooling"]
    'sum'
    """

    action = {"energy": Invariant() * Invariant(), "forces": Vector() * Permute(0)}  # noqa: RUF012 - read only
    needs_gradient = True

    def __init__(self, energy: GraphHead) -> None:
        super().__init__("forces", energy=energy.hyperparameters)
        if energy.outputs != 1:
            raise InputError(f"forces need an energy head with one output, got outputs={energy.outputs}")
        self.energy = energy

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "ForceHead":
        """Make the head on the model's own energy head, unless ``energy`` says otherwise."""
        own = issubclass(head_class(default.get("name"), given), GraphHead)
        return cls(build_head(arguments.get("energy"), default if own else {"name": "graph"}, given))

    def calibrate(self, shift=None, scale=None, references=None) -> None:
        """Set the statistics of the energy, as `GraphHead.calibrate` does."""
        self.energy.calibrate(shift, scale, references)

    def forward(self, representation: Representation, batch: Batch, create_graph: bool = True) -> dict[str, Tensor]:
        """Return energy (b,) and forces (n, 3)."""
        energy = self.energy(representation, batch)
        if not energy.requires_grad:
            return {"energy": energy, "forces": torch.zeros_like(batch.positions)}
        (gradient,) = torch.autograd.grad(
            energy.sum(), batch.positions, create_graph=create_graph, allow_unused=True, materialize_grads=True
        )
        return {"energy": energy if create_graph else energy.detach(), "forces": -gradient}
