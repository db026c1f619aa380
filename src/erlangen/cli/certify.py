"""``erlangen certify``."""

from pathlib import Path

import typer

from erlangen.cli.output import writable_file, write_json
from erlangen.symmetry import certify
from erlangen.training import load


def run(model: Path, samples: int, seed: int, output: Path | None) -> None:
    """Certify a model file, and write the certificate: beside the model unless another place is named."""
    output = model.parent / f"{model.stem}.certificate.json" if output is None else output
    writable_file(output)
    certificate = certify(load(model), samples=samples, random_state=seed)
    typer.echo(str(certificate))
    write_json(output, certificate.to_dict())
    typer.echo(f"written to {output}", err=True)
    if not certificate.holds:
        raise typer.Exit(1)
