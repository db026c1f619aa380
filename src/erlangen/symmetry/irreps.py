"""Names of representations of O(3), in e3nn's notation: ``"8x0e + 4x1o"``.

Only the names live here: multiplicity, degree, parity, where each block lies along an axis, and how they couple.
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

    def couple(self, other: "Irrep") -> "list[Irrep]":
        """Return what the tensor product with another contains: degrees |l1 - l2| to l1 + l2.

        Examples
        --------
        >>> [str(term) for term in Irrep(2, 1, -1).couple(Irrep(3, 1, 1))]
        ['6x0o', '6x1o', '6x2o']
        """
        degrees = range(abs(self.l - other.l), self.l + other.l + 1)
        return [Irrep(self.multiplicity * other.multiplicity, l, self.p * other.p) for l in degrees]


@dataclass(frozen=True)
class Irreps:
    """A direct sum of representations of O(3).

    Examples
    --------
    >>> irreps = Irreps.parse("8x0e + 4x1o")
    >>> irreps.dim, irreps.lmax, str(irreps)
    (20, 1, '8x0e+4x1o')
    >>> str((irreps + "2x0e").regroup()), irreps.count("1o")
    ('10x0e+4x1o', 4)
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

    def __len__(self) -> int:
        return len(self.terms)

    def __add__(self, other: "str | Irreps") -> "Irreps":
        return Irreps(self.terms + Irreps.parse(other).terms)

    def __mul__(self, times: int) -> "Irreps":
        return Irreps(self.terms * times)

    __rmul__ = __mul__

    @classmethod
    def spherical_harmonics(cls, degree: int) -> "Irreps":
        """Return one copy of each degree up to ``degree``, with the parity (-1)^l.

        Examples
        --------
        >>> str(Irreps.spherical_harmonics(2))
        '1x0e+1x1o+1x2e'
        """
        return cls(tuple(Irrep(1, l, (-1) ** l) for l in range(degree + 1)))

    @property
    def order(self) -> list[int]:
        """Indices of the terms, sorted by degree, then parity."""
        return sorted(range(len(self.terms)), key=lambda k: (self.terms[k].l, self.terms[k].p))

    def sort(self) -> "Irreps":
        """Return the terms sorted by degree, then parity; `order` says from where each came."""
        return Irreps(tuple(self.terms[k] for k in self.order))

    def simplify(self) -> "Irreps":
        """Join neighboring terms of one kind, and leave out those without copies."""
        terms: list[Irrep] = []
        for term in self.terms:
            if terms and (terms[-1].l, terms[-1].p) == (term.l, term.p):
                terms[-1] = Irrep(terms[-1].multiplicity + term.multiplicity, term.l, term.p)
            elif term.multiplicity:
                terms.append(term)
        return Irreps(tuple(terms))

    def regroup(self) -> "Irreps":
        """Sort and simplify."""
        return self.sort().simplify()

    def count(self, kind: str) -> int:
        """Return how many copies of one kind, such as "1o", there are."""
        (wanted,) = Irreps.parse(kind).terms
        return sum(term.multiplicity for term in self.terms if (term.l, term.p) == (wanted.l, wanted.p))

    @property
    def num_irreps(self) -> int:
        """Copies of all kinds."""
        return sum(term.multiplicity for term in self.terms)

    @property
    def dim(self) -> int:
        """Length along the axis."""
        return sum(term.dim for term in self.terms)

    @property
    def lmax(self) -> int:
        """The highest degree."""
        return max((term.l for term in self.terms if term.multiplicity), default=0)

    def slices(self) -> Iterator[tuple[Irrep, slice]]:
        """Yield each term with its place along the axis."""
        start = 0
        for term in self.terms:
            yield term, slice(start, start + term.dim)
            start += term.dim
