"""Persistence of points and images beside ripser, gudhi and giotto-tda: equal bars first, then times and ratios.

giotto-tda does not run on current NumPy: ``benchmarks/peers.sh`` makes an environment with it. It is timed in a process
of its own, on the same input and number of threads; ours before and after it.

``--scaling`` measures time and memory against the number of points instead, each in a process of its own, into
docs/topology.json and docs/topology.svg.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks._figure import save, subplots
from erlangen.arrays import write_atomically

DOCS = Path(__file__).parent.parent / "docs"
PEERS = Path(__file__).parent / ".peers" / "giotto" / "bin" / "python"

THEIRS = """
import json, sys, time
import numpy as np
from gtda import homology
given = json.loads(sys.argv[1])
X = np.load(given["file"])
estimator = getattr(homology, given["name"])(**given["parameters"])
times, out = [], None
for number in range(given["rounds"] + 1):
    start = time.perf_counter()
    out = estimator.fit_transform(X)
    times.append(time.perf_counter() - start)
np.save(given["file"] + ".out.npy", out)
print(json.dumps(times[1:]))
"""


@dataclass(frozen=True)
class Work:
    """One line of the table: an input, an estimator of persistence with its parameters, and who else can do it."""

    name: str
    X: np.ndarray
    estimator: str
    parameters: dict
    peers: dict[str, Callable] = field(default_factory=dict)


def sphere(n: int) -> np.ndarray:
    x = np.random.default_rng(0).normal(size=(n, 3))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def torus(n: int) -> np.ndarray:
    u, v = 2 * np.pi * np.random.default_rng(0).random((2, n))
    return np.column_stack([(2 + np.cos(v)) * np.cos(u), (2 + np.cos(v)) * np.sin(u), np.sin(v)])


def ripser_bars(X, top: int) -> list:
    from ripser import ripser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ripser(X, maxdim=top)["dgms"]


def gudhi_bars(image) -> list:
    import gudhi

    complex_ = gudhi.CubicalComplex(top_dimensional_cells=image)
    complex_.compute_persistence(homology_coeff_field=2)
    return [complex_.persistence_intervals_in_dimension(q) for q in range(image.ndim)]


def alpha_bars(points) -> list:
    import gudhi

    tree = gudhi.AlphaComplex(points=points).create_simplex_tree()
    tree.compute_persistence(homology_coeff_field=2)
    squares = [tree.persistence_intervals_in_dimension(q) for q in range(3)]
    return [2 * np.sqrt(np.maximum(bars, 0)) for bars in squares]  # of diameters, as ours


def works() -> list[Work]:
    rng = np.random.default_rng(0)

    def rips(top: int) -> dict:
        return {"homology_dimensions": list(range(top + 1))}

    def with_ripser(top: int) -> dict:
        return {"ripser": lambda X: [ripser_bars(x, top) for x in X]}

    return [
        Work("sphere, 192 points, dimension 2", sphere(192)[None], "VietorisRipsPersistence", rips(2), with_ripser(2)),
        Work("torus, 1,000 points, dimension 1", torus(1000)[None], "VietorisRipsPersistence", rips(1), with_ripser(1)),
        Work("uniform in 4-D, 60 points, dimension 3", rng.random((1, 60, 4)), "VietorisRipsPersistence", rips(3),
             with_ripser(3)),
        Work("256 clouds of 100 points, dimension 2", rng.random((256, 100, 3)), "VietorisRipsPersistence", rips(2)),
        Work("256 images, 28 x 28", rng.random((256, 28, 28)), "CubicalPersistence", {},
             {"gudhi": lambda X: [gudhi_bars(x) for x in X]}),
        Work("alpha, 100,000 points in 3-D", rng.random((1, 100_000, 3)), "AlphaPersistence", rips(2),
             {"gudhi": lambda X: [alpha_bars(x) for x in X]}),
        Work("image, 128 x 128 x 128", smooth(128)[None], "CubicalPersistence", rips(2),
             {"gudhi": lambda X: [gudhi_bars(x) for x in X]}),
    ]  # fmt: skip


def smooth(n: int) -> np.ndarray:
    """Return a random image without structure below some four pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(np.random.default_rng(0).random((n, n, n)), 2)


def clock(run: Callable, rounds: int) -> tuple[list[float], object]:
    times, out = [], None
    for number in range(rounds + 1):
        start = time.perf_counter()
        out = run()
        if number:
            times.append(time.perf_counter() - start)
    return times, out


def of_giotto(python: str, work: Work, threads: int, rounds: int) -> tuple[list[float], np.ndarray]:
    """Return giotto-tda's times and diagrams; its cheaper variant, with collapsed edges, where that is faster."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "X.npy")
        np.save(file, work.X)
        found = []
        variants = [{}, {"collapse_edges": True}] if work.estimator == "VietorisRipsPersistence" else [{}]
        for extra in variants:
            given = {"file": file, "name": work.estimator, "rounds": rounds}
            given["parameters"] = work.parameters | extra | {"n_jobs": threads if len(work.X) > 1 else 1}
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": str(threads)}
            done = subprocess.run(
                [python, "-c", THEIRS, json.dumps(given)], capture_output=True, text=True, env=environment, check=True
            )
            found.append((json.loads(done.stdout.splitlines()[-1]), np.load(file + ".out.npy")))
    return min(found, key=lambda one: statistics.median(one[0]))


def check(ours: np.ndarray, theirs, what: str) -> None:
    """Stop unless the bars are the same, those of rounding aside: peers have float32."""
    scale = np.abs(ours[np.isfinite(ours)]).max()
    for i, sample in enumerate(ours):
        dimensions = np.unique(sample[:, 2]).astype(int)
        for q in dimensions:
            mine = sample[sample[:, 2] == q, :2]
            other = theirs[i][theirs[i][:, 2] == q, :2] if isinstance(theirs, np.ndarray) else np.asarray(theirs[i][q])
            other = other.reshape(-1, 2)
            mine, other = (b[(b[:, 1] - b[:, 0] > 1e-6 * scale) & np.isfinite(b[:, 1])] for b in (mine, other))
            if len(mine) != len(other) or not all(
                np.allclose(np.sort(mine[:, e]), np.sort(other[:, e]), rtol=1e-5, atol=1e-6 * scale) for e in (0, 1)
            ):
                raise SystemExit(f"{what}, sample {i}, dimension {q}: bars differ, nothing to compare")


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks topology", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="lines whose name has this in it")
    parser.add_argument("--giotto", default=str(PEERS) if PEERS.exists() else "", help="a Python with giotto-tda 0.6.2")
    parser.add_argument("--scaling", action="store_true", help="measure time and memory against size instead")
    parser.add_argument("--largest", type=int, default=5000, help="points, with --scaling")
    parser.add_argument("--output", type=Path, default=DOCS, help="folder for topology.json and .svg, with --scaling")
    given = parser.parse_args(argv)
    if given.scaling:
        scaling(given.threads, given.largest, given.output)
        return
    for threads in given.threads:
        # in a process of its own: the number of threads is read when kernels are first used
        command = [sys.executable, "-m", "benchmarks.topology", str(threads), str(given.rounds), given.only]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}
        subprocess.run([*command, given.giotto], env=environment, check=True)


def diagram(rng, size: int) -> np.ndarray:
    """Return bars as noise makes them, mostly short."""
    births = rng.random(size)
    return np.column_stack([births, births + 0.1 * rng.exponential(size=size)])


def distances(rounds: int) -> Table:
    """Return exact distances of pairs of diagrams beside gudhi's, on one thread: hera, and its own bottleneck."""
    import gudhi
    from gudhi.hera import wasserstein_distance as hera

    from erlangen.topology import bottleneck_distance, wasserstein_distance

    rng = np.random.default_rng(0)
    table = Table("bars", "distance", "erlangen, s", "gudhi", title="Distances of two diagrams, exact: erlangen beside")
    for size in (50, 200, 1000, 2000):
        first, second = diagram(rng, size), diagram(rng, size)
        for name, ours, theirs in (
            ("bottleneck", bottleneck_distance, lambda a, b: gudhi.bottleneck_distance(a, b, 0.0)),
            (
                "Wasserstein, p = 2",
                wasserstein_distance,
                lambda a, b: hera(a, b, order=2, internal_p=np.inf, delta=0.01),
            ),
        ):
            mine, found = clock(lambda f=ours, a=first, b=second: f(a, b), rounds)
            other, expected = clock(lambda f=theirs, a=first, b=second: f(a, b), rounds)
            slack = 1e-9 if name == "bottleneck" else 0.01  # hera stops there, ours is exact
            if not found * (1 - 1e-9) <= expected <= found * (1 + slack) + 1e-12:
                raise SystemExit(f"{name} of {size} bars: {found} and {expected} differ, nothing to compare")
            mine, other = statistics.median(mine), statistics.median(other)
            table.add_row(str(size), name, f"{mine:.3g}", f"{other:.3g} s, {other / mine:.1f} x")
    return table


CLOUDS = {
    "sphere, dimension 2": (sphere, 2, (50, 100, 200, 500, 1000)),
    "torus, dimension 1": (torus, 1, (200, 500, 1000, 2000, 5000)),
    "uniform in 4-D, dimension 3": (lambda n: np.random.default_rng(0).random((n, 4)), 3, (50, 100, 200, 500)),
}


def scaling(threads: list[int], largest: int, output: Path) -> None:
    """Time every cloud in a process of its own; write and draw what was measured."""
    runs = []
    for cloud, (_, _, sizes) in CLOUDS.items():
        for n in (n for n in sizes if n <= largest):
            for t in threads:
                environment = os.environ | {"OMP_NUM_THREADS": str(t), "NUMBA_NUM_THREADS": str(t)}
                command = [sys.executable, "-m", "benchmarks.topology", "one", cloud, str(n)]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                runs.append({"cloud": cloud, "points": n, "threads": t} | json.loads(done.stdout.splitlines()[-1]))
                print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(output / "topology.json", lambda path: path.write_text(json.dumps(runs, indent=1) + "\n"))
    figure, axes = subplots(figsize=(6.4, 4.2))
    for index, cloud in enumerate(CLOUDS):
        for t in threads:
            points = [(r["points"], r["seconds"]) for r in runs if (r["cloud"], r["threads"]) == (cloud, t)]
            if not points:
                continue
            label = f"{cloud}, {t} thread{'s' * (t > 1)}"
            axes.loglog(*zip(*points, strict=True), "o-" if t == 1 else "s--", color=f"C{index}", label=label, ms=4)
    axes.set_xlabel("points")
    axes.set_ylabel("seconds")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    table = Table("cloud", "points", "threads", "seconds", "peak GB", title="Vietoris-Rips persistence")
    for run in runs:
        table.add_row(*(str(run[key]) for key in ("cloud", "points", "threads")), f"{run['seconds']:.3g}",
                      str(run["peak_GB"]))  # fmt: skip
    Console().print(table)
    save(figure, output / "topology.svg")


def one_cloud(cloud: str, n: int) -> None:
    """Print the time of one cloud, the median of a few, and the peak memory of this process."""
    from erlangen.topology import rips_persistence

    make, top, _ = CLOUDS[cloud]
    X, times = make(n), []
    rips_persistence(X[:20], max_dimension=top)  # loads the kernels
    while not times or (len(times) < 5 and sum(times) < 5):
        start = time.perf_counter()
        found = rips_persistence(X, max_dimension=top)
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    bars = [len(b) for b in found.bars]
    print(json.dumps({"seconds": statistics.median(times), "peak_GB": round(peak, 2), "bars": bars}))


def one_number_of_threads(threads: int, rounds: int, only: str, giotto: str) -> None:
    import erlangen.topology

    table = Table("work", "erlangen, s", "ripser", "gudhi", "giotto-tda", title=f"{threads} thread(s)")
    for work in works():
        if only.lower() not in work.name.lower():
            continue
        n_jobs = threads if len(work.X) > 1 else None
        estimator = getattr(erlangen.topology, work.estimator)(**work.parameters, n_jobs=n_jobs)
        times, ours = clock(lambda e=estimator, X=work.X: e.fit_transform(X), rounds)
        seconds = {}
        for name, run in work.peers.items():
            theirs, bars = clock(lambda run=run, X=work.X: run(X), 1 if len(work.X[0]) > 100 else rounds)
            check(ours, bars, work.name)
            seconds[name] = statistics.median(theirs)
        if giotto and work.estimator != "AlphaPersistence":
            theirs, bars = of_giotto(giotto, work, threads, min(rounds, 3))
            check(ours, bars, work.name)
            seconds["giotto"] = statistics.median(theirs)
            again, _ = clock(lambda e=estimator, X=work.X: e.fit_transform(X), rounds)
            times += again
        mine = statistics.median(times)
        found = [seconds.get(peer) for peer in ("ripser", "gudhi", "giotto")]
        cells = ["" if theirs is None else f"{theirs:.4g} s, {theirs / mine:.1f} x" for theirs in found]
        table.add_row(work.name, f"{mine:.4g}", *cells)
    Console(width=140).print(table)
    if threads == 1 and not only:
        Console(width=140).print(distances(rounds))


if __name__ == "__main__":
    if sys.argv[1] == "one":
        one_cloud(sys.argv[2], int(sys.argv[3]))
    else:
        one_number_of_threads(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
