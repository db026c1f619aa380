"""The door itself: help, versions, usage errors, tracebacks, extras that are not there, readers that go away."""

import subprocess
import sys
from pathlib import Path

import pytest

import erlangen as package


def test_help_names_every_command_and_where_to_start(erlangen):
    overview = erlangen.runs("--help").out
    assert "erlangen quickstart" in overview
    for command in ("quickstart", "train", "predict", "certify", "features", "topology"):
        assert f" {command} " in overview
        page = " ".join(erlangen.runs(command, "--help").out.split())
        assert f"Usage: erlangen {command}" in page
        assert "Example" in page
        assert page.count(f"erlangen {command} ") >= 2  # the usage and the example
    assert erlangen.runs().out == overview


def test_the_version(erlangen):
    assert erlangen.runs("--version").out == f"{package.__version__}\n"


def test_usage_errors_say_where_help_is(erlangen):
    erlangen.refuses("trian", words=("'trian'", "erlangen --help"))
    erlangen.refuses("features", words=("smiles", "erlangen features --help"))


def test_debug_shows_the_traceback_wherever_it_stands(erlangen):
    for arguments in (["--debug", "features", "C(C"], ["features", "C(C", "--debug"]):
        done = erlangen.shell(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("Traceback")
        assert "extra open parentheses" in done.stderr.splitlines()[-1]
    done = erlangen.shell("features", "C(C")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_a_missing_report_is_noticed_before_the_training(erlangen, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)  # Python's own way to say: not there
    given = ["--budget", "1", "--output", tmp_path / "run"]
    erlangen.refuses("quickstart", *given, words='this needs plotly: pip install "erlangen[report]"')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("missing", "extra", "arguments"),
    [
        ("torch", "nn", ["train", "--epochs", "1"]),
        ("lightning", "nn", ["quickstart"]),
        ("rdkit", "molecules", ["features", "CCO"]),
    ],
)
def test_a_missing_extra_is_named(tmp_path, missing, extra, arguments):
    installed = Path(pytest.__file__).parents[1]
    for entry in installed.iterdir():
        if not entry.name.startswith(missing) and entry.suffix != ".pth":
            (tmp_path / entry.name).symlink_to(entry)
    places = [str(Path(package.__file__).parents[1]), str(tmp_path)]
    script = f"import sys; sys.path[:0] = {places}; from erlangen.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-I", "-S", "-B", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f'erlangen: this needs {missing}: pip install "erlangen[{extra}]"\n'


def test_a_full_disk_and_a_reader_that_went_away(erlangen):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([erlangen.script, "features", "CCO"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "erlangen: No space left on device\n")
    with subprocess.Popen([erlangen.script, "features", "CCO"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        assert (run.wait(60), run.stderr.read()) == (1, b"")
