"""The extended XYZ format, written so that every float comes back bit for bit.

ASE writes 8 decimals, and reading back moves some names to a calculator; so columns are read and written here, while
the comment line is parsed by ASE. What the format has no word for is kept under these keys of the comment line:
``charge``, ``edge`` (bonds and their arrays, as JSON) and ``node_shapes`` (shapes that a flat column loses).
Source: https://github.com/libAtoms/extxyz.
"""

import json
import re
from pathlib import Path

import numpy as np

from erlangen.errors import FileFormatError, InputError, StructureError, require
from erlangen.structures.structure import Structure

RESERVED = {"lattice", "properties", "pbc", "charge", "edge", "node_shapes", "species", "pos", "uid"}
MATRICES = ("stress", "virial")
"""Names that the format keeps for matrices, written column by column."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
KINDS = {"R": float, "I": int, "S": str, "L": {"T": True, "F": False, "True": True, "False": False}.__getitem__}


def write(path: Path, structures: list[Structure]) -> None:
    """Write structures one after the other."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for structure in structures:
            file.writelines(f"{line}\n" for line in _lines(structure))


def read(path: Path) -> list[Structure]:
    """Read all structures, extended or plain."""
    lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")  # text may hold what splitlines takes for an end
    structures, line = [], 0
    while line < len(lines):
        if not lines[line].strip():
            line += 1
            continue
        structures.append(_frame(path, lines, line))
        line += 2 + structures[-1].n_atoms
    return structures


def _frame(path: Path, lines: list[str], start: int) -> Structure:
    """Read the structure whose count of atoms stands on line ``start`` (from 0)."""
    try:
        n = int(lines[start])
    except ValueError:
        n = 0
    if n < 1:
        raise FileFormatError(f"{path}, line {start + 1}: expected a number of atoms, got {lines[start][:40]!r}")
    if len(lines) < start + 2 + n:
        there = max(len(lines) - start - 2, 0)
        raise FileFormatError(
            f"{path}, line {start + 1}: says {n} atoms but only {there} follow: the file is cut short"
        )
    info = _comment(path, lines, start + 1)
    columns = _columns(path, lines, start, n, str(info.pop("Properties", "species:S:1:pos:R:3")))
    try:
        if "species" not in columns or "pos" not in columns:
            raise StructureError(f"the columns are {', '.join(columns)}; species and pos are needed")
        cell = np.transpose(info.pop("Lattice")) if "Lattice" in info else None
        pbc = info.pop("pbc", cell is not None)
        shapes = info.pop("node_shapes", {})
        if not isinstance(shapes, dict):
            raise StructureError(f"node_shapes is a mapping of names to shapes, got {shapes!r}")
        edge = info.pop("edge", None)
        species, positions = columns.pop("species"), columns.pop("pos")
        return Structure(
            positions, species, cell, pbc, info.pop("charge", 0),
            node={name: array.reshape(n, *shapes.get(name, array.shape[1:])) for name, array in columns.items()},
            edge={name: np.array(array) for name, array in edge.items()} if isinstance(edge, dict) else edge,
            graph=info,
        )  # fmt: skip
    except (InputError, ValueError, TypeError, AttributeError) as error:
        raise FileFormatError(f"{path}, the structure from line {start + 1}: {error}") from None


def _comment(path: Path, lines: list[str], line: int) -> dict:
    """Parse the comment line, if it is more than free text."""
    text = lines[line]
    if "Properties=" not in text and "Lattice=" not in text:
        return {}
    try:
        return _parse(text)
    except ValueError as error:
        raise FileFormatError(f"{path}, line {line + 1}: the comment line is broken: {error}") from None


def _columns(path: Path, lines: list[str], start: int, n: int, properties: str) -> dict[str, np.ndarray]:
    """Read the atoms' lines into named columns."""
    words = properties.split(":")
    try:
        layout = [(words[k], KINDS[words[k + 1]], int(words[k + 2])) for k in range(0, len(words), 3)]
    except (IndexError, KeyError, ValueError):
        raise FileFormatError(f"{path}, line {start + 2}: Properties={properties} is broken") from None
    width = sum(count for _, _, count in layout)
    rows = [line.split() for line in lines[start + 2 : start + 2 + n]]
    for a, row in enumerate(rows):
        # A plain file may have more columns than it speaks of.
        if len(row) < width or (len(row) > width and "Properties=" in lines[start + 1]):
            raise FileFormatError(f"{path}, line {start + 3 + a}: expected {width} columns, got {len(row)}")
    columns, first = {}, 0
    for name, kind, count in layout:
        values = np.array(
            [_convert(path, start + 3 + a, row[first : first + count], kind) for a, row in enumerate(rows)]
        )
        columns[name] = values[:, 0] if count == 1 else values
        first += count
    return columns


def _convert(path: Path, line: int, words: list[str], kind) -> list:
    try:
        return [kind(word) for word in words]
    except (ValueError, KeyError):
        raise FileFormatError(f"{path}, line {line}: {' '.join(words)!r} is not what its column promises") from None


def _lines(structure: Structure) -> list[str]:
    """Return the lines of one structure."""
    s = structure
    entries, shapes = [], {}
    columns = [("species", "S", np.array(s.symbols)[:, None]), ("pos", "R", s.positions)]
    for name, array in s.node.items():
        _check_name("node", name)
        kind = {"f": "R", "i": "I", "u": "I", "b": "L", "U": "S"}.get(array.dtype.kind)
        flat = array.reshape(s.n_atoms, -1)
        if kind is None or flat.shape[1] == 0:
            raise StructureError(f"node[{name!r}] is {array.dtype} {array.shape}, for which extxyz has no column")
        if kind == "S" and any(len(word.split()) != 1 for word in flat.ravel().tolist()):
            raise StructureError(f"node[{name!r}] holds text with blanks, for which extxyz has no column")
        if array.ndim > 2 or array.shape[1:] == (1,):
            shapes[name] = list(array.shape[1:])
        columns.append((name, kind, flat))
    if s.cell is not None:
        entries.append(f'Lattice="{" ".join(map(repr, s.cell.ravel().tolist()))}"')
    entries.append("Properties=" + ":".join(f"{name}:{kind}:{array.shape[1]}" for name, kind, array in columns))
    entries.append(f'pbc="{" ".join("FT"[int(flag)] for flag in s.pbc)}"')
    entries += [f"charge={s.charge}"] if s.charge else []
    for name, array in s.graph.items():
        _check_name("graph", name)
        entries.append(_entry(name, array))
    entries += [_json("node_shapes", shapes)] if shapes else []
    entries += [_json("edge", {name: array.tolist() for name, array in s.edge.items()})] if s.edge else []
    cells = [_words(array) for _, _, array in columns]
    return [str(s.n_atoms), " ".join(entries), *(" ".join(row) for row in zip(*cells, strict=True))]


def _words(array: np.ndarray) -> list[str]:
    """Return each row's words; ``repr`` of a float reads back as the same float."""
    if array.dtype.kind == "b":
        return [" ".join("FT"[int(value)] for value in row) for row in array.tolist()]
    if array.dtype.kind == "f":
        array = array.astype(np.float64)
    return [" ".join(str(value) for value in row) for row in array.tolist()]


def _entry(name: str, array: np.ndarray) -> str:
    """Return ``name=value``, plain where that reads back as the same array, else as JSON."""
    if array.dtype.kind == "c":
        raise StructureError(f"graph[{name!r}] is complex, for which extxyz has no word")
    value = array.astype(np.float64) if array.dtype.kind == "f" else array
    words = " ".join(_words((value.T if name in MATRICES else value).reshape(1, -1)))
    if not re.search(r'[\\"\n\r]', words) and _reads_back(name, words, value):
        return f'{name}="{words}"'
    if name in MATRICES:
        raise StructureError(f"graph[{name!r}] has shape {array.shape}; extxyz keeps that name for a (3, 3) matrix")
    return _json(name, value.tolist())


def _reads_back(name: str, words: str, value: np.ndarray) -> bool:
    """Tell whether ASE's parser makes the same array of the words: it guesses types and shapes."""
    try:
        back = np.asarray(_parse(f'{name}="{words}"').get(name))
    except ValueError:
        return False
    same_kind = back.dtype.kind == {"u": "i"}.get(value.dtype.kind, value.dtype.kind)
    return same_kind and back.shape == value.shape and np.array_equal(back, value, equal_nan=value.dtype.kind == "f")


def _json(name: str, value) -> str:
    """Return ``name="_JSON ..."`` with what ASE's parser unescapes escaped."""
    text = json.dumps(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="_JSON {text}"'


def _parse(text: str) -> dict:
    return require("ase.io.extxyz", "molecules").key_val_str_to_dict(text)


def _check_name(kind: str, name: str) -> None:
    if not NAME.fullmatch(name) or name.lower() in RESERVED:
        raise StructureError(
            f"{kind}[{name!r}]: extxyz has no place for that name; use letters, digits, _ . - and no keyword"
        )
