"""Which array library an argument belongs to, seeds, and writing files in one piece."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from array_api_compat import array_namespace, is_torch_array

from erlangen.errors import InputError, OutputError

__all__ = ["array_namespace", "generator", "is_torch_array", "write_atomically"]


def generator(random_state: "int | np.random.Generator | np.random.RandomState | None") -> np.random.Generator:
    """Turn scikit-learn's ``random_state`` into a NumPy generator; a generator is passed through.

    Examples
    --------
    >>> generator(0).integers(10) == generator(0).integers(10)
    np.True_
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise InputError(f"random_state is an int, a NumPy generator or None, got {random_state!r}") from None


def write_atomically(path: "str | os.PathLike", write: Callable[[Path], object]) -> Path:
    """Write a file so that a kill at any moment leaves either the old one or the new one, whole.

    Parameters
    ----------
    path : path
        Where the file ends up; missing folders are made.
    write : callable
        Gets the path of a temporary file in the same folder (same suffix) and fills it.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full; nothing half-written stays behind.

    Notes
    -----
    A symbolic link stays one, and a device such as ``/dev/stdout`` is written to, not replaced.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write_atomically(Path(folder) / "a.txt", lambda temporary: temporary.write_text("hello")).read_text()
    'hello'
    """
    path = Path(path)
    device = path.parent == Path("/dev") or (path.exists() and not path.is_file() and not path.is_dir())
    place = Path(tempfile.gettempdir()) / path.name if device else Path(os.path.realpath(path))
    temporary = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{place.stem}-", suffix=place.suffix, dir=place.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        if device:
            with path.open("ab") as file:  # "ab" because /dev/stdout may be a file with other things in it
                file.write(temporary.read_bytes())
            return path
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(place)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(parent for parent in place.parents if parent.exists())
        raise OutputError(f"cannot write {path}: {file} is a file") from error
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path
