"""A network of bonds learns a property of QM9 molecules with persistence in it, and without.

Run with ``python examples/topology_in_a_network.py``; it takes some five minutes on two cores. The network sees which
atoms are bonded but no distances, and messages alone count no rings. The control has a layer of the same size that
sees each atom by itself.
"""

import argparse
import time

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

from erlangen.datasets import load_qm9
from erlangen.structures import Batch
from erlangen.topology import PersistenceFeatures

WIDTH, BOND = 64, 1.7
"""Features of an atom; atoms closer than this, in angstrom, are taken for bonded."""


class Network(nn.Module):
    """Messages along bonds, perhaps something in the middle, and a sum over the atoms."""

    def __init__(self, middle: nn.Module | None):
        super().__init__()
        self.elements = nn.Embedding(10, WIDTH)
        self.messages = nn.ModuleList(dense(2 * WIDTH, WIDTH) for _ in range(4))
        self.middle = middle
        self.head = dense(2 * WIDTH, 1)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return a number for each molecule."""
        x, graphs = self.elements(batch.numbers), batch.positions.new_zeros(len(batch), WIDTH)
        sender, receiver = batch.edge_index
        for k, message in enumerate(self.messages):
            heard = torch.zeros_like(x).index_add(0, receiver, x[sender])
            x = x + message(torch.cat([x, heard], 1))
            if k == 1 and self.middle is not None:
                x, graphs = self.middle(x, batch.edge_index, batch.offsets)
        mean = torch.zeros_like(graphs).index_add(0, batch.index, x) / batch.sizes[:, None]
        return self.head(torch.cat([mean, graphs], 1))[:, 0]


class Control(nn.Module):
    """What takes the place of `PersistenceFeatures`: as many numbers, but each atom by itself."""

    def __init__(self, hidden: int):
        super().__init__()
        self.layers = dense(WIDTH, hidden)
        self.to_nodes, self.to_graphs = nn.Linear(hidden, WIDTH), nn.Linear(hidden, WIDTH)

    def forward(self, x, edge_index, offsets):
        """Return new features of the atoms and features of the molecules."""
        seen = self.layers(x)
        home = torch.repeat_interleave(offsets.diff())
        sums = seen.new_zeros(len(offsets) - 1, seen.shape[1]).index_add(0, home, seen)
        return x + self.to_nodes(seen), self.to_graphs(sums)


def dense(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, WIDTH), nn.SiLU(), nn.Linear(WIDTH, n_out))


def batches(molecules, size: int) -> list[Batch]:
    return [Batch.from_structures(molecules[k : k + size], cutoff=BOND) for k in range(0, len(molecules), size)]


def error(network: nn.Module, parts: list[Batch], target: str, mean: float, scale: float) -> float:
    """Return the mean absolute error."""
    with torch.no_grad():
        missed = [(network(part) * scale + mean - part.graph[target]).abs() for part in parts]
    return float(torch.cat(missed).mean())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="gap")
    parser.add_argument("--n-train", type=int, default=10_000)
    parser.add_argument("--n-test", type=int, default=5_000)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args(arguments)
    train, _, test = load_qm9(given.target, n_train=given.n_train, n_valid=0, n_test=given.n_test, random_state=42)
    values = train.graph[given.target]
    mean, scale = float(values.mean()), float(values.std())
    train, test = batches(train, 100), batches(test, 500)
    middles = {
        "messages alone": lambda: None,
        "with the control": lambda: Control(116),
        "with persistence": lambda: PersistenceFeatures(WIDTH),
    }
    table = Table(
        "network", "parameters", "MAE", "s an epoch", title=f"QM9, {given.target}: {len(values):,} molecules to learn"
    )
    for name, middle in middles.items():
        errors, started = [], time.perf_counter()
        for seed in range(given.seeds):
            torch.manual_seed(seed)
            network = Network(middle())
            optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, given.epochs * len(train))
            for _ in track(range(given.epochs), name, transient=True):
                for k in torch.randperm(len(train)).tolist():
                    optimizer.zero_grad()
                    loss = nn.functional.l1_loss(network(train[k]), (train[k].graph[given.target] - mean) / scale)
                    loss.backward()
                    optimizer.step()
                    schedule.step()
            errors.append(error(network, test, given.target, mean, scale))
        seconds = (time.perf_counter() - started) / given.epochs / given.seeds
        size = sum(p.numel() for p in network.parameters())
        table.add_row(name, f"{size:,}", " ".join(f"{e:.4f}" for e in errors), f"{seconds:.1f}")
    truth = np.concatenate([part.graph[given.target].numpy() for part in test])
    table.add_row("the mean", "1", f"{np.abs(truth - mean).mean():.4f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
