"""``erlangen predict``: the right number beside the right structure, and one line for what cannot be predicted."""

import csv
from pathlib import Path

import numpy as np
import pytest

from erlangen.structures import Structure, read_structures, write_structures
from erlangen.training import GraphRegressor


def rows(text: str) -> list[dict]:
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture
def ethanol() -> Structure:
    return Structure.from_smiles("CCO", conformer=True)


def test_a_table_on_the_screen(erlangen, model, water):
    result = erlangen.runs("predict", model, water)
    assert result.err == ""
    expected = GraphRegressor.load(model).predict(read_structures(water))
    shown = [line.strip("│ ").split("│") for line in result.out.splitlines() if "H2O" in line]
    assert [[cell.strip() for cell in row] for row in shown] == [
        [str(water), str(i), "H2O", f"{value:.6f}"] for i, value in enumerate(expected)
    ]


def test_a_csv_file_of_several_formats(erlangen, model, water, ethanol, tmp_path):
    bare = Structure(ethanol.positions, ethanol.numbers)
    paths = [
        water,
        write_structures(tmp_path / "ethanol.extxyz", [bare, bare]),
        write_structures(tmp_path / "ethanol.sdf", ethanol),
        write_structures(tmp_path / "ethanol.pdb", bare),
    ]
    output = tmp_path / "new" / "predicted.csv"
    result = erlangen.runs("predict", model, *paths, "--output", output)
    assert (result.out, result.err) == ("", "")
    found = rows(output.read_text())
    assert [(row["file"], row["structure"], row["formula"]) for row in found] == [
        (str(paths[0]), "0", "H2O"), (str(paths[0]), "1", "H2O"), (str(paths[1]), "0", "C2H6O"),
        (str(paths[1]), "1", "C2H6O"), (str(paths[2]), "0", "C2H6O"), (str(paths[3]), "0", "C2H6O"),
    ]  # fmt: skip
    regressor = GraphRegressor.load(model)
    values = [float(row["U0"]) for row in found]
    expected = np.concatenate([regressor.predict(read_structures(paths[0])), regressor.predict([bare])])
    np.testing.assert_allclose(values[:3], expected, atol=1e-5)
    np.testing.assert_allclose(values[3:], expected[2], atol=0.05)  # sdf and pdb keep 4 and 3 decimals of a coordinate


def test_structures_of_a_file_need_not_carry_the_same(erlangen, model, tmp_path):
    path = tmp_path / "mixed.extxyz"
    path.write_text('1\nenergy=1 Properties=species:S:1:pos:R:3\nC 0 0 0\n1\nname="b"\nO 0 0 0\n')
    erlangen.runs("predict", model, path)


def test_single_atoms_get_a_number_and_two_at_the_same_place_are_refused(erlangen, model, tmp_path):
    path = tmp_path / "odd.xyz"
    path.write_text("1\n\nC 0 0 0\n")
    erlangen.runs("predict", model, path, "--output", tmp_path / "o.csv")
    assert np.isfinite([float(row["U0"]) for row in rows((tmp_path / "o.csv").read_text())]).all()
    path.write_text("1\n\nC 0 0 0\n3\n\nO 0 0 1\nC 0 0 0\nH 0 0 0\n")
    erlangen.refuses("predict", model, path, words=(str(path), "structures[1] has the atoms 1 and 2 at the same place"))


def test_a_symbolic_link_stays_one_and_a_device_is_written_to(erlangen, model, water, tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "real.csv")
    erlangen.runs("predict", model, water, "--output", link)
    assert link.is_symlink()
    assert len(rows((tmp_path / "real.csv").read_text())) == 2
    erlangen.runs("predict", model, water, "--output", "/dev/null")
    assert Path("/dev/null").is_char_device()
    erlangen.refuses("predict", model, water, "--output", "/dev/full", words=("/dev/full", "No space left"))
    assert Path("/dev/full").is_char_device()


SDF = """
  test

  5  4  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 N   0  0
    0.6000    0.6000    0.6000 H   0  0
   -0.6000   -0.6000    0.6000 H   0  0
   -0.6000    0.6000   -0.6000 H   0  0
    0.6000   -0.6000   -0.6000 H   0  0
  1  2  1  0
  1  3  1  0
  1  4  1  0
  1  5  1  0
M  END
$$$$
"""
CELL = '1\nLattice="{}" Properties=species:S:1:pos:R:3\nC 0 0 0\n'
BAD = {
    "empty.xyz": ("", "holds no structure"),
    "blank.xyz": ("\n\n", "holds no structure"),
    "empty.sdf": ("", "holds no structure"),
    "empty.cif": ("", "holds no structure"),
    "empty.pdb": ("", "holds no structure"),
    "none.xyz": ("0\n\n", ("line 1", "number of atoms", "'0'")),
    "text.xyz": ("hello\n", ("line 1", "number of atoms", "'hello'")),
    "cut.xyz": ("1\n\nC 0 0 0\n5\n\nC 0 0 0\nH 0 0 1\n", ("line 4", "5 atoms", "only 2", "cut short")),
    "half.xyz": ("2\n\nC 0 0 0\nH 0", ("line 4", "expected 4 columns, got 2")),
    "word.xyz": ("1\n\nC 0 zero 0\n", ("line 3", "'0 zero 0'")),
    "nan.xyz": ("1\n\nC 0 0 0\n2\n\nC 0 0 0\nH 0 nan 0\n", ("from line 4", "finite", "atom 1")),
    "symbol.xyz": ("2\n\nC 0 0 0\nQq 0 0 1\n", ("from line 1", "atom 1", "'Qq'")),
    "unseen.xyz": ("1\n\nC 0 0 0\n2\n\nC 0 0 0\nSi 0 0 1\n", ("structures[1] has Si", "never seen in training")),
    "flat.extxyz": (CELL.format("3 0 0 0 3 0 3 3 0"), ("from line 1", "cell")),
    "zero.extxyz": (CELL.format("0 0 0 0 0 0 0 0 0"), ("from line 1", "zero volume")),
    "short.extxyz": (CELL.format("3 0 0"), ("line 2", "Lattice")),
    "charge.sdf": (SDF, ("record 1", "valence for atom # 0 N, 4")),  # ammonium without its charge
    "cut.sdf": (SDF[:200], "record 1"),
    "cut.cif": ("data_x\n_cell_length_a 3\nloop_\n_atom_site_label\n", "cut.cif"),
    "binary.xyz": (b"\xff\xfe\x00\x01", "cannot be read as text"),
    "a.docx": ("hello", ("'docx'", "known are xyz, extxyz, sdf, cif, pdb")),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_by_name_and_place(erlangen, model, tmp_path, name):
    content, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = erlangen.refuses("predict", model, path, "--output", tmp_path / "predicted.csv", words=words)
    assert line.startswith(f"erlangen: {path}")
    assert list(tmp_path.iterdir()) == [path]


def test_missing_files_folders_and_arguments(erlangen, model, water, tmp_path):
    erlangen.refuses("predict", model, tmp_path / "no.xyz", words=f"{tmp_path / 'no.xyz'}: there is no such file")
    erlangen.refuses("predict", model, tmp_path, words=f"{tmp_path}: this is a folder")
    erlangen.refuses("predict", model, words=("files", "erlangen predict --help"))
    erlangen.refuses("predict", tmp_path / "no.erl", water, words=f"no model file {tmp_path / 'no.erl'}")
    erlangen.refuses("predict", tmp_path, water, words=f"no model file {tmp_path}")
    erlangen.refuses("predict", model, water, "--output", water / "a.csv", words=f"{water} is a file")
    erlangen.refuses("predict", model, water, "--output", tmp_path, words=f"{tmp_path}: it is a folder")
    assert list(tmp_path.iterdir()) == [water]


def test_a_molecule_without_a_geometry_is_refused(erlangen, model, tmp_path):
    path = write_structures(tmp_path / "flat.sdf", Structure.from_smiles("CCO"))
    erlangen.refuses("predict", model, path, words=(str(path), "no positions"))


@pytest.mark.parametrize("damage", ["half", "length", "header", "weights", "nothing", "no model"])
def test_a_damaged_model_is_refused(erlangen, model, water, tmp_path, damage):
    path, data = tmp_path / "damaged.erl", bytearray(model.read_bytes())
    if damage in ("length", "header", "weights"):
        data[{"length": 1, "header": 300, "weights": -50}[damage]] ^= 4
    path.write_bytes({"half": data[: len(data) // 2], "nothing": b"", "no model": b"hello"}.get(damage, data))
    erlangen.refuses("predict", path, water, words=(str(path), "damaged"))
