"""Files of a small random model in GPT-2's published layout, whole or with something wrong in them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from model.bpe.tokenizer_json import byte_tokenizer

V, T, C = 257, 16, 12
CONFIG: dict[str, Any] = {
    "model_type": "gpt2",
    "vocab_size": V,
    "n_positions": T,
    "n_embd": C,
    "n_head": 3,
    "n_layer": 2,
}


def random_tensors(prefix: str = "", dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """With GPT-2's names and shapes; the head is tied."""
    generator = torch.Generator().manual_seed(5)

    def draw(*shape: int) -> Tensor:
        return (torch.randn(*shape, generator=generator) / 4).to(dtype)

    tensors = {"wte.weight": draw(V, C), "wpe.weight": draw(T, C)}
    for number in range(CONFIG["n_layer"]):
        block = f"h.{number}"
        tensors |= {
            f"{block}.ln_1.weight": draw(C),
            f"{block}.ln_1.bias": draw(C),
            f"{block}.attn.c_attn.weight": draw(C, 3 * C),
            f"{block}.attn.c_attn.bias": draw(3 * C),
            f"{block}.attn.c_proj.weight": draw(C, C),
            f"{block}.attn.c_proj.bias": draw(C),
            f"{block}.ln_2.weight": draw(C),
            f"{block}.ln_2.bias": draw(C),
            f"{block}.mlp.c_fc.weight": draw(C, 4 * C),
            f"{block}.mlp.c_fc.bias": draw(4 * C),
            f"{block}.mlp.c_proj.weight": draw(4 * C, C),
            f"{block}.mlp.c_proj.bias": draw(C),
        }
    tensors |= {"ln_f.weight": draw(C), "ln_f.bias": draw(C)}
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def write_model(
    folder: Path, tensors: Mapping[str, Tensor] | None = None, config: Mapping[str, Any] | None = None
) -> Path:
    """The folder, with the tensors, the configuration with these changes, and the tokenizer of bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(random_tensors() if tensors is None else tensors), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**CONFIG, **(config or {})}))
    (folder / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))
    return folder


def raw_file(header: Any, data_bytes: int = 0) -> bytes:
    """A safetensors file with that header, whatever stands in it, and zeros behind it."""
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + bytes(data_bytes)
