"""A model of ours as `transformers` has it."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from model.gpt import GPT

NAMES = {
    "tok_emb": "wte",
    "pos_emb": "wpe",
    "blocks": "h",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "final_norm": "ln_f",
    "attention": "attn",
    "qkv": "c_attn",
    "feed_forward": "mlp",
    "up": "c_fc",
    "down": "c_proj",
    "out": "c_proj",
    "scale": "weight",
    "shift": "bias",
}


def as_transformers_has_it(model: GPT) -> Any:
    """A GPT2LMHeadModel with the weights of a model whose head is tied and whose QKV has a bias."""
    from transformers import GPT2Config, GPT2LMHeadModel  # two seconds, in each of the tests' processes

    config = model.config
    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.context_length,
            n_embd=config.emb_dim,
            n_layer=config.n_layers,
            n_head=config.n_heads,
        )
    ).eval()
    theirs.load_state_dict({"lm_head.weight": model.tok_emb.weight} | dict(renamed_weights(model)))
    return theirs


def renamed_weights(model: GPT) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in model.state_dict().items():
        parts = [NAMES.get(part, part) for part in name.split(".")]
        # transformers' Conv1D keeps its matrix as (inputs, outputs)
        turned = parts[-2] in {"c_attn", "c_fc", "c_proj"} and parts[-1] == "weight"
        yield "transformer." + ".".join(parts), tensor.T if turned else tensor
