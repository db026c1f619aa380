"""The look of the figures that the benchmarks leave in docs/, and how they get there."""

from pathlib import Path

from erlangen.arrays import write_atomically


def subplots(*shape: int, **given):
    """Return a figure and its axes, as pyplot's."""
    import matplotlib  # here, because most runs of a benchmark draw nothing

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.hashsalt": "erlangen", "font.family": "sans-serif", "font.size": 10})
    return pyplot.subplots(*shape, layout="constrained", **given)


def save(figure, path: Path) -> None:
    """Write a figure, the same bytes for the same content, and close it."""
    from matplotlib import pyplot

    write_atomically(path, lambda temporary: figure.savefig(temporary, metadata={"Date": None}))
    pyplot.close(figure)
