"""Weights that others trained, loaded by name: of PyTorch Geometric, of SchNetPack, and of the models' authors."""

import math
import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from erlangen.errors import ModelFileError


def _dense(theirs: str, ours: str) -> list[tuple[str, str]]:
    """Return the names of a TensorFlow layer's matrix W and bias b."""
    return [(rf"{theirs}/W", rf"{ours}.weight"), (rf"{theirs}/b", rf"{ours}.bias")]


# One (pattern of the peer's name, our name) a line, tried in order; None drops what holds no weights or the same again.
_NAMES: dict[str, list[tuple[str, str | None]]] = {
    "schnet": [  # torch_geometric.nn.SchNet
        (r"embedding\.weight", r"embedding.weight"),
        (r"distance_expansion\.offset", r"basis.centers"),
        (r"interactions\.(\d+)\.mlp\.0\.(\w+)", r"interactions.\1.filter_first.\2"),
        (r"interactions\.(\d+)\.mlp\.2\.(\w+)", r"interactions.\1.filter_last.\2"),
        (r"interactions\.(\d+)\.conv\.nn\..*", None),  # the same tensors as mlp
        (r"interactions\.(\d+)\.conv\.lin1\.weight", r"interactions.\1.project.weight"),
        (r"interactions\.(\d+)\.conv\.lin2\.(\w+)", r"interactions.\1.dense_first.\2"),
        (r"interactions\.(\d+)\.lin\.(\w+)", r"interactions.\1.dense_last.\2"),
        (r"lin1\.(\w+)", r"head.network.0.\1"),
        (r"lin2\.(\w+)", r"head.network.2.\1"),
        (r"atomref\.weight", r"head.references"),
        (r"initial_atomref", None),
    ],
    "dimenet++": [  # torch_geometric.nn.DimeNetPlusPlus
        (r"rbf\.freq", r"frequencies"),
        (r"emb\.emb\.weight", r"embedding.weight"),
        (r"emb\.lin_rbf\.(\w+)", r"embed_radial.\1"),
        (r"emb\.lin\.(\w+)", r"embed.\1"),
        (r"interaction_blocks\.(\d+)\.lin_ji\.(\w+)", r"interactions.\1.keep.\2"),
        (r"interaction_blocks\.(\d+)\.lin_kj\.(\w+)", r"interactions.\1.send.\2"),
        (r"interaction_blocks\.(\d+)\.lin_rbf1\.weight", r"interactions.\1.radial_first.weight"),
        (r"interaction_blocks\.(\d+)\.lin_rbf2\.weight", r"interactions.\1.radial_last.weight"),
        (r"interaction_blocks\.(\d+)\.lin_sbf1\.weight", r"interactions.\1.spherical_first.weight"),
        (r"interaction_blocks\.(\d+)\.lin_sbf2\.weight", r"interactions.\1.spherical_last.weight"),
        (r"interaction_blocks\.(\d+)\.lin_(down|up)\.weight", r"interactions.\1.\2.weight"),
        (r"interaction_blocks\.(\d+)\.layers_(before|after)_skip\.(\d)\.lin1\.(.+)", r"interactions.\1.\2.\3.first.\4"),
        (r"interaction_blocks\.(\d+)\.layers_(before|after)_skip\.(\d)\.lin2\.(.+)", r"interactions.\1.\2.\3.last.\4"),
        (r"interaction_blocks\.(\d+)\.lin\.(\w+)", r"interactions.\1.combine.\2"),
        (r"output_blocks\.(\d+)\.lin_rbf\.weight", r"outputs.\1.radial.weight"),
        (r"output_blocks\.(\d+)\.lin_up\.weight", r"outputs.\1.up.weight"),
        (r"output_blocks\.(\d+)\.lins\.(\d+)\.(\w+)", r"outputs.\1.layers.\2.\3"),
        (r"output_blocks\.(\d+)\.lin\.weight", r"head.network.layers.\1.weight"),
    ],
    "egnn": [  # vgsatorras/egnn: models.egnn_clean.EGNN, n_body_system's EGNN_vel, qm9.models.EGNN
        (r"embedding(?:_in)?\.(\w+)", r"embed.\1"),
        (r"gcl_(\d+)\.edge_mlp\.0\.(\w+)", r"layers.\1.edge_first.\2"),
        (r"gcl_(\d+)\.edge_mlp\.2\.(\w+)", r"layers.\1.edge_last.\2"),
        (r"gcl_(\d+)\.node_mlp\.(\d)\.(\w+)", r"layers.\1.node.\2.\3"),
        (r"gcl_(\d+)\.att_mlp\.0\.(\w+)", r"layers.\1.gate.\2"),
        (r"gcl_(\d+)\.coord_mlp\.(\d)\.(\w+)", r"layers.\1.coordinate.\2.\3"),
        (r"gcl_(\d+)\.coord_mlp_vel\.(\d)\.(\w+)", r"layers.\1.velocity.\2.\3"),
        (r"embedding_out\.(\w+)", r"head.network.0.\1"),
        (r"node_dec\.(\d)\.(\w+)", r"head.network.\1.\2"),
        (r"graph_dec\.(\d)\.(\w+)", r"head.after.\1.\2"),
    ],
    "radial_field": [  # vgsatorras/egnn: n_body_system's RF_vel
        (r"gcl_(\d+)\.phi\.(\d)\.(\w+)", r"layers.\1.phi.\2.\3"),
        (r"gcl_(\d+)\.coord_mlp_vel\.(\d)\.(\w+)", r"layers.\1.velocity.\2.\3"),
    ],
    "painn": [  # schnetpack.representation.PaiNN with an Atomwise head
        (r"representation\.embedding\.weight", r"embedding.weight"),
        (r"representation\.radial_basis\.offsets", r"basis.centers"),
        (r"representation\.radial_basis\.freqs", r"basis.frequencies"),
        (r"representation\.radial_basis\.widths", None),
        (r"representation\.cutoff_fn\.cutoff", None),
        (r"representation\.filter_net\.(\w+)", r"filters.\1"),
        (r"representation\.interactions\.(\d+)\.interatomic_context_net\.0\.(\w+)", r"messages.\1.context.0.\2"),
        (r"representation\.interactions\.(\d+)\.interatomic_context_net\.1\.(\w+)", r"messages.\1.context.2.\2"),
        (r"representation\.mixing\.(\d+)\.intraatomic_context_net\.0\.(\w+)", r"updates.\1.context.0.\2"),
        (r"representation\.mixing\.(\d+)\.intraatomic_context_net\.1\.(\w+)", r"updates.\1.context.2.\2"),
        (r"representation\.mixing\.(\d+)\.mu_channel_mix\.weight", r"updates.\1.mix.weight"),
        (r"output_modules\.0\.outnet\.0\.(\w+)", r"head.network.0.\1"),
        (r"output_modules\.0\.outnet\.1\.(\w+)", r"head.network.2.\1"),
    ],
    "physnet": [  # MMunibas/PhysNet: TensorFlow variables without their scope, each W transposed
        (r"embeddings", r"embedding.weight"),
        (r"rbf_layer/(centers|widths)", r"basis.\1"),
        (r"E(shift|scale)", r"head.energy_\1"),
        (r"Q(shift|scale)", r"head.charge_\1"),
        (r"(s6|s8|a1|a2)", r"head.damping.\1"),
        (r"interaction_block(\d+)/interaction_layer/k2f/W", r"interactions.\1.filters.weight"),
        (r"interaction_block(\d+)/interaction_layer/u", r"interactions.\1.gate"),
        *_dense(r"interaction_block(\d+)/interaction_layer/dense_i", r"interactions.\1.own"),
        *_dense(r"interaction_block(\d+)/interaction_layer/dense_j", r"interactions.\1.neighbor"),
        *_dense(r"interaction_block(\d+)/interaction_layer/dense", r"interactions.\1.mix"),
        *_dense(
            r"interaction_block(\d+)/interaction_layer/residual_layer(\d+)/dense", r"interactions.\1.messages.\2.first"
        ),
        *_dense(
            r"interaction_block(\d+)/interaction_layer/residual_layer(\d+)/residual",
            r"interactions.\1.messages.\2.last",
        ),
        *_dense(r"interaction_block(\d+)/residual_layer(\d+)/dense", r"interactions.\1.atoms.\2.first"),
        *_dense(r"interaction_block(\d+)/residual_layer(\d+)/residual", r"interactions.\1.atoms.\2.last"),
        *_dense(r"output_block(\d+)/residual_layer(\d+)/dense", r"head.network.\1.residuals.\2.first"),
        *_dense(r"output_block(\d+)/residual_layer(\d+)/residual", r"head.network.\1.residuals.\2.last"),
        (r"output_block(\d+)/dense_layer/W", r"head.network.\1.last.weight"),
    ],
}

# What no peer has, by the beginnings of our names.
_OURS: dict[str, tuple[str, ...]] = {"radial_field": ("embedding.", "filters.", "head.")}


def load_peer_weights(model: nn.Module, source: "str | os.PathLike | Mapping[str, Tensor]") -> nn.Module:
    """Copy a peer's trained weights into a model of the same sizes.

    Parameters
    ----------
    model : SchNet, DimeNetPlusPlus, EGNN, RadialField, PaiNN or PhysNet
        With the peer's hyperparameters; changed in place. A ``ForceHead`` gets them into its energy.
    source : path or dict of str to tensor
        A state dict: in memory, in a ``.safetensors`` file, or in a file of ``torch.save`` that
        ``torch.load(weights_only=True)`` opens. Nothing is unpickled.

    Returns
    -------
    nn.Module
        The model.

    Raises
    ------
    ModelFileError
        If the file cannot be read that way, a name is unknown, a shape differs, or a weight is missing. The model is
        then unchanged.

    Notes
    -----
    Names are those of PyTorch Geometric's ``SchNet`` and ``DimeNetPlusPlus``; of vgsatorras/egnn
    (``models/egnn_clean``, the n-body models, and the QM9 model); of SchNetPack 2's ``NeuralNetworkPotential`` with
    ``PaiNN`` and ``Atomwise``; of the TensorFlow variables of MMunibas/PhysNet, without their scope and each matrix W
    transposed. Statistics that the peers keep elsewhere (SchNet's ``mean`` and ``std``, SchNetPack's postprocessors) go
    through ``model.head.calibrate``.

    Examples
    --------
    >>> from erlangen.models import SchNet
    >>> model = SchNet(hidden=8, filters=8, layers=1)
    >>> load_peer_weights(model, {"embedding.weight": torch.zeros(50, 8)})
    Traceback (most recent call last):
    ...
    erlangen.errors.ModelFileError: embedding.weight has shape (50, 8), this schnet needs (100, 8)
    """
    name = getattr(model, "hyperparameters", {}).get("name")
    if name not in _NAMES:
        raise ModelFileError(f"no peer's weights are known for {type(model).__name__}; known: {', '.join(_NAMES)}")
    weights = source if isinstance(source, Mapping) else _read(Path(source))
    own = model.state_dict()
    inside = "head.energy." if any(key.startswith("head.energy.") for key in own) else "head."
    loaded = {}
    for key, tensor in weights.items():
        target = _translate(key, _NAMES[name], str(source) if not isinstance(source, Mapping) else "the state dict")
        if target is None:
            continue
        target = re.sub(r"^head\.", inside, target)
        if target not in own:
            raise ModelFileError(
                f"{key} has no place in this {name}: {target} does not exist; compare the hyperparameters"
            )
        if target.endswith("references"):
            tensor = torch.cat([tensor, tensor.new_zeros(len(own[target]) - len(tensor), tensor.shape[1])])
        if tensor.shape != own[target].shape:
            raise ModelFileError(
                f"{key} has shape {tuple(tensor.shape)}, this {name} needs {tuple(own[target].shape)}"
            )  # fmt: skip
        loaded[target] = tensor
    ours = _OURS.get(name, ())  # the peer has no such part: it keeps its weights
    missing = [key for key, _ in model.named_parameters() if key not in loaded and not key.startswith(ours)]
    if missing:
        raise ModelFileError(f"{len(missing)} weights of this {name} are not in the file: {', '.join(missing[:5])}")
    if name == "schnet":
        _round_shift(loaded, own)
    model.load_state_dict(loaded, strict=False)
    return model


def _round_shift(loaded: dict[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Put PyTorch Geometric's ln 2, which it rounds to float32, into the biases after each shifted softplus."""
    difference = float(torch.tensor(math.log(2.0), dtype=torch.float32)) - math.log(2.0)
    for key in list(loaded):
        if re.search(r"(filter_last|dense_last|network\.2)\.bias$", key):
            weight = loaded[key.removesuffix("bias") + "weight"].double()
            loaded[key] = (loaded[key].double() - difference * weight.sum(1)).to(own[key].dtype)


def _translate(key: str, names: list[tuple[str, str | None]], where: str) -> str | None:
    for pattern, target in names:
        if match := re.fullmatch(pattern, key):
            return None if target is None else match.expand(target)
    raise ModelFileError(f"{where} has a weight {key!r} that belongs to no model known here")


def _read(path: Path) -> Mapping[str, Tensor]:
    """Return the state dict of a file, without executing anything in it."""
    if not path.is_file():
        raise ModelFileError(f"{path} is no file")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise ModelFileError(f"{path} is damaged or no safetensors file: {error}") from None
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelFileError(
            f"{path} holds more than tensors and could run code when opened, or is damaged; in the program that made "
            "it, save model.state_dict()"
        ) from None
    except (RuntimeError, ValueError, EOFError, KeyError, zipfile.BadZipFile, OSError) as error:
        raise ModelFileError(f"{path} is damaged or no file of weights: {str(error).splitlines()[0]}") from None
    if isinstance(weights, Mapping) and isinstance(weights.get("state_dict"), Mapping):
        weights = weights["state_dict"]
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ModelFileError(f"{path} holds no state dict, a mapping of names to tensors")
    return weights
