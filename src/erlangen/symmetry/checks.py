"""Measuring symmetry: ``certify`` a claim, ``discover`` which claims hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from erlangen.arrays import generator
from erlangen.errors import InputError, ShapeError
from erlangen.symmetry.actions import Action, Invariant, Permute, Point, Pseudoscalar, Pseudovector, Tensor, Vector
from erlangen.symmetry.certificates import Certificate, Discovery, Finding, Measurement, Witness
from erlangen.symmetry.declaration import Probe, Symmetry, move
from erlangen.symmetry.groups import (
    Euclidean,
    Group,
    Isometries,
    Orthogonal,
    Permutation,
    SpecialEuclidean,
    SpecialOrthogonal,
    Translation,
)
from erlangen.symmetry.probing import Subject, as_numpy, cast, in_mode, same_randomness, subject_of

PRECISIONS = {"float64": np.float64, "float32": np.float32}
SAFETY = 16.0  # how many times the measured response to rounding is still called rounding


def certify(
    f: Any,
    group: Group | None = None,
    input: "Action | Mapping[str, Action] | None" = None,
    output: "Action | Mapping[str, Action] | None" = None,
    samples: int = 64,
    random_state: "int | np.random.Generator | None" = 0,
    *,
    draw: "Callable | Sequence | None" = None,
    shape: "tuple | Mapping[str, tuple] | None" = None,
    sizes: tuple[int, int] = (1, 16),
    arrays: str | None = None,
    scale: float = 0.0,
    precisions: Sequence[str] = ("float64", "float32"),
    modes: Sequence[str] = ("eval", "train"),
) -> Certificate:
    r"""Measure whether ``f(g x) = g f(x)``, on random group elements and inputs, in float64 and float32.

    Parameters
    ----------
    f : model, estimator or callable
        A model that has ``symmetry`` and ``symmetry_probe`` says everything itself. Anything with ``predict`` gets
        lists of one structure (an object with ``positions``). A callable gets arrays.
    group : Group, optional
        Needed unless f declares one. For a product that f declares, one of its factors will do.
    input, output : Action or dict of str to Action, optional
        How the group moves what goes in and what comes out, e.g. ``Point()`` and ``Invariant()``. A dict names the
        arguments of a callable, the array attributes of a structure, or the entries of a dict output.
    samples : int
        Pairs of a group element and an input, for each precision and mode.
    random_state : int, numpy.random.Generator or None
        The same number gives the same certificate.
    draw : callable or sequence, optional
        ``draw(rng)`` gives an input (array, dict of arrays, or structure); a sequence gives examples to choose from.
    shape : tuple or dict of str to tuple, optional
        Shape of a random normal input; None stands for a length that varies with the sample. By default point clouds
        of varying size, half of them far from the origin.
    sizes : (int, int)
        Smallest and largest varying length.
    arrays : {"numpy", "torch"}, optional
        What a callable wants; guessed: torch for a module or if ``draw`` gives tensors.
    scale : float
        A size of the output that counts, in its unit: errors are relative to at least this. Needed only for outputs
        that vanish by cancellation in most samples, which have no size of their own.
    precisions, modes : sequence of str
        What to measure. Modes matter to objects with ``train`` and ``training`` (an ``nn.Module``).

    Returns
    -------
    Certificate
        Errors, tolerances, verdict and the worst witness.

    Notes
    -----
    The *error* of a sample is ``max |f(g x) - g f(x)|`` over the entries of an output array, relative to the
    largest entry there (or in the median sample, if that is larger: a force that vanishes has no size of its own).

    The *tolerance* is what rounding explains, no more. Even a perfect f gets ``g x`` only rounded to the working
    precision, and rounds inside. Both errors act like a change of the input by a few units in the last place, so f
    itself is asked how it answers such changes, at ``x`` and at ``g x``: the tolerance is 16 times the largest
    answer seen for the sample (at least the median one over all samples), plus 16 eps. A deep network in float32
    thus gets the tolerance that its conditioning needs. In float64 rounding is so small that breaks of a relative
    size of 1e-10 show. No error above the cube root of eps (6e-6 in float64, 5e-3 in float32) is passed as rounding:
    if f is so ill conditioned that it may be, the row is "undecided" and the other precision has to decide.

    If f answers float64 input with float32 output, or demonstrably rounds its input to float32, then float32's
    tolerance applies in that row, and a note says so. If f refuses a precision, the row says "refused".
    An output that is not finite, or whose shape changes, breaks the claim.

    Before every evaluation torch's random generator is set to the same state (its own is restored), so that dropout
    draws the same mask for x and g x. In training mode a mask that breaks the symmetry (dropping one component of a
    vector, or, for permutations, one atom's feature) is thus found as a break; leave the mode out with
    ``modes=("eval",)`` if that is meant. Modes and buffers, such as running means, are restored.

    Examples
    --------
    >>> from erlangen.symmetry import Euclidean, Invariant, Point
    >>> def size(x):
    ...     return ((x - x.mean(axis=0)) ** 2).sum()
    >>> certify(size, Euclidean(3), input=Point(), output=Invariant(), samples=8).holds
    True
    >>> certify(lambda x: abs(x).max(), Euclidean(3), input=Point(), output=Invariant(), samples=8).holds
    False
    """
    subject = subject_of(f, group, input, output, draw, shape, sizes, arrays)
    return certify_subject(subject, samples, seed_of(random_state), precisions, modes, scale)


def seed_of(random_state: Any) -> int:
    """Return an integer that stands for ``random_state``: precisions and modes see the same samples."""
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    return int(generator(random_state).integers(2**32))


def certify_subject(
    subject: Subject, samples: int, seed: int, precisions: Sequence[str], modes: Sequence[str], scale: float = 0.0
) -> Certificate:
    """Measure a subject in every precision and mode."""
    if samples < 1:
        raise InputError(f"samples is at least 1, got {samples!r}")
    if not precisions or not set(precisions) <= set(PRECISIONS):
        raise InputError(f"precisions are some of {list(PRECISIONS)}, got {list(precisions)}")
    if not modes or not set(modes) <= {"eval", "train"}:
        raise InputError(f'modes are some of ["eval", "train"], got {list(modes)}')
    if not (np.isfinite(scale) and scale >= 0):
        raise InputError(f"scale is a size of the output, at least 0, got {scale!r}")
    measurements, refusals = [], []
    for mode in modes if subject.module is not None else ("",):
        for precision in precisions:
            with in_mode(subject.module, mode):
                try:
                    measurements.append(_measure(subject, precision, mode, samples, seed, scale))
                except InputError:
                    raise
                except Exception as refusal:
                    refusals.append(refusal)
                    note = f"refused: {type(refusal).__name__}: {str(refusal).splitlines()[0] if str(refusal) else ''}"
                    measurements.append(Measurement(precision, mode, None, 0.0, 0.0, 0.0, 0, None, (note,)))
    if len(refusals) == len(measurements):
        raise refusals[0]
    return Certificate(subject.name, str(subject.symmetry), tuple(measurements), seed)


@dataclass(frozen=True, eq=False)
class _Trial:
    """One output array of one sample."""

    error: float
    response: float  # largest answer to a change of the input by rounding
    scale: float
    witness: Witness


def _measure(subject: Subject, precision: str, mode: str, samples: int, seed: int, least_scale: float) -> Measurement:
    dtype = PRECISIONS[precision]
    effective, notes = _working_precision(subject, dtype, seed, min(samples, 5))
    epsilon = float(np.finfo(effective).eps)
    rng = np.random.default_rng([seed, 1])
    trials: list[_Trial] = []
    for _ in range(samples):
        probe, g = subject.probe(rng, dtype), subject.symmetry.group.sample(rng)
        trials += _trials(probe, subject.symmetry, g, epsilon, rng)
    usual_response = float(np.median([trial.response / trial.scale for trial in trials if trial.scale > 0] or [0.0]))
    usual_scale = float(np.median([trial.scale for trial in trials]))
    floor = max(usual_scale, least_scale, np.finfo(np.float64).tiny / epsilon)
    cap, rows = epsilon ** (1 / 3), []
    for trial in trials:
        scale = max(trial.scale, floor)  # an output that is zero up to rounding has no size of its own
        rounding = SAFETY * (max(trial.response, usual_response * trial.scale) / scale + epsilon)
        rows.append((trial.error / scale, rounding, trial.witness))
    largest = max(error for error, _, _ in rows)
    error, rounding, witness = max(rows, key=lambda row: row[0] / row[1])
    holds: bool | None = error <= rounding
    if holds and any(error > cap for error, _, _ in rows):
        error, rounding, witness = max(rows, key=lambda row: row[0])
        holds, notes = None, (*notes, f"too ill conditioned: rounding may cost {rounding:.1e}, more than {cap:.1e}")
    return Measurement(precision, mode, holds, error, min(rounding, cap), largest, samples, witness, notes)


def _working_precision(subject: Subject, dtype: type, seed: int, samples: int) -> tuple[type, tuple[str, ...]]:
    """Return the precision that f computes in, as it shows from outside, and what to note about it."""
    rng = np.random.default_rng([seed, 0])
    double = dtype is np.float64
    kinds, rounds, moves = set(), True, False
    for _ in range(samples):
        probe = subject.probe(rng, dtype)
        outputs = _evaluate(probe, probe.inputs)
        kinds |= {array.dtype.name for array in outputs.values()}
        if double and rounds:
            nudged = _nudged(probe.inputs, float(np.finfo(np.float32).eps), rng)  # no longer exact in float32
            after = _evaluate(probe, nudged)
            rounds = _same(after, _evaluate(probe, _rounded(nudged)))
            moves = moves or not _same(outputs, after)
    if double and "float32" in kinds:
        return np.float32, ("f returns float32 for float64 input: float32's tolerance applies",)
    if double and rounds and moves:
        return np.float32, ("f rounds its input to float32: float32's tolerance applies",)
    if not double and "float64" in kinds:
        return dtype, ("f returns float64 for float32 input",)
    return dtype, ()


def _rounded(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: cast(cast(array, np.float32), np.float64) for name, array in inputs.items()}


def _same(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


def _trials(probe: Probe, symmetry: Symmetry, g: Any, epsilon: float, rng: np.random.Generator) -> list[_Trial]:
    """Evaluate f at x, at g x and at rounding-size changes of both."""
    x = probe.inputs
    gx = _moved(symmetry.inputs, g, x)
    at_x, at_gx = _evaluate(probe, x), _evaluate(probe, gx)
    near = [(at_x, _evaluate(probe, _nudged(x, epsilon, rng))) for _ in range(2)]
    near += [(at_gx, _evaluate(probe, _nudged(gx, epsilon, rng))) for _ in range(2)]
    expected = _moved(symmetry.outputs, g, {name: _double(array) for name, array in at_x.items()})
    return [_trial(name, at_gx, expected, near, g, x) for name in at_x]


def _trial(name: str, at_gx: Mapping, expected: Mapping, near: list, g: Any, inputs: Mapping) -> _Trial:
    want = expected[name]
    if name not in at_gx or at_gx[name].shape != want.shape:
        got = f"shape {at_gx[name].shape}" if name in at_gx else "nothing"
        reason = f"the output {name or 'f'} has shape {want.shape} at x but {got} at g x"
        return _Trial(np.inf, 0.0, 1.0, Witness(g, inputs, name, None, None, reason))
    have = _double(at_gx[name])
    if not (np.isfinite(want).all() and np.isfinite(have).all()):
        reason = f"the output {name or 'f'} is not finite"
        return _Trial(np.inf, 0.0, 1.0, Witness(g, inputs, name, want, have, reason))
    responses = [_distance(after[name], before[name]) for before, after in near if name in after]
    scale = float(max(np.max(np.abs(want), initial=0.0), np.max(np.abs(have), initial=0.0)))
    return _Trial(_distance(have, want), max(responses), scale, Witness(g, inputs, name, want, have))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference; infinitely large differences say nothing about rounding, hence count as none."""
    if a.shape != b.shape:
        return 0.0
    difference = np.abs(_double(a) - _double(b))
    return float(np.max(difference, initial=0.0, where=np.isfinite(difference)))


def _double(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)


def _moved(actions: Any, g: Any, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Move in float64, then round to what came in: the rounding is part of what f has to bear."""
    if not isinstance(actions, Mapping):
        actions = dict.fromkeys(arrays, actions)
    doubles = {name: cast(array, np.float64) for name, array in arrays.items()}
    moved = move(actions, g, doubles)
    return {name: cast(array, arrays[name].dtype.type) for name, array in moved.items()}


def _nudged(inputs: Mapping[str, np.ndarray], epsilon: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Change every floating array by random rounding errors of its largest entry."""
    return {
        name: (array + epsilon * np.max(np.abs(array), initial=0.0) * rng.normal(size=array.shape)).astype(array.dtype)
        if array.dtype.kind == "f"
        else array
        for name, array in inputs.items()
    }


def _evaluate(probe: Probe, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Call the function on copies (it may write into them) and name its outputs."""
    with same_randomness():
        try:
            result = probe.function(**{name: array.copy() for name, array in inputs.items()})
        except Exception as error:
            shapes = ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in inputs.items())
            error.add_note(f"certify called f with {shapes}; sizes=, shape= or draw= restrict what it tries")
            raise
    if not isinstance(result, Mapping):
        result = {"": result}
    return {name: as_numpy(array) for name, array in result.items()}


def discover(
    f: Any,
    groups: "Sequence[Group | Symmetry] | None" = None,
    input: "Action | Mapping[str, Action] | None" = None,
    output: "Action | Mapping[str, Action] | None" = None,
    samples: int = 16,
    random_state: "int | np.random.Generator | None" = 0,
    **options: Any,
) -> Discovery:
    """Find out which groups f respects, and how its output moves.

    Parameters
    ----------
    f : model, estimator or callable
        As for `certify`.
    groups : sequence of Group or Symmetry, optional
        Candidates; by default translations, rotations, reflections and their combinations in three dimensions, and
        permutations. A ``Symmetry`` states actions of its own.
    input, output : Action or dict of str to Action, optional
        How isometries move the input (``Point()`` if not said) and the output; without ``output`` every usual action
        whose shape fits is tried, and the first that holds is reported.
    samples, random_state, **options
        As for `certify`.

    Examples
    --------
    >>> def gyration(x):
    ...     return ((x - x.mean(axis=0)) ** 2).sum()
    >>> discover(gyration, samples=4).groups
    ('T(3)', 'SO(3)', 'O(3)', 'SE(3)', 'E(3)', 'S')
    """
    declared = hasattr(f, "symmetry") and hasattr(f, "symmetry_probe") and input is None
    if groups is None:
        groups = [kind(3) for kind in (Translation, SpecialOrthogonal, Orthogonal, SpecialEuclidean, Euclidean)]
        groups += [] if declared or isinstance(input, Mapping) else [Permutation()]
    seed, findings = seed_of(random_state), []
    for candidate in groups:
        claims = [candidate] if isinstance(candidate, Symmetry) else _claims(candidate, input, output, declared)
        findings.append(_best(f, claims, samples, seed, options))
    return Discovery(getattr(f, "__name__", None) or type(f).__name__, tuple(findings))


def _claims(group: Group, inputs: Any, outputs: Any, declared: bool) -> list[Symmetry]:
    """Return the claims worth trying for a group, the plainest first."""
    if declared:
        return [Symmetry(group, None, outputs)]
    if isinstance(group, Permutation) and (inputs is None or not _permutes(inputs)):
        return [Symmetry(group, Permute(0), action) for action in (Invariant(), Permute(0))]
    if inputs is None and not isinstance(group, Isometries):
        raise InputError(f"say input= for {group}, or give a Symmetry: it can act in several ways")
    inputs = Point() if inputs is None else inputs
    if outputs is not None:
        return [Symmetry(group, inputs, outputs)]
    candidates = [Invariant(), Vector(), Point(), Pseudovector(), Tensor(2)]
    if not isinstance(group, Isometries):
        candidates = [Invariant(), inputs]
    elif group.reflects:
        candidates.insert(1, Pseudoscalar(group.n))
    return [Symmetry(group, inputs, action) for action in candidates]


def _permutes(inputs: Any) -> bool:
    actions = inputs.values() if isinstance(inputs, Mapping) else [inputs]
    return any(isinstance(action, Permute) for action in actions)


def _best(f: Any, claims: Sequence[Symmetry], samples: int, seed: int, options: Mapping) -> Finding:
    """Return the first claim that holds, else the one that fails least."""
    tried: list[Finding] = []
    for claim in claims:
        shape = {"shape": (None, 3)} if isinstance(claim.inputs, Permute) else {}
        try:
            certificate = certify(f, claim.group, claim.inputs, claim.outputs, samples, seed, **{**shape, **options})
        except ShapeError:
            if len(claims) == 1:
                raise
            continue
        tried.append(Finding(str(claim.group), certificate.claim.split(" -> ")[-1], certificate))
        if certificate.holds:
            return tried[-1]
    return min(tried, key=lambda finding: finding.certificate.error)
