"""The versions that a figure depends on."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import erlangen


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of erlangen, of Python and of those packages that are installed, and the kind of machine.

    Examples
    --------
    >>> sorted(versions(("numpy", "no such package")))
    ['erlangen', 'machine', 'numpy', 'python']
    """
    found = {"erlangen": erlangen.__version__, "python": platform.python_version(), "machine": platform.machine()}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
