"""What the compiled kernels of all rooms share: they say when they are compiled, and run over rows on several threads.

The threads are torch's where torch is loaded and has GNU's OpenMP: those go on spinning for some milliseconds after
each of torch's operations and would keep the processors from others. Else they are our own instead of Numba's: they
bear being called from several threads and being forked, which Numba's threading layers do not. The kernels release the
GIL.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

import numpy as np

MIN_WORK = 100_000
"""Multiplications below which waking another thread costs more than it saves."""


def n_threads() -> int:
    """Return how many threads may be used: torch's number if torch is loaded, else Numba's.

    Both follow their environment variable, which joblib sets in its workers, and torch's loader sets torch's number to
    one in its own.
    """
    if "torch" in sys.modules:
        return sys.modules["torch"].get_num_threads()
    from numba import config

    return config.NUMBA_NUM_THREADS


def threads_for(rows: int, work: int) -> int:
    """Return how many threads are worth waking for so many rows that take so many multiplications in all."""
    return max(1, min(n_threads(), rows, work // MIN_WORK))


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


@cache
def keep_freed_memory() -> None:
    """Ask glibc to reuse large arrays instead of giving each back to the system, once in a process.

    Getting them again page by page costs a network on 10,000 atoms more than half of its time. The process stays at its
    peak; nothing is done elsewhere than on glibc, or if the environment has settings of its own for it.
    """
    environment = os.environ
    if any(name.startswith("MALLOC_") for name in environment) or "malloc" in environment.get("GLIBC_TUNABLES", ""):
        return
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        library.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


@cache
def announce_compilation() -> None:
    """Say so, once and where somebody looks, when a kernel has to be compiled instead of loaded from Numba's cache.

    Called by every file of kernels when it is imported.
    """
    from numba.core import event

    class Listener(event.Listener):
        said = False

        def on_start(self, event) -> None:
            if not Listener.said and sys.stderr.isatty():
                Listener.said = True
                print("erlangen: compiling on first use, some seconds; kept for later runs", file=sys.stderr)

        def on_end(self, event) -> None:
            pass

    event.register("numba:compile", Listener())


_Region = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_PROCESS = os.getpid()


def _on_team(function: Callable[[], None], n: int) -> None:
    """Call a function on n threads, or fewer, and return when all are done."""
    if "torch" in sys.modules and os.getpid() == _PROCESS and (parallel := _torch_parallel()):
        parallel(_Region(lambda _: function()), None, n, 0)
        return
    pool = _pool(os.getpid(), n - 1)  # a forked child has its parent's pool, and torch's, but not their threads
    waiting = [pool.submit(function) for _ in range(n - 1)]
    function()
    wait(waiting)


@cache
def _torch_parallel() -> Callable | None:
    """Return the parallel region of the OpenMP that torch has loaded, None if it is not GNU's."""
    try:
        parallel = ctypes.CDLL(sys.modules["torch"]._C.__file__).GOMP_parallel
    except (AttributeError, OSError):
        return None
    parallel.argtypes = [_Region, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    parallel.restype = None
    return parallel


@cache
def _pool(process: int, n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n, thread_name_prefix="erlangen")


def over_rows(
    kernel: Callable, *arguments, rows: int, work: int, offsets: np.ndarray | None = None, shares: int = 1
) -> list:
    """Call ``kernel(*arguments, start, stop)`` for ranges that cover the rows; return what the calls return.

    Parameters
    ----------
    kernel : callable
        Compiled, releases the GIL, and writes to its own rows only.
    rows : int
        How many there are.
    work : int
        Multiplications that they take together.
    offsets : (rows + 1,) array, optional
        How the work is spread over the rows; evenly without it.
    shares : int
        How many ranges each thread gets, more than one where nobody knows how the work is spread.

    Examples
    --------
    >>> over_rows(lambda start, stop: stop - start, rows=10, work=10)
    [10]
    """
    n = threads_for(rows, work)
    if n == 1:
        return [kernel(*arguments, 0, rows)]
    parts = min(n * shares, rows)
    if offsets is None:
        bounds = [rows * t // parts for t in range(parts + 1)]
    else:
        bounds = np.searchsorted(offsets, np.linspace(0, offsets[-1], parts + 1)).tolist()
        bounds[0], bounds[-1] = 0, rows
    waiting, found, failed = iter(range(parts)), [None] * parts, []

    def work_off() -> None:
        try:
            for t in waiting:  # the GIL gives each range to one thread
                found[t] = kernel(*arguments, bounds[t], bounds[t + 1])
        except BaseException as error:  # a thread of OpenMP could not raise it
            failed.append(error)

    _on_team(work_off, n)
    if failed:
        raise failed[0]
    return found
