"""The command line as its user meets it: in this process where that is enough, else as a process of its own."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from erlangen.cli import main

SMALL = ["--set", "hidden=16", "--set", "layers=1", "--set", "cutoff=4.0"]
SIZES = ["--n-train", "200", "--n-valid", "40", "--n-test", "40"]


@dataclass(frozen=True)
class Result:
    """What a command left: its exit status and what it said."""

    status: int
    out: str
    err: str


class CommandLine:
    """``erlangen`` in this process."""

    script = str(Path(sys.executable).parent / "erlangen")
    small_training = ("--model", "painn", *SMALL, *SIZES)

    def __init__(self, capsys):
        self.capsys = capsys

    def __call__(self, *arguments) -> Result:
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return Result(stop.value.code, *self.capsys.readouterr())

    def runs(self, *arguments) -> Result:
        """Run a command that should succeed."""
        result = self(*arguments)
        assert result.status == 0, result
        return result

    def refuses(self, *arguments, words: str | tuple, progress: int = 0) -> str:
        """Check that a command is refused in one line with these words, after so many lines of progress."""
        result = self(*arguments)
        lines = result.err.splitlines()
        assert (result.status, result.out, len(lines)) == (2, "", progress + 1), result
        assert lines[-1].startswith("erlangen: ")
        for word in (words,) if isinstance(words, str) else words:
            assert word in lines[-1]
        return lines[-1]

    def shell(self, *arguments, **options) -> subprocess.CompletedProcess:
        """Run the installed script as a process of its own."""
        command = [self.script, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.fixture
def erlangen(capsys) -> CommandLine:
    return CommandLine(capsys)


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A folder with a small model of U0, trained by the command itself."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.raises(SystemExit) as stop:
        main(["train", *CommandLine.small_training, "--epochs", "1", "--output", str(folder)])
    assert stop.value.code == 0
    return folder


@pytest.fixture
def model(trained) -> Path:
    return trained / "model.erl"


@pytest.fixture
def water(tmp_path) -> Path:
    """Two geometries of water in one file."""
    path = tmp_path / "water.xyz"
    path.write_text("3\n\nO 0 0 0\nH 0 0.76 0.59\nH 0 -0.76 0.59\n3\n\nO 0 0 0\nH 0 0.8 0.59\nH 0 -0.76 0.7\n")
    return path
