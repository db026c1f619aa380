"""Chaos told from cycles, and gravitational waves found in noise, by the loops of delay embeddings.

- Lorenz: its parameter rho is switched between 28, chaos, and 160, a cycle. Windows of one coordinate, each scaled to
  variance 1, with noise of a tenth: which regime is it in?
- Maps: sines, the chaotic logistic map and white noise, all with noise of a fifth of their spread.
- Waves: the chirp of two stars that fall into each other, in white noise of 1.5 to 13 times its strength; half of the
  series are noise alone, all are scaled to variance 1. Area under the ROC curve, of all and of the half with stronger
  signals. (Who knows the wave's form finds more, by a matched filter.)

Beside topology stand the same classifiers on extremes and mean powers of each series. With the same pipelines on the
same series giotto-tda 0.6.2 gets what erlangen gets: 0.967, 0.994 and 0.803 (0.961 of the stronger half).
Run with ``python examples/topology_of_time_series.py``.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from erlangen.topology import (
    Amplitude,
    CollectionTransformer,
    PersistenceEntropy,
    SlidingWindow,
    TakensEmbedding,
    VietorisRipsPersistence,
)

RATIOS = np.linspace(0.075, 0.65, 10)
"""Root mean squares of the waves, where the noise's is 1."""


def features(*steps):
    """Return the transformer of series to entropies and amplitudes of their persistence, after some steps."""
    numbers = make_union(PersistenceEntropy(), *map(Amplitude, ("bottleneck", "wasserstein", "landscape")))
    return make_pipeline(*steps, VietorisRipsPersistence(), numbers)


def scaled(series: np.ndarray) -> np.ndarray:
    """Return series (n, length) with mean 0 and variance 1."""
    return (series - series.mean(axis=1, keepdims=True)) / series.std(axis=1, keepdims=True)


def lorenz(rho: np.ndarray, start: np.ndarray, step: float = 0.01) -> np.ndarray:
    """Return the path (n, 3) of the Lorenz system from a point, by Runge and Kutta, with a rho for each step."""

    def flow(p, r):
        return np.array([10 * (p[1] - p[0]), p[0] * (r - p[2]) - p[1], p[0] * p[1] - 8 / 3 * p[2]])

    path, p = np.empty((len(rho), 3)), start
    for i, r in enumerate(rho):
        a = flow(p, r)
        b = flow(p + step / 2 * a, r)
        c = flow(p + step / 2 * b, r)
        d = flow(p + step * c, r)
        path[i] = p = p + step / 6 * (a + 2 * b + 2 * c + d)
    return path


def regimes(spells: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return windows (n, 200) of noisy paths through spells of 800 steps, and which of them are cycles."""
    rng = np.random.default_rng(seed)
    cycle = np.repeat(np.arange(spells) % 2, 800)
    x = lorenz(np.where(cycle, 160.0, 28.0), np.array([0.0, 0.0, 20.0]) + rng.normal(size=3))[::2, 0]
    cutter = SlidingWindow(size=200, stride=20)
    windows, last = cutter.fit_transform_resample(x, cycle[::2])
    whole = cycle[::2][cutter.slice_windows(x)[:, 0]] == last  # all of it in one regime
    return (scaled(windows) + 0.1 * rng.normal(size=windows.shape))[whole], last[whole]


def maps(each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return series (3 each, 100) of noisy sines, of the logistic map and of noise, and which each is."""
    rng = np.random.default_rng(seed)
    sines = np.sin(rng.uniform(0.3, 0.8, (each, 1)) * np.arange(100) + rng.uniform(0, 2 * np.pi, (each, 1)))
    chaos = [rng.uniform(0.2, 0.8, each)]
    for _ in range(99):
        chaos.append(3.95 * chaos[-1] * (1 - chaos[-1]))
    series = np.concatenate([sines, np.transpose(chaos), rng.normal(size=(each, 100))])
    return scaled(series) + 0.2 * rng.normal(size=series.shape), np.repeat(np.arange(3), each)


def waves(number: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return series (number, 2048) of noise, which hold a wave, and the ratio of wave to noise that each stands for."""
    rng = np.random.default_rng(seed)
    left = 1 - np.arange(1024) / 1024  # time before the fall, whose frequency grows as its power -3/8
    wave = left ** (-1 / 4) * np.sin(20 * np.pi * (1 - left ** (5 / 8)))
    there, ratio = np.arange(number) % 2, np.resize(np.repeat(RATIOS, 2), number)
    series = rng.normal(size=(number, 2048))
    for i, begin in enumerate(rng.integers(0, 1024, number)):
        series[i, begin : begin + 1024] += there[i] * ratio[i] * wave / wave.std()
    return scaled(series), there, ratio


def moments(series: np.ndarray) -> np.ndarray:
    """Return extremes and mean powers of series, (n, 5)."""
    return np.column_stack([series.min(axis=1), series.max(axis=1), *((series**k).mean(axis=1) for k in (2, 3, 4))])


def fitted(embedding: list, model, train, labels) -> list:
    """Return two classifiers, one that sees the topology of the embedded series, one that sees simple numbers."""
    return [
        make_pipeline(seen, clone(model)).fit(train, labels)
        for seen in (features(*embedding), FunctionTransformer(moments))
    ]


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the series, for a quicker run")
    share = parser.parse_args(arguments).share
    forest = RandomForestClassifier(n_estimators=300, random_state=0)
    found = {}
    for name, drawn, number, embedding in (
        ("Lorenz", regimes, 30, TakensEmbedding(time_delay=5, dimension=3, stride=2)),
        ("maps", maps, 60, TakensEmbedding(time_delay=1, dimension=2)),
    ):
        (train, labels), (test, truth) = (drawn(int(number * share), seed) for seed in (0, 1))
        found[name] = [model.score(test, truth) for model in fitted([embedding], forest, train, labels)]

    (train, labels, _), (test, truth, ratio) = (waves(20 * int(20 * share), seed) for seed in (0, 1))
    plane = [TakensEmbedding(time_delay=2, dimension=150, stride=15), CollectionTransformer(PCA(3, random_state=0))]
    line = make_pipeline(StandardScaler(), LogisticRegression())
    scores = [model.decision_function(test) for model in fitted(plane, line, train, labels)]
    for name, part in (("waves", ratio > 0), ("waves, stronger half", ratio > np.median(RATIOS))):
        found[name] = [roc_auc_score(truth[part], score[part]) for score in scores]

    table = Table("series", "topology", "simple numbers", title="accuracy, and area under the ROC curve of the waves")
    for name, values in found.items():
        table.add_row(name, *(f"{value:.3f}" for value in values))
    Console().print(table)
    return {name: values[0] for name, values in found.items()}


if __name__ == "__main__":
    main()
