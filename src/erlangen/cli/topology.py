"""``erlangen topology``."""

import csv
import io
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from erlangen.applications import TopologyConfig, TopologyResult, find_shape
from erlangen.applications.data_files import KINDS
from erlangen.arrays import write_atomically
from erlangen.cli.output import screen, writable, write_json
from erlangen.errors import require
from erlangen.report import write_report

_LISTED = 3
"""Of each dimension, so many of the longest bars are on the screen."""


def run(output: Path, **options) -> None:
    """Find the shape of a file's data, and leave its bars, its figures and a report in a folder."""
    console = screen()
    config = TopologyConfig(**options)
    config.check()
    require("plotly.offline", "report")  # the report is written last, and should not fail then
    writable(output)
    with _clock(console, f"topology of {config.file}"):
        result = find_shape(config, say=console.print)
    write_json(output / "result.json", result.metrics())
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(result.diagram_rows())
    write_atomically(output / "diagrams.csv", lambda temporary: temporary.write_text(text.getvalue()))
    write_report(result, output / "report.html")
    console.print(table(result))
    console.print(f"bars: {output / 'diagrams.csv'}; figures: {output / 'result.json'}")
    console.print(f"report: {output / 'report.html'}, one file that opens offline")
    if not result.data.certain:
        others = ", ".join(kind for kind in KINDS if kind not in (result.kind, "structure"))
        console.print(f"the data was taken as {result.kind}; --kind takes it as something else: {others}")


def table(result: TopologyResult) -> Table:
    """Return the longest bars of each dimension."""
    found = Table(title=f"The longest bars of {result.config.file}")
    found.add_column("homology")
    for name in ("birth", "death", "lifetime"):
        found.add_column(name, justify="right")
    for name in ("begun by", "ended by"):
        found.add_column(name)
    for q, bars in enumerate(result.bars):
        for place, k in enumerate(result.longest(q, _LISTED).tolist()):
            birth, death = bars[k].tolist()
            numbers = (f"{value:.4g}" for value in (birth, death, death - birth))
            found.add_row(f"H{q}", *numbers, *result.makers(q, k), end_section=place + 1 == min(_LISTED, len(bars)))
    return found


def _clock(console: Console, what: str) -> Progress:
    """Return a clock that runs below the lines while something is computed, where somebody looks."""
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    clock = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    clock.add_task(what, total=None)
    return clock
