"""``erlangen quickstart``."""

from pathlib import Path

from rich.table import Table

from erlangen.applications import MolecularPropertyConfig, MolecularPropertyResult, learn_molecular_property
from erlangen.cli import Interrupted
from erlangen.cli.output import screen, writable, write_json
from erlangen.errors import require
from erlangen.report import write_report
from erlangen.units import CHEMICAL_ACCURACY


def run(target: str, budget: float, output: Path, model: str, n_train: int, n_test: int, seed: int) -> None:
    """Learn a property of QM9 and leave the model, its figures and a report in a folder."""
    console = screen()
    config = MolecularPropertyConfig(
        target=target, budget=budget, model=model, n_train=n_train, n_test=n_test, random_state=seed
    )
    config.check()
    require("plotly.offline", "report")  # the report is written last, and should not fail then
    writable(output)
    result = learn_molecular_property(config, say=console.print)
    write_json(output / "metrics.json", result.metrics())
    result.regressor.save(output / "model.erl")
    console.print(f"model: {output / 'model.erl'}, for `erlangen predict` and GraphRegressor.load")
    write_report(result, output / "report.html")
    console.print(f"report: {output / 'report.html'}, one file that opens offline")
    console.print(table(result))
    if result.history.stopped == "interrupted":
        raise Interrupted(f"stopped; the best model and its figures are in {output}")


def table(result: MolecularPropertyResult) -> Table:
    """Return the figures of a result."""
    factor, unit = (1000, "meV") if result.unit == "eV" else (1, result.unit)
    found = Table(title=f"QM9 {result.config.target}, {result.config.model}, {result.config.budget:g} s of training")
    found.add_column("figure")
    found.add_column("value", justify="right")
    found.add_row(f"test MAE, {len(result.test):,} molecules never seen", f"{factor * result.test_mae:.4g} {unit}")
    found.add_row("the same by atom counts alone", f"{factor * result.baseline_mae:.4g} {unit}")
    if unit == "meV":
        found.add_row("chemical accuracy, 1 kcal/mol", f"{factor * CHEMICAL_ACCURACY:.4g} {unit}")
    certificate = result.certificate
    found.add_row(f"certificate: {result.regressor.symmetry.group}", "holds" if certificate.holds else "BROKEN")
    found.add_row("inference", f"{result.inference_ms:.3f} ms a molecule")
    found.add_row("training", f"{result.history.steps:,} steps in {result.history.seconds:.0f} s")
    return found
