"""Models by name; a new one joins with one line."""

import importlib

from torch import nn

from erlangen.errors import InputError

MODELS = {
    "density": "atomic_density.AtomicDensityNetwork",
    "egnn": "egnn.EGNN",
    "painn": "painn.PaiNN",
    "schnet": "schnet.SchNet",
}


def names() -> list[str]:
    """Return the names that `create` knows.

    Examples
    --------
    >>> "schnet" in names()
    True
    """
    return sorted(MODELS)


def create(name: str, **hyperparameters) -> nn.Module:
    """Make a model by its lower-case name.

    Parameters
    ----------
    name : str
        One of `names`.
    **hyperparameters
        Arguments of the model's class; ``create(**model.hyperparameters)`` makes the same module with fresh weights.

    Raises
    ------
    InputError
        If the name is unknown or the model has no such argument.

    Examples
    --------
    >>> model = create("schnet", hidden=16, filters=16, layers=2)
    >>> create(**model.hyperparameters).hyperparameters == model.hyperparameters
    True
    """
    if name not in MODELS:
        raise InputError(f"model {name!r} is unknown; known are {', '.join(names())}")
    file, _, class_name = MODELS[name].partition(".")
    model = getattr(importlib.import_module(f"erlangen.models.{file}"), class_name)
    try:
        return model(**hyperparameters)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise InputError(f"cannot make {name}: {error}") from None
