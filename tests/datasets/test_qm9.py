"""QM9: units, splits, and that the parsed arrays are what the files say."""

import csv
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.constants import physical_constants

from erlangen.datasets import QM9_TARGETS, load_qm9, qm9_bonds
from erlangen.datasets._cache import cache_folder, cached
from erlangen.errors import InputError

HARTREE = physical_constants["Hartree energy in eV"][0]


@pytest.fixture(scope="module")
def everything():
    """All molecules in the order of the files, by their numbers."""
    train, _, _ = load_qm9(n_train=130_831, n_valid=0, n_test=0)
    return train[np.argsort(train.graph["qm9_id"])]


def first_rows(part: int, n: int) -> list[dict]:
    folder = Path(importlib.util.find_spec("qm9pack").submodule_search_locations[0]) / "data"
    csv.field_size_limit(1 << 24)
    with (folder / f"qm9_part{part}.csv").open(newline="") as file:
        rows = csv.DictReader(file)
        return [row for row, _ in zip(rows, range(n), strict=False)]


@pytest.mark.parametrize("part", [1, 2, 3])
def test_the_arrays_say_what_the_files_say(everything, part):
    places = {int(number): place for place, number in enumerate(everything.graph["qm9_id"])}
    for row in first_rows(part, 40):
        molecule = everything[places[int(row["Index"])]]
        text = row["XYZ_Ang"].replace("[", "").replace("]", "").split(",")
        np.testing.assert_array_equal(molecule.positions.ravel(), [float(word) for word in text])
        assert molecule.symbols == [s.strip("'[] ") for s in row["Elements"].split(",")]
        assert str(molecule.graph["smiles"]) == row["SMILES"]
        for name, target in QM9_TARGETS.items():
            factor = HARTREE if target.unit == "eV" else 1.0
            assert float(molecule.graph[name]) == pytest.approx(float(row[target.column]) * factor, rel=1e-9), name
        charges = [float(word) for word in row["Mulliken_pop"].strip("[]").split(",")]
        np.testing.assert_array_equal(molecule.node["charges"], charges)


def test_physics_holds_everywhere(everything):
    g = everything.graph
    np.testing.assert_allclose(g["gap"], g["lumo"] - g["homo"], atol=4e-3)  # four decimals of a hartree in the files
    assert (g["U0"] < g["U"]).all()
    assert (g["U"] < g["H"]).all()
    trace = np.trace(g["polarizability"], axis1=1, axis2=2) / 3
    assert np.quantile(np.abs(trace - g["alpha"]), 0.999) < 0.02
    owner = np.repeat(np.arange(len(everything)), everything.sizes)
    assert np.abs(np.bincount(owner, everything.node["charges"])).max() < 2e-3


def test_the_frequencies_add_up_to_the_zero_point_energy(everything):
    half_wavenumber = physical_constants["inverse meter-electron volt relationship"][0] * 100 / 2
    error = np.abs(everything.graph["frequencies"].sum(1) * half_wavenumber - everything.graph["zpve"])
    assert np.quantile(error, 0.999) < 2e-3
    modes = (everything.graph["frequencies"] != 0).sum(1)
    n = everything.sizes
    assert np.isin(modes - 3 * n, (-6, -5)).all()


def test_the_splits():
    train, valid, test = load_qm9("U0")
    order = np.random.RandomState(42).permutation(130_831)
    ids = np.concatenate([part.graph["qm9_id"] for part in (train, valid, test)])
    assert (len(train), len(valid), len(test)) == (110_000, 10_000, 10_831)
    assert len(set(ids)) == 130_831
    assert np.array_equal(np.argsort(np.argsort(ids)), order)
    train, valid, test = load_qm9("U0", n_valid=17_748, split="cormorant")
    assert (len(train), len(valid), len(test)) == (100_000, 17_748, 13_083)
    assert len(set(np.concatenate([part.graph["qm9_id"] for part in (train, valid, test)]))) == 130_831
    again, _, _ = load_qm9("U0", n_train=50, n_valid=0, random_state=None)
    assert len(again) == 50


def test_bonds_come_from_the_smiles(everything):
    some = everything[np.arange(0, 130_831, 1_000)]
    for molecule, (index, kind) in zip(some, qm9_bonds(some), strict=True):
        lengths = np.linalg.norm(molecule.positions[index[0]] - molecule.positions[index[1]], axis=1)
        assert (molecule.numbers[index] > 1).all()
        assert set(kind) <= {1, 2, 3, 12}
        assert len(lengths) == 0 or (lengths.min() > 1.0 and lengths.max() < 1.75)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "energy"}, "target 'energy' is not in QM9"),
        ({"n_train": 130_000, "n_valid": 1_000}, "130,831 molecules"),
        ({"n_train": 0}, "n_train"),
        ({"n_valid": -1}, "n_valid"),
        ({"n_test": 1.5}, "n_test"),
        ({"split": "scaffold"}, "split"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        load_qm9(**arguments)


def test_a_second_process_starts_quickly():
    load_qm9("U0")
    code = "import time; t = time.perf_counter(); from erlangen.datasets import load_qm9; load_qm9('U0');"
    code += "import sys; assert 'torch' not in sys.modules; print(time.perf_counter() - t)"
    seconds = float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert seconds < 10  # some two tenths on an idle machine; timings never decide closely


def test_a_damaged_cache_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("ERLANGEN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    calls = []

    def make():
        calls.append(time.time())
        return {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1, 2])}

    first = cached("some", make)
    np.testing.assert_array_equal(cached("some", make)["a"], first["a"])
    assert isinstance(first["a"].base, np.memmap) or isinstance(first["a"], np.memmap)
    assert len(calls) == 1
    file = tmp_path / "some.safetensors"
    for damage in (file.read_bytes()[: file.stat().st_size // 2], b"", b"nonsense, and long enough to have a length"):
        file.write_bytes(damage)
        np.testing.assert_array_equal(cached("some", make)["a"], np.arange(6.0).reshape(2, 3))
    assert len(calls) == 4
