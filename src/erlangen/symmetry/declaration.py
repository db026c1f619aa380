"""What a layer or model says about itself: which group, and how it moves what goes in and what comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from erlangen.errors import InputError
from erlangen.symmetry.actions import Action
from erlangen.symmetry.groups import Group


@dataclass(frozen=True)
class Symmetry:
    """The claim f(g x) = g f(x) for every g of a group.

    Parameters
    ----------
    group : Group
        For example ``Euclidean(3)``.
    inputs, outputs : Action or dict of str to Action
        How the group moves each named array; one action if there is one array.

    Examples
    --------
    >>> from erlangen.symmetry import Euclidean, Invariant, Point, Vector
    >>> print(Symmetry(Euclidean(3), {"positions": Point(), "numbers": Invariant()}, {"forces": Vector()}))
    E(3): positions: point, numbers: invariant -> forces: vector
    """

    group: Group
    inputs: Action | Mapping[str, Action]
    outputs: Action | Mapping[str, Action]

    def __str__(self) -> str:
        return f"{self.group}: {describe(self.inputs)} -> {describe(self.outputs)}"


@dataclass(frozen=True)
class Probe:
    """Inputs to try a claim on, and the function to try: ``function(**inputs)`` gives an array or a dict of arrays.

    A model offers ``symmetry_probe(rng, dtype) -> Probe``: ``rng`` is a NumPy generator and ``dtype`` is
    ``numpy.float32`` or ``numpy.float64``. ``inputs`` are NumPy arrays, the floating ones of that type; ``function``
    computes in that type, in the mode (training or not) that the model is in when the probe is asked for. Each call
    draws another size.
    """

    inputs: Mapping[str, Any]
    function: Callable[..., Any]


def describe(actions: Action | Mapping[str, Action]) -> str:
    """Return actions in words."""
    if isinstance(actions, Mapping):
        return ", ".join(f"{name}: {action}" for name, action in actions.items())
    return str(actions)


def move(actions: Action | Mapping[str, Action], g: Any, arrays: Any) -> Any:
    """Move an array, or each array of a dict by its own action."""
    if not isinstance(actions, Mapping):
        if isinstance(arrays, Mapping):
            return {name: actions(g, array) for name, array in arrays.items()}
        return actions(g, arrays)
    if not isinstance(arrays, Mapping):
        raise InputError(f"the actions name {sorted(actions)}, but there is one array without a name")
    if missing := sorted(set(arrays) - set(actions)):
        raise InputError(f"no action is declared for {missing}; declared are {sorted(actions)}")
    return {name: actions[name](g, array) for name, array in arrays.items()}
