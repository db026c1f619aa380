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
from scipy.stats import ortho_group

from erlangen.datasets import QM9_TARGETS, load_qm9, qm9_bonds
from erlangen.datasets._cache import cache_folder, cached
from erlangen.datasets._qm9_polarizability import in_frame_of_geometry, principal_axes, thole_polarizability
from erlangen.errors import InputError
from erlangen.units import BOHR

HARTREE = physical_constants["Hartree energy in eV"][0]

# xx, xy, xz, yy, yz, zz in bohr^3 at QM9's geometries and in their frame, by finite fields of 0.003 atomic units in
# pyscf 2 (B3LYP/6-31G*, density fitting), by the number of the molecule.
POLARIZABILITY_BY_DFT = {
    106: [40.97, -0.76, 0.99, 41.23, -1.2, 40.04],
    117: [31.49, 4.17, -0.09, 74.37, 0.24, 22.67],
    123: [33.22, -2.03, 2.27, 56.04, -3.33, 34.0],
    157: [38.71, 0.8, 1.31, 43.28, -3.32, 28.43],
    127: [32.31, 3.86, -0.02, 50.38, 0.09, 27.93],
    112: [48.08, 3.9, -0.28, 44.74, 0.12, 15.87],
    153: [44.58, 4.72, 1.58, 46.05, -0.54, 40.46],
    140: [31.5, 2.79, 1.86, 63.81, 6.34, 32.5],
}


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


def test_polarizability_tensors_are_in_the_frame_of_the_geometry(everything):
    # A bar of atoms is easiest to polarize along itself, a plane least across itself: the tensors of the files, in the
    # frame of another program run, know nothing of either direction.
    chosen = np.random.default_rng(0).integers(0, len(everything), 500)
    cosines, across = [], []
    for molecule in (everything[int(i)] for i in chosen):
        x = molecule.positions - molecule.positions.mean(0)
        spread, tensor = x.T @ x, molecule.graph["polarizability"]
        spread, shape = (a - np.trace(a) / 3 * np.eye(3) for a in (spread, tensor))
        cosines.append(np.sum(spread * shape) / np.linalg.norm(spread) / np.linalg.norm(shape))
        moments, axes = np.linalg.eigh(x.T @ x)
        if moments[0] < 1e-3:
            across.append(axes[:, 0] @ tensor @ axes[:, 0] - np.linalg.eigvalsh(tensor)[0])
    assert np.mean(cosines) > 0.85
    assert len(across) > 5
    assert np.abs(across).max() < 0.02


@pytest.mark.parametrize("number", POLARIZABILITY_BY_DFT)
def test_polarizability_tensors_are_those_of_density_functional_theory(everything, number):
    # The basis set is smaller than QM9's; what it changes shows in the eigenvalues, which know no frame.
    i, j = np.triu_indices(3)
    reference = np.zeros((3, 3))
    reference[i, j] = reference[j, i] = POLARIZABILITY_BY_DFT[number]
    ours = everything[int(np.flatnonzero(everything.graph["qm9_id"] == number)[0])].graph["polarizability"]
    shapes = [a - np.trace(a) / 3 * np.eye(3) for a in (ours, reference)]
    basis = np.linalg.norm(np.subtract(*(np.linalg.eigvalsh(shape) for shape in shapes)))
    assert np.linalg.norm(shapes[0] - shapes[1]) < basis + 0.55


def test_turned_tensors_keep_their_eigenvalues_and_turn_with_the_molecule(everything):
    molecules = [everything[i] for i in range(0, 5000, 50)]
    tensors = np.stack([m.graph["polarizability"] for m in molecules])
    turn = ortho_group.rvs(3, random_state=0)
    positions = np.concatenate([m.positions @ turn.T for m in molecules])
    numbers = np.concatenate([m.numbers for m in molecules])
    offsets = np.concatenate([[0], np.cumsum([m.n_atoms for m in molecules])])
    # The frame that the tensors come in does not matter as long as it is one of the principal axes of the charge.
    axes = np.concatenate([principal_axes(m.positions[None], m.numbers[None]) for m in molecules])
    standard = axes.transpose(0, 2, 1) @ tensors @ axes
    found = in_frame_of_geometry(standard, positions, numbers, offsets, lambda: None)
    np.testing.assert_allclose(found, turn @ tensors @ turn.T, atol=1e-9)
    np.testing.assert_allclose(np.linalg.eigvalsh(found), np.linalg.eigvalsh(tensors), atol=1e-9)


def test_the_dipole_model_gives_the_eigenvalues_and_two_atoms_in_closed_form(everything):
    molecules = [everything[i] for i in range(1, 100_000, 500)]
    model = [np.linalg.eigvalsh(thole_polarizability(m.positions[None], m.numbers[None])[0]) for m in molecules]
    reference = np.linalg.eigvalsh(np.stack([m.graph["polarizability"] for m in molecules]))
    assert np.sqrt(np.mean((np.array(model) - reference) ** 2)) < 3.5
    far = np.array(
        [[[0, 0, 0], [0, 0, 20.0]]]
    )  # undamped: alpha along = 2a / (1 - 2a / r^3), across 2a / (1 + a / r^3)
    along, across, r = *thole_polarizability(far, np.array([[6, 6]]))[0][[2, 0], [2, 0]], 20.0 / BOHR
    a = thole_polarizability(far[:, :1], np.array([[6]]))[0, 0, 0]
    np.testing.assert_allclose([along, across], [2 * a / (1 - 2 * a / r**3), 2 * a / (1 + a / r**3)], rtol=1e-9)


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
    in_another_order = np.flatnonzero(np.isin(everything.graph["qm9_id"], (486, 59818)))
    some = everything[np.concatenate([np.arange(0, 130_831, 1_000), in_another_order])]
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
