"""Diagrams as vectors: giotto-tda's figures, plain twins, and gradients."""

import numpy as np
import pytest
from sklearn.base import clone

from erlangen.errors import InputError
from erlangen.topology import (
    BettiCurve,
    HeatKernel,
    NumberOfPoints,
    PersistenceEntropy,
    PersistenceImage,
    PersistenceLandscape,
    Silhouette,
)
from erlangen.topology.vectors import betti_curves, landscapes, silhouettes

A = np.array([[[0.0, 1, 0], [0, 2, 0], [0, 4, 1], [1, 1, 1]]])


def some_diagrams(seed: int = 0, n: int = 6, k: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    birth = rng.random((n, k))
    death = birth + rng.random((n, k)) * (rng.random((n, k)) < 0.8)
    return np.stack([birth, death, np.tile(np.repeat([0, 1], k // 2), (n, 1))], axis=2)


def test_figures_of_giotto():
    image = PersistenceImage(sigma=1, n_bins=3).fit_transform(A)[0, 0]
    np.testing.assert_allclose(
        image,
        [
            [0.25569629, 0.22565118, 0.15508764],
            [0.28091737, 0.24790871, 0.170385],
            [0.25569629, 0.22565118, 0.15508764],
        ],
        rtol=1e-7,
    )
    heat = HeatKernel(sigma=1, n_bins=3).fit_transform(A)[0, 0]
    np.testing.assert_allclose(
        heat,
        [[0.23970947, 0.12047939, 0], [0.18407433, 0, -0.12047939], [0, -0.18407433, -0.23970947]],
        rtol=1e-7,
        atol=1e-15,
    )
    np.testing.assert_allclose(PersistenceEntropy().fit_transform(A), [[0.91829583, 0]], atol=1e-8)
    np.testing.assert_allclose(PersistenceEntropy(normalize=True).fit_transform(A)[0, 0], 0.57938016, atol=1e-8)


def test_curves_are_their_plain_twins():
    X = some_diagrams()
    betti = BettiCurve(n_bins=17).fit(X)
    landscape = PersistenceLandscape(n_layers=8, n_bins=17).fit(X)
    silhouette = Silhouette(power=2.0, n_bins=17).fit(X)
    found = betti.transform(X), landscape.transform(X), silhouette.transform(X)
    assert [f.shape for f in found] == [(6, 2, 17), (6, 16, 17), (6, 2, 17)]
    assert found[0].dtype.kind == "i"
    for i, sample in enumerate(X):
        for q in (0, 1):
            bars = sample[sample[:, 2] == q]
            for j, t in enumerate(betti.samplings_[q]):
                tents = [max(0.0, (d - b) / 2 - abs(t - (b + d) / 2)) for b, d, _ in bars]
                assert found[0][i, q, j] == sum(b <= t < d for b, d, _ in bars)
                highest = [*sorted(tents, reverse=True), 0.0, 0.0]
                np.testing.assert_allclose(found[1][i, 8 * q : 8 * q + 8, j], highest[:8], atol=1e-15)
                weights = [(d - b) ** 2 for b, d, _ in bars]
                mean = sum(w * x for w, x in zip(weights, tents, strict=True)) / sum(weights)
                np.testing.assert_allclose(found[2][i, q, j], mean, atol=1e-14)


def test_high_powers_do_not_overflow():
    X = np.array([[[0.0, 1e100, 0], [0, 1, 0]]])
    assert np.isfinite(Silhouette(power=50.0, n_bins=5).fit_transform(X)).all()


def test_chunks_change_nothing(monkeypatch):
    X = some_diagrams()
    whole = PersistenceLandscape(n_layers=2).fit_transform(X), Silhouette().fit_transform(X)
    monkeypatch.setattr("erlangen.topology.vectors.CHUNK", 1500)
    np.testing.assert_array_equal(PersistenceLandscape(n_layers=2).fit_transform(X), whole[0])
    np.testing.assert_array_equal(Silhouette().fit_transform(X), whole[1])


def test_gradients_of_torch():
    torch = pytest.importorskip("torch")
    bars = some_diagrams()[:2, :6, :2]
    bars[:, :, 1] += 0.1  # a bar of length zero can only be made longer
    bars = torch.tensor(bars, dtype=torch.float64, requires_grad=True)
    grid = torch.linspace(0, 2, 9, dtype=torch.float64)
    for function in (lambda b: landscapes(b, grid, 8), lambda b: silhouettes(b, grid, 1.5)):
        assert torch.autograd.gradcheck(function, bars)
        np.testing.assert_allclose(
            function(bars).detach(),
            landscapes(bars.detach().numpy(), grid.numpy(), 8)
            if function(bars).ndim == 3
            else silhouettes(bars.detach().numpy(), grid.numpy(), 1.5),
        )


@pytest.mark.parametrize(
    "estimator",
    [
        BettiCurve(),
        PersistenceLandscape(),
        Silhouette(),
        HeatKernel(n_bins=20),
        PersistenceImage(n_bins=20),
        PersistenceEntropy(),
        NumberOfPoints(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_bars_of_length_zero_and_their_order_do_not_count(estimator):
    X, rng = some_diagrams(), np.random.default_rng(1)
    fitted = clone(estimator).fit(X)
    expected = fitted.transform(X)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(fitted.transform(X[:, rng.permutation(X.shape[1])]), expected, atol=1e-12)
    more = np.concatenate([X, np.tile([[0.3, 0.3, 0], [0.4, 0.4, 1]], (len(X), 1, 1))], axis=1)
    np.testing.assert_allclose(fitted.transform(more), expected, atol=1e-12)
    empty = X.copy()
    empty[:, :, 1] = empty[:, :, 0]
    assert np.isfinite(fitted.transform(empty)).all()
    with pytest.raises(InputError, match="homology dimension 1"):
        fitted.transform(X[:, :6])


def test_weights_of_the_persistence_image():
    X = some_diagrams()
    plain = PersistenceImage(n_bins=10).fit_transform(X)
    assert not np.allclose(PersistenceImage(n_bins=10, weight_function=lambda x: x**2).fit_transform(X), plain)
    twice = PersistenceImage(n_bins=10, weight_function=lambda x: 2 * np.ones_like(x)).fit_transform(X)
    np.testing.assert_allclose(twice, 2 * plain)


@pytest.mark.parametrize("n_bins", [1, 2.5])
def test_bad_bins_are_named(n_bins):
    with pytest.raises(InputError, match="n_bins"):
        BettiCurve(n_bins=n_bins).fit(A)


def test_betti_curves_of_a_grid():
    assert betti_curves(np.array([[[0.0, 1], [0.5, 3]]]), np.array([0.0, 0.5, 1, 2, 3])).tolist() == [[1, 2, 1, 1, 0]]
