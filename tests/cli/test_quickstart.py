"""``erlangen quickstart``: the main job as a process of its own, on fewer molecules."""

import json
import re

import pytest

from erlangen.datasets import load_qm9
from erlangen.training import GraphRegressor


def test_the_main_job(erlangen, tmp_path):
    sizes = ["--n-train", "400", "--n-test", "100"]
    done = erlangen.shell("quickstart", "--budget", "3", *sizes, "--output", tmp_path / "run")
    assert done.returncode == 0, done.stderr

    # One line a step, and not a word from the libraries underneath.
    lines = [re.sub(r"[\d.]+ s\b", "T s", line) for line in done.stderr.splitlines()]
    assert lines == [
        "composition baseline: least squares on 5 element counts",
        "principal components of the invariants: 400 structures, T s",
        "describing the structures: 400 structures, T s",
        "ridge regression on the descriptions: 400 structures, T s",
    ]
    steps = [line.split(":")[0] for line in done.stdout.splitlines() if re.match(r"\w+: ", line)]
    assert steps == ["data", "training", "test", "certificate", "model", "report"]

    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["target"] == "U0"
    assert metrics["unit"] == "eV"
    assert (metrics["budget_s"], metrics["seed"], metrics["n_train"], metrics["n_test"]) == (3.0, 42, 400, 100)
    assert metrics["steps"] >= 0
    assert 0 < metrics["test_mae"] < metrics["baseline_mae"] < 2.0
    assert metrics["certificate"]["holds"] is True
    assert metrics["inference_ms_per_molecule"] > 0
    assert {"erlangen", "python", "torch", "numpy"} <= set(metrics["versions"])

    table = done.stdout[done.stdout.index("┏") :]
    assert f"{1000 * metrics['test_mae']:.4g} meV" in table
    assert f"{1000 * metrics['baseline_mae']:.4g} meV" in table
    assert "holds" in table
    report = (tmp_path / "run" / "report.html").read_text()
    assert report.startswith("<!DOCTYPE html>")
    assert "--n-train 400 --n-test 100" in report  # the command that makes it again

    _, _, test = load_qm9("U0", 400, 2_000, 100)
    predicted = GraphRegressor.load(tmp_path / "run" / "model.erl").predict(test)
    assert abs(predicted - test.graph["U0"]).mean() == pytest.approx(metrics["test_mae"], rel=1e-6)
    assert len(list((tmp_path / "run").iterdir())) == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--budget", "0"], ("budget", "more than zero", "0.0")),
        (["--budget", "-3"], ("budget", "more than zero", "-3.0")),
        (["--budget", "nan"], ("budget", "more than zero", "nan")),
        (["--budget", "inf"], ("budget", "more than zero", "inf")),
        (["--budget", "soon"], ("--budget", "erlangen quickstart --help")),
        (["--target", "U7"], ("'U7'", "U0", "gap")),
        (["--model", "painnt"], ("'painnt'", "cormorant, density, dimenet++, egnn")),
        (["--n-train", "0"], "--n-train"),
        (["--n-train", "50"], ("in the validation set", "never seen in training", "train on more")),
        (["--n-train", "130000"], ("130,831", "142,831")),
        (["--seed", "-1"], "--seed"),
        (["--output", "/dev/null/run"], "/dev/null is a file"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_happens(erlangen, tmp_path, given, words):
    erlangen.refuses("quickstart", "--output", tmp_path / "run", *given, words=words)
    assert list(tmp_path.iterdir()) == []
