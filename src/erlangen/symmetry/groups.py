"""Groups: what can be sampled, composed and inverted. How an element moves an array is the business of ``actions``.

An element is a small frozen record that knows no group. ``group.compose(g, h)`` is *first h, then g*, so that
``act(compose(g, h), x) == act(g, act(h, x))`` for every action.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from erlangen.arrays import generator
from erlangen.errors import InputError, ShapeError


@dataclass(frozen=True, eq=False)
class Isometry:
    """The map x -> matrix @ x + shift of n-dimensional space."""

    matrix: Any  # (n, n)
    shift: Any  # (n,)

    def linear(self, dimension: int) -> Any:
        """Return the matrix, or say that the space has another dimension."""
        if self.matrix.shape[0] != dimension:
            raise ShapeError(
                f"an isometry of {self.matrix.shape[0]}-dimensional space cannot move an axis of length {dimension}; "
                f"name the axis of the coordinates (axis=...) or use a group of dimension {dimension}"
            )
        return self.matrix

    def to_dict(self) -> dict:
        """Return plain lists, for JSON."""
        return {"matrix": np.asarray(self.matrix).tolist(), "shift": np.asarray(self.shift).tolist()}


@dataclass(frozen=True)
class Turn:
    """Reflect the second coordinate if ``flip``, then turn the plane by ``step`` of ``order`` equal steps."""

    step: int
    flip: bool
    order: int

    def linear(self, dimension: int) -> np.ndarray:
        """Return the matrix in the plane of the first two coordinates; further coordinates stay."""
        if dimension < 2:
            raise ShapeError(f"a turn needs at least two coordinates, the axis has {dimension}")
        angle = 2 * math.pi * self.step / self.order
        cos, sin, sign = math.cos(angle), math.sin(angle), -1.0 if self.flip else 1.0
        matrix = np.eye(dimension)
        matrix[:2, :2] = [[cos, -sin * sign], [sin, cos * sign]]
        return matrix

    @property
    def shift(self) -> float:
        """Turns keep the origin."""
        return 0.0

    def destinations(self, length: int) -> np.ndarray:
        """Return where each of the ``length`` places of a ring goes."""
        if length % self.order:
            raise ShapeError(f"{self.order} steps do not divide a ring of {length} places")
        places = np.arange(length)
        return ((-places if self.flip else places) + self.step * (length // self.order)) % length

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON."""
        return {"step": self.step, "flip": self.flip, "order": self.order}


@dataclass(frozen=True)
class Reordering:
    """A permutation of a known number of places: place i goes to ``images[i]``."""

    images: tuple[int, ...]

    def destinations(self, length: int) -> np.ndarray:
        """Return where each place goes."""
        if length != len(self.images):
            raise ShapeError(f"a permutation of {len(self.images)} places cannot move an axis of length {length}")
        return np.asarray(self.images, dtype=np.int64)

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON."""
        return {"images": list(self.images)}


@dataclass(frozen=True)
class Shuffle:
    """One permutation for *every* number of places: a word of (seed, +1 or -1), the last letter acts first.

    Sets of all sizes are permuted by the product of all symmetric groups; a seed names a random element of it.
    """

    word: tuple[tuple[int, int], ...] = ()

    def destinations(self, length: int) -> np.ndarray:
        """Return where each of ``length`` places goes."""
        result = np.arange(length)
        for seed, power in reversed(self.word):
            letter = np.random.default_rng([seed, length]).permutation(length)
            result = (letter if power > 0 else np.argsort(letter))[result]
        return result

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON; ``images`` shows what happens to four places."""
        return {"word": [list(letter) for letter in self.word], "images_of_four": self.destinations(4).tolist()}


@dataclass(frozen=True)
class GridStep:
    """A cyclic shift of each axis of a periodic grid."""

    steps: tuple[int, ...]

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON."""
        return {"steps": list(self.steps)}


@dataclass(frozen=True, eq=False)
class Parts:
    """An element of a product of groups: one element of each factor."""

    parts: tuple[Any, ...]

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON."""
        return {"parts": [part.to_dict() for part in self.parts]}


@dataclass(frozen=True)
class Group:
    """What every group answers: ``identity``, ``sample``, ``compose``, ``inverse``; ``elements`` if it is finite."""

    def __mul__(self, other: "Group") -> "Product":
        return Product(*_factors(self), *_factors(other))

    @property
    def identity(self) -> Any:
        """The element that moves nothing."""
        raise NotImplementedError

    @property
    def order(self) -> float:
        """The number of elements; infinite, unless a group says otherwise."""
        return math.inf

    def sample(self, random_state: "int | np.random.Generator | None" = None) -> Any:
        """Draw an element: uniformly (Haar) where the group is compact, over several magnitudes where it is not."""
        raise NotImplementedError

    def compose(self, g: Any, h: Any) -> Any:
        """Return *first h, then g*."""
        raise NotImplementedError

    def inverse(self, g: Any) -> Any:
        """Return the element that undoes ``g``."""
        raise NotImplementedError

    def elements(self) -> Iterator[Any]:
        """Yield every element of a finite group."""
        raise InputError(f"{self} has infinitely many elements, or their number depends on the input")


def _factors(group: Group) -> tuple[Group, ...]:
    return group.factors if isinstance(group, Product) else (group,)


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name} is a positive integer, got {value!r}")
    return int(value)


@dataclass(frozen=True)
class Isometries(Group):
    """Groups of isometries of n-dimensional space; the five subclasses say which."""

    n: int = 3
    symbol = "?"
    rotates = False
    reflects = False
    translates = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _positive(f"{type(self).__name__}(n)", self.n))

    def __str__(self) -> str:
        return f"{self.symbol}({self.n})"

    @property
    def identity(self) -> Isometry:
        """The isometry that moves nothing."""
        return Isometry(np.eye(self.n), np.zeros(self.n))

    def sample(self, random_state: "int | np.random.Generator | None" = None) -> Isometry:
        """Draw a Haar rotation or reflection, and a translation of a length between 0.1 and 100, uniform in its log."""
        rng = generator(random_state)
        matrix = random_orthogonal(self.n, rng, proper=not self.reflects) if self.rotates else np.eye(self.n)
        return Isometry(matrix, random_shift(self.n, rng) if self.translates else np.zeros(self.n))

    def compose(self, g: Isometry, h: Isometry) -> Isometry:
        """Return x -> g(h(x))."""
        return Isometry(g.matrix @ h.matrix, g.matrix @ h.shift + g.shift)

    def inverse(self, g: Isometry) -> Isometry:
        """Return the isometry that undoes ``g``."""
        return Isometry(g.matrix.T, -(g.matrix.T @ g.shift))


def random_orthogonal(n: int, rng: np.random.Generator, proper: bool = False) -> np.ndarray:
    """Return a Haar-distributed orthogonal matrix (Mezzadri, math-ph/0609050), of determinant 1 if ``proper``."""
    q, r = np.linalg.qr(rng.normal(size=(n, n)))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    if proper and np.linalg.det(q) < 0:
        q[:, 0] *= -1
    return q


def random_shift(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a vector of random direction and of length 0.1 to 100, uniform in the logarithm."""
    direction = rng.normal(size=n)
    return direction / np.linalg.norm(direction) * 10 ** rng.uniform(-1, 2)


@dataclass(frozen=True)
class Translation(Isometries):
    """All translations of n-dimensional space, T(n)."""

    symbol, translates = "T", True


@dataclass(frozen=True)
class Orthogonal(Isometries):
    """Rotations and reflections about the origin, O(n)."""

    symbol, rotates, reflects = "O", True, True


@dataclass(frozen=True)
class SpecialOrthogonal(Isometries):
    """Rotations about the origin, SO(n)."""

    symbol, rotates = "SO", True


@dataclass(frozen=True)
class Euclidean(Isometries):
    """Rotations, reflections and translations, E(n).

    Examples
    --------
    >>> group = Euclidean(3)
    >>> g = group.sample(random_state=0)
    >>> bool(abs(group.compose(g, group.inverse(g)).matrix - group.identity.matrix).max() < 1e-12)
    True
    """

    symbol, rotates, reflects, translates = "E", True, True, True


@dataclass(frozen=True)
class SpecialEuclidean(Isometries):
    """Rotations and translations, SE(n)."""

    symbol, rotates, translates = "SE", True, True


@dataclass(frozen=True)
class Permutation(Group):
    """Permutations of ``n`` places, or (``n=None``) of sets of every size at once.

    Examples
    --------
    >>> Permutation().sample(0).destinations(4)
    array([...])
    >>> len(list(Permutation(4).elements()))
    24
    """

    n: int | None = None

    def __post_init__(self) -> None:
        if self.n is not None:
            object.__setattr__(self, "n", _positive("Permutation(n)", self.n))

    def __str__(self) -> str:
        return "S" if self.n is None else f"S({self.n})"

    @property
    def identity(self) -> Reordering | Shuffle:
        """The permutation that moves nothing."""
        return Shuffle() if self.n is None else Reordering(tuple(range(self.n)))

    @property
    def order(self) -> float:
        """The number of permutations, n factorial."""
        return math.inf if self.n is None else math.factorial(self.n)

    def sample(self, random_state: "int | np.random.Generator | None" = None) -> Reordering | Shuffle:
        """Draw a uniform permutation."""
        rng = generator(random_state)
        if self.n is None:
            return Shuffle(((int(rng.integers(2**32)), 1),))
        return Reordering(tuple(rng.permutation(self.n).tolist()))

    def compose(self, g: Any, h: Any) -> Any:
        """Return *first h, then g*."""
        if self.n is None:
            return Shuffle(g.word + h.word)
        return Reordering(tuple(g.images[i] for i in h.images))

    def inverse(self, g: Any) -> Any:
        """Return the permutation that undoes ``g``."""
        if isinstance(g, Shuffle):
            return Shuffle(tuple((seed, -power) for seed, power in reversed(g.word)))
        return Reordering(tuple(np.argsort(g.images).tolist()))

    def elements(self) -> Iterator[Reordering]:
        """Yield all n! permutations."""
        if self.n is None:
            return super().elements()
        return (Reordering(images) for images in itertools.permutations(range(self.n)))


@dataclass(frozen=True)
class Dihedral(Group):
    """The symmetries of a regular polygon with ``n`` corners: n turns, each with or without a reflection."""

    n: int
    symbol = "D"
    flips = (False, True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _positive(f"{type(self).__name__}(n)", self.n))

    def __str__(self) -> str:
        return f"{self.symbol}{self.n}"

    @property
    def identity(self) -> Turn:
        """The turn by nothing."""
        return Turn(0, False, self.n)

    @property
    def order(self) -> int:
        """The number of elements."""
        return self.n * len(self.flips)

    def sample(self, random_state: "int | np.random.Generator | None" = None) -> Turn:
        """Draw a uniform element."""
        rng = generator(random_state)
        return Turn(int(rng.integers(self.n)), bool(rng.choice(self.flips)), self.n)

    def compose(self, g: Turn, h: Turn) -> Turn:
        """Return *first h, then g*; a reflection turns the sense of the steps before it."""
        return Turn((g.step + (-h.step if g.flip else h.step)) % self.n, g.flip != h.flip, self.n)

    def inverse(self, g: Turn) -> Turn:
        """Return the element that undoes ``g``; a reflection undoes itself."""
        return g if g.flip else Turn(-g.step % self.n, False, self.n)

    def elements(self) -> Iterator[Turn]:
        """Yield every element."""
        return (Turn(step, flip, self.n) for flip in self.flips for step in range(self.n))


@dataclass(frozen=True)
class Cyclic(Dihedral):
    """Turns by multiples of 360/n degrees; as a permutation, the shifts of a ring."""

    symbol = "C"
    flips = (False,)


@dataclass(frozen=True)
class GridShift(Group):
    """Cyclic shifts of a periodic grid of the given shape, Z(a) x Z(b) x ..."""

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        shape = (self.shape,) if isinstance(self.shape, int) else tuple(self.shape)
        object.__setattr__(self, "shape", tuple(_positive("GridShift(shape)", length) for length in shape))

    def __str__(self) -> str:
        return " x ".join(f"Z({length})" for length in self.shape)

    @property
    def identity(self) -> GridStep:
        """The shift by nothing."""
        return GridStep((0,) * len(self.shape))

    @property
    def order(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def sample(self, random_state: "int | np.random.Generator | None" = None) -> GridStep:
        """Draw a uniform shift."""
        return GridStep(tuple(generator(random_state).integers(self.shape).tolist()))

    def compose(self, g: GridStep, h: GridStep) -> GridStep:
        """Return the sum of the shifts."""
        sums = zip(g.steps, h.steps, self.shape, strict=True)
        return GridStep(tuple((a + b) % length for a, b, length in sums))

    def inverse(self, g: GridStep) -> GridStep:
        """Return the shift back."""
        return GridStep(tuple(-step % length for step, length in zip(g.steps, self.shape, strict=True)))

    def elements(self) -> Iterator[GridStep]:
        """Yield every shift."""
        return (GridStep(steps) for steps in itertools.product(*map(range, self.shape)))


@dataclass(frozen=True, init=False)
class Product(Group):
    """A product of groups, written ``a * b``; it acts by a product of actions, written alike.

    Examples
    --------
    >>> str(Euclidean(3) * Permutation())
    'E(3) x S'
    """

    factors: tuple[Group, ...]

    def __init__(self, *factors: Group) -> None:
        object.__setattr__(self, "factors", factors)

    def __str__(self) -> str:
        return " x ".join(map(str, self.factors))

    @property
    def identity(self) -> Parts:
        """The identity of every factor."""
        return Parts(tuple(group.identity for group in self.factors))

    @property
    def order(self) -> float:
        """The product of the factors' orders."""
        return math.prod(group.order for group in self.factors)

    def sample(self, random_state: "int | np.random.Generator | None" = None) -> Parts:
        """Draw from every factor."""
        rng = generator(random_state)
        return Parts(tuple(group.sample(rng) for group in self.factors))

    def compose(self, g: Parts, h: Parts) -> Parts:
        """Compose part by part."""
        triples = zip(self.factors, g.parts, h.parts, strict=True)
        return Parts(tuple(group.compose(a, b) for group, a, b in triples))

    def inverse(self, g: Parts) -> Parts:
        """Invert part by part."""
        return Parts(tuple(group.inverse(part) for group, part in zip(self.factors, g.parts, strict=True)))

    def elements(self) -> Iterator[Parts]:
        """Yield every combination."""
        return (Parts(parts) for parts in itertools.product(*(group.elements() for group in self.factors)))
