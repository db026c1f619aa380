"""Figures of clouds and diagrams show all the data, and leave their input alone."""

import numpy as np
import pytest

from erlangen.errors import InputError, ShapeError
from erlangen.plotting import plot_betti_curves, plot_betti_surfaces, plot_diagram, plot_heatmap, plot_point_cloud

DIAGRAM = np.array(
    [[0, 1, 0], [0, 1, 0], [0, 2, 0], [0, np.inf, 0], [0.5, 0.5, 1], [0.5, 3, 1], [1, np.inf, 1], [0.2, 0.3, 2]]
)


def test_a_diagram_shows_each_bar_longer_than_zero_once():
    given = DIAGRAM.copy()
    given.flags.writeable = False
    figure = plot_diagram(given)
    np.testing.assert_array_equal(given, DIAGRAM)
    _, zeroth, first, second, infinity = figure.data
    assert [t.name for t in figure.data[1:]] == ["H0", "H1", "H2", "∞"]
    assert list(zip(zeroth.x, zeroth.y, strict=True))[:2] == [(0, 1), (0, 2)]
    assert zeroth.hovertext[0] == "(0, 1), 2 times"
    assert zeroth.hovertext[2] == "(0, inf)"
    assert (len(first.x), len(second.x)) == (2, 1)
    top = infinity.y[0]
    assert zeroth.y[2] == first.y[1] == top == pytest.approx(3.3)  # a tenth of the range above the last finite death
    low, high = figure.layout.xaxis.range
    assert low < 0
    assert high > top
    assert tuple(figure.layout.yaxis.range) == (low, high)


def test_chosen_dimensions_and_nothing_to_draw():
    assert [t.name for t in plot_diagram(DIAGRAM, homology_dimensions=[2]).data] == ["birth = death", "H2"]
    assert len(plot_diagram(DIAGRAM[4:5]).data[1].x) == 0
    assert len(plot_diagram(np.empty((0, 3))).data) == 1
    forgotten = plot_diagram([[0, 1, np.inf]])
    assert forgotten.data[1].name == "all dimensions"


@pytest.mark.parametrize(
    ("width", "dimension", "kind"), [(2, None, "scatter"), (5, None, "scatter3d"), (3, 2, "scatter")]
)
def test_clouds_show_their_first_coordinates(width, dimension, kind):
    points = np.random.default_rng(0).normal(size=(9, width))
    (trace,) = plot_point_cloud(points, dimension).data
    assert trace.type == kind
    for k, axis in enumerate("xyz"[: 3 if kind == "scatter3d" else 2]):
        np.testing.assert_array_equal(trace[axis], points[:, k])


def test_heatmaps_have_their_first_row_where_it_is_wanted():
    data = np.arange(6).reshape(2, 3)
    upper, lower = plot_heatmap(data), plot_heatmap(data > 2, [1, 2, 4], [0, 5], origin="lower", title="pixels")
    np.testing.assert_array_equal(upper.data[0].z, data)
    assert upper.layout.yaxis.autorange == "reversed"
    assert lower.layout.yaxis.autorange is True
    assert lower.layout.title.text == "pixels"
    assert tuple(lower.data[0].x) == (1, 2, 4)
    np.testing.assert_array_equal(lower.data[0].z, data > 2)


def test_curves_and_surfaces():
    numbers = np.random.default_rng(0).integers(0, 5, (4, 2, 6))
    grids = {0: np.linspace(0, 1, 6), 1: np.linspace(2, 3, 6)}
    curves = plot_betti_curves(numbers[0], grids)
    for trace, name, values, grid in zip(curves.data, ["H0", "H1"], numbers[0], grids.values(), strict=True):
        assert trace.name == name
        np.testing.assert_array_equal(trace.x, grid)
        np.testing.assert_array_equal(trace.y, values)
    (surface,) = plot_betti_surfaces(numbers, grids, homology_dimensions=[1])
    np.testing.assert_array_equal(surface.data[0].z, numbers[:, 1])
    np.testing.assert_array_equal(surface.data[0].x, grids[1])
    assert len(plot_betti_surfaces(numbers)) == 2


def test_own_settings_come_last():
    figure = plot_diagram(DIAGRAM, plotly_params={"traces": {"opacity": 0.3}, "layout": {"width": 123}})
    assert figure.layout.width == 123
    assert {t.opacity for t in figure.data} == {0.3}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: plot_diagram(DIAGRAM[None]), ShapeError, "diagram[i]"),
        (lambda: plot_diagram(DIAGRAM[:, :2]), ShapeError, "(8, 2)"),
        (lambda: plot_diagram(DIAGRAM, plotly_params={"trace": {}}), InputError, "traces"),
        (lambda: plot_point_cloud(np.zeros((3, 1))), ShapeError, "at least 2"),
        (lambda: plot_point_cloud(np.zeros((3, 2)), dimension=3), ShapeError, "at least 3"),
        (lambda: plot_point_cloud(np.zeros((3, 2)), dimension=4), InputError, "2 or 3"),
        (lambda: plot_point_cloud("points"), ShapeError, "numbers"),
        (lambda: plot_heatmap(np.zeros((2, 2)), origin="left"), InputError, "lower"),
        (lambda: plot_heatmap(np.zeros((2, 2, 2))), ShapeError, "data[i]"),
        (lambda: plot_betti_curves(np.zeros((2, 3)), {0: [1, 2, 3]}), InputError, "each of 2"),
        (lambda: plot_betti_curves(np.zeros((1, 3)), {0: [1, 2, 3]}, [1]), InputError, "got 1"),
        (lambda: plot_betti_surfaces(np.zeros((1, 1, 3))), InputError, "plot_betti_curves"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
