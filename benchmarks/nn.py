"""SchNet against PyTorch Geometric's, at equal weights and outputs: ``python -m benchmarks nn``.

Both sides run in this process, in turn, on the same 64 molecules of QM9, edges within 10 angstrom and never capped.
"edges given": both get the same edges and measure distances themselves. "edges built": both have erlangen's
`neighbor_list` build them in every step, because PyTorch Geometric's own radius graph needs an extra compiled package.
"exact": without interpolating the filters between grid points, which is on by default.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

from erlangen.datasets import load_qm9
from erlangen.models import SchNet, load_peer_weights
from erlangen.neighbors import neighbor_list
from erlangen.structures import Batch

CUTOFF = 10.0


def pyg_schnet(edges: Callable) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn.models import SchNet as Peer
    torch.manual_seed(0)
    return Peer(interaction_graph=edges)


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
        check(model, peer, ours, theirs, targets)
        report(f"forward, {name}", threads, *in_turn(without_gradients(ours), without_gradients(theirs), rounds))
        steps = training_step(model, ours, targets), training_step(peer, theirs, targets)
        report(f"training step, {name}", threads, *in_turn(*steps, rounds))


def check(model, peer, ours: Callable, theirs: Callable, targets: torch.Tensor) -> None:
    """Stop unless outputs and the gradient of the loss agree."""
    a, b = ours(), theirs()
    error = ((a - b).abs().max() / b.abs().max()).item()
    (x,) = torch.autograd.grad((a - targets).abs().mean(), model.embedding.weight)
    (y,) = torch.autograd.grad((b - targets).abs().mean(), peer.embedding.weight)
    slope = ((x - y).abs().max() / y.abs().max()).item()
    print(f"outputs agree to {error:.0e}, gradients to {slope:.0e} (relative, float32)")
    if error > 1e-5 or slope > 1e-4:
        raise SystemExit("the outputs differ: nothing to compare")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks nn", description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args(argv)
    train, _, _ = load_qm9(target="U0")
    molecules = train[np.arange(arguments.molecules)]
    batch = Batch.from_structures(molecules, cutoff=CUTOFF)
    print(f"{len(batch)} molecules of QM9, {batch.n_atoms} atoms, {batch.edge_index.shape[1]} edges")
    for threads in arguments.threads:
        compare(molecules, threads, arguments.rounds)


if __name__ == "__main__":
    main()
