"""An equivariant flow learns the density of four particles in a double well, and gives ln Z of its energy.

Run with ``python examples/flow_of_particles.py``.
"""

import argparse
import math
import time

import torch
from rich.console import Console
from rich.table import Table

from erlangen.datasets import MANY_PARTICLES, load_many_particles
from erlangen.models import EquivariantFlow


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="of training")
    given = parser.parse_args(arguments)
    torch.manual_seed(0)
    system = MANY_PARTICLES["DW-4"]
    train, test = (torch.tensor(x, dtype=torch.float32) for x in load_many_particles("DW-4", 1_000, 2_000))
    flow = EquivariantFlow(system.particles, system.dimension, reach=10.0, steps=12)
    optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
    started = time.perf_counter()
    while (share := (time.perf_counter() - started) / given.seconds) < 1:
        optimizer.param_groups[0]["lr"] = 5e-3 * (1 - share)
        optimizer.zero_grad()
        (-flow.log_prob(train[torch.randint(len(train), (64,))]).mean()).backward()
        optimizer.step()
    flow.steps = 32  # of the integrator, finer than in training
    with torch.no_grad():
        samples = flow.sample(2_000, torch.Generator().manual_seed(1))
        log_weight = -system.energy(samples.double()) - flow.log_prob(samples).double()
        nll = -flow.log_prob(test).mean()
    table = Table("negative log-likelihood / nats", "ln Z", title=f"DW-4, {given.seconds:g} s, 1,000 samples")
    table.add_row(f"{nll:.2f}", f"{torch.logsumexp(log_weight, 0) - math.log(len(samples)):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
