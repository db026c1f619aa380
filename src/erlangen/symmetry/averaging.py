"""Giving any function a symmetry: averages over a finite group, or over a frame of the input."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from erlangen.arrays import array_namespace
from erlangen.errors import InputError, ShapeError, TooLargeError
from erlangen.symmetry.actions import Action, Invariant, Permute, Point, Together, Vector, plain
from erlangen.symmetry.declaration import Symmetry, move
from erlangen.symmetry.groups import Group, Isometries, Isometry, Parts, Permutation, Product

TIE = 1e-4  # relative difference of two lengths below which neither point is preferred
THIN = 1e-6  # thickness, relative to the size, below which a cloud counts as flat


@dataclass(frozen=True, eq=False)
class Symmetrized:
    """A function made symmetric: call it like the function. Made by `symmetrize`."""

    function: Callable[..., Any]
    symmetry: Symmetry
    limit: int = 10_000

    @property
    def __name__(self) -> str:
        return f"symmetrized {getattr(self.function, '__name__', type(self.function).__name__)}"

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Return the weighted mean of g f(g^-1 x)."""
        claim = self.symmetry
        if isinstance(claim.inputs, Mapping):
            inputs = dict(zip(claim.inputs, arguments, strict=False)) | named
            call = lambda moved: self.function(**moved)  # noqa: E731
        else:
            if len(arguments) != 1 or named:
                raise InputError(f"{self.__name__} takes one array, as its input action says")
            inputs, call = {"x": arguments[0]}, lambda moved: self.function(moved["x"])
        actions = claim.inputs if isinstance(claim.inputs, Mapping) else {"x": claim.inputs}
        if missing := sorted(set(inputs) - set(actions)):
            raise InputError(f"no action is declared for {missing}; declared are {sorted(actions)}")
        chosen = elements_for(claim.group, actions, claim.outputs, inputs, self.limit)
        total = None
        for g, weight, rank in chosen:
            moved = move(actions, claim.group.inverse(g), inputs)
            value = move(claim.outputs, g, call(_flattened(moved, actions, claim.group, rank)))
            total = _added(total, value, weight)
        return total


def symmetrize(
    f: Callable[..., Any],
    group: Group,
    input: Action | Mapping[str, Action],
    output: Action | Mapping[str, Action],
    *,
    limit: int = 10_000,
) -> Symmetrized:
    """Return a function that has the symmetry whatever ``f`` does, and equals ``f`` where ``f`` has it already.

    Parameters
    ----------
    f : callable
        On NumPy or torch arrays; gradients flow.
    group : Group
        Finite (``Cyclic``, ``Dihedral``, ``GridShift``, a small ``Permutation``): f is averaged over all elements.
        ``Translation``, ``Orthogonal``, ``SpecialOrthogonal``, ``Euclidean``, ``SpecialEuclidean``: frame averaging.
        A product of such groups works too.
    input, output : Action or dict of str to Action
        How the group moves what goes in and what comes out; for isometries the inputs are points, free vectors and
        invariants. A dict names the arguments of ``f``.
    limit : int
        Most evaluations of ``f`` for one input.

    Raises
    ------
    TooLargeError
        If an input would take more than ``limit`` evaluations.

    Notes
    -----
    *Frame averaging* (Puny et al., arXiv:2110.03336) replaces the average over all motions by one over a few
    motions that move along with the input. The usual frame, the principal axes, does not exist where moments of
    inertia coincide (methane, benzene, a cube). The frame here is built from the points themselves: the origin is
    their mean; the first axis points at the farthest point (or vector); the second at the one farthest from that
    axis; and so on; the last axis completes the basis, with both signs if the group reflects. Where several points
    compete, within a relative 1e-4, **all** choices are taken and averaged. The set of choices depends on distances
    only, so that it moves with the input and does not depend on the order of the points: exact for every input.

    *Flat inputs.* If all points lie in a line, a plane or a point, no axis is preferred across it. There the average
    over all rotations of the missing directions is taken, exactly, by a quadrature of the output's degree.
    Clouds thinner than 1e-6 of their size (or than rounding of their coordinates) are evaluated as flat.

    *Cost.* One evaluation for a general molecule, two if the group reflects; the order of the point group
    for symmetric ones (benzene 48, a cube 96). All axes but the missing ones follow the input, so forces obtained by
    differentiating are right.

    *Continuity.* Where the set of competing points changes, the result jumps, unless f is symmetric already.
    Averages over frames without weights turn smooth functions into discontinuous ones for the usual groups, however
    the frame is chosen (Dym et al., arXiv:2402.16077). For molecular dynamics prefer a model that is symmetric by
    construction.

    Examples
    --------
    >>> from erlangen.symmetry import Euclidean, Invariant, Point, certify
    >>> extent = symmetrize(lambda x: x[:, 0].max(), Euclidean(3), Point(), Invariant())
    >>> certify(extent, samples=8).holds
    True
    """
    if not callable(f):
        raise InputError(f"f is a function of arrays, got {type(f).__name__}; wrap an estimator's predict in one")
    symmetry = Symmetry(group, input, output)
    _refuse_what_makes_no_frame(symmetry)
    return Symmetrized(f, symmetry, limit)


def _refuse_what_makes_no_frame(symmetry: Symmetry) -> None:
    actions = symmetry.inputs.values() if isinstance(symmetry.inputs, Mapping) else [symmetry.inputs]
    for k, factor in enumerate(_factors(symmetry.group)):
        for action in (_part(action, k) for action in actions):
            if isinstance(factor, Isometries) and not isinstance(action, (Point, Vector, Invariant)):
                raise InputError(f"frames are built from points and vectors; an input of kind {action} has none")


def _factors(group: Group) -> tuple[Group, ...]:
    return group.factors if isinstance(group, Product) else (group,)


def _part(action: Action, k: int) -> Action:
    return action.factors[k] if isinstance(action, Together) else action


def _added(total: Any, value: Any, weight: float) -> Any:
    if isinstance(value, Mapping):
        return {name: _added(total and total[name], part, weight) for name, part in value.items()}
    return value * weight if total is None else total + value * weight


# Which elements to average over -------------------------------------------------------------------------------------


def elements_for(
    group: Group, actions: Mapping[str, Action], outputs: Any, inputs: Mapping[str, Any], limit: int
) -> Iterator[tuple[Any, float, int | None]]:
    """Return (element, weight, rank of the input) of the average at this input; weights add up to one."""
    choices, rank = [], None
    for k, factor in enumerate(_factors(group)):
        own = {name: _part(action, k) for name, action in actions.items()}
        if isinstance(factor, Isometries):
            degree = max(_part(action, k).degree for action in _listed(outputs))
            frames, rank = frames_of(factor, own, inputs, degree, limit)
            choices.append(frames)
        else:
            finite = _sized(factor, own, inputs)
            _refuse_above(limit, finite.order, str(finite))
            choices.append([(g, 1 / finite.order) for g in finite.elements()])
    _refuse_above(limit, math.prod(map(len, choices)), str(group))
    if not isinstance(group, Product):
        return ((g, weight, rank) for g, weight in choices[0])
    return (
        (Parts(tuple(g for g, _ in combination)), math.prod(weight for _, weight in combination), rank)
        for combination in itertools.product(*choices)
    )


def _listed(actions: Any) -> list[Action]:
    return list(actions.values()) if isinstance(actions, Mapping) else [actions]


def _refuse_above(limit: int, count: float, what: str) -> None:
    if count > limit:
        raise TooLargeError(f"the average over {what} takes {count:,} evaluations of f for one input; limit={limit:,}")


def _sized(group: Group, actions: Mapping[str, Action], inputs: Mapping[str, Any]) -> Group:
    """Return the permutations of as many places as the input has."""
    if not (isinstance(group, Permutation) and group.n is None):
        return group
    permuted = [(name, action) for name, action in actions.items() if isinstance(action, Permute)]
    sizes = {inputs[name].shape[axis] for name, action in permuted for axis in action.axes}
    if len(sizes) != 1:
        raise ShapeError(f"the permuted axes have one common length, got {sorted(sizes)}")
    return Permutation(sizes.pop())


def frames_of(
    group: Isometries, actions: Mapping[str, Action], inputs: Mapping[str, Any], degree: int, limit: int
) -> tuple[list[tuple[Isometry, float]], int]:
    """Return the frames of an input, each with its weight, and the number of directions the input extends in."""
    points, vectors = ([_rows(inputs[name], action.axis, group.n, name) for name, action in actions.items()
                        if isinstance(action, kind)] for kind in (Point, Vector))  # fmt: skip
    if not points and not vectors:
        raise InputError(f"an average over {group} needs points or vectors among its inputs, got none")
    xp = array_namespace(*points, *vectors)
    centre = (points or vectors)[0][0] * 0
    noise = 64 * max(_rounding(inputs[name]) for name, a in actions.items() if isinstance(a, (Point, Vector)))
    if group.translates and points:
        centre = xp.mean(xp.concat(points), axis=0)
        points = [rows - centre for rows in points]
    if not group.rotates:
        return [(Isometry(np.eye(group.n), centre), 1.0)], group.n
    scaled, thin = [], THIN
    for rows in points + vectors:  # points and vectors have different units: each array counts by its own size
        radius = float(np.max(np.linalg.norm(plain(rows), axis=-1)))
        thin = max(thin, noise / radius) if radius > noise else thin
        scaled.append(rows / radius if radius > noise else rows * 0)
    rows = xp.concat(scaled)
    choices, rank = leading_rows(plain(rows), min(thin, 0.5), limit)
    frames = []
    for choice in choices:
        axes = [rows[i] for i in choice]
        across = _complement(np.stack([plain(a) for a in _orthonormal(axes)]) if axes else np.zeros((0, group.n)))
        turns = rotations_of(group.n - len(choice), degree, group.reflects)
        _refuse_above(limit, len(choices) * len(turns), str(group))
        for turn, weight in turns:
            missing = [xp.asarray(row, dtype=rows.dtype, device=rows.device) for row in turn @ across]
            matrix = xp.stack(_orthonormal(axes + missing)).T  # columns are the axes
            frames.append((Isometry(matrix, centre), weight / len(choices)))
    return frames, rank


def _rounding(array: Any) -> float:
    """Return the rounding error of the largest coordinate."""
    values = plain(array)
    epsilon = np.finfo(values.dtype if values.dtype.kind == "f" else np.float64).eps
    return float(epsilon * np.max(np.abs(values)))


def _rows(array: Any, axis: int, n: int, name: str) -> Any:
    """Return coordinates as rows, in double precision."""
    xp = array_namespace(array)
    if array.ndim == 0 or array.shape[axis] != n:
        raise ShapeError(f"{name} has {n} coordinates along axis {axis}, got an array of shape {tuple(array.shape)}")
    if 0 in array.shape:
        raise ShapeError(f"{name} has no points, shape {tuple(array.shape)}: there is nothing to build a frame from")
    if not np.isfinite(plain(array)).all():
        raise InputError(f"{name} has entries that are not finite: no frame can be built from them")
    return xp.astype(xp.reshape(xp.moveaxis(array, axis, -1), (-1, n)), xp.float64)


def leading_rows(rows: np.ndarray, noise: float, limit: int) -> tuple[list[tuple[int, ...]], int]:
    """Return every choice of axes: the longest row, then the one farthest from that line, and so on, with all ties.

    At most n - 1 rows are chosen, since orientation gives the last axis. Returned besides: the rank of the rows.
    """
    n = rows.shape[1]
    choices: list[tuple[tuple[int, ...], np.ndarray]] = [((), rows)]  # chosen rows, and what is left of all rows
    for level in range(n):
        lengths = [np.linalg.norm(rest, axis=1) for _, rest in choices]
        longest = max((float(np.max(length, initial=0.0)) for length in lengths), default=0.0)
        if longest <= noise:
            return [choice for choice, _ in choices], level
        if level == n - 1:
            break
        enough = longest - max(TIE * longest, noise / 8)
        extended = []
        for (choice, rest), length in zip(choices, lengths, strict=True):
            for i in np.flatnonzero(length >= enough):
                axis = rest[i] / length[i]
                extended.append(((*choice, int(i)), rest - np.outer(rest @ axis, axis)))
            _refuse_above(limit, len(extended), f"{len(rows)} points, so many of them equally far out,")
        choices = extended
    return [choice for choice, _ in choices], n


def _orthonormal(vectors: list[Any]) -> list[Any]:
    """Gram-Schmidt, twice over for accuracy; gradients pass."""
    axes: list[Any] = []
    for vector in vectors:
        for axis in axes + axes:
            vector = vector - axis * (axis @ vector)
        axes.append(vector / array_namespace(vector).linalg.vector_norm(vector))
    return axes


def _complement(axes: np.ndarray) -> np.ndarray:
    """Return rows that complete orthonormal rows to a basis of determinant 1."""
    k, n = axes.shape
    basis = np.vstack([axes, np.linalg.svd(axes)[2][k:] if k else np.eye(n)])
    basis[-1] *= np.sign(np.linalg.det(basis))
    return basis[k:]


def rotations_of(n: int, degree: int, reflects: bool) -> list[tuple[np.ndarray, float]]:
    """Return rotations and weights whose mean of any polynomial up to ``degree`` is the mean over all of SO(n).

    With ``reflects`` it is the mean over O(n): every rotation comes with a mirror image.
    """
    if n <= 1 or degree == 0:
        proper = [(np.eye(n), 1.0)]
    elif n == 2:
        angles = 2 * math.pi * np.arange(degree + 1) / (degree + 1)
        proper = [(_plane_turn(angle), 1 / len(angles)) for angle in angles]
    elif n == 3:
        angles = 2 * math.pi * np.arange(degree + 1) / (degree + 1)
        cosines, weights = np.polynomial.legendre.leggauss(degree // 2 + 1)
        proper = [
            (_about_z(a) @ _about_y(math.acos(c)) @ _about_z(b), w / 2 / len(angles) ** 2)
            for a, b, (c, w) in itertools.product(angles, angles, zip(cosines, weights, strict=True))
        ]
    else:
        raise InputError(
            f"the input leaves {n} directions open, and outputs of degree {degree} are averaged over at most three; "
            "give more points, or an invariant output"
        )
    if not reflects:
        return proper
    mirror = np.eye(n)
    mirror[-1, -1] = -1
    return [(m @ matrix, weight / 2) for matrix, weight in proper for m in (np.eye(n), mirror)]


def _plane_turn(angle: float) -> np.ndarray:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _about_z(angle: float) -> np.ndarray:
    matrix = np.eye(3)
    matrix[:2, :2] = _plane_turn(angle)
    return matrix


def _about_y(angle: float) -> np.ndarray:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def _flattened(inputs: Mapping[str, Any], actions: Mapping[str, Action], group: Group, rank: int | None) -> Any:
    """Set coordinates across a flat input to zero: there they are rounding, and the axes are arbitrary."""
    if rank is None:
        return inputs
    k, factor = next((k, g) for k, g in enumerate(_factors(group)) if isinstance(g, Isometries))
    if rank >= factor.n:
        return inputs
    flat = dict(inputs)
    for name, action in actions.items():
        part = _part(action, k)
        if isinstance(part, (Point, Vector)):
            xp, array = array_namespace(inputs[name]), inputs[name]
            kept = xp.asarray(np.arange(factor.n) < rank, dtype=array.dtype, device=array.device)
            flat[name] = xp.moveaxis(xp.moveaxis(array, part.axis, -1) * kept, -1, part.axis)
    return flat
