"""GPT-2's `config.json`, as `transformers` writes it, and whether our GPT computes what it describes.

A key that is missing has the default of `transformers.GPT2Config`: that of GPT-2 small, as it was published.
Keys that say nothing of what is computed (`use_cache`, `summary_type`, ...) are ignored.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from model.config import ModelConfig
from model.imports.bad_model import BadModel, shown
from model.imports.json_file import parse_object

SIZES = {"vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12}
"""With their defaults."""
FIELDS = {"n_positions": "context_length", "n_embd": "emb_dim", "n_head": "n_heads", "n_layer": "n_layers"}
"""By their keys, what our configuration calls them."""
ACTIVATION = "activation_function"
TANH_GELUS = ("gelu_new", "gelu_pytorch_tanh")
"""Two names of the tanh approximation of GELU."""
DROPOUTS = ("embd_pdrop", "attn_pdrop", "resid_pdrop")
DROPOUT = 0.1
EPSILON = 1e-5
"""Of our layer norms, and GPT-2's."""
FLAGS = {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False}
"""Of what is computed, as our GPT does it."""
MAX_VOCAB_SIZE = 10_000_000


@dataclass(frozen=True)
class GPT2Config:
    """What a `config.json` describes."""

    model: ModelConfig
    vocab_size: int


def read_config(content: bytes) -> GPT2Config:
    """raises  BadModel if it is malformed, or describes what our GPT does not compute"""
    config = parse_object(content, "config.json")
    check_architecture(config)
    sizes = {key: size_of(config, key, default) for key, default in SIZES.items()}
    if "n_ctx" in config and config["n_ctx"] != sizes["n_positions"]:
        raise wrong("n_ctx", config["n_ctx"], f"what n_positions is, {sizes['n_positions']}")
    if sizes["n_embd"] % sizes["n_head"]:
        raise wrong("n_embd", sizes["n_embd"], f"a multiple of n_head, {sizes['n_head']}")
    inner = config.get("n_inner")
    if inner is not None and inner != 4 * sizes["n_embd"]:
        raise wrong(
            "n_inner", inner, f"null or 4 * n_embd, {4 * sizes['n_embd']}: our GPT has no other width"
        )
    is_tied = config.get("tie_word_embeddings", True)
    if type(is_tied) is not bool:
        raise wrong("tie_word_embeddings", is_tied, "true or false")
    if sizes["vocab_size"] > MAX_VOCAB_SIZE:
        raise wrong("vocab_size", sizes["vocab_size"], f"at most {MAX_VOCAB_SIZE:,}")
    fields = {ours: sizes[theirs] for theirs, ours in FIELDS.items()}
    try:
        model = ModelConfig(
            **fields,
            drop_rate=drop_rate_of(config),
            qkv_bias=True,
            tie_weights=is_tied,
            initialization="gpt2",
        )
    except ValidationError as invalid:
        raise out_of_range(invalid, sizes) from invalid
    return GPT2Config(model, sizes["vocab_size"])


def check_architecture(config: dict[str, Any]) -> None:
    """raises  BadModel"""
    kind = config.get("model_type", "gpt2")
    if kind != "gpt2":
        raise wrong("model_type", kind, "'gpt2': only GPT-2's architecture can be imported")
    activation = config.get(ACTIVATION, TANH_GELUS[0])
    if activation not in TANH_GELUS:
        raise wrong(ACTIVATION, activation, "'gelu_new', GELU's tanh approximation, which our GPT computes")
    epsilon = config.get("layer_norm_epsilon", EPSILON)
    if type(epsilon) not in (int, float) or epsilon != EPSILON:
        raise wrong("layer_norm_epsilon", epsilon, f"{EPSILON:g}, that of our layer norms")
    for key, ours in FLAGS.items():
        if config.get(key, ours) is not ours:
            raise wrong(key, config[key], f"{str(ours).lower()}: our GPT has no other attention")


def size_of(config: dict[str, Any], key: str, default: int) -> int:
    """raises  BadModel"""
    size = config.get(key, default)
    if type(size) is not int or size < 1:
        raise wrong(key, size, "an integer from 1 on")
    return int(size)


def drop_rate_of(config: dict[str, Any]) -> float:
    """Our GPT has one rate for all. raises  BadModel"""
    rates = {key: config.get(key, DROPOUT) for key in DROPOUTS}
    for key, rate in rates.items():
        if type(rate) not in (int, float) or not 0 <= rate < 1:
            raise wrong(key, rate, "a number from 0 to below 1")
        if rate != rates[DROPOUTS[0]]:
            raise wrong(
                key,
                rate,
                f"what {DROPOUTS[0]} is, {rates[DROPOUTS[0]]}: our GPT has one drop_rate for all. It "
                "concerns training only: to import the weights make them equal, and set model.drop_rate in "
                "the job",
            )
    return float(rates[DROPOUTS[0]])


def out_of_range(invalid: ValidationError, sizes: dict[str, int]) -> BadModel:
    """For the first size that is larger than our GPT's may be."""
    error = invalid.errors(include_url=False)[0]
    field = error["loc"][0]
    key = next(theirs for theirs, ours in FIELDS.items() if ours == field)
    return wrong(key, sizes[key], f"at most {error['ctx']['le']:,}")


def wrong(key: str, value: Any, right: str) -> BadModel:
    return BadModel(f"config.json: {key} is {shown(value)}; must be {right}")
