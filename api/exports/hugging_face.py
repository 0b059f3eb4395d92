"""A checkpoint as a folder that `transformers` loads: `AutoModelForCausalLM` and `AutoTokenizer`."""

import json
from http import HTTPStatus
from typing import Any

from api.exports.gpt2_weights import gpt2_tensors
from api.exports.model_card import model_card
from api.exports.tensor_file import TensorFile, tensor_file_chunks, tensor_file_head
from api.http.problems import HTTPProblem
from api.http.zip_stream import Member
from jobs.lifecycle.weights import OpenWeights, WeightsLost
from jobs.spec.job_spec import JobSpec
from model.bpe.tokenizer_json import TOKENIZER_JSON
from model.config import GPTConfig, SamplingConfig
from model.tokenizers import END_OF_TEXT, TOKENIZERS, Tokenizer, load_tokenizer

KNOWN_FIELDS = {
    *("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers"),
    *("drop_rate", "qkv_bias", "tie_weights", "initialization"),
}
"""Of `GPTConfig`: those with which a model is a GPT-2, whatever their values are."""


class NotGPT2(HTTPProblem):
    """The model is none that GPT-2's layout can hold (409); the detail says what to take instead."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.CONFLICT, detail)


def hugging_face_folder(weights: OpenWeights, spec: JobSpec) -> list[Member]:
    """The folder's files, the weights made while they are read from `weights`.

    raises  NotGPT2; WeightsLost if the weights are not those of the spec's model
    """
    tokenizer = checkpoint_tokenizer(weights, spec)
    spec = spec.with_tokenizer(tokenizer)
    config = spec.gpt
    check_is_gpt2(config)
    tensors = gpt2_tensors(TensorFile(weights.file), config)
    head = tensor_file_head(tensors)
    size_bytes = len(head) + sum(tensor.size_bytes for tensor in tensors)
    ends = {"bos_token_id": tokenizer.end_of_text, "eos_token_id": tokenizer.end_of_text}
    return [
        Member.of("README.md", model_card(weights, spec)),
        as_json("config.json", {**model_config(config), **ends}),
        as_json("generation_config.json", {**generation_config(spec.sampling), **ends}),
        Member.of("tokenizer.json", tokenizer.tokenizer_json or json.dumps(TOKENIZER_JSON[spec.tokenizer]())),
        as_json("tokenizer_config.json", tokenizer_config(config)),
        Member("model.safetensors", size_bytes, lambda: tensor_file_chunks(head, tensors)),
    ]


def checkpoint_tokenizer(weights: OpenWeights, spec: JobSpec) -> Tokenizer:
    """The one that is built in, or the copy in the checkpoint's folder. raises  WeightsLost"""
    if spec.tokenizer not in TOKENIZERS and weights.tokenizer_json is None:
        raise WeightsLost(f"the checkpoint has no copy of its tokenizer {spec.tokenizer}")
    return load_tokenizer(spec.tokenizer, weights.tokenizer_json)


def check_is_gpt2(config: GPTConfig) -> None:
    """raises  NotGPT2"""
    unknown = sorted(config.model_dump(exclude_defaults=True).keys() - KNOWN_FIELDS)
    if unknown:
        fields = ", ".join(f"model.{name}" for name in unknown)
        raise NotGPT2(
            f"GPT-2's layout has no {fields}: download the checkpoint with format=safetensors, whose tensors "
            "have the names of the service's own model (model/gpt.py)"
        )


def as_json(name: str, content: dict[str, Any]) -> Member:
    return Member.of(name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def model_config(config: GPTConfig) -> dict[str, Any]:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "dtype": "float32",
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_embd": config.emb_dim,
        "n_head": config.n_heads,
        "n_layer": config.n_layers,
        "n_inner": None,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "scale_attn_weights": True,
        "embd_pdrop": config.drop_rate,
        "attn_pdrop": config.drop_rate,
        "resid_pdrop": config.drop_rate,
        "tie_word_embeddings": config.tie_weights,
        "use_cache": True,
    }


def generation_config(sampling: SamplingConfig) -> dict[str, Any]:
    """As the job's own samples were drawn."""
    common = {"max_new_tokens": sampling.max_new_tokens, "do_sample": sampling.temperature > 0}
    if not common["do_sample"]:
        return common
    return {
        **common,
        "temperature": sampling.temperature,
        # 0 and 1 leave all tokens, where the library's own default would leave the 50 likeliest.
        "top_k": sampling.top_k or 0,
        "top_p": sampling.top_p or 1.0,
    }


def tokenizer_config(config: GPTConfig) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.context_length,
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "unk_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,
    }
