"""How many samples the right group saves, on scikit-learn's digits: ``python -m benchmarks blueprint``.

The digits (8 x 8 pixels) are to be read whichever way the page is held: the test set is 500 digits that were never
seen, each in its four turns by 90 degrees. Networks of some 10,000 parameters that differ in their group learn from
10 to 1000 digits, upright, or turned at random each time they are seen; steps, optimizer and batches are the same for
all. In the second panel the digits are point clouds: the pixels above a threshold, as points of the plane with a
weight, in no order.

A network of the group C4 cannot tell a digit from its turns, so that it has seen them all after one. D4 is too much:
it cannot tell 2 from its mirror image either. And a 6 on its head may be a 9: 10 percent of the digits if it always
were; ``accuracy_6_is_9`` counts the two as one class. The figures go to ``docs/blueprint.json`` and are drawn in
``docs/blueprint.svg``.
"""

import argparse
import json
import math
from pathlib import Path

import joblib
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from benchmarks._figure import save, subplots
from erlangen.arrays import write_atomically
from erlangen.models.families import GroupConvolution
from erlangen.nn.activations import mlp
from erlangen.symmetry import Cyclic, Dihedral

DOCS = Path(__file__).parent.parent / "docs"
THRESHOLD = 7 / 16
N_POINTS = 30


# Networks of images (b, 1, 8, 8) --------------------------------------------------------------------------------------


class Pooled(nn.Module):
    """The mean over everything that the group moves: all axes but the first two."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (b, channels)."""
        return x.flatten(2).mean(2)


class HalfSize(nn.Module):
    """Means of 2 x 2 pixels, on the last two axes: an even number of pixels keeps its turns."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., h / 2, w / 2)."""
        return nn.functional.avg_pool2d(x.flatten(1, -3), 2).unflatten(1, x.shape[1:-2])


def image_mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), mlp([64, 72, 72, 10], "silu"))


def image_cnn(channels: int = 20) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.SiLU(), HalfSize(),
        nn.Conv2d(channels, channels, 3, padding=1), nn.SiLU(),
        nn.Conv2d(channels, channels, 4), nn.SiLU(), Pooled(), nn.Linear(channels, 10),
    )  # fmt: skip


def image_group_cnn(group: Dihedral, channels: int) -> nn.Module:
    return nn.Sequential(
        GroupConvolution(group, 1, channels, lifting=True, padding="zeros"), nn.SiLU(), HalfSize(),
        GroupConvolution(group, channels, channels, padding="zeros"), nn.SiLU(),
        GroupConvolution(group, channels, channels, 4, padding="none"), nn.SiLU(), Pooled(), nn.Linear(channels, 10),
    )  # fmt: skip


# Networks of point clouds (b, n, 3): places in [-1, 1], and a weight that is 0 where there is no point ----------------


class DeepSets(nn.Module):
    """rho(sum_i w_i phi(x_i)); with ``turns`` of 4 the mean of it over the four turns of the plane: C4-invariant.

    Places are written in waves as well, as is usual for coordinates: sines and cosines of half periods.
    """

    def __init__(self, turns: int = 1, hidden: int = 56) -> None:
        super().__init__()
        self.turns, self.phi = turns, mlp([19, hidden, hidden], "silu")
        self.register_buffer("frequencies", torch.arange(1, 5) * math.pi / 2)
        self.rho, self.out = mlp([hidden, hidden], "silu"), nn.Linear(hidden, 10)

    def forward(self, points: Tensor) -> Tensor:
        """Return logits (b, 10)."""
        seen = torch.stack([turned_points(points, k) for k in range(self.turns)])
        weight = points[..., 2:]
        waves = (seen[..., :2, None] * self.frequencies).flatten(-2)
        pooled = (weight * self.phi(torch.cat([seen, waves.sin(), waves.cos()], -1))).sum(2) / weight.sum(1)
        return self.out(nn.functional.silu(self.rho(pooled)).mean(0))


class Distances(nn.Module):
    """Two rounds of messages over all pairs that know distances only: invariant under O(2), rotations and mirrors."""

    def __init__(self, hidden: int = 52, radial: int = 12) -> None:
        super().__init__()
        self.register_buffer("centers", torch.linspace(0, 2.4, radial))
        self.first = mlp([radial + 2, hidden, hidden], "silu")
        self.filter = nn.Linear(radial, hidden, bias=False)
        self.second, self.out = mlp([2 * hidden, hidden], "silu"), nn.Linear(hidden, 10)

    def forward(self, points: Tensor) -> Tensor:
        """Return logits (b, 10)."""
        places, weight = points[..., :2], points[..., 2:]
        distance = torch.linalg.vector_norm(places[:, :, None] - places[:, None], dim=-1, keepdim=True)
        near = torch.exp(-(((distance - self.centers) / 0.2) ** 2)) * weight[:, None] / 8  # (b, i, j, radial)
        own = torch.cat([torch.linalg.vector_norm(places, dim=-1, keepdim=True), weight], -1)
        h = nn.functional.silu(self.first(torch.cat([near.sum(2), own], -1)))
        heard = torch.einsum("bijr,bjc->birc", near, h)
        h = h + nn.functional.silu(
            self.second(torch.cat([h, torch.einsum("birc,cr->bic", heard, self.filter.weight)], -1))
        )
        return self.out((weight * h).sum(1) / weight.sum(1))


def turned_images(images: Tensor, k: int) -> Tensor:
    return torch.rot90(images, k, (-2, -1))


def turned_points(points: Tensor, k: int) -> Tensor:
    x, y, w = points.unbind(-1)
    for _ in range(k % 4):
        x, y = -y, x
    return torch.stack([x, y, w], -1)


NETWORKS = {
    "images": {
        "MLP": image_mlp,
        "CNN": image_cnn,
        "C4 group CNN": lambda: image_group_cnn(Cyclic(4), 10),
        "D4 group CNN": lambda: image_group_cnn(Dihedral(4), 7),
    },
    "points": {
        "MLP": lambda: nn.Sequential(nn.Flatten(), mlp([3 * N_POINTS, 52, 52, 10], "silu")),
        "DeepSets": DeepSets,
        "DeepSets x C4": lambda: DeepSets(turns=4),
        "distances, O(2)": Distances,
    },
}
TURNED = {"images": turned_images, "points": turned_points}
TRAINING = ("upright", "turned")
INVARIANT = {"C4 group CNN", "D4 group CNN", "DeepSets x C4", "distances, O(2)"}
"""What turns cannot change: these networks learn the same from turned digits, and are trained once."""
COLOURS = {
    "MLP": "#999999",
    "CNN": "#c2571a",
    "DeepSets": "#c2571a",
    "C4 group CNN": "#1f5fa8",
    "DeepSets x C4": "#1f5fa8",
}
COLOURS |= {"D4 group CNN": "#2a9d6f", "distances, O(2)": "#2a9d6f"}


# The experiment -------------------------------------------------------------------------------------------------------


def digits(signal: str) -> tuple[Tensor, Tensor]:
    """Return all 1797 digits as images or as point clouds, and what they are."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8) / 16
    if signal == "images":
        return torch.from_numpy(images[:, None]).float(), torch.from_numpy(labels)
    rng, clouds = np.random.default_rng(0), np.zeros((len(images), N_POINTS, 3))
    for cloud, image in zip(clouds, images, strict=True):
        row, column = np.nonzero(image > THRESHOLD)
        points = np.stack([(column - 3.5) / 3.5, (3.5 - row) / 3.5, image[row, column]], -1)
        cloud[: len(points)] = rng.permutation(points)  # a set has no order
    return torch.from_numpy(clouds).float(), torch.from_numpy(labels)


def one(signal: str, network: str, training: str, n_train: int, seed: int, steps: int) -> dict:
    """Train one network on one draw of the digits, and test it."""
    torch.set_num_threads(1)
    x, y = digits(signal)
    rest, test = train_test_split(np.arange(len(y)), test_size=500, stratify=y, random_state=0)
    chosen, _ = train_test_split(rest, train_size=n_train, stratify=y[rest], random_state=seed)
    torch.manual_seed(seed)
    model, turned, rng = NETWORKS[signal][network](), TURNED[signal], np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for _ in range(steps):
        batch = rng.choice(chosen, min(32, n_train), replace=False)
        inputs, labels = x[batch], y[batch]
        if training == "turned":  # each by its own turn
            places = torch.from_numpy(rng.integers(4, size=len(batch)))
            four = torch.stack([turned(inputs, k) for k in range(4)])
            inputs = four[places, torch.arange(len(batch))]
        loss = nn.functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        said = torch.stack([model(turned(x[test], k)).argmax(1) for k in range(4)])
    right, truth = said == y[test], y[test].expand(4, -1)
    alike = right | (torch.isin(said, torch.tensor([6, 9])) & torch.isin(truth, torch.tensor([6, 9])))
    return {
        "accuracy": right.double().mean().item(), "accuracy_6_is_9": alike.double().mean().item(),
        "accuracy_upright": right[0].double().mean().item(),
    }  # fmt: skip


def summary(key: tuple, runs: list[dict]) -> dict:
    """Return means and standard deviations over the seeds."""
    signal, network, training, n_train = key
    parameters = sum(p.numel() for p in NETWORKS[signal][network]().parameters())
    record = {
        "signal": signal, "network": network, "training": training, "n_train": n_train, "seeds": len(runs),
        "parameters": parameters,
    }  # fmt: skip
    for name in runs[0]:
        values = [run[name] for run in runs]
        record[name], record[f"{name}_std"] = round(float(np.mean(values)), 4), round(float(np.std(values)), 4)
    return record


def table(records: list[dict], measure: str, title: str) -> Table:
    sizes = sorted({r["n_train"] for r in records})
    found = Table("signal", "network", "parameters", "trained", *map(str, sizes), title=title)
    for signal, network, training in dict.fromkeys((r["signal"], r["network"], r["training"]) for r in records):
        row = [r for r in records if (r["signal"], r["network"], r["training"]) == (signal, network, training)]
        cells = {r["n_train"]: f"{100 * r[measure]:.1f} ± {100 * r[f'{measure}_std']:.1f}" for r in row}
        found.add_row(signal, network, f"{row[0]['parameters']:,}", training, *(cells.get(n, "") for n in sizes))
    return found


def draw(records: list[dict], path: Path) -> None:
    """Draw accuracy against the number of samples, a panel for each signal."""
    figure, panels = subplots(1, 2, figsize=(9.2, 3.9), sharey=True)
    titles = {"images": "digits as images of 8 x 8 pixels", "points": "digits as sets of weighted points"}
    for axes, signal in zip(panels, NETWORKS, strict=True):
        for network in NETWORKS[signal]:
            for training, style in zip(TRAINING, ("o-", "o--"), strict=True):
                rows = sorted(
                    (r["n_train"], 100 * r["accuracy"], 100 * r["accuracy_std"])
                    for r in records
                    if (r["signal"], r["network"], r["training"]) == (signal, network, training)
                )
                if rows:
                    n, mean, deviation = np.transpose(rows)
                    label = network if training == "upright" else None
                    axes.errorbar(
                        n, mean, deviation, fmt=style, color=COLOURS[network], label=label, markersize=4,
                        markerfacecolor=COLOURS[network] if training == "upright" else "white", elinewidth=1,
                    )  # fmt: skip
        sizes = sorted({r["n_train"] for r in records})
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{n}" for n in sizes])
        axes.minorticks_off()
        axes.set_ylim(0, 102)
        axes.set_xlabel("digits to learn from")
        axes.set_title(titles[signal], fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
        axes.legend(frameon=False, fontsize=9, loc="lower right" if signal == "images" else "upper left")
    panels[0].set_ylabel("% read right of unseen digits,\neach in its four turns by 90 degrees")
    words = (
        "solid: learned upright only; dashed: turned at random while learning; bars: standard deviation of the draws"
    )
    figure.supxlabel(words, fontsize=9, color="#555555")
    save(figure, path)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks blueprint", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 30, 100, 300, 1000], help="digits to learn from")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1200, help="of training, 32 digits each")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=DOCS, help="folder for blueprint.json and blueprint.svg")
    parser.add_argument("--no-files", action="store_true", help="print the tables only")
    given = parser.parse_args(argv)
    keys = [
        (signal, network, training, n)
        for signal, networks in NETWORKS.items()
        for network in networks
        for training in TRAINING[: 1 if network in INVARIANT else 2]
        for n in given.sizes
    ]
    work = [(*key, seed, given.steps) for key in keys for seed in range(given.seeds)]
    results = joblib.Parallel(n_jobs=given.jobs)(joblib.delayed(one)(*arguments) for arguments in work)
    records = [summary(key, results[i * given.seeds : (i + 1) * given.seeds]) for i, key in enumerate(keys)]
    console = Console()
    console.print(table(records, "accuracy", "Percent of turned digits read right"))
    console.print(table(records, "accuracy_6_is_9", "The same if 6 and 9 count as one class"))
    if not given.no_files:
        text = json.dumps(records, indent=1) + "\n"
        write_atomically(given.output / "blueprint.json", lambda temporary: temporary.write_text(text))
        draw(records, given.output / "blueprint.svg")
