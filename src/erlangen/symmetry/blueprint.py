"""The Erlangen programme as one record: domain, group, action, equivariant layer, invariant pooling.

Felix Klein (1872): a geometry is the study of what a group of transformations leaves unchanged. Bronstein, Bruna, Cohen
and Velickovic (2104.13478) read neural networks the same way: signals on a domain, a group that moves the domain and
hence the signals, layers f with f(g x) = g f(x), and a pooling whose value no g changes. `Blueprint` writes that
down for one family of networks, `measure` puts it to the test, together with the places where the family is said to
fail. The families themselves, as small working networks, are in `erlangen.models.families`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from erlangen.errors import InputError
from erlangen.symmetry.actions import Action, Invariant
from erlangen.symmetry.certificates import Certificate
from erlangen.symmetry.checks import certify_subject, seed_of
from erlangen.symmetry.declaration import Probe, Symmetry
from erlangen.symmetry.groups import Group
from erlangen.symmetry.probing import Subject, subject_of

COLUMNS = ("family", "domain", "group", "layer", "pooled", "where it breaks")
"""What `Measured.row` holds; errors are those of the first precision, relative to the size of the output."""


@dataclass(frozen=True, eq=False)
class Break:
    """A change of a blueprint after which its claim must fail; what is None stays as the blueprint has it.

    Parameters
    ----------
    where : str
        In words: "zero padding", "reflections".
    layer : callable, optional
        Another layer under the same claim.
    group, inputs, features : optional
        A larger group, or another action, for the same layer.
    pooled : bool
        Whether the claim is that of the pooled output, hence an invariance.
    """

    where: str
    layer: Callable | None = None
    group: Group | None = None
    inputs: Action | Mapping[str, Action] | None = None
    features: Action | Mapping[str, Action] | None = None
    pooled: bool = False


@dataclass(frozen=True, eq=False)
class Blueprint:
    """One family of networks in the words of the Erlangen programme.

    Parameters
    ----------
    name : str
        Of the family.
    domain : str
        What the signals live on, in words.
    group : Group
        What moves the domain.
    inputs, features : Action or dict of str to Action
        How the group moves signals, and what the layer makes of them; as in `Symmetry`.
    layer : callable
        Equivariant: ``layer(x)`` (or ``layer(**arrays)`` if ``inputs`` names several) of NumPy arrays, or of tensors
        if it is an ``nn.Module``.
    pooling : callable
        Invariant: ``pooling(layer(x))``, without parameters of its own.
    breaks : tuple of Break
        Where the family is said to fail.
    draw, shape, sizes
        What signals to try; as for `certify`.

    Examples
    --------
    Differences along a ring know no place on it, until the ring is cut.

    >>> from erlangen.symmetry import GridShift, Roll
    >>> ring = Blueprint(
    ...     "differences", "ring of 8 places", GridShift(8), Roll(), Roll(),
    ...     layer=lambda x: x - np.roll(x, 1), pooling=lambda x: (x * x).sum(),
    ...     breaks=(Break("a cut", layer=lambda x: np.diff(x, prepend=0.0)),),
    ... )
    >>> measured = measure(ring, samples=4)
    >>> measured.holds, measured.breaks[0][1].holds
    (True, False)
    """

    name: str
    domain: str
    group: Group
    inputs: Action | Mapping[str, Action]
    features: Action | Mapping[str, Action]
    layer: Callable
    pooling: Callable
    breaks: tuple[Break, ...] = ()
    draw: Callable | Sequence | None = None
    shape: tuple | Mapping[str, tuple] | None = None
    sizes: tuple[int, int] = (2, 9)

    def __post_init__(self) -> None:
        if not (callable(self.layer) and callable(self.pooling)):
            raise InputError(f"layer and pooling of {self.name} are functions, got {self.layer!r}, {self.pooling!r}")

    def __str__(self) -> str:
        return f"{self.name} on {self.domain}, {self.symmetry}"

    @property
    def symmetry(self) -> Symmetry:
        """The claim of the layer."""
        return Symmetry(self.group, self.inputs, self.features)

    def broken(self, change: Break) -> "Blueprint":
        """Return the blueprint with one of its breaks made."""
        changes = {name: getattr(change, name) for name in ("layer", "group", "inputs", "features")}
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


@dataclass(frozen=True, eq=False)
class Measured:
    """What `measure` found: two certificates that should hold, and one that should not for each break."""

    name: str
    domain: str
    group: str
    equivariance: Certificate
    invariance: Certificate
    breaks: tuple[tuple[str, Certificate], ...]

    @property
    def holds(self) -> bool:
        """Whether both claims hold and every break was seen to be one."""
        return all((self.equivariance, self.invariance)) and all(c.verdict == "BROKEN" for _, c in self.breaks)

    @property
    def row(self) -> tuple[str, ...]:
        """One row of a table: `COLUMNS` in words; what is not as it should be has an exclamation mark."""
        claims = [f"{_error(c)}{'' if c.holds else ' !'}" for c in (self.equivariance, self.invariance)]
        breaks = [f"{where} {_error(c)}{'' if c.verdict == 'BROKEN' else ' !'}" for where, c in self.breaks]
        return (self.name, self.domain, self.group, *claims, ", ".join(breaks))

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON; the witnesses stay with the certificates."""
        return {
            "family": self.name,
            "domain": self.domain,
            "group": self.group,
            "holds": self.holds,
            "equivariance": _summary(self.equivariance),
            "invariance": _summary(self.invariance),
            "breaks": [{"where": where, **_summary(certificate)} for where, certificate in self.breaks],
        }


def _error(certificate: Certificate) -> str:
    error = certificate.measurements[0].error
    return f"{error:.0e}" if error else "0"


def _summary(certificate: Certificate) -> dict:
    record = certificate.to_dict()
    for measurement in record["measurements"]:
        del measurement["witness"]
    return {"claim": record["claim"], "verdict": certificate.verdict, "measurements": record["measurements"]}


def measure(
    blueprint: Blueprint,
    samples: int = 16,
    random_state: "int | np.random.Generator | None" = 0,
    precisions: Sequence[str] = ("float64",),
) -> Measured:
    """Certify the layer, the pooled output, and that each break is one.

    Parameters
    ----------
    blueprint : Blueprint
    samples, random_state, precisions
        As for `certify`; modules are measured in evaluation mode.

    Returns
    -------
    Measured

    Examples
    --------
    >>> from erlangen.symmetry import Permutation, Permute
    >>> centred = Blueprint(
    ...     "centred", "set", Permutation(), Permute(0), Permute(0), lambda x: x - x.mean(0), lambda x: x.max(0),
    ...     breaks=(Break("sums from the front", layer=lambda x: x.cumsum(0)),), shape=(None, 3),
    ... )
    >>> print(table([measure(centred, samples=4)]).splitlines()[0])
    family   domain  group  layer  pooled  where it breaks
    >>> measure(centred, samples=4).holds
    True
    """
    settings = samples, seed_of(random_state), precisions, ("eval",)
    breaks = [
        (change.where, certify_subject(_subject(blueprint.broken(change), change.pooled), *settings))
        for change in blueprint.breaks
    ]
    equivariance, invariance = (certify_subject(_subject(blueprint, pooled), *settings) for pooled in (False, True))
    group = str(blueprint.group)
    return Measured(blueprint.name, blueprint.domain, group, equivariance, invariance, tuple(breaks))


def _subject(blueprint: Blueprint, pooled: bool) -> Subject:
    """Return the layer under its claim, or what is pooled of it under that of invariance."""
    claim, given = blueprint.symmetry, (blueprint.draw, blueprint.shape, blueprint.sizes, None)
    subject = replace(
        subject_of(blueprint.layer, claim.group, claim.inputs, claim.outputs, *given), name=str(blueprint)
    )
    if not pooled:
        return subject

    def probe(rng: np.random.Generator, dtype: type) -> Probe:
        inner = subject.probe(rng, dtype)  # holds the layer's copy in the asked precision
        return Probe(inner.inputs, lambda **arrays: blueprint.pooling(inner.function(**arrays)))

    return replace(
        subject,
        name=f"{blueprint.name}, pooled",
        symmetry=Symmetry(blueprint.group, blueprint.inputs, Invariant()),
        probe=probe,
    )


def table(measured: Iterable[Measured]) -> str:
    """Return the programme as text: a row for each family; errors are relative, a ``!`` marks what should not be.

    Parameters
    ----------
    measured : iterable of Measured
        From `measure`.

    Examples
    --------
    >>> table([])
    'family  domain  group  layer  pooled  where it breaks'
    """
    rows = [COLUMNS, *(record.row for record in measured)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS) - 1)]
    return "\n".join("  ".join([*map(str.ljust, row[:-1], widths), row[-1]]).rstrip() for row in rows)
