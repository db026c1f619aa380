"""Five charged particles, their places one unit of time later: ``python -m benchmarks nbody``.

The task and the systems of the EGNN paper (`erlangen.datasets.load_charged_particles`): mean squared error of a
coordinate on 2,000 systems never seen. Every run has its own process, batches of 100, and Adam with a rate that falls
to zero in the last third of its seconds (of the processor, so that a busy machine does not matter). The weights
are a running average, at the step where it does best on the 2,000 systems for validation: a high rate, averaged,
overfits later than a low one. Runs go to ``docs/nbody.json``, one for each model, number of systems, seed and budget;
those already there are not repeated. Models with several numbers of systems are drawn in ``docs/nbody.svg``. The
published figures stand for 10,000 epochs, ours for the seconds given.

Contenders are the names below and every model of the registry. ``egnn`` and ``radial_field`` are the authors' networks.
A network of atoms that takes no velocities becomes the force of a `LearnedLeapfrog`.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks._figure import save, subplots
from erlangen.arrays import write_atomically
from erlangen.datasets import load_charged_particles
from erlangen.models import create, names
from erlangen.nn.activations import mlp
from erlangen.nn.edges import Pairing, length, pair_up
from erlangen.nn.segments import gather_receiver, gather_sender, pool, segment_sum
from erlangen.structures import Batch, StructureSet

FILE = Path(__file__).parent.parent / "docs" / "nbody.json"
BATCH = 100
PUBLISHED = {  # 2102.09844, table 2
    "linear": 0.0819, "gnn": 0.0107, "radial_field": 0.0104, "egnn": 0.0071, "se3_transformer": 0.0244,
    "tensor_field": 0.0155,
}  # fmt: skip
AUTHORS = {  # vgsatorras/egnn, main_nbody.py
    "egnn": {"hidden": 64, "layers": 4, "attention": False, "update_coordinates": True, "velocities": True,
             "elements": [], "node_inputs": {"speed": 1}, "edge_inputs": ["charge", "square"]},
    "radial_field": {"hidden": 64, "layers": 4, "velocities": True, "edge_inputs": ["charge", "square"]},
}  # fmt: skip
RIDING = {**AUTHORS["egnn"], "edge_inputs": ["charge", "square", "approach"]}
TENSORS = {"cutoff": 20.0, "velocities": True, "node_inputs": {"charge": 1, "speed": 1}, "edge_inputs": ["charge"]}
DIRECT = {  # distances reach beyond ten
    "tensor_field": {**TENSORS, "hidden": 16, "layers": 3, "degree": 1, "radial_size": 24, "neighbors": 4.0},
    "se3_transformer": {**TENSORS, "hidden": 8, "layers": 2, "degree": 1, "heads": 2, "normalize": False},
}
FORCES = {  # of a learned leapfrog
    "painn": {"hidden": 64, "layers": 2, "cutoff": 20.0, "radial_size": 32},
    "schnet": {"hidden": 64, "filters": 64, "layers": 2, "cutoff": 20.0, "radial_size": 32},
    "mace": {"hidden": 16, "degree": 1, "cutoff": 20.0, "radial_size": 24, "radial_hidden": [32, 32], "neighbors": 4.0,
             "elements": [1, 2]},
    "cormorant": {"hidden": 8, "layers": 2, "degree": 1, "cutoff": 20.0, "elements": [1, 2]},
}  # fmt: skip
CONTENDERS = [
    "linear", "gnn", "radial_field", "egnn", "egnn-riding", "tensor_field", "se3_transformer", "painn", "mace",
    "cormorant",
]  # fmt: skip
LEARNING_RATE = {"linear": 1e-2}
ENOUGH = {"linear": 5.0}  # seconds after which more change nothing


class Linear(nn.Module):
    """x + v t: particles that do not notice each other."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Parameter(torch.tensor(0.7))

    def forward(self, batch: Batch) -> Tensor:
        """Return the places, (n, 3)."""
        return batch.positions + self.time * batch.node["velocity"]


class GraphNetwork(nn.Module):
    """The paper's network without symmetry: places and velocities are features like any other."""

    def __init__(self, hidden: int = 64, layers: int = 4) -> None:
        super().__init__()
        self.embed = nn.Linear(6, hidden)
        self.edges = nn.ModuleList(mlp([2 * hidden + 1, hidden, hidden], "silu") for _ in range(layers))
        self.nodes = nn.ModuleList(mlp([2 * hidden, hidden, hidden], "silu") for _ in range(layers))
        self.decode = mlp([hidden, hidden, 3], "silu")

    def forward(self, batch: Batch) -> Tensor:
        """Return the places, (n, 3)."""
        pairing, charge = pairing_of(batch), batch.node["charge"].unsqueeze(1)
        product = gather_receiver(charge, pairing) * gather_sender(charge, pairing)
        h = self.embed(torch.cat([batch.positions, batch.node["velocity"]], dim=1))
        for edge, node in zip(self.edges, self.nodes, strict=True):
            inputs = torch.cat([gather_receiver(h, pairing), gather_sender(h, pairing), product], dim=1)
            message = nn.functional.silu(edge(inputs))
            h = h + node(torch.cat([h, segment_sum(message, pairing)], dim=1))
        return self.decode(h)


class Riding(nn.Module):
    """Velocities relative to the mean of a system; its way is added in the end. Galileo's symmetry, exactly."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> Tensor:
        """Return the places, (n, 3)."""
        v = batch.node["velocity"]
        mean = pool(v, batch.index, len(batch), mean=True).index_select(0, batch.index)
        node = {**batch.node, "velocity": v - mean, "speed": length(v - mean)}
        return self.network(replace(batch, node=node)) + mean


class LearnedLeapfrog(nn.Module):
    """Drift, kick, drift, ... with any network's vectors as the force, the same in every step.

    x += t_k v;  v += s_k F(x);  ...;  x += t v

    Equivariant if the network is; it sees velocities only through the places that they lead to. Lengths of the steps
    are learned, too, and start even.
    """

    def __init__(self, force: nn.Module, steps: int) -> None:
        super().__init__()
        self.force, self.steps = force, steps
        drifts = torch.full((steps + 1,), 1 / steps)
        drifts[0] = drifts[-1] = 0.5 / steps
        self.drifts, self.kicks = nn.Parameter(drifts), nn.Parameter(torch.full((steps,), 1 / steps))

    def forward(self, batch: Batch) -> Tensor:
        """Return the places, (n, 3)."""
        x, v = batch.positions, batch.node["velocity"]
        for k in range(self.steps):
            x = x + self.drifts[k] * v
            v = v + self.kicks[k] * self.force(replace(batch, positions=x))
        return x + self.drifts[-1] * v


class NetworkForce(nn.Module):
    """One vector a particle from any network of atoms: those that a `VectorHead` would sum."""

    def __init__(self, name: str, **hyperparameters) -> None:
        super().__init__()
        self.network = create(name, **hyperparameters, head="vector")

    def forward(self, batch: Batch) -> Tensor:
        """Return (n, 3)."""
        return self.network.head.atoms(self.network.represent(batch))[1]


def pairing_of(batch: Batch) -> Pairing:
    """Return the pairing of all edges; those of batches of one size are kept."""
    key = (batch.n_atoms, batch.edge_index.data_ptr())
    if key not in _pairings:
        _pairings[key] = pair_up(batch.edge_index, batch.n_atoms)
    return _pairings[key]


_pairings: dict[tuple, Pairing] = {}


def contender(name: str) -> nn.Module:
    """Make what a name stands for: places and velocities of a batch -> places, (n, 3)."""
    own: dict[str, Callable[[], nn.Module]] = {
        "linear": Linear,
        "gnn": GraphNetwork,
        "egnn-riding": lambda: Riding(create("egnn", **RIDING, head="positions")),
    }
    if name in own:
        return own[name]()
    if given := AUTHORS.get(name) or DIRECT.get(name):
        return create(name, **given, head="positions")
    return LearnedLeapfrog(NetworkForce(name, **FORCES.get(name, {})), 4)


class Systems:
    """A set as dense tensors, handed out as batches on complete graphs."""

    def __init__(self, systems: StructureSet) -> None:
        whole = Batch.from_structures(systems)
        n = whole.n_atoms // len(systems)
        self.n = n
        self.positions = whole.positions.view(-1, n, 3)
        self.numbers = whole.numbers.view(-1, n)
        self.node = {name: value.view(-1, n, *value.shape[1:]) for name, value in whole.node.items()}
        self.templates = {}
        self.systems = systems

    def __len__(self) -> int:
        return len(self.positions)

    def batch(self, chosen: Tensor) -> tuple[Batch, Tensor]:
        """Return chosen systems, centered, and where their particles will be."""
        size = len(chosen)
        if size not in self.templates:
            self.templates[size] = Batch.from_structures(self.systems[:size], complete=True)
        node = {name: value[chosen].flatten(0, 1) for name, value in self.node.items()}
        target = node.pop("final_positions")
        batch = replace(
            self.templates[size],
            positions=self.positions[chosen].flatten(0, 1), numbers=self.numbers[chosen].flatten(), node=node,
        )  # fmt: skip
        return batch, target


def error(model: nn.Module, systems: Systems) -> float:
    """Return the mean squared error of a coordinate."""
    total = 0.0
    with torch.no_grad():
        for chosen in torch.arange(len(systems)).split(500):
            batch, target = systems.batch(chosen)
            total += (model(batch) - target).square().sum().item()
    return total / (3 * systems.n * len(systems))


def one(name: str, n_train: int, seed: int, budget: float, rate: float | None = None) -> dict:
    """Train and test one contender in this process."""
    rate = LEARNING_RATE.get(name, 3e-3) if rate is None else rate
    torch.manual_seed(seed)
    train, valid, test = (Systems(part) for part in load_charged_particles(n_train))
    model, seconds = contender(name), min(budget, ENOUGH.get(name, budget))
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.999))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    best, kept, steps, started = math.inf, None, 0, time.process_time()
    checked = 0.0
    while (share := (time.process_time() - started) / seconds) < 1:
        order = torch.randperm(len(train))
        for chosen in order.split(BATCH):
            share = min((time.process_time() - started) / seconds, 1)
            optimizer.param_groups[0]["lr"] = rate * min(1, (steps + 1) / 100, (1 - share) / 0.3)
            batch, target = train.batch(chosen)
            optimizer.zero_grad()
            loss = (model(batch) - target).square().mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            average.update_parameters(model)
            steps += 1
        if share - checked > 0.01 or share >= 1:
            checked = share
            found = error(average.module, valid)
            if found < best:
                best, kept = found, {k: v.clone() for k, v in average.module.state_dict().items()}
    used = time.process_time() - started
    if kept is not None:
        model.load_state_dict(kept)
    return {
        "model": name, "n_train": n_train, "seed": seed, "budget_s": budget, "test_mse": error(model, test),
        "valid_mse": best, "steps": steps, "seconds": round(used, 1), "learning_rate": rate,
        "parameters": sum(p.numel() for p in model.parameters()), "threads": torch.get_num_threads(),
    }  # fmt: skip


def table(runs: list[dict], n_train: int, budget: float) -> Table:
    """Show the means over seeds beside the published figures, which are for 3,000 systems."""
    found = Table(
        "model", "parameters", "test MSE", "published", "steps",
        title=f"n-body, {n_train:,} systems to learn from, {budget:g} s each",
    )  # fmt: skip
    rows = []
    for name in dict.fromkeys(r["model"] for r in runs):
        mine = [r for r in runs if (r["model"], r["n_train"], r["budget_s"]) == (name, n_train, budget)]
        if mine:
            rows.append((statistics.mean(r["test_mse"] for r in mine), name, mine))
    for mean, name, mine in sorted(rows):
        spread = f" ± {statistics.stdev(r['test_mse'] for r in mine):.4f}" if len(mine) > 1 else ""
        published = f"{PUBLISHED[name]:.4f}" if name in PUBLISHED and n_train == 3_000 else ""
        found.add_row(name, f"{mine[0]['parameters']:,}", f"{mean:.4f}{spread}", published, f"{mine[0]['steps']:,}")
    return found


def main(argv: list[str]) -> None:
    known = sorted({*CONTENDERS, *names()})
    parser = argparse.ArgumentParser(prog="python -m benchmarks nbody", description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=CONTENDERS, choices=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--n-train", type=int, nargs="+", default=[3_000], help="several give a curve")
    parser.add_argument("--budget", type=float, default=600, help="seconds a run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1, help="more do not pay for sets of five")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.one:
        torch.set_num_threads(given.threads)
        print(json.dumps(one(given.models[0], given.n_train[0], given.seeds[0], given.budget)))
        return
    console = Console()
    for n_train in given.n_train:
        for seed in given.seeds:
            for name in given.models:
                if find(name, n_train, seed, given.budget) is None:
                    console.print(f"{name}, {n_train:,} systems, seed {seed}, {given.budget:g} s ...")
                    run(name, n_train, seed, given)
        console.print(table(recorded(), n_train, given.budget))
    draw([r for r in recorded() if r["budget_s"] == given.budget], FILE.with_suffix(".svg"))


def draw(runs: list[dict], path: Path) -> None:
    """Draw the error against the number of systems for models that have several, means over seeds."""
    errors: dict[str, dict[int, list[float]]] = {}
    for r in runs:
        errors.setdefault(r["model"], {}).setdefault(r["n_train"], []).append(r["test_mse"])
    curves = {name: sorted(of.items()) for name, of in errors.items() if len(of) > 1}
    if not curves:
        return
    figure, axes = subplots(figsize=(5.2, 3.0))
    for name, points in curves.items():
        axes.loglog([n for n, _ in points], [statistics.mean(found) for _, found in points], "o-", label=name)
    axes.set_xlabel("systems to learn from")
    axes.set_ylabel("mean squared error")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save(figure, path)


def recorded() -> list[dict]:
    return json.loads(FILE.read_text()) if FILE.exists() else []


def find(name: str, n_train: int, seed: int, budget: float) -> dict | None:
    """Return the recorded run, if there is one."""
    key = (name, n_train, seed, budget)
    return next((r for r in recorded() if (r["model"], r["n_train"], r["seed"], r["budget_s"]) == key), None)


def run(name: str, n_train: int, seed: int, given: argparse.Namespace) -> None:
    """Run one contender in its own process and record it."""
    arguments = ["--one", "--models", name, "--n-train", n_train, "--seeds", seed, "--budget", given.budget,
                 "--threads", given.threads]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nbody", *map(str, arguments)],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    runs = [*recorded(), json.loads(done.stdout.splitlines()[-1])]
    write_atomically(FILE, lambda temporary: temporary.write_text(json.dumps(runs, indent=1) + "\n"))
