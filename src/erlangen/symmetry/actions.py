"""How a group element moves an array: one small record an action, the same for NumPy and torch (with gradients).

``action(g, x)`` is the moved copy of ``x``. For a product of groups, multiply the actions in the same order:
``Point() * Permute(0)`` says how ``Euclidean(3) * Permutation()`` moves the positions of a point cloud.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from erlangen.arrays import array_namespace, is_torch_array
from erlangen.errors import InputError, ShapeError
from erlangen.symmetry.groups import Parts
from erlangen.symmetry.irreps import Irreps
from erlangen.symmetry.wigner import wigner_D


@dataclass(frozen=True)
class Action:
    """What every action answers: ``action(g, x)``, and ``degree``, how many times the matrix of g enters."""

    def __call__(self, g: Any, x: Any) -> Any:
        """Return the moved copy of ``x``."""
        raise NotImplementedError

    def __mul__(self, other: "Action") -> "Together":
        return Together(*_factors(self), *_factors(other))

    def __str__(self) -> str:
        return type(self).__name__.lower()

    @property
    def degree(self) -> int:
        """The highest power of the matrix of g; 0 says that rotations do not matter."""
        return 0


def _factors(action: Action) -> tuple[Action, ...]:
    return action.factors if isinstance(action, Together) else (action,)


@dataclass(frozen=True, init=False)
class Together(Action):
    """A product of actions, one for each factor of a product of groups; they must commute (other axes each)."""

    factors: tuple[Action, ...]

    def __init__(self, *factors: Action) -> None:
        object.__setattr__(self, "factors", factors)

    def __call__(self, g: Parts, x: Any) -> Any:
        """Let each part act in its own way."""
        if not isinstance(g, Parts) or len(g.parts) != len(self.factors):
            raise InputError(f"{self} acts for a product of {len(self.factors)} groups, got the element {g!r}")
        for action, part in zip(self.factors, g.parts, strict=True):
            x = action(part, x)
        return x

    def __str__(self) -> str:
        return " x ".join(map(str, self.factors))

    @property
    def degree(self) -> int:
        """The highest degree of the factors."""
        return max(action.degree for action in self.factors)


@dataclass(frozen=True)
class Invariant(Action):
    """Nothing moves: energies, atomic numbers, distances."""

    def __call__(self, g: Any, x: Any) -> Any:
        """Return ``x``."""
        return x


@dataclass(frozen=True)
class Vector(Action):
    """A free vector along one axis: rotates and reflects, does not translate. Forces, dipoles, velocities."""

    axis: int = -1

    def __call__(self, g: Any, x: Any) -> Any:
        """Return matrix @ x along the axis."""
        return turned(_linear(g, length_along(x, self.axis)), x, self.axis)

    @property
    def degree(self) -> int:
        """The matrix enters once."""
        return 1


@dataclass(frozen=True)
class Point(Action):
    """A place in space along one axis: rotates, reflects and translates. Positions.

    Examples
    --------
    >>> from erlangen.symmetry.groups import Isometry
    >>> Point()(Isometry(-np.eye(3), np.ones(3)), np.array([[1.0, 2.0, 3.0]]))
    array([[ 0., -1., -2.]])
    """

    axis: int = -1

    def __call__(self, g: Any, x: Any) -> Any:
        """Return matrix @ x + shift along the axis."""
        moved = turned(_linear(g, length_along(x, self.axis)), x, self.axis)
        shift = like(g.shift, moved)
        if shift.ndim:
            shift = shift.reshape((-1,) + (1,) * (-1 - self.axis if self.axis < 0 else moved.ndim - 1 - self.axis))
        return moved + shift

    @property
    def degree(self) -> int:
        """The matrix enters once."""
        return 1


@dataclass(frozen=True)
class Tensor(Action):
    """A Cartesian tensor on the last ``rank`` axes; ``pseudo`` ones change sign under improper elements besides."""

    rank: int = 2
    pseudo: bool = False

    def __call__(self, g: Any, x: Any) -> Any:
        """Return the tensor with the matrix applied to each of its axes."""
        if self.rank < 1 or x.ndim < self.rank:
            raise ShapeError(
                f"a tensor of rank {self.rank} has one axis a rank, at least one, got shape {tuple(x.shape)}"
            )
        for axis in range(-self.rank, 0):
            x = turned(_linear(g, x.shape[axis]), x, axis)
        return x * orientation(g, x.shape[-1]) if self.pseudo else x

    def __str__(self) -> str:
        return f"{'pseudo' if self.pseudo else ''}tensor({self.rank})"

    @property
    def degree(self) -> int:
        """The matrix enters once an axis."""
        return self.rank


@dataclass(frozen=True)
class Pseudoscalar(Action):
    """A number that changes sign in the mirror: handedness."""

    dimension: int = 3

    def __call__(self, g: Any, x: Any) -> Any:
        """Return x times the determinant of g."""
        return x * orientation(g, self.dimension)


@dataclass(frozen=True)
class Pseudovector(Action):
    """An axial vector of space, such as an angular momentum: rotates, but is not inverted with space."""

    axis: int = -1

    def __call__(self, g: Any, x: Any) -> Any:
        """Return det(matrix) * matrix @ x along the axis."""
        dimension = length_along(x, self.axis)
        return turned(_linear(g, dimension), x, self.axis) * orientation(g, dimension)

    @property
    def degree(self) -> int:
        """The matrix enters once."""
        return 1


@dataclass(frozen=True)
class Steerable(Action):
    """Coefficients of real spherical harmonics along one axis, laid out as e3nn does: ``Steerable("8x0e + 4x1o")``."""

    irreps: Irreps | str
    axis: int = -1

    def __post_init__(self) -> None:
        object.__setattr__(self, "irreps", Irreps.parse(self.irreps))

    def __call__(self, g: Any, x: Any) -> Any:
        """Return D(g) x along the axis."""
        if (length := length_along(x, self.axis)) != self.irreps.dim:
            raise ShapeError(f"{self.irreps} has {self.irreps.dim} components, the axis has {length}")
        return turned(self.matrix(g), x, self.axis)

    def matrix(self, g: Any) -> np.ndarray:
        """Return the block-diagonal matrix D(g) of shape (dim, dim)."""
        rotation = plain(_linear(g, 3))
        result = np.zeros((self.irreps.dim, self.irreps.dim))
        for term, place in self.irreps.slices():
            result[place, place] = np.kron(np.eye(term.multiplicity), wigner_D(term.l, rotation, term.p))
        return result

    def __str__(self) -> str:
        return str(self.irreps)

    @property
    def degree(self) -> int:
        """The highest l."""
        return self.irreps.lmax


@dataclass(frozen=True, init=False)
class Permute(Action):
    """The places along one or several axes are permuted alike: atoms, or both axes of an adjacency matrix."""

    axes: tuple[int, ...]

    def __init__(self, *axes: int) -> None:
        object.__setattr__(self, "axes", axes or (0,))

    def __call__(self, g: Any, x: Any) -> Any:
        """Return x with what was at place i now at the place where g sends i."""
        if not hasattr(g, "destinations"):
            raise InputError(f"permute needs a permutation, got {g!r}")
        xp = array_namespace(x)
        for axis in self.axes:
            sources = np.argsort(g.destinations(length_along(x, axis)))
            x = xp.take(x, like(sources, x, integer=True), axis=axis % x.ndim)
        return x


@dataclass(frozen=True, init=False)
class Roll(Action):
    """The axes of a periodic grid are shifted: the action of ``GridShift``, one axis for each of its lengths."""

    axes: tuple[int, ...]

    def __init__(self, *axes: int) -> None:
        object.__setattr__(self, "axes", axes or (-1,))

    def __call__(self, g: Any, x: Any) -> Any:
        """Return x shifted."""
        if len(getattr(g, "steps", ())) != len(self.axes):
            raise InputError(f"roll of axes {self.axes} needs as many steps, got {g!r}")
        return array_namespace(x).roll(x, tuple(g.steps), axis=self.axes)


@dataclass(frozen=True)
class TurnImage(Action):
    """Square images turn by right angles and reflect: ``Cyclic(4)``, ``Dihedral(4)`` and their subgroups."""

    axes: tuple[int, int] = (-2, -1)

    def __call__(self, g: Any, x: Any) -> Any:
        """Return x reflected along the second axis if g flips, then turned from the first axis to the second."""
        first, second = self.axes
        if 4 % getattr(g, "order", 3):
            raise InputError(f"pixels turn by right angles: Cyclic(n) or Dihedral(n) with n of 1, 2 or 4, got {g!r}")
        xp = array_namespace(x)
        if g.flip:
            x = xp.flip(x, axis=second)
        for _ in range(g.step * 4 // g.order):
            x = xp.flip(xp.moveaxis(x, (first, second), (second, first)), axis=first)
        return x


def _linear(g: Any, dimension: int) -> Any:
    if not hasattr(g, "linear"):
        raise InputError(f"this element turns no coordinates: {g!r}; for a product of groups multiply the actions")
    return g.linear(dimension)


def length_along(x: Any, axis: int) -> int:
    """Return the length of an axis, or say that there is none."""
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"there is no axis {axis} in an array of shape {tuple(x.shape)}")
    return x.shape[axis]


def plain(values: Any) -> np.ndarray:
    """Return a NumPy copy, without gradients."""
    return np.asarray(values.detach().cpu() if is_torch_array(values) else values)


def orientation(g: Any, dimension: int) -> float:
    """Return 1 for a proper element, -1 for one with a reflection."""
    return 1.0 if np.linalg.det(plain(_linear(g, dimension))) > 0 else -1.0


def turned(matrix: Any, x: Any, axis: int) -> Any:
    """Return ``matrix @ x`` along one axis of ``x``."""
    xp = array_namespace(x)
    if not xp.isdtype(x.dtype, "real floating"):
        x = xp.astype(x, xp.float64)
    moved = xp.matmul(xp.moveaxis(x, axis, -1), like(matrix, x).T)
    return xp.moveaxis(moved, -1, axis)


def like(values: Any, x: Any, integer: bool = False) -> Any:
    """Return ``values`` in the library, on the device and (unless ``integer``) of the type of ``x``."""
    xp = array_namespace(x)
    return xp.asarray(values, dtype=xp.int64 if integer else x.dtype, device=x.device)
