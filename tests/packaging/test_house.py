"""The house itself: style, layers, what the wheel holds, how fast the door opens, and that every file is used."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*command) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff(arguments):
    done = run(BIN / "ruff", *arguments, "src", "tests", "benchmarks", "examples")
    assert done.returncode == 0, done.stdout + done.stderr


def test_rooms_import_only_from_rooms_below():
    done = run(BIN / "lint-imports")
    assert done.returncode == 0, done.stdout + done.stderr


def test_torch_keeps_its_cap():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "torch>=2.9,<2.14" in extras["nn"]
    everything = extras["all"][0].removeprefix("erlangen[").removesuffix("]").split(",")
    assert {"nn", "molecules", "qm9", "report"} <= set(everything) <= set(extras)


def test_the_door_opens_without_heavy_rooms():
    heavy = "{'torch', 'rdkit', 'ase', 'numba', 'sklearn', 'plotly', 'lightning', 'scipy'}"
    for line in ("import erlangen", "from erlangen.cli import app"):
        code = f"{line}; import sys; print(sorted({heavy} & set(sys.modules)))"
        assert run(sys.executable, "-c", code).stdout.strip() == "[]", line


def test_every_public_name_exists():
    code = """
import importlib, erlangen
for room in erlangen.__all__:
    module = getattr(erlangen, room)
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name, None) is not None, (room, name)
        assert name in dir(module), (room, name)
"""
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr


def test_a_missing_extra_is_named_in_one_line():
    code = """
import sys
sys.modules["rdkit"] = None
from erlangen.structures import Structure
try:
    Structure.from_smiles("C")
except ImportError as error:
    print(error)
"""
    assert run(sys.executable, "-c", code).stdout.strip() == 'this needs rdkit: pip install "erlangen[molecules]"'


def test_no_file_that_nobody_imports():
    package = ROOT / "src" / "erlangen"
    names = {
        ".".join(("erlangen", *file.relative_to(package).with_suffix("").parts)).removesuffix(".__init__"): file
        for file in package.rglob("*.py")
    }
    used = {"erlangen", "erlangen.__main__"}
    for name, file in names.items():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                used |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):  # names of lazy rooms and registries
                parent = name if file.name == "__init__.py" else name.rpartition(".")[0]
                used |= {f"{parent}.{node.value}", f"{parent}.{node.value.partition('.')[0]}"}
    assert sorted(set(names) - used) == []


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path):
    code = (
        "import sys, zipfile; from hatchling.builders.wheel import WheelBuilder;"
        "path = next(WheelBuilder(sys.argv[1]).build(directory=sys.argv[2]));"
        "print('\\n'.join(zipfile.ZipFile(path).namelist()))"
    )
    done = run(sys.executable, "-c", code, ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    tops = {line.split("/")[0] for line in done.stdout.splitlines()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"erlangen"}
