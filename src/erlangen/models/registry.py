"""Models by name; a new one joins with one line."""

import importlib
import inspect

from torch import nn

from erlangen.errors import ErlangenError, InputError, TooLargeError

MODELS = {
    "cormorant": "cormorant.Cormorant",
    "density": "atomic_density.AtomicDensityNetwork",
    "dimenet++": "dimenet.DimeNetPlusPlus",
    "egnn": "egnn.EGNN",
    "mace": "mace.MACE",
    "painn": "painn.PaiNN",
    "physnet": "physnet.PhysNet",
    "radial_field": "radial_field.RadialField",
    "schnet": "schnet.SchNet",
    "se3_transformer": "se3_transformer.SE3Transformer",
    "tensor_field": "tensor_field.TensorFieldNetwork",
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
    model = model_class(name)
    if preset not in PRESETS:
        raise InputError(f"preset is {' or '.join(PRESETS)}, got {preset!r}")
    known = hyperparameters_of(name)
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


def model_class(name: str) -> type[nn.Module]:
    """Return the class of a model's name."""
    if name not in MODELS:
        raise InputError(f"model {name!r} is unknown; known are {', '.join(names())}")
    file, _, class_name = MODELS[name].partition(".")
    return getattr(importlib.import_module(f"erlangen.models.{file}"), class_name)


def hyperparameters_of(name: str) -> list[str]:
    """Return the names of the arguments that a model takes.

    Examples
    --------
    >>> "elements" in hyperparameters_of("mace")
    True
    """
    return list(inspect.signature(model_class(name)).parameters)
