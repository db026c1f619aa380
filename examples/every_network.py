"""Every network of the library on real QM9 molecules: what it declares, whether that holds, and what an energy costs.

And a hand and its mirror image, bromochlorofluoromethane: E(3) networks cannot tell them apart, SE(3) networks can.
"""

import time

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from erlangen.datasets import load_qm9
from erlangen.models import create, names
from erlangen.structures import Batch, Structure
from erlangen.symmetry import certify

ELEMENTS = [1, 6, 7, 8, 9, 17, 35]


def hands() -> Batch:
    """Return CHFClBr and its mirror image."""
    hand = Structure.from_smiles("[C@H](F)(Cl)Br", conformer=True)
    mirrored = Structure(hand.positions * [-1, 1, 1], hand.numbers)
    return Batch.from_structures([Structure(hand.positions, hand.numbers), mirrored], dtype=torch.float64)


def row(name: str, molecules: Batch, hand: Batch) -> list[str]:
    torch.manual_seed(0)
    takes_elements = {"elements": ELEMENTS} if name in ("cormorant", "density", "egnn", "mace") else {}
    if name == "cormorant":  # its published start sees bonds only
        takes_elements["cutoff"] = 6.0
    model = create(name, preset="small", head={"name": "graph", "pooling": "sum"}, **takes_elements).eval()
    certificate = certify(model, samples=4, modes=("eval",), precisions=("float64",))
    with torch.no_grad():
        model(molecules)
        started = time.perf_counter()
        model(molecules)
        cost = 1000 * (time.perf_counter() - started) / len(molecules)
        left, right = model.double()(hand).tolist()
    verdict = "holds" if certificate.holds else "BROKEN"
    count = sum(parameter.numel() for parameter in model.parameters())
    return [name, str(model.group), verdict, f"{abs(left - right) / abs(left):.0e}", f"{count:,}", f"{cost:.2f}"]


def main() -> None:
    molecules = Batch.from_structures(load_qm9("U0", n_train=64, n_valid=0, n_test=0)[0][np.arange(64)])
    table = Table("network", "declares", "measured", "left from right", "parameters", "ms a molecule")
    hand = hands()
    for name in track(names(), "networks"):
        table.add_row(*row(name, molecules, hand))
    Console().print(table)


if __name__ == "__main__":
    main()
