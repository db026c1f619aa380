"""``erlangen certify``."""

from pathlib import Path

import typer
from rich.table import Column, Table

from erlangen.cli.output import screen, writable_file, write_json
from erlangen.errors import InputError
from erlangen.symmetry import certify
from erlangen.training import load


def run(model: Path | None, samples: int, seed: int, output: Path | None) -> None:
    """Certify a model file, and write the certificate: beside the model unless another place is named."""
    if model is None:
        raise InputError("certify what? Name a model file, or --blueprint for the families of networks")
    output = model.parent / f"{model.stem}.certificate.json" if output is None else output
    writable_file(output)
    certificate = certify(load(model), samples=samples, random_state=seed)
    typer.echo(str(certificate))
    write_json(output, certificate.to_dict())
    typer.echo(f"written to {output}", err=True)
    if not certificate.holds:
        raise typer.Exit(1)


def run_blueprint(model: Path | None, samples: int, seed: int, output: Path | None) -> None:
    """Measure every family of networks, print the table, and write the measurements where a place is named."""
    from erlangen.models.families import blueprints
    from erlangen.symmetry.blueprint import COLUMNS, measure

    if model is not None:
        raise InputError(f"--blueprint measures the families of networks and takes no model, got {model}")
    writable_file(output)
    measured = [measure(family, samples, seed) for family in blueprints(seed)]
    table = Table(
        *(Column(name, overflow="fold") for name in COLUMNS),
        title="The Erlangen programme of networks",
        caption=f"errors in float64 relative to the output, {samples} samples each; ! is not as it should be",
    )
    for record in measured:
        table.add_row(*record.row)
    screen().print(table)
    if output is not None:
        families = [record.to_dict() for record in measured]
        write_json(output, {"samples": samples, "random_state": seed, "families": families})
        typer.echo(f"written to {output}", err=True)
    if not all(record.holds for record in measured):
        raise typer.Exit(1)
