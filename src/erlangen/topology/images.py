"""Images made ready for cubical persistence: binary images as grey ones whose sublevel sets tell of shape.

All take an array (n_samples, height, width[, depth]). A pixel's coordinates are x, its column, y, its row, and z.
"""

import numpy as np
from joblib import Parallel, delayed
from scipy.ndimage import distance_transform_cdt
from scipy.signal import oaconvolve
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import pairwise_distances
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError, ShapeError
from erlangen.topology.diagrams import over_samples
from erlangen.topology.plots import CloudPlots, ImagePlots


def checked_stack(X, binary: bool = False) -> np.ndarray:
    """Return images of equal shape, two- or three-dimensional, as one array, or say what is wrong."""
    try:
        X = np.asarray(X)
        usable = X.dtype.kind in "biuf"
    except (TypeError, ValueError):
        usable = False
    if not usable:
        raise ShapeError("images are an array of numbers (n_samples, height, width[, depth]), all of the same shape")
    if X.ndim not in (3, 4):
        raise ShapeError(f"images have shape (n_samples, height, width[, depth]), got {X.shape}")
    if not X.size:
        raise InputError(f"at least one image with at least one pixel is needed, got shape {X.shape}")
    if X.dtype.kind == "f" and np.isnan(X).any():
        raise InputError("pixels are numbers, some are NaN")
    if binary and X.dtype != bool and not np.isin(X, (0, 1)).all():
        raise InputError("binary images are needed, got other values than 0 and 1; a Binarizer makes them")
    return X.astype(bool) if binary else X


class _Images(ImagePlots, TransformerMixin, BaseEstimator):
    """What all estimators of images share: they note the number of axes, and refuse images with another one."""

    _binary = False

    def fit(self, X, y=None):
        """Learn from images (n_samples, height, width[, depth])."""
        X = checked_stack(X, self._binary)
        self.n_dimensions_ = X.ndim - 1
        self._learn(X)
        return self

    def transform(self, X):
        """Return the transformed images."""
        check_is_fitted(self)
        X = checked_stack(X, self._binary)
        if X.ndim - 1 != self.n_dimensions_:
            raise ShapeError(f"images of {self.n_dimensions_} dimensions were learned from, got {X.ndim - 1}")
        return self._changed(X)

    def _changed(self, X):
        return over_samples(self._change, X, self.n_jobs)

    def _learn(self, X):
        pass


class Binarizer(_Images):
    """Images as black and white: whether pixels are above a share of the largest one.

    Parameters
    ----------
    threshold : float
        The share, from 0 to 1.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int
    max_value_ : float
        The largest pixel seen in `fit`.

    Examples
    --------
    >>> Binarizer(threshold=0.4).fit_transform([[[0, 1], [2, 4]]]).tolist()
    [[[False, False], [True, True]]]
    """

    def __init__(self, threshold=0.5, n_jobs=None):
        self.threshold = threshold
        self.n_jobs = n_jobs

    def _learn(self, X):
        self.max_value_ = X.max()

    def _change(self, X):
        return X / self.max_value_ > self.threshold


class Inverter(_Images):
    """Images with light and dark exchanged.

    Parameters
    ----------
    max_value : number, optional
        What pixels are subtracted from; by default the largest seen in `fit`. Of booleans the opposite is taken.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int
    max_value_ : number

    Examples
    --------
    >>> Inverter().fit_transform([[[0, 1], [2, 4]]]).tolist()
    [[[4, 3], [2, 0]]]
    """

    def __init__(self, max_value=None, n_jobs=None):
        self.max_value = max_value
        self.n_jobs = n_jobs

    def _learn(self, X):
        if self.max_value is not None:
            self.max_value_ = self.max_value
        else:
            self.max_value_ = True if X.dtype == bool else X.max()

    def _change(self, X):
        return ~X if X.dtype == bool else self.max_value_ - X


class Padder(_Images):
    """Images with a margin.

    Parameters
    ----------
    padding : sequence of int, optional
        Pixels on both sides of each axis; one by default.
    value : number or bool
        What the margin is filled with.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int
    padding_ : (n_dimensions_,) array of int

    Examples
    --------
    >>> Padder(padding=(0, 1)).fit_transform([[[1, 2]]]).tolist()
    [[[0, 1, 2, 0]]]
    """

    def __init__(self, padding=None, value=False, n_jobs=None):
        self.padding = padding
        self.value = value
        self.n_jobs = n_jobs

    def _learn(self, X):
        padding = np.ones(X.ndim - 1, int) if self.padding is None else np.asarray(self.padding)
        if padding.shape != (X.ndim - 1,) or padding.dtype.kind not in "iu" or (padding < 0).any():
            raise InputError(f"padding is a whole number for each of {X.ndim - 1} axes, got {self.padding!r}")
        self.padding_ = padding

    def _change(self, X):
        return np.pad(X, [(0, 0), *((p, p) for p in self.padding_)], constant_values=self.value)


class ImageToPointCloud(CloudPlots, _Images):
    """The active pixels of binary images as points, x to the right and y upwards.

    Parameters
    ----------
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int

    Examples
    --------
    >>> ImageToPointCloud().fit_transform([[[0, 1], [1, 0]]])[0].tolist()
    [[0, 0], [1, 1]]
    """

    _binary = True

    def __init__(self, n_jobs=None):
        self.n_jobs = n_jobs

    def _changed(self, X):
        upright = np.swapaxes(X[:, ::-1], 1, 2)
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(delayed(np.argwhere)(image) for image in upright)


class _Filtration(_Images):
    """What maps each pixel to a value that only its place decides share: inactive pixels enter last."""

    _binary = True

    def _change(self, X):
        if X.shape[1:] != self.mesh_.shape:
            raise ShapeError(f"images of shape {self.mesh_.shape} were learned from, got {X.shape[1:]}")
        return np.where(X, self.mesh_, self.max_value_)


class HeightFiltration(_Filtration):
    """Active pixels by how far they lie in a direction, inactive ones last.

    Parameters
    ----------
    direction : sequence of float, optional
        Of x, y and z; by default all are one. Along an axis with a negative component, pixels are counted from the
        other end.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int
    direction_ : (n_dimensions_,) array
        Of length one.
    mesh_ : array
        The value of each pixel.
    max_value_ : float
        The value of inactive pixels.

    Examples
    --------
    >>> HeightFiltration(direction=(1, 0)).fit_transform([[[1, 1, 0]]]).tolist()
    [[[0.0, 1.0, 3.0]]]
    """

    def __init__(self, direction=None, n_jobs=None):
        self.direction = direction
        self.n_jobs = n_jobs

    def _learn(self, X):
        d = X.ndim - 1
        direction = np.ones(d) if self.direction is None else np.asarray(self.direction, dtype=float)
        if direction.shape != (d,) or not np.isfinite(direction).all() or not direction.any():
            raise InputError(f"direction is a number for each of {d} axes, not all zero, got {self.direction!r}")
        self.direction_ = direction / np.linalg.norm(direction)
        # Divided at the end: in directions of whole numbers, pixels of equal height have equal values.
        pairs = zip(coordinates(X.shape[1:]), direction, strict=True)
        total = sum(component * (x - x.max() if component < 0 else x) for x, component in pairs)
        self.mesh_ = total / np.linalg.norm(direction)
        self.max_value_ = self.mesh_.max() + 1


class RadialFiltration(_Filtration):
    """Active pixels by their distance from a center, inactive and far ones last.

    Parameters
    ----------
    center : sequence of float, optional
        Its x, y and z; the first pixel by default.
    radius : float
        Pixels farther away enter last.
    metric, metric_params
        As in `sklearn.metrics.pairwise_distances`.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int
    center_ : (n_dimensions_,) array
    mesh_ : array
        The value of each pixel.
    max_value_ : float
        The value of inactive and far pixels.

    Examples
    --------
    >>> RadialFiltration(center=(1, 0)).fit_transform([[[1, 1, 0]]]).tolist()
    [[[1.0, 0.0, 2.0]]]
    """

    def __init__(self, center=None, radius=np.inf, metric="euclidean", metric_params=None, n_jobs=None):
        self.center = center
        self.radius = radius
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def _learn(self, X):
        d = X.ndim - 1
        self.center_ = np.zeros(d) if self.center is None else np.asarray(self.center, dtype=float)
        if self.center_.shape != (d,):
            raise InputError(f"center is a number for each of {d} axes, got {self.center!r}")
        pixels = np.stack([x.ravel() for x in coordinates(X.shape[1:])], axis=1)
        away = pairwise_distances(pixels, self.center_[None], metric=self.metric, **(self.metric_params or {}))[:, 0]
        self.max_value_ = away[away <= self.radius].max(initial=0.0) + 1
        self.mesh_ = np.where(away <= self.radius, away, self.max_value_).reshape(X.shape[1:])


def coordinates(shape) -> list[np.ndarray]:
    """Return x, y and z of each pixel of an image (height, width[, depth])."""
    rows, columns, *depth = np.indices(shape).astype(float)
    return [columns, rows, *depth]


class _Grown(_Images):
    """What counts steps from active pixels, one pixel along one axis at a time, shares."""

    _binary = True

    def __init__(self, n_iterations=None, n_jobs=None):
        self.n_iterations = n_iterations
        self.n_jobs = n_jobs

    def _learn(self, X):
        given = self.n_iterations
        if given is not None and (not isinstance(given, int | np.integer) or given < 0):
            raise InputError(f"n_iterations is a whole number of at least 0, got {given!r}")
        self.max_value_ = float(sum(X.shape[1:]))
        self.n_iterations_ = self.max_value_ if given is None else given

    def _steps(self, X) -> np.ndarray:
        """Return the steps to the nearest active pixel, inf where there is none within ``n_iterations_``."""
        found = np.stack([steps_to(image) for image in X])
        return np.where(found <= self.n_iterations_, found, np.inf)


def steps_to(image: np.ndarray) -> np.ndarray:
    """Return the Manhattan distance of each pixel to the nearest active one, inf if there is none."""
    if not image.any():
        return np.full(image.shape, np.inf)
    return distance_transform_cdt(~image, metric="taxicab").astype(float)


class DilationFiltration(_Grown):
    """How many dilations, by one pixel along one axis, it takes until a pixel is active.

    Parameters
    ----------
    n_iterations : int, optional
        Pixels that take more enter last.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int
    n_iterations_ : int
    max_value_ : float
        The value of pixels that are not reached: the sum of the image's sides.

    Examples
    --------
    >>> DilationFiltration().fit_transform([[[1, 0, 0]]]).tolist()
    [[[0.0, 1.0, 2.0]]]
    """

    def _change(self, X):
        found = self._steps(X)
        return np.where(np.isfinite(found), found, self.max_value_)


class ErosionFiltration(_Grown):
    """How many erosions, by one pixel along one axis, it takes until a pixel is inactive.

    Parameters
    ----------
    n_iterations : int, optional
        Pixels that take more enter last.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int
    n_iterations_ : int
    max_value_ : float
        The value of pixels that are not reached: the sum of the image's sides.

    Examples
    --------
    >>> ErosionFiltration().fit_transform([[[1, 1, 0]]]).tolist()
    [[[2.0, 1.0, 0.0]]]
    """

    def _change(self, X):
        found = self._steps(~X)
        return np.where(np.isfinite(found), found, self.max_value_)


class SignedDistanceFiltration(_Grown):
    """How deep a pixel lies inside, or with a minus how far outside, of what is active.

    Parameters
    ----------
    n_iterations : int, optional
        How far to look.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int
    n_iterations_ : int
    max_value_ : float
        The value of active pixels out of reach, and with a minus of inactive ones: the sum of the image's sides.

    Examples
    --------
    >>> SignedDistanceFiltration().fit_transform([[[1, 1, 0, 0]]]).tolist()
    [[[1.0, 0.0, -1.0, -2.0]]]
    """

    def _change(self, X):
        inside, outside = self._steps(~X), self._steps(X)
        inside = np.where(np.isfinite(inside), inside - 1, self.max_value_)
        return np.where(X, inside, -np.where(np.isfinite(outside), outside, self.max_value_))


class DensityFiltration(_Images):
    """How many active pixels lie in a ball around each pixel.

    Parameters
    ----------
    radius : float
        Of the ball, in pixels.
    metric, metric_params
        As in `sklearn.metrics.pairwise_distances`.
    n_jobs : int, optional
        How many parts of the samples are worked on at the same time, by joblib.

    Attributes
    ----------
    n_dimensions_ : int
    mask_ : array of bool
        The ball.

    Examples
    --------
    >>> DensityFiltration(radius=1).fit_transform([[[1, 1, 0, 0]]]).tolist()
    [[[2.0, 2.0, 1.0, 0.0]]]
    """

    _binary = True

    def __init__(self, radius=3, metric="euclidean", metric_params=None, n_jobs=None):
        self.radius = radius
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def _learn(self, X):
        if not isinstance(self.radius, int | float | np.number) or not 0 < self.radius < np.inf:
            raise InputError(f"radius is a finite number above 0, got {self.radius!r}")
        reach = int(np.ceil(self.radius))
        places = np.indices((2 * reach + 1,) * (X.ndim - 1)).reshape(X.ndim - 1, -1).T - reach
        away = pairwise_distances(places, np.zeros((1, X.ndim - 1)), metric=self.metric, **(self.metric_params or {}))
        self.mask_ = (away <= self.radius).reshape((2 * reach + 1,) * (X.ndim - 1))

    def _change(self, X):
        axes = tuple(range(1, X.ndim))
        return np.round(oaconvolve(X.astype(float), self.mask_[None].astype(float), mode="same", axes=axes))
