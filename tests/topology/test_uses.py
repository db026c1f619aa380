"""Real uses, as in giotto-tda's tutorials: the examples, run in their small form, are accurate."""

import runpy
from pathlib import Path

import pytest

from erlangen.datasets import load_qm9
from erlangen.errors import MissingExtraError

EXAMPLES = Path(__file__).parents[2] / "examples"


def measured(name: str, *arguments: str) -> dict:
    """Return what an example's main function returns."""
    return runpy.run_path(str(EXAMPLES / f"topology_of_{name}.py"))["main"](list(arguments))


def test_digits():
    found = measured("digits", "--digits", "600")
    assert found["topology"] > 0.84  # ten classes
    assert found["pixels"] > 0.9


def test_shapes():
    found = measured("shapes", "--each", "20")
    assert found[0.25] == 1
    assert found[0.5] > 0.6  # a third by chance


def test_series():
    found = measured("time_series", "--share", "0.5")
    assert found["Lorenz"] > 0.9
    assert found["maps"] > 0.9
    assert found["waves"] > 0.7
    assert found["waves, stronger half"] > 0.88


def test_molecules():
    pytest.importorskip("rdkit")
    try:
        load_qm9("gap", n_train=1, n_valid=0, n_test=1)
    except MissingExtraError:
        pytest.skip("QM9 is not installed")
    found = measured("molecules", "--molecules", "500")
    assert found.pop("gap") < 0.7  # 0.86 for the counts of the elements
    assert min(found.values()) > 0.98
