"""One structure: atoms of a molecule or crystal, or any set of points, as an immutable, checked record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from erlangen.errors import InputError, ShapeError, StructureError
from erlangen.structures.elements import SYMBOLS, atomic_numbers

EMPTY: Mapping = MappingProxyType({})


@dataclass(frozen=True, eq=False, repr=False)
class Structure:
    """Atoms with positions, or points, with their features and targets.

    Everything is checked on the way in, copied and read-only. Coincident atoms are accepted.

    Parameters
    ----------
    positions : (n, 3) array or None
        In angstrom. None is a molecule without a conformer: its atoms and bonds are known, its geometry is not.
    numbers : (n,) array or sequence
        Atomic numbers or symbols; 0 or "X" is a point that is no atom.
    cell : (3, 3) array, optional
        Cell vectors as rows, in angstrom; a vector that does not repeat may be zero.
    pbc : bool or (3,) of bool
        Which cell vectors repeat.
    charge : int
        Total charge in elementary charges.
    node, edge, graph : mapping of str to array, optional
        Further features and targets: of atoms (first axis n), of bonds (first axis b) and of the whole. ``edge``
        holds the bonds themselves as ``edge["index"]`` (2, b), each bond once.

    Raises
    ------
    StructureError
        If there are no atoms, an element is unknown, a position is not finite, a cell has no volume.
    ShapeError
        If shapes disagree.

    Examples
    --------
    >>> hydrogen = Structure([[0, 0, 0], [0.74, 0, 0]], ["H", "H"], graph={"energy": -31.7})
    >>> hydrogen
    Structure(H2, energy)
    >>> hydrogen.n_atoms, hydrogen.graph["energy"].item()
    (2, -31.7)
    """

    positions: np.ndarray | None
    numbers: np.ndarray
    cell: np.ndarray | None = None
    pbc: np.ndarray = False
    charge: int = 0
    node: Mapping[str, np.ndarray] = field(default=None)
    edge: Mapping[str, np.ndarray] = field(default=None)
    graph: Mapping[str, np.ndarray] = field(default=None)

    def __post_init__(self):
        numbers = atomic_numbers(self.numbers)
        if numbers.ndim != 1:
            raise ShapeError(f"numbers have shape (n,), got {numbers.shape}")
        n = len(numbers)
        if n == 0:
            raise StructureError("numbers is empty: a structure has at least one atom")
        pbc = checked_pbc(self.pbc)
        values = {
            "positions": None if self.positions is None else checked_positions(self.positions, n),
            "numbers": numbers,
            "cell": checked_cell(self.cell, pbc),
            "pbc": pbc,
            "charge": checked_charge(self.charge),
            "node": checked_arrays("node", self.node, n),
            "edge": checked_bonds(self.edge, n),
            "graph": checked_arrays("graph", self.graph, None),
        }
        self._set(values)

    def _set(self, values: Mapping) -> None:
        """Store values once, arrays read-only."""
        for name, value in values.items():
            object.__setattr__(self, name, sealed(value))

    @classmethod
    def trusted(cls, positions, numbers, cell, pbc, charge, node, edge, graph) -> "Structure":
        """Build from arrays that are known to be valid, without checks or copies; for packed sets."""
        structure = object.__new__(cls)
        structure._set(
            {"positions": positions, "numbers": numbers, "cell": cell, "pbc": pbc, "charge": charge}
            | {"node": node, "edge": edge, "graph": graph}
        )
        return structure

    def __reduce__(self):
        return Structure, (
            *(self.positions, self.numbers, self.cell, self.pbc, self.charge),
            *(dict(self.node), dict(self.edge), dict(self.graph)),
        )

    @classmethod
    def from_smiles(cls, smiles: str, conformer: bool = False, random_state=0, hydrogens: bool = False) -> "Structure":
        """Build a molecule from SMILES through RDKit.

        Without conformer it is the graph of the atoms that the SMILES writes, hydrogens only counted, and has no
        positions. With conformer it has all its hydrogens and positions by ETKDG and the MMFF94 force field.

        Parameters
        ----------
        smiles : str
        conformer : bool
            Whether to find positions (adds the hydrogens).
        random_state : int, generator or None
            Of the conformer.
        hydrogens : bool
            Whether to add the hydrogens without a conformer, too.

        Raises
        ------
        StructureError
            If RDKit refuses the SMILES or finds no conformer; the message holds its reason.

        Examples
        --------
        >>> Structure.from_smiles("CCO")
        Structure(C2O, no conformer, 2 bonds, formal_charge, hydrogens, chirality, type, stereo)
        >>> Structure.from_smiles("CCO", conformer=True).n_atoms
        9
        """
        from erlangen.structures.molecules import from_smiles

        return from_smiles(smiles, conformer, random_state, hydrogens)

    @classmethod
    def from_rdkit(cls, mol) -> "Structure":
        """Build from an RDKit molecule: its atoms and bonds in its order, the positions of its first 3D conformer.

        ``node`` holds ``formal_charge``, ``hydrogens`` (all that are bound, written or not) and ``chirality``,
        ``edge`` holds ``index``, ``type`` and ``stereo``, in RDKit's codes.
        """
        from erlangen.structures.molecules import from_rdkit

        return from_rdkit(mol)

    def to_rdkit(self):
        """Return an RDKit molecule; bonds that are not known are found from the geometry and the charge.

        Raises
        ------
        StructureError
            If RDKit refuses it, e.g. because no bonds fit the charge.
        """
        from erlangen.structures.molecules import to_rdkit

        return to_rdkit(self)

    @classmethod
    def from_ase(cls, atoms) -> "Structure":
        """Build from ASE's Atoms: ``arrays`` become node, ``info`` and a calculator's results become graph or node.

        ``info["charge"]`` is the charge; constraints and what is no array are left behind.
        """
        from erlangen.structures.ase_atoms import from_ase

        return from_ase(atoms)

    def to_ase(self):
        """Return ASE's Atoms: node arrays become ``arrays``, graph arrays and the charge ``info``; bonds are left."""
        from erlangen.structures.ase_atoms import to_ase

        return to_ase(self)

    @property
    def n_atoms(self) -> int:
        """How many atoms or points there are."""
        return len(self.numbers)

    @property
    def has_positions(self) -> bool:
        """Whether the geometry is known."""
        return self.positions is not None

    @property
    def symbols(self) -> list[str]:
        """Element symbols, one an atom."""
        return [SYMBOLS[number] for number in self.numbers]

    @property
    def formula(self) -> str:
        """Hill formula: carbon, hydrogen, then the alphabet; no hydrogen first without carbon."""
        counts = {SYMBOLS[z]: int(c) for z, c in zip(*np.unique(self.numbers, return_counts=True), strict=True)}
        first = [symbol for symbol in ("C", "H") if "C" in counts and symbol in counts]
        ordered = first + sorted(set(counts) - set(first))
        return "".join(symbol + (str(counts[symbol]) if counts[symbol] > 1 else "") for symbol in ordered)

    @property
    def bonds(self) -> np.ndarray | None:
        """Bonds (2, b), each once, or None if they are not known."""
        return self.edge.get("index")

    def __len__(self) -> int:
        return self.n_atoms

    def __repr__(self) -> str:
        words = [self.formula]
        words += ["no conformer"] if not self.has_positions else []
        words += [f"charge {self.charge:+d}"] if self.charge else []
        words += ["pbc " + "".join("TF"[not flag] for flag in self.pbc)] if self.pbc.any() else []
        words += [f"{self.bonds.shape[1]} bonds"] if self.bonds is not None else []
        words += [*self.node, *(name for name in self.edge if name != "index"), *self.graph]
        return f"Structure({', '.join(words)})"


def sealed(value):
    """Return a read-only view of an array or a mapping of arrays; anything else as it is."""
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if isinstance(value, Mapping):
        return MappingProxyType({name: sealed(array) for name, array in value.items()})
    return value


def checked_positions(positions, n: int) -> np.ndarray:
    """Return a float64 copy (n, 3), or say what is wrong."""
    try:
        array = np.array(positions, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ShapeError(f"positions have shape ({n}, 3), got something ragged or not numeric") from None
    if array.shape != (n, 3):
        raise ShapeError(f"positions have shape ({n}, 3) for {n} atomic numbers, got {array.shape}")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        atom = int(np.argmin(finite))
        raise StructureError(f"positions are finite, got {array[atom].tolist()} for atom {atom}")
    return array


def checked_pbc(pbc) -> np.ndarray:
    """Return (3,) bool."""
    array = np.asarray(pbc)
    if array.shape not in ((), (3,)) or array.dtype.kind not in "biu":
        raise ShapeError(f"pbc is one bool or three, got {pbc!r}")
    return np.broadcast_to(array.astype(bool), (3,)).copy()


def checked_cell(cell, pbc: np.ndarray) -> np.ndarray | None:
    """Return a float64 copy (3, 3) or None; the cell must have a volume and every periodic vector."""
    from erlangen.neighbors.periodic import completed_cell

    if cell is None:
        if pbc.any():
            raise StructureError("pbc is true but cell is None: give the cell vectors, (3, 3) in angstrom")
        return None
    try:
        array = np.array(cell, dtype=np.float64)
    except (TypeError, ValueError):
        raise ShapeError(f"cell has shape (3, 3), got {cell!r}") from None
    if array.shape != (3, 3):
        raise ShapeError(f"cell has shape (3, 3), got {array.shape}")
    if not np.isfinite(array).all():
        raise StructureError(f"cell is finite, got {array.tolist()}")
    if not array.any():
        raise StructureError("cell has zero volume: all vectors are zero; leave it out (None) for open space")
    try:
        completed_cell(array, pbc)
    except InputError as error:
        raise StructureError(str(error)) from None
    return array


def checked_charge(charge) -> int:
    """Return the charge as a Python int."""
    try:
        value = float(charge)
    except (TypeError, ValueError):
        value = np.nan
    if not value.is_integer():
        raise StructureError(f"charge is a whole number of elementary charges, got {charge!r}")
    return int(value)


def checked_arrays(name: str, arrays, length: int | None) -> dict[str, np.ndarray]:
    """Return copies of named arrays of numbers, bools or text whose first axis is ``length`` (None: any)."""
    if arrays is None:
        return {}
    if not isinstance(arrays, Mapping):
        raise InputError(f"{name} is a mapping of names to arrays, got {type(arrays).__name__}")
    checked = {}
    for key, value in arrays.items():
        if not isinstance(key, str) or not key:
            raise InputError(f"{name}: names are strings, got {key!r}")
        try:
            array = np.array(value)
        except ValueError:
            array = np.array(None)
        if array.dtype.kind not in "biufcU":
            raise InputError(f"{name}[{key!r}] is an array of numbers, bools or text, got {value!r}")
        if length is not None and (array.ndim == 0 or len(array) != length):
            raise ShapeError(f"{name}[{key!r}] has a first axis of {length}, got shape {array.shape}")
        checked[key] = array
    return checked


def checked_bonds(edge, n: int) -> dict[str, np.ndarray]:
    """Return the bond arrays; ``index`` is (2, b) within the atoms, no bond twice or to itself."""
    if edge is None or (isinstance(edge, Mapping) and not edge):
        return {}
    if not isinstance(edge, Mapping):
        raise InputError(f"edge is a mapping of names to arrays, got {type(edge).__name__}")
    if "index" not in edge:
        raise InputError(f'edge holds {sorted(edge)} but not "index": the bonds (2, b) that they belong to')
    index = np.asarray(edge["index"])
    if index.size == 0:
        index = np.zeros((2, 0), dtype=np.int64)
    if index.ndim != 2 or len(index) != 2 or index.dtype.kind not in "iu":
        raise ShapeError(f'edge["index"] has shape (2, b) of integers, got {index.dtype} {index.shape}')
    index = index.astype(np.int64)
    if index.size and (index.min() < 0 or index.max() >= n):
        raise StructureError(f'edge["index"] numbers atoms from 0 to {n - 1}, got {index.min()} to {index.max()}')
    low, high = index.min(axis=0), index.max(axis=0)
    pairs, counts = np.unique(low * n + high, return_counts=True)
    wrong = (counts > 1) | (pairs // n == pairs % n)
    if wrong.any():
        first, second = divmod(int(pairs[np.argmax(wrong)]), n)
        raise StructureError(f'edge["index"] has each bond once and none to itself, got {first}-{second}')
    others = {name: array for name, array in edge.items() if name != "index"}
    return {"index": index} | checked_arrays("edge", others, index.shape[1])
