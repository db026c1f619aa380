"""Persistence of images: cubical complexes of any dimension, by sublevel sets."""

import math
from itertools import product

import numpy as np

from erlangen.errors import InputError, ShapeError
from erlangen.kernels import over_rows
from erlangen.memory import check_memory
from erlangen.topology.persistence import Persistence, checked_modulus, in_order

WORK = 40
"""Multiplications that looking at one cell takes, about, for each axis."""
INPUT_TYPES = ("top_dimensional_cells", "vertices")


def cubical_persistence(
    image,
    *,
    max_dimension: int | None = None,
    input_type: str = "top_dimensional_cells",
    periodic=False,
    modulus: int = 2,
) -> Persistence:
    """Compute the persistent homology of an image's sublevel sets.

    Parameters
    ----------
    image : array
        Of any dimension d. Infinite pixels never enter.
    max_dimension : int, optional
        The highest homology dimension; d - 1 by default, d where all axes are periodic.
    input_type : "top_dimensional_cells" or "vertices"
        Whether pixels are the largest cubes, and a face enters with the first of its cubes (in two dimensions, pixels
        that share a corner are joined), or the vertices, and a cube enters with the last of its vertices (pixels are
        joined along the axes only).
    periodic : bool or sequence of bool
        Along which axes the image goes on at its other side.
    modulus : int
        A prime: the field of the coefficients.

    Returns
    -------
    Persistence
        ``births`` and ``deaths`` hold the pixels (k, d) whose values are the births and deaths; -1 where a bar
        does not end.

    Raises
    ------
    InputError
        For NaN, an empty image, a modulus that is not prime.
    TooLargeError
        If the tables do not fit the memory that is left.

    Source: A. Garin et al., Duality in persistent homology of images (arXiv:2102.11397); the algorithm is described in
    `erlangen.topology._cubical_kernels`.

    Examples
    --------
    >>> ring = [[0, 1, 0], [1, 2, 1], [0, 1, 0]]
    >>> [bars.tolist() for bars in cubical_persistence(ring).bars]
    [[[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, inf]], [[1.0, 2.0]]]
    """
    image, periodic = _checked(image, input_type, periodic)
    modulus = checked_modulus(modulus)
    highest = image.ndim if periodic.all() else image.ndim - 1
    if max_dimension is None:
        max_dimension = highest
    if not isinstance(max_dimension, int | np.integer) or max_dimension < 0:
        raise InputError(f"max_dimension is an integer of at least 0, got {max_dimension!r}")
    values = image.ravel()
    order = np.argsort(values, kind="stable")
    ranks = np.empty(image.size, np.int32)
    ranks[order] = np.arange(image.size, dtype=np.int32)
    ranks = ranks.reshape(image.shape)
    vertices = input_type == "vertices"
    if image.ndim == 2 and not periodic.any():
        pairs, endless = _of_plane(ranks, values, order, vertices, max_dimension)
    else:
        pairs, endless = _of_grid(ranks, order, vertices, periodic, max_dimension, modulus)
    found = []
    for k in range(max_dimension + 1):
        births = np.concatenate([pairs[k][:, 0], endless[k]])
        deaths = np.concatenate([pairs[k][:, 1], np.full(len(endless[k]), -1)])
        found.append(_bars(values, order, image.shape, births, deaths))
    bars, begins, ends = (tuple(part) for part in zip(*found, strict=True))
    return Persistence(bars, begins, ends, None, float(values[order[-1]]))


_NONE = np.empty(0, np.int64)


def _of_plane(ranks, values, order, vertices: bool, max_dimension: int) -> tuple[list, list]:
    """Return by dimension the ranks of pixels: (m, 2) that begin and end classes, (m,) that begin endless ones."""
    from erlangen.topology._plane_kernels import join_pixels

    framed = np.pad(ranks, 1, constant_values=-1)
    pairs = [join_pixels(framed, values, order, not vertices, holes) for holes in (False, True)[: max_dimension + 1]]
    higher = max_dimension + 1 - len(pairs)
    return pairs + [_NONE.reshape(0, 2)] * higher, [np.zeros(1, np.int64)] + [_NONE] * max_dimension


def bars_of_images(images: np.ndarray) -> list[list[np.ndarray]]:
    """Return for each of many plane images of the same shape (n, h, w) the bars of dimension 0 and 1.

    The same as `cubical_persistence`, faster for small images.
    """
    from erlangen.topology import _plane_kernels as kernels

    images = np.ascontiguousarray(images, dtype=np.float64)
    _check_pixels(images)
    check_memory(48 * images.size, f"cubical persistence of images of shape {images.shape}")
    orders = np.argsort(images.reshape(len(images), -1), axis=1, kind="stable")
    found = over_rows(kernels.bars_of_images, images, orders, rows=len(images), work=images.size * WORK)
    bars = np.concatenate([part for part, _ in found])
    counts = np.concatenate([part for _, part in found])
    parts = [in_order(part) for part in np.split(bars, np.cumsum(counts.ravel())[:-1])]
    return [parts[i : i + 2] for i in range(0, len(parts), 2)]


def _of_grid(ranks, order, vertices: bool, periodic, max_dimension: int, modulus: int) -> tuple[list, list]:
    """Return the same for any image, by cells."""
    from erlangen.topology import _cubical_kernels as kernels

    when, periodic = _grid(ranks, vertices, periodic)
    d, n = when.ndim, when.size
    sizes = np.array(when.shape, dtype=np.int64)
    strides = np.array([np.prod(sizes[axis + 1 :]) for axis in range(d)], dtype=np.int64)
    grid = sizes, strides, periodic
    bits = int(modulus - 1).bit_length()
    if (len(order) * n) << bits >= 2**63:
        raise InputError(
            f"the cells of an image of shape {ranks.shape} cannot be numbered with 63 bits; take a smaller one"
        )
    centers = np.arange(n).reshape(when.shape)[(slice(int(not vertices), None, 2),) * d].ravel()[order]
    when = when.ravel()
    steps = np.array(list(product((0, -1, 1), repeat=d)), dtype=np.int64).reshape(3**d, d)
    around = np.array([steps[steps[:, axis] == 0] @ strides for axis in range(d)], dtype=np.int64).reshape(d, 3**d // 3)
    axes = np.zeros(len(order), np.uint8)
    work = n * d * WORK
    over_rows(kernels.find_axes, when, centers, around, sizes, strides, vertices, axes, rows=len(order), work=work)
    top = min(max(max_dimension, 1), d)
    found = over_rows(
        kernels.critical_cells, when, axes, centers, steps, top, *grid, rows=len(order), work=work, shares=4
    )
    keys = np.sort(np.concatenate(found))  # oldest first
    dimensions = kernels.dimensions(keys % n, sizes, strides)
    born = [keys[dimensions == k] for k in range(top + 1)]
    pairs = [_NONE.reshape(0, 2)] * (max_dimension + 1)  # of keys
    if d:
        pairs[0] = kernels.merge(when, axes, born[1], False, *grid)[:, ::-1]
        if max_dimension >= d - 1 > 0:
            pairs[d - 1] = kernels.merge(when, axes, born[d - 1][::-1].copy(), True, *grid)
        for k in range(1, min(max_dimension, d - 2) + 1):
            columns = np.setdiff1d(born[k], pairs[k - 1][:, 1])[::-1].copy()
            pivots = kernels.reduce_cells(when, axes, columns, modulus, bits, *grid)
            pairs[k] = np.column_stack([columns, pivots])[pivots >= 0]
    endless = [_NONE] * (max_dimension + 1)
    for k in range(min(max_dimension, top) + 1):
        ended = pairs[k - 1][:, 1] if k else _NONE
        endless[k] = np.setdiff1d(born[k], np.concatenate([pairs[k][:, 0], ended])) // n
    return [mine // n for mine in pairs], endless


def _bars(values, order, shape, births, deaths) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bars and pixels, sorted by birth and death, without those of length zero or of infinite birth."""
    first, last = order[births], order[deaths]
    bars = np.column_stack([values[first], np.where(deaths < 0, np.inf, values[last])])
    last = np.where(np.isinf(bars[:, 1]), -1, last)
    sequence = np.lexsort(bars.T[::-1])
    sequence = sequence[bars[sequence, 0] < bars[sequence, 1]]
    first, last = first[sequence], last[sequence]
    begins = np.stack(np.unravel_index(first, shape), axis=1)
    ends = np.where(last[:, None] < 0, -1, np.stack(np.unravel_index(np.maximum(last, 0), shape), axis=1))
    return bars[sequence], begins, ends


def _grid(ranks: np.ndarray, vertices: bool, periodic: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rank of the pixel with which each cell enters, on the grid of cells, and its periodic axes.

    Axes of length one along which vertices have no edges are left out.
    """
    if vertices:
        kept = (np.array(ranks.shape) > 1) | periodic
        ranks, periodic = ranks.reshape(np.array(ranks.shape)[kept]), periodic[kept]
    when = ranks
    for axis, around in enumerate(periodic):
        n = when.shape[axis]
        shape = list(when.shape)
        shape[axis] = 2 * n if around else 2 * n - 1 if vertices else 2 * n + 1
        grid = np.empty(shape, when.dtype)
        part = np.moveaxis(grid, axis, 0)
        pixels = np.moveaxis(when, axis, 0)
        of_pixels, between = (part[0::2], part[1::2]) if vertices else (part[1::2], part[0::2])
        of_pixels[...] = pixels
        choose = np.maximum if vertices else np.minimum
        if vertices:
            choose(pixels[:-1], pixels[1:], out=between[: n - 1])
            if around:
                between[-1] = choose(pixels[-1], pixels[0])
        else:
            choose(pixels[:-1], pixels[1:], out=between[1:n])
            between[0] = choose(pixels[0], pixels[-1]) if around else pixels[0]
            if not around:
                between[n] = pixels[-1]
        when = grid
    return when, periodic


def _checked(image, input_type, periodic) -> tuple[np.ndarray, np.ndarray]:
    shape = np.shape(image)
    if not shape or not math.prod(shape):
        raise ShapeError(f"an image has at least one axis and one pixel, got shape {shape}")
    check_memory(20 * 2 ** len(shape) * math.prod(shape), f"cubical persistence of an image of shape {shape}")
    try:
        image = np.ascontiguousarray(image, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"an image is an array of numbers, got {type(image).__name__}") from None
    _check_pixels(image)
    if input_type not in INPUT_TYPES:
        raise InputError(f"input_type is one of {', '.join(INPUT_TYPES)}, got {input_type!r}")
    flags = np.asarray(periodic)
    if flags.dtype != bool or flags.shape not in ((), (image.ndim,)):
        raise InputError(f"periodic is a bool, or one for each of {image.ndim} axes, got {periodic!r}")
    return image, np.broadcast_to(flags, image.ndim).copy()


def _check_pixels(image: np.ndarray) -> None:
    if np.isnan(image).any() or np.isneginf(image).any():
        raise InputError("pixels are numbers, or inf where they never enter; some are NaN or -inf")
