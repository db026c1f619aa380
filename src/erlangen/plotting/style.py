"""The house style: one font, few colours that read on light and dark paper, units on every axis."""

import math

from erlangen.errors import require
from erlangen.units import convert

go = require("plotly.graph_objects", "report")
make_subplots = require("plotly.subplots", "report").make_subplots

BLUE, ORANGE, GREEN, RED, GREY = "#3b7dd8", "#e08a2c", "#2a9d6f", "#d6455d", "#8590a2"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif"
_BLUES = {
    False: ["#dbe8fa", "#8fb8ef", "#3b7dd8", "#1c4a94", "#0c2550"],
    True: ["#16305a", "#22589f", "#3b7dd8", "#8fb8ef", "#e6f0fd"],
}


def template(dark: bool = False) -> "go.layout.Template":
    """Return the house style, for light or dark paper.

    Examples
    --------
    >>> template().layout.font.color == template(dark=True).layout.font.color
    False
    """
    text, grid, line, panel = (
        ("#c9d1dc", "#2c3440", "#5c6675", "#1b212b") if dark else ("#303845", "#e6e9ee", "#9aa3b0", "#ffffff")
    )
    axis = {
        "gridcolor": grid, "zeroline": False, "showline": True, "linecolor": line, "ticks": "outside",
        "tickcolor": line, "ticklen": 4, "title": {"standoff": 10}, "automargin": True, "exponentformat": "power",
        "minexponent": 6, "separatethousands": True,
    }  # fmt: skip
    ramp = [[step / 4, colour] for step, colour in enumerate(_BLUES[dark])]
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": [BLUE, ORANGE, GREEN, RED, GREY],
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 70, "r": 20, "t": 20, "b": 60},
            "height": 380,
            "hoverlabel": {"bgcolor": panel, "bordercolor": line, "font": {"family": FONT, "color": text}},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": line, "activecolor": text},
            "dragmode": "zoom",
        },
        data={"heatmap": [go.Heatmap(colorscale=ramp)]},
    )


def error_unit(unit: str) -> tuple[float, str]:
    """Return the factor and the unit in which errors read best: meV for eV, else the unit itself.

    Examples
    --------
    >>> error_unit("eV"), error_unit("D")
    ((1000.0, 'meV'), (1.0, 'D'))
    """
    return (convert(1.0, "eV", "meV"), "meV") if unit == "eV" else (1.0, unit)


def logarithmic(low: float, high: float) -> dict:
    """Return a logarithmic axis around a range of positive numbers, with ticks at 1, 2, 5 or at powers of ten.

    Examples
    --------
    >>> logarithmic(30, 900)["ticktext"]
    ['50', '100', '200', '500', '1,000']
    """
    ends = [math.log10(low) - 0.08, math.log10(high) + 0.08]
    powers = range(math.floor(ends[0]) - 1, math.ceil(ends[1]) + 1)
    if ends[1] - ends[0] > 4:
        stride = 1 + int((ends[1] - ends[0]) / 9)
        ticks = {10.0**power: f"10<sup>{power}</sup>".replace("-", "−") for power in powers if power % stride == 0}
    else:
        ticks = {digit * 10.0**power: f"{digit * 10.0**power:,.12g}" for power in powers for digit in (1, 2, 5)}
    near = [value for value in ticks if ends[0] <= math.log10(value) <= ends[1]]
    return {"type": "log", "range": ends, "tickvals": near, "ticktext": [ticks[value] for value in near]}
