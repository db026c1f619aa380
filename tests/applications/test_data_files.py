"""Files of every sort are read to the digit, taken for the right kind, and refused with a reason."""

import sys

import numpy as np
import pytest
from scipy import sparse

from erlangen.applications.data_files import kind_of, read_data
from erlangen.errors import FileFormatError, InputError, MissingExtraError
from erlangen.structures import Structure, write_structures

POINTS = np.array([[0.1, 2.0, -3.5], [1e-3, 4.0, 5.0], [7.0, 8.0, 9.25], [1.0, 1.0, 1.0]])
DISTANCES = np.abs(np.subtract.outer([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]))


def written(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def lines(separator, names=""):
    return names + "".join(separator.join(map(repr, row)) + "\n" for row in POINTS.tolist())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", lines(",")),
        ("a.csv", lines(",", "x,y,z\n")),
        ("a.csv", lines(",", '\ufeff"x","y , z",z\n')),
        ("a.csv", lines(";", "x;y;z\n")),
        ("a.tsv", lines("\t", "x\ty\tz\n")),
        ("a.txt", lines(" ", "# made by hand\n\n")),
        ("a.dat", lines("   ", "x y z\n")),
        ("A.CSV", lines(",").rstrip("\n")),
    ],
)
def test_tables_of_text(tmp_path, name, text):
    data = read_data(written(tmp_path, name, text))
    assert (data.kind, data.certain) == ("points", False)
    np.testing.assert_array_equal(data.values, POINTS)


def test_columns_by_name_and_number_and_others_need_not_be_numbers(tmp_path):
    path = written(tmp_path, "a.csv", "day,z,x\nMonday,1,2\nTuesday,3,4\n")
    np.testing.assert_array_equal(read_data(path, columns=("x", "z")).values, [[2, 1], [4, 3]])
    np.testing.assert_array_equal(read_data(path, columns=("2", "1")).values, [[2, 1], [4, 3]])
    series = read_data(path, columns=("x",))
    assert series.kind == "series"
    np.testing.assert_array_equal(series.values, [2, 4])


def test_parquet(tmp_path, monkeypatch):
    pandas = pytest.importorskip("pandas")
    path = written(tmp_path, "a.parquet", "")
    table = pandas.DataFrame({"name": ["a", "b"], "x": [1, 2], "y": [0.5, 0.25]})
    monkeypatch.setattr(pandas, "read_parquet", lambda _: table)  # its engine is no dependency of ours
    np.testing.assert_array_equal(read_data(path, columns=("x", "y")).values, [[1, 0.5], [2, 0.25]])
    with pytest.raises(InputError, match="column name is no numbers"):
        read_data(path)

    def missing(_):
        raise ImportError

    monkeypatch.setattr(pandas, "read_parquet", missing)
    with pytest.raises(InputError, match="parquet needs pandas and pyarrow"):
        read_data(path)


def test_arrays(tmp_path):
    np.save(tmp_path / "a.npy", POINTS.astype(np.float32))
    np.testing.assert_array_equal(read_data(tmp_path / "a.npy").values, POINTS.astype(np.float32))
    np.savez(tmp_path / "a.npz", POINTS)
    np.testing.assert_array_equal(read_data(tmp_path / "a.npz").values, POINTS)
    np.savez(tmp_path / "b.npz", a=DISTANCES, b=POINTS)
    assert read_data(tmp_path / "b.npz", part="a").kind == "distances"
    assert read_data(tmp_path / "b.npz", part="b").kind == "points"
    stack = np.arange(24).reshape(2, 4, 3)
    np.save(tmp_path / "c.npy", stack)
    assert read_data(tmp_path / "c.npy").kind == "image"
    np.testing.assert_array_equal(read_data(tmp_path / "c.npy", part="1").values, stack[1])


def test_a_sparse_matrix_is_distances(tmp_path):
    matrix = sparse.coo_array(([1.0, 2.0, 0.0], ([0, 1, 0], [1, 2, 2])), shape=(3, 3))
    for stored in (matrix, sparse.csr_matrix(matrix)):
        sparse.save_npz(tmp_path / "a.npz", stored)
        data = read_data(tmp_path / "a.npz")
        assert (data.kind, data.reason) == ("distances", "a sparse matrix")
        np.testing.assert_array_equal(data.values.toarray(), matrix.toarray())
        assert data.values.nnz == 3  # a stored zero is a distance


def test_what_an_array_is_taken_for():
    assert kind_of(DISTANCES)[0] == "distances"
    assert kind_of(DISTANCES + np.eye(3))[0] == "points"
    assert kind_of(np.triu(DISTANCES))[0] == "points"
    assert kind_of(-DISTANCES)[0] == "points"
    assert kind_of(DISTANCES * (1 + 1e-9 * np.tri(3)))[0] == "distances"  # rounding
    assert kind_of(np.where(DISTANCES > 2, np.inf, DISTANCES))[0] == "distances"
    assert kind_of(np.zeros(5))[0] == kind_of(np.zeros((5, 1)))[0] == "series"
    assert kind_of(np.zeros((2, 3, 4)))[0] == "image"
    assert kind_of(np.full((2, 2), np.nan))[0] == "points"


def test_the_kind_can_be_told(tmp_path):
    np.save(tmp_path / "a.npy", DISTANCES)
    for kind, shape in (("points", (3, 3)), ("image", (3, 3)), ("distances", (3, 3))):
        data = read_data(tmp_path / "a.npy", kind)
        assert (data.kind, data.values.shape, data.certain) == (kind, shape, True)
    np.save(tmp_path / "b.npy", np.arange(4.0)[None])
    assert read_data(tmp_path / "b.npy", "series").values.shape == (4,)
    np.save(tmp_path / "c.npy", np.arange(4.0))
    assert read_data(tmp_path / "c.npy", "points").values.shape == (4, 1)
    assert read_data(tmp_path / "c.npy", "image").values.shape == (4,)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_pictures_keep_their_values(tmp_path, ending):
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(35, dtype=np.uint8).reshape(5, 7)
    image.fromarray(pixels).save(tmp_path / f"a.{ending}")
    data = read_data(tmp_path / f"a.{ending}")
    assert (data.kind, data.reason) == ("image", "a picture")
    np.testing.assert_array_equal(data.values, pixels)


def test_deep_coloured_and_stacked_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    deep = (1000 * np.arange(12, dtype=np.uint16)).reshape(3, 4)
    image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_data(tmp_path / "deep.png").values, deep)
    real = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    pages = [image.fromarray(real), image.fromarray(2 * real)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read_data(tmp_path / "stack.tif").values, [real, 2 * real])
    colours = np.zeros((2, 3, 3), np.uint8)
    colours[0] = 255
    image.fromarray(colours).save(tmp_path / "colours.png")
    np.testing.assert_array_equal(read_data(tmp_path / "colours.png").values, [[255] * 3, [0] * 3])


def test_pictures_need_a_reader(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)
    with pytest.raises(MissingExtraError, match="this needs PIL"):
        read_data(written(tmp_path, "a.png", ""))


def test_structures(tmp_path):
    water = Structure([[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]], ["O", "H", "H"])
    helium = Structure([[0.0, 0, 0]], ["He"])
    path = write_structures(tmp_path / "two.xyz", [water, helium])
    first, second = read_data(path), read_data(path, part="1")
    assert (first.kind, first.reason, first.certain) == ("structure", "the atoms of H2O, 0 (from 0) of 2", True)
    np.testing.assert_array_equal(first.values, water.positions)
    assert second.structure.formula == "He"
    assert read_data(path, "points").kind == "structure"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "", "holds no numbers"),
        ("a.csv", "# nothing\n", "holds no numbers"),
        ("a.csv", "x,y\n", "holds no numbers"),
        ("a.csv", "1,2\n3\n", "number of columns changed from 2 to 1"),
        ("a.csv", "x,y\n1,a\n", "could not convert string 'a' to float64 at row 0, column 2; columns takes those"),
        ("a.csv", "1,\n2,3\n", "could not convert string ''"),
        ("a.csv", "1,2\nnan,3\n", r"finite, got \[nan, 3.0\] in row 1"),
        ("a.npy", "1,2\n", "cannot be read as npy"),
        ("a.npz", "PK", "cannot be read as npz"),
        ("a.png", "1,2\n", "cannot be read as a picture"),
        ("a.xyz", "1,2\n", "a.xyz"),
        ("a.doc", "1,2\n", "'.doc' cannot be read; known are csv tsv"),
        ("a", "1,2\n", "ending '' cannot be read"),
    ],
)
def test_broken_files_are_named(tmp_path, name, text, words):
    path = written(tmp_path, name, text)
    with pytest.raises(InputError, match=words) as caught:
        read_data(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("array", "given", "words"),
    [
        (POINTS, {"kind": "series"}, "a series is a single column, got shape"),
        (POINTS, {"kind": "distances"}, r"shape \(n, n\)"),
        (POINTS, {"kind": "structure"}, "not a structure"),
        (POINTS, {"kind": "pixels"}, "kind is auto, points"),
        (POINTS, {"columns": ("0",)}, "columns are chosen from tables"),
        (POINTS, {"part": "4"}, "part is a number below 4"),
        (POINTS, {"part": "x"}, "'x'"),
        (np.triu(DISTANCES), {"kind": "distances"}, "symmetric, got 1 from 0 to 1 and 0 back"),
        (np.zeros((2, 3, 4)), {"kind": "points"}, "part takes one"),
        (np.zeros((0, 2)), {}, "no numbers"),
        (np.array(3.0), {}, "no numbers"),
        (np.array(["a"]), {}, "holds <U1, not numbers"),
        (np.array([1j]), {}, "complex128"),
    ],
)
def test_arrays_that_cannot_be_of_a_kind(tmp_path, array, given, words):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=words):
        read_data(tmp_path / "a.npy", **given)


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", np.array([{}, 1], dtype=object))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(FileFormatError, match="Python objects"):
            read_data(tmp_path / name)


def test_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_data(tmp_path / "a.csv")
    with pytest.raises(InputError, match="folder"):
        read_data(tmp_path)
    path = written(tmp_path, "a.csv", "x,y\n1,2\n")
    with pytest.raises(InputError, match="no column 'z'; there are x, y"):
        read_data(path, columns=("z",))
    with pytest.raises(InputError, match="no parts"):
        read_data(path, part="0")
    np.savez(tmp_path / "b.npz", a=DISTANCES, b=POINTS)
    with pytest.raises(InputError, match="holds the arrays a, b; part takes one"):
        read_data(tmp_path / "b.npz")
    with pytest.raises(InputError, match="no array 'c'; there are a, b"):
        read_data(tmp_path / "b.npz", part="c")
    write_structures(tmp_path / "a.xyz", Structure([[0.0, 0, 0]], ["He"]))
    with pytest.raises(InputError, match="below 1"):
        read_data(tmp_path / "a.xyz", part="1")
    with pytest.raises(InputError, match="a structure's atoms are points, not image"):
        read_data(tmp_path / "a.xyz", "image")
