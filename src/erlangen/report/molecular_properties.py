"""How a network learned a property of molecules, as a page."""

import json
import shlex

import numpy as np

from erlangen.applications import MolecularPropertyConfig, MolecularPropertyResult
from erlangen.datasets import QM9_TARGETS
from erlangen.plotting import (
    certificate_errors,
    error_by_size,
    error_histogram,
    error_unit,
    learning_curve,
    molecule_scene,
    parity,
)
from erlangen.report import elements
from erlangen.report.page import Document, Section
from erlangen.symmetry import Certificate
from erlangen.units import CHEMICAL_ACCURACY

_SHOWN = 6  # of the worst molecules


def document(result: MolecularPropertyResult) -> Document:
    """Return what the page of a result says."""
    metrics = result.metrics()
    description = QM9_TARGETS[result.config.target].description
    return Document(
        title=f"QM9 {result.config.target}: {description}",
        lead=(
            f"A {metrics['model']} network of {metrics['parameters']:,} parameters learned it from the geometries of "
            f"{metrics['n_train']:,} molecules in {metrics['training_s']:.0f} s and was tested on "
            f"{metrics['n_test']:,} that it had never seen."
        ),
        sections=(
            Section("Summary", _summary(result, metrics)),
            Section("Learning curve", _learning(result)),
            Section("Predictions", _predictions(result)),
            Section("Error by size", _sizes(result)),
            Section("Worst molecules", _worst(result)),
            Section("Symmetry certificate", _certificate(result)),
            Section("How to reproduce", _reproduce(result, metrics)),
        ),
    )


def _error(name: str, value: float, unit: str) -> str:
    factor, shown = error_unit(unit)
    return elements.figure_of(name, value, f"{elements.significant(factor * value)} {shown}")


def _count(name: str, value: int) -> str:
    return elements.figure_of(name, value, f"{value:,}")


def _summary(result: MolecularPropertyResult, metrics: dict) -> str:
    mae, baseline, unit = metrics["test_mae"], metrics["baseline_mae"], metrics["unit"]
    holds = metrics["certificate"]["holds"]
    better = f"{baseline / mae:.1f} times below the composition alone" if mae > 0 else "no error"
    accurate = unit == "eV" and mae <= CHEMICAL_ACCURACY
    cards = [
        ("Test error (MAE)", _error("test_mae", mae, unit), better, "good" if accurate else ""),
        ("Symmetry certificate", _verdict(holds), str(result.regressor.symmetry.group), "good" if holds else "bad"),
        (
            "Inference",
            elements.figure_of(
                "inference_ms_per_molecule",
                metrics["inference_ms_per_molecule"],
                f"{elements.significant(metrics['inference_ms_per_molecule'], 3)} ms",
            ),
            "a molecule, neighbor lists included",
            "",
        ),
        (
            "Training",
            elements.figure_of("training_s", metrics["training_s"], f"{metrics['training_s']:.2f} s"),
            f"of a budget of {metrics['budget_s']:g} s",
            "",
        ),
    ]
    if unit == "eV":
        share = f"{mae / CHEMICAL_ACCURACY:.2f} times 1 kcal/mol"
        reached = elements.figure_of("chemical_accuracy", accurate, "reached" if accurate else "not reached")
        cards.insert(1, ("Chemical accuracy", reached, share, "good" if accurate else ""))
    return elements.cards(cards) + elements.table(_summary_rows(metrics), ("figure", "value", "meaning"))


def _summary_rows(metrics: dict) -> list[tuple[str, str, str]]:
    unit = metrics["unit"]
    description, seed = QM9_TARGETS[metrics["target"]].description, metrics["seed"]
    rows = [
        ("Target", elements.figure_of("target", metrics["target"], metrics["target"]), description),
        ("Unit", elements.figure_of("unit", unit, unit), "of the target and, with its prefix, of every error"),
        (
            "Composition alone (MAE)",
            _error("baseline_mae", metrics["baseline_mae"], unit),
            "least squares on the numbers of atoms of each element",
        ),
        ("Model", elements.figure_of("model", metrics["model"], metrics["model"]), "name for --model"),
        ("Parameters", _count("parameters", metrics["parameters"]), "of the network"),
        ("Training molecules", _count("n_train", metrics["n_train"]), "to learn from"),
        (
            "Validation molecules",
            _count("n_valid", metrics["n_valid"]),
            "to watch; the weights that do best on them stay",
        ),
        ("Test molecules", _count("n_test", metrics["n_test"]), "never seen; the error above is theirs"),
        ("Steps", _count("steps", metrics["steps"]), "updates of the weights, one batch each"),
        (
            "Budget",
            elements.figure_of("budget_s", metrics["budget_s"], f"{metrics['budget_s']:g} s"),
            "for training, preparation of the data included",
        ),
        (
            "Stopped by",
            elements.figure_of("stopped", metrics["stopped"], metrics["stopped"]),
            "what ended the training",
        ),
        ("Seed", elements.figure_of("seed", seed, str(seed)), "of the split and of the network"),
    ]
    if unit == "eV":
        accuracy = _error("kcal_per_mol", CHEMICAL_ACCURACY, unit)
        rows.insert(3, ("Chemical accuracy", accuracy, "1 kcal/mol, about what experiments reach"))
    return [(name, value, elements.text(meaning)) for name, value, meaning in rows]


def _verdict(holds: bool) -> str:
    return elements.figure_of("holds", holds, "holds" if holds else "BROKEN")


def _learning(result: MolecularPropertyResult) -> str:
    figure = learning_curve(result.history, result.unit, baseline=result.baseline_mae, test=result.test_mae)
    return elements.plot(
        figure,
        f"Mean absolute error on {result.config.n_valid:,} molecules watched during training, and, at its end, on "
        f"the {len(result.test):,} of the test.",
    )


def _predictions(result: MolecularPropertyResult) -> str:
    extensive = QM9_TARGETS[result.config.target].extensive
    part = result.baseline if extensive else 0.0  # else molecules' sizes fill the axes and every error is hidden
    quantity = f"{result.config.target} beyond composition" if extensive else result.config.target
    explained = (
        " What a fit to the numbers of atoms of each element explains is taken off both, so that errors can be seen."
        if extensive
        else ""
    )
    factor, shown = error_unit(result.unit)
    bias = f"{elements.significant(factor * float(result.errors.mean()), 3)} {shown}"
    band = " The band is chemical accuracy." if result.unit == "eV" else ""
    return (
        '<div class="pair">'
        + elements.plot(
            parity(result.reference - part, result.predicted - part, result.unit, quantity),
            f"Prediction against reference, {len(result.test):,} molecules never seen.{explained}",
        )
        + elements.plot(
            error_histogram(result.errors, result.unit),
            f"Signed errors up to the 99th percentile; the line is their mean, {bias}.{band}",
        )
        + "</div>"
    )


def _sizes(result: MolecularPropertyResult) -> str:
    return elements.plot(
        error_by_size(result.test.sizes, result.errors, result.unit),
        "Absolute error by number of atoms, hydrogens included: median, quartiles, 5 to 95 % and mean; "
        "below, how many molecules there are of each size.",
    )


def _worst(result: MolecularPropertyResult) -> str:
    worst = np.argsort(-np.abs(result.errors), kind="stable")[:_SHOWN]
    scenes = [molecule_scene(result.test[int(index)]) for index in worst]
    shown = "".join(_molecule(result, int(index), scene) for index, scene in zip(worst, scenes, strict=True))
    hint = f"The {len(worst)} largest errors of {len(result.test):,}. Drag to turn, double-click to turn back."
    return elements.paragraph(hint, "note") + f'<div class="molecules">{shown}</div>' + elements.legend(scenes)


def _molecule(result: MolecularPropertyResult, index: int, scene: dict) -> str:
    molecule, unit = result.test[index], result.unit
    facts = [
        ("reference", elements.text(f"{result.reference[index]:,.3f} {unit}")),
        ("predicted", elements.text(f"{result.predicted[index]:,.3f} {unit}")),
        ("error", _error("error", float(result.errors[index]), unit)),
    ]
    if "smiles" in molecule.graph:
        facts.insert(0, ("SMILES", elements.code(str(molecule.graph["smiles"]))))
    if "qm9_id" in molecule.graph:
        facts.insert(1, ("QM9 number", elements.text(f"{int(molecule.graph['qm9_id'])}")))
    return elements.molecule(scene, molecule.formula, facts)


def _certificate(result: MolecularPropertyResult) -> str:
    certificate = result.certificate
    rows = [
        (
            elements.text(m.precision),
            elements.text(m.mode or "-"),
            elements.text("-" if m.holds is None else f"{m.error:.1e}"),
            elements.text("-" if m.holds is None else f"{m.tolerance:.1e}"),
            elements.text(f"{m.samples:,}"),
            elements.text({True: "holds", False: "BROKEN", None: "not measured"}[m.holds]),
        )
        for m in certificate.measurements
    ]
    measured = any(m.holds is not None for m in certificate.measurements)
    figure = (
        elements.plot(
            certificate_errors(certificate),
            "The error of each precision that exceeds its tolerance most, and what rounding explains.",
        )
        if measured
        else ""
    )
    return (
        elements.paragraph(f"Claim: {certificate.claim}")
        + figure
        + elements.table(rows, ("precision", "mode", "error", "tolerance", "samples", "verdict"))
        + "<h3>In full, with its worst witness</h3>"
        + elements.preformatted(str(certificate), "The certificate in full")
        + elements.details("The witness in numbers", _witness(certificate))
        + elements.paragraph("A certificate is a measurement on finitely many samples, not a proof.", "note")
    )


def _witness(certificate: Certificate) -> str:
    found = certificate.witness if any(m.holds is not None for m in certificate.measurements) else None
    return elements.preformatted(json.dumps(found.to_dict()) if found else "none", "The witness in numbers")


def _reproduce(result: MolecularPropertyResult, metrics: dict) -> str:
    config = result.config
    by_command = MolecularPropertyConfig(
        target=config.target, budget=config.budget, model=config.model, n_train=config.n_train, n_test=config.n_test,
        random_state=config.random_state,
    )  # fmt: skip
    sizes = {"--n-train": "n_train", "--n-test": "n_test"}
    changed = {o: n for o, n in sizes.items() if getattr(config, n) != getattr(MolecularPropertyConfig, n)}
    fewer = [word for option, name in changed.items() for word in (option, str(getattr(config, name)))]
    command = shlex.join([
        "erlangen", "quickstart", "--target", config.target, "--budget", f"{config.budget:g}", "--model", config.model,
        "--seed", str(config.random_state), *fewer,
    ])  # fmt: skip
    code = (
        "from erlangen.applications import MolecularPropertyConfig, learn_molecular_property\n"
        f"result = learn_molecular_property({config!r})"
    )
    return (
        (elements.preformatted(command, "The command") if config == by_command else "")
        + elements.paragraph("In Python:")
        + elements.preformatted(code, "The same in Python")
        + elements.paragraph(
            f"The split and the network come from seed {config.random_state}; a budget in seconds takes as many steps "
            f"as the machine allows, here {metrics['steps']:,}.",
            "note",
        )
        + elements.table(
            [(elements.text(k), elements.text(v)) for k, v in metrics["versions"].items()],
            ("package", "version"),
            "Versions",
        )
    )
