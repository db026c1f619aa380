"""A molecule as balls and sticks: plain numbers that any canvas can draw."""

import numpy as np

from erlangen.errors import StructureError
from erlangen.neighbors import neighbor_list
from erlangen.structures import Structure

# Cordero et al., Dalton Trans. 2832 (2008), in angstrom, by atomic number up to Cm; 0 is a point.
COVALENT_RADII = np.array([
    0.20, 0.31, 0.28, 1.28, 0.96, 0.84, 0.76, 0.71, 0.66, 0.57, 0.58, 1.66, 1.41, 1.21, 1.11, 1.07, 1.05, 1.02,
    1.06, 2.03, 1.76, 1.70, 1.60, 1.53, 1.39, 1.39, 1.32, 1.26, 1.24, 1.32, 1.22, 1.22, 1.20, 1.19, 1.20, 1.20,
    1.16, 2.20, 1.95, 1.90, 1.75, 1.64, 1.54, 1.47, 1.46, 1.42, 1.39, 1.45, 1.44, 1.42, 1.39, 1.39, 1.38, 1.39,
    1.40, 2.44, 2.15, 2.07, 2.04, 2.03, 2.01, 1.99, 1.98, 1.98, 1.96, 1.94, 1.92, 1.92, 1.89, 1.90, 1.87, 1.87,
    1.75, 1.70, 1.62, 1.51, 1.44, 1.41, 1.36, 1.36, 1.32, 1.45, 1.46, 1.48, 1.40, 1.50, 1.50, 2.60, 2.21, 2.15,
    2.06, 2.00, 1.96, 1.90, 1.87, 1.80, 1.69,
])  # fmt: skip
_HEAVIEST = len(COVALENT_RADII) - 1
_TOLERANCE = 1.25  # two atoms are joined up to so many times the sum of their radii
_COLOURS = {
    "H": "#e9ecf1", "B": "#f0a9a0", "C": "#525a66", "N": "#3f66d9", "O": "#d8434e", "F": "#5fbf4f", "Si": "#d9b98a",
    "P": "#e88a2a", "S": "#e3c53a", "Cl": "#38b05c", "Br": "#a0452e", "I": "#8a3fa8", "Li": "#b07be0", "Na": "#9a63d6",
    "Mg": "#7fbf3a", "Fe": "#c8692f", "Cu": "#c07f45", "Zn": "#7f86b8",
}  # fmt: skip
_OTHER = "#c77fb0"


def molecule_scene(structure: Structure) -> dict:
    """Return what a viewer draws: places, radii and colours of the atoms, and which are joined.

    The molecule is centred and turned so that its longest direction lies across and its shortest towards the eye;
    it is never mirrored.

    Parameters
    ----------
    structure : Structure
        With positions. Its own bonds are drawn; without any, atoms within 1.25 times the sum of their covalent radii
        are joined.

    Returns
    -------
    dict
        ``positions`` (n, 3) and ``radii`` (n,) in angstrom, ``symbols`` and ``colours`` (n,), ``bonds`` (b, 2),
        ``formula``: plain lists, for JSON.

    Raises
    ------
    StructureError
        If the structure has no positions.

    Examples
    --------
    >>> water = Structure([[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]], ["O", "H", "H"])
    >>> molecule_scene(water)["bonds"]
    [[0, 1], [0, 2]]
    """
    if not structure.has_positions:
        raise StructureError(
            "structure has no positions to draw; Structure.from_smiles(..., conformer=True) makes some"
        )
    symbols = structure.symbols
    radii = COVALENT_RADII[np.minimum(structure.numbers, _HEAVIEST)]
    bonds = structure.bonds if structure.bonds is not None else _bonds(structure.positions, radii)
    return {
        "positions": np.round(_facing(structure.positions), 3).tolist(),
        "radii": np.round(radii, 2).tolist(),
        "symbols": symbols,
        "colours": [_COLOURS.get(symbol, _OTHER) for symbol in symbols],
        "bonds": np.transpose(bonds).tolist(),
        "formula": structure.formula,
    }


def _facing(positions: np.ndarray) -> np.ndarray:
    centred = positions - positions.mean(0)
    axes = np.linalg.svd(centred, full_matrices=True)[2]
    axes[2] *= np.linalg.det(axes)  # a rotation: the mirror image is another molecule
    return centred @ axes.T


def _bonds(positions: np.ndarray, radii: np.ndarray) -> np.ndarray:
    found = neighbor_list(positions, 2 * _TOLERANCE * float(radii.max()))
    (sender, receiver), distance = found.edge_index, np.linalg.norm(found.displacement, axis=1)
    joined = (sender < receiver) & (distance < _TOLERANCE * (radii[sender] + radii[receiver]))
    order = np.lexsort((receiver[joined], sender[joined]))
    return np.stack([sender[joined], receiver[joined]])[:, order]
