"""Models by name; a new one joins with one line."""

import importlib
import inspect

from torch import nn

from erlangen.errors import ErlangenError, InputError, TooLargeError

MODELS = {
    "density": "atomic_density.AtomicDensityNetwork",
    "egnn": "egnn.EGNN",
    "painn": "painn.PaiNN",
    "schnet": "schnet.SchNet",
}

PRESETS = ("paper", "small")


def names() -> list[str]:
    """Return the names that `create` knows.

    Examples
    --------
    >>> "schnet" in names()
    True
    """
    return sorted(MODELS)


def create(name: str, preset: str = "paper", **hyperparameters) -> nn.Module:
    """Make a model by its lower-case name.

    Parameters
    ----------
    name : str
        One of `names`.
    preset : {"paper", "small"}
        What the hyperparameters that are not given are: the paper's, or such as two cores train in minutes.
    **hyperparameters
        Arguments of the model's class; ``create(**model.hyperparameters)`` makes the same module with fresh weights.

    Raises
    ------
    InputError
        If the name is unknown or the model has no such argument or cannot use its value.
    TooLargeError
        If its weights do not fit into the memory.

    Examples
    --------
    >>> model = create("schnet", preset="small", layers=2)
    >>> create(**model.hyperparameters).hyperparameters == model.hyperparameters
    True
    """
    if name not in MODELS:
        raise InputError(f"model {name!r} is unknown; known are {', '.join(names())}")
    file, _, class_name = MODELS[name].partition(".")
    model = getattr(importlib.import_module(f"erlangen.models.{file}"), class_name)
    if preset not in PRESETS:
        raise InputError(f"preset is {' or '.join(PRESETS)}, got {preset!r}")
    known = list(inspect.signature(model).parameters)
    for argument in hyperparameters:
        if argument not in known:
            raise InputError(f"{name} has no hyperparameter {argument!r}; it has {', '.join(known)}")
    if preset == "small":
        hyperparameters = {**model.small, **hyperparameters}
    try:
        return model(**hyperparameters)
    except ErlangenError:
        raise
    except (TypeError, ValueError) as error:  # what a constructor happens to do with a value of the wrong kind
        given = ", ".join(f"{argument}={value!r}" for argument, value in hyperparameters.items())
        raise InputError(f"cannot make {name} with {given}: {error}") from error
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise TooLargeError(f"cannot make {name}: {str(error).splitlines()[0]}") from error
