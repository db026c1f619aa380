"""The quickstart's function: config record in, result record out."""

import json
from dataclasses import replace

import numpy as np
import pytest

from erlangen.applications import MolecularPropertyConfig, learn_molecular_property
from erlangen.datasets import QM9_TARGETS, load_qm9
from erlangen.errors import InputError

CONFIG = MolecularPropertyConfig(
    target="gap", budget=60.0, n_train=400, n_valid=50, n_test=60,
    settings={"hyperparameters": {"components": 30, "hidden": 8}, "max_epochs": 5, "verbose": False},
)  # fmt: skip


@pytest.fixture(scope="module")
def lines():
    return []


@pytest.fixture(scope="module")
def result(lines):
    return learn_molecular_property(CONFIG, say=lines.append)


def test_one_line_a_step(result, lines):
    assert [line.split(":")[0] for line in lines] == ["data", "training", "test", "certificate"]
    assert "400 molecules to learn from, 50 to watch, 60 never seen" in lines[0]
    assert f"{result.history.steps} steps of 256 molecules" in lines[1]


def test_the_figures_are_those_of_molecules_never_seen(result):
    train, _, test = load_qm9("gap", 400, 50, 60)
    assert not set(result.test.graph["qm9_id"]) & set(train.graph["qm9_id"])
    np.testing.assert_array_equal(result.reference, test.graph["gap"])
    np.testing.assert_array_equal(result.predicted, result.regressor.predict(test))
    assert result.test_mae == pytest.approx(np.abs(result.predicted - test.graph["gap"]).mean())
    assert result.baseline_mae == pytest.approx(np.abs(result.baseline - test.graph["gap"]).mean())
    assert result.test_mae < result.baseline_mae
    assert result.certificate.holds
    assert (result.history.steps, result.history.stopped) == (10, "steps")


def test_metrics_are_json_with_all_that_was_promised(result):
    metrics = json.loads(json.dumps(result.metrics(), allow_nan=False))
    assert (metrics["target"], metrics["unit"], metrics["model"]) == ("gap", "eV", "density")
    assert (metrics["budget_s"], metrics["steps"], metrics["seed"]) == (60.0, 10, 42)
    assert (metrics["n_train"], metrics["n_valid"], metrics["n_test"]) == (400, 50, 60)
    assert metrics["test_mae"] == result.test_mae
    assert metrics["baseline_mae"] == result.baseline_mae
    assert metrics["certificate"]["holds"]
    assert metrics["inference_ms_per_molecule"] == result.inference_ms > 0
    assert metrics["parameters"] == sum(p.numel() for p in result.regressor.model_.parameters())
    assert metrics["versions"]["numpy"] == np.__version__


def test_the_seed_decides(result):
    train, valid, _ = load_qm9("gap", 400, 50, 60, random_state=CONFIG.random_state)
    again = CONFIG.estimator().fit(train, validation=valid).predict(result.test)
    np.testing.assert_allclose(again, result.predicted, atol=1e-5)  # threads add up in any order
    other = CONFIG.estimator(random_state=7).fit(train, validation=valid).predict(result.test)
    assert np.abs(other - again).max() > 1e-4


@pytest.mark.parametrize("target", QM9_TARGETS)
def test_the_estimator_knows_what_grows_with_the_molecule(target):
    assert replace(CONFIG, target=target).estimator().extensive == QM9_TARGETS[target].extensive


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "U7"}, "'U7' is not in QM9; there are mu"),
        ({"model": "painnt"}, "'painnt' is unknown; known are cormorant, density"),
        ({"budget": 0.0}, "budget is seconds of training, more than zero, got 0.0"),
        ({"budget": -1.0}, "got -1.0"),
        ({"budget": float("nan")}, "got nan"),
        ({"budget": float("inf")}, "got inf"),
        ({"n_train": 0}, "n_train is 1 or more molecules, got 0"),
        ({"n_valid": 0}, "n_valid"),
        ({"n_test": 0}, "n_test"),
        ({"n_train": 130_831}, "QM9 has 130,831 molecules"),
        ({"n_train": 300}, "in the validation set .* has F, which was never seen"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_said(changes, message):
    said = []
    with pytest.raises(InputError, match=message):
        learn_molecular_property(replace(CONFIG, **changes), say=said.append)
    assert said == []
