"""Persistence diagrams as vectors: curves, images and numbers, with giotto-tda's names, shapes and conventions.

The mathematics are functions of bars (n, k, 2) and a grid; those that can be differentiated take torch tensors too. The
estimators learn one grid for each homology dimension from the whole collection, bars of length zero included.
"""

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from erlangen.arrays import array_namespace
from erlangen.errors import InputError
from erlangen.topology.diagrams import bars_of, by_dimension, check_diagrams, dimensions_of, over_samples
from erlangen.topology.plots import CurvePlots, PixelPlots

CHUNK = 2**23
"""Numbers that one temporary array of a curve may hold."""


def betti_curves(bars, grid) -> np.ndarray:
    """Return how many bars are alive (birth <= t < death) at each grid value, (n, n_bins) integers."""
    n, bins = len(bars), len(grid)
    counts = np.zeros(n * (bins + 1), dtype=np.int64)
    first = (bins + 1) * np.arange(n)[:, None]
    for end, step in ((0, 1), (1, -1)):
        at = first + np.searchsorted(grid, bars[:, :, end])
        counts += step * np.bincount(at.ravel(), minlength=len(counts))
    return counts.reshape(n, bins + 1).cumsum(axis=1)[:, :-1]


def tents(bars, grid):
    """Return ``max(0, (d - b) / 2 - |t - (b + d) / 2|)``, (n, k, n_bins)."""
    xp = array_namespace(bars)
    half = (bars[..., 1] - bars[..., 0])[..., None] / 2
    middle = (bars[..., 1] + bars[..., 0])[..., None] / 2
    return xp.clip(half - xp.abs(grid - middle), 0.0, None)


def landscapes(bars, grid, n_layers: int = 1):
    """Return the k-th highest tent over each grid value, k = 1 to ``n_layers``: (n, n_layers, n_bins).

    Source: P. Bubenik, JMLR 16, 77 (2015).
    """
    xp = array_namespace(bars)
    heights = xp.sort(tents(bars, grid), axis=1, descending=True)[:, :n_layers]
    missing = n_layers - heights.shape[1]
    if missing > 0:
        empty = xp.zeros((heights.shape[0], missing, heights.shape[2]), dtype=heights.dtype)
        heights = xp.concat([heights, empty], axis=1)
    return heights


def silhouettes(bars, grid, power: float = 1.0):
    """Return the mean of the tents, weighted by lifetimes to a power: (n, n_bins); 0 where there is no bar.

    Source: F. Chazal et al., J. Comput. Geom. 6, 140 (2015).
    """
    xp = array_namespace(bars)
    lives = bars[..., 1] - bars[..., 0]
    longest = xp.max(lives, axis=1, keepdims=True)
    weights = (lives / xp.where(longest > 0, longest, xp.ones_like(longest))) ** power * (lives > 0)
    total = xp.sum(weights, axis=1)[..., None]
    return xp.sum(weights[..., None] * tents(bars, grid), axis=1) / xp.where(total > 0, total, xp.ones_like(total))


def smooth_betti_curves(bars, grid, width: float):
    """Return how many bars are alive at each grid value, births and deaths blurred to sigmoids: (n, n_bins).

    Parameters
    ----------
    bars : (n, k, 2) array or torch tensor
        Those of length zero count nothing.
    grid : (n_bins,) array or tensor
    width : float
        Of the sigmoids, in units of the grid; towards zero they become `betti_curves`.

    Examples
    --------
    >>> smooth_betti_curves(np.array([[[0.0, 1.0], [0.0, 3.0]]]), np.array([0.5, 2.0, 4.0]), 0.01)
    array([[2., 1., 0.]])
    """
    xp = array_namespace(bars)
    begun, ended = (1 + xp.tanh((grid - bars[..., end, None]) / (2 * width)) for end in (0, 1))
    return xp.sum(begun - ended, axis=1) / 2


def persistence_surfaces(bars, births, lives, sigma: float, power: float = 1.0):
    """Return Gaussians at the bars' births and lifetimes, weighted by lifetimes to a power: (n, n_births, n_lives).

    What `PersistenceImage` samples after it has moved the bars to pixels; here they stay, and can be differentiated.

    Parameters
    ----------
    bars : (n, k, 2) array or torch tensor
    births, lives : (n_births,) and (n_lives,) arrays or tensors
        The grids.
    sigma : float
        Standard deviation of the Gaussians, whose integral is the weight.
    power : float
        Above 0, so that bars appear and vanish continuously.

    Source: H. Adams et al., JMLR 18, 8 (2017).

    Examples
    --------
    >>> grid = np.linspace(-4, 6, 101)
    >>> surface = persistence_surfaces(np.array([[[0.0, 2.0]]]), grid, grid, 0.5)
    >>> round(float(surface.sum()) * 0.1**2, 6)  # the lifetime
    2.0
    """
    xp = array_namespace(bars)
    birth, life = bars[..., 0], bars[..., 1] - bars[..., 0]
    x, y = (xp.exp(-(((grid - at[..., None]) / sigma) ** 2) / 2) for grid, at in ((births, birth), (lives, life)))
    weights = life**power / (2 * np.pi * sigma**2)
    return xp.matmul(xp.permute_dims(x * weights[..., None], (0, 2, 1)), y)


def total_persistence(bars, p: float = 1.0):
    """Return the sum of lifetimes to a power, of bars that end.

    Parameters
    ----------
    bars : (..., k, 2) or (..., k, 3) array or torch tensor
        Births, deaths, and possibly dimensions.
    p : float
        The power.

    Returns
    -------
    (...) array or tensor

    Examples
    --------
    >>> float(total_persistence(np.array([[0.0, 1.0], [1.0, 4.0]]), p=2))
    10.0
    """
    xp = array_namespace(bars)
    birth, death = bars[..., 0], bars[..., 1]
    lives = xp.where(xp.isfinite(death), death, birth) - birth
    return xp.sum(lives**p, axis=-1)


def pixels(values, grid) -> np.ndarray:
    """Return the pixel that each value lies in, of those that begin at a grid's values; 0 if these are all equal."""
    step = grid[1] - grid[0]
    if step <= 0:
        return np.zeros(np.shape(values), np.int64)
    return np.clip(((np.clip(values, grid[0], grid[-1]) - grid[0]) / step).astype(np.int64), 0, len(grid) - 1)


def pixel_images(x, y, weights, grid_x, grid_y, sigma: float) -> np.ndarray:
    """Return points as pixels smoothed by a Gaussian, per unit of area: (n, n_bins, n_bins) with axes x and y.

    Parameters
    ----------
    x, y, weights : (n, k) arrays
        Points, and what each counts; weight 0 leaves a point out.
    grid_x, grid_y : (n_bins,) arrays
        Evenly spaced.
    sigma : float
        Standard deviation of the Gaussian, in the units of the grids. It is cut off at four of them.
    """
    n, bins = len(x), len(grid_x)
    steps = grid_x[1] - grid_x[0], grid_y[1] - grid_y[0]
    if min(steps) <= 0:
        return np.zeros((n, bins, bins))
    place = (np.arange(n)[:, None] * bins + pixels(x, grid_x)) * bins + pixels(y, grid_y)
    images = np.bincount(place.ravel(), weights=weights.ravel(), minlength=n * bins * bins).reshape(n, bins, bins)
    widths = [min(sigma / step, 1e5 * bins) for step in steps]
    return gaussian_filter(images, (0, *widths), mode="constant") / (steps[0] * steps[1])


class _Sampled(TransformerMixin, BaseEstimator):
    """What all estimators with a grid for each homology dimension share."""

    def fit(self, X, y=None):
        """Learn the grids from a collection of diagrams (n_samples, n_bars, 3)."""
        X = check_diagrams(X, finite=True)
        if not isinstance(self.n_bins, int | np.integer) or self.n_bins < 2:
            raise InputError(f"n_bins is an integer of at least 2, got {self.n_bins!r}")
        self.homology_dimensions_ = dimensions_of(X)
        self.samplings_ = {q: self._grid(bars_of(X, q), X) for q in self.homology_dimensions_}
        return self

    def _grid(self, bars, X):
        low, high = bars.min(), bars.max()
        return np.linspace(low, high if high > low else X[:, :, :2].max(), self.n_bins)

    def transform(self, X):
        """Return the features, along the second axis in the order of ``homology_dimensions_``."""
        check_is_fitted(self)
        X = check_diagrams(X, finite=True)
        return over_samples(lambda part: by_dimension(self._values, part, self.homology_dimensions_), X, self.n_jobs)


class BettiCurve(CurvePlots, _Sampled):
    """Numbers of bars alive over a grid.

    Parameters
    ----------
    n_bins : int
        Grid values, evenly spaced over the births and deaths seen in `fit`.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    homology_dimensions_ : tuple
    samplings_ : dict
        The grid of each homology dimension.

    Examples
    --------
    >>> BettiCurve(n_bins=5).fit_transform([[[0, 1, 0], [0, 2, 0]]])
    array([[[2, 2, 1, 1, 0]]])
    """

    _height = "Betti number"

    def __init__(self, n_bins=100, n_jobs=None):
        self.n_bins = n_bins
        self.n_jobs = n_jobs

    def _values(self, bars, dimension):
        return betti_curves(bars, self.samplings_[dimension])


class PersistenceLandscape(CurvePlots, _Sampled):
    """Persistence landscapes over a grid: the highest, second highest, ... tent of the bars.

    Parameters
    ----------
    n_layers : int
        How many landscapes; they stand next to each other for each homology dimension.
    n_bins : int
        Grid values, evenly spaced over the births and deaths seen in `fit`.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    homology_dimensions_ : tuple
    samplings_ : dict
        The grid of each homology dimension.

    Examples
    --------
    >>> PersistenceLandscape(n_bins=5).fit_transform([[[0, 1, 0], [0, 2, 0]]])
    array([[[0. , 0.5, 1. , 0.5, 0. ]]])
    """

    _height = "height"

    def __init__(self, n_layers=1, n_bins=100, n_jobs=None):
        self.n_layers = n_layers
        self.n_bins = n_bins
        self.n_jobs = n_jobs

    def transform(self, X):
        """Return the landscapes, (n_samples, n_dimensions * n_layers, n_bins)."""
        values = super().transform(X)
        return values.reshape(len(values), -1, values.shape[-1])

    def _values(self, bars, dimension):
        return _in_chunks(lambda part: landscapes(part, self.samplings_[dimension], self.n_layers), bars, self.n_bins)


class Silhouette(CurvePlots, _Sampled):
    """Means of the bars' tents over a grid, weighted by lifetimes.

    Parameters
    ----------
    power : float
        The weight of a bar is its lifetime to this power.
    n_bins : int
        Grid values, evenly spaced over the births and deaths seen in `fit`.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    homology_dimensions_ : tuple
    samplings_ : dict
        The grid of each homology dimension.

    Examples
    --------
    >>> Silhouette(n_bins=5).fit_transform([[[0, 1, 0], [0, 2, 0]]]).round(3)
    array([[[0.   , 0.5  , 0.667, 0.333, 0.   ]]])
    """

    _height = "height"

    def __init__(self, power=1.0, n_bins=100, n_jobs=None):
        self.power = power
        self.n_bins = n_bins
        self.n_jobs = n_jobs

    def _values(self, bars, dimension):
        return _in_chunks(lambda part: silhouettes(part, self.samplings_[dimension], self.power), bars, self.n_bins)


class HeatKernel(PixelPlots, _Sampled):
    """Images of the bars under the heat kernel, minus their mirror images at the diagonal.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian, in units of the filtration.
    n_bins : int
        Pixels along each side.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    homology_dimensions_ : tuple
    samplings_ : dict
        The grid of each homology dimension, for births and deaths alike.

    Source: J. Reininghaus et al., CVPR 2015.

    Examples
    --------
    >>> HeatKernel(sigma=1, n_bins=3).fit_transform([[[0, 1, 0], [0, 2, 0]]])[0, 0, 0].round(4)
    array([0.2397, 0.1205, 0.    ])
    """

    _vertical = "death"

    def __init__(self, sigma=0.1, n_bins=100, n_jobs=None):
        self.sigma = sigma
        self.n_bins = n_bins
        self.n_jobs = n_jobs

    def _values(self, bars, dimension):
        grid = self.samplings_[dimension]
        birth, death = bars[:, :, 0], bars[:, :, 1]
        images = pixel_images(birth, death, 1.0 * (death > birth), grid, grid, self.sigma)
        return np.rot90(images - images.transpose(0, 2, 1), axes=(1, 2))


class PersistenceImage(PixelPlots, _Sampled):
    """Images of the bars, births rightwards and persistence upwards, weighted and smoothed.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian, in units of the filtration.
    n_bins : int
        Pixels along each side.
    weight_function : callable, optional
        Maps an array of persistences to weights; 1 by default. It is called on the grid, not on the bars.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    homology_dimensions_ : tuple
    samplings_ : dict
        The grids of births and of persistences of each homology dimension, (2, n_bins).
    weights_ : dict
        The weights on the grid of persistences of each homology dimension.
    effective_weight_function_ : callable

    Source: H. Adams et al., JMLR 18, 8 (2017).

    Examples
    --------
    >>> X = [[[0, 1, 0], [0, 2, 0], [0, 4, 1], [1, 1, 1]]]
    >>> PersistenceImage(sigma=1, n_bins=3).fit_transform(X)[0, 0, 0].round(4)
    array([0.2557, 0.2257, 0.1551])
    """

    _vertical = "persistence"

    def __init__(self, sigma=0.1, n_bins=100, weight_function=None, n_jobs=None):
        self.sigma = sigma
        self.n_bins = n_bins
        self.weight_function = weight_function
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Learn the grids and weights from a collection of diagrams (n_samples, n_bars, 3)."""
        super().fit(X)
        self.effective_weight_function_ = np.ones_like if self.weight_function is None else self.weight_function
        self.weights_ = {q: self.effective_weight_function_(grid[1]) for q, grid in self.samplings_.items()}
        return self

    def _grid(self, bars, X):
        birth, life = bars[:, :, 0], bars[:, :, 1] - bars[:, :, 0]
        return np.stack([self._line(birth, X[:, :, 0]), self._line(life, X[:, :, 1] - X[:, :, 0])])

    def _line(self, values, of_all):
        low, high = values.min(), values.max()
        return np.linspace(low, high if high > low else of_all.max(), self.n_bins)

    def _values(self, bars, dimension):
        births, lives = self.samplings_[dimension]
        birth, life = bars[:, :, 0], bars[:, :, 1] - bars[:, :, 0]
        weights = self.weights_[dimension][pixels(life, lives)] * (life > 0)
        return np.rot90(pixel_images(birth, life, weights, births, lives, self.sigma), axes=(1, 2))


class PersistenceEntropy(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The entropy, in bits, of the lifetimes as shares of their sum.

    Parameters
    ----------
    normalize : bool
        Whether to divide by the binary logarithm of the sum of the lifetimes, as giotto-tda does.
    nan_fill_value : float, optional
        What stands where there are no bars (or the logarithm is 0); None leaves NaN.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    homology_dimensions_ : tuple

    Examples
    --------
    >>> PersistenceEntropy().fit_transform([[[0, 1, 0], [0, 2, 0]]]).round(3)
    array([[0.918]])
    """

    def __init__(self, normalize=False, nan_fill_value=-1.0, n_jobs=None):
        self.normalize = normalize
        self.nan_fill_value = nan_fill_value
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Note the homology dimensions of a collection of diagrams (n_samples, n_bars, 3)."""
        self.homology_dimensions_ = dimensions_of(check_diagrams(X, finite=True))
        return self

    def transform(self, X):
        """Return the entropies, (n_samples, n_dimensions)."""
        check_is_fitted(self)
        X = check_diagrams(X, finite=True)
        return over_samples(lambda part: by_dimension(self._values, part, self.homology_dimensions_), X, self.n_jobs)

    @property
    def _n_features_out(self) -> int:
        return len(self.homology_dimensions_)

    def _values(self, bars, _):
        lives = bars[:, :, 1] - bars[:, :, 0]
        total = lives.sum(axis=1, keepdims=True)
        shares = np.divide(lives, total, out=np.zeros_like(lives), where=total > 0)
        bits = -(shares * np.log2(shares, out=np.zeros_like(shares), where=shares > 0)).sum(axis=1)
        bits[total[:, 0] == 0] = np.nan
        if self.normalize:
            scale = np.log2(total[:, 0], out=np.zeros(len(total)), where=total[:, 0] > 0)
            bits = np.divide(bits, scale, out=np.full_like(bits, np.nan), where=scale != 0)
        return bits if self.nan_fill_value is None else np.where(np.isnan(bits), self.nan_fill_value, bits)


class NumberOfPoints(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """How many bars longer than zero there are.

    Parameters
    ----------
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    homology_dimensions_ : tuple

    Examples
    --------
    >>> NumberOfPoints().fit_transform([[[0, 1, 0], [0, 2, 0], [3, 3, 1]]])
    array([[2, 0]])
    """

    def __init__(self, n_jobs=None):
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Note the homology dimensions of a collection of diagrams (n_samples, n_bars, 3)."""
        self.homology_dimensions_ = dimensions_of(check_diagrams(X))
        return self

    def transform(self, X):
        """Return the numbers, (n_samples, n_dimensions)."""
        check_is_fitted(self)
        X = check_diagrams(X)
        return over_samples(lambda part: by_dimension(self._values, part, self.homology_dimensions_), X, self.n_jobs)

    @property
    def _n_features_out(self) -> int:
        return len(self.homology_dimensions_)

    def _values(self, bars, _):
        return (bars[:, :, 0] != bars[:, :, 1]).sum(axis=1)


class ComplexPolynomial(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Coefficients of the polynomials whose roots are the bars, as complex numbers.

    Parameters
    ----------
    n_coefficients : int, list of int or None
        How many coefficients, after the leading one, for each homology dimension; None: as many as there are bars.
    polynomial_type : "R", "S" or "T"
        A root is b + i d; this times (d - b) / (sqrt(2) r) with r the distance of the bar from 0; or
        (d - b) / 2 (cos r - sin r + i (cos r + sin r)).
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    homology_dimensions_ : tuple
    n_coefficients_ : list of int

    Source: B. Di Fabio, M. Ferri, ICIAP 2015 (arXiv:1505.01953).

    Examples
    --------
    >>> ComplexPolynomial(n_coefficients=2).fit_transform([[[0, 1, 0], [0, 2, 0]]]) + 0
    array([[ 0., -2., -3.,  0.]])
    """

    def __init__(self, n_coefficients=10, polynomial_type="R", n_jobs=None):
        self.n_coefficients = n_coefficients
        self.polynomial_type = polynomial_type
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Note the homology dimensions of a collection of diagrams (n_samples, n_bars, 3)."""
        X = check_diagrams(X, finite=True)
        self.homology_dimensions_ = dimensions_of(X)
        if self.polynomial_type not in _ROOTS:
            raise InputError(f"polynomial_type is one of {', '.join(_ROOTS)}, got {self.polynomial_type!r}")
        given = self.n_coefficients
        if given is None:
            given = [bars_of(X, q).shape[1] for q in self.homology_dimensions_]
        elif isinstance(given, int | np.integer):
            given = [int(given)] * len(self.homology_dimensions_)
        if len(given) != len(self.homology_dimensions_) or min(given) < 1:
            raise InputError(
                f"n_coefficients are whole numbers of at least 1 for each of {len(self.homology_dimensions_)} homology "
                f"dimensions, got {self.n_coefficients!r}"
            )
        self.n_coefficients_ = list(given)
        return self

    def transform(self, X):
        """Return, dimension after dimension, the coefficients' real parts and then their imaginary parts."""
        check_is_fitted(self)
        return over_samples(self._coefficients, check_diagrams(X, finite=True), self.n_jobs)

    @property
    def _n_features_out(self) -> int:
        return 2 * sum(self.n_coefficients_)

    def _coefficients(self, X):
        found = []
        for q, count in zip(self.homology_dimensions_, self.n_coefficients_, strict=True):
            bars = bars_of(X, q)
            coefficients = first_coefficients(_ROOTS[self.polynomial_type](bars[:, :, 0], bars[:, :, 1]), bars, count)
            found += [coefficients.real, coefficients.imag]
        return np.concatenate(found, axis=1)


def first_coefficients(roots, bars, count: int) -> np.ndarray:
    """Return the first coefficients, after the leading one, of the polynomials with roots at bars longer than zero."""
    found = np.zeros((len(roots), count + 1), dtype=complex)
    found[:, 0] = 1
    for k in range(roots.shape[1]):  # multiply by (x - root); bars of length zero by 1
        root = np.where(bars[:, k, 0] < bars[:, k, 1], roots[:, k], 0)
        found[:, 1:] = found[:, 1:] - root[:, None] * found[:, :-1]
    return found[:, 1:]


def _stretched(birth, death):
    size = np.hypot(birth, death)
    return (death - birth) / (np.sqrt(2) * np.where(size > 0, size, 1)) * (birth + 1j * death)


def _turned(birth, death):
    size = np.hypot(birth, death)
    return (death - birth) / 2 * (np.cos(size) - np.sin(size) + 1j * (np.cos(size) + np.sin(size)))


_ROOTS = {"R": lambda birth, death: birth + 1j * death, "S": _stretched, "T": _turned}


def _in_chunks(function, bars, n_bins: int) -> np.ndarray:
    """Call a function on as many samples at once as the memory for one temporary array allows."""
    rows = max(1, CHUNK // (n_bins * bars.shape[1]))
    return np.concatenate([function(bars[i : i + rows]) for i in range(0, len(bars), rows)])
