"""What the benchmarks of `nn` share: cases of two sides that do equal work, timed in turn, and their memory."""

import ctypes
import gc
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes
    ----------
    name, peer : str
        What is done, and beside whom.
    build : callable
        From molecules, a `StructureSet`, to two functions that do it, ours and the peer's; it stops the program unless
        they agree.
    slow : bool
        Whether a few rounds have to do.
    """

    name: str
    peer: str
    build: Callable[..., tuple[Callable, Callable]]
    slow: bool = False


def time_case(case: Case, molecules, rounds: int) -> float:
    """Print milliseconds of both sides, alternately after one unmeasured run of each, and return the ratio."""
    sides = case.build(molecules)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range((2 if case.slow else rounds) + 1):
        for side, run in zip(times, sides, strict=True):
            start = time.perf_counter()
            run()
            if number:
                side.append(1e3 * (time.perf_counter() - start))
    ours, theirs = map(statistics.median, times)
    ratios = sorted(b / a for a, b in zip(*times, strict=True))
    print(
        f"{case.name:46s} {threads(torch.get_num_threads())}   erlangen {ours:7.1f} ms   {case.peer} {theirs:7.1f} ms  "
        f"ratio {theirs / ours:5.2f} (rounds {ratios[0]:.2f} to {ratios[-1]:.2f})",
        flush=True,
    )
    return theirs / ours


def threads(count: int) -> str:
    return f"{count} thread{' ' if count == 1 else 's'}"


def memory_case(case: Case, molecules) -> None:
    """Print the peak memory of each side, each in a process of its own."""
    context, peaks = multiprocessing.get_context("spawn"), []
    for side in range(2):
        with context.Pool(1) as pool:
            peaks.append(pool.apply(growth, (case, molecules, side)))
    print(f"{case.name:46s} memory      erlangen {peaks[0]:7.0f} MB   {case.peer} {peaks[1]:7.0f} MB", flush=True)


def growth(case: Case, molecules, side: int) -> float:
    """Return by how many megabytes this process grows at most in two runs, looked at every millisecond."""
    torch.set_num_threads(1)
    case.build(molecules[np.arange(2)])[side]()  # loads and compiles
    run = case.build(molecules)[side]
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # gives back what the comparison of outputs used; glibc only
    before, peak, done = resident(), [0.0], threading.Event()
    watch = threading.Thread(target=keep_peak, args=(peak, done))
    watch.start()
    for _ in range(2):
        run()
    done.set()
    watch.join()
    return peak[0] - before


def keep_peak(peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.001):
        peak[0] = max(peak[0], resident())


def resident() -> float:
    """Return the memory of this process in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def training_step(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """Return a step of Adam on a loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def backward_of(loss: Callable[[], Tensor], leaves: Sequence[Tensor]) -> Callable[[], object]:
    """Return a forward and backward pass."""
    leaves = list(leaves)
    return lambda: torch.autograd.grad(loss(), leaves, allow_unused=True)


def same(ours: Tensor, theirs: Tensor, what: str, tolerance: float = 1e-5) -> None:
    """Stop unless two results agree, relative to the largest entry."""
    error = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    print(f"    {what} agree to {error:.0e} (relative, {str(ours.dtype).removeprefix('torch.')})", flush=True)
    if not error <= tolerance:
        raise SystemExit(f"{what} differ: nothing to compare")
