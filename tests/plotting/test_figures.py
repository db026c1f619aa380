"""Figures show all the data, in the units that their axes name, and stay small."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError, ShapeError
from erlangen.plotting import (
    certificate_errors,
    error_by_size,
    error_histogram,
    learning_curve,
    parity,
    template,
)
from erlangen.symmetry import Invariant, Orthogonal, Vector, certify
from erlangen.units import CHEMICAL_ACCURACY


def predictions(n, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=n)
    return reference, reference + noise * rng.standard_t(3, size=n)


def trace(figure, name):
    return next(t for t in figure.data if t.name == name)


def marks(figure):
    """Single points, and points that a density stands for."""
    heat = [t for t in figure.data if t.type == "heatmap"]
    crowded = int(sum(t.customdata[np.isfinite(t.z)].sum() for t in heat))
    return sum(len(t.x) for t in figure.data if t.type == "scatter" and t.mode == "markers"), crowded


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 1500), st.integers(0, 1000))
def test_parity_shows_every_point_once(n, seed):
    single, crowded = marks(parity(*predictions(n, seed), "eV"))
    assert single + crowded == n


def test_parity_of_many_points_stays_small_and_keeps_the_worst():
    reference, predicted = predictions(200_000, noise=1.0)
    predicted[17] = reference[17] + 5000
    figure = parity(reference, predicted, "eV")
    single, crowded = marks(figure)
    assert single == 3000
    assert crowded > 180_000
    assert len(figure.to_json()) < 250_000
    points = next(t for t in figure.data if t.type == "scatter" and t.mode == "markers")
    assert points.customdata[0] == pytest.approx(predicted[17], rel=1e-6)
    assert points.y[0] == pytest.approx(figure.layout.yaxis.range[1], rel=1e-6)  # on the edge, which it is beyond
    assert points.marker.symbol[0] == "triangle-up"


def test_parity_cells_are_where_the_points_are():
    reference = np.repeat([1.0, 2.0, 3.0], [10, 20, 30])
    heat = next(t for t in parity(reference, reference + 0.01, "D").data if t.type == "heatmap")
    rows, columns = np.nonzero(np.isfinite(heat.z))
    order = np.argsort(columns)
    found = heat.x0 + heat.dx * columns[order], heat.customdata[rows, columns][order]
    np.testing.assert_allclose(found[0], [1, 2, 3], atol=heat.dx / 2 + 1e-12)
    np.testing.assert_array_equal(found[1], [10, 20, 30])
    np.testing.assert_allclose(heat.y0 + heat.dy * rows[order], [1.01, 2.01, 3.01], atol=heat.dy / 2 + 1e-12)
    np.testing.assert_allclose(10 ** heat.z[rows, columns][order], [10, 20, 30], rtol=1e-6)


def test_parity_of_a_biased_model_shows_it():
    reference, predicted = predictions(500)
    figure = parity(reference, predicted + 30, "eV")
    points = next(t for t in figure.data if t.type == "scatter" and t.mode == "markers")
    assert figure.layout.yaxis.range[1] > 31
    assert sum(symbol != "circle" for symbol in points.marker.symbol) <= 10


def test_constant_references_still_have_axes():
    low, high = parity([5.0, 5.0], [5.0, 5.0], "eV").layout.xaxis.range
    assert low < 5 < high


def test_histogram_counts_what_lies_inside():
    errors = np.array([-0.3, -0.1, 0.0, 0.1, 0.3])
    figure = error_histogram(errors, "D")
    assert figure.data[0].y.sum() == 5
    assert figure.layout.shapes[0].x0 == pytest.approx(errors.mean())
    assert error_histogram(np.zeros(4), "D").data[0].y.sum() == 4


def test_histogram_of_energies_has_chemical_accuracy_in_mev():
    band = error_histogram([0.1, -0.1], "eV").layout.shapes[0]
    assert (band.x0, band.x1) == pytest.approx((-1000 * CHEMICAL_ACCURACY, 1000 * CHEMICAL_ACCURACY))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.floats(-10, 10)), min_size=1, max_size=80))
def test_error_by_size_is_numpy_on_each_size(pairs):
    sizes, errors = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    box, mean, count = error_by_size(sizes, errors, "eV").data
    for k, size in enumerate(np.unique(sizes)):
        group = 1000 * np.abs(errors[sizes == size])
        shown = [box.lowerfence[k], box.q1[k], box.median[k], box.q3[k], box.upperfence[k]]
        np.testing.assert_allclose(shown, np.percentile(group, [5, 25, 50, 75, 95]), atol=1e-9)
        assert mean.y[k] == pytest.approx(group.mean())
        assert (box.x[k], mean.x[k], count.x[k], count.y[k]) == (size, size, size, len(group))


def test_learning_curve_has_the_baselines_and_the_test():
    history = SimpleNamespace(validation=[(10, 1.0, 0.5), (20, 2.0, 0.05)])
    figure = learning_curve(history, "eV", baseline=0.9, test=0.06)
    np.testing.assert_allclose(trace(figure, "validation").y, [500, 50])
    np.testing.assert_allclose(trace(figure, "validation").x, [1, 2])
    assert trace(figure, "composition alone").y[0] == pytest.approx(900)
    assert trace(figure, "chemical accuracy, 1 kcal/mol").y[0] == pytest.approx(43.364, abs=1e-3)
    assert list(trace(figure, "test").y) == pytest.approx([60])
    low, high = figure.layout.yaxis.range
    assert 10**low < 43.3
    assert 10**high > 900


def test_learning_curve_without_validation_and_without_energy():
    figure = learning_curve(SimpleNamespace(validation=[]), "D", baseline=0.5)
    assert len(trace(figure, "validation").x) == 0
    assert [t.name for t in figure.data] == ["validation", "composition alone"]


def test_certificate_shows_what_held_and_what_broke():
    held = certify(lambda x: (x * x).sum(-1), Orthogonal(3), input=Vector(), output=Invariant(), samples=4)
    broken = certify(lambda x: x[..., 0], Orthogonal(3), input=Vector(), output=Invariant(), samples=4)
    colours = []
    for certificate in (held, broken):
        figure = certificate_errors(certificate)
        errors, tolerances = trace(figure, "worst error"), trace(figure, "tolerance")
        measured = certificate.measurements
        np.testing.assert_allclose(tolerances.x, [m.tolerance for m in measured])
        np.testing.assert_allclose(errors.x, [m.error for m in measured], atol=1e-20)
        colours.append(set(errors.marker.color))
    assert len(colours[0]) == len(colours[1]) == 1
    assert colours[0] != colours[1]


def test_certificate_without_measurements_is_refused():
    nothing = SimpleNamespace(measurements=(SimpleNamespace(holds=None),))
    with pytest.raises(InputError, match="no measurement"):
        certificate_errors(nothing)


@pytest.mark.parametrize("unit", ["eV", "bohr^3"])
def test_every_axis_names_its_unit(unit):
    shown = "meV" if unit == "eV" else unit
    reference, predicted = predictions(50)
    history = SimpleNamespace(validation=[(1, 1.0, 1.0)])
    expected = [
        (parity(reference, predicted, unit, "q"), {f"reference q / {unit}", f"predicted q / {unit}"}),
        (error_histogram(predicted - reference, unit), {f"prediction − reference / {shown}", "molecules"}),
        (learning_curve(history, unit), {"training time / s", f"mean absolute error / {shown}"}),
        (
            error_by_size(np.full(50, 3), predicted - reference, unit),
            {f"absolute error / {shown}", "molecules", "atoms in the molecule"},
        ),
    ]
    for figure, titles in expected:
        layout = figure.to_dict()["layout"]
        axes = [value for key, value in layout.items() if key.startswith(("xaxis", "yaxis"))]
        assert {axis["title"]["text"] for axis in axes if "title" in axis} == titles
        assert figure.layout.template.layout == template().layout


@pytest.mark.parametrize(
    ("draw", "error", "words"),
    [
        (lambda: parity([], [], "eV"), InputError, "reference is one number a structure"),
        (lambda: parity([1.0, np.nan], [1.0, 1.0], "eV"), InputError, r"reference\[1\] is not a finite number"),
        (lambda: parity([1.0, 2.0], [1.0], "eV"), ShapeError, "predicted"),
        (lambda: error_histogram([np.inf], "eV"), InputError, r"errors\[0\]"),
        (lambda: error_by_size([1, 2], [1.0], "eV"), ShapeError, "sizes"),
    ],
)
def test_bad_input_is_named(draw, error, words):
    with pytest.raises(error, match=words):
        draw()
