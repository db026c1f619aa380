"""Structures from and to files: extxyz exactly (`extxyz.py`), sdf through RDKit, cif and pdb through ASE."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from erlangen.arrays import write_atomically
from erlangen.errors import ErlangenError, FileFormatError, InputError, StructureError, require
from erlangen.structures import extxyz
from erlangen.structures.ase_atoms import from_ase
from erlangen.structures.molecules import from_rdkit, rdkit_log, to_rdkit
from erlangen.structures.structure import Structure

ASE_FORMATS = {"cif": "cif", "pdb": "proteindatabank"}


def read_structures(path, format: str | None = None) -> list[Structure]:
    """Read every structure of a file.

    Parameters
    ----------
    path : path
        Its ending names the format: xyz and extxyz, sdf, cif, pdb.
    format : str, optional
        The format, for a file with another ending.

    Returns
    -------
    list of Structure
        Positions in angstrom. extxyz brings every target and node array back exactly; sdf its bonds and its
        properties as graph targets; cif and pdb elements, positions and cell.

    Raises
    ------
    FileFormatError
        If the file is not what it claims to be; the message names it and the line or record.
    InputError
        If there is no such file or format.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "hydrogen.xyz"
    >>> _ = write_structures(path, Structure([[0, 0, 0], [0.74, 0, 0]], ["H", "H"], graph={"energy": -31.7}))
    >>> read_structures(path)
    [Structure(H2, energy)]
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: this is a folder, not a file")
    name = _format(path, format)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    reader = {"xyz": extxyz.read, "sdf": _read_sdf}.get(name) or _ase_reader(ASE_FORMATS.get(name))
    try:
        structures = reader(path)
    except ErlangenError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path}: cannot be read as text: {error}") from None
    if not structures:
        raise FileFormatError(f"{path}: holds no structure")
    return structures


def write_structures(path, structures: "Structure | Iterable[Structure]", format: str | None = None) -> Path:
    """Write structures to a file in one piece: after a kill there is either the old file or the new one.

    Parameters
    ----------
    path : path
        Its ending names the format: xyz and extxyz, sdf, cif, pdb.
    structures : Structure or iterable of Structure
        Everything of them goes into extxyz, exactly. sdf keeps bonds and graph targets with four decimals a
        coordinate; cif and pdb keep elements, positions and cell.
    format : str, optional
        The format, for a file with another ending.

    Raises
    ------
    StructureError
        If there is nothing to write or a structure does not fit the format, e.g. no cell for cif.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    structures = [structures] if isinstance(structures, Structure) else list(structures)
    if not structures:
        raise StructureError("the list of structures is empty")
    name = _format(path, format)
    writer = {"xyz": extxyz.write, "sdf": _write_sdf}.get(name) or _ase_writer(ASE_FORMATS.get(name))
    if name != "sdf":
        for index, structure in enumerate(structures):
            if not structure.has_positions:
                raise StructureError(f"structures[{index}] has no positions, which {name} needs; sdf does not")
    return write_atomically(path, lambda temporary: writer(temporary, structures))


def _format(path: Path, format: str | None) -> str:
    name = (format or path.suffix.removeprefix(".")).lower()
    name = {"extxyz": "xyz", "mol": "sdf", "ent": "pdb"}.get(name, name)
    if name not in ("xyz", "sdf", *ASE_FORMATS):
        raise InputError(f"{path}: format {name!r} is unknown; known are xyz, extxyz, sdf, cif, pdb")
    return name


def _ase_reader(name: str | None) -> Callable[[Path], list[Structure]]:
    def read(path: Path) -> list[Structure]:
        read_images = require("ase.io", "molecules").read
        try:
            images = read_images(path, index=":", format=name)
        except Exception as error:  # ASE's parsers raise whatever the broken line happens to cause
            raise FileFormatError(f"{path}: ASE cannot read it as {name}: {_reason(error)}") from None
        if len(images) == 1 and not len(images[0]):  # what ASE makes of an empty pdb
            return []
        return [_named(path, index, from_ase, atoms) for index, atoms in enumerate(images)]

    return read


def _ase_writer(name: str | None) -> Callable[[Path, list[Structure]], object]:
    def write(path: Path, structures: list[Structure]) -> None:
        for index, structure in enumerate(structures):
            if name == "cif" and structure.cell is None:
                raise StructureError(f"structures[{index}] has no cell, which cif needs")
        bare = [Structure(s.positions, s.numbers, s.cell, s.pbc).to_ase() for s in structures]
        require("ase.io", "molecules").write(path, bare, format=name)

    return write


def _read_sdf(path: Path) -> list[Structure]:
    Chem = require("rdkit.Chem", "molecules")
    with path.open("rb") as file, rdkit_log() as log:
        molecules = list(Chem.ForwardSDMolSupplier(file, removeHs=False))
    if None in molecules:
        raise FileFormatError(f"{path}: record {molecules.index(None) + 1} is refused by RDKit: {log.reason}")
    return [_named(path, index, _from_record, mol) for index, mol in enumerate(molecules)]


def _from_record(mol) -> Structure:
    properties = mol.GetPropsAsDict(autoConvertStrings=False)
    return replace(from_rdkit(mol), graph={name: _value(text) for name, text in properties.items()})


def _write_sdf(path: Path, structures: list[Structure]) -> None:
    Chem = require("rdkit.Chem", "molecules")
    require("rdkit.Chem.rdDepictor", "molecules")
    with rdkit_log(), Chem.SDWriter(str(path)) as writer:
        for structure in structures:
            mol = to_rdkit(structure)
            if not structure.has_positions:
                Chem.rdDepictor.Compute2DCoords(mol)  # the wedges of a drawing carry the chirality
            for name, array in structure.graph.items():
                mol.SetProp(name, " ".join(str(value) for value in array.ravel().tolist()))
            writer.write(mol)


def _value(text):
    """Return numbers where a property is numbers, else its text."""
    try:
        numbers = [float(word) for word in str(text).split()]
    except ValueError:
        return str(text)
    return (numbers[0] if len(numbers) == 1 else numbers) if numbers else str(text)


def _named(path: Path, index: int, build: Callable, record) -> Structure:
    """Build a structure; if it is none, say which of the file's."""
    try:
        return build(record)
    except InputError as error:
        raise FileFormatError(f"{path}: structure {index + 1}: {error}") from None


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
