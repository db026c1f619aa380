"""Flows with and without symmetry on DW-4 and LJ-13, the same seconds each: ``python -m benchmarks flow``.

Maximum likelihood on 1,000 samples. "equivariant" is `EquivariantFlow`, "plain" an `UnconstrainedFlow`, "augmented" the
same with every batch turned and its particles exchanged at random. Each has the same seconds of the processor; then,

NLL             mean of -log p over 5,000 samples of other walks, in nats
ESS             effective sample size of 5,000 samples of the flow, reweighted to the target, in percent
energies        total variation between the histograms of the energy, flow against target: 0 the same, 1 disjoint
ln Z            of the target, by importance sampling; the reference is a thermodynamic integration

Runs go to ``docs/flow.json`` (those already there are not repeated) and are drawn in ``docs/flow.svg``.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks._figure import save, subplots
from erlangen.arrays import write_atomically
from erlangen.datasets import MANY_PARTICLES, load_many_particles
from erlangen.datasets.many_particles import log_partition
from erlangen.models import EquivariantFlow, UnconstrainedFlow

DOCS = Path(__file__).parent.parent / "docs"
CONTENDERS = ("equivariant", "plain", "augmented")
COLOURS = dict(zip(CONTENDERS, ("#1f5fa8", "#c2571a", "#999999"), strict=True))
REACH = {"DW-4": 10.0, "LJ-13": 6.0}  # of the distances
BATCH, N_TRAIN, N_TEST = 64, 1_000, 5_000
STEPS, STEPS_OF_THE_TEST = 12, 32  # of the integrator; with too few, a flow learns to profit from its errors
RATE = {"equivariant": 5e-3, "plain": 3e-3, "augmented": 3e-3}
BINS = 40


def contender(name: str, target: str) -> nn.Module:
    system = MANY_PARTICLES[target]
    if name == "equivariant":
        return EquivariantFlow(system.particles, system.dimension, reach=REACH[target], steps=STEPS)
    return UnconstrainedFlow(system.particles, system.dimension, steps=STEPS)


def augmented(x: Tensor) -> Tensor:
    """Return configurations (b, N, D) turned, mirrored and with their particles exchanged, each on its own."""
    turn = torch.linalg.qr(torch.randn(len(x), x.shape[2], x.shape[2]))[0]
    sign = torch.where(torch.rand(len(x), 1, x.shape[2]) < 0.5, -1.0, 1.0)
    order = torch.rand(x.shape[:2]).argsort(1)
    return (x @ (turn * sign)).gather(1, order.unsqueeze(2).expand_as(x))


def one(name: str, target: str, budget: float, seed: int) -> tuple[dict, np.ndarray]:
    """Train and test one flow; return its figures, and energies of its samples."""
    torch.manual_seed(seed)
    train, test = (torch.tensor(part, dtype=torch.float32) for part in load_many_particles(target, N_TRAIN, N_TEST))
    train, valid = train.split([int(0.8 * N_TRAIN), N_TRAIN - int(0.8 * N_TRAIN)])
    flow = contender(name, target)
    optimizer = torch.optim.Adam(flow.parameters(), lr=RATE[name], fused=True)
    best, kept, steps, checked, started = math.inf, None, 0, 0.0, time.process_time()
    while (share := (time.process_time() - started) / budget) < 1:
        optimizer.param_groups[0]["lr"] = RATE[name] * 0.5 * (1 + math.cos(math.pi * share))
        batch = train[torch.randint(len(train), (BATCH,))]
        optimizer.zero_grad()
        loss = -flow.log_prob(augmented(batch) if name == "augmented" else batch).mean()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 10.0)
        optimizer.step()
        steps += 1
        if share - checked > 0.04:
            checked, found = share, accurate_nll(flow, valid)
            if found < best:
                best, kept = found, {k: v.clone() for k, v in flow.state_dict().items()}
    if kept is not None and best < accurate_nll(flow, valid):
        flow.load_state_dict(kept)
    flow.steps = STEPS_OF_THE_TEST
    figures, energies = judge(flow, target, test)
    return {
        "flow": name, "target": target, "budget_s": budget, "seed": seed, "n_train": N_TRAIN, "steps": steps, **figures,
        "parameters": sum(p.numel() for p in flow.parameters()), "threads": torch.get_num_threads(),
    }, energies  # fmt: skip


def nll(flow: nn.Module, x: Tensor) -> float:
    with torch.no_grad():
        return -torch.cat([flow.log_prob(part) for part in x.split(500)]).mean().item()


def accurate_nll(flow: nn.Module, x: Tensor) -> float:
    """Return the same with the steps of the test."""
    flow.steps, steps = STEPS_OF_THE_TEST, flow.steps
    found = nll(flow, x)
    flow.steps = steps
    return found


def judge(flow: nn.Module, target: str, test: Tensor) -> tuple[dict, np.ndarray]:
    """Return the figures of a trained flow, and energies of its samples."""
    system, generator = MANY_PARTICLES[target], torch.Generator().manual_seed(1)
    with torch.no_grad():
        samples = torch.cat([flow.sample(500, generator) for _ in range(N_TEST // 500)])
        log_q = torch.cat([flow.log_prob(part) for part in samples.split(500)]).double()
    energies = system.energy(samples.double())
    log_weight = -energies - log_q
    weight = (log_weight - log_weight.max()).exp()
    reference = system.energy(test.double().numpy())
    return {
        "nll": nll(flow, test),
        "ess_percent": 100 * (weight.sum() ** 2 / (weight.square().sum() * len(weight))).item(),
        "log_z": (torch.logsumexp(log_weight, 0) - math.log(len(log_weight))).item(),
        "energy_distance": total_variation(energies.numpy(), reference),
    }, energies.numpy()


def total_variation(a: np.ndarray, b: np.ndarray) -> float:
    """Return half the sum of the differences of two histograms; what lies outside b's range is in bins of its own."""
    edges = np.concatenate([[-np.inf], np.linspace(b.min(), b.max(), BINS + 1), [np.inf]])
    shares = [np.histogram(x, edges)[0] / len(x) for x in (a, b)]
    return float(0.5 * np.abs(shares[0] - shares[1]).sum())


def table(runs: list[dict], target: str, budget: float, reference: dict) -> Table:
    title = (
        f"{target}, {N_TRAIN:,} samples, {budget:g} s each; ln Z = {reference['log_z']:.2f} ± {reference['error']:.2f}"
    )
    found = Table("flow", "parameters", "NLL / nats", "ESS / %", "energies", "ln Z", "steps", title=title)
    for run in sorted(runs, key=lambda r: r["nll"]):
        if (run["target"], run["budget_s"]) == (target, budget):
            found.add_row(
                run["flow"], f"{run['parameters']:,}", f"{run['nll']:.2f}", f"{run['ess_percent']:.1f}",
                f"{run['energy_distance']:.2f}", f"{run['log_z']:.2f}", f"{run['steps']:,}",
            )  # fmt: skip
    return found


def draw(runs: list[dict], path: Path) -> None:
    """Draw the histograms of the energy."""
    figure, panels = subplots(1, len(MANY_PARTICLES), figsize=(7.2, 3.0))
    for axes, (target, system) in zip(panels, MANY_PARTICLES.items(), strict=True):
        energy = system.energy(load_many_particles(target, 1, N_TEST)[1])
        width = np.ptp(energy)
        edges = np.linspace(energy.min() - 0.05 * width, energy.max() + 0.5 * width, BINS + 1)
        axes.hist(energy, edges, density=True, color="#dddddd", label="Metropolis walks")
        for run in runs:
            if run["target"] == target:
                middles = (np.array(run["edges"])[1:] + np.array(run["edges"])[:-1]) / 2
                axes.plot(middles, run["histogram"], color=COLOURS[run["flow"]], label=run["flow"])
        axes.set_xlabel(f"energy of {target} / kT")
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    save(figure, path)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks flow", description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=float, default=120, help="seconds a run")
    parser.add_argument("--targets", nargs="+", default=list(MANY_PARTICLES), choices=list(MANY_PARTICLES))
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="repeat runs that docs/flow.json has")
    parser.add_argument("--output", type=Path, default=DOCS, help="folder for flow.json and flow.svg")
    given = parser.parse_args(argv)
    torch.set_num_threads(1)
    console, file = Console(), given.output / "flow.json"
    record = json.loads(file.read_text()) if file.exists() else {"references": {}, "runs": []}

    def write() -> None:
        write_atomically(file, lambda temporary: temporary.write_text(json.dumps(record, indent=1) + "\n"))

    for target in given.targets:
        if target not in record["references"]:
            console.print(f"{target}: thermodynamic integration ...")
            value, error = log_partition(MANY_PARTICLES[target])
            record["references"][target] = {"log_z": value, "error": error}
            write()
        for name in given.contenders:
            key = (name, target, given.budget, given.seed)
            same = [r for r in record["runs"] if (r["flow"], r["target"], r["budget_s"], r["seed"]) == key]
            if same and not given.again:
                continue
            console.print(f"{target}, {name}, {given.budget:g} s ...")
            run, energies = one(name, target, given.budget, given.seed)
            energy = MANY_PARTICLES[target].energy(load_many_particles(target, 1, N_TEST)[1])
            edges = np.linspace(energy.min() - 0.05 * np.ptp(energy), energy.max() + 0.5 * np.ptp(energy), BINS + 1)
            share = np.histogram(energies, edges)[0] / len(energies) / (edges[1] - edges[0])
            run |= {"edges": edges.round(4).tolist(), "histogram": share.round(6).tolist()}
            record["runs"] = [r for r in record["runs"] if r not in same] + [run]
            write()
        console.print(table(record["runs"], target, given.budget, record["references"][target]))
    shown = [r for r in record["runs"] if (r["budget_s"], r["seed"]) == (given.budget, given.seed)]
    draw(shown, given.output / "flow.svg")
