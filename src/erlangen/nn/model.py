"""What every network of atoms shares: edges, head, hyperparameters and the declaration of its symmetry."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.neighbors import complete_graph
from erlangen.nn.head import build_head
from erlangen.nn.probe import symmetry_probe
from erlangen.nn.representation import Representation
from erlangen.structures import Batch
from erlangen.symmetry import Action, Euclidean, Group, Invariant, Permutation, Permute, Point, Symmetry


class AtomisticModel(nn.Module):
    """A network from a `Batch` to what its head returns; subclasses write `represent`.

    Parameters
    ----------
    name : str
        The model's name in the registry.
    hyperparameters : dict
        The constructor's JSON-able arguments but ``head``; ``erlangen.models.create`` rebuilds the module from
        ``model.hyperparameters``.
    head : Head, str, dict or None
        See `erlangen.nn.head.build_head`.
    default_head : dict
        The model's own head.
    features, vector_features : int
        Widths of the representation.
    activation : str
        What heads use between layers.
    cutoff : float or None
        Radius of the edges in angstrom; None for all pairs of a structure.
    """

    symmetry_probe = symmetry_probe
    group: Group = Euclidean(3)
    """What moves the points: `SpecialEuclidean` for networks that tell mirror images apart."""
    small: ClassVar[dict] = {}
    """Hyperparameters for two cores; the constructor's defaults are the paper's."""
    own_heads: ClassVar[dict] = {}
    """Heads that only this model has, classes by name."""

    def __init__(
        self,
        name: str,
        hyperparameters: Mapping,
        head,
        default_head: Mapping,
        features: int,
        vector_features: int,
        activation: str,
        cutoff: float | None,
    ) -> None:
        super().__init__()
        for argument in ("hidden", "layers"):
            value = hyperparameters.get(argument, 1)
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{argument} is a positive integer, got {value!r}")
        self.cutoff = None if cutoff is None else float(cutoff)
        given = {
            "features": features, "vector_features": vector_features, "activation": activation,
            "cutoff": 5.0 if cutoff is None else float(cutoff), "own_heads": self.own_heads,
        }  # fmt: skip
        self.head = build_head(head, default_head, given)
        self.hyperparameters = {"name": name, **hyperparameters, "head": getattr(self.head, "hyperparameters", None)}

    @property
    def symmetry(self) -> Symmetry:
        """Equivariance under the model's group and permutations, with the output that the head declares."""
        return Symmetry(self.group * Permutation(), self.input_actions, self.head.action)

    @property
    def input_actions(self) -> dict[str, Action]:
        """How the group moves what `symmetry_probe` draws."""
        return {"positions": Point() * Permute(0), "numbers": Invariant() * Permute(0)}

    @property
    def probe_numbers(self) -> list[int]:
        """Atomic numbers that `symmetry_probe` draws from."""
        return [1, 6, 7, 8, 9, 16]

    def connect(self, batch: Batch) -> Batch:
        """Return the batch with the edges of this model: within its cutoff, or complete; never capped."""
        if self.cutoff is not None:
            return batch.with_cutoff(self.cutoff)
        if batch.pbc is not None:
            raise InputError("a periodic structure has no complete graph; give the model a cutoff")
        if batch.edges == "complete":
            return batch
        return replace(
            batch, edge_index=complete_graph(batch.sizes), shift=None, edges="complete", cutoff=None, bond=None
        )

    def represent(self, batch: Batch) -> Representation:
        """Return the features of the atoms of a batch."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor | dict[str, Tensor]:
        """Return the head's output."""
        if not getattr(self.head, "needs_gradient", False):
            batch = self.connect(batch)
            return self.head(self.represent(batch), batch)
        track = torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        with torch.inference_mode(False), torch.enable_grad():
            batch = self.connect(differentiable(batch))
            return self.head(self.represent(batch), batch, create_graph=track)


def differentiable(batch: Batch) -> Batch:
    """Return the batch with positions that gradients can be taken of; edges are kept."""

    def normal(value):
        if isinstance(value, Tensor):
            return value.clone() if value.is_inference() else value
        if isinstance(value, Mapping):
            return {name: normal(tensor) for name, tensor in value.items()}
        return value

    batch = replace(batch, **{field.name: normal(getattr(batch, field.name)) for field in fields(batch)})
    if batch.positions.requires_grad:
        return batch
    return replace(batch, positions=batch.positions.detach().clone().requires_grad_())


def check_numbers(numbers: Tensor, n_rows: int) -> None:
    """Refuse atomic numbers that an embedding of ``n_rows`` rows does not have."""
    if numbers.numel() and int(numbers.max()) >= n_rows:
        raise InputError(f"this model knows elements up to Z = {n_rows - 1}, got Z = {int(numbers.max())}")
