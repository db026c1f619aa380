"""What shape data has, as a page."""

import math
import shlex

import numpy as np

from erlangen.applications import TopologyConfig, TopologyResult
from erlangen.plotting import (
    dimension_name,
    plot_barcode,
    plot_betti_curves,
    plot_cycles,
    plot_diagram,
    plot_lines,
    plot_pixels,
)
from erlangen.report import elements
from erlangen.report.page import Document, Section

_DRAWN = 3
"""Of each dimension, so many of the longest bars are traced back to the data."""

_MOST = 1000
"""Of each dimension, so many of the longest bars are in the diagram; a photograph has a million."""

_SAMPLES = 5000
"""Up to so many samples of a series are drawn."""

_NAMES = {0: "Components", 1: "Loops", 2: "Voids"}
_WHERE = {
    "points": "Cycles on the points", "distances": "Cycles on the points", "structure": "Cycles on the atoms",
    "series": "Cycles on the embedding", "image": "Pixels that make the bars",
}  # fmt: skip


def document(result: TopologyResult) -> Document:
    """Return what the page of a result says."""
    metrics = result.metrics()
    shape = " x ".join(f"{n:,}" for n in metrics["shape"])
    return Document(
        title=f"The shape of {str(metrics['file']).rpartition('/')[2]}",
        lead=(
            f"Persistent homology of {shape} numbers, taken as {result.kind}: {result.data.reason}. "
            "What lasts over a wide range of the filtration is shape; what is short is noise."
        ),
        sections=(
            Section("Summary", _summary(result, metrics)),
            Section("Diagram and barcode", _bars(result)),
            Section("Betti curves", _betti(result)),
            Section(_WHERE[result.kind], _where(result)),
            Section("How to reproduce", _reproduce(result, metrics)),
        ),
    )


def _number(name: str, value: float) -> str:
    return elements.figure_of(name, value, elements.significant(value))


def _summary(result: TopologyResult, metrics: dict) -> str:
    cards = []
    for q, found in enumerate(metrics["homology"]):
        longest, following = result.lifetime(q), result.lifetime(q, 1)
        remark = f"longest finite lifetime of {found['bars']:,} bar{'s' * (found['bars'] != 1)}"
        if following > 0:
            remark += f"; the next: {elements.significant(following)}"
        if endless := int(np.isinf(result.bars[q][:, 1]).sum()):
            remark += f"; {endless:,} never end{'s' * (endless == 1)}"
        cards.append((f"{_NAMES.get(q, '')} ({dimension_name(q)})", _number(f"longest_H{q}", longest), remark, ""))
    rows = [(name, value, elements.text(meaning)) for name, value, meaning in _facts(result, metrics)]
    return (
        elements.cards(cards)
        + elements.table(_longest(result), _longest_header(result), "The longest bars")
        + elements.table(rows, ("figure", "value", "meaning"))
    )


def _longest_header(result: TopologyResult) -> tuple[str, ...]:
    what = {"image": "pixel", "structure": "atoms", "series": "samples"}.get(result.kind, "rows")
    return ("bar", "birth", "death", "lifetime", f"begun by {what}", f"ended by {what}")


def _longest(result: TopologyResult) -> list[tuple[str, ...]]:
    rows = []
    for q in range(len(result.bars)):
        for place, k in enumerate(result.longest(q).tolist(), start=1):
            birth, death = result.bars[q][k].tolist()
            numbers = [elements.text(elements.significant(value)) for value in (birth, death, death - birth)]
            rows.append((f"{dimension_name(q)}, {place}", *numbers, *map(elements.text, result.makers(q, k))))
    return rows


def _facts(result: TopologyResult, metrics: dict) -> list[tuple[str, str, str]]:
    kind = elements.figure_of("kind", result.kind, result.kind)
    rows = [
        ("File", elements.figure_of("file", metrics["file"], metrics["file"]), " x ".join(map(str, metrics["shape"]))),
        ("Taken as", kind, result.data.reason + ("" if result.data.certain else "; --kind says otherwise")),
    ]
    if result.embedding:
        delay, dimension = result.embedding
        rows.append(("Delay", elements.figure_of("delay", delay, str(delay)), "samples between two coordinates"))
        name = "embedding_dimension"
        rows.append(("Coordinates", elements.figure_of(name, dimension, str(dimension)), "of a point of the embedding"))
    if result.kind != "image":
        n = metrics["points"]
        rows.append(("Points", elements.figure_of("points", n, f"{n:,}"), "of the filtration"))
        if result.covering_radius > 0:
            radius = _number("covering_radius", result.covering_radius)
            rows.append(("Covering radius", radius, "points that were left out lie within; bars move by twice at most"))
        limit = metrics["threshold"]
        if math.isfinite(limit):
            rows.append(("Threshold", _number("threshold", limit), "distances up to it were looked at"))
    for q, entropy in enumerate(result.entropies):
        if math.isfinite(entropy):
            value = _number(f"entropy_H{q}", entropy)
            rows.append((f"Entropy of {dimension_name(q)}", value, "bits; of the lifetimes of bars that end"))
    seconds = metrics["seconds"]["persistence"]
    rows.append(("Computed in", elements.figure_of("seconds", seconds, f"{seconds:.2f} s"), "without reading the file"))
    return rows


def _diagram(result: TopologyResult) -> tuple[np.ndarray, bool]:
    """Return the longest bars (n, 3) of each dimension, and whether there are others."""
    kept = [result.longest(q, _MOST) for q in range(len(result.bars))]
    blocks = [
        np.pad(bars[k], ((0, 0), (0, 1)), constant_values=q)
        for q, (bars, k) in enumerate(zip(result.bars, kept, strict=True))
    ]
    return np.concatenate(blocks), any(map(len, result.bars)) and any(len(b) > _MOST for b in result.bars)


def _bars(result: TopologyResult) -> str:
    diagram, cut = _diagram(result)
    some = f" Of each dimension the {_MOST:,} longest bars." if cut else ""
    free = {"layout": {"width": None, "height": 460}}
    return (
        '<div class="pair">'
        + elements.plot(
            plot_diagram(diagram, range(len(result.bars)), free),
            f"Birth and death of each bar; the farther above the diagonal, the longer it lasts.{some}",
        )
        + elements.plot(
            plot_barcode(diagram).update_layout(height=460),
            "The same bars as lines; of each dimension at most the 100 longest. Those with an arrow never end.",
        )
        + "</div>"
    )


def _betti(result: TopologyResult) -> str:
    grid, numbers = result.betti()
    figure = plot_betti_curves(numbers, dict.fromkeys(range(len(numbers)), grid))
    figure.update_traces(line={"shape": "hv"})
    many = numbers.max() > 50  # components are many at first, and would hide the rest
    if many:
        figure.update_yaxes(type="log")
    scale = " The axis is logarithmic: where there are none, there is no line." if many else ""
    return elements.plot(figure, f"How many bars live at each value of the filtration, by dimension.{scale}")


def _where(result: TopologyResult) -> str:
    if result.kind == "image":
        return _pixels(result)
    if result.places is None:
        return elements.paragraph("There is no picture of distances of which some are missing or infinite.", "note")
    names = _point_names(result)
    figures = [
        elements.plot(
            plot_cycles(result.places, *_cycles(result, q), names),
            f"{_NAMES.get(q, 'Cycles')} ({dimension_name(q)}) that are born and die with the longest bars.",
        )
        for q in range(1, len(result.bars))
        if result.persistence.cycles is not None and len(result.bars[q])
    ]
    if not figures:
        figures = [elements.plot(plot_cycles(result.places, {}, names), "The points; there are no cycles to draw.")]
    return _series(result) + elements.paragraph(_picture(result), "note") + "".join(figures)


def _picture(result: TopologyResult) -> str:
    """Return how to read the figures of the points."""
    words = [f"{len(result.places):,} points. A click in the legend shows or hides a cycle."]
    words.append("It is one of many around the same hole.")
    if result.share < 1:
        words.append(f"Drawn along three principal axes, with {result.share:.1%} of the variation.")
    if result.config.periodic:
        words.append("What crosses the border of the cell is left out.")
    return " ".join(words)


def _cycles(result: TopologyResult, q: int) -> tuple[dict, list]:
    """Return the cycles of a dimension to draw, by name, and the names of those much shorter than the longest."""
    cycles, hidden = {}, []
    for place, k in enumerate(result.longest(q, _DRAWN).tolist(), start=1):
        simplices = result.cycle(q, k)
        birth, death = result.bars[q][k].tolist()
        if result.config.periodic:
            corners = result.places[simplices]
            reach = np.linalg.norm(corners[:, :, None] - corners[:, None], axis=3).max(axis=(1, 2))
            simplices = simplices[reach <= birth * (1 + 1e-9)]
        name = f"{dimension_name(q)}, {place}: {birth:.4g} to {death:.4g}"
        cycles[name] = simplices
        if place > 1 and death - birth < 0.5 * result.lifetime(q):
            hidden.append(name)
    return cycles, hidden


def _point_names(result: TopologyResult) -> list[str]:
    if result.kind == "structure":
        symbols = result.data.structure.symbols
        return [f"{symbols[row]} {row}" for row in result.rows.tolist()]
    what = "sample" if result.kind == "series" else "row"
    return [f"{what} {row}" for row in result.rows.tolist()]


def _series(result: TopologyResult) -> str:
    if result.kind != "series":
        return ""
    values = result.data.values
    step = 1 + (len(values) - 1) // _SAMPLES
    figure = plot_lines({"series": (np.arange(0, len(values), step), values[::step])}, "sample", "value")
    delay, dimension = result.embedding
    every = f", every {step}th of them" if step > 1 else ""
    return elements.plot(
        figure.update_layout(height=240, showlegend=False),
        f"The series{every}. A point of its embedding is {dimension} values, {delay} samples apart.",
    )


def _pixels(result: TopologyResult) -> str:
    if result.data.values.ndim > 3:
        return elements.paragraph("There is no picture of an image with more than three axes.", "note")
    makers = {}
    for q, bars in enumerate(result.bars):
        for place, k in enumerate(result.longest(q, _DRAWN).tolist(), start=1):
            begin, end = result.persistence.births[q][k], result.persistence.deaths[q][k]
            birth, death = bars[k].tolist()
            name = f"{dimension_name(q)}, {place}: {birth:.4g} to {death:.4g}"
            makers[name] = begin, end if end[0] >= 0 else None
    inverted = ", taken from its largest value downwards," if result.config.invert else ""
    return elements.plot(
        plot_pixels(result.data.values, makers),
        f"The image{inverted} with the pixels whose values are the births (circles) and deaths (diamonds) of the "
        "longest bars; a click in the legend shows or hides one.",
    )


def _reproduce(result: TopologyResult, metrics: dict) -> str:
    changes = result.config.changes()
    given = "".join(f", {name}={value!r}" for name, value in changes.items())
    code = (
        "from erlangen.applications import TopologyConfig, find_shape\n"
        f"result = find_shape(TopologyConfig({metrics['file']!r}{given}))\n"
        "result.bars, result.persistence.births, result.metrics()"
    )
    return (
        elements.preformatted(command(result.config), "The command")
        + elements.paragraph("In Python:")
        + elements.preformatted(code, "The same in Python")
        + elements.table(
            [(elements.text(k), elements.text(v)) for k, v in metrics["versions"].items()],
            ("package", "version"),
            "Versions",
        )
    )


def command(config: TopologyConfig) -> str:
    """Return the command that does the same.

    Examples
    --------
    >>> command(TopologyConfig("a b.csv", columns=("x", "y"), invert=True))
    "erlangen topology 'a b.csv' --columns x,y --invert"
    """
    words = ["erlangen", "topology", str(config.file)]
    for name, value in config.changes().items():
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(",".join(value) if isinstance(value, tuple) else str(value))
    return shlex.join(words)
