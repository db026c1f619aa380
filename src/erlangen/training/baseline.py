"""What the composition alone says about a property: the part that no network should have to learn."""

from dataclasses import dataclass

import numpy as np

from erlangen.errors import InputError
from erlangen.structures import StructureSet


@dataclass(frozen=True)
class CompositionBaseline:
    """Least squares on the number of atoms of each element, in float64.

    Attributes
    ----------
    elements : tuple of int
        Atomic numbers seen in training.
    weights : (len(elements) + 1,) array
        Of each element's count, and a constant. For intensive properties the counts are fractions of all atoms.
    scale : float
        Standard deviation of what is left.
    extensive : bool
        Whether the property grows with the molecule.

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

    @classmethod
    def fit(cls, structures: StructureSet, target: np.ndarray, extensive: bool = True) -> "CompositionBaseline":
        """Fit to structures and their targets (S,)."""
        elements = tuple(np.unique(structures.numbers).tolist())
        counts = _composition(structures, elements, extensive)
        weights = np.linalg.lstsq(counts, target, rcond=None)[0]
        left = np.std(target - counts @ weights)
        return cls(elements, weights, float(left) if left > 1e-12 * max(1.0, np.abs(target).max()) else 1.0, extensive)

    def predict(self, structures: StructureSet) -> np.ndarray:
        """Return the baseline of each structure, (S,).

        Raises
        ------
        InputError
            If a structure has an element that was not in the training set.
        """
        return _composition(structures, self.elements, self.extensive) @ self.weights

    def check(self, structures: StructureSet) -> None:
        """Raise an InputError that names the first structure with an element never seen in training."""
        from ase.data import chemical_symbols

        known = np.isin(structures.numbers, self.elements)
        if not known.all():
            first = int(np.argmin(known))
            which = int(np.searchsorted(np.cumsum(structures.sizes), first, side="right"))
            symbol = chemical_symbols[structures.numbers[first]]
            seen = ", ".join(chemical_symbols[z] for z in self.elements)
            raise InputError(f"structures[{which}] has {symbol}, which was never seen in training (only {seen} were)")


def _composition(structures: StructureSet, elements: tuple[int, ...], extensive: bool) -> np.ndarray:
    """Return counts (S, len(elements) + 1) with a column of ones."""
    place = np.searchsorted(elements, structures.numbers)
    owner = np.repeat(np.arange(len(structures)), structures.sizes)
    width = len(elements) + 1
    counts = np.bincount(owner * width + place, minlength=len(structures) * width).reshape(-1, width).astype(float)
    if not extensive:
        counts /= structures.sizes[:, None]
    counts[:, -1] = 1.0
    return counts
