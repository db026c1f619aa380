"""QM9's polarizability tensors, turned into the frame of the geometries.

The file gives each tensor in the program's standard orientation: along the principal axes of the nuclear charge, or
along symmetry axes, not along the axes of the positions beside it. Which axis is which, and their signs, are not on
file. They are recovered here: of the 24 ways to lay the tensor along the principal axes, the one nearest to Thole's
model of interacting dipoles (Thole 1981), which knows the geometry alone, is taken. Eigenvalues are the file's exactly.
"""

import itertools
from collections.abc import Callable

import numpy as np

from erlangen.units import BOHR

# Atomic polarizabilities in bohr^3 and the damping of Thole's exponential model. Fitted to the eigenvalues of 200
# tensors of the file (which know no frame): the basis set of QM9 polarizes less than the experiments behind the
# published values. They reproduce the eigenvalues to 3.2 bohr^3 (root mean square), of a mean of 75.
_ATOMS = {1: 1.778, 6: 7.281, 7: 6.639, 8: 4.347, 9: 2.392}
_DAMPING = 2.4265
_CHUNK = 512


def in_frame_of_geometry(
    tensors: np.ndarray, positions: np.ndarray, numbers: np.ndarray, offsets: np.ndarray, progress: Callable[[], None]
) -> np.ndarray:
    """Return tensors (S, 3, 3) in the frame of the positions.

    Parameters
    ----------
    tensors : (S, 3, 3) array
        In standard orientation, in bohr^3.
    positions, numbers : (N, 3) and (N,) arrays
        Of all atoms, in angstrom.
    offsets : (S + 1,) int array
        Where each molecule begins.
    progress : callable
        Called once for each 512 molecules or fewer.
    """
    found = np.empty_like(tensors)
    sizes = np.diff(offsets)
    for size in np.unique(sizes):
        of_size = np.flatnonzero(sizes == size)
        for molecules in np.split(of_size, range(_CHUNK, len(of_size), _CHUNK)):
            atoms = offsets[molecules][:, None] + np.arange(size)
            found[molecules] = _turned(tensors[molecules], positions[atoms], numbers[atoms])
            progress()
    return found


def _turned(tensors: np.ndarray, positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Do the same for molecules of one size: (s, 3, 3), (s, n, 3), (s, n)."""
    axes = principal_axes(positions, numbers)
    wanted = axes.transpose(0, 2, 1) @ thole_polarizability(positions, numbers) @ axes
    candidates = np.einsum("kab,sbc,kdc->skad", _LAYOUTS, tensors, _LAYOUTS)
    nearest = np.linalg.norm(candidates - wanted[:, None], axis=(2, 3)).argmin(1)
    chosen = candidates[np.arange(len(tensors)), nearest]
    return axes @ chosen @ axes.transpose(0, 2, 1)


def principal_axes(positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the principal axes of the nuclear charge as columns (s, 3, 3), the longest extent first."""
    charge = numbers[..., None] / numbers.sum(1)[:, None, None]
    centered = positions - (charge * positions).sum(1, keepdims=True)
    return np.linalg.eigh((charge * centered).transpose(0, 2, 1) @ centered)[1][:, :, ::-1]


def thole_polarizability(positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the polarizability of damped interacting dipoles, (s, 3, 3) in bohr^3.

    Thole, Chemical Physics 59, 341 (1981), with exponential damping: alpha = sum over atoms i, j of (A^-1)_ij, where
    A_ii = 1 / alpha_i and A_ij is the damped dipole field tensor.
    """
    s, n = numbers.shape
    alpha = np.select([numbers == z for z in _ATOMS], list(_ATOMS.values()))
    x = positions / BOHR
    difference = x[:, :, None] - x[:, None]
    distance = np.linalg.norm(difference, axis=3) + np.eye(n)  # the diagonal is overwritten below
    v = _DAMPING * distance / (alpha[:, :, None] * alpha[:, None]) ** (1 / 6)
    fade = np.exp(-v)
    cubic = 1 - (1 + v + v**2 / 2) * fade
    quintic = cubic - v**3 / 6 * fade
    unit = difference / distance[..., None]
    outer = unit[..., :, None] * unit[..., None, :]
    field = (cubic * np.eye(3)[:, :, None, None, None] - 3 * quintic * outer.transpose(3, 4, 0, 1, 2)) / distance**3
    field[:, :, :, np.arange(n), np.arange(n)] = np.eye(3)[:, :, None, None] / alpha
    matrix = field.transpose(2, 3, 0, 4, 1).reshape(s, 3 * n, 3 * n)
    unit_field = np.broadcast_to(np.tile(np.eye(3), (n, 1)), (s, 3 * n, 3))
    return np.linalg.solve(matrix, unit_field).reshape(s, n, 3, 3).sum(1)


_LAYOUTS = np.array(
    [
        np.eye(3)[:, order] * signs
        for order in itertools.permutations(range(3))
        for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
    ]
)
"""Permutations of the axes with the signs that differ on a tensor of rank 2, (24, 3, 3)."""
