"""Bars, cycles and pixels are drawn where they are, and all of them."""

import numpy as np
import pytest

from erlangen.errors import InputError, ShapeError
from erlangen.plotting import plot_barcode, plot_cycles, plot_pixels
from erlangen.topology import cubical_persistence, rips_persistence


def lines(trace):
    """What a trace of lines with gaps joins, (s, 2, d)."""
    axes = [np.asarray(trace[axis]) for axis in ("xyz" if trace.type == "scatter3d" else "xy")]
    joined = np.column_stack(axes).reshape(-1, 3, len(axes))
    assert np.isnan(joined[:, 2]).all()
    return joined[:, :2]


def test_a_barcode_has_every_bar_from_birth_to_death():
    found = rips_persistence(np.random.default_rng(0).normal(size=(30, 2)))
    diagram = np.concatenate([np.pad(bars, ((0, 0), (0, 1)), constant_values=q) for q, bars in enumerate(found.bars)])
    figure = plot_barcode(diagram)
    drawn = {trace.name: lines(trace) for trace in figure.data if trace.mode == "lines"}
    for q, bars in enumerate(found.bars):
        spans = drawn[f"H{q}"][:, :, 0]
        ends = np.where(np.isinf(bars[:, 1]), spans.max(), bars[:, 1])
        np.testing.assert_array_equal(spans, np.column_stack([bars[:, 0], ends])[np.lexsort([bars[:, 1], bars[:, 0]])])
    heights = np.concatenate([bars[:, :, 1] for bars in drawn.values()])
    np.testing.assert_array_equal(heights[:, 0], heights[:, 1])
    assert len(np.unique(heights[:, 0])) == len(diagram)
    (arrow,) = (trace for trace in figure.data if trace.mode == "markers")
    assert len(arrow.x) == 1
    assert arrow.x[0] > diagram[np.isfinite(diagram[:, 1]), 1].max()


def test_of_many_bars_the_longest_are_drawn():
    rng = np.random.default_rng(0)
    diagram = np.column_stack([np.zeros(500), rng.permutation(500) + 1.0, np.zeros(500)])
    (trace,) = plot_barcode(diagram, most=10).data
    assert sorted(lines(trace)[:, 1, 0]) == list(range(491, 501))
    assert len(plot_barcode(np.zeros((3, 3))).data) == 0  # bars of length zero
    assert len(plot_barcode(np.zeros((0, 3))).data) == 0
    with pytest.raises(ShapeError, match="birth, death and dimension"):
        plot_barcode(np.zeros((3, 2)))


@pytest.mark.parametrize("d", [2, 3])
def test_cycles_join_the_points(d):
    points = np.random.default_rng(0).normal(size=(6, d))
    loop = np.array([[0, 1], [1, 2], [0, 2]])
    figure = plot_cycles(points, {"loop": loop, "other": loop + 3}, hidden=["other"], names="abcdef")
    cloud, first, second = figure.data
    assert (tuple(cloud.text), len(cloud.x)) == (tuple("abcdef"), 6)
    np.testing.assert_array_equal(lines(first), points[[[0, 1], [0, 2], [1, 2]]])
    assert (first.visible, second.visible) == (True, "legendonly")


def test_surfaces_in_space_are_triangles():
    points = np.vstack([np.eye(3), np.zeros((1, 3))])
    skin = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
    _, edges, surface = plot_cycles(points, {"void": skin}).data
    assert len(lines(edges)) == 6
    np.testing.assert_array_equal(np.column_stack([surface.i, surface.j, surface.k]), skin)
    flat = plot_cycles(points[:, :2], {"void": skin}).data
    assert [trace.type for trace in flat] == ["scatter", "scatter"]


def test_cycles_of_what_is_not_there():
    with pytest.raises(InputError, match="numbers of points below 2"):
        plot_cycles(np.zeros((2, 2)), {"loop": np.array([[0, 2]])})
    with pytest.raises(InputError, match="below 2"):
        plot_cycles(np.zeros((2, 2)), {"loop": np.array([[0, -1]])})
    with pytest.raises(ShapeError, match="two or three"):
        plot_cycles(np.zeros((2, 4)), {})
    assert len(plot_cycles(np.zeros((2, 2)), {"none": np.zeros((0, 2), int)}).data) == 2


@pytest.mark.parametrize("shape", [(9,), (5, 4), (3, 4, 5)])
def test_pixels_are_where_births_and_deaths_are(shape):
    image = np.random.default_rng(0).random(shape)
    found = cubical_persistence(image)
    makers = {
        str(k): (begin, end if end[0] >= 0 else None)
        for k, (begin, end) in enumerate(zip(found.births[0], found.deaths[0], strict=True))
    }
    marks = [trace for trace in plot_pixels(image, makers).data if trace.type != "heatmap" and trace.name != "values"]
    for (begin, end), trace, (birth, death) in zip(makers.values(), marks, found.bars[0], strict=True):
        pixels = [begin] if end is None else [begin, end]
        if len(shape) == 1:
            np.testing.assert_array_equal(trace.x, np.concatenate(pixels))
            np.testing.assert_array_equal(trace.y, [birth] if end is None else [birth, death])
        else:
            axes = [trace[axis] for axis in "xyz"[: len(shape)]]
            np.testing.assert_array_equal(np.column_stack(axes)[:, ::-1], pixels)


def test_large_pictures_are_thinned_and_endless_pixels_left_white():
    image = np.arange(600.0).reshape(300, 2)
    image[0, 0] = np.inf
    (heat,) = plot_pixels(image, {}, side=100).data
    assert (heat.z.shape, heat.dy) == ((100, 1), 3)
    np.testing.assert_array_equal(heat.z[1:, 0], image[3::3, 0])
    assert np.isnan(heat.z[0, 0])
    with pytest.raises(ShapeError, match="one, two or three axes"):
        plot_pixels(np.zeros((1, 1, 1, 1)), {})
