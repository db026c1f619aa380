"""Names of representations of O(3), in e3nn's notation: ``"8x0e + 4x1o"``.

Only the names live here: multiplicity, degree, parity, and where each block lies along an axis.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from erlangen.errors import InputError

_TERM = re.compile(r"\s*(?:(\d+)\s*x\s*)?(\d+)\s*([eo])\s*")


@dataclass(frozen=True)
class Irrep:
    """``multiplicity`` copies of the representation of degree ``l`` and parity ``p`` (1 even, -1 odd)."""

    multiplicity: int
    l: int
    p: int

    def __str__(self) -> str:
        return f"{self.multiplicity}x{self.l}{'e' if self.p > 0 else 'o'}"

    @property
    def dim(self) -> int:
        """Length along the axis, multiplicity times 2l + 1."""
        return self.multiplicity * (2 * self.l + 1)


@dataclass(frozen=True)
class Irreps:
    """A direct sum of representations of O(3).

    Examples
    --------
    >>> irreps = Irreps.parse("8x0e + 4x1o")
    >>> irreps.dim, irreps.lmax, str(irreps)
    (20, 1, '8x0e+4x1o')
    """

    terms: tuple[Irrep, ...]

    @classmethod
    def parse(cls, text: "str | Irreps") -> "Irreps":
        """Read a string such as ``"8x0e + 4x1o"``; a multiplicity of one may be left out."""
        if isinstance(text, Irreps):
            return text
        matches = [_TERM.fullmatch(term) for term in str(text).split("+")]
        if None in matches:
            raise InputError(f'irreps are written like "8x0e + 4x1o", got {text!r}')
        return cls(tuple(Irrep(int(m[1] or 1), int(m[2]), 1 if m[3] == "e" else -1) for m in matches))

    def __str__(self) -> str:
        return "+".join(map(str, self.terms))

    def __iter__(self) -> Iterator[Irrep]:
        return iter(self.terms)

    @property
    def dim(self) -> int:
        """Length along the axis."""
        return sum(term.dim for term in self.terms)

    @property
    def lmax(self) -> int:
        """The highest degree."""
        return max((term.l for term in self.terms), default=0)

    def slices(self) -> Iterator[tuple[Irrep, slice]]:
        """Yield each term with its place along the axis."""
        start = 0
        for term in self.terms:
            yield term, slice(start, start + term.dim)
            start += term.dim
