"""How a training run went."""

from erlangen.plotting.style import BLUE, GREEN, GREY, ORANGE, error_unit, go, logarithmic, template
from erlangen.units import CHEMICAL_ACCURACY


def learning_curve(history, unit: str, baseline: float | None = None, test: float | None = None) -> "go.Figure":
    """Draw the validation error against training time.

    Parameters
    ----------
    history : erlangen.training.History
        Anything with ``validation``, a list of (step, seconds, error).
    unit : str
        Of the errors; eV are drawn as meV, with chemical accuracy beside them.
    baseline, test : float, optional
        Errors of the composition alone and of the trained network on the test set, in ``unit``.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> history = SimpleNamespace(validation=[(100, 5.0, 0.4), (200, 10.0, 0.2)])
    >>> learning_curve(history, "eV").layout.yaxis.title.text
    'mean absolute error / meV'
    """
    factor, shown = error_unit(unit)
    steps, seconds, errors = zip(*history.validation, strict=True) if history.validation else ((), (), ())
    end = max([*seconds, 1e-9])
    figure = go.Figure(layout={"template": template()})
    figure.add_scatter(
        x=seconds,
        y=[factor * error for error in errors],
        customdata=steps,
        name="validation",
        mode="lines+markers",
        line={"color": BLUE, "width": 2.5},
        marker={"size": 5},
        hovertemplate=f"%{{x:.1f}} s, step %{{customdata:,}}<br>%{{y:.4g}} {shown}<extra></extra>",
    )
    levels = [("composition alone", baseline, GREY, "dot")]
    if unit == "eV":
        levels.append(("chemical accuracy, 1 kcal/mol", CHEMICAL_ACCURACY, GREEN, "dash"))
    for name, level, colour, dash in levels:
        if level is not None:
            figure.add_scatter(
                x=[0, 1.03 * end],
                y=[factor * level] * 2,
                name=name,
                mode="lines",
                line={"color": colour, "width": 1.8, "dash": dash},
                hovertemplate=f"{name}: %{{y:.4g}} {shown}<extra></extra>",
            )
    if test is not None:
        figure.add_scatter(
            x=[end],
            y=[factor * test],
            name="test",
            mode="markers",
            marker={"color": ORANGE, "size": 12, "symbol": "diamond-open", "line": {"width": 2.5}},
            hovertemplate=f"test: %{{y:.4g}} {shown}<extra></extra>",
        )
    drawn = [value for trace in figure.data for value in trace.y if value > 0] or [1.0]
    figure.update_xaxes(title="training time / s", range=[-0.02 * end, 1.03 * end])
    figure.update_yaxes(title=f"mean absolute error / {shown}", **logarithmic(min(drawn), max(drawn)))
    return figure
