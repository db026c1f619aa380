"""SchNet and DimeNet++ against PyTorch Geometric's, at equal weights and outputs: ``python -m benchmarks nn``.

Both sides run in this process, in turn, on the same 64 molecules of QM9, edges within 10 angstrom and never capped.
"edges given": both get the same edges and measure distances themselves. "edges built": both have erlangen's
`neighbor_list` build them in every step, because PyTorch Geometric's own radius graph needs an extra compiled package.
"exact": without interpolating the filters between grid points, which is on by default.
DimeNet++ has its cutoff of 5 angstrom; both get the edges, and the peer its triplets, too, because it needs another
compiled package to find them. Memory is what a process grows by at most in three training steps (Linux).
"""

import argparse
import multiprocessing
import os
import statistics
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks import _egnn
from erlangen.datasets import load_qm9
from erlangen.models import DimeNetPlusPlus, SchNet, load_peer_weights
from erlangen.neighbors import neighbor_list
from erlangen.structures import Batch

CUTOFF = 10.0
DIMENET_CUTOFF = 5.0


def pyg_schnet(edges: Callable) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn.models import SchNet as Peer
    torch.manual_seed(0)
    return Peer(interaction_graph=edges)


def pyg_dimenet(edge_index: torch.Tensor, triplets: tuple) -> torch.nn.Module:
    """Return the peer with edges and triplets fixed, in place of the packages that it would find them with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn.models import dimenet
    dimenet.radius_graph = lambda *_, **__: edge_index
    dimenet.triplets = lambda *_, **__: triplets
    torch.manual_seed(0)
    return dimenet.DimeNetPlusPlus(
        hidden_channels=128, out_channels=1, num_blocks=4, int_emb_size=64, basis_emb_size=8, out_emb_channels=256,
        num_spherical=7, num_radial=6, output_initializer="glorot_orthogonal",
    )  # fmt: skip


def triplets_of(edge_index: torch.Tensor, n_atoms: int) -> tuple[torch.Tensor, ...]:
    """Return what the peer's function of triplets returns, from edges sorted by receiver."""
    sender, receiver = edge_index
    degree = torch.bincount(receiver, minlength=n_atoms)
    many = degree[sender]
    outward = torch.repeat_interleave(many)
    place = torch.arange(len(outward)) - (torch.cumsum(many, 0) - many)[outward]
    inward = (torch.cumsum(degree, 0) - degree)[sender[outward]] + place
    onward = sender[inward] != receiver[outward]
    outward, inward = outward[onward], inward[onward]
    return receiver, sender, receiver[outward], sender[outward], sender[inward], inward, outward


def training_step(model: torch.nn.Module, forward: Callable, targets: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss = (forward() - targets).abs().mean()
        loss.backward()
        optimizer.step()

    return step


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


def report(name: str, threads: int, ours: list[float], theirs: list[float]) -> float:
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(
        f"{name:28s} {threads} thread{'s' if threads > 1 else ' '}   erlangen {statistics.median(ours):7.1f} ms   "
        f"torch_geometric {statistics.median(theirs):7.1f} ms   ratio {ratio:4.2f} "
        f"(rounds {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    return ratio


def without_gradients(run: Callable) -> Callable:
    def forward() -> None:
        with torch.no_grad():
            run()

    return forward


def compare(molecules, threads: int, rounds: int) -> None:
    torch.set_num_threads(threads)
    bare = Batch.from_structures(molecules)
    batch = bare.with_cutoff(CUTOFF)
    sender, receiver = batch.edge_index

    def given(positions, _):
        return batch.edge_index, (positions[sender] - positions[receiver]).norm(dim=-1)

    def built(positions, index):
        found = neighbor_list(positions, CUTOFF, batch=index)
        return found.edge_index, found.displacement.norm(dim=-1)

    targets = torch.randn(len(bare), generator=torch.Generator().manual_seed(0))
    cases = (("edges given", given, batch, True), ("edges built", built, bare, True), ("exact", given, batch, False))
    for name, graph, source, interpolate in cases:
        peer = pyg_schnet(graph)
        model = load_peer_weights(SchNet(interpolate=interpolate), peer.state_dict())
        ours = lambda model=model, source=source: model(source)  # noqa: E731
        theirs = lambda peer=peer: peer(bare.numbers, bare.positions, bare.index).squeeze(1)  # noqa: E731
        check(model.embedding, peer.embedding, ours, theirs, targets)
        report(f"forward, {name}", threads, *in_turn(without_gradients(ours), without_gradients(theirs), rounds))
        steps = training_step(model, ours, targets), training_step(peer, theirs, targets)
        report(f"training step, {name}", threads, *in_turn(*steps, rounds))


def dimenet_sides(molecules) -> tuple:
    """Return both models and their forward functions."""
    batch = Batch.from_structures(molecules, cutoff=DIMENET_CUTOFF)
    peer = pyg_dimenet(batch.edge_index, triplets_of(batch.edge_index, batch.n_atoms))
    model = load_peer_weights(DimeNetPlusPlus(), peer.state_dict())
    return model, peer, lambda: model(batch), lambda: peer(batch.numbers, batch.positions, batch.index).squeeze(1)


def compare_dimenet(molecules, threads: int, rounds: int) -> None:
    torch.set_num_threads(threads)
    model, peer, ours, theirs = dimenet_sides(molecules)
    targets = torch.randn(len(molecules), generator=torch.Generator().manual_seed(0))
    check(model.embedding, peer.emb.emb, ours, theirs, targets)
    report("DimeNet++, forward", threads, *in_turn(without_gradients(ours), without_gradients(theirs), rounds))
    steps = training_step(model, ours, targets), training_step(peer, theirs, targets)
    report("DimeNet++, training step", threads, *in_turn(*steps, rounds))


def compare_dimenet_memory(molecules) -> None:
    """Print the peak memory of a training step of each side, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    peaks = []
    for side in range(2):
        with context.Pool(1) as pool:
            peaks.append(pool.apply(growth, (molecules, side)))
    print(f"DimeNet++, memory of a step   erlangen {peaks[0]:.0f} MB   torch_geometric {peaks[1]:.0f} MB")


def growth(molecules, side: int) -> float:
    """Return by how many megabytes this process grows at most in three training steps, looked at every millisecond."""
    torch.set_num_threads(1)
    for chosen in (molecules[np.arange(2)], molecules):  # the first round loads and compiles
        both = dimenet_sides(chosen)
        step = training_step(both[side], both[2 + side], torch.zeros(len(chosen)))
        before, peak, done = resident(), [0.0], threading.Event()
        watch = threading.Thread(target=keep_peak, args=(peak, done))
        watch.start()
        for _ in range(3):
            step()
        done.set()
        watch.join()
    return peak[0] - before


def keep_peak(peak: list[float], done: threading.Event) -> None:
    while not done.wait(0.001):
        peak[0] = max(peak[0], resident())


def resident() -> float:
    """Return the memory of this process in megabytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def check(embedding, other, ours: Callable, theirs: Callable, targets: torch.Tensor) -> None:
    """Stop unless outputs and the gradient of the loss agree."""
    a, b = ours(), theirs()
    error = ((a - b).abs().max() / b.abs().max()).item()
    (x,) = torch.autograd.grad((a - targets).abs().mean(), embedding.weight)
    (y,) = torch.autograd.grad((b - targets).abs().mean(), other.weight)
    slope = ((x - y).abs().max() / y.abs().max()).item()
    print(f"outputs agree to {error:.0e}, gradients to {slope:.0e} (relative, float32)")
    if error > 1e-5 or slope > 1e-4:
        raise SystemExit("the outputs differ: nothing to compare")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks nn", description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--model", choices=["schnet", "dimenet++", "egnn"], help="only this one")
    arguments = parser.parse_args(argv)
    train, _, _ = load_qm9(target="U0")
    molecules = train[np.arange(arguments.molecules)]
    batch = Batch.from_structures(molecules, cutoff=CUTOFF)
    print(f"{len(batch)} molecules of QM9, {batch.n_atoms} atoms, {batch.edge_index.shape[1]} edges")
    for threads in arguments.threads:
        if arguments.model in (None, "schnet"):
            compare(molecules, threads, arguments.rounds)
        if arguments.model in (None, "dimenet++"):
            compare_dimenet(molecules, threads, arguments.rounds)
        if arguments.model in (None, "egnn"):
            _egnn.compare(molecules, threads, arguments.rounds)
    if arguments.model in (None, "dimenet++"):
        compare_dimenet_memory(molecules)


if __name__ == "__main__":
    main()
