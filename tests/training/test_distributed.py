"""Two real processes on the CPU give the losses of one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from erlangen.structures import Structure, write_structures

ERLANGEN = str(Path(sys.executable).parent / "erlangen")


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A data file, and the losses of one process."""
    folder = tmp_path_factory.mktemp("distributed")
    rng = np.random.default_rng(0)
    structures = []
    for _ in range(60):
        n = int(rng.integers(2, 6))
        positions = rng.normal(size=(n, 3)) * 1.5
        numbers = rng.choice([1, 6, 8], n)
        structures.append(
            Structure(positions, numbers, graph={"energy": float(numbers.sum() + np.abs(positions).sum())})
        )
    write_structures(folder / "data.extxyz", structures)
    return folder, losses(folder, "one", [ERLANGEN])


def losses(folder: Path, name: str, start: list[str], *more: str) -> list[float]:
    arguments = ["train", str(folder / "data.extxyz"), "--target", "energy", "--model", "painn", "--epochs", "2"]
    arguments += [
        "--set",
        "hidden=16",
        "--set",
        "layers=2",
        "--batch-size",
        "12",
        "--output",
        str(folder / name),
        *more,
    ]
    done = subprocess.run([*start, *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    if start == [ERLANGEN]:  # torchrun speaks for itself
        assert done.stderr == "composition baseline: least squares on 3 element counts\n"
    return json.loads((folder / name / "metrics.json").read_text())["losses"]


def test_two_devices(one):
    folder, alone = one
    assert len(alone) == 8
    np.testing.assert_allclose(losses(folder, "two", [ERLANGEN], "--devices", "2"), alone, rtol=1e-5)


def test_torchrun(one):
    folder, alone = one
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", ERLANGEN]
    np.testing.assert_allclose(losses(folder, "torchrun", start), alone, rtol=1e-5)
