"""Cubical persistence against plain matrix reduction, gudhi, and duality."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError, ShapeError, TooLargeError
from erlangen.topology import CubicalPersistence, cubical_persistence
from erlangen.topology.cubical import bars_of_images


def plain(image, vertices: bool, periodic, modulus: int = 2) -> list[np.ndarray]:
    """Return the bars by listing all cells as products of intervals and reducing the whole boundary matrix."""
    shape, d = image.shape, image.ndim
    axes = []  # for each axis the cells: (name, dimension, pixels, boundary as [(name, sign)])
    for n, around in zip(shape, periodic, strict=True):
        cells = {}
        if vertices:
            for i in range(n):
                cells["v", i] = 0, [i], []
            for i in range(n if around else n - 1):
                cells["e", i] = 1, [i, (i + 1) % n], [(("v", i), -1), (("v", (i + 1) % n), 1)]
        else:
            for i in range(n if around else n + 1):
                cells["v", i] = 0, sorted({(i - 1) % n, i % n} if around else {i - 1, i} & set(range(n))), []
            for i in range(n):
                cells["e", i] = 1, [i], [(("v", i), -1), (("v", (i + 1) % n if around else i + 1), 1)]
        axes.append(cells)
    choose = max if vertices else min
    cells = []
    for names in product(*axes):
        parts = [axes[a][name] for a, name in enumerate(names)]
        value = choose(image[p] for p in product(*(part[1] for part in parts)))
        cells.append((value, sum(part[0] for part in parts), names))
    cells.sort(key=lambda c: (c[0], c[1]))
    number = {names: i for i, (_, _, names) in enumerate(cells)}
    reduced, paired, bars = {}, set(), [[] for _ in range(d + 1)]
    for i, (value, _, names) in enumerate(cells):
        column, sign = {}, 1
        for a in range(d):
            for name, s in axes[a][names[a]][2]:
                key = number[(*names[:a], name, *names[a + 1 :])]
                column[key] = (column.get(key, 0) + sign * s) % modulus
            sign *= (-1) ** axes[a][names[a]][0]
        column = {key: x for key, x in column.items() if x}
        while column and (low := max(column)) in reduced:
            factor = -column[low] * pow(reduced[low][low], -1, modulus)
            for key, x in reduced[low].items():
                column[key] = (column.get(key, 0) + factor * x) % modulus
            column = {key: x for key, x in column.items() if x}
        if column:
            reduced[low] = column
            paired |= {i, low}
            if cells[low][0] < value:
                bars[cells[low][1]].append((cells[low][0], value))
    for i, (value, k, _) in enumerate(cells):
        if i not in paired:
            bars[k].append((value, np.inf))
    return [np.array(sorted(b)).reshape(-1, 2) for b in bars]


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    shape=st.sampled_from([(1,), (7,), (1, 1), (1, 5), (4, 3), (2, 2), (3, 3, 2), (2, 3, 3), (3, 1, 3), (2, 2, 2, 2)]),
    seed=st.integers(0, 2**32 - 1),
    ties=st.booleans(),
    vertices=st.booleans(),
    around=st.integers(0, 15),
    modulus=st.sampled_from([2, 3]),
)
def test_bars_are_those_of_plain_matrix_reduction(shape, seed, ties, vertices, around, modulus):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 4, size=shape).astype(float) if ties else rng.random(shape)
    periodic = [bool(around >> a & 1) for a in range(len(shape))]
    input_type = "vertices" if vertices else "top_dimensional_cells"
    found = cubical_persistence(
        image, max_dimension=len(shape), input_type=input_type, periodic=periodic, modulus=modulus
    )
    for mine, expected in zip(found.bars, plain(image, vertices, periodic, modulus), strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("shape", [(30,), (20, 25), (8, 9, 10), (4, 5, 4, 3)])
@pytest.mark.parametrize("kind", ["random", "smooth", "whole numbers"])
def test_bars_are_those_of_gudhi(shape, kind):
    gudhi = pytest.importorskip("gudhi")
    rng = np.random.default_rng(0)
    image = rng.random(shape) if kind == "random" else rng.integers(0, 9, shape).astype(float)
    if kind == "smooth":
        image = sum(np.sin(3 * axis / n + a) for a, (axis, n) in enumerate(zip(np.indices(shape), shape, strict=True)))
    for input_type in ("top_dimensional_cells", "vertices"):
        for periodic in (False, True):
            options = {input_type: image}
            if periodic:
                theirs = gudhi.PeriodicCubicalComplex(**options, periodic_dimensions=[True] * len(shape))
            else:
                theirs = gudhi.CubicalComplex(**options)
            theirs.compute_persistence(homology_coeff_field=2)
            mine = cubical_persistence(image, input_type=input_type, periodic=periodic, max_dimension=len(shape))
            for q in range(len(shape) + 1):
                bars = theirs.persistence_intervals_in_dimension(q).reshape(-1, 2)
                bars = bars[bars[:, 0] < bars[:, 1]]
                np.testing.assert_allclose(mine.bars[q], bars[np.lexsort(bars.T[::-1])], rtol=1e-12)


def test_bars_are_the_values_of_their_pixels():
    image = np.random.default_rng(0).random((6, 7, 5))
    found = cubical_persistence(image)
    for bars, begins, ends in zip(found.bars, found.births, found.deaths, strict=True):
        np.testing.assert_array_equal(image[tuple(begins.T)], bars[:, 0])
        finite = np.isfinite(bars[:, 1])
        np.testing.assert_array_equal(image[tuple(ends[finite].T)], bars[finite, 1])
        assert (ends[~finite] == -1).all()


@pytest.mark.parametrize("shape", [(9, 8), (5, 6, 4)])
def test_the_two_constructions_are_dual(shape):
    image = np.random.default_rng(1).random(shape)
    top = cubical_persistence(image).bars
    padded = np.pad(-image, 1, constant_values=-2.0)  # the outside is the eldest
    vertices = cubical_persistence(padded, input_type="vertices").bars
    d = len(shape)
    for q in range(d):
        mine, dual = top[q], vertices[d - 1 - q]
        dual = -dual[(dual[:, 0] > -2) & np.isfinite(dual[:, 1])][:, ::-1]
        np.testing.assert_array_equal(mine[np.isfinite(mine[:, 1])], dual[np.lexsort(dual.T[::-1])])


def test_euler_characteristic_of_sublevels():
    image = np.random.default_rng(2).random((7, 6, 5))
    bars = cubical_persistence(image).bars
    for t in (0.2, 0.5, 0.8):
        alive = [int(((b[:, 0] <= t) & (t < b[:, 1])).sum()) for b in bars]
        inside = np.pad(image <= t, 1)
        count = 0
        for corner in product((0, 1, 2), repeat=3):  # cells by parity: 0 and 1 even (two neighbors), 2 odd
            if 1 in corner:
                continue
            cells = inside
            for axis, c in enumerate(corner):
                if c == 0:
                    cells = np.take(cells, range(1, cells.shape[axis]), axis) | np.take(
                        cells, range(cells.shape[axis] - 1), axis
                    )
            count += (-1) ** corner.count(2) * int(cells.sum())
        assert alive[0] - alive[1] + alive[2] == count


def test_figures_and_shapes_of_giotto():
    ring = np.array([[0, 1, 0], [1, 2, 1], [0, 1, 0]])
    assert CubicalPersistence().fit_transform(ring[None])[0].tolist() == [[0, 1, 0]] * 3 + [[1, 2, 1]]
    estimator = CubicalPersistence(n_jobs=2).fit([ring, np.zeros((5, 2))])
    assert estimator.infinity_values_ == 2
    assert estimator.periodic_dimensions_.tolist() == [False, False]
    assert estimator.transform([ring, np.zeros((5, 2))]).shape[0] == 2
    torus = CubicalPersistence(periodic_dimensions=[True, True], infinity_values=9, homology_dimensions=(1, 2))
    assert torus.fit_transform(np.zeros((1, 3, 4)))[0].tolist() == [[0, 9, 1], [0, 9, 1], [0, 9, 2]]


def test_infinite_pixels_never_enter():
    image = np.array([[0.0, np.inf, 1.0]])
    assert cubical_persistence(image).bars[0].tolist() == [[0, np.inf], [1, np.inf]]
    assert [len(b) for b in cubical_persistence(np.full((2, 2), np.inf)).bars] == [0, 0]


@pytest.mark.parametrize("layout", ["F", "strided", "read-only", "torch"])
def test_any_layout(layout):
    image = np.random.default_rng(0).random((6, 8))
    expected = cubical_persistence(image).bars
    if layout == "F":
        image = np.asfortranarray(image)
    elif layout == "strided":
        image = np.repeat(image, 2, axis=1)[:, ::2]
    elif layout == "read-only":
        image.setflags(write=False)
    else:
        image = pytest.importorskip("torch").tensor(image)
    for mine, other in zip(cubical_persistence(image).bars, expected, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_threads_change_nothing(monkeypatch):
    import erlangen.kernels

    image = np.random.default_rng(0).random((9, 9, 9))
    alone = cubical_persistence(image)
    monkeypatch.setattr(erlangen.kernels, "threads_for", lambda rows, work: min(3, rows))
    for mine, other in zip(cubical_persistence(image).bars, alone.bars, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cubical_persistence([[0, np.nan]]), InputError, "NaN"),
        (lambda: cubical_persistence(np.zeros((0, 2))), ShapeError, "one pixel"),
        (lambda: cubical_persistence(1.0), ShapeError, "one axis"),
        (lambda: cubical_persistence(["ab"]), InputError, "numbers"),
        (lambda: cubical_persistence([[0]], input_type="cells"), InputError, "vertices"),
        (lambda: cubical_persistence([[0]], periodic=[True]), InputError, "2 axes"),
        (lambda: cubical_persistence([[0]], periodic=[2, 1]), InputError, "2 axes"),
        (lambda: cubical_persistence([[0]], modulus=6), InputError, "prime"),
        (lambda: cubical_persistence([[0]], max_dimension=-1), InputError, "max_dimension"),
        (lambda: CubicalPersistence().fit([]), InputError, "none"),
        (lambda: CubicalPersistence().fit([np.zeros(2), np.zeros((2, 2))]), ShapeError, "axes"),
        (lambda: CubicalPersistence(periodic_dimensions=[True]).fit([[[0.0]]]), InputError, "2 axes"),
        (lambda: CubicalPersistence().fit(3), ShapeError, "int"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


def test_what_does_not_fit_is_refused():
    with pytest.raises(TooLargeError, match="GB"):
        cubical_persistence(np.broadcast_to(np.zeros(1), (40_000, 40_000)))


def test_many_images_at_once_are_the_same():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 9, (5, 6, 7)).astype(float)
    images[1, 2:4] = np.inf
    images[2] = np.inf
    for image, bars in zip(images, bars_of_images(images), strict=True):
        for mine, theirs in zip(bars, cubical_persistence(image).bars, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    together = CubicalPersistence().fit_transform(images[:2])
    alone = CubicalPersistence(infinity_values=np.inf).fit(images[:2])
    for diagram, image in zip(together, images, strict=False):
        expected = alone.transform([image])[0]
        for q in (0, 1):
            mine, other = (d[(d[:, 2] == q) & (d[:, 0] < d[:, 1])] for d in (diagram, expected))
            np.testing.assert_array_equal(np.sort(mine[:, 1]), np.sort(other[:, 1]))
    with pytest.raises(InputError, match="NaN"):
        CubicalPersistence().fit(images[:1]).transform([images[0], np.full((6, 7), np.nan)])
