"""``erlangen train``: on QM9 and on a file, continued, with other heads; and what it refuses before it begins."""

import json
import subprocess
import sys

import numpy as np
import pytest

from erlangen.cli import app
from erlangen.datasets import load_qm9
from erlangen.models import names
from erlangen.structures import Structure, write_structures
from erlangen.training import GraphRegressor
from erlangen.training.protocols import protocol


def metrics(folder) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def triatomics(n: int) -> list[Structure]:
    """Bent molecules with an energy that depends on their shape, not all with the same extras."""
    rng, found = np.random.default_rng(0), []
    for k in range(n):
        a, b, angle = *rng.uniform(0.9, 1.5, 2), rng.uniform(1.5, 3.0)
        positions = [[0, 0, 0], [a, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0]]
        extra = {"name": f"m{k}"} if k % 2 else {}
        found.append(Structure(positions, ["O", "H", "H"], graph={"energy": (a - 1.2) ** 2 + np.cos(angle), **extra}))
    return found


def test_qm9(trained):
    found = metrics(trained)
    assert found["model"] == "painn"
    assert (found["target"], found["steps"], found["stopped"], found["seed"]) == ("U0", 4, "steps", 42)
    assert (found["n_train"], found["n_valid"], found["n_test"], len(found["losses"])) == (200, 40, 40, 4)
    _, valid, test = load_qm9("U0", 200, 40, 40)
    regressor = GraphRegressor.load(trained / "model.erl")
    assert regressor.model_.hyperparameters["hidden"] == 16
    assert found["test_mae"] == pytest.approx(np.abs(regressor.predict(test) - test.graph["U0"]).mean(), rel=1e-6)
    assert found["validation"][-1][2] == pytest.approx(
        np.abs(regressor.predict(valid) - valid.graph["U0"]).mean(), rel=1e-6
    )
    assert sorted(path.name for path in trained.iterdir()) == ["checkpoint.pt", "metrics.json", "model.erl"]


def test_what_it_says(erlangen, tmp_path):
    result = erlangen.runs("train", *erlangen.small_training, "--epochs", "1", "--output", tmp_path)
    assert result.err == "composition baseline: least squares on 4 element counts\n"
    assert result.out.startswith("4 steps in ")
    assert f"test MAE {metrics(tmp_path)['test_mae']:.4g} on 40 structures; model: {tmp_path}/model.erl" in result.out
    assert len(result.out.splitlines()) == 1


def test_a_run_goes_on_where_it_stopped(erlangen, tmp_path):
    arguments = ["train", *erlangen.small_training, "--output", tmp_path]
    erlangen.runs(*arguments, "--epochs", "1")
    first = metrics(tmp_path)
    resumed = erlangen.runs(*arguments, "--epochs", "2", "--resume")
    assert f"going on from {tmp_path / 'checkpoint.pt'}" in resumed.err
    assert metrics(tmp_path)["steps"] == 8
    assert metrics(tmp_path)["losses"][:4] == first["losses"]


def test_a_target_of_qm9_brings_its_kind(erlangen, tmp_path):
    erlangen.runs("train", *erlangen.small_training, "--target", "gap", "--epochs", "1", "--output", tmp_path)
    assert not GraphRegressor.load(tmp_path / "model.erl").extensive
    assert metrics(tmp_path)["test_mae"] < 1.5  # the gaps of QM9 spread by 1.3 eV; a sum over atoms starts far above


def test_charges_of_atoms(erlangen, tmp_path, water):
    arguments = ["--target", "charges", "--head", "node", "--epochs", "1", "--output", tmp_path / "charges"]
    erlangen.runs("train", *erlangen.small_training, *arguments)
    assert metrics(tmp_path / "charges")["test_mae"] < 0.3  # e; Mulliken charges spread by 0.3
    erlangen.runs("predict", tmp_path / "charges" / "model.erl", water, "--output", tmp_path / "q.csv")
    lines = (tmp_path / "q.csv").read_text().splitlines()
    assert lines[0] == "file,structure,formula,charges"
    assert [len(line.split(",")[3].split()) for line in lines[1:]] == [3, 3]


def test_a_file(erlangen, tmp_path):
    data = write_structures(tmp_path / "data.extxyz", triatomics(60))
    small = ["--model", "schnet", "--set", "hidden=16", "--set", "filters=16", "--set", "layers=1"]
    erlangen.runs(
        "train", data, "--target", "energy", *small, "--epochs", "20", "--batch-size", "8", "--output", tmp_path / "r"
    )
    found = metrics(tmp_path / "r")
    assert (found["n_train"], found["n_valid"], found["n_test"]) == (48, 6, 6)
    energies = [structure.graph["energy"] for structure in triatomics(60)]
    assert found["test_mae"] < np.std(energies)
    one = write_structures(tmp_path / "one.extxyz", triatomics(1))
    erlangen.runs("train", one, "--target", "energy", *small, "--epochs", "1", "--output", tmp_path / "one")
    assert metrics(tmp_path / "one")["n_train"] == 1


@pytest.mark.parametrize("model", ["mace", "dimenet++"])
def test_a_file_and_any_network_by_its_name(erlangen, tmp_path, model):
    data = write_structures(tmp_path / "data.extxyz", triatomics(40))
    given = ["--target", "energy", "--model", model, "--preset", "small", "--set", "hidden=8", "--epochs", "2"]
    result = erlangen.runs("train", data, *given, "--batch-size", "8", "--output", tmp_path / "run")
    assert result.err == "composition baseline: least squares on 2 element counts\n"
    found = metrics(tmp_path / "run")
    assert (found["model"], found["steps"]) == (model, 8)
    learned = GraphRegressor.load(tmp_path / "run" / "model.erl")
    assert learned.model_.hyperparameters["cutoff"] == 4.0  # of the small preset
    assert learned.model_.hyperparameters.get("elements", [1, 8]) == [1, 8]
    assert np.isfinite(learned.predict(triatomics(1))).all()


def test_the_help_names_every_network(erlangen):
    assert app.MODELS.split() == names()
    for command in ("train", "quickstart"):
        page = erlangen.runs(command, "--help").out
        assert all(f" {name}" in page for name in names())


def test_the_papers_protocol_fills_in_what_is_not_said(erlangen, tmp_path):
    data = write_structures(tmp_path / "data.extxyz", triatomics(40))
    given = ["--target", "energy", "--model", "dimenet++", "--preset", "paper", "--set", "hidden=8"]
    result = erlangen.runs("train", data, *given, "--epochs", "2", "--batch-size", "16", "--output", tmp_path / "run")
    lines, paper = result.err.splitlines(), protocol("dimenet++")
    assert lines[0] == f"as in {paper.source}: batches of 16, adamw from 0.001, loss mae, 2 epochs"
    assert lines[1:-1] == [f"unlike there: {difference}" for difference in paper.differences]
    kept = GraphRegressor.load(tmp_path / "run" / "model.erl").get_params()
    expected = {"batch_size": 16, "max_epochs": 2, "learning_rate": 1e-3, "ema": 0.999, "clip": 10.0, "warmup": 3_000}
    assert {name: kept[name] for name in expected} == expected
    assert kept["max_time"] is None
    given += ["--budget", "0.5", "--optimizer", "muon", "--output", tmp_path / "other"]
    result = erlangen.runs("train", data, *given)
    assert result.err.splitlines()[0].endswith("batches of 32, muon, loss mae, a budget of 0.5")
    kept = GraphRegressor.load(tmp_path / "other" / "model.erl").get_params()
    assert (kept["learning_rate"], kept["max_time"], kept["batch_size"]) == (None, "0.5", 32)


def test_without_a_word_the_settings_are_the_usual_ones(erlangen, tmp_path):
    data = write_structures(tmp_path / "data.extxyz", triatomics(10))
    given = ["--target", "energy", "--set", "hidden=8", "--set", "layers=1", "--epochs", "1"]
    erlangen.runs("train", data, *given, "--output", tmp_path)
    learned = GraphRegressor.load(tmp_path / "model.erl")
    usual = GraphRegressor().get_params()
    changed = ("target", "hyperparameters", "max_epochs", "checkpoint", "random_state")
    kept = learned.get_params()
    assert {n: kept[n] for n in usual if n not in changed} == {n: usual[n] for n in usual if n not in changed}
    assert learned.model_.hyperparameters["cutoff"] == 5.0  # the paper's


def test_the_papers_protocol_under_torchrun(tmp_path):
    data = write_structures(tmp_path / "data.extxyz", triatomics(20))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "erlangen", "train"]
    command += [str(data), "--target", "energy", "--model", "mace", "--preset", "paper", "--set", "hidden=4"]
    command += ["--set", "degree=1", "--epochs", "1", "--output", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("as in ACEsuit/mace") == 1
    assert done.stderr.count("unlike there") == len(protocol("mace").differences)
    assert metrics(tmp_path / "run")["steps"] == 2  # 16 structures, 10 a step


def test_single_atoms_can_be_learned_from_and_two_at_the_same_place_cannot(erlangen, tmp_path):
    atom = Structure([[0.0, 0, 0]], ["C"], graph={"energy": -1.0})
    pair = Structure([[0.0, 0, 0], [0.0, 0, 0]], ["C", "O"], graph={"energy": -2.0})
    broken = write_structures(tmp_path / "broken.extxyz", [atom] * 5 + [pair])
    words = ("broken.extxyz", "structures[5] has the atoms 0 and 1 at the same place")
    erlangen.refuses("train", broken, "--target", "energy", "--output", tmp_path / "no", words=words)
    data = write_structures(tmp_path / "data.extxyz", [atom] * 10)
    given = ["--set", "hidden=8", "--set", "layers=1", "--epochs", "2", "--batch-size", "4"]
    erlangen.runs("train", data, "--target", "energy", *given, "--output", tmp_path / "run")
    assert np.isfinite(metrics(tmp_path / "run")["losses"]).all()


REFUSED = {
    "cutoff below zero": (["--set", "cutoff=-1"], ("cutoff", "-1")),
    "no cutoff": (["--set", "cutoff=0"], ("cutoff", "0")),
    "cutoff that is no number": (["--set", "cutoff=NaN"], ("cutoff", "nan")),
    "cutoff in words": (["--set", "cutoff=far"], ("cutoff", "'far'")),
    "width in words": (["--set", "hidden=wide"], ("hidden", "'wide'")),
    "radial size in words": (["--set", "radial_size=many"], ("radial_size", "'many'")),
    "too large": (["--set", "hidden=100000000"], ("painn", "memory")),
    "unknown hyperparameter": (["--set", "nonsense=1"], ("painn", "'nonsense'", "hidden, layers, cutoff")),
    "no value": (["--set", "nonsense"], ("--set", "name=value", "'nonsense'")),
    "model by --set": (["--set", "name=egnn"], "--model"),
    "unknown model": (["--model", "painnt"], ("'painnt'", ", ".join(names()))),
    "unknown preset": (["--preset", "large"], ("preset", "paper or small", "'large'")),
    "no paper": (["--model", "density", "--preset", "paper", "--set", "angular_cutoff=4"], "--preset paper out"),
    "unknown head": (["--head", "foot"], ("'foot'", "graph, node")),
    "unknown target": (["--target", "U7"], ("'U7'", "U0", "gap")),
    "target that is text": (["--target", "smiles"], ("'smiles'", "not numbers")),
    "unknown optimizer": (["--optimizer", "adamant"], ("'adamant'", "muon, adamw")),
    "no budget": (["--budget", "0"], ("more than zero", "'0'")),
    "budget below zero": (["--budget", "-1"], ("more than zero", "'-1'")),
    "budget that is no number": (["--budget", "nan"], ("more than zero", "'nan'")),
    "budget in words": (["--budget", "soon"], ("HH:MM:SS", "'soon'")),
    "no epochs": (["--epochs", "0"], "--epochs"),
    "no devices": (["--devices", "0"], "--devices"),
    "devices in words": (["--devices", "two"], "--devices"),
    "no batch": (["--batch-size", "0"], "--batch-size"),
    "no patience": (["--patience", "0"], "--patience"),
    "never validated": (["--validate-every", "0"], "--validate-every"),
    "average of nothing": (["--ema", "2"], ("ema", "2.0")),
    "seed below zero": (["--seed", "-1"], "--seed"),
    "more than there are": (["--n-train", "200000"], ("130,831", "200,080")),
    "none to learn from": (["--n-train", "0"], "--n-train"),
    "unknown option": (["--batchsize", "3"], ("--batchsize", "erlangen train --help")),
    "no number at all": (["--n-valid"], ("--n-valid", "erlangen train --help")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_before_anything_happens(erlangen, tmp_path, name):
    given, words = REFUSED[name]
    erlangen.refuses("train", *erlangen.small_training, *given, "--output", tmp_path / "run", words=words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rate", ["-1", "0", "nan"])
def test_a_learning_rate_that_learns_nothing_is_refused(erlangen, tmp_path, rate):
    given = ["--learning-rate", rate, "--output", tmp_path / "run"]
    erlangen.refuses("train", *erlangen.small_training, *given, words="learning_rate")


@pytest.mark.parametrize(("target", "head"), [("U0", "node"), ("U0", "vector"), ("charges", "graph")])
def test_a_head_that_does_not_fit_the_target_is_refused(erlangen, tmp_path, target, head):
    given = ["--target", target, "--head", head, "--output", tmp_path / "run"]
    erlangen.refuses("train", *erlangen.small_training, *given, words=("head", "target"), progress=1)


def test_a_budget_too_short_for_a_step_is_said(erlangen, tmp_path):
    given = [*erlangen.small_training, "--budget", "1e-6", "--output", tmp_path]
    erlangen.refuses("train", *given, words=("--budget 1e-6", "before the first step"), progress=1)
    assert not (tmp_path / "model.erl").exists()
    assert not (tmp_path / "metrics.json").exists()


def test_the_file_and_the_structure_without_the_target_are_named(erlangen, tmp_path):
    data, empty = tmp_path / "data.extxyz", tmp_path / "empty.extxyz"
    write_structures(data, [*triatomics(3), Structure([[0.0, 0, 0]], ["O"], graph={"charm": 1.0})])
    empty.write_text("")
    run = ["--target", "energy", "--output", tmp_path / "run"]
    erlangen.refuses("train", data, *run, words=(f"{data}: structures[3]", "'energy'", "charm"))
    erlangen.refuses("train", empty, *run, words=f"{empty}: holds no structure")
    erlangen.refuses("train", tmp_path / "no.xyz", *run, words=f"{tmp_path / 'no.xyz'}: there is no such file")
    erlangen.refuses("train", tmp_path, *run, words=f"{tmp_path}: this is a folder")
    write_structures(data, [Structure([[0.0, 0, 0]], ["O"], graph={"energy": [1.0] * (k + 1)}) for k in range(2)])
    erlangen.refuses("train", data, *run, words=(f"{data}: structures[1]", "shape"))
    write_structures(data, [Structure([[0.0, 0, 0]], ["O"], graph={"energy": e}) for e in (1.0, np.nan)])
    erlangen.refuses("train", data, *run, words=("'energy'", "not finite in row"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.extxyz", "empty.extxyz"]


def test_a_folder_that_cannot_be_written(erlangen, water):
    arguments = ["train", *erlangen.small_training, "--output"]
    erlangen.refuses(*arguments, water, words=f"{water} is a file")
    erlangen.refuses(*arguments, water / "below" / "it", words=f"{water} is a file")
    erlangen.refuses(*arguments, "/proc/run", words="cannot write to the output folder /proc/run")
