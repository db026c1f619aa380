"""The page says what was measured, and a real browser shows all of it without a network."""

import json
import math
import re
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erlangen.applications import MolecularPropertyConfig, learn_molecular_property
from erlangen.errors import OutputError
from erlangen.report import Document, Section, elements, write_report
from erlangen.report.molecular_properties import document
from erlangen.report.page import render
from erlangen.units import CHEMICAL_ACCURACY

# What must be drawn in each figure, in the order of the page.
MARKS = {
    "Learning curve": [".scatterlayer path.js-line", ".scatterlayer path.point"],
    "Predictions": [".scatterlayer path.point", ".scatterlayer path.js-line", ".barlayer .point path"],
    "Error by size": [".boxlayer path.box", ".barlayer .point path", ".scatterlayer path.point"],
    "Symmetry certificate": [".scatterlayer path.js-line", ".scatterlayer path.point"],
}


@pytest.fixture(scope="module")
def result():
    settings = {
        "hyperparameters": {"hidden": 8, "filters": 8, "layers": 1, "cutoff": 3.0},
        "batch_size": 16, "max_epochs": 10, "validate_every": 40, "learning_rate": 0.01, "verbose": False,
    }  # fmt: skip
    return learn_molecular_property(
        MolecularPropertyConfig("U0", 60, "schnet", n_train=500, n_valid=50, n_test=4000, settings=settings)
    )


@pytest.fixture(scope="module")
def report(result, tmp_path_factory):
    return write_report(result, tmp_path_factory.mktemp("page") / "new" / "report.html")


@pytest.fixture(scope="module")
def opened(visit, report):
    with visit(report) as seen:
        yield seen


def boxes(section, selector):
    """Width and height on the screen of every mark that a selector finds."""
    return section.evaluate(
        "(node, selector) => [...node.querySelectorAll(selector)].map(mark => {"
        " const box = mark.getBoundingClientRect(); return [box.width, box.height]; })",
        selector,
    )


def section_of(page, title):
    return page.get_by_role("region", name=title, exact=True)


def painted(canvas):
    return canvas.evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
        ".reduce((sum, value, k) => sum + (k % 4 == 3 && value > 0), 0)"
    )


def picture(canvas):
    return canvas.evaluate("canvas => canvas.toDataURL()")


def test_nothing_fails_and_nothing_is_asked_for(opened, report):
    assert opened.complaints == []
    assert [url for url in opened.asked if not url.startswith(("data:", "blob:"))] == [report.as_uri()]


@pytest.mark.parametrize("title", MARKS)
def test_every_figure_has_drawn(opened, title):
    section = section_of(opened.page, title)
    assert section.locator(".plot").count() == (2 if title == "Predictions" else 1)
    for plot in section.locator(".plot").all():
        assert all(width > 200 and height > 100 for width, height in boxes(plot, ".main-svg"))
    for selector in MARKS[title]:
        found = boxes(section, selector)
        assert found, f"{title}: nothing drawn for {selector}"
        assert any(width + height > 1 for width, height in found), f"{title}: {selector} is drawn without size"


def test_figures_show_as_many_marks_as_there_are_data(opened, result):
    page = opened.page
    drawn = boxes(section_of(page, "Learning curve"), ".scatterlayer path.point")
    assert len(drawn) == len(result.history.validation) + 1  # and the test
    sizes = len(set(result.test.sizes.tolist()))
    assert len(boxes(section_of(page, "Error by size"), ".boxlayer path.box")) == sizes
    assert section_of(page, "Predictions").locator(".heatmaplayer image").count() == 1
    axes = page.locator(".plot .xtitle, .plot .x2title, .plot .ytitle, .plot .y2title").all_text_contents()
    assert len(axes) == 11
    assert all(axes)


def test_worst_molecules_are_drawn_and_turn(opened, result):
    section = section_of(opened.page, "Worst molecules")
    canvases = section.locator("canvas").all()
    assert len(canvases) == 6
    for canvas in canvases:
        box = canvas.bounding_box()
        assert box["width"] > 150
        assert 0.03 < painted(canvas) / (box["width"] * box["height"]) < 0.8
    pictures = {picture(canvas) for canvas in canvases}
    assert len(pictures) == 6
    canvas = canvases[0]
    before = picture(canvas)
    canvas.press("ArrowRight")
    turned = picture(canvas)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    opened.page.mouse.move(box["x"] + 60, box["y"] + 60)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 120, box["y"] + 90)
    opened.page.mouse.up()
    dragged = picture(canvas)
    opened.page.mouse.move(box["x"] + 10, box["y"] + 10)
    assert len({before, turned, dragged}) == 3
    assert picture(canvas) == dragged  # let go
    canvas.dblclick()
    assert picture(canvas) == before

    order = sorted(range(len(result.test)), key=lambda i: -abs(result.errors[i]))[:6]
    shown = section.locator("code").all_text_contents()
    assert shown == [str(result.test[i].graph["smiles"]) for i in order]


def test_text_says_the_metrics(opened, result):
    metrics = {**result.metrics(), "kcal_per_mol": CHEMICAL_ACCURACY}
    metrics["holds"] = metrics["certificate"]["holds"]
    metrics["chemical_accuracy"] = metrics["test_mae"] <= CHEMICAL_ACCURACY
    del metrics["certificate"], metrics["versions"]
    shown = section_of(opened.page, "Summary").locator("data").evaluate_all(
        "nodes => nodes.map(n => [n.dataset.name, n.value, n.innerText, n.getBoundingClientRect().width])"
    )  # fmt: skip
    assert {name for name, *_ in shown} == set(metrics)
    for name, value, text, width in shown:
        assert width > 0
        truth = metrics[name]
        assert value == (truth if isinstance(truth, str) else json.dumps(truth)), name
        if isinstance(truth, bool):
            assert text in {"holds", "BROKEN", "reached", "not reached"}
        elif isinstance(truth, str):
            assert text == truth
        else:
            number, unit = re.fullmatch(r"([-\d.,e+]+) ?(.*)", text).groups()
            factor = 1000 if unit == "meV" else 1
            assert math.isclose(float(number.replace(",", "")), factor * truth, rel_tol=5e-3), name
            assert unit in {"", "meV", "s", "ms"}
    body = opened.page.locator("body").inner_text()
    assert str(result.certificate).split("worst witness")[1].split()[1] in body
    for package, version in result.metrics()["versions"].items():
        assert re.search(rf"{re.escape(package)}\s+{re.escape(version)}", body)


def test_dark_theme_and_paper(opened):
    page = opened.page
    colour = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    light, paper = page.evaluate(colour), page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    assert page.evaluate(colour) != light
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_timeout(200)
    assert page.evaluate(colour) == light
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(200)
    assert opened.complaints == []


@pytest.mark.parametrize("width", [360, 800])
def test_narrow_screens_need_no_sideways_scrolling(opened, width):
    opened.page.set_viewport_size({"width": width, "height": 800})
    opened.page.wait_for_timeout(400)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.page.set_viewport_size({"width": 1200, "height": 900})


class Reader(HTMLParser):
    """Headings in order, all visible text, and every address that a browser would follow."""

    def __init__(self, page):
        super().__init__()
        self.levels, self.words, self.addresses, self.open = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        self.open.append(tag)
        self.addresses += [value for name, value in attributes if name in {"src", "href", "srcset", "data", "action"}]

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)


def test_page_is_one_file_that_states_its_size(report):
    page = report.read_text(encoding="utf-8")
    reader = Reader(page)
    assert all(address.startswith(("#", "data:")) for address in reader.addresses)
    stated = float(re.search(r"([\d.]+) MB, no network", "".join(reader.words)).group(1))
    assert stated == pytest.approx(report.stat().st_size / 1e6, abs=0.051)
    assert page.count("* plotly.js v") == 1
    assert report.stat().st_size < 6e6


def test_headings_are_in_order(report):
    levels = Reader(report.read_text(encoding="utf-8")).levels
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert levels.count(2) == 7
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_only_a_run_that_the_command_makes_names_the_command(result, report):
    assert "erlangen quickstart" not in report.read_text(encoding="utf-8")  # it has no option for other sizes
    changed = SimpleNamespace(**{name: getattr(result, name) for name in dir(result) if not name.startswith("_")})
    changed.config = MolecularPropertyConfig("U0", 60, "schnet", random_state=3)
    text = "".join(Reader(render(document(changed))).words)
    assert "erlangen quickstart --target U0 --budget 60 --model schnet --seed 3" in text
    assert config_in(text) == changed.config


def config_in(text):
    code = re.search(r"learn_molecular_property\((MolecularPropertyConfig\(.*\))\)", text).group(1)
    arguments = dict(re.findall(r"(\w+)=('[^']*'|[\d.]+|\{\})", code))
    return MolecularPropertyConfig(**{k: json.loads(v.replace("'", '"')) for k, v in arguments.items()})


def everything(words):
    """Return every element with some text in every place, and the record in its script."""
    scene = {"symbols": [words], "colours": [words], "formula": words}
    return scene, "".join([
        elements.text(words), elements.code(words), elements.paragraph(words), elements.preformatted(words, words),
        elements.figure_of(words, words, words), elements.table([(elements.text(words),)], (words,), words or "x"),
        elements.cards([(words, elements.text(words), words, "")]), elements.details(words, ""),
        elements.molecule(scene, words, [(words, elements.text(words))]), elements.legend([scene]),
    ])  # fmt: skip


HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!--",
    "' onload='x",
    "C[C@@H](N)C&lt;",
]


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60)))
def test_no_text_can_break_out_of_its_element(words):
    scene, body = everything(words)
    opened = re.findall(r"</?\w+", body)
    assert opened == re.findall(r"</?\w+", everything("x")[1])
    assert json.loads(re.search(r'json">(.*?)</script>', body, re.DOTALL).group(1)) == scene
    quoted = [value for _, value in re.findall(r'(aria-label|data-name)="([^"]*)"', body)]
    assert len(quoted) == 3
    assert unescape(quoted[1]) == words


def test_titles_are_escaped():
    page = render(Document("<b>", "</p><script>alert(1)</script>", (Section('"><img src=x>', ""),)))
    head = page.split("<noscript>")[0]
    assert "<b>" not in head
    assert "<script>alert" not in head
    assert "<img" not in page.split("<footer>")[0]


def test_a_folder_that_cannot_be_written_keeps_what_was_there(result, tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(result, tmp_path / "file" / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"
