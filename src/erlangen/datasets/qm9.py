"""QM9: 130,831 small organic molecules with B3LYP/6-31G(2df,p) properties, from the files of the ``qm9pack`` wheel.

Sources: Ramakrishnan et al., Scientific Data 1, 140022 (2014); the 3,054 molecules that fail the authors' consistency
check are already left out of the files.
"""

import csv
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from erlangen.arrays import generator
from erlangen.datasets._cache import cached
from erlangen.datasets._qm9_polarizability import in_frame_of_geometry
from erlangen.errors import FileFormatError, InputError, MissingExtraError, StructureError
from erlangen.structures import StructureSet
from erlangen.units import HARTREE

N_MOLECULES = 130_831
_LONGEST_BOND = 1.75  # angstrom, between heavy atoms
_MODES = 3 * 29 - 6  # the largest molecule has 29 atoms
_ELEMENTS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}


@dataclass(frozen=True)
class Target:
    """A property of QM9: its unit, whether it grows with the molecule, and where the files keep it."""

    unit: str
    extensive: bool
    column: str
    factor: float = 1.0
    description: str = ""


QM9_TARGETS = {
    "mu": Target("D", False, "Dipole_debye", 1.0, "dipole moment"),
    "alpha": Target("bohr^3", True, "Polarizability_bohr3", 1.0, "isotropic polarizability"),
    "homo": Target("eV", False, "HOMO_au", HARTREE, "energy of the highest occupied orbital"),
    "lumo": Target("eV", False, "LUMO_au", HARTREE, "energy of the lowest unoccupied orbital"),
    "gap": Target("eV", False, "HOMO_LUMO_gap_au", HARTREE, "gap between the two"),
    "r2": Target("bohr^2", True, "R2_bohr2", 1.0, "electronic spatial extent"),
    "zpve": Target("eV", True, "ZPVE_au", HARTREE, "zero-point vibrational energy"),
    "U0": Target("eV", True, "InternalEnergy_0K_au", HARTREE, "internal energy at 0 K"),
    "U": Target("eV", True, "InternalEnergy_298K_au", HARTREE, "internal energy at 298.15 K"),
    "H": Target("eV", True, "Enthalphy_298K_au", HARTREE, "enthalpy at 298.15 K"),
    "G": Target("eV", True, "GibbsFreeEnergy_298K_au", HARTREE, "free energy at 298.15 K"),
    "Cv": Target("cal/(mol K)", True, "Heatcapacity_Cv_cal_mol_K", 1.0, "heat capacity at 298.15 K"),
}
"""The twelve usual targets, in the order of PyTorch Geometric and DimeNet."""


def load_qm9(
    target: str | None = None,
    n_train: int = 110_000,
    n_valid: int = 10_000,
    n_test: int | None = None,
    random_state: int | None = 42,
    split: str = "random",
) -> tuple[StructureSet, StructureSet, StructureSet]:
    """Load QM9 as three sets of structures: train, validation, test.

    The files are parsed once (some ten seconds, with a progress bar); later calls map the user's cache folder into
    memory (``$ERLANGEN_CACHE`` moves it).

    Parameters
    ----------
    target : str, optional
        Keep only this property in ``graph`` (see `QM9_TARGETS`); by default all twelve, the polarizability tensor
        (3, 3) in bohr^3 and the frequencies (81,) in cm^-1, zeros after the last mode. ``node["charges"]`` are
        Mulliken charges in e, ``graph["smiles"]`` the SMILES, ``graph["qm9_id"]`` the molecule's number from 1.
        The files have the tensors in another frame than the positions; they are turned back, the signs of small
        components by a model (see ``datasets/_qm9_polarizability.py``; once, some fifteen seconds).
    n_train, n_valid, n_test : int
        Molecules in each part; ``n_test=None`` takes all that are left.
    random_state : int, optional
        Of the permutation. 42 with the default sizes is DimeNet's split.
    split : {"random", "cormorant"}
        ``"cormorant"`` is that of Cormorant and EGNN: 100,000 for training, 10 % for testing, the rest for
        validation, seed 0; the numbers given only shorten its parts.

    Returns
    -------
    tuple of StructureSet
        Units: angstrom, eV, debye, bohr^2, bohr^3, cal/(mol K).

    Raises
    ------
    InputError
        If a target or split is unknown or there are not that many molecules.
    MissingExtraError
        If the qm9pack wheel is not installed.

    Examples
    --------
    >>> train, valid, test = load_qm9("gap", n_train=1000, n_valid=100)
    >>> len(train), len(valid), len(test)
    (1000, 100, 129731)
    >>> sorted(train.graph)
    ['gap', 'qm9_id', 'smiles']
    """
    if target is not None and target not in QM9_TARGETS:
        raise InputError(f"target {target!r} is not in QM9; there are {', '.join(QM9_TARGETS)}")
    parts = _split(split, n_train, n_valid, n_test, random_state)
    arrays = cached(f"qm9-{N_MOLECULES}-v1", _parse)
    names = [*QM9_TARGETS, "polarizability", "frequencies"] if target is None else [target]
    if "polarizability" in names:
        arrays |= cached(f"qm9-{N_MOLECULES}-polarizability-v1", lambda: _turned_polarizability(arrays))
    molecules = StructureSet(
        positions=arrays["positions"],
        numbers=arrays["numbers"],
        offsets=arrays["offsets"],
        node={"charges": arrays["charges"]},
        graph={name: arrays[name] for name in names}
        | {
            "qm9_id": arrays["qm9_id"],
            "smiles": arrays["smiles"].view(f"S{arrays['smiles'].shape[1]}")[:, 0].astype(str),
        },
    )
    return tuple(molecules[part] for part in parts)


def qm9_bonds(molecules: StructureSet) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the bonds between heavy atoms that each molecule's SMILES names, atoms numbered as in the structure.

    Parameters
    ----------
    molecules : StructureSet
        From `load_qm9`.

    Yields
    ------
    index : (2, b) int array
        Each bond once.
    type : (b,) int array
        RDKit's codes: 1 single, 2 double, 3 triple, 12 aromatic.

    Raises
    ------
    StructureError
        If a SMILES and a geometry are not the same molecule.

    Examples
    --------
    >>> train, _, _ = load_qm9("U0", n_train=2, n_valid=0, n_test=0)
    >>> index, kind = next(qm9_bonds(train))
    >>> index.shape[1] == len(kind)
    True
    """
    from erlangen.structures import Structure

    for molecule in molecules:
        graph = Structure.from_smiles(str(molecule.graph["smiles"]))
        heavy = np.flatnonzero(molecule.numbers > 1)
        if not np.array_equal(graph.numbers, molecule.numbers[heavy]):  # one in ten thousand is in another order
            heavy = heavy[_same_molecule(graph, molecule.numbers[heavy], molecule.positions[heavy], molecule.graph)]
        yield heavy[graph.bonds], graph.edge["type"]


def _same_molecule(graph, numbers: np.ndarray, positions: np.ndarray, named: Mapping) -> np.ndarray:
    """Return which heavy atom of a geometry each atom of a molecular graph is, by their skeletons."""
    from rdkit import Chem

    def skeleton(numbers: np.ndarray, bonds: np.ndarray) -> Chem.RWMol:
        molecule = Chem.RWMol()
        for number in numbers:
            molecule.AddAtom(Chem.Atom(int(number)))
        for i, j in bonds.T:
            molecule.AddBond(int(i), int(j), Chem.BondType.SINGLE)
        return molecule

    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    near = np.stack(np.nonzero(np.triu(distance < _LONGEST_BOND, 1)))
    found = skeleton(numbers, near).GetSubstructMatch(skeleton(graph.numbers, graph.bonds))
    if len(found) != len(numbers):
        raise StructureError(f"SMILES {named['smiles']} and geometry of molecule {named['qm9_id']} differ")
    return np.array(found)


def _split(split: str, n_train: int, n_valid: int, n_test: int | None, random_state) -> tuple[np.ndarray, ...]:
    for name, count in (("n_train", n_train), ("n_valid", n_valid), ("n_test", n_test)):
        if count is not None and (not isinstance(count, int | np.integer) or count < (name == "n_train")):
            raise InputError(f"{name} is a whole number of molecules, got {count!r}")
    if split == "cormorant":
        train, valid, test = np.split(
            np.random.RandomState(0).permutation(N_MOLECULES), [100_000, N_MOLECULES - 13_083]
        )
        train, valid, test = train[:n_train], valid[:n_valid], test[:n_test]
        return train, valid, test
    if split != "random":
        raise InputError(f"split is 'random' or 'cormorant', got {split!r}")
    wanted = n_train + n_valid + (n_test or 0)
    if wanted > N_MOLECULES:
        raise InputError(f"QM9 has {N_MOLECULES:,} molecules; n_train + n_valid + n_test = {wanted:,}")
    if isinstance(random_state, int | np.integer):  # the legacy generator, because the published splits use it
        order = np.random.RandomState(random_state).permutation(N_MOLECULES)
    else:
        order = generator(random_state).permutation(N_MOLECULES)
    train, valid, test = np.split(order, [n_train, n_train + n_valid])
    return train, valid, test[:n_test]


def _progress() -> Progress:
    """Return a bar on standard error, which is not there where nobody looks: standard output is for results."""
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def _parse() -> dict[str, np.ndarray]:
    """Read the wheel's CSV files; `import qm9pack` itself fails on current setuptools, so only its folder is used."""
    spec = importlib.util.find_spec("qm9pack")
    if spec is None:
        raise MissingExtraError('QM9 needs qm9pack: pip install "erlangen[qm9]"', name="qm9pack")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    files = [folder / f"qm9_part{part}.csv" for part in (1, 2, 3)]
    with _progress() as progress:
        task = progress.add_task("Reading QM9 (once)", total=N_MOLECULES + 5)
        rows = []
        for file in files:
            for row in _read_csv(file):
                rows.append(row)
                if len(rows) % 5_000 == 0:
                    progress.update(task, completed=len(rows))

        def column(name: str) -> list[str]:
            return [row[name] for row in rows]

        sizes = np.array(column("N_atoms"), dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        arrays = {"offsets": offsets, "positions": _numbers(column("XYZ_Ang")).reshape(-1, 3)}
        progress.advance(task)
        arrays["numbers"] = np.array([_ELEMENTS[symbol] for symbol in _strip(column("Elements")).split(",")], np.int64)
        arrays["charges"] = _numbers(column("Mulliken_pop"))
        progress.advance(task)
        arrays["frequencies"] = _frequencies(column("Harmonic_Freq_cmi"), sizes)
        progress.advance(task)
        smiles = np.array(column("SMILES"), dtype=bytes)
        arrays["smiles"] = smiles.view(np.uint8).reshape(len(smiles), -1)
        arrays["qm9_id"] = np.array(column("Index"), dtype=np.int64)
        for name, target in QM9_TARGETS.items():
            arrays[name] = np.array(column(target.column), dtype=np.float64) * target.factor
        progress.advance(task)
        arrays["polarizability"] = _polarizability(folder / "qm9_polarizability.csv", column("XYZ_file"))
        progress.advance(task)
    lengths = {len(arrays["positions"]), len(arrays["numbers"]), len(arrays["charges"]), int(offsets[-1])}
    if len(rows) != N_MOLECULES or len(lengths) != 1:
        raise FileFormatError(f"{folder} holds {len(rows):,} molecules and {lengths} atoms; expected {N_MOLECULES:,}")
    return arrays


def _turned_polarizability(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with _progress() as progress:
        task = progress.add_task("Turning polarizability tensors (once)", total=N_MOLECULES // 512 + 20)
        names = ("polarizability", "positions", "numbers", "offsets")
        turned = in_frame_of_geometry(*(np.asarray(arrays[name]) for name in names), lambda: progress.advance(task))
    return {"polarizability": turned}


def _read_csv(file: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(1 << 24)
    with file.open(newline="") as stream:
        yield from csv.DictReader(stream)


def _strip(cells: list[str]) -> str:
    """Join cells such as ``[[0.,1.],[2.,3.]]`` or ``['C','H']`` into one comma-separated line."""
    return ",".join(cells).translate(str.maketrans("", "", "[]' "))


def _numbers(cells: list[str]) -> np.ndarray:
    # The files write 0. for 0.0, which is not JSON; NumPy's text reader takes it, exactly rounded.
    return np.fromstring(_strip(cells), sep=",")


def _frequencies(cells: list[str], sizes: np.ndarray) -> np.ndarray:
    """Return the modes (S, 81) in cm^-1, zeros after the last one."""
    counts = np.array([cell.count(",") + 1 for cell in cells])
    # 334 molecules list the modes of a first, coarser geometry before the final ones; only the second half adds up to
    # the zero-point energy.
    modes = np.where(counts > 3 * sizes - 5, counts // 2, counts)
    padded = np.zeros((len(cells), _MODES))
    last = np.repeat(np.cumsum(counts), modes) - np.repeat(np.cumsum(modes), modes) + np.arange(modes.sum())
    padded[np.arange(_MODES) < modes[:, None]] = _numbers(cells)[last]
    return padded


def _polarizability(file: Path, molecules: list[str]) -> np.ndarray:
    """Return tensors (S, 3, 3) in the order of the molecules."""
    found = {
        row["XYZ_file"]: [row[f"A_{ab}"] for ab in ("xx", "xy", "xz", "yy", "yz", "zz")] for row in _read_csv(file)
    }
    xx, xy, xz, yy, yz, zz = np.array([found[molecule] for molecule in molecules], dtype=np.float64).T
    return np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=1).reshape(-1, 3, 3)
