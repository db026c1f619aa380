"""EGNN and Radial Field learn where five charged particles go: a training loop of one's own, on plain batches.

Run with ``python examples/moving_particles.py``.
"""

import argparse
import time

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from erlangen.datasets import load_charged_particles
from erlangen.models import create
from erlangen.structures import Batch

CHARGES = {"velocities": True, "edge_inputs": ["charge", "square"]}
NETWORKS = {
    "egnn": {**CHARGES, "elements": [], "node_inputs": {"speed": 1}, "update_coordinates": True, "attention": False},
    "radial_field": CHARGES,
}


def error(places: Tensor, batch: Batch) -> Tensor:
    return (places - batch.node["final_positions"]).square().mean()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15, help="of training, for each network")
    given = parser.parse_args(arguments)
    train, _, test = load_charged_particles(n_train=1_000)
    batches = [Batch.from_structures(train[k : k + 100], complete=True) for k in range(0, len(train), 100)]
    unseen = Batch.from_structures(test, complete=True)
    table = Table("network", "mean squared error of a coordinate", title=f"{given.seconds:g} s each, 1,000 systems")
    for name, hyperparameters in NETWORKS.items():
        torch.manual_seed(0)
        model = create(name, **hyperparameters, head="positions")
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        started = time.perf_counter()
        while time.perf_counter() - started < given.seconds:
            for batch in batches:
                optimizer.zero_grad()
                error(model(batch), batch).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
        with torch.no_grad():
            table.add_row(name, f"{error(model(unseen), unseen):.4f}")
    straight = unseen.positions + unseen.node["velocity"]
    table.add_row("straight lines", f"{error(straight, unseen):.4f}")
    Console().print(table)


if __name__ == "__main__":
    main()
