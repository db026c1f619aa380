"""``erlangen certify``."""

from pathlib import Path

import typer

from erlangen.cli.output import write_json
from erlangen.symmetry import certify
from erlangen.training import GraphRegressor


def run(model: Path, samples: int, seed: int, output: Path | None) -> None:
    """Certify a model file."""
    certificate = certify(GraphRegressor.load(model), samples=samples, random_state=seed)
    typer.echo(str(certificate))
    if output is not None:
        write_json(output, certificate.to_dict())
    if not certificate.holds:
        raise typer.Exit(1)
