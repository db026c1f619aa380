"""Pieces of a page. Every text that comes in is escaped here, and nowhere else."""

import json
import math
from collections.abc import Iterable
from html import escape

import numpy as np


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; ``kind`` is a class of the style sheet, e.g. "note"."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def text(words: str) -> str:
    """Return plain text as HTML, e.g. for a cell of a table."""
    return escape(words)


def code(words: str) -> str:
    """Return something typed, such as a SMILES."""
    return f"<code>{escape(words)}</code>"


def preformatted(words: str, label: str) -> str:
    """Return text as it stands: commands, code, a certificate; a narrow screen scrolls it."""
    return f'<pre tabindex="0" role="region" aria-label="{escape(label)}">{escape(words)}</pre>'


def details(title: str, body: str) -> str:
    """Return something that opens on a click; ``body`` is HTML."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def figure_of(name: str, value: float | int | str | bool, text: str) -> str:
    """Return a figure as text that also carries its exact value, so that nobody has to parse what was rounded.

    Examples
    --------
    >>> figure_of("test_mae", 0.0431, "43.1 meV")
    '<data data-name="test_mae" value="0.0431">43.1 meV</data>'
    """
    return f'<data data-name="{escape(name)}" value="{escape(json.dumps(value).strip(chr(34)))}">{escape(text)}</data>'


def significant(value: float, digits: int = 4) -> str:
    """Return a number with so many significant digits, without an exponent where people would not write one.

    Examples
    --------
    >>> significant(52.0949), significant(1234567.0), significant(0.00001234), significant(0.0)
    ('52.09', '1,234,567', '1.234e-05', '0')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    power = math.floor(math.log10(abs(value)))
    return f"{value:.{digits - 1}e}" if power < -3 else f"{value:,.{max(0, digits - 1 - power)}f}"


def table(rows: Iterable[tuple[str, ...]], header: tuple[str, ...] = (), caption: str = "") -> str:
    """Return a table; the first cell of a row names it. Cells are HTML, header and caption plain text."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return (
        '<div class="scroll"><table>'
        + (f"<caption>{escape(caption)}</caption>" if caption else "")
        + (f"<thead><tr>{head}</tr></thead>" if head else "")
        + f"<tbody>\n{body}\n</tbody></table></div>"
    )


def cards(items: Iterable[tuple[str, str, str, str]]) -> str:
    """Return the figures to see first: (name, value as HTML, remark, "good" | "bad" | "")."""
    return '<div class="cards">\n' + "\n".join(
        f'<div class="card {mood}"><div class="name">{escape(name)}</div><div class="value">{value}</div>'
        f'<div class="remark">{escape(remark)}</div></div>'
        for name, value, remark, mood in items
    ) + "\n</div>"  # fmt: skip


def plot(figure, caption: str) -> str:
    """Return a plotly figure, drawn by page.js in the reader's light or dark theme."""
    content = figure.to_dict()
    del content["layout"]["template"]  # the page has it once, for light and dark
    height = figure.layout.height or 380
    return (
        f'<figure><div class="plot" role="img" aria-label="{escape(caption)}" style="height:{height}px">'
        f'<script type="application/json">{as_json(content)}</script></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def molecule(scene: dict, title: str, facts: Iterable[tuple[str, str]]) -> str:
    """Return a molecule that turns under the mouse, a finger or the arrow keys, with facts (name, HTML) below it."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in facts)
    label = f"{title}, {scene['formula']}, in 3D; the arrow keys turn it"
    return (
        f'<figure class="molecule"><canvas role="img" tabindex="0" aria-label="{escape(label)}"></canvas>'
        f'<script type="application/json">{as_json(scene)}</script>'
        f"<figcaption><strong>{escape(title)}</strong><dl>{rows}</dl></figcaption></figure>"
    )


def legend(scenes: Iterable[dict]) -> str:
    """Return which colour is which element, over all scenes."""
    colours = {s: c for scene in scenes for s, c in zip(scene["symbols"], scene["colours"], strict=True)}
    return '<p class="legend">' + "".join(
        f'<span><i style="background:{escape(colour)}"></i>{escape(symbol)}</span>'
        for symbol, colour in sorted(colours.items())
    ) + "</p>"  # fmt: skip


def as_json(value) -> str:
    """Return JSON that may stand in a script element: no ``<`` can end it early."""
    return json.dumps(value, default=_plain, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return value.to_plotly_json()
