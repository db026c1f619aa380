"""Symbols of the elements, by atomic number; 0 is X, a point that is no atom."""

import numpy as np

from erlangen.errors import StructureError

_TABLE = """
X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr
Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""
SYMBOLS = tuple(_TABLE.split())
NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS)}


def atomic_numbers(elements) -> np.ndarray:
    """Return atomic numbers (n,) int64 from numbers or symbols.

    Examples
    --------
    >>> atomic_numbers(["C", "H", 8])
    array([6, 1, 8])
    """
    if isinstance(elements, str):
        raise StructureError(f"numbers is a sequence of atomic numbers or symbols, got the string {elements!r}")
    array = np.asarray(elements)
    if array.dtype.kind not in "iu":
        array = np.array([_number(element, atom) for atom, element in enumerate(elements)], dtype=np.int64)
    array = array.astype(np.int64)
    wrong = (array < 0) | (array >= len(SYMBOLS))
    if wrong.any():
        atom = int(np.argmax(wrong))
        raise StructureError(
            f"numbers are atomic numbers from 0 (a point) to 118, got {array.flat[atom]} for atom {atom}"
        )
    return array


def _number(element, atom: int) -> int:
    text = str(element)
    if text in NUMBERS:
        return NUMBERS[text]
    try:
        value = float(text)
    except ValueError:
        value = 0.5
    if not value.is_integer():
        raise StructureError(f"numbers: atom {atom} has the unknown element symbol {text!r}")
    return int(value)
