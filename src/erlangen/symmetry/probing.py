"""Turning anything that computes (a model, an estimator, a function) into probes that can be measured alike."""

import contextlib
import copy
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from erlangen.errors import InputError
from erlangen.symmetry.actions import Action, Permute, Point, Pseudovector, Roll, Steerable, Tensor, Together, Vector
from erlangen.symmetry.actions import TurnImage as Image
from erlangen.symmetry.declaration import Probe, Symmetry
from erlangen.symmetry.groups import GridShift, Group, Isometries, Product, random_shift

SPREAD = 1.5  # standard deviation of the default point clouds, in their unit; about a bond length in angstrom


@dataclass(frozen=True)
class Subject:
    """A function under test: the claim, and ``probe(rng, dtype)`` that draws an input for it."""

    name: str
    symmetry: Symmetry
    probe: Callable[[np.random.Generator, type], Probe]
    module: Any = None  # what has a mode: evaluation or training


def subject_of(
    f: Any,
    group: Group | None,
    inputs: Action | Mapping[str, Action] | None,
    outputs: Action | Mapping[str, Action] | None,
    draw: "Callable | Sequence | None",
    shape: "tuple | Mapping[str, tuple] | None",
    sizes: tuple[int, int],
    arrays: str | None,
) -> Subject:
    """Return how to measure ``f``: by what it declares itself, else by what the arguments say."""
    name = getattr(f, "__name__", None) or type(f).__name__
    module = f if _has_modes(f) else None
    if hasattr(f, "symmetry") and hasattr(f, "symmetry_probe") and inputs is None:
        symmetry = restricted(f.symmetry, group)
        if outputs is not None:
            symmetry = dataclasses.replace(symmetry, outputs=outputs)
        return Subject(name, symmetry, f.symmetry_probe, module)
    if inputs is None and outputs is None and isinstance(getattr(f, "symmetry", None), Symmetry):
        symmetry = restricted(f.symmetry, group)
        group, inputs, outputs = symmetry.group, symmetry.inputs, symmetry.outputs
    if group is None or inputs is None or outputs is None:
        raise InputError(f"{name} declares no symmetry of its own: say group=, input= and output=")
    symmetry = Symmetry(group, inputs, outputs)
    if not callable(f) and not hasattr(f, "predict"):
        raise InputError(f"f is a function, a model or something with predict, got {type(f).__name__}")
    drawing = _drawing(draw, group, inputs, shape, sizes)
    if hasattr(f, "predict"):
        return Subject(name, symmetry, _estimator_probe(f, drawing, inputs), module)
    if arrays not in (None, "numpy", "torch"):
        raise InputError(f'arrays is "numpy" or "torch", got {arrays!r}')
    return Subject(name, symmetry, _function_probe(f, drawing, arrays), module)


def restricted(symmetry: Symmetry, group: Group | None) -> Symmetry:
    """Return the claim for another group of the same kind, or for one factor of a product."""
    declared = symmetry.group
    if group is None or str(group) == str(declared):
        return symmetry
    if not isinstance(declared, Product) or isinstance(group, Product):
        return dataclasses.replace(symmetry, group=group)
    for k, factor in enumerate(declared.factors):
        if type(factor) is type(group) or (isinstance(factor, Isometries) and isinstance(group, Isometries)):
            return Symmetry(group, _factor(symmetry.inputs, k), _factor(symmetry.outputs, k))
    raise InputError(f"the declared group is {declared}, which has no factor like {group}")


def _factor(actions: Any, k: int) -> Any:
    if isinstance(actions, Mapping):
        return {name: _factor(action, k) for name, action in actions.items()}
    return actions.factors[k] if isinstance(actions, Together) else actions


# What is drawn ------------------------------------------------------------------------------------------------------


def _drawing(draw: Any, group: Group, inputs: Any, shape: Any, sizes: tuple[int, int]) -> Callable:
    """Return a function rng -> array, dict of arrays, or structure."""
    if callable(draw):
        return draw
    if draw is not None:
        if len(draw) == 0:
            raise InputError("draw is an empty list; give at least one example")
        return lambda rng: draw[int(rng.integers(len(draw)))]
    low, high = sizes
    if not 1 <= low <= high:
        raise InputError(f"sizes is (smallest, largest) with 1 <= smallest <= largest, got {sizes!r}")
    named = inputs if isinstance(inputs, Mapping) else {"x": inputs}
    shapes = dict(shape) if isinstance(shape, Mapping) else dict.fromkeys(named, shape)
    for name, action in named.items():
        if shapes.get(name) is None:
            shapes[name] = default_shape(action, group, name)

    def drawn(rng: np.random.Generator) -> Any:
        size = int(rng.integers(low, high + 1))
        place = rng.integers(2) * random_shift(max(_dimension(group), 1), rng)  # half of the clouds lie far from 0
        arrays = {name: _random(action, shapes[name], size, place, rng) for name, action in named.items()}
        return arrays if isinstance(inputs, Mapping) else arrays["x"]

    return drawn


def _random(action: Action, shape: tuple, size: int, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    array = SPREAD * rng.normal(size=[size if length is None else length for length in shape])
    for part in action.factors if isinstance(action, Together) else (action,):
        if isinstance(part, Point) and array.shape[part.axis] == len(place):
            array = np.moveaxis(np.moveaxis(array, part.axis, -1) + place, -1, part.axis)
    return array


def default_shape(action: Action, group: Group, name: str = "x") -> tuple:
    """Return the shape of an input that nobody described; None stands for a length that varies."""
    n = _dimension(group)
    for part in action.factors if isinstance(action, Together) else (action,):
        if isinstance(part, (Point, Vector, Pseudovector)) and part.axis == -1 and n:
            return (None, n)
        if isinstance(part, Tensor) and n:
            return (None, *(n,) * part.rank)
        if isinstance(part, Steerable) and part.axis == -1:
            return (None, part.irreps.dim)
        if isinstance(part, Roll) and (grid := [g for g in _factors(group) if isinstance(g, GridShift)]):
            return grid[0].shape
        if isinstance(part, Image):
            return (6, 6)
        if isinstance(part, Permute) and isinstance(group, Product) and not n:
            return (None, 3)
    raise InputError(f"the input {name} ({action}) can have any shape: say shape=, None for a varying length, or draw=")


def _dimension(group: Group) -> int:
    dimensions = [factor.n for factor in _factors(group) if isinstance(factor, Isometries)]
    return dimensions[0] if dimensions else 2 if any(hasattr(factor, "flips") for factor in _factors(group)) else 0


def _factors(group: Group) -> tuple[Group, ...]:
    return group.factors if isinstance(group, Product) else (group,)


# What is called -----------------------------------------------------------------------------------------------------


def _function_probe(f: Callable, drawing: Callable, arrays: str | None) -> Callable:
    """Probe a function or an nn.Module (copied into each precision) on NumPy or torch arrays."""
    copies: dict = {}

    def in_precision(dtype: type) -> Callable:
        if not (hasattr(f, "parameters") and hasattr(f, "to")):
            return f
        key = np.dtype(dtype).name, tuple(m.training for m in f.modules())
        if key not in copies:
            copies[key] = copy.deepcopy(f).to(getattr(sys.modules["torch"], key[0]))
        return copies[key]

    def probe(rng: np.random.Generator, dtype: type) -> Probe:
        drawn = drawing(rng)
        values = drawn if isinstance(drawn, Mapping) else {"x": drawn}
        as_torch = arrays == "torch" or (
            arrays is None and (hasattr(f, "parameters") or any(_is_torch(value) for value in values.values()))
        )
        inputs = {name: cast(as_numpy(value), dtype) for name, value in values.items()}
        function = in_precision(dtype)

        def call(**moved: np.ndarray) -> Any:
            ready = {name: _to_torch(value) for name, value in moved.items()} if as_torch else moved
            return function(**ready) if isinstance(drawn, Mapping) else function(ready["x"])

        return Probe(inputs, call)

    return probe


def _estimator_probe(f: Any, drawing: Callable, inputs: Action | Mapping[str, Action]) -> Callable:
    """Probe something with ``predict``: on a structure whose named arrays are moved, or on a plain matrix."""

    def probe(rng: np.random.Generator, dtype: type) -> Probe:
        drawn = drawing(rng)
        if not hasattr(drawn, "positions"):
            values = drawn if isinstance(drawn, Mapping) else {"x": drawn}
            plain = {name: cast(as_numpy(value), dtype) for name, value in values.items()}
            return Probe(plain, lambda **moved: f.predict(*moved.values()))
        names = list(inputs) if isinstance(inputs, Mapping) else ["positions"]
        arrays = {name: cast(np.array(getattr(drawn, name)), dtype) for name in names}
        return Probe(arrays, lambda **moved: f.predict([with_arrays(drawn, moved)])[0])

    return probe


def with_arrays(structure: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the structure with some of its arrays replaced: a dataclass, or anything with ``copy`` or ``replace``."""
    if dataclasses.is_dataclass(structure):
        return dataclasses.replace(structure, **arrays)
    if hasattr(structure, "replace"):
        return structure.replace(**arrays)
    changed = copy.copy(structure)
    for name, array in arrays.items():
        setattr(changed, name, array)
    return changed


def cast(array: np.ndarray, dtype: type) -> np.ndarray:
    """Return a copy, floating values in the given precision."""
    return array.astype(dtype) if np.issubdtype(array.dtype, np.floating) else array.copy()


def as_numpy(value: Any) -> np.ndarray:
    """Return a NumPy array of a tensor, an array, a list or a number."""
    return value.detach().cpu().resolve_conj().numpy() if _is_torch(value) else np.asarray(value)


def _is_torch(value: Any) -> bool:
    return "torch" in sys.modules and isinstance(value, sys.modules["torch"].Tensor)


def _to_torch(array: np.ndarray) -> Any:
    return sys.modules["torch"].from_numpy(np.ascontiguousarray(array))


# Modes and randomness -----------------------------------------------------------------------------------------------


def _has_modes(f: Any) -> bool:
    return hasattr(f, "training") and callable(getattr(f, "train", None)) and hasattr(f, "modules")


@contextlib.contextmanager
def in_mode(module: Any, mode: str) -> Iterator[None]:
    """Put a module into "train" or "eval" mode; afterwards every mode and every buffer is as it was."""
    if module is None:
        yield
        return
    modes = [(part, part.training) for part in module.modules()]
    buffers = [(name, buffer.detach().clone()) for name, buffer in module.named_buffers()]
    module.train(mode == "train")
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
        for name, value in buffers:
            module.get_buffer(name).data.copy_(value)


@contextlib.contextmanager
def same_randomness() -> Iterator[None]:
    """Let torch draw the same random numbers (a dropout mask) in every evaluation; its own state comes back."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    state = torch.default_generator.get_state()
    torch.default_generator.manual_seed(0)
    try:
        yield
    finally:
        torch.default_generator.set_state(state)
