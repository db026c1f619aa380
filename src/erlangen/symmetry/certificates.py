"""What a measurement of symmetry leaves behind: records with a readable ``str`` and a ``to_dict`` for JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Witness:
    """The group element and the input that broke the claim most, and what came of them."""

    element: Any
    inputs: Mapping[str, np.ndarray]
    output: str  # name of the output array; "" if there is only one
    expected: np.ndarray | None  # g f(x)
    got: np.ndarray | None  # f(g x)
    reason: str = ""  # why there is no number, e.g. an output that is not finite

    def __str__(self) -> str:
        shapes = ", ".join(f"{name} {np.shape(array)}" for name, array in self.inputs.items())
        lines = [f"input {shapes}", f"g = {_short(self.element.to_dict())}"]
        if self.reason:
            lines.append(self.reason)
        if self.expected is not None and self.got is not None:
            label = f" [{self.output}]" if self.output else ""
            lines.append(f"g f(x){label} = {_few(self.expected)}, f(g x){label} = {_few(self.got)}")
        return "\n  ".join(lines)

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON; what is not finite is written as text."""
        return {
            "element": _plain(self.element.to_dict()),
            "inputs": {name: _plain(array) for name, array in self.inputs.items()},
            "output": self.output,
            "expected": _plain(self.expected),
            "got": _plain(self.got),
            "reason": self.reason,
        }


@dataclass(frozen=True, eq=False)
class Measurement:
    """The outcome in one precision and one mode; ``holds`` is None where nothing could be decided (``notes`` say why).

    ``error`` and ``tolerance`` are those of the worst witness, the sample whose error exceeds its tolerance most;
    ``largest_error`` is over all samples. All are relative to the size of the output.
    """

    precision: str
    mode: str
    holds: bool | None
    error: float
    tolerance: float
    largest_error: float
    samples: int
    witness: Witness | None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON."""
        return {
            "precision": self.precision,
            "mode": self.mode,
            "holds": self.holds,
            "error": _plain(self.error),
            "tolerance": _plain(self.tolerance),
            "largest_error": _plain(self.largest_error),
            "samples": self.samples,
            "witness": self.witness.to_dict() if self.witness else None,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class Certificate:
    """Whether f(g x) = g f(x) held, to which error, and where it was worst. True in a condition if it held.

    A certificate is a measurement on finitely many samples, not a proof: a break on a set that the samples miss
    goes unseen.
    """

    function: str
    claim: str
    measurements: tuple[Measurement, ...]
    random_state: int

    def __bool__(self) -> bool:
        return self.holds

    @property
    def holds(self) -> bool:
        """Whether the claim held wherever it could be decided, and it could be somewhere."""
        verdicts = [m.holds for m in self.measurements if m.holds is not None]
        return bool(verdicts) and all(verdicts)

    @property
    def verdict(self) -> str:
        """HOLDS, BROKEN, or UNDECIDED if f is too ill conditioned in every precision."""
        if self.holds:
            return "HOLDS"
        return "BROKEN" if any(m.holds is False for m in self.measurements) else "UNDECIDED"

    @property
    def worst(self) -> Measurement:
        """The measurement whose error exceeds its tolerance most."""
        decided = [m for m in self.measurements if m.holds is not None]
        return max(decided or [m for m in self.measurements if m.samples], key=lambda m: m.error / m.tolerance)

    @property
    def error(self) -> float:
        """Relative error of the worst measurement."""
        return self.worst.error

    @property
    def tolerance(self) -> float:
        """Relative error that rounding explains, in the worst measurement."""
        return self.worst.tolerance

    @property
    def witness(self) -> Witness | None:
        """Group element and input of the worst measurement."""
        return self.worst.witness

    def __str__(self) -> str:
        lines = [f"{self.function}: {self.verdict}  {self.claim}"]
        lines.append(f"  {'precision':<10}{'mode':<7}{'error':<10}{'tolerance':<11}{'samples':<9}verdict")
        for m in self.measurements:
            numbers = f"{m.error:<10.1e}{m.tolerance:<11.1e}{m.samples:<9}" if m.samples else f"{'-':<30}"
            verdict = {True: "holds", False: "broken", None: "undecided" if m.samples else "refused"}[m.holds]
            lines.append(f"  {m.precision:<10}{m.mode or '-':<7}{numbers}{verdict}")
        notes = dict.fromkeys(f"  note: {m.precision}: {note}" for m in self.measurements for note in m.notes)
        lines.extend(notes)
        if self.witness:
            lines.append(f"  worst witness ({self.worst.precision}):\n  {self.witness}")
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON."""
        return {
            "function": self.function,
            "claim": self.claim,
            "holds": self.holds,
            "error": _plain(self.error),
            "tolerance": _plain(self.tolerance),
            "random_state": self.random_state,
            "measurements": [m.to_dict() for m in self.measurements],
        }


@dataclass(frozen=True, eq=False)
class Finding:
    """One row of a discovery: a candidate group, how the output moves, and the certificate of that claim."""

    group: str
    output: str
    certificate: Certificate


@dataclass(frozen=True, eq=False)
class Discovery:
    """Which of the candidate groups a function respects."""

    function: str
    findings: tuple[Finding, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that the function respects."""
        return tuple(finding.group for finding in self.findings if finding.certificate.holds)

    def __str__(self) -> str:
        lines = [self.function, f"  {'group':<12}{'output':<22}{'error':<10}{'tolerance':<11}verdict"]
        for f in self.findings:
            c = f.certificate
            verdict = "respected" if c.holds else "broken"
            lines.append(f"  {f.group:<12}{f.output:<22}{c.error:<10.1e}{c.tolerance:<11.1e}{verdict}")
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Return plain numbers, for JSON."""
        rows = [{"group": f.group, "output": f.output, **f.certificate.to_dict()} for f in self.findings]
        return {"function": self.function, "groups": list(self.groups), "findings": rows}


def _plain(value: Any) -> Any:
    """Numbers and lists that strict JSON can hold: what is not finite becomes text."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _few(array: np.ndarray, count: int = 4) -> str:
    values = np.ravel(array)
    return "[" + ", ".join(f"{value:.6g}" for value in values[:count]) + (", ...]" if values.size > count else "]")


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_short, value)) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
