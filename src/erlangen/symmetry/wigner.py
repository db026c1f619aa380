"""Real spherical harmonics and the matrices that rotate them, in e3nn's conventions, in float64.

The polar axis is y and the azimuth runs from z to x, so that degree 1 is (x, y, z) in this order and D of degree 1
is the rotation matrix itself. Everything is a polynomial of the coordinates: no angles, hence no poles.
"""

import functools
import math

import numpy as np

from erlangen.errors import InputError, ShapeError


def spherical_harmonics(degree: int, vectors: np.ndarray) -> np.ndarray:
    """Orthonormal real spherical harmonics of one degree (e3nn's ``normalization="integral"``).

    Parameters
    ----------
    degree : int
        l >= 0.
    vectors : array of shape (..., 3)
        Directions; they are normalised, and must not be zero for l > 0.

    Returns
    -------
    array of shape (..., 2 * degree + 1)
        Orders -l to l; the squares integrate to one over the sphere.

    Examples
    --------
    >>> spherical_harmonics(1, np.array([0.0, 1.0, 0.0])).round(4)
    array([0.    , 0.4886, 0.    ])
    """
    if degree < 0:
        raise InputError(f"degree is at least 0, got {degree}")
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.shape[-1:] != (3,):
        raise ShapeError(f"vectors have shape (..., 3), got {vectors.shape}")
    if degree == 0:
        return np.full((*vectors.shape[:-1], 1), math.sqrt(1 / (4 * math.pi)))
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not np.all(length > 0):
        raise InputError("vectors contain a zero (or not a number): it has no direction")
    x, y, z = np.moveaxis(vectors / length, -1, 0)
    result = np.empty((*vectors.shape[:-1], 2 * degree + 1))
    azimuthal = np.ones_like(x, dtype=np.complex128)  # (sin(polar) * exp(i * azimuth)) ** m
    for m in range(degree + 1):
        norm = math.sqrt(
            (2 - (m == 0)) * (2 * degree + 1) / (4 * math.pi) * math.factorial(degree - m) / math.factorial(degree + m)
        )
        polar = norm * _legendre_over_sine(degree, m, y)
        result[..., degree + m] = polar * azimuthal.real
        if m:
            result[..., degree - m] = polar * azimuthal.imag
        azimuthal = azimuthal * (z + 1j * x)
    return result


def _legendre_over_sine(degree: int, m: int, y: np.ndarray) -> np.ndarray:
    """Associated Legendre P_l^m(y) / (1 - y^2)^(m/2), without the phase (-1)^m: a polynomial, by upward recurrence."""
    before, here = np.zeros_like(y), np.full_like(y, float(math.prod(range(1, 2 * m, 2))))
    for k in range(m + 1, degree + 1):
        before, here = here, ((2 * k - 1) * y * here - (k + m - 1) * before) / (k - m)
    return here


@functools.lru_cache(maxsize=64)
def _sampling(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points spread over the sphere and the map from values there to coefficients."""
    count = 4 * (2 * degree + 1) ** 2
    y = 1 - (2 * np.arange(count) + 1) / count
    azimuth = math.pi * (1 + math.sqrt(5)) * np.arange(count)
    ring = np.sqrt(1 - y * y)
    points = np.stack([ring * np.sin(azimuth), y, ring * np.cos(azimuth)], axis=-1)
    return points, np.linalg.pinv(spherical_harmonics(degree, points))


def wigner_D(degree: int, matrix: np.ndarray, parity: int | None = None) -> np.ndarray:
    """Matrix by which a rotation or reflection moves the coefficients of degree ``degree``.

    Parameters
    ----------
    degree : int
        l >= 0.
    matrix : array of shape (3, 3)
        Orthogonal; its determinant may be -1.
    parity : {1, -1}, optional
        How the inversion acts; that of the spherical harmonics, (-1)^l, unless said otherwise.

    Returns
    -------
    array of shape (2 * degree + 1, 2 * degree + 1)
        Orthogonal; ``D @ Y(v) == Y(matrix @ v)`` for the parity of the spherical harmonics.

    Notes
    -----
    Solved from the definition: harmonics at fixed points and at the same points rotated, which needs no angles and
    has no singular rotation (the least-squares problem is the same, well-conditioned one for every rotation).

    Examples
    --------
    >>> turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> np.allclose(wigner_D(1, turn), turn)
    True
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape != (3, 3):
        raise ShapeError(f"matrix has shape (3, 3), got {matrix.shape}")
    improper = np.linalg.det(matrix) < 0
    proper = -matrix if improper else matrix
    sign = ((-1) ** degree if parity is None else parity) if improper else 1
    if degree == 0:
        return np.full((1, 1), float(sign))
    if degree == 1:
        return sign * proper
    points, to_coefficients = _sampling(degree)
    return sign * (to_coefficients @ spherical_harmonics(degree, points @ proper.T)).T
