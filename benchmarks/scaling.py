"""Cost of an energy against the number of atoms, for every network: periodic water at the density of the liquid.

Boxes of 96 to 98,304 atoms: molecules on a cubic lattice 3.1 angstrom apart, turned at random, repeated in all
directions. Each network has its ``small`` preset, float32, and a process of its own; time is the median of three
evaluations, neighbor search included, and memory the peak of the process. Results go to docs/scaling.json and .svg.

    python -m benchmarks scaling
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks._figure import save, subplots
from erlangen.arrays import write_atomically
from erlangen.models import names
from erlangen.structures import Structure

DOCS = Path(__file__).parent.parent / "docs"
SPACING = 3.1  # angstrom between molecules: 1.0 g/cm^3
WATER = np.array([[0, 0, 0], [0.757, 0.586, 0], [-0.757, 0.586, 0]])
SIZES = [(4, 4, 2), (8, 4, 4), (8, 8, 8), (16, 16, 8), (32, 16, 16), (32, 32, 32)]
PERIODIC = {"egnn": {"cutoff": 4.0}, "radial_field": {"cutoff": 4.0}, "physnet": {"long_range_cutoff": 8.0},
            "density": {"centers": "all"}}  # fmt: skip


def water(shape: tuple[int, int, int], seed: int = 0) -> Structure:
    """Return a periodic box of water, molecules along each axis given."""
    from scipy.spatial.transform import Rotation

    places = SPACING * np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    turns = Rotation.random(len(places), random_state=seed).as_matrix()
    positions = (places + np.einsum("nij,aj->nai", turns, WATER)).reshape(-1, 3)
    return Structure(positions, [8, 1, 1] * len(places), cell=SPACING * np.diag(shape), pbc=True)


def one(model: str, largest: int) -> list[dict]:
    """Time one network on all boxes, in a process of its own."""
    import torch

    from erlangen.models import create
    from erlangen.structures import Batch

    torch.manual_seed(0)
    hyperparameters = PERIODIC.get(model, {})
    network = create(model, preset="small", head={"name": "graph"}, **hyperparameters).eval()
    runs = []
    for shape in SIZES:
        structure = water(shape)
        if len(structure.numbers) > largest:
            break
        times = []
        for _ in range(4):
            started = time.perf_counter()
            with torch.no_grad():
                energy = network(Batch.from_structures([structure])).item()
            times.append(time.perf_counter() - started)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        runs.append(
            {"model": model, "atoms": len(structure.numbers), "seconds": statistics.median(times[1:]),
             "peak_GB": round(peak, 2), "finite": bool(np.isfinite(energy)), "threads": torch.get_num_threads()}
        )  # fmt: skip
        print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    return runs


def draw(runs: list[dict], path: Path) -> None:
    """Draw time against atoms, with a line of slope one."""
    figure, axes = subplots(figsize=(6.4, 4.4))
    for index, model in enumerate(sorted({r["model"] for r in runs})):
        points = sorted((r["atoms"], r["seconds"]) for r in runs if r["model"] == model)
        marker = "osv^D<>pXP*"[index % 11]
        axes.loglog(*zip(*points, strict=True), marker + "-", color=f"C{index % 10}", label=model, markersize=4)
    sizes = np.array([100, 100_000])
    axes.loglog(sizes, 2e-5 * sizes, ":", color="#555555", label="linear")
    axes.set_xlabel("atoms of periodic water")
    axes.set_ylabel("seconds for an energy, two cores")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncol=2)
    save(figure, path)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=names(), choices=names())
    parser.add_argument("--largest", type=int, default=100_000, help="atoms")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.one:
        print(json.dumps(one(given.models[0], given.largest)))
        return
    console, file = Console(), DOCS / "scaling.json"
    runs = json.loads(file.read_text()) if file.exists() else []
    for model in given.models:
        command = [sys.executable, "-m", "benchmarks", "scaling", "--one", "--models", model]
        done = subprocess.run(
            [*command, "--largest", str(given.largest)], stdout=subprocess.PIPE, text=True, check=True
        )
        runs = [r for r in runs if r["model"] != model] + json.loads(done.stdout.splitlines()[-1])
        write_atomically(file, lambda temporary, runs=runs: temporary.write_text(json.dumps(runs, indent=1) + "\n"))
    table = Table("network", "atoms", "microseconds an atom", "exponent", "peak GB", title="Periodic water, an energy")
    for model in sorted({r["model"] for r in runs}):
        mine = sorted((r for r in runs if r["model"] == model), key=lambda r: r["atoms"])
        large = [r for r in mine if r["atoms"] >= 1000]
        slope = (
            np.polyfit(*np.log([[r["atoms"] for r in large], [r["seconds"] for r in large]]), 1)[0]
            if len(large) > 1
            else np.nan
        )
        per_atom = " ".join(f"{1e6 * r['seconds'] / r['atoms']:.0f}" for r in mine)
        table.add_row(
            model,
            f"{mine[0]['atoms']:,} to {mine[-1]['atoms']:,}",
            per_atom,
            f"{slope:.2f}",
            f"{mine[-1]['peak_GB']:.1f}",
        )
    console.print(table)
    draw(runs, DOCS / "scaling.svg")
