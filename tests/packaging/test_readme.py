"""The README's face: every command in it runs, shortened where it would take minutes, and every Python block, too."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from erlangen.structures import Structure, write_structures

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
# What is appended, so that a command takes seconds; of an option given twice the last one counts.
SHORTER = {
    "erlangen quickstart": "--budget 3 --n-train 400 --n-test 50",
    "erlangen train --model": "--epochs 1 --n-train 200 --n-valid 20 --n-test 20 --set hidden=8",
    "erlangen train molecules.extxyz": "--epochs 1 --set hidden=8",
    "python -m benchmarks nn": "--molecules 2 --rounds 1 --threads 1 --only training --no-memory",
    "python -m benchmarks chirality": "--molecules 300 --budget 1 --contenders PaiNN --output {folder}",
    "python -m benchmarks blueprint": "--sizes 10 --seeds 1 --steps 2 --jobs 1 --no-files",
    "python -m benchmarks flow": "--targets DW-4 --contenders plain --budget 1 --output {folder}",
    "python -m benchmarks nbody": "--one --models linear --n-train 100 --budget 1",
    "python -m benchmarks qm9": "--one --models schnet --targets gap --budget 1",
    "python -m benchmarks scaling": "--one --models schnet --largest 100",
    "python -m benchmarks topology --scaling": "--threads 1 --largest 50 --output {folder}",
    "python -m benchmarks topology": "--only uniform --rounds 1 --threads 1",
    "python -m benchmarks neighbors": "--largest 1000 --repeat 1",
    "python -m benchmarks quickstart": "--one --budgets 3",
    "python examples/every_head_on_qm9.py": "--seconds 2 --n-train 1500 --n-test 40",
    "python examples/invariant_networks.py": "--seconds 1",
    "python examples/moving_particles.py": "--seconds 1",
    "python examples/vectors_and_tensors.py": "--seconds 1",
    "python examples/left_and_right.py": "--seconds 1",
    "python examples/flow_of_particles.py": "--seconds 1",
}
# The two that begin with a fresh environment are what CI itself runs (.ci/run), and the job in them is the first of
# those below.
RUN = [command for command in COMMANDS if not command.startswith("python -m venv")]
RUN += sorted({f"python {path}" for path in re.findall(r"`python (examples/\w+\.py)`", README)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files that the commands name, in which they leave theirs for those that follow."""
    folder = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    shapes = 1.2 * np.indices((2, 2, 1)).reshape(3, 4).T + 0.1 * rng.normal(size=(40, 4, 3))
    atoms = [Structure(x, ["C", "O", "H", "H"], graph={"energy": float(np.sin(x).sum())}) for x in shapes]
    np.savetxt(folder / "points.csv", rng.normal(size=(60, 3)), delimiter=",", header="x,y,z", comments="")
    write_structures(folder / "molecules.extxyz", atoms)
    write_structures(folder / "molecules.xyz", [Structure(x, ["C", "O", "H", "H"]) for x in shapes[:3]])
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    program, *arguments = shlex.split(command)
    shorter = next((more for start, more in SHORTER.items() if command.startswith(start)), "").format(folder=folder)
    inside = "benchmarks" in command or "examples" in command
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [str(BIN / program), *arguments, *shlex.split(shorter)], cwd=ROOT if inside else folder, env=environment,
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip


@pytest.mark.parametrize("command", RUN)
def test_every_command_runs(command, folder):
    done = run(command, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_python_blocks_run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names: dict = {}
    for kind, text in BLOCKS:
        if kind == "python":
            text = text.replace('max_time="00:05:00"', 'hyperparameters={"hidden": 8}, max_epochs=1, verbose=False')
            text = text.replace('target="gap")', 'target="gap", n_train=200, n_valid=20, n_test=20)')
            exec(compile(text, "README.md", "exec"), names)
    assert names["graph"].node_features.shape == (14, 6)
    assert names["graph"].edge_features.shape == (15, 2)
    assert (folder / "gap.erl").exists()


def test_what_ci_runs_is_what_the_readme_says():
    whole = [command for command in COMMANDS if command.startswith("python -m venv")]
    assert [command.rpartition("&& ")[2] for command in whole] == [".venv/bin/erlangen quickstart", ".venv/bin/pytest"]
    assert whole[1] in (ROOT / ".ci" / "run").read_text().splitlines()


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link
