"""What the composition alone says about a property: the part that no network should have to learn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from erlangen.errors import InputError
from erlangen.structures import StructureSet
from erlangen.structures.elements import SYMBOLS


@dataclass(frozen=True)
class CompositionBaseline:
    """Least squares on the number of atoms of each element, in float64; for atoms, the mean of their element.

    Attributes
    ----------
    elements : tuple of int
        Atomic numbers seen in training.
    weights : (len(elements) + 1,) array
        Of each element's count, and a constant. For intensive properties the counts are fractions of all atoms.
    scale : float
        Root mean square of what is left.
    extensive : bool
        Whether the property grows with the molecule.
    kind : {"number", "tensor", "atom"}
        A number a structure, (S,); a tensor a structure, (S, 3, 3), of which the composition says the mean diagonal
        entry; or a number an atom, (n,).

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> atoms = [Structure(np.arange(3.0 * n).reshape(n, 3), [2] * n, graph={"E": -79.0 * n}) for n in (1, 2, 3)]
    >>> structures = StructureSet.from_structures(atoms)
    >>> baseline = CompositionBaseline.fit(structures, structures.graph["E"])
    >>> baseline.predict(structures).round(6)
    array([ -79., -158., -237.])
    """

    elements: tuple[int, ...]
    weights: np.ndarray
    scale: float
    extensive: bool = True
    kind: str = "number"

    @classmethod
    def fit(
        cls, structures: StructureSet, target: np.ndarray, extensive: bool = True, kind: str = "number"
    ) -> "CompositionBaseline":
        """Fit to structures and their targets: (S,), (S, 3, 3) or (n,), as ``kind`` says."""
        elements = tuple(np.unique(structures.numbers).tolist())
        baseline = cls(elements, np.zeros(len(elements) + 1), 1.0, extensive, kind)
        numbers = np.trace(target, axis1=1, axis2=2) / 3 if kind == "tensor" else target
        weights = np.linalg.lstsq(baseline._counts(structures), numbers, rcond=None)[0]
        baseline = replace(baseline, weights=weights)
        left = float(np.sqrt(np.mean((target - baseline.predict(structures)) ** 2)))
        return replace(baseline, scale=left if left > 1e-12 * max(1.0, np.abs(target).max()) else 1.0)

    def predict(self, structures: StructureSet) -> np.ndarray:
        """Return the baseline of each structure, (S,) or (S, 3, 3), or of each atom, (n,).

        Raises
        ------
        InputError
            If a structure has an element that was not in the training set.
        """
        check_elements(structures, self.elements)
        numbers = self._counts(structures) @ self.weights
        return numbers[:, None, None] * np.eye(3) if self.kind == "tensor" else numbers

    def _counts(self, structures: StructureSet) -> np.ndarray:
        """Return counts (S, len(elements) + 1), or one row an atom, with a column of ones."""
        place = np.searchsorted(self.elements, structures.numbers)
        sizes = np.ones(len(place), int) if self.kind == "atom" else structures.sizes
        owner = np.repeat(np.arange(len(sizes)), sizes)
        width = len(self.elements) + 1
        counts = np.bincount(owner * width + place, minlength=len(sizes) * width).reshape(-1, width).astype(float)
        if not self.extensive:
            counts /= sizes[:, None]
        counts[:, -1] = 1.0
        return counts


def check_elements(structures: StructureSet, elements: Sequence[int]) -> None:
    """Raise an InputError that names the first structure with an element never seen in training."""
    known = np.isin(structures.numbers, elements)
    if known.all():
        return
    first = int(np.argmin(known))
    which = int(np.searchsorted(np.cumsum(structures.sizes), first, side="right"))
    symbol = SYMBOLS[structures.numbers[first]]
    seen = ", ".join(SYMBOLS[z] for z in elements)
    raise InputError(f"structures[{which}] has {symbol}, which was never seen in training (only {seen} were)")


def check_parts(train: StructureSet, validation: StructureSet, test: StructureSet) -> None:
    """Raise an InputError if an element is missing in training that comes later: better to know before than after."""
    elements = np.unique(train.numbers)
    for name, part in (("validation", validation), ("test", test)):
        try:
            check_elements(part, elements)
        except InputError as error:
            raise InputError(f"in the {name} set {error}; train on more, or split with another seed") from None
