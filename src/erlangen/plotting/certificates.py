"""What a certificate measured, against what rounding explains."""

from erlangen.errors import InputError
from erlangen.plotting.style import GREEN, GREY, RED, go, logarithmic, template


def certificate_errors(certificate) -> "go.Figure":
    """Draw the error of each measurement beside its tolerance, on a logarithmic axis.

    Parameters
    ----------
    certificate : erlangen.symmetry.Certificate

    Raises
    ------
    InputError
        If nothing could be measured.

    Examples
    --------
    >>> from erlangen.symmetry import Invariant, Orthogonal, Vector, certify
    >>> certificate = certify(lambda x: (x * x).sum(-1), Orthogonal(3), input=Vector(), output=Invariant(), samples=4)
    >>> [trace.name for trace in certificate_errors(certificate).data][-2:]
    ['worst error', 'tolerance']
    """
    measured = [m for m in certificate.measurements if m.holds is not None]
    if not measured:
        raise InputError("certificate has no measurement to draw: its notes say why")
    floor = min(m.tolerance for m in measured) * 1e-6  # an error of zero has no logarithm
    labels = [f"{m.precision}, {m.mode}" if m.mode else m.precision for m in measured]
    errors = [min(max(float(m.error), floor), 1e6) for m in measured]
    tolerances = [float(m.tolerance) for m in measured]
    colours = [GREEN if m.holds else RED for m in measured]
    figure = go.Figure(layout={"template": template(), "height": 130 + 46 * len(measured)})
    for label, error, tolerance, colour in zip(labels, errors, tolerances, colours, strict=True):
        figure.add_scatter(
            x=[error, tolerance], y=[label] * 2, mode="lines", line={"color": colour, "width": 4}, opacity=0.35,
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=errors, y=labels, name="worst error", mode="markers", marker={"color": colours, "size": 13},
        customdata=[m.samples for m in measured],
        hovertemplate="error %{x:.1e}, %{customdata} samples<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=tolerances, y=labels, name="tolerance", mode="markers", hovertemplate="tolerance %{x:.1e}<extra></extra>",
        marker={"color": GREY, "size": 20, "symbol": "line-ns", "line": {"color": GREY, "width": 3}},
    )  # fmt: skip
    scale = logarithmic(min(errors + tolerances) / 3, max(errors + tolerances) * 3)
    figure.update_xaxes(title="error of f(g x) = g f(x), relative to the size of the output", **scale)
    figure.update_yaxes(autorange="reversed", showgrid=False, title="precision")
    return figure
