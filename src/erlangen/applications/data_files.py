"""Files of every sort as arrays: tables, NumPy's arrays, pictures, structures; and what they are taken for."""

import csv
import os
import warnings
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from scipy import sparse

from erlangen.errors import FileFormatError, InputError, ShapeError, require
from erlangen.structures import Structure, read_structures

KINDS = ("points", "distances", "image", "series", "structure")
"""What data can be taken for."""

TABLES = (".csv", ".tsv", ".txt", ".dat", ".parquet")
ARRAYS = (".npy", ".npz")
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
STRUCTURES = (".xyz", ".extxyz", ".cif", ".pdb", ".sdf")

_LEVELS = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L")
"""Pillow's modes with one number a pixel."""


@dataclass(frozen=True, eq=False)
class Data:
    """What a file holds.

    Attributes
    ----------
    values : array or sparse matrix
        Points (n, d), distances (n, n), an image, a series (n,), or the positions of a structure (n, 3) in angstrom.
    kind : str
        One of `KINDS`: what they are taken for.
    reason : str
        Why, in a few words.
    structure : Structure or None
        What the positions belong to.
    certain : bool
        Whether the file, or who asked for it, left no choice of the kind.
    """

    values: "np.ndarray | sparse.coo_array"
    kind: str
    reason: str
    structure: Structure | None = None
    certain: bool = False


def read_data(
    path: "str | os.PathLike", kind: str = "auto", part: str | None = None, columns: tuple[str, ...] = ()
) -> Data:
    """Read a file and say what it is taken for.

    By its ending a file is a table (csv, tsv, txt, dat, parquet), an array (npy, npz), a picture (png, jpg, tif, bmp)
    or a structure (xyz, extxyz, cif, pdb, sdf). A picture is an image. Of tables and arrays, those with three axes or
    more are images, a single column is a series, a symmetric square with a diagonal of zeros, or a sparse matrix, is
    distances; anything else is points, a row each.

    Parameters
    ----------
    path : path
    kind : str
        "auto", or one of `KINDS` to say what it is.
    part : str, optional
        Which structure of a file with several, or which entry of an npy array's first axis, from 0; or which array of
        an npz file, by name. Structures: the first by default.
    columns : tuple of str
        Which columns of a table, by name or by number from 0; all by default. Others need not be numbers.

    Raises
    ------
    FileFormatError
        If the file is not what its ending says.
    InputError
        If there is no such file, part or column, or if what is there cannot be of this kind.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "square.csv"
    >>> np.savetxt(path, [[0, 0], [0, 1], [1, 1], [1, 0]], delimiter=",")
    >>> data = read_data(path)
    >>> data.kind, data.values.shape, data.reason
    ('points', (4, 2), 'a table, a point in each row')
    """
    path = Path(path)
    if kind not in ("auto", *KINDS):
        raise InputError(f"kind is auto, {', '.join(KINDS)}, got {kind!r}")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder, not a file")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    ending = path.suffix.lower()
    if ending not in TABLES + ARRAYS + PICTURES + STRUCTURES:
        known = " ".join(e[1:] for e in TABLES + ARRAYS + PICTURES + STRUCTURES)
        raise InputError(f"{path}: a file with the ending {ending!r} cannot be read; known are {known}")
    if columns and ending not in TABLES:
        raise InputError(f"{path}: columns are chosen from tables ({' '.join(e[1:] for e in TABLES)})")
    if part is not None and ending not in ARRAYS + STRUCTURES:
        raise InputError(f"{path}: there are no parts to choose from in a file that ends with {ending}")
    if ending in STRUCTURES:
        return _structure(path, kind, part)
    if ending in PICTURES:
        return replace(_as(path, _picture(path), "image" if kind == "auto" else kind, "a picture"), certain=True)
    values = _table(path, columns) if ending in TABLES else _array(path, part)
    if kind != "auto":
        return replace(_as(path, values, kind, "as told"), certain=True)
    return _as(path, values, *kind_of(values))


def kind_of(values) -> tuple[str, str]:
    """Return what an array is taken for, and why.

    Examples
    --------
    >>> kind_of(np.zeros((9, 1))), kind_of(np.array([[0.0, 2], [2, 0]]))[0]
    (('series', 'a single column'), 'distances')
    """
    if sparse.issparse(values):
        return "distances", "a sparse matrix"
    if values.ndim > 2:
        return "image", f"an array with {values.ndim} axes"
    if values.ndim < 2 or values.shape[1] == 1:
        return "series", "a single column"
    square = values.shape[0] == values.shape[1] and not np.diagonal(values).any() and (values >= 0).all()
    if square and _asymmetry(values) is None:
        return "distances", "a symmetric square with a diagonal of zeros"
    return "points", "a table, a point in each row"


def _as(path: Path, values, kind: str, reason: str) -> Data:
    """Return the values in the shape of their kind, or say why they cannot be of this kind."""
    shape = tuple(map(int, values.shape))
    if not all(shape) or not shape:
        raise InputError(f"{path}: holds no numbers, shape {shape}")
    if kind == "structure":
        raise InputError(f"{path}: not a structure; those end with {' '.join(e[1:] for e in STRUCTURES)}")
    if sparse.issparse(values) and kind != "distances":
        raise InputError(f"{path}: a sparse matrix holds distances, not {kind}")
    if kind == "image":
        return Data(values.ravel() if shape[1:] == (1,) else values, kind, reason)
    if kind == "distances":
        return Data(_distances(path, values), kind, reason)
    if kind == "points":
        if len(shape) > 2:
            raise ShapeError(
                f"{path}: points are a table, a row each, got shape {shape}; part takes one of the first axis"
            )
        values = values.reshape(shape[0], -1)
    else:
        if max(shape) != values.size:
            raise ShapeError(f"{path}: a series is a single column, got shape {shape}; columns takes one of a table's")
        values = values.ravel()
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(f"{path}: numbers are finite, got {values[row].tolist()} in row {row} (from 0)")
    return Data(values, kind, reason)


def _distances(path: Path, values):
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ShapeError(f"{path}: distances have shape (n, n), got {values.shape}")
    if not sparse.issparse(values) and (pair := _asymmetry(values)) is not None:
        i, j = pair
        raise InputError(
            f"{path}: distances are symmetric, got {values[i, j]:g} from {i} to {j} and {values[j, i]:g} back"
        )
    return values


def _asymmetry(values: np.ndarray) -> tuple[int, int] | None:
    """Return a pair whose two distances differ by more than rounding, None if there is none."""
    differ = ~np.isclose(values, values.T, rtol=1e-6, atol=1e-9, equal_nan=True)
    return tuple(map(int, np.argwhere(differ)[0])) if differ.any() else None


def _table(path: Path, columns: tuple[str, ...]) -> np.ndarray:
    return _parquet(path, columns) if path.suffix.lower() == ".parquet" else _text(path, columns)


def _text(path: Path, columns: tuple[str, ...]) -> np.ndarray:
    """Return a table of numbers between tabs, commas, semicolons or spaces, with or without names on top."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next((line for line in file if line.strip() and not line.lstrip().startswith("#")), "")
            separator = next((mark for mark in "\t,;" if mark in first), None)
            fields = next(csv.reader([first], delimiter=separator)) if separator else first.split()
            names = [field.strip() for field in fields]
            lines = file if any(map(_is_word, names)) else chain([first], file)
            if lines is not file:
                names = [str(k) for k in range(len(fields))]
            with warnings.catch_warnings():  # that nothing follows is said below
                warnings.simplefilter("ignore", UserWarning)
                return np.loadtxt(
                    lines, delimiter=separator, usecols=_chosen(path, columns, names), ndmin=2, quotechar='"'
                )
    except UnicodeDecodeError:
        raise FileFormatError(f"{path}: is not text") from None
    except InputError:
        raise
    except ValueError as error:
        reason = str(error).split(";")[0].rstrip(".")
        raise FileFormatError(f"{path}: {reason}; columns takes those that are numbers") from None


def _is_word(text: str) -> bool:
    """Return whether a field of the first line is a name; a number that is missing is none."""
    try:
        float(text or "0")
    except ValueError:
        return True
    return False


def _chosen(path: Path, columns: tuple[str, ...], names: list[str]) -> list[int] | None:
    """Return the numbers of columns given by name or number, None for all."""
    unknown = [c for c in columns if c not in names and not (c.isdecimal() and int(c) < len(names))]
    if unknown:
        raise InputError(f"{path}: there is no column {unknown[0]!r}; there are {', '.join(names)}")
    return [names.index(c) if c in names else int(c) for c in columns] or None


def _parquet(path: Path, columns: tuple[str, ...]) -> np.ndarray:
    try:
        import pandas

        table = pandas.read_parquet(path)
    except ImportError:
        raise InputError(
            f"{path}: parquet needs pandas and pyarrow: pip install pandas pyarrow; csv does not"
        ) from None
    except (ValueError, OSError) as error:
        raise FileFormatError(f"{path}: cannot be read as parquet: {error}") from None
    chosen = _chosen(path, columns, [str(name) for name in table.columns])
    table = table if chosen is None else table.iloc[:, chosen]
    for name, values in table.items():
        if values.dtype.kind not in "biuf":
            raise InputError(f"{path}: column {name} is no numbers; columns takes those that are")
    return table.to_numpy(dtype=np.float64)


def _array(path: Path, part: str | None):
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return _numbers(path, _entry(path, loaded, part))
        with loaded:
            names = loaded.files
            if {"format", "shape", "data"} <= set(names) and part is None:
                return _stored_distances(path)
            if part is None and len(names) != 1:
                raise InputError(f"{path}: holds the arrays {', '.join(names) or '(none)'}; part takes one of them")
            if part is not None and part not in names:
                raise InputError(f"{path}: there is no array {part!r}; there are {', '.join(names)}")
            return _numbers(path, loaded[part or names[0]])
    except (BadZipFile, EOFError, KeyError, OSError) as error:
        raise FileFormatError(f"{path}: cannot be read as {path.suffix[1:]}: {error}") from None
    except InputError:
        raise
    except ValueError as error:
        hint = "it holds Python objects, which may run code and are not loaded" if "pickle" in str(error) else error
        raise FileFormatError(f"{path}: cannot be read as {path.suffix[1:]}: {hint}") from None


def _stored_distances(path: Path) -> sparse.coo_array:
    matrix = sparse.coo_array(sparse.load_npz(path))
    return sparse.coo_array((_numbers(path, matrix.data), matrix.coords), shape=matrix.shape)


def _entry(path: Path, array: np.ndarray, part: str | None) -> np.ndarray:
    if part is None:
        return array
    if array.ndim < 2 or not part.isdecimal() or int(part) >= len(array):
        raise InputError(
            f"{path}: part is a number below {len(array)}, the first of its axes {array.shape}, got {part!r}"
        )
    return array[int(part)]


def _numbers(path: Path, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        raise FileFormatError(f"{path}: holds {array.dtype}, not numbers")
    return array.astype(np.float64)


def _picture(path: Path) -> np.ndarray:
    """Return the brightness of a picture's pixels, rows first; pages are a first axis."""
    Image = require("PIL.Image", "report")
    pages = require("PIL.ImageSequence", "report").Iterator
    try:
        with Image.open(path) as picture:
            arrays = [np.asarray(p if p.mode in _LEVELS else p.convert("L"), dtype=np.float64) for p in pages(picture)]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileFormatError(f"{path}: cannot be read as a picture: {error}") from None
    if len({array.shape for array in arrays}) > 1:
        raise FileFormatError(f"{path}: its pages differ in size")
    return arrays[0] if len(arrays) == 1 else np.stack(arrays)


def _structure(path: Path, kind: str, part: str | None) -> Data:
    if kind not in ("auto", "structure", "points"):
        raise InputError(f"{path}: a structure's atoms are points, not {kind}")
    structures = read_structures(path)
    number = part or "0"
    if not number.isdecimal() or int(number) >= len(structures):
        raise InputError(f"{path}: part is a number below {len(structures)}, that of its structures, got {part!r}")
    structure = structures[int(number)]
    if not structure.has_positions:
        raise InputError(f"{path}: structure {number} has no positions")
    of = f", {number} (from 0) of {len(structures)}" if len(structures) > 1 else ""
    return Data(np.array(structure.positions), "structure", f"the atoms of {structure.formula}{of}", structure, True)
