"""Every network of the registry on QM9's U0 and gap, for the same time on two cores, beside what their papers report.

Each has its ``small`` preset and the same loop: AdamW, batches of 32, an average of the weights, the rate falling to
zero over the budget. U0 and the gap are trained side by side, one core each. Results go to docs/qm9.json as they come;
what is there is not repeated.

    python -m benchmarks qm9 --budget 600
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from erlangen.arrays import write_atomically
from erlangen.models import names

DOCS = Path(__file__).parent.parent / "docs"
TARGETS = ("U0", "gap")
SEED = 42
# MAE in meV after full training, days on GPUs, with splits of their own; as later papers tabulate them.
PAPERS = {
    "schnet": (14, 63), "physnet": (8.15, 42.5), "dimenet++": (6.32, 32.6), "egnn": (11, 48), "painn": (5.85, 45.7),
    "cormorant": (22, 61), "tensor_field": (None, 58), "se3_transformer": (None, 53), "mace": (4.1, 42),
}  # fmt: skip


def one(model: str, target: str, budget: float) -> dict:
    """Train and test one network, in a process of its own."""
    import torch

    from erlangen.datasets import QM9_TARGETS, load_qm9
    from erlangen.training import GraphRegressor

    train, valid, test = load_qm9(target, n_train=110_000, n_valid=1_000, n_test=10_831, random_state=SEED)
    regressor = GraphRegressor(
        model, target, hyperparameters={"preset": "small"}, extensive=QM9_TARGETS[target].extensive, batch_size=32,
        max_time=budget, max_epochs=10**6, ema=0.999, clip=10.0, verbose=False, random_state=SEED,
    )  # fmt: skip
    regressor.fit(train, validation=valid)
    error = float(np.abs(regressor.predict(test) - test.graph[target]).mean())
    return {
        "model": model, "target": target, "budget_s": budget, "test_mae_meV": round(1000 * error, 2),
        "steps": regressor.history_.steps, "seconds": round(regressor.history_.seconds, 1), "n_test": len(test),
        "parameters": sum(p.numel() for p in regressor.model_.parameters()), "seed": SEED,
        "threads": torch.get_num_threads(),
    }  # fmt: skip


def both_targets(model: str, budget: float) -> list[dict]:
    """Run the two targets at the same time, with one thread each."""
    command = [sys.executable, "-m", "benchmarks", "qm9", "--one", "--budget", str(budget), "--models", model]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([*command, "--targets", target], stdout=subprocess.PIPE, text=True, env=environment)
        for target in TARGETS
    ]
    outputs = [process.communicate()[0] for process in running]
    if failed := [process.returncode for process in running if process.returncode]:
        raise SystemExit(f"{model} failed with status {failed[0]}")
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def table(runs: list[dict], budget: float) -> Table:
    found = Table(
        "network", "parameters", "steps", *(f"{t}, meV" for t in TARGETS), *(f"{t}, its paper" for t in TARGETS)
    )
    found.title = f"QM9 after {budget:g} s: MAE on 10,831 molecules never seen, small presets, seed {SEED}"
    mine = {(r["model"], r["target"]): r for r in runs if r["budget_s"] == budget}
    for model in sorted({name for name, _ in mine}, key=lambda name: mine[name, "U0"]["test_mae_meV"]):
        u0, gap = (mine[model, target] for target in TARGETS)
        papers = ["" if value is None else f"{value:g}" for value in PAPERS.get(model, (None, None))]
        found.add_row(
            model, f"{u0['parameters']:,}", f"{u0['steps']:,}", f"{u0['test_mae_meV']:.1f}",
            f"{gap['test_mae_meV']:.0f}", *papers,
        )  # fmt: skip
    return found


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks qm9", description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=float, default=600, help="seconds of training a network")
    parser.add_argument("--models", nargs="+", default=names(), choices=names())
    parser.add_argument("--again", action="store_true", help="repeat runs that docs/qm9.json has")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--targets", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.one:
        print(json.dumps(one(given.models[0], given.targets[0], given.budget)))
        return
    console, file = Console(), DOCS / "qm9.json"
    runs = json.loads(file.read_text()) if file.exists() else []
    for model in given.models:
        if not given.again and any((r["model"], r["budget_s"]) == (model, given.budget) for r in runs):
            continue
        console.print(f"{model}, {given.budget:g} s ...")
        runs = [r for r in runs if (r["model"], r["budget_s"]) != (model, given.budget)]
        runs += both_targets(model, given.budget)
        write_atomically(file, lambda temporary, runs=runs: temporary.write_text(json.dumps(runs, indent=1) + "\n"))
    console.print(table(runs, given.budget))
