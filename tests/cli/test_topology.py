"""``erlangen topology``: what it prints, what it leaves, and one line for what it cannot do."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from erlangen.topology import rips_persistence


@pytest.fixture
def circle(tmp_path):
    """A file with 40 points of the unit circle."""
    angle = 2 * np.pi * np.arange(40) / 40
    path = tmp_path / "circle.csv"
    np.savetxt(path, np.column_stack([np.cos(angle), np.sin(angle)]), delimiter=",", header="x,y", comments="")
    return path


def bars(path):
    """Birth and death by dimension, as the CSV file has them."""
    found: dict[int, list] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            found.setdefault(int(row["dimension"]), []).append([float(row["birth"]), float(row["death"])])
    return found


def test_a_circle(erlangen, circle, tmp_path):
    output = tmp_path / "new" / "shape"
    result = erlangen.runs("topology", circle, "--output", output)
    assert result.err == ""
    assert f"read: {circle}, 40 x 2 numbers, taken as points" in result.out
    assert "--kind takes it as something else: distances, image, series" in result.out
    lines = [[cell.strip() for cell in line.strip("│ ").split("│")] for line in result.out.splitlines()]
    (loop,) = (line for line in lines if line[0] == "H1")
    expected = rips_persistence(np.loadtxt(circle, delimiter=",", skiprows=1)).bars
    np.testing.assert_allclose([float(cell) for cell in loop[1:3]], expected[1][0], rtol=1e-3)
    assert sorted(path.name for path in output.iterdir()) == ["diagrams.csv", "report.html", "result.json"]
    written = bars(output / "diagrams.csv")
    for q in range(2):
        np.testing.assert_array_equal(written[q], expected[q])
    metrics = json.loads((output / "result.json").read_text())
    assert (metrics["kind"], metrics["points"], metrics["homology"][1]["bars"]) == ("points", 40, 1)
    assert metrics["homology"][0]["longest"][0]["death"] is None  # JSON has no word for inf
    report = (output / "report.html").read_text(encoding="utf-8")
    assert report.startswith("<!DOCTYPE html>")
    assert f"erlangen topology {circle}</pre>" in report


def test_options_reach_the_work(erlangen, circle, tmp_path):
    output = tmp_path / "out"
    given = ["--threshold", "0.5", "--max-dimension", "0", "--n-points", "20", "--metric", "manhattan"]
    result = erlangen.runs("topology", circle, *given, "--kind", "points", "--output", output)
    assert "points: 20 of 40" in result.out
    assert "--kind takes" not in result.out
    metrics = json.loads((output / "result.json").read_text())
    assert metrics["options"] == {"max_dimension": 0, "threshold": 0.5, "metric": "manhattan", "n_points": 20}
    assert len(metrics["homology"]) == 1
    np.save(tmp_path / "ring.npy", [[0, 1, 0], [1, 2, 1], [0, 1, 0]])
    erlangen.runs("topology", tmp_path / "ring.npy", "--kind", "image", "--invert", "--periodic", "--output", output)
    assert json.loads((output / "result.json").read_text())["options"] == {"periodic": True, "invert": True}
    series = ["--columns", "x", "--delay", "10", "--dimension", "2", "--stride", "1", "--output", output]
    assert "2 coordinates, 10 samples apart" in erlangen.runs("topology", circle, *series).out
    np.savez(tmp_path / "two.npz", a=np.eye(2), b=np.zeros((3, 2)))
    assert "3 x 2" in erlangen.runs("topology", tmp_path / "two.npz", "--part", "b", "--output", output).out


def test_a_structure_has_no_other_kind(erlangen, water, tmp_path):
    result = erlangen.runs("topology", water, "--part", "1", "--output", tmp_path / "out")
    assert "taken as structure: the atoms of H2O, 1 (from 0) of 2" in result.out
    assert "--kind" not in result.out


def test_the_default_folder_is_named_after_the_command(erlangen, circle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "report: topology/report.html" in erlangen.runs("topology", circle.name).out
    again = re.search(r'aria-label="The command">(.*?)</pre>', (tmp_path / "topology/report.html").read_text()).group(1)
    assert again == "erlangen topology circle.csv"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--kind", "pixels"], "kind is auto, points, distances, image, series, structure, got 'pixels'"),
        (["--kind", "series"], ("a series is a single column", "columns takes one")),
        (["--columns", "z"], "no column 'z'; there are x, y"),
        (["--delay", "3"], "delay needs dimension"),
        (["--periodic"], "periodic is for image and structure"),
        (["--metric", "manhatten"], "metric 'manhatten' cannot be used"),
        (["--threshold", "-1"], "threshold is a distance above 0"),
        (["--threshold", "nan"], "threshold is a distance above 0"),
        (["--n-points", "0"], ("--n-points", "erlangen topology --help")),
        (["--max-dimension", "two"], "--max-dimension"),
    ],
)
def test_what_cannot_be_done_is_one_line(erlangen, circle, tmp_path, given, words):
    result = erlangen("topology", circle, *given, "--output", tmp_path / "out")
    assert result.status == 2
    assert len(result.err.splitlines()) == 1
    for word in (words,) if isinstance(words, str) else words:
        assert word in result.err
    assert not (tmp_path / "out").exists()


def test_files_and_folders_that_cannot_be_used(erlangen, circle, tmp_path):
    erlangen.refuses("topology", words=("file", "erlangen topology --help"))
    erlangen.refuses("topology", tmp_path / "no.csv", words=f"{tmp_path / 'no.csv'}: there is no such file")
    erlangen.refuses("topology", tmp_path, words="folder, not a file")
    (tmp_path / "a.csv").write_text("1,2\n3,x\n")
    erlangen.refuses("topology", tmp_path / "a.csv", words="could not convert string 'x'")
    erlangen.refuses("topology", circle, "--output", circle / "out", words=f"{circle} is a file")


def test_a_missing_report_is_noticed_before_the_work(erlangen, circle, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    words = 'this needs plotly: pip install "erlangen[report]"'
    erlangen.refuses("topology", circle, "--output", tmp_path / "out", words=words)
    assert not (tmp_path / "out").exists()


WITHOUT = """
import sys

class Absent:
    def find_spec(name, path=None, target=None):
        if name in ("torch", "lightning", "rdkit", "ase", "PIL", "pandas"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent)
from erlangen.cli import main
main(sys.argv[1:])
"""


def test_tables_need_neither_networks_nor_molecules(circle, tmp_path):
    command = [sys.executable, "-c", WITHOUT, "topology", str(circle), "--output", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "report.html").exists()
    (tmp_path / "a.png").write_text("")
    command[4] = str(tmp_path / "a.png")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'erlangen: this needs PIL: pip install "erlangen[report]"\n'
