"""The tensors of GPT-2's publication, found for each tensor of our GPT.

GPT-2's linear layers are `Conv1D`s: their weights are (inputs, outputs), the transpose of PyTorch's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from model.config import GPTConfig
from model.gpt import GPT
from model.imports.bad_model import BadModel, shown, shown_names
from model.imports.weights_file import StoredTensor
from model.layers.meta_init import meta_init

PREFIX = "transformer."
"""Of all names but the head's in files of `GPT2LMHeadModel`; those of the publication have none."""
HEAD, EMBEDDING = "lm_head.weight", "wte.weight"
MASK = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)")
"""Buffers of older versions with the causal mask: no weights."""
DTYPES = ("F32", "F16", "BF16")
CONV1D = ("c_attn", "c_fc", "c_proj")
PARTS = {
    "tok_emb": "wte",
    "pos_emb": "wpe",
    "blocks": "h",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "final_norm": "ln_f",
    "attention": "attn",
    "qkv": "c_attn",
    "out": "c_proj",
    "feed_forward": "mlp",
    "up": "c_fc",
    "down": "c_proj",
    "scale": "weight",
    "shift": "bias",
    "head": "lm_head",
}
"""Of our tensors' names, what GPT-2 calls them."""


@dataclass(frozen=True)
class SourceTensor:
    """A tensor of our GPT, and where its numbers are."""

    name: str
    """Ours."""
    shape: tuple[int, ...]
    """Ours."""
    their_name: str
    stored: StoredTensor
    is_transposed: bool


@dataclass(frozen=True)
class Layout:
    tensors: list[SourceTensor]
    """All of our GPT's, in its own order."""
    tied_head: StoredTensor | None
    """What must equal the token embedding, which is stored twice."""


def find_tensors(stored: Mapping[str, StoredTensor], config: GPTConfig) -> Layout:
    """
    stored  by the names in their files
    raises  BadModel for a tensor that is missing, unexpected, or of another shape or dtype than `config` has
    """
    named = without_prefix(stored)
    with meta_init():
        shapes = {name: tuple(tensor.shape) for name, tensor in GPT(config).state_dict().items()}
    expected = {their_name(name): name for name in shapes}
    check_names(named, expected, config)
    tensors = [source_tensor(named, theirs, ours, shapes[ours], config) for theirs, ours in expected.items()]
    tied_head = named.get(HEAD) if config.tie_weights else None
    if tied_head is not None:
        check_tensor(HEAD, tied_head, shapes["tok_emb.weight"], config)
    return Layout(tensors, tied_head)


def without_prefix(stored: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Without the masks too. raises  BadModel"""
    named: dict[str, StoredTensor] = {}
    for name, tensor in stored.items():
        plain = name.removeprefix(PREFIX)
        if plain in named:
            raise BadModel(
                f"the tensor {shown(plain)} is there twice, with {PREFIX!r} before its name and without"
            )
        if not MASK.fullmatch(plain):
            named[plain] = tensor
    return named


def their_name(name: str) -> str:
    return ".".join(PARTS.get(part, part) for part in name.split("."))


def check_names(named: Mapping[str, StoredTensor], expected: Mapping[str, str], config: GPTConfig) -> None:
    """raises  BadModel"""
    sizes = f"config.json describes {config.n_layers:,} layers (n_layer)"
    if missing := [name for name in expected if name not in named]:
        untied = " and a head of its own (tie_word_embeddings false)" if HEAD in missing else ""
        raise BadModel(
            f"{len(missing):,} of {len(expected):,} tensors missing: {shown_names(missing)}; {sizes}{untied}"
        )
    known = {*expected, HEAD}
    if unexpected := [name for name in named if name not in known]:
        raise BadModel(
            f"not among GPT-2's tensors: {shown_names(unexpected)}; {sizes}, and only "
            "GPT-2's published layout can be imported"
        )


def source_tensor(
    named: Mapping[str, StoredTensor], theirs: str, ours: str, shape: tuple[int, ...], config: GPTConfig
) -> SourceTensor:
    """raises  BadModel"""
    *_, layer, kind = theirs.split(".")
    is_transposed = layer in CONV1D and kind == "weight"
    check_tensor(theirs, named[theirs], shape[::-1] if is_transposed else shape, config)
    return SourceTensor(ours, shape, theirs, named[theirs], is_transposed)


def check_tensor(name: str, tensor: StoredTensor, shape: tuple[int, ...], config: GPTConfig) -> None:
    """raises  BadModel"""
    place = f"{tensor.file.name}: the tensor {shown(name)}"
    if tensor.dtype not in DTYPES:
        raise BadModel(
            f"{place} has the dtype {tensor.dtype}; must be {', '.join(DTYPES[:-1])} or {DTYPES[-1]}"
        )
    if tensor.shape == shape:
        return
    hint = ""
    if tensor.shape == shape[::-1]:
        hint = ": GPT-2's linear layers are Conv1D, whose weights are (inputs, outputs)"
    raise BadModel(
        f"{place} has the shape {tensor.shape}; must be {shape} by config.json (vocab_size "
        f"{config.vocab_size}, n_positions {config.context_length}, n_embd {config.emb_dim}){hint}"
    )
