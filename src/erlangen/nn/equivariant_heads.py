"""Heads whose output turns with the structure: vectors, rank-2 tensors, moved positions."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.nn.activations import activation as activation_module
from erlangen.nn.equivariant import EdgeVectors, GatedEquivariantBlock
from erlangen.nn.head import Head, pick
from erlangen.nn.heads import conserve
from erlangen.nn.representation import Representation
from erlangen.nn.segments import pool
from erlangen.structures import Batch
from erlangen.symmetry import Invariant, Permute, Point, Vector
from erlangen.symmetry import Tensor as TensorAction

_GIVEN = ("features", "vector_features", "activation", "cutoff")


class _AtomicVectors(nn.Module):
    """A number and a vector an atom, from two gated blocks on the vector features (lifted from edges if none)."""

    def __init__(self, features: int, vector_features: int, activation: str, cutoff: float) -> None:
        super().__init__()
        width = max(features // 2, 1)
        self.lift = None if vector_features else EdgeVectors(features, width, cutoff)
        self.first = GatedEquivariantBlock(features, vector_features or width, width, width, activation)
        self.between = activation_module(activation)
        self.last = GatedEquivariantBlock(width, width, 1, 1, activation)

    def forward(self, representation: Representation) -> tuple[Tensor, Tensor]:
        """Return (n, 1) and (n, 3)."""
        scalars, vectors = representation.scalars, representation.vectors
        if self.lift is not None:
            vectors = self.lift(scalars, representation.edges)
        scalars, vectors = self.first(scalars, vectors)
        scalars, vectors = self.last(self.between(scalars), vectors)
        return scalars, vectors.squeeze(-1)


def centered(batch: Batch, what: str) -> Tensor:
    """Return the positions relative to the centroid of each structure, (n, 3) in angstrom."""
    if batch.pbc is not None:
        raise InputError(f"{what} of a periodic structure has no origin; this head needs open structures")
    centroids = pool(batch.positions, batch.index, len(batch), mean=True)
    return batch.positions - centroids.index_select(0, batch.index)


class VectorHead(Head):
    """A vector a structure, such as its dipole moment: sum over atoms of mu_i + q_i (r_i - centroid).

    The charges q_i are shifted to sum to the total charge, so that the dipole of a neutral structure does not depend
    on the origin.

    Parameters
    ----------
    features, activation
        As in `GraphHead`.
    vector_features : int
        Width of the model's vectors; 0 builds vectors from the edges.
    cutoff : float
        Of the edges, in angstrom, where vectors are built from them.
    magnitude : bool
        Return the length (b,) instead of the vector (b, 3).

    Notes
    -----
    PaiNN (2102.03150), section 4.3. Inputs in angstrom; the unit of the output is that of the target.

    Examples
    --------
    >>> VectorHead(features=8).hyperparameters["vector_features"]
    0
    """

    def __init__(
        self,
        features: int,
        vector_features: int = 0,
        activation: str = "silu",
        cutoff: float = 5.0,
        magnitude: bool = False,
    ) -> None:
        super().__init__(
            "vector", features=features, vector_features=vector_features, activation=activation, cutoff=cutoff,
            magnitude=magnitude,
        )  # fmt: skip
        self.magnitude = magnitude
        self.action = (Invariant() if magnitude else Vector()) * Invariant()
        self.atoms = _AtomicVectors(features, vector_features, activation, cutoff)
        self.register_buffer("scale", torch.ones(()))

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "VectorHead":
        """Make the head with what the model knows, unless the arguments say otherwise."""
        return cls(**{**pick(given, *_GIVEN), **arguments})

    def forward(self, representation: Representation, batch: Batch) -> Tensor:
        """Return (b, 3), or (b,) magnitudes."""
        charges, vectors = self.atoms(representation)
        moments = vectors + conserve(charges, batch) * centered(batch, "the dipole")
        total = self.scale * pool(moments, batch.index, len(batch))
        if not self.magnitude:
            return total
        return ((total * total).sum(1) + 1e-12).sqrt()  # differentiable where the dipole vanishes


class TensorHead(Head):
    """A symmetric rank-2 tensor a structure, such as its polarizability.

    alpha = sum over atoms of a_i 1 + nu_i (r_i - centroid)^T + (r_i - centroid) nu_i^T

    Parameters
    ----------
    features, vector_features, activation, cutoff
        As in `VectorHead`.

    Notes
    -----
    PaiNN (2102.03150), section 4.3. Returns (b, 3, 3).

    Examples
    --------
    >>> TensorHead(features=8, vector_features=8).hyperparameters["name"]
    'tensor'
    """

    action = TensorAction(2) * Invariant()

    def __init__(self, features: int, vector_features: int = 0, activation: str = "silu", cutoff: float = 5.0) -> None:
        super().__init__(
            "tensor", features=features, vector_features=vector_features, activation=activation, cutoff=cutoff
        )
        self.atoms = _AtomicVectors(features, vector_features, activation, cutoff)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "TensorHead":
        """Make the head with what the model knows, unless the arguments say otherwise."""
        return cls(**{**pick(given, *_GIVEN), **arguments})

    def forward(self, representation: Representation, batch: Batch) -> Tensor:
        """Return (b, 3, 3)."""
        isotropic, vectors = self.atoms(representation)
        outer = vectors.unsqueeze(2) * centered(batch, "the polarizability").unsqueeze(1)
        identity = torch.eye(3, dtype=outer.dtype, device=outer.device)
        atoms = (self.scale * isotropic + self.shift).unsqueeze(2) * identity
        atoms = atoms + self.scale * (outer + outer.transpose(1, 2))
        return pool(atoms, batch.index, len(batch))


class PositionHead(Head):
    """New positions: r_i plus the model's first vector feature (EGNN with ``update_coordinates=True``).

    Examples
    --------
    >>> PositionHead(vector_features=1).hyperparameters
    {'name': 'positions', 'vector_features': 1}
    """

    action = Point() * Permute(0)

    def __init__(self, vector_features: int) -> None:
        super().__init__("positions", vector_features=vector_features)
        if vector_features < 1:
            raise InputError("a head of positions needs a model with vectors, e.g. EGNN(update_coordinates=True)")

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "PositionHead":
        """Make the head with what the model knows."""
        return cls(**{"vector_features": given["vector_features"], **arguments})

    def forward(self, representation: Representation, batch: Batch) -> Tensor:
        """Return (n, 3), in angstrom."""
        return batch.positions + representation.vectors[..., 0]
