"""Layers and networks against their peers, at equal weights and outputs: ``python -m benchmarks nn``.

Both sides run in this process, in turn, on the same 64 molecules of QM9. What each case compares is said in `_pyg`,
`_egnn` and `_spherical`. Memory is by how much a process grows at most in two runs.
"""

import argparse

import numpy as np
import torch

from benchmarks import _egnn, _pyg, _spherical
from benchmarks._timing import memory_case, time_case
from erlangen.datasets import load_qm9

CASES = _pyg.CASES + _egnn.CASES + _spherical.CASES


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks nn", description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--no-memory", action="store_true")
    given = parser.parse_args(argv)
    molecules = load_qm9("U0")[0][np.arange(given.molecules)]
    cases = [case for case in CASES if given.only.lower() in case.name.lower()]
    for threads in given.threads:
        torch.set_num_threads(threads)
        for case in cases:
            time_case(case, molecules, given.rounds)
    for case in cases:
        if "step" in case.name and not given.no_memory:
            memory_case(case, molecules)


if __name__ == "__main__":
    main()
