"""Real spherical harmonics and the matrices that rotate them, in e3nn's conventions, in float64.

The polar axis is y and the azimuth runs from z to x, so that degree 1 is (x, y, z) in this order and D of degree 1
is the rotation matrix itself. Everything is a polynomial of the coordinates: no angles, hence no poles.
"""

import functools
import math
from fractions import Fraction

import numpy as np

from erlangen.arrays import array_namespace
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
    if degree == 0:  # of a zero vector, too
        return np.full((*vectors.shape[:-1], 1), math.sqrt(1 / (4 * math.pi)))
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not np.all(length > 0):
        raise InputError("vectors contain a zero (or not a number): it has no direction")
    return solid_harmonics(degree, vectors / length)[..., degree**2 :] / math.sqrt(4 * math.pi)


def solid_harmonics(degree: int, vectors):
    """Real solid harmonics r^l Y_lm of all degrees up to ``degree``, with sum_m Y_lm^2 = 2l + 1 on the unit sphere.

    Parameters
    ----------
    degree : int
        The highest l >= 0.
    vectors : array or tensor of shape (..., 3)
        On the unit sphere these are spherical harmonics (e3nn's ``normalization="component"``); at zero all but the
        first vanish.

    Returns
    -------
    array or tensor of shape (..., (degree + 1)^2)
        Orders -l to l of l = 0, then of l = 1, and so on. Differentiable any number of times, everywhere: polynomials
        of degree l.

    Examples
    --------
    >>> solid_harmonics(1, np.array([0.0, 2.0, 0.0])).round(4)
    array([1.    , 0.    , 3.4641, 0.    ])
    """
    xp = array_namespace(vectors)
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    square = x * x + y * y + z * z
    columns = [None] * (degree + 1) ** 2
    real, imaginary = xp.ones_like(x), xp.zeros_like(x)  # (z + i x)^m
    for m in range(degree + 1):
        before, here = 0.0, float(math.prod(range(1, 2 * m, 2)))  # P_l^m / sin^m, made homogeneous in (y, r)
        for l in range(m, degree + 1):
            if l > m:
                before, here = here, ((2 * l - 1) * y * here - (l + m - 1) * square * before) / (l - m)
            norm = math.sqrt((2 - (m == 0)) * (2 * l + 1) * math.factorial(l - m) / math.factorial(l + m))
            columns[l * l + l + m] = norm * here * real
            if m:
                columns[l * l + l - m] = norm * here * imaginary
        real, imaginary = z * real - x * imaginary, z * imaginary + x * real
    return xp.stack(columns, axis=-1)


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


@functools.lru_cache(maxsize=256)
def wigner_3j(l1: int, l2: int, l3: int) -> np.ndarray:
    """Real coupling of three degrees: the one tensor of norm 1 that no rotation changes, with e3nn's sign.

    Parameters
    ----------
    l1, l2, l3 : int
        Degrees with |l1 - l2| <= l3 <= l1 + l2.

    Returns
    -------
    array of shape (2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1), read-only
        In the basis of `spherical_harmonics`.

    Notes
    -----
    Clebsch-Gordan coefficients by Racah's formula, in exact fractions, taken to the real basis.

    Examples
    --------
    >>> wigner_3j(1, 1, 0)[..., 0].round(4)
    array([[0.5774, 0.    , 0.    ],
           [0.    , 0.5774, 0.    ],
           [0.    , 0.    , 0.5774]])
    """
    if min(l1, l2, l3) < 0 or not abs(l1 - l2) <= l3 <= l1 + l2:
        raise InputError(f"degrees couple if |l1 - l2| <= l3 <= l1 + l2, got {l1}, {l2}, {l3}")
    complex_basis = np.zeros((2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1))
    for m1 in range(-l1, l1 + 1):
        for m2 in range(max(-l2, -l3 - m1), min(l2, l3 - m1) + 1):
            complex_basis[l1 + m1, l2 + m2, l3 + m1 + m2] = _clebsch_gordan(l1, m1, l2, m2, l3, m1 + m2)
    to_real = (_real_basis(l1), _real_basis(l2), _real_basis(l3).conj())
    coupling = np.einsum("ia,jb,kc,ijk->abc", *to_real, complex_basis).real
    coupling /= np.linalg.norm(coupling)
    coupling[np.abs(coupling) < 1e-14] = 0  # rounding; sparse kernels count what is not zero
    coupling.flags.writeable = False
    return coupling


def _real_basis(degree: int) -> np.ndarray:
    """Columns: the real harmonics -l to l by the complex ones, times (-i)^l, which makes every coupling real."""
    matrix = np.zeros((2 * degree + 1, 2 * degree + 1), np.complex128)
    matrix[degree, degree] = 1
    for m in range(1, degree + 1):
        matrix[degree - m, degree + m] = matrix[degree - m, degree - m] = math.sqrt(0.5)
        matrix[degree - m, degree - m] *= -1j
        matrix[degree + m, degree + m] = (-1) ** m * math.sqrt(0.5)
        matrix[degree + m, degree - m] = 1j * (-1) ** m * math.sqrt(0.5)
    return (-1j) ** degree * matrix


def _clebsch_gordan(l1: int, m1: int, l2: int, m2: int, l3: int, m3: int) -> float:
    """<l1 m1 l2 m2 | l3 m3> by Racah's formula."""
    f = math.factorial
    prefactor = Fraction(
        (2 * l3 + 1) * f(l3 + l1 - l2) * f(l3 - l1 + l2) * f(l1 + l2 - l3) * f(l3 + m3) * f(l3 - m3),
        f(l1 + l2 + l3 + 1) * f(l1 - m1) * f(l1 + m1) * f(l2 - m2) * f(l2 + m2),
    )
    total = sum(
        Fraction(
            (-1) ** (k + l2 + m2) * f(l2 + l3 + m1 - k) * f(l1 - m1 + k),
            f(k) * f(l3 - l1 + l2 - k) * f(l3 + m3 - k) * f(k + l1 - l2 - m3),
        )
        for k in range(max(0, l2 - l1 + m3), min(l3 - l1 + l2, l3 + m3) + 1)
    )
    return math.copysign(math.sqrt(prefactor * total * total), total)
