"""What the benchmarks of `nn` share: two sides measured in turn, their outputs compared first."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor


def in_turn(ours: Callable, theirs: Callable, rounds: int) -> tuple[list[float], list[float]]:
    """Return milliseconds of both, measured alternately after one unmeasured run of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for side, run in zip(times, (ours, theirs), strict=True):
            start = time.perf_counter()
            run()
            if number:
                side.append(1e3 * (time.perf_counter() - start))
    return times


def report(name: str, peer: str, ours: list[float], theirs: list[float]) -> float:
    """Print and return the ratio of the medians, with the threads in use."""
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    ratio = statistics.median(theirs) / statistics.median(ours)
    threads = torch.get_num_threads()
    print(
        f"{name:40s} {threads} thread{'s' if threads > 1 else ' '}   erlangen {statistics.median(ours):7.1f} ms   "
        f"{peer} {statistics.median(theirs):7.1f} ms   ratio {ratio:5.2f} (rounds {ratios[0]:.2f} to {ratios[-1]:.2f})",
        flush=True,
    )
    return ratio


def backward_of(loss: Callable[[], Tensor], leaves: list[Tensor]) -> Callable[[], list[Tensor]]:
    """Return a forward and backward pass."""
    return lambda: torch.autograd.grad(loss(), leaves)


def same(ours: Tensor, theirs: Tensor, what: str, tolerance: float = 1e-5) -> None:
    """Stop unless two results agree, relative to the largest entry."""
    error = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    print(f"{what} agree to {error:.0e} (relative, {str(ours.dtype).removeprefix('torch.')})")
    if not error <= tolerance:
        raise SystemExit(f"{what} differ: nothing to compare")
