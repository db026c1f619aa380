"""SchNet, PhysNet and DimeNet++ learn the energy of QM9 molecules, some seconds each.

Run with ``python examples/invariant_networks.py``.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from erlangen.datasets import load_qm9
from erlangen.training import GraphRegressor


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=12, help="of training, for each network")
    given = parser.parse_args(arguments)
    train, valid, test = load_qm9("U0", n_train=5_000, n_valid=200, n_test=1_000, random_state=42)
    table = Table("network", "sees", "MAE of U0 / meV", title=f"{given.seconds:g} s each, 1,000 molecules never seen")
    for name, sees in (("schnet", "distances"), ("physnet", "distances"), ("dimenet++", "distances and angles")):
        learned = GraphRegressor(
            name, "U0", hyperparameters={"preset": "small"}, extensive=True, max_time=given.seconds, max_epochs=10**6,
            ema=0.99, verbose=False,
        ).fit(train, validation=valid)  # fmt: skip
        error = 1000 * np.abs(learned.predict(test) - test.graph["U0"]).mean()
        table.add_row(name, sees, f"{error:.0f}")
    baseline = 1000 * np.abs(learned.baseline_.predict(test) - test.graph["U0"]).mean()
    table.add_row("none", "how many atoms of each element", f"{baseline:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
