"""Run a compiled loop over rows on as many threads as torch uses.

Our own threads instead of Numba's: they bear being called from several threads and being forked, which Numba's
threading layers do not, and the kernels release the GIL anyway.
"""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch

MIN_WORK = 100_000
"""Multiplications below which handing rows to another thread costs more than it saves."""


@cache
def _pool(process: int, n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads, thread_name_prefix="erlangen-nn")


def over_rows(kernel: Callable, *arguments, rows: int, work: int, offsets: np.ndarray | None = None) -> None:
    """Call ``kernel(*arguments, start, stop)`` for ranges that cover ``rows``.

    ``work`` counts multiplications; ``offsets`` (rows + 1,) says how it is spread over the rows, evenly without it.
    """
    n_threads = min(torch.get_num_threads(), rows, work // MIN_WORK)
    if n_threads <= 1:
        kernel(*arguments, 0, rows)
        return
    if offsets is None:
        bounds = np.linspace(0, rows, n_threads + 1).astype(np.int64)
    else:
        bounds = np.searchsorted(offsets, np.linspace(0, offsets[-1], n_threads + 1))
        bounds[0], bounds[-1] = 0, rows
    bounds = bounds.tolist()
    pool = _pool(os.getpid(), n_threads - 1)  # a forked child has the parent's pool but not its threads
    waiting = [pool.submit(kernel, *arguments, a, b) for a, b in itertools.pairwise(bounds[1:])]
    kernel(*arguments, 0, bounds[1])
    for future in waiting:
        future.result()
