"""The pages for users: every giotto-tda name has its row, every erlangen name in them exists, and their Python runs."""

import doctest
import importlib
import inspect
import json
import re
from pathlib import Path

import pytest

from erlangen import topology

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
TABLES, MIGRATING = (DOCS / name for name in ("topology.md", "migrate_from_giotto.md"))
GIOTTO = json.loads(Path(__file__).with_name("giotto_names.json").read_text())
"""Public names of giotto-tda 0.6.2, as its modules list them, with parameters and the text of their defaults."""
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in TABLES.read_text().splitlines()
    if line.startswith("| `")
]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def resolve(name: str):
    """Return what a name in a table stands for: in `erlangen.topology`, or with its whole path."""
    if name.startswith("erlangen."):
        module, _, name = name.rpartition(".")
        return getattr(importlib.import_module(module), name)
    found = topology
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_every_name_of_giotto_has_one_row():
    first = [named(row[0])[0] for row in ROWS if len(row) == 4]
    assert sorted(first) == sorted(GIOTTO)


OTHER_PARAMETERS = {
    "externals.bottleneck_distance": {"dgm1", "dgm2", "delta"},  # exact
    "externals.wasserstein_distance": {
        "dgm1", "dgm2", "delta", "q", "internal_p", "initial_eps", "eps_factor", "max_bids_per_round"
    },
    "mapper.FirstSimpleGap": {"affinity"},  # scikit-learn's metric
    "mapper.FirstHistogramGap": {"affinity"},
    "time_series.takens_embedding_optimal_parameters": {"validate"},
    "utils.check_point_clouds": {"distance_matrices"},
    "utils.check_diagrams": {"copy"},
}  # fmt: skip
"""Parameters that are others here, for reasons that the pages give."""


@pytest.mark.parametrize("row", [row for row in ROWS if len(row) == 4 and row[1] != "none"], ids=lambda row: row[0])
def test_parameters_and_defaults_are_giottos(row):
    name = named(row[0])[0]
    if name.startswith("externals.") and name.endswith(("Complex", "Tree")):
        pytest.skip("a class there, a function here")
    mine = {
        key: ""
        if parameter.default is parameter.empty
        else getattr(parameter.default, "__name__", repr(parameter.default))
        for key, parameter in inspect.signature(resolve(named(row[1])[0])).parameters.items()
    }
    for key, default in GIOTTO[name].items():
        if key not in OTHER_PARAMETERS.get(name, ()):
            assert key in mine
            assert mine[key] == default or (mine[key], default) == ("None", "{}")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_names_exist(row):
    cell = row[1] if len(row) == 4 else row[0]
    if cell == "none":
        assert row[3]  # says why
    else:
        assert all(callable(resolve(name)) for name in named(cell))
    assert row[2] if len(row) == 4 else row[1]


def test_every_public_name_has_a_row():
    present = {name for row in ROWS for name in named(row[1] if len(row) == 4 else row[0])}
    public = {*topology.__all__, *(f"mapper.{name}" for name in topology.mapper.__all__)} - {"mapper"}
    assert public - present == set()


def test_every_module_of_giotto_is_in_the_table_of_imports():
    imports = re.findall(
        r"^\| `from gtda\.([\w.]+) import .*?` \| `from ([\w.]+) import (.*?)` \|$", MIGRATING.read_text(), re.M
    )
    assert {name.rpartition(".")[0] for name in GIOTTO} - {module for module, _, _ in imports} == {"utils.intervals"}
    for _, module, names in imports:
        room = importlib.import_module(module)
        assert all(hasattr(room, name) for name in names.split(", ") if name != "...")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page):
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.M | re.S)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    report = []
    doctest.DocTestRunner(optionflags=options).run(test, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        assert link.startswith("https://") or (DOCS / link.partition("#")[0]).exists(), link
