"""``erlangen predict``."""

import csv
import io
from pathlib import Path

import numpy as np
from rich.table import Column, Table

from erlangen.arrays import write_atomically
from erlangen.cli.output import screen, writable_file
from erlangen.errors import InputError
from erlangen.structures import Structure, read_structures
from erlangen.training import load


def run(model: Path, files: list[Path], output: Path | None) -> None:
    """Predict the structures of some files."""
    writable_file(output)
    estimator = load(model)
    rows = []
    for file in files:
        structures = [_bare(structure, estimator.level_) for structure in read_structures(file)]
        try:
            predicted = estimator.predict(structures)
        except InputError as error:
            raise InputError(f"{file}: {error}") from None
        counts = np.cumsum([_rows(structure, estimator.level_) for structure in structures])
        rows += [
            (str(file), i, structure.formula, _text(part))
            for i, (structure, part) in enumerate(zip(structures, np.split(predicted, counts[:-1]), strict=True))
        ]
    header = ("file", "structure", "formula", estimator.target_ or "prediction")
    if output is not None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        write_atomically(output, lambda temporary: temporary.write_text(text.getvalue()))
        return
    table = Table(*(Column(name, overflow="fold") for name in header))
    for row in rows:
        table.add_row(*map(str, row))
    screen().print(table)


def _bare(structure: Structure, level: str) -> Structure:
    """Return the geometry, and bonds if these are predicted: files' structures need not agree on what else they carry.

    Structures without bonds are left as they are, for `predict` to refuse.
    """
    edge = {"index": structure.bonds} if level == "edge" and structure.bonds is not None else None
    return Structure(structure.positions, structure.numbers, structure.cell, structure.pbc, structure.charge, edge=edge)


def _rows(structure: Structure, level: str) -> int:
    """Return how many rows of a prediction belong to a structure."""
    if level == "edge":
        return structure.bonds.shape[1]
    return structure.n_atoms if level == "node" else 1


def _text(part: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" if isinstance(value, float) else str(value) for value in part.ravel().tolist())
