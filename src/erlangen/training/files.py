"""A fitted model in one file: safetensors with a JSON description in its header, and a checksum over both."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from erlangen.arrays import write_atomically
from erlangen.errors import ModelFileError

FORMAT = 2


def save_model(path: "str | Path", tensors: dict[str, torch.Tensor], description: dict) -> Path:
    """Write tensors and a JSON-able description.

    Raises
    ------
    OutputError
        If the file cannot be written; what was there before stays.
    """
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    text = json.dumps({"format": FORMAT, **description}, sort_keys=True)
    metadata = {"erlangen": text, "sha256": _digest(tensors, text)}
    content = save(tensors, metadata=metadata)  # written by Python, whose errors are OSErrors: safetensors' are not
    return write_atomically(path, lambda temporary: temporary.write_bytes(content))


def load_model(path: "str | Path") -> tuple[dict[str, torch.Tensor], dict]:
    """Read what `save_model` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing, cut short, altered, from elsewhere or from a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(f"there is no model file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged or no model of erlangen: {error}") from None
    if "erlangen" not in metadata:
        raise ModelFileError(f"{path} holds tensors, but was not written by erlangen")
    if metadata.get("sha256") != _digest(tensors, metadata["erlangen"]):
        raise ModelFileError(f"{path} is damaged: its checksum does not match")
    description = json.loads(metadata["erlangen"])
    if description["format"] > FORMAT:
        raise ModelFileError(f"{path} is from a newer erlangen (format {description['format']}); upgrade to open it")
    if description["format"] < FORMAT:
        raise ModelFileError(f"{path} is from an older erlangen (format {description['format']}); train it again")
    return tensors, description


def _digest(tensors: dict[str, torch.Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy() if tensor.numel() else b"")
    return digest.hexdigest()
