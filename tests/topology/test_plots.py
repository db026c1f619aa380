"""Every estimator that giotto-tda can plot has its figure, and the figure shows what was returned."""

import numpy as np
import plotly.graph_objects as go
import pytest

import erlangen.topology as topology
from erlangen.errors import InputError, ShapeError
from erlangen.topology.plots import PlotterMixin

RNG = np.random.default_rng(0)
CLOUDS = RNG.normal(size=(3, 15, 2))
DIAGRAMS = topology.VietorisRipsPersistence().fit_transform(CLOUDS)
IMAGES = RNG.random((3, 6, 5)) < 0.5
CURVES = RNG.normal(size=(3, 2, 12))

EVERY = [
    *((name, CLOUDS) for name in ("VietorisRipsPersistence", "WeightedRipsPersistence", "WeakAlphaPersistence")),
    ("CubicalPersistence", RNG.random((3, 6, 5))),
    *((name, DIAGRAMS) for name in ("ForgetDimension", "Scaler", "Filtering", "BettiCurve", "PersistenceLandscape",
                                    "Silhouette", "HeatKernel", "PersistenceImage")),
    *((name, IMAGES) for name in ("Binarizer", "Inverter", "Padder", "ImageToPointCloud", "HeightFiltration",
                                  "RadialFiltration", "DilationFiltration", "ErosionFiltration",
                                  "SignedDistanceFiltration", "DensityFiltration")),
    ("TakensEmbedding", CURVES[:, 0]),
    ("GraphGeodesicDistance", np.abs(RNG.normal(size=(3, 7, 7)))),
    ("ConsistentRescaling", CLOUDS),
    ("ConsecutiveRescaling", CLOUDS),
    ("Derivative", CURVES),
]  # fmt: skip


@pytest.fixture
def shown(monkeypatch):
    figures = []
    monkeypatch.setattr(go.Figure, "show", lambda self, *a, **k: figures.append(self))
    return figures


@pytest.mark.parametrize(("name", "X"), EVERY, ids=[name for name, _ in EVERY])
def test_every_estimator_draws_what_it_returns(name, X, shown):
    estimator = getattr(topology, name)()
    before = np.array(X)
    Xt = estimator.fit_transform(X)
    figure = estimator.plot(Xt, sample=1)
    assert isinstance(estimator, PlotterMixin)
    assert any(np.size(t.y) for t in figure.data)
    one = estimator.fit_transform_plot(X, sample=1)
    assert len(one) == 1
    again = estimator.transform_plot(X, sample=1)
    np.testing.assert_allclose(np.asarray(one[0], float), np.asarray(again[0], float))
    assert len(shown) == 2
    assert shown[0].to_json() == shown[1].to_json()
    np.testing.assert_array_equal(X, before)
    assert estimator.plot(Xt, plotly_params={"layout": {"width": 77}}).layout.width == 77


def test_images_and_matrices_are_the_pixels():
    padded = topology.Padder().fit_transform(IMAGES)
    np.testing.assert_array_equal(topology.Padder.plot(padded, sample=2).data[0].z, padded[2])
    rescaled = topology.ConsistentRescaling().fit_transform(CLOUDS)
    np.testing.assert_array_equal(topology.ConsistentRescaling.plot(rescaled, 1).data[0].z, rescaled[1])


def test_curves_lie_over_their_own_grids():
    landscape = topology.PersistenceLandscape(n_layers=2, n_bins=7)
    values = landscape.fit_transform(DIAGRAMS)
    figure = landscape.plot(values, sample=2)
    assert [t.name for t in figure.data] == ["H0, layer 1", "H0, layer 2", "H1, layer 1", "H1, layer 2"]
    for k, trace in enumerate(figure.data):
        np.testing.assert_array_equal(trace.y, values[2, k])
        np.testing.assert_array_equal(trace.x, landscape.samplings_[k // 2])
    assert [t.name for t in landscape.plot(values, homology_dimensions=[1]).data] == ["H1, layer 1", "H1, layer 2"]


def test_persistence_images_point_upwards():
    image = topology.PersistenceImage(n_bins=5)
    values = image.fit_transform(DIAGRAMS)
    figure = image.plot(values, homology_dimension_idx=1)
    (trace,) = figure.data
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("birth", "persistence")
    np.testing.assert_array_equal(trace.z, values[0, 1])
    np.testing.assert_array_equal(trace.x, image.samplings_[1][0])
    np.testing.assert_array_equal(trace.y, image.samplings_[1][1][::-1])  # the first row is the longest persistence
    components = DIAGRAMS[:, DIAGRAMS[0, :, 2] == 0]
    born_at_once = topology.PersistenceImage(n_bins=5)
    values = born_at_once.fit_transform(components)
    assert born_at_once.plot(values).data[0].x is None  # all births are 0: there is no scale


def test_bad_samples_and_volumes_are_named(shown):
    estimator = topology.VietorisRipsPersistence()
    for bad in (3, -1, "a"):
        with pytest.raises(InputError, match="from 0 to 2"):
            estimator.fit_transform_plot(CLOUDS, sample=bad)
    with pytest.raises(ShapeError, match=r"data\[i\]"):
        topology.Padder().fit_transform_plot(np.zeros((1, 2, 3, 4)))
    betti = topology.BettiCurve().fit(DIAGRAMS)
    with pytest.raises(InputError, match="among"):
        betti.plot(betti.transform(DIAGRAMS), homology_dimensions=[2])
    assert not shown
