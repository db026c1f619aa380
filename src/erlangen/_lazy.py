"""Rooms that open on first use: a package's public names, imported when somebody asks for them."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package whose public names live in its files.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    names : mapping of str to str
        Public name -> the file (relative module name, without the dot) that defines it. A name that maps to
        itself is a room or file of its own.

    Examples
    --------
    >>> getter, listing, public = lazy("erlangen", {"errors": "errors"})
    >>> getter("errors").__name__, listing(), public
    ('erlangen.errors', ['errors'], ['errors'])
    """

    def __getattr__(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{names[name]}")
        value = module if name == names[name] else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__, lambda: sorted(names), sorted(names)
