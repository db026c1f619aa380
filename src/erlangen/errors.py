"""Every exception that erlangen raises on purpose, and the check for a missing extra.

::

    ErlangenError
    ├── InputError (ValueError)          an argument that cannot be used: which one, what came, what would do
    │   ├── ShapeError                   an array of the wrong shape
    │   ├── StructureError               atoms, cells or molecules that make no sense
    │   └── FileFormatError              a file that cannot be read as what it claims to be
    ├── MissingExtraError (ImportError)  an optional dependency that is not installed
    ├── ModelFileError (ValueError)      a saved model that is damaged, foreign or too new
    ├── OutputError (OSError)            a folder or file that cannot be written
    ├── TooLargeError (MemoryError)      work refused before it exhausts the memory, with the estimate
    └── TrainingError (RuntimeError)     a training run that cannot go on, e.g. a loss that is not finite
"""

import importlib
from types import ModuleType


class ErlangenError(Exception):
    """The root: whatever erlangen refuses, ``except ErlangenError`` catches it."""


class InputError(ErlangenError, ValueError):
    """An argument that cannot be used; the message names it, what came and what would do."""


class ShapeError(InputError):
    """An array of the wrong shape."""


class StructureError(InputError):
    """Atoms, cells or molecules that make no sense."""


class FileFormatError(InputError):
    """A file that cannot be read as what it claims to be."""


class MissingExtraError(ErlangenError, ImportError):
    """An optional dependency that is not installed; the message names the extra."""


class ModelFileError(ErlangenError, ValueError):
    """A saved model that is damaged, foreign or from a newer version."""


class OutputError(ErlangenError, OSError):
    """A folder or file that cannot be written."""


class TooLargeError(ErlangenError, MemoryError):
    """Work that was refused before it exhausted the memory; the message gives the estimate."""


class TrainingError(ErlangenError, RuntimeError):
    """A training run that cannot go on; the message names the step and the last good checkpoint."""


EXTRAS = {
    "torch": "nn", "lightning": "nn", "safetensors": "nn", "rdkit": "molecules", "ase": "molecules",
    "qm9pack": "qm9", "plotly": "report", "PIL": "report", "tad_dftd3": "dispersion",
}  # fmt: skip
"""Which extra brings a package."""


def extra_of(module: str | None) -> str | None:
    """Return the extra that brings a module, None if no extra does.

    Examples
    --------
    >>> extra_of("torch.nn"), extra_of("json")
    ('nn', None)
    """
    return EXTRAS.get((module or "").split(".")[0])


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say in one line which extra brings it.

    Examples
    --------
    >>> require("json", "nn").__name__
    'json'
    >>> require("no_such_module", "molecules")
    Traceback (most recent call last):
    ...
    erlangen.errors.MissingExtraError: this needs no_such_module: pip install "erlangen[molecules]"
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.split(".")[0]
        if error.name is None or error.name.split(".")[0] != package:
            raise
        message = f'this needs {package}: pip install "erlangen[{extra}]"'
        raise MissingExtraError(message, name=error.name) from None
