"""Error against seconds of training on QM9, erlangen beside PyTorch Geometric: ``python -m benchmarks quickstart``.

Every run has its own process, the same molecules (110,000 to learn from, 10,831 never seen, split 42), the same loop,
loss, schedule in time and composition baseline, and all cores. PyTorch Geometric's SchNet runs with its default
architecture (128 wide, 6 blocks, 10 angstrom) and with a small one that learns more in the time (96, 3, 4 angstrom);
its edges come from erlangen's neighbor lists, because its own need another compiled package. The figures go to
``docs/quickstart.json`` (runs already there are not repeated) and are drawn in ``docs/quickstart.svg``.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks._figure import save, subplots
from erlangen.applications import MolecularPropertyConfig
from erlangen.arrays import write_atomically
from erlangen.datasets import load_qm9
from erlangen.neighbors import neighbor_list
from erlangen.structures import Batch
from erlangen.training import GraphRegressor
from erlangen.units import CHEMICAL_ACCURACY

DOCS = Path(__file__).parent.parent / "docs"
SCHNET = {
    "PyG SchNet": {},
    "PyG SchNet, small": {"hidden_channels": 96, "num_filters": 96, "num_interactions": 3, "cutoff": 4.0},
}
CONTENDERS = ("erlangen", *SCHNET)
COLOURS = dict(zip(CONTENDERS, ("#1f5fa8", "#999999", "#c2571a"), strict=True))


class PeerSchNet(torch.nn.Module):
    """PyTorch Geometric's SchNet on a `Batch`."""

    def __init__(self, **architecture) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch_geometric.nn.models import SchNet
        cutoff = architecture.get("cutoff", 10.0)

        def edges(positions, index):
            found = neighbor_list(positions, cutoff, batch=index)
            return found.edge_index, found.displacement.norm(dim=-1)

        self.network = SchNet(interaction_graph=edges, **architecture)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return one number a structure, (b,)."""
        return self.network(batch.numbers, batch.positions, batch.index).squeeze(1)


class PeerRegressor(GraphRegressor):
    """erlangen's estimator around PyTorch Geometric's network."""

    def _make_model(self, values) -> PeerSchNet:
        return PeerSchNet(**self.hyperparameters)


def one(contender: str, budget: float, target: str) -> dict:
    """Train and test one contender in this process."""
    config = MolecularPropertyConfig(target=target, budget=budget)
    train, valid, test = load_qm9(target, config.n_train, config.n_valid, config.n_test, random_state=42)
    if contender == "erlangen":
        regressor = config.estimator(verbose=False)
    else:
        regressor = PeerRegressor(
            target=target, hyperparameters=SCHNET[contender], batch_size=32, max_epochs=10**6, max_time=budget,
            validate_every=400, ema=0.999, verbose=False, random_state=42,
        )  # fmt: skip
    regressor.fit(train, validation=valid)
    started = time.monotonic()
    error = float(np.abs(regressor.predict(test) - test.graph[target]).mean())
    return {
        "contender": contender, "budget_s": budget, "target": target, "test_mae": error,
        "steps": regressor.history_.steps, "seconds": round(regressor.history_.seconds, 1),
        "inference_ms_per_molecule": round(1000 * (time.monotonic() - started) / len(test), 3),
        "n_test": len(test), "seed": 42, "threads": torch.get_num_threads(),
    }  # fmt: skip


def table(runs: list[dict], budgets: list[float]) -> Table:
    found = Table("seconds of training", *CONTENDERS, title="QM9 U0, MAE in meV on 10,831 molecules never seen")
    for budget in budgets:
        cells = [
            next((r for r in runs if (r["contender"], r["budget_s"]) == (name, budget)), None) for name in CONTENDERS
        ]
        words = ["" if r is None else f"{1000 * r['test_mae']:.1f} ({r['steps']:,} steps)" for r in cells]
        found.add_row(f"{budget:g}", *words)
    return found


def draw(runs: list[dict], path: Path) -> None:
    """Draw the errors against the budgets."""
    figure, axes = subplots(figsize=(6.4, 3.6))
    for name in CONTENDERS:
        points = sorted((r["budget_s"], 1000 * r["test_mae"]) for r in runs if r["contender"] == name)
        if points:
            axes.loglog(*zip(*points, strict=True), "o-", color=COLOURS[name], label=name)
    axes.axhline(1000 * CHEMICAL_ACCURACY, color="#555555", linestyle=":", linewidth=1)
    axes.annotate("chemical accuracy, 1 kcal/mol", (60, 1000 * CHEMICAL_ACCURACY * 1.06), color="#555555", fontsize=9)
    budgets = sorted({r["budget_s"] for r in runs})
    axes.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
    axes.set_yticks([5, 10, 20, 50, 100, 200, 500], ["5", "10", "20", "50", "100", "200", "500"])
    axes.minorticks_off()
    axes.set_xlabel("seconds of training on two cores")
    axes.set_ylabel("test MAE of U0 / meV")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save(figure, path)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks quickstart", description=__doc__.splitlines()[0])
    parser.add_argument("--budgets", type=float, nargs="+", default=[60, 150, 300, 600], help="seconds")
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--target", default="U0")
    parser.add_argument("--again", action="store_true", help="repeat runs that docs/quickstart.json has")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.one:
        print(json.dumps(one(given.contenders[0], given.budgets[0], given.target)))
        return
    console, file = Console(), DOCS / "quickstart.json"
    runs = json.loads(file.read_text()) if file.exists() else []
    for budget in given.budgets:
        for name in given.contenders:
            key = (name, budget, given.target)
            if not given.again and any((r["contender"], r["budget_s"], r["target"]) == key for r in runs):
                continue
            console.print(f"{name}, {budget:g} s ...")
            arguments = ["--one", "--contenders", name, "--budgets", str(budget), "--target", given.target]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks", "quickstart", *arguments],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            runs = [r for r in runs if (r["contender"], r["budget_s"], r["target"]) != key]
            runs.append(json.loads(done.stdout.splitlines()[-1]))
            write_atomically(file, lambda temporary, runs=runs: temporary.write_text(json.dumps(runs, indent=1) + "\n"))
    console.print(table(runs, given.budgets))
    draw(runs, DOCS / "quickstart.svg")
