"""The only converter of units: what one foreign unit is in the library's own (angstrom, eV, fs, amu, e).

Source of every figure: CODATA 2018, as `scipy.constants` and ASE have it; the calorie is the thermochemical one.
"""

HARTREE = 27.211386245988
"""eV per hartree."""
BOHR = 0.529177210903
"""angstrom per bohr."""
KJ_PER_MOL = 0.010364269656262174
"""eV per kJ/mol."""
KCAL_PER_MOL = 4.184 * KJ_PER_MOL
"""eV per kcal/mol."""
DEBYE = 0.20819433442462576
"""e angstrom per debye."""
INVERSE_CENTIMETER = 1.2398419843320026e-4
"""eV per cm^-1."""
COULOMB = 14.399645478425668
"""e^2 / (4 pi epsilon_0), in eV angstrom."""
CHEMICAL_ACCURACY = KCAL_PER_MOL
"""1 kcal/mol in eV: the error below which a model counts as chemically accurate."""

_TO_OWN = {
    "eV": ("energy", 1.0), "meV": ("energy", 1e-3), "hartree": ("energy", HARTREE),
    "kcal/mol": ("energy", KCAL_PER_MOL), "kJ/mol": ("energy", KJ_PER_MOL), "cm^-1": ("energy", INVERSE_CENTIMETER),
    "angstrom": ("length", 1.0), "bohr": ("length", BOHR), "nm": ("length", 10.0),
    "fs": ("time", 1.0), "ps": ("time", 1e3),
    "e angstrom": ("dipole", 1.0), "debye": ("dipole", DEBYE), "e bohr": ("dipole", BOHR),
    "eV/angstrom": ("force", 1.0), "hartree/bohr": ("force", HARTREE / BOHR),
    "kcal/mol/angstrom": ("force", KCAL_PER_MOL),
}  # fmt: skip


def convert(value, source: str, target: str):
    """Convert a number or array between two units of the same quantity.

    Parameters
    ----------
    value : float or array
        What to convert.
    source, target : str
        Names such as ``"hartree"``, ``"meV"``, ``"kcal/mol"``, ``"bohr"``, ``"debye"``.

    Raises
    ------
    InputError
        If a unit is unknown or the two measure different quantities.

    Examples
    --------
    >>> round(convert(1.0, "hartree", "kcal/mol"), 4)
    627.5095
    """
    from erlangen.errors import InputError

    for name in (source, target):
        if name not in _TO_OWN:
            raise InputError(f"unit {name!r} is unknown; known are {', '.join(_TO_OWN)}")
    (quantity, factor), (other, divisor) = _TO_OWN[source], _TO_OWN[target]
    if quantity != other:
        raise InputError(f"cannot convert {source} ({quantity}) to {target} ({other})")
    return value * (factor / divisor)
