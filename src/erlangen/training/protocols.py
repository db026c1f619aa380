"""How the authors of each network train it: what ``erlangen train --preset paper`` does where nothing else is asked."""

from dataclasses import dataclass

from erlangen.errors import InputError

_DECAY = "the learning rate falls linearly to zero over the epochs"
_ADAMW = "AdamW without weight decay"


@dataclass(frozen=True)
class Protocol:
    """A training protocol, as far as the loop of `erlangen.training` has it.

    Attributes
    ----------
    batch_size : int
    learning_rate : float
        Where it starts.
    epochs : int
        Passes over the training set; where the authors count steps, the passes that these make.
    n_train, n_valid : int
        How many molecules of QM9 are learned from and watched.
    ema : float or None
        Decay of the running average of the weights.
    clip : float or None
        Bound on the gradient's norm.
    warmup : int
        Steps over which the learning rate rises.
    loss : {"mae", "mse"}
    source : str
        Whose protocol this is, and where it was read; "from memory" where it could not be.
    differences : tuple of str
        What the authors do that the loop does not, or does in another way.

    Examples
    --------
    >>> protocol("dimenet++").batch_size
    32
    """

    batch_size: int
    learning_rate: float
    epochs: int
    n_train: int
    n_valid: int
    ema: float | None
    clip: float | None
    warmup: int
    loss: str
    source: str
    differences: tuple[str, ...]


# A warm-up of one step is none.
PROTOCOLS = {
    "schnet": Protocol(
        batch_size=100, learning_rate=5e-4, epochs=1_000, n_train=110_000, n_valid=10_000, ema=0.995, clip=None,
        warmup=1, loss="mse", source="SchNetPack 2's configuration for QM9; the number of epochs is ours",
        differences=(
            f"{_DECAY}, where theirs is halved after 75 epochs without progress and the run ends after 200",
        ),
    ),
    "physnet": Protocol(
        batch_size=32, learning_rate=1e-3, epochs=2_909, n_train=110_000, n_valid=10_000, ema=0.999, clip=1_000.0,
        warmup=1, loss="mae", source="MMunibas/PhysNet's config.txt, 10 million steps; the split is from memory",
        differences=(
            f"{_ADAMW} instead of AMSGrad",
            f"{_DECAY}, where theirs is a tenth at the end",
            "one network instead of an ensemble of five, and no charge for non-hierarchical outputs",
        ),
    ),
    "dimenet++": Protocol(
        batch_size=32, learning_rate=1e-3, epochs=873, n_train=110_000, n_valid=10_000, ema=0.999, clip=10.0,
        warmup=3_000, loss="mae", source="gasteigerjo/dimenet's config_pp.yaml, 3 million steps",
        differences=(
            f"{_ADAMW} instead of AMSGrad",
            f"{_DECAY}, where theirs falls exponentially, to 0.01 in 4 million steps",
            "the last layer starts at random for every target; theirs at zero for mu, homo, lumo and zpve",
        ),
    ),
    "egnn": Protocol(
        batch_size=96, learning_rate=5e-4, epochs=1_000, n_train=100_000, n_valid=17_748, ema=None, clip=None,
        warmup=1, loss="mae", source="vgsatorras/egnn's main_qm9.py",
        differences=(
            f"{_DECAY}, where theirs is a cosine that they step three times an epoch",
            "for gap, homo and lumo theirs starts at 0.001: --learning-rate 1e-3",
        ),
    ),
    "radial_field": Protocol(
        batch_size=100, learning_rate=2e-4, epochs=10_000, n_train=3_000, n_valid=2_000, ema=None, clip=None,
        warmup=1, loss="mse", source="vgsatorras/egnn's n-body systems; batch, epochs and validation are from memory",
        differences=(
            "the paper has no molecules: its task is where charged particles go (python -m benchmarks nbody)",
            f"{_DECAY}, where theirs is constant",
        ),
    ),
    "painn": Protocol(
        batch_size=100, learning_rate=5e-4, epochs=1_000, n_train=110_000, n_valid=10_000, ema=0.995, clip=None,
        warmup=1, loss="mse", source="SchNetPack 2's configuration for QM9; the number of epochs is ours",
        differences=(
            f"{_ADAMW}; the paper's is 0.01, from memory",
            f"{_DECAY}, where theirs is halved when there is no progress",
        ),
    ),
    "tensor_field": Protocol(
        batch_size=32, learning_rate=1e-3, epochs=100, n_train=100_000, n_valid=17_748, ema=None, clip=None,
        warmup=1, loss="mae",
        source="the baseline in FabianFuchsML/se3-transformer-public; the split is from memory",
        differences=(
            f"{_DECAY}, where theirs is a cosine down to a tenth",
            "no rotations of the molecules: the network gives the same for all of them",
        ),
    ),
    "cormorant": Protocol(
        batch_size=25, learning_rate=1e-3, epochs=255, n_train=100_000, n_valid=17_748, ema=None, clip=None,
        warmup=1, loss="mse", source="risilab/cormorant's engine/args.py",
        differences=(
            f"{_ADAMW} instead of AMSGrad",
            f"{_DECAY}, where theirs is a cosine down to a hundredth",
        ),
    ),
    "se3_transformer": Protocol(
        batch_size=32, learning_rate=1e-3, epochs=100, n_train=100_000, n_valid=17_748, ema=None, clip=None,
        warmup=1, loss="mae", source="FabianFuchsML/se3-transformer-public's README; the split is from memory",
        differences=(
            f"{_DECAY}, where theirs is a cosine down to a tenth",
            "no rotations of the molecules: the network gives the same for all of them",
        ),
    ),
    "mace": Protocol(
        batch_size=10, learning_rate=1e-2, epochs=2_048, n_train=110_000, n_valid=10_000, ema=0.99, clip=10.0,
        warmup=1, loss="mse", source="ACEsuit/mace's arg_parser.py, which is not about QM9; the split is from memory",
        differences=(
            f"{_ADAMW} instead of AMSGrad with 5e-7",
            f"{_DECAY}, where theirs is multiplied by 0.8 after 50 epochs without progress",
            "energies alone: QM9 has no forces",
        ),
    ),
}  # fmt: skip
"""By the model's name; `density` is ours, and has no paper."""


def protocol(model: str) -> Protocol:
    """Return the protocol of a model.

    Raises
    ------
    InputError
        If it has none.

    Examples
    --------
    >>> protocol("cormorant").epochs
    255
    """
    if model not in PROTOCOLS:
        raise InputError(
            f"no paper says how to train {model!r}; leave --preset paper out, or take one of {', '.join(PROTOCOLS)}"
        )
    return PROTOCOLS[model]
