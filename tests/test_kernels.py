"""Compilation is said once, where somebody looks, and not again when it comes from the cache."""

import os
import platform
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from erlangen import kernels

CODE = "import numpy as np; from erlangen.neighbors import neighbor_list; neighbor_list(np.zeros((2, 3)), 1.0)"


def said(cache: Path, terminal: bool) -> str:
    """Return what a fresh process writes to standard error, a terminal or not."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    if not terminal:
        return subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True).stderr
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", CODE], env=environment, stderr=theirs, check=True)
    os.close(theirs)
    try:
        return os.read(ours, 10_000).decode()
    except OSError:  # nothing was written before the terminal closed
        return ""
    finally:
        os.close(ours)


def test_compilation_is_announced_once_and_on_terminals_only(tmp_path):
    assert said(tmp_path / "one", terminal=True).count("compiling on first use") == 1
    assert said(tmp_path / "one", terminal=True) == ""
    assert said(tmp_path / "two", terminal=False) == ""


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_row_is_visited_once_whatever_the_threads(threads, monkeypatch):
    monkeypatch.setattr(kernels, "n_threads", lambda: threads)
    offsets = [0, 50, 50, 51, 60, 100, 101, 102]
    for given in (None, offsets):
        ranges = kernels.over_rows(lambda a, b: (a, b), rows=7, work=10 * kernels.MIN_WORK, offsets=given)
        assert len(ranges) == min(threads, 7)
        assert sorted(row for a, b in ranges for row in range(a, b)) == list(range(7))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_what_a_share_raises_arrives(threads, monkeypatch):
    monkeypatch.setattr(kernels, "n_threads", lambda: threads)

    def fails_at_the_end(start, stop):
        if stop == 7:
            raise ValueError("the last share")

    with pytest.raises(ValueError, match="the last share"):
        kernels.over_rows(fails_at_the_end, rows=7, work=10 * kernels.MIN_WORK)


FORKED = """
import multiprocessing, sys, threading
import torch
from erlangen import kernels

torch.set_num_threads(2)

def used(_=None):
    return kernels.over_rows(lambda a, b: (a, b), rows=8, work=10**9)

if __name__ == "__main__":
    torch.ones(2000, 2000) @ torch.ones(2000, 2000)
    whole = [(0, 4), (4, 8)]
    assert used() == whole
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(used, range(4)).get(timeout=60) == [whole] * 4
    found = [None] * 4
    threads = [threading.Thread(target=lambda k=k: found.__setitem__(k, used())) for k in range(4)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert found == [whole] * 4
    print("fine")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_after_torch_has_used_its_threads_forks_and_other_threads_may_call(tmp_path):
    (tmp_path / "forks.py").write_text(FORKED)
    done = subprocess.run([sys.executable, "forks.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout == "fine\n", done.stderr


FAULTS = """
import resource
import torch
from erlangen.models import create

create("schnet", preset="small")
faults = []
for k in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(50_000_000 - 10_000 * k)  # a little less: aligned arrays need room beyond what the last one left
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(faults[-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc")
def test_a_model_keeps_freed_memory_unless_the_environment_decides():
    counts = []
    for more in ({}, {"MALLOC_ARENA_MAX": "2"}):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))} | more
        done = subprocess.run([sys.executable, "-c", FAULTS], env=environment, capture_output=True, text=True)
        counts.append(int(done.stdout))
    kept, returned = counts
    assert kept < 0.1 * returned  # of 48,828 pages of 4 kB
