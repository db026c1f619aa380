"""The page of a shape, in a real browser: every number said, every figure drawn, cycles where the points are."""

import json
import math
import re
import shlex
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from erlangen.applications import TopologyConfig, find_shape
from erlangen.cli.app import app
from erlangen.report import write_report
from erlangen.report.page import render
from erlangen.report.topology import command, document
from erlangen.structures import Structure, write_structures

# What a graphics card done in software has to say; nothing of it is ours.
HARMLESS = ("GPU stall due to ReadPixels", "willReadFrequently", "software WebGL")


def angles(n):
    return 2 * np.pi * np.arange(n) / n


def torus(n=150):
    u, v = 2 * np.pi * np.random.default_rng(0).random((2, n))
    return np.column_stack([(2 + np.cos(v)) * np.cos(u), (2 + np.cos(v)) * np.sin(u), np.sin(v)])


def files(folder):
    """One file of each kind, and what to say of it beside its name."""
    np.savetxt(folder / "circle.csv", np.column_stack([np.cos(angles(40)), np.sin(angles(40))]), delimiter=",")
    np.save(folder / "torus.npy", torus())
    np.save(folder / "ring.npy", [[0, 1, 0], [1, 2, 1], [0, 1, 0.5]])
    np.save(folder / "block.npy", np.random.default_rng(0).normal(size=(4, 5, 6)))
    np.save(folder / "profile.npy", np.sin(angles(30)))
    np.savetxt(folder / "sine.txt", np.sin(np.arange(200) / 5))
    far = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    np.save(folder / "line.npy", far)
    np.save(folder / "islands.npy", np.where(far > 1, np.inf, far))
    np.save(folder / "four.npy", np.zeros((2, 2, 2, 2)))
    places = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)
    write_structures(folder / "box.extxyz", Structure(places, ["Si"] * 64, cell=4 * np.eye(3), pbc=True))
    image = {"kind": "image"}
    return {
        "circle.csv": {}, "torus.npy": {"n_points": 120}, "ring.npy": image, "block.npy": {}, "profile.npy": image,
        "sine.txt": {}, "line.npy": {"kind": "points", "max_dimension": 0}, "islands.npy": {}, "four.npy": {},
        "box.extxyz": {"periodic": True},
    }  # fmt: skip


NAMES = (
    "circle.csv", "torus.npy", "ring.npy", "block.npy", "profile.npy", "sine.txt", "line.npy", "islands.npy",
    "four.npy", "box.extxyz",
)  # fmt: skip
FIGURES = {
    "circle.csv": 1, "torus.npy": 2, "ring.npy": 1, "block.npy": 1, "profile.npy": 1, "sine.txt": 2, "line.npy": 1,
    "islands.npy": 0, "four.npy": 0, "box.extxyz": 2,
}  # fmt: skip
"""Figures beside diagram, barcode and Betti curves."""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    options = files(folder)
    assert tuple(options) == NAMES
    return {name: find_shape(TopologyConfig(str(folder / name), **given)) for name, given in options.items()}


@pytest.fixture(scope="module")
def reports(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return {name: write_report(result, folder / f"{name}.html") for name, result in results.items()}


@pytest.fixture(scope="module")
def opened(visit, reports):
    """A function that opens a page once, however many tests look at it."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(visit(reports[name])))


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_data_has_its_figures(reports, name):
    page = reports[name].read_text(encoding="utf-8").split("<footer>")[0]
    assert page.count('<div class="plot"') == 3 + FIGURES[name]
    assert ("There is no picture of" in page) == (FIGURES[name] == 0)
    assert "NaN" not in page


@pytest.mark.parametrize("name", ["circle.csv", "torus.npy", "ring.npy", "block.npy", "sine.txt"])
def test_a_browser_draws_all_of_them(opened, reports, name):
    seen = opened(name)
    assert [said for said in seen.complaints if not any(word in said for word in HARMLESS)] == []
    assert [url for url in seen.asked if not url.startswith(("data:", "blob:"))] == [reports[name].as_uri()]
    for plot in seen.page.locator(".plot").all():
        box = plot.locator(".main-svg").first.bounding_box()
        assert box["width"] > 200
        assert box["height"] > 100
    assert seen.page.locator(".plot .xtitle").first.text_content() == "birth"
    seen.page.set_viewport_size({"width": 360, "height": 800})
    seen.until("document.documentElement.scrollWidth <= 360")
    seen.page.set_viewport_size({"width": 1200, "height": 900})


def section_of(page, title):
    return page.get_by_role("region", name=title, exact=True)


def test_numbers_are_those_of_the_record(opened, results):
    result = results["torus.npy"]
    truth = {f"longest_H{q}": result.lifetime(q) for q in range(3)}
    truth |= {f"entropy_H{q}": entropy for q, entropy in enumerate(result.entropies)}
    truth |= {
        "kind": "points", "points": 120, "covering_radius": result.covering_radius, "file": result.config.file,
        "threshold": result.persistence.threshold, "seconds": result.seconds["persistence"],
    }  # fmt: skip
    seen = opened("torus.npy")
    summary = section_of(seen.page, "Summary")
    shown = summary.locator("data").evaluate_all("nodes => nodes.map(n => [n.dataset.name, n.value, n.innerText])")
    assert {name for name, *_ in shown} == set(truth)
    for name, value, text in shown:
        expected = truth[name]
        assert value == (expected if isinstance(expected, str) else json.dumps(expected))
        if not isinstance(expected, str):
            assert math.isclose(float(text.replace(",", "").rstrip(" s")), expected, rel_tol=5e-3, abs_tol=5e-3)
    rows = [line.split("\t") for line in summary.locator("table").first.inner_text().splitlines()[1:]]
    rows = [row for row in rows if re.match(r"H\d, \d", row[0])]
    assert len(rows) == sum(min(5, len(bars)) for bars in result.bars)
    for row in rows:
        q, place = map(int, re.fullmatch(r"H(\d), (\d)", row[0]).groups())
        bar = result.longest(q)[place - 1]
        np.testing.assert_allclose([float(word) for word in row[1:3]], result.bars[q][bar], rtol=1e-3)
        assert tuple(word.strip() for word in row[4:6]) == result.makers(q, bar)


def figures(page):
    return page.evaluate(
        "[...document.querySelectorAll('.plot')].map(node => node._fullData.map(t => "
        "[t.type, t.name, t.visible, Array.from(t.x ?? []).length]))"
    )


def test_loops_and_voids_are_drawn_on_the_points(opened, results):
    result, seen = results["torus.npy"], opened("torus.npy")
    *_, loops, voids = figures(seen.page)
    canvas = section_of(seen.page, "Cycles on the points").locator("canvas").first
    assert canvas.bounding_box()["width"] > 200
    assert loops[0] == ["scatter3d", "points", True, 120]
    assert [trace[0] for trace in loops] == ["scatter3d"] * 4
    for trace, bar in zip(loops[1:], result.longest(1, 3), strict=True):
        assert trace[3] == 3 * len(result.cycle(1, bar))
        birth, death = result.bars[1][bar]
        assert trace[1].endswith(f"{birth:.4g} to {death:.4g}")
    first = result.longest(1)[0]
    assert loops[1][2] is True
    assert [trace[2] for trace in loops[2:]] == [
        True if np.diff(result.bars[1][bar])[0] >= 0.5 * np.diff(result.bars[1][first])[0] else "legendonly"
        for bar in result.longest(1, 3)[1:]
    ]
    assert [trace[0] for trace in voids][1:3] == ["scatter3d", "mesh3d"]


def test_pixels_are_marked_where_they_are(opened, results):
    result = results["ring.npy"]
    marks = opened("ring.npy").page.evaluate(
        "[...document.querySelectorAll('.plot')].at(-1)._fullData.slice(1).map(t => [Array.from(t.x), Array.from(t.y)])"
    )
    expected = [
        [place for place in (result.persistence.births[q][k], result.persistence.deaths[q][k]) if place[0] >= 0]
        for q in range(2)
        for k in result.longest(q, 3)
    ]
    for (x, y), places in zip(marks, expected, strict=True):
        np.testing.assert_array_equal(np.column_stack([y, x]), places)


def test_the_page_says_how_to_do_it_again(results):
    for result in results.values():
        page = render(document(result))
        code = re.search(r'aria-label="The same in Python">(.*?)</pre>', page, re.S).group(1)
        assert "<" not in code
        assert not re.search(r"\b(inf|nan|Path)\b", code)
        words = shlex.split(command(result.config))
        assert words[:3] == ["erlangen", "topology", result.config.file]
        import typer

        parsed = typer.main.get_command(app).commands["topology"].make_context("topology", words[2:]).params
        for name, value in result.config.changes().items():
            assert parsed[name] == value


def test_a_file_with_a_hostile_name_stays_text(results):
    hostile = '"><img src=x onerror=alert(1)></script><script>alert(1)</script>.csv'
    result = results["circle.csv"]
    page = render(document(replace(result, config=replace(result.config, file=hostile))))
    head = page.split("<footer>")[0]
    assert "<img" not in head
    assert "<script>alert" not in head


def test_of_very_many_bars_the_longest_are_drawn(tmp_path):
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).random((150, 150)))
    result = find_shape(TopologyConfig(str(tmp_path / "noise.npy"), kind="image"))
    assert min(map(len, result.bars)) > 1000
    page = write_report(result, tmp_path / "report.html")
    assert "the 1,000 longest bars" in page.read_text(encoding="utf-8")
    assert page.stat().st_size < 6e6
