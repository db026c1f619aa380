"""What every head answers, and how one is named in a model's hyperparameters."""

import importlib
from collections.abc import Mapping

from torch import nn

from erlangen.errors import InputError
from erlangen.symmetry import Action

HEADS = {
    "graph": "heads.GraphHead",
    "node": "heads.NodeHead",
    "edge": "heads.EdgeHead",
    "forces": "heads.ForceHead",
    "vector": "equivariant_heads.VectorHead",
    "tensor": "equivariant_heads.TensorHead",
    "positions": "equivariant_heads.PositionHead",
}


class Head(nn.Module):
    """From a `Representation` and its `Batch` to an output.

    Attributes
    ----------
    action : Action or dict of str to Action
        How ``Euclidean(3) * Permutation()`` moves the output for one structure.
    needs_gradient : bool
        Whether the output holds a derivative with respect to the positions.
    hyperparameters : dict
        The JSON-able arguments that `build_head` makes the same head from.
    """

    action: Action | Mapping[str, Action]
    needs_gradient = False

    def __init__(self, name: str, **hyperparameters) -> None:
        super().__init__()
        self.hyperparameters = {"name": name, **hyperparameters}


def build_head(head: "Head | str | Mapping | None", default: Mapping, given: Mapping) -> Head:
    """Return a head from what a user wrote for ``head=``.

    Parameters
    ----------
    head : Head, str, dict or None
        A module as it is; a name, or a dict with ``name`` and arguments; None for the default.
    default : dict
        The model's own head.
    given : dict
        What the model knows: ``features``, ``activation``, ``vector_features``, ``cutoff``; a head takes what it needs.
        ``own_heads`` are the classes that only this model has, by name.

    Raises
    ------
    InputError
        If the name is unknown.

    Examples
    --------
    >>> build_head("node", {}, {"features": 8, "activation": "silu"}).hyperparameters["hidden"]
    [4]
    """
    if isinstance(head, nn.Module):
        return head
    if isinstance(head, str):
        head = {**(default if default.get("name") == head else {}), "name": head}
    arguments = dict(default if head is None else head)
    name = arguments.pop("name", None)
    return head_class(name, given).from_model(arguments, default, given)


def head_class(name: str | None, given: Mapping) -> type[Head]:
    """Return the class of a name: one of the model's own heads, or of `HEADS`."""
    own = given.get("own_heads", {})
    if name in own:
        return own[name]
    if name not in HEADS:
        raise InputError(f"head {name!r} is unknown; known are {', '.join([*own, *HEADS])}")
    file, _, class_name = HEADS[name].partition(".")
    return getattr(importlib.import_module(f"erlangen.nn.{file}"), class_name)


def pick(given: Mapping, *names: str) -> dict:
    """Return what a head takes of what the model knows.

    Examples
    --------
    >>> pick({"features": 8, "cutoff": 5.0}, "features")
    {'features': 8}
    """
    return {name: given[name] for name in names}
