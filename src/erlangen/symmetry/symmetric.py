"""Polynomials of spherical features that rotate like a spherical feature: the equivariant maps of symmetric powers."""

import functools
import itertools
from collections.abc import Iterator

import numpy as np

from erlangen.symmetry.wigner import wigner_3j


@functools.lru_cache(maxsize=32)
def symmetric_couplings(degree: int, order: int, degree_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Basis of the polynomials of one order in a feature of degrees 0 to ``degree`` that have degree ``degree_out``.

    Features of degree l have the parity (-1)^l, which the polynomials keep.

    Parameters
    ----------
    degree : int
        The feature A has rows (l, m) for l = 0..degree, (degree + 1)^2 in all.
    order : int
        How many rows of A each term multiplies: 1, 2 or 3.
    degree_out : int
        L.

    Returns
    -------
    monomials : (k, order) int64 array
        Rows of A, sorted.
    coefficients : (basis, 2 L + 1, k) array
        Each polynomial is orthonormal to the others, as symmetric tensors are.

    Notes
    -----
    What MACE (2206.07697), eq. 10, calls generalised Clebsch-Gordan coefficients. The basis is made by Gram-Schmidt in
    a fixed order, not by a decomposition whose basis would change with the machine.

    Examples
    --------
    >>> monomials, coefficients = symmetric_couplings(1, 2, 0)
    >>> [tuple(row) for row in monomials.tolist()]
    [(0, 0), (1, 1), (2, 2), (3, 3)]
    >>> coefficients[:, 0].round(4).tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.5774, 0.5774, 0.5774]]
    """
    blocks = [
        block
        for degrees in itertools.combinations_with_replacement(range(degree + 1), order)
        if (sum(degrees) + degree_out) % 2 == 0 and len((block := _block(degrees, degree_out))[1])
    ]
    monomials = np.concatenate([np.empty((0, order), np.int64), *(block[0] for block in blocks)])
    coefficients = np.zeros((sum(len(c) for _, c in blocks), 2 * degree_out + 1, len(monomials)))
    row = column = 0
    for _, block in blocks:  # different degrees share no monomial
        n, _, k = block.shape
        coefficients[row : row + n, :, column : column + k] = block
        row, column = row + n, column + k
    return monomials, coefficients


def _block(degrees: tuple[int, ...], degree_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Return monomials and an orthonormal basis of the polynomials in features of these degrees, one each."""
    rows = [range(l * l, (l + 1) ** 2) for l in degrees]
    entries = np.array(list(itertools.product(*rows)), np.int64)
    monomials, place = np.unique(np.sort(entries, axis=1), axis=0, return_inverse=True)
    shared = np.array([len(set(itertools.permutations(monomial))) for monomial in monomials.tolist()], dtype=float)
    basis = []
    for tensor in _couplings(degrees, degree_out):
        polynomial = np.zeros((2 * degree_out + 1, len(monomials)))
        np.add.at(polynomial.T, place.reshape(-1), tensor.reshape(-1, 2 * degree_out + 1))
        polynomial /= np.sqrt(shared)  # of each entry of the symmetric tensor, times the root of their number
        for _ in range(2):  # twice, for rounding
            for other in basis:
                polynomial = polynomial - (polynomial * other).sum() * other
        norm = np.linalg.norm(polynomial)
        if norm > 1e-6:
            basis.append(polynomial / norm)
    coefficients = np.array(basis).reshape(-1, 2 * degree_out + 1, len(monomials)) * np.sqrt(shared)
    coefficients[np.abs(coefficients) < 1e-13] = 0
    used = np.abs(coefficients).max(axis=(0, 1), initial=0) > 0
    return monomials[used], coefficients[:, :, used]


def _couplings(degrees: tuple[int, ...], degree_out: int) -> Iterator[np.ndarray]:
    """Yield tensors (2 l_1 + 1, ..., 2 L + 1) that couple the degrees to L, one for each choice of degrees between."""
    if len(degrees) == 1:
        if degrees[0] == degree_out:
            yield np.eye(2 * degree_out + 1)
        return
    last = degrees[-1]
    for between in range(abs(degree_out - last), degree_out + last + 1):
        for tensor in _couplings(degrees[:-1], between):
            yield np.tensordot(tensor, wigner_3j(between, last, degree_out), axes=1)
