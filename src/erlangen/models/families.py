"""The families of deep learning as instances of one blueprint: small working networks, each with its group.

==================  ====================  =======================================  ==================================
family              group                 layer                                    source
==================  ====================  =======================================  ==================================
MLP                 the trivial one       any                                      Rosenblatt 1958
CNN                 shifts of a torus     convolution                              LeCun et al. 1989
group CNN           C4, D4 on images      group convolution                        Cohen and Welling, 1602.07576
RNN                 shifts of time        recurrence with fading memory            Elman 1990
gated RNN           warps of time         gate that knows how fast time runs       Tallec and Ollivier, 1804.11188
GNN                 permutations          messages of neighbors                    Gilmer et al., 1704.01212
DeepSets            permutations          x_i A + mean(x) B                        Zaheer et al., 1703.06114
Transformer         permutations          attention without positions              Vaswani et al., 1706.03762
steerable           motions of space      tensor field network, l <= 2, gated      Thomas et al., 1802.08219
==================  ====================  =======================================  ==================================

Two are words only here. *Spherical* CNNs (Cohen et al., 1801.10130) are the group convolution with SO(3) for C4, on
signals on the sphere; the steerable row has their group and their features (spherical harmonics) on points. *Gauge
equivariant* and *mesh* networks (Cohen et al., 1902.04615; de Haan et al., 2003.05425) live on a curved surface, where
no direction is the same everywhere: features are written in a frame of the tangent plane at each place, the frame
can be chosen freely (a gauge, an element of SO(2) *at each place*), and the layer takes a neighbor's features through
parallel transport before its kernel sees them. The group then is a product of SO(2) over the places, and the
invariant pooling takes norms first.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from erlangen.arrays import array_namespace, generator
from erlangen.errors import InputError
from erlangen.nn.activations import mlp
from erlangen.symmetry import (
    Action,
    Blueprint,
    Break,
    Cyclic,
    Dihedral,
    Euclidean,
    GridShift,
    Group,
    Invariant,
    Permutation,
    Permute,
    Point,
    Roll,
    SpecialEuclidean,
    Steerable,
    TurnImage,
    solid_harmonics,
    wigner_3j,
)
from erlangen.symmetry.actions import like
from erlangen.symmetry.groups import Turn


def blueprints(random_state: int = 0) -> tuple[Blueprint, ...]:
    """Return every family in the blueprint, with random weights.

    Parameters
    ----------
    random_state : int
        Of the weights; torch's own generator stays as it is.

    Examples
    --------
    >>> from erlangen.symmetry import measure
    >>> sets = {family.name: family for family in blueprints()}["DeepSets"]
    >>> print(sets)
    DeepSets on set of 3-vectors, S: permute -> permute
    >>> measure(sets, samples=4).holds
    True
    """
    makers = (
        perceptron, convolutional, partial(group_convolutional, Cyclic(4)), partial(group_convolutional, Dihedral(4)),
        recurrent, gated_recurrent, message_passing, deep_sets, transformer, steerable,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_state)
        return tuple(make() for make in makers)


# Vectors: nothing moves -----------------------------------------------------------------------------------------------


def perceptron(size: int = 12, hidden: int = 32) -> Blueprint:
    """MLP: every coordinate has a meaning of its own, so that only the trivial group leaves signals alone."""
    return Blueprint(
        "MLP",
        "list of named numbers",
        Cyclic(1),
        Invariant(),
        Invariant(),
        mlp([size, hidden, size], "silu"),
        pooling=lambda x: x,
        breaks=(Break("numbers in another order", group=Permutation(), inputs=Permute(0), features=Permute(0)),),
        shape=(size,),
    )


# Images: shifts, turns, reflections -----------------------------------------------------------------------------------


def convolutional(channels: int = 6, pixels: int = 12) -> Blueprint:
    """CNN: on a torus every shift is respected; a border, or a stride, tells places apart."""

    def layers(padding: str, stride: int = 1) -> nn.Sequential:
        convolve = partial(nn.Conv2d, kernel_size=3, padding=1, padding_mode=padding)
        return nn.Sequential(convolve(2, channels), nn.SiLU(), convolve(channels, channels, stride=stride), nn.SiLU())

    torus, padded, strided = layers("circular"), layers("zeros"), layers("circular", 2)
    for other in (padded, strided):
        other.load_state_dict(torus.state_dict())
    return Blueprint(
        "CNN",
        "pixels of a torus",
        GridShift((pixels, pixels)),
        Roll(-2, -1),
        Roll(-2, -1),
        torus,
        pooling=lambda x: x.mean((-2, -1)),
        breaks=(Break("zero padding", padded), Break("stride 2, pooled", strided, pooled=True)),
        shape=(1, 2, pixels, pixels),
    )


@dataclass(frozen=True)
class TurnFeatures(Action):
    """Functions of a group element and a pixel, (..., |G|, h, w): [u f](g, x) = f(u^-1 g, u^-1 x).

    The regular representation, laid out as ``group.elements()`` lists them.

    Examples
    --------
    >>> TurnFeatures(Cyclic(4))(Cyclic(4).inverse(Cyclic(4).identity), np.zeros((4, 3, 3))).shape
    (4, 3, 3)
    """

    group: Dihedral

    def __call__(self, g: Any, x: Any) -> Any:
        """Turn every image, and move it to the place of its element."""
        sources = np.array(division_table(self.group)[element_index(self.group, g)])
        return TurnImage()(g, array_namespace(x).take(x, like(sources, x, integer=True), axis=x.ndim - 3))


def element_index(group: Dihedral, g: Turn) -> int:
    """Return the place of an element, also of one of a subgroup, in ``group.elements()``.

    Examples
    --------
    >>> element_index(Dihedral(4), Turn(1, False, order=2))
    2
    """
    here = Turn(g.step * group.n // g.order, g.flip, group.n)
    if group.n % g.order or here not in (elements := list(group.elements())):
        raise InputError(f"{g!r} is no element of {group}")
    return elements.index(here)


def division_table(group: Dihedral) -> list[list[int]]:
    """Return ``table[g][h]``, the place of g^-1 h.

    Examples
    --------
    >>> division_table(Cyclic(3))
    [[0, 1, 2], [2, 0, 1], [1, 2, 0]]
    """
    elements = list(group.elements())
    places = {element: place for place, element in enumerate(elements)}
    return [[places[group.compose(group.inverse(g), h)] for h in elements] for g in elements]


class GroupConvolution(nn.Module):
    """Convolution over a group of turns and reflections and over the pixels (Cohen and Welling, equations 10 and 11).

    ::

        lifting:  [f * psi](g, x) = sum_y  sum_k f_k(y)    psi_k(g^-1 (y - x))
        group:    [f * psi](g, x) = sum_hy sum_k f_k(h, y) psi_k(g^-1 h, g^-1 (y - x))

    Parameters
    ----------
    group : Cyclic or Dihedral
        With n of 1, 2 or 4: what pixels can do.
    n_in, n_out : int
        Channels; each holds one image for every element of the group.
    size : int
        Of the square filters; odd, unless there is no padding.
    lifting : bool
        Whether the input are plain images, (b, n_in, h, w); else (b, n_in, |G|, h, w).
    padding : {"circular", "zeros", "none"}
        Beyond the border; all keep the turns. With none the images shrink by ``size - 1``.

    Examples
    --------
    >>> lift = GroupConvolution(Dihedral(4), 1, 3, lifting=True)
    >>> GroupConvolution(Dihedral(4), 3, 5)(lift(torch.zeros(2, 1, 6, 6))).shape
    torch.Size([2, 5, 8, 6, 6])
    """

    def __init__(
        self, group: Dihedral, n_in: int, n_out: int, size: int = 3, lifting: bool = False, padding: str = "circular"
    ) -> None:
        super().__init__()
        if not isinstance(group, Dihedral) or 4 % group.n:
            raise InputError(f"group is Cyclic(n) or Dihedral(n) with n of 1, 2 or 4, got {group}")
        if padding not in ("circular", "zeros", "none"):
            raise InputError(f'padding is "circular", "zeros" or "none", got {padding!r}')
        if size % 2 == 0 and padding != "none":
            raise InputError(f'a filter of even size has no middle: size={size} needs padding="none"')
        self.order, self.padding = group.order, padding
        sheets = 1 if lifting else group.order
        scale = math.sqrt(2.0 / (n_in * sheets * size * size))
        self.weight = nn.Parameter(scale * torch.randn(n_out, n_in, sheets, size, size))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.register_buffer("source", turned_filters(group, size, lifting), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (b, n_out, |G|, h, w)."""
        n_out, n_in, sheets, size, _ = self.weight.shape
        # Filters for all g at once: one gather, since turning a filter only moves its entries.
        turned = self.weight.reshape(n_out, n_in, -1)[:, :, self.source]  # (n_out, n_in, |G|, sheets * size^2)
        filters = turned.movedim(2, 1).reshape(n_out * self.order, n_in * sheets, size, size)
        x = x.reshape(len(x), n_in * sheets, *x.shape[-2:])
        if self.padding != "none":
            x = nn.functional.pad(x, (size // 2,) * 4, mode={"zeros": "constant"}.get(self.padding, self.padding))
        y = nn.functional.conv2d(x, filters)
        return y.unflatten(1, (n_out, self.order)) + self.bias[:, None, None, None]


def turned_filters(group: Dihedral, size: int, lifting: bool) -> Tensor:
    """Return where the filter of each g finds its entries, (|G|, sheets * size^2): psi(g^-1 h, g^-1 y)."""
    pixels = np.arange(size * size).reshape(size, size)
    rows = []
    for g, sheets in zip(group.elements(), division_table(group), strict=True):
        here = TurnImage()(g, pixels).ravel()
        rows.append(here if lifting else np.concatenate([sheet * size * size + here for sheet in sheets]))
    return torch.from_numpy(np.stack(rows))


def group_convolutional(group: Dihedral, channels: int = 4, pixels: int = 8) -> Blueprint:
    """Group CNN: lifting convolution, group convolution, pooling over the group and the pixels."""
    layers = nn.Sequential(
        GroupConvolution(group, 2, channels, lifting=True),
        nn.SiLU(),
        GroupConvolution(group, channels, channels),
        nn.SiLU(),
    )
    larger = Dihedral(group.n)
    plain = nn.Sequential(
        nn.Conv2d(2, channels, 3, padding=1), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1), nn.SiLU()
    )
    averaged = nn.Sequential(plain, nn.Unflatten(1, (channels, 1)))
    breaks = [Break("filters that do not turn, pooled", averaged, pooled=True)]
    if group != larger:
        breaks.append(Break("reflections, pooled", group=larger, pooled=True))
    return Blueprint(
        f"group CNN, {group}",
        "square pixels",
        group,
        TurnImage(),
        TurnFeatures(group),
        layers,
        pooling=lambda x: x.mean((-3, -2, -1)),
        breaks=tuple(breaks),
        shape=(1, 2, pixels, pixels),
    )


# Time: shifts and warps -----------------------------------------------------------------------------------------------


class Recurrence(nn.Module):
    """h_t = tanh(x_t W + h_{t-1} U + b) with |U| = 1/2, on a loop of time: (T, n_in) -> (T, hidden).

    Its memory fades by half a step at least, so that the past is forgotten to the last bit of float64 after 64 steps.
    Whole laps of at least ``memory`` steps come first: the state is that of the loop heard for ever, which has no first
    step. ``from_rest`` starts with a state of zero at the first step instead, as is usual.

    Examples
    --------
    >>> Recurrence(3, 5)(torch.zeros(7, 3)).shape
    torch.Size([7, 5])
    """

    def __init__(self, n_in: int, hidden: int, memory: int = 64, from_rest: bool = False) -> None:
        super().__init__()
        self.read, self.carry = nn.Linear(n_in, hidden), nn.Linear(hidden, hidden, bias=False)
        self.memory, self.from_rest = memory, from_rest

    def forward(self, x: Tensor) -> Tensor:
        """Return the state after each step."""
        carry = 0.5 * self.carry.weight / torch.linalg.matrix_norm(self.carry.weight, 2)
        seen, h, states = self.read(x), x.new_zeros(len(self.carry.weight)), []
        before = 0 if self.from_rest else -(-self.memory // len(x)) * len(x)  # whole laps
        for t in range(before + len(x)):
            h = torch.tanh(seen[t % len(x)] + carry @ h)
            if t >= before:
                states.append(h)
        return torch.stack(states)


def recurrent(n_in: int = 2, hidden: int = 6, steps: int = 10) -> Blueprint:
    """RNN: a shift of what is heard is a shift of the state, unless there is a first step."""
    forever, started = Recurrence(n_in, hidden), Recurrence(n_in, hidden, from_rest=True)
    started.load_state_dict(forever.state_dict())
    return Blueprint(
        "RNN",
        "time, a loop heard for ever",
        GridShift(steps),
        Roll(0),
        Roll(0),
        forever,
        pooling=lambda h: h.mean(0),
        breaks=(Break("a start at rest", started),),
        shape=(steps, n_in),
    )


@dataclass(frozen=True)
class Warp:
    """Time runs slower: each step is held for some steps, drawn from the seeds in turn. One warp for every length."""

    seeds: tuple[int, ...] = ()

    def held(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which of ``length`` steps each new step holds, and its share of the time of that; 1 to 4 a seed."""
        origin, share = np.arange(length), np.ones(length)
        for seed in self.seeds:
            counts = np.random.default_rng([seed, len(origin)]).integers(1, 5, len(origin))
            origin, share = np.repeat(origin, counts), np.repeat(share / counts, counts)
        return origin, share

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON; ``four_held`` shows what happens to four steps."""
        return {"seeds": list(self.seeds), "four_held": self.held(4)[0].tolist()}


@dataclass(frozen=True)
class TimeWarps(Group):
    """Warps of sampled time that only slow it down: they compose, but no inverse can be had, so this is a monoid.

    Examples
    --------
    >>> TimeWarps().sample(0).held(3)[0]
    array([0, ..., 2])
    """

    def __str__(self) -> str:
        return "warps"

    @property
    def identity(self) -> Warp:
        """The warp that holds nothing."""
        return Warp()

    def sample(self, random_state: "int | np.random.Generator | None" = None) -> Warp:
        """Draw a warp."""
        return Warp((int(generator(random_state).integers(2**32)),))

    def compose(self, g: Warp, h: Warp) -> Warp:
        """Return *first h, then g*."""
        return Warp(h.seeds + g.seeds)

    def inverse(self, g: Warp) -> Warp:
        """Refuse: what was held for two steps may not have been one."""
        raise InputError("a warp of sampled time has no inverse among the warps")


@dataclass(frozen=True)
class Hold(Action):
    """What a warp does along axis 0: a signal is held; a ``clock`` (time a step takes) is shared; the end is marked.

    Examples
    --------
    >>> Hold("clock")(TimeWarps().sample(0), np.ones(3)).sum().round(12)
    np.float64(3.0)
    """

    what: str = "signal"

    def __call__(self, g: Warp, x: Any) -> Any:
        """Return the longer array."""
        origin, share = g.held(len(x))
        held = array_namespace(x).take(x, like(origin, x, integer=True), axis=0)
        if self.what == "clock":
            return held * like(share, x)
        if self.what == "mark":
            return held & like(np.append(origin[1:] > origin[:-1], True), x)
        return held

    def __str__(self) -> str:
        return f"hold({self.what})"


class GatedRecurrence(nn.Module):
    """h' = rate(x) (tanh(x W + b) - h), exact over each step: h = k h + (1 - k) tanh(x W + b), k = exp(-rate * clock).

    The gate of Tallec and Ollivier: where time runs k times slower, the rate is divided by k, and the class of networks
    goes into itself. With a signal that is held over its steps and a candidate that does not read the state this is
    exact, for any warp. ``reads_state`` adds h U to the candidate, as a GRU has it: the differential equation then is
    stepped and not solved, and the symmetry holds in the limit of small steps only. ``clock=False`` ignores the clock,
    ``gated=False`` is a plain tanh cell.

    Examples
    --------
    >>> cell = GatedRecurrence(2, 5)
    >>> cell(torch.zeros(4, 2), torch.ones(4), torch.tensor([False, True, False, True])).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, n_in: int, hidden: int, *, gated: bool = True, clock: bool = True, reads_state: bool = False
    ) -> None:
        super().__init__()
        self.gate, self.candidate = nn.Linear(n_in, hidden), nn.Linear(n_in, hidden)
        self.carry = nn.Linear(hidden, hidden, bias=False) if reads_state else None
        self.gated, self.clock = gated, clock

    def forward(self, signal: Tensor, clock: Tensor, marks: Tensor) -> Tensor:
        """Return the states at the marked steps: (T, n_in), (T,), (T,) -> (marked, hidden)."""
        time = clock[:, None] if self.clock else torch.ones_like(clock)[:, None]
        keep = torch.exp(-nn.functional.softplus(self.gate(signal)) * time)
        seen, h, states = self.candidate(signal), signal.new_zeros(self.candidate.out_features), []
        for t in range(len(signal)):
            heard = torch.tanh(seen[t] if self.carry is None else seen[t] + self.carry(h))
            h = keep[t] * h + (1 - keep[t]) * heard if self.gated else heard
            states.append(h)
        return torch.stack(states)[marks]


def gated_recurrent(n_in: int = 2, hidden: int = 6) -> Blueprint:
    """Gated RNN: the states at marked moments do not depend on how fast time ran between them."""
    cells = {
        "": GatedRecurrence(n_in, hidden),
        "plain tanh cell": GatedRecurrence(n_in, hidden, gated=False, reads_state=True),
        "gate without a clock": GatedRecurrence(n_in, hidden, clock=False),
        "candidate reads the state": GatedRecurrence(n_in, hidden, reads_state=True),
    }
    for cell in cells.values():
        cell.load_state_dict(cells[""].state_dict(), strict=False)  # two of them carry the state besides

    def draw(rng: np.random.Generator) -> dict:
        steps = int(rng.integers(2, 8))
        marks = rng.random(steps) < 0.5
        marks[-1] = True
        return {"signal": rng.normal(size=(steps, n_in)), "clock": rng.uniform(0.5, 2.0, steps), "marks": marks}

    return Blueprint(
        "gated RNN",
        "time, a held signal",
        TimeWarps(),
        {"signal": Hold(), "clock": Hold("clock"), "marks": Hold("mark")},
        Invariant(),
        cells.pop(""),
        pooling=lambda h: h[-1],
        breaks=tuple(Break(where, cell) for where, cell in cells.items()),
        draw=draw,
    )


# Graphs and sets: permutations ----------------------------------------------------------------------------------------


class MessagePassing(nn.Module):
    """x_i' = psi(x_i, sum_j a_ij phi(x_i, x_j)) of node features (n, d) and a dense adjacency matrix (n, n).

    ``numbered`` lets the messages read the number of the sender, as a network on a flattened matrix does.

    Examples
    --------
    >>> MessagePassing(4)(torch.zeros(3, 4), torch.ones(3, 3)).shape
    torch.Size([3, 4])
    """

    def __init__(self, features: int, numbered: bool = False) -> None:
        super().__init__()
        self.message = mlp([2 * features, features, features], "silu")
        self.update = mlp([2 * features, features, features], "silu")
        self.numbered = numbered

    def forward(self, features: Tensor, adjacency: Tensor) -> Tensor:
        """Return the new node features (n, d)."""
        n, width = features.shape
        receivers, senders = features[:, None].expand(n, n, width), features[None].expand(n, n, width)
        if self.numbered:
            senders = senders * torch.linspace(1, 2, n).to(features)[:, None]
        messages = self.message(torch.cat([receivers, senders], -1))
        return self.update(torch.cat([features, (adjacency[:, :, None] * messages).sum(1)], -1))


class Twice(nn.Module):
    """Two rounds of messages over the same edges."""

    def __init__(self, features: int, numbered: bool = False) -> None:
        super().__init__()
        self.rounds = nn.ModuleList(MessagePassing(features, numbered) for _ in range(2))

    def forward(self, features: Tensor, adjacency: Tensor) -> Tensor:
        """Return the new node features (n, d)."""
        for messages in self.rounds:
            features = features + messages(features, adjacency)
        return features


def message_passing(features: int = 6) -> Blueprint:
    """GNN: nodes have no numbers."""
    network, numbered = Twice(features), Twice(features, numbered=True)
    numbered.load_state_dict(network.state_dict())

    def draw(rng: np.random.Generator) -> dict:
        n = int(rng.integers(3, 10))
        upper = np.triu(rng.random((n, n)) < 0.5, 1).astype(np.float64)
        return {"features": rng.normal(size=(n, features)), "adjacency": upper + upper.T}

    return Blueprint(
        "GNN",
        "nodes of a graph",
        Permutation(),
        {"features": Permute(0), "adjacency": Permute(0, 1)},
        Permute(0),
        network,
        pooling=lambda x: x.sum(0),
        breaks=(Break("messages that read the number of a node", numbered),),
        draw=draw,
    )


class SetLayer(nn.Module):
    """x_i' = x_i A + mean_j x_j B + c, along the axis before the last.

    Examples
    --------
    >>> SetLayer(3, 5)(torch.zeros(7, 3)).shape
    torch.Size([7, 5])
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.own, self.shared = nn.Linear(n_in, n_out), nn.Linear(n_in, n_out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., n, n_out)."""
        return self.own(x) + self.shared(x.mean(-2, keepdim=True))


class AlongTheList(nn.Module):
    """A convolution along the list: (n, n_in) -> (n, n_out)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_in, n_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, n_out)."""
        return self.convolution(x.T[None])[0].T


def deep_sets(features: int = 3, hidden: int = 8) -> Blueprint:
    """DeepSets: elements have no order."""
    layers = nn.Sequential(SetLayer(features, hidden), nn.SiLU(), SetLayer(hidden, hidden), nn.SiLU())
    listed = nn.Sequential(AlongTheList(features, hidden), nn.SiLU(), AlongTheList(hidden, hidden), nn.SiLU())
    return Blueprint(
        "DeepSets",
        f"set of {features}-vectors",
        Permutation(),
        Permute(0),
        Permute(0),
        layers,
        pooling=lambda x: x.sum(0),
        breaks=(Break("a convolution along the list", listed),),
        shape=(None, features),
    )


class Encoder(nn.Module):
    """PyTorch's own encoder layer, after sines of the position if ``positions``: (n, width) -> (n, width).

    Examples
    --------
    >>> Encoder(8)(torch.zeros(5, 8)).shape
    torch.Size([5, 8])
    """

    def __init__(self, width: int, positions: bool = False) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0, batch_first=True)
        self.positions = positions

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width)."""
        return self.layer(x + sines(*x.shape).to(x) if self.positions else x)


def sines(length: int, width: int) -> Tensor:
    """Return the positional encoding of Vaswani et al., (length, width), in float64; the width is even."""
    angles = torch.arange(length, dtype=torch.float64)[:, None] * 1e4 ** (-torch.arange(0, width, 2) / width)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


def transformer(width: int = 8) -> Blueprint:
    """Self-attention: tokens are a set, until the positional encoding makes them a sequence."""
    network, positioned = Encoder(width), Encoder(width, positions=True)
    positioned.load_state_dict(network.state_dict())
    return Blueprint(
        "Transformer",
        "set of tokens",
        Permutation(),
        Permute(0),
        Permute(0),
        network,
        pooling=lambda x: x.mean(0),
        breaks=(Break("positional encoding", positioned),),
        shape=(None, width),
    )


# Space: rotations -----------------------------------------------------------------------------------------------------

DEGREES = (0, 1, 2)
_PLACES = tuple(slice(l * l, (l + 1) ** 2) for l in DEGREES)


def couplings() -> Tensor:
    """Return every coupling of two degrees to a third, l <= 2: (paths, 9, 9, 9), zero outside of its block.

    Examples
    --------
    >>> couplings().shape
    torch.Size([15, 9, 9, 9])
    """
    blocks = []
    for l1, l2, l3 in np.ndindex(3, 3, 3):
        if abs(l1 - l2) <= l3 <= l1 + l2:
            block = np.zeros((9, 9, 9))
            block[_PLACES[l1], _PLACES[l2], _PLACES[l3]] = math.sqrt(2 * l3 + 1) * wigner_3j(l1, l2, l3)
            blocks.append(block)
    return torch.from_numpy(np.stack(blocks))


class SteerableLayer(nn.Module):
    """m_i = sum_j sum_paths R_p(|r_ij|) (x_j Y(r_ij))_p, mixed channel by channel, then gated.

    Features are (n, channels, 9): degrees 0, 1 and 2. Scalars pass a SiLU, the others are scaled by sigmoids of
    scalars. ``componentwise`` puts a tanh on every component instead, as on plain numbers.

    Examples
    --------
    >>> SteerableLayer(4)(torch.zeros(3, 4, 9), torch.zeros(3, 3)).shape
    torch.Size([3, 4, 9])
    """

    def __init__(self, channels: int, componentwise: bool = False) -> None:
        super().__init__()
        self.coupling = couplings()  # no buffer: one that was float32 stays rounded when the network turns to float64
        self.radial = mlp([1, 16, len(self.coupling) * channels], "silu")
        self.mix = nn.Parameter(torch.randn(len(DEGREES), channels, channels) / math.sqrt(channels))
        self.gate = nn.Linear(channels, 2 * channels)
        self.componentwise = componentwise

    def forward(self, features: Tensor, positions: Tensor) -> Tensor:
        """Return (n, channels, 9)."""
        channels = features.shape[1]
        apart = positions[None] - positions[:, None]
        square = (apart * apart).sum(-1, keepdim=True)
        harmonics = solid_harmonics(2, apart / (1 + square).sqrt())  # no direction at zero, and no trouble there
        radial = self.radial(torch.exp(-square / 8)).unflatten(-1, (-1, channels))
        through = torch.einsum("ijb,pabd->ijpad", harmonics, self.coupling.to(features))
        moved = torch.einsum("ijpc,ijpad,jca->icd", radial, through, features) / math.sqrt(len(positions))
        mixed = [torch.einsum("icd,ce->ied", moved[..., place], w) for place, w in zip(_PLACES, self.mix, strict=True)]
        if self.componentwise:
            return torch.tanh(torch.cat(mixed, -1))
        scalars, (one, two) = mixed[0], torch.sigmoid(self.gate(mixed[0][..., 0])).chunk(2, -1)
        return torch.cat([nn.functional.silu(scalars), one[..., None] * mixed[1], two[..., None] * mixed[2]], -1)


class SteerableNetwork(nn.Module):
    """Two tensor field layers on points with charges: features as `Steerable` lays them out, (n, 9 channels).

    Examples
    --------
    >>> SteerableNetwork(2, 4)(torch.zeros(3, 3), torch.zeros(3, 2)).shape
    torch.Size([3, 36])
    """

    def __init__(self, n_charges: int, channels: int, componentwise: bool = False) -> None:
        super().__init__()
        self.embed = nn.Linear(n_charges, channels)
        self.layers = nn.ModuleList(SteerableLayer(channels, componentwise) for _ in range(2))

    def forward(self, positions: Tensor, charges: Tensor) -> Tensor:
        """Return scalars, then vectors, then degree 2, each channel by channel."""
        features = nn.functional.pad(self.embed(charges)[..., None], (0, 8))
        for layer in self.layers:
            features = features + layer(features, positions)
        return torch.cat([features[..., place].flatten(1) for place in _PLACES], -1)


def squared_lengths(features: Tensor) -> Tensor:
    """Return what rotations leave alone, scalars and squared lengths: (n, 9 channels) -> (n, 3 channels).

    Examples
    --------
    >>> squared_lengths(torch.ones(2, 9))
    tensor([[1., 3., 5.],
            [1., 3., 5.]])
    """
    scalars, vectors, tensors = features.tensor_split([features.shape[1] // 9, features.shape[1] // 9 * 4], 1)
    return torch.cat(
        [scalars, vectors.unflatten(1, (-1, 3)).square().sum(2), tensors.unflatten(1, (-1, 5)).square().sum(2)], 1
    )


def steerable(n_charges: int = 2, channels: int = 3) -> Blueprint:
    """Steerable network: motions of space; couplings such as the cross product know left from right."""
    network, componentwise = (SteerableNetwork(n_charges, channels, flag) for flag in (False, True))
    componentwise.load_state_dict(network.state_dict())
    return Blueprint(
        "steerable",
        "charged points in space",
        SpecialEuclidean(3) * Permutation(),
        {"positions": Point() * Permute(0), "charges": Invariant() * Permute(0)},
        Steerable(f"{channels}x0e + {channels}x1o + {channels}x2e") * Permute(0),
        network,
        pooling=lambda x: squared_lengths(x).sum(0),
        breaks=(
            Break("reflections", group=Euclidean(3) * Permutation()),
            Break("tanh of each component", componentwise),
        ),
        shape={"positions": (None, 3), "charges": (None, n_charges)},
    )
