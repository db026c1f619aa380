"""What every network of atoms shares: edges, head, hyperparameters and the declaration of its symmetry."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import wraps
from numbers import Real
from typing import ClassVar

import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.kernels import keep_freed_memory
from erlangen.neighbors import complete_graph
from erlangen.nn.head import build_head
from erlangen.nn.probe import symmetry_probe
from erlangen.nn.representation import Representation
from erlangen.structures import Batch
from erlangen.symmetry import Action, Euclidean, Group, Invariant, Permutation, Permute, Point, Symmetry, Vector

LEAST = {
    "degree": 0, "hidden_degree": 0, "charge_power": 0, "interaction_residuals": 0, "atomic_residuals": 0,
    "output_residuals": 0,
}  # fmt: skip
"""Whole-number arguments of models that may be zero; all others are positive."""
HIGHEST_DEGREE = 10
"""Of the coupling tables, see `erlangen.nn.tensor_product.Coupling`."""


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

    def __init_subclass__(cls, **given) -> None:
        super().__init_subclass__(**given)
        if "__init__" in vars(cls):  # before a constructor computes with what it got
            cls.__init__ = _checked(cls.__init__)

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
        keep_freed_memory()
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
        actions = {"positions": Point() * Permute(0), "numbers": Invariant() * Permute(0)}
        if self.hyperparameters.get("velocities"):
            actions["velocity"] = Vector() * Permute(0)
        return actions

    @property
    def probe_numbers(self) -> list[int]:
        """Atomic numbers that `symmetry_probe` draws from."""
        return [1, 6, 7, 8, 9, 16]

    def check(self, batch: Batch) -> None:
        """Refuse a batch on another device, in another precision, or with edges that lead nowhere.

        Raises
        ------
        InputError
            If it is one of these.
        """
        parameter, positions = next(self.parameters()), batch.positions
        if positions.device != parameter.device:
            raise InputError(
                f'the batch is on {positions.device}, the model on {parameter.device}; move one: batch.to("'
                f'{parameter.device}") or model.to("{positions.device}")'
            )
        if positions.dtype != parameter.dtype:
            raise InputError(
                f"the batch has positions in {positions.dtype}, the model weights in {parameter.dtype}; change one: "
                f"batch.to(dtype={parameter.dtype}) or model.to({positions.dtype})"
            )
        if batch.edge_index is not None:
            _check_edges(batch)

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
        self.check(batch)
        if not getattr(self.head, "needs_gradient", False):
            batch = self.connect(batch)
            return self.head(self.represent(batch), batch)
        track = torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        with torch.inference_mode(False), torch.enable_grad():
            batch = self.connect(differentiable(batch))
            return self.head(self.represent(batch), batch, create_graph=track)


def _checked(construct: Callable) -> Callable:
    """Return a constructor that looks at its arguments first; their kinds follow from its defaults."""
    signature = inspect.signature(construct)

    @wraps(construct)
    def checked(*given, **named):
        try:
            arguments = signature.bind(*given, **named).arguments
        except TypeError:  # too many or unknown ones: Python says it better
            arguments = {}
        for name, value in arguments.items():
            default = signature.parameters[name].default
            if default is not inspect.Parameter.empty and not (value is None and default is None):
                _check_argument(name, value, default)
        construct(*given, **named)

    return checked


def _check_argument(name: str, value, default) -> None:
    """Refuse what an argument with such a default cannot be."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InputError(f"{name} is True or False, got {value!r}")
    elif isinstance(default, int):
        least = LEAST.get(name, 1)
        if not _is_integer(value) or value < least:
            kind = "a positive integer" if least else "an integer, at least 0"
            raise InputError(f"{name} is {kind}, got {value!r}")
        if name.endswith("degree") and value > HIGHEST_DEGREE:
            raise InputError(f"{name} is at most {HIGHEST_DEGREE}, where the coupling tables end, got {value!r}")
    elif isinstance(default, float) or name.endswith("cutoff"):
        kind = "positive radius in angstrom" if name.endswith("cutoff") else "positive number"
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value < math.inf:
            raise InputError(f"{name} is a {kind}, and finite, got {value!r}")
    elif isinstance(default, tuple) and default and _is_integer(default[0]):
        of_elements = name == "elements"
        words = "atomic numbers from 0 to 118" if of_elements else "positive integers"
        fits = isinstance(value, Sequence) and not isinstance(value, str) and all(map(_is_integer, value))
        if not fits or not all(0 <= x < 119 if of_elements else x > 0 for x in value):
            raise InputError(f"{name} are {words}, got {value!r}")


def _is_integer(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_edges(batch: Batch) -> None:
    """Refuse edges that compiled loops could not follow; `pair_up` looks at their order and their reverses."""
    edge_index, shift, n = batch.edge_index, batch.shift, batch.n_atoms
    if edge_index.ndim != 2 or len(edge_index) != 2 or edge_index.dtype != torch.int64:
        raise InputError(
            f"edge_index has shape (2, edges) and int64, got {tuple(edge_index.shape)} and {edge_index.dtype}"
        )
    if shift is not None and shift.shape != (edge_index.shape[1], 3):
        raise InputError(f"shift has a row of 3 for each of {edge_index.shape[1]} edges, got {tuple(shift.shape)}")
    if edge_index.numel() and not 0 <= int(edge_index.min()) <= int(edge_index.max()) < n:
        wrong = int(torch.nonzero(((edge_index < 0) | (edge_index >= n)).any(0))[0])
        ends = " -> ".join(map(str, edge_index[:, wrong].tolist()))
        raise InputError(f"edge_index names the atoms 0 to {n - 1} of the batch; edge {wrong} is {ends}")


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
