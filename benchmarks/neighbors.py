"""Neighbor lists beside ASE, vesin, scipy and a masked distance matrix in torch: equal edges, time an atom, ratios."""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from ase.neighborlist import primitive_neighbor_list
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree
from vesin import NeighborList

from erlangen.neighbors import knn_graph, neighbor_list
from erlangen.structures import Structure, StructureSet

DENSITY = 0.1
"""Atoms in a cubic angstrom, as in water or organic crystals."""


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks neighbors")
    parser.add_argument("--cutoff", type=float, default=5.0, help="angstrom")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--largest", type=int, default=1_000_000, help="atoms of the largest open system")
    arguments = parser.parse_args(argv)
    console = Console()
    first_call(console)
    open_space(console, arguments)
    molecules(console, arguments)
    periodic(console, arguments)
    crystals(console, arguments)
    nearest(console, arguments)


def first_call(console: Console) -> None:
    start = time.perf_counter()
    neighbor_list(np.zeros((2, 3)), 1.0)
    console.print(f"first call, compiling or loading the kernels: {time.perf_counter() - start:.2f} s")


def open_space(console: Console, arguments) -> None:
    table = _table(f"open space, {DENSITY} atoms/A^3, cutoff {arguments.cutoff} A: microseconds an atom")
    for n in (10**k for k in range(3, 7)):
        if n > arguments.largest:
            break
        positions = cloud(n)
        ours = neighbor_list(positions, arguments.cutoff).edge_index
        peers = {
            "vesin (unsorted)": lambda p=positions: vesin_edges(p, box(p), False, arguments.cutoff)[0],
            "scipy cKDTree (unsorted)": lambda p=positions: tree_edges(p, arguments.cutoff),
            "ase": lambda p=positions: ase_edges(p, box(p), False, arguments.cutoff)[0],
        }
        if n > 1_000:  # it takes minutes
            del peers["ase"]
        if n > 100_000:  # its pairs and their reversal take too much memory
            del peers["scipy cKDTree (unsorted)"]
        repeat = arguments.repeat if n <= 100_000 else 2
        _compare(table, n, ours, lambda p=positions: neighbor_list(p, arguments.cutoff), peers, repeat)
        del ours
    console.print(table)


def molecules(console: Console, arguments) -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(9, 28, 256)
    members = [cloud(int(n), seed=int(n)) for n in sizes]
    positions, batch = np.concatenate(members), np.repeat(np.arange(256), sizes)
    packed = StructureSet.from_structures([Structure(p, np.ones(len(p), int)) for p in members])
    starts = np.cumsum(sizes) - sizes

    def one_by_one(find) -> np.ndarray:
        return np.concatenate([find(p) + start for p, start in zip(members, starts, strict=True)], axis=1)

    def periodic_list(p):
        return vesin_edges(p, box(p), False, arguments.cutoff)[0]

    table = _table("256 molecules of 9 to 27 atoms: microseconds an atom")
    peers = {
        "vesin, one by one": lambda: one_by_one(periodic_list),
        "scipy cKDTree, one by one": lambda: one_by_one(lambda p: tree_edges(p, arguments.cutoff)),
        "torch, all pairs masked": lambda: masked_edges(positions, batch, arguments.cutoff),
    }
    ours = neighbor_list(positions, arguments.cutoff, batch=batch).edge_index
    _compare(
        table,
        len(positions),
        ours,
        lambda: neighbor_list(positions, arguments.cutoff, batch=batch),
        peers,
        4 * arguments.repeat,
    )
    console.print(table)

    from erlangen.structures import Batch

    pack, _ = _time(lambda: Batch.from_structures(packed), 50)
    edges, _ = _time(lambda: Batch.from_structures(packed, cutoff=arguments.cutoff), 50)
    console.print(f"Batch of these 256: {1e3 * pack:.2f} ms packed, {1e3 * edges:.2f} ms with edges")


def periodic(console: Console, arguments) -> None:
    table = _table("periodic cells: microseconds an atom")
    for n in (100, 1_000, 10_000):
        positions = cloud(n)
        cell = box(positions)
        found = neighbor_list(positions, arguments.cutoff, cell, True)
        peers = {
            "vesin (unsorted)": lambda p=positions, c=cell: vesin_edges(p, c, True, arguments.cutoff),
            "ase": lambda p=positions, c=cell: ase_edges(p, c, True, arguments.cutoff),
        }
        if n > 1_000:
            del peers["ase"]
        ours = (found.edge_index, found.shift)
        run = lambda p=positions, c=cell: neighbor_list(p, arguments.cutoff, c, True)  # noqa: E731
        _compare(table, n, ours, run, peers, arguments.repeat)
    console.print(table)


def crystals(console: Console, arguments) -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(2, 28, 64)
    members = [cloud(int(n), seed=int(n)) for n in sizes]
    positions, batch = np.concatenate(members), np.repeat(np.arange(64), sizes)
    cells = np.stack([box(p) for p in members])
    starts = np.cumsum(sizes) - sizes

    def one_by_one() -> tuple[np.ndarray, np.ndarray]:
        found = [vesin_edges(p, c, True, arguments.cutoff) for p, c in zip(members, cells, strict=True)]
        edges = [own.astype(np.int64) + start for (own, _), start in zip(found, starts, strict=True)]
        return np.concatenate(edges, axis=1), np.concatenate([shift for _, shift in found])

    table = _table("64 periodic cells of 2 to 27 atoms: microseconds an atom")
    run = lambda: neighbor_list(positions, arguments.cutoff, cells, True, batch)  # noqa: E731
    found = run()
    peers = {"vesin, one by one (unsorted)": one_by_one}
    _compare(table, len(positions), (found.edge_index, found.shift), run, peers, arguments.repeat)
    console.print(table)


def nearest(console: Console, arguments) -> None:
    table = _table("16 nearest: microseconds a point")
    for n in (100, 10_000, 100_000):
        positions = cloud(n)
        run = lambda p=positions: knn_graph(p, 16)  # noqa: E731
        peers = {"scipy cKDTree": lambda p=positions: tree_nearest(p, 16)}
        _compare(table, n, run().edge_index, run, peers, arguments.repeat)
    console.print(table)


def cloud(n: int, seed: int = 0) -> np.ndarray:
    """Return n atoms at constant density in a cube, in no order."""
    return np.random.default_rng(seed).uniform(0, (n / DENSITY) ** (1 / 3), (n, 3))


def box(positions: np.ndarray) -> np.ndarray:
    """Return the cell of the cube of `cloud`; for some peers the cell matters in open space, too."""
    return np.eye(3) * (len(positions) / DENSITY) ** (1 / 3)


def vesin_edges(positions, cell, pbc, cutoff):
    search = NeighborList(cutoff=cutoff, full_list=True)
    receiver, sender, shift = search.compute(points=positions, box=cell, periodic=pbc, quantities="ijS")
    return np.stack([sender, receiver]), shift


def ase_edges(positions, cell, pbc, cutoff):
    receiver, sender, shift = primitive_neighbor_list("ijS", [pbc] * 3, cell, positions, cutoff)
    return np.stack([sender, receiver]), shift


def tree_edges(positions, cutoff):
    half = cKDTree(positions).query_pairs(cutoff, output_type="ndarray").T
    return np.concatenate([half, half[::-1]], axis=1)


def tree_nearest(positions, k):
    found = cKDTree(positions).query(positions, k=k + 1)[1][:, 1:]
    return np.stack([found.ravel(), np.repeat(np.arange(len(positions)), k)])


def masked_edges(positions, batch, cutoff):
    """Return what a plain torch model does for a batch: the whole distance matrix, masked."""
    import torch

    x, index = torch.from_numpy(positions), torch.from_numpy(batch)
    near = (torch.cdist(x, x) < cutoff) & (index[:, None] == index[None, :])
    near.fill_diagonal_(False)
    return near.nonzero().T.numpy()[::-1]


def _table(title: str) -> Table:
    table = Table("atoms", "library", "us/atom", "spread", "ratio", "edges equal", title=title, title_justify="left")
    for column in table.columns[2:5]:
        column.justify = "right"
    return table


def _compare(table: Table, n: int, ours, run: Callable, peers: dict[str, Callable], repeat: int) -> None:
    """Time everybody in turn, check that the edges are the same, add one row each."""
    own, spread = _time(run, repeat)
    table.add_row(f"{n:,}", "erlangen", f"{own / n * 1e6:.2f}", f"{spread:.0%}", "1.0", "")
    for name, peer in peers.items():
        equal = "yes" if _same(ours, peer()) else "NO"
        seconds, spread = _time(peer, repeat)
        table.add_row("", name, f"{seconds / n * 1e6:.2f}", f"{spread:.0%}", f"{seconds / own:.1f}", equal)
    table.add_section()


def _time(run: Callable, repeat: int) -> tuple[float, float]:
    """Return the median time in seconds and the relative spread between the quartiles."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    low, middle, high = statistics.quantiles(seconds, n=4) if repeat > 2 else (min(seconds), min(seconds), max(seconds))
    return middle, (high - low) / middle


def _same(ours, theirs) -> bool:
    """Tell whether two edge sets, with or without shifts, are equal in any order."""
    if not isinstance(ours, tuple):
        if ours.shape != theirs.shape:
            return False
        width = ours.max(initial=0) + 1
        return np.array_equal(*(np.sort(edges[1].astype(np.int64) * width + edges[0]) for edges in (ours, theirs)))
    one, other = (np.concatenate([e.astype(np.int64), s.T.astype(np.int64)]) for e, s in (ours, theirs))
    return one.shape == other.shape and np.array_equal(*(rows[:, np.lexsort(rows)] for rows in (one, other)))
