"""Compiled loop of the persistence of plane images: two walks over the pixels, no cells.

Components are joined pixel by pixel, oldest first; holes are the components of what has not entered yet, joined
youngest first, and what lies outside of the image is the eldest of them (A. Garin et al., arXiv:2102.11397).
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import find_root

announce_compilation()


@njit(cache=True, nogil=True)
def join_pixels(ranks, values, order, corners, holes):
    """Return (m, 2) ranks: of the pixels that begin and end the components, or the holes, whose values differ.

    ``ranks`` (h + 2, w + 2) has a frame around the image, ``values`` and ``order`` are flat. Pixels are joined along
    the axes, or at ``corners`` too; those of holes just the other way.
    """
    width = ranks.shape[1]
    ranks, inner = ranks.ravel(), width - 2
    parent = np.arange(len(ranks))
    steps = np.array([1, -1, width, -width, width + 1, width - 1, -width + 1, -width - 1])
    if corners == holes:
        steps = steps[:4]
    pairs, count = np.empty((len(order), 2), np.int64), 0
    m = len(order)
    for number in range(m):
        rank = m - 1 - number if holes else number
        pixel = order[rank] // inner * width + order[rank] % inner + width + 1
        for step in steps:
            other = pixel + step
            if ranks[other] < 0:  # the frame: one component, the eldest, with the number 0
                if not holes:
                    continue
                other = 0
            elif (ranks[other] > rank) != holes:
                continue
            young, old = find_root(parent, pixel), find_root(parent, other)
            if young == old:
                continue
            if young == 0 or (old != 0 and (ranks[old] > ranks[young]) != holes):
                young, old = old, young
            parent[young] = old
            first, last = (rank, ranks[young]) if holes else (ranks[young], rank)
            if values[order[first]] < values[order[last]]:
                pairs[count, 0], pairs[count, 1] = first, last
                count += 1
    return pairs[:count]


@njit(cache=True, nogil=True)
def bars_of_images(images, orders, start, stop):
    """Return the bars (m, 2) of images (n, h, w) from start to stop, one after the other, and how many each has (n, 2).

    Of each image first those of components, the endless one last, then those of holes.
    """
    _, height, width = images.shape
    ranks = np.full((height + 2, width + 2), -1, np.int32)
    bars, size = np.empty((height * width * (stop - start) + 1, 2)), 0
    counts = np.empty((stop - start, 2), np.int64)
    for number in range(start, stop):
        values, order = images[number].ravel(), orders[number]
        for rank in range(len(order)):
            ranks[order[rank] // width + 1, order[rank] % width + 1] = rank
        for holes in (False, True):
            first = size
            for birth, death in join_pixels(ranks, values, order, True, holes):
                bars[size, 0], bars[size, 1] = values[order[birth]], values[order[death]]
                size += 1
            if not holes:
                bars[size, 0], bars[size, 1] = values[order[0]], np.inf
                size += 1
            counts[number - start, np.int64(holes)] = size - first
    return bars[:size].copy(), counts
