"""``erlangen predict``."""

import csv
import io
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from erlangen.arrays import write_atomically
from erlangen.errors import InputError
from erlangen.structures import Structure, read_structures
from erlangen.training import GraphRegressor


def run(model: Path, files: list[Path], output: Path | None) -> None:
    """Predict the structures of some files."""
    regressor = GraphRegressor.load(model)
    rows = []
    for file in files:
        structures = [_bare(structure) for structure in read_structures(file)]
        try:
            predicted = regressor.predict(structures)
        except InputError as error:
            raise InputError(f"{file}: {error}") from None
        if regressor.level_ == "node":
            predicted = np.split(predicted, np.cumsum([structure.n_atoms for structure in structures])[:-1])
        rows += [
            (str(file), i, s.formula, _text(p)) for i, (s, p) in enumerate(zip(structures, predicted, strict=True))
        ]
    header = ("file", "structure", "formula", regressor.target_ or "prediction")
    if output is not None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        write_atomically(output, lambda temporary: temporary.write_text(text.getvalue()))
        return
    table = Table(*header)
    for row in rows:
        table.add_row(*map(str, row))
    Console(highlight=False, soft_wrap=True).print(table)


def _bare(structure: Structure) -> Structure:
    """Return the geometry alone: structures of a file need not agree on what else they carry."""
    return Structure(structure.positions, structure.numbers, structure.cell, structure.pbc, structure.charge)


def _text(value) -> str:
    return " ".join(f"{number:.6f}" for number in np.ravel(value))
