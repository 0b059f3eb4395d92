import json
from typing import Any

import pytest

from model.imports.bad_model import BadModel
from model.imports.config_json import read_config
from tests.gpt2_files import CONFIG


def read(**changes: Any) -> Any:
    return read_config(json.dumps({**CONFIG, **changes}).encode())


def test_the_published_configuration_of_gpt2_small_is_taken() -> None:
    published = {
        "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1,
        "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12,
        "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1, "summary_type": "cls_index",
        "task_specific_params": {"text-generation": {"do_sample": True}}, "vocab_size": 50257,
    }  # fmt: skip
    config = read_config(json.dumps(published).encode())
    assert config == read_config(b"{}"), "what is missing has GPT-2 small's values"
    assert (config.vocab_size, config.model.context_length, config.model.emb_dim) == (50257, 1024, 768)
    assert (config.model.tie_weights, config.model.qkv_bias, config.model.drop_rate) == (True, True, 0.1)


def test_dropout_and_the_other_name_of_the_activation_are_taken() -> None:
    rates = {"embd_pdrop": 0, "attn_pdrop": 0.0, "resid_pdrop": 0.0}
    config = read(activation_function="gelu_pytorch_tanh", n_inner=48, tie_word_embeddings=False, **rates)
    assert (config.model.drop_rate, config.model.tie_weights) == (0.0, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'; must be 'gpt2'"),
        ({"activation_function": "gelu"}, "activation_function is 'gelu'; must be 'gelu_new', GELU's tanh"),
        ({"activation_function": []}, r"activation_function is \[\]; must be 'gelu_new'"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True; must be false"),
        ({"scale_attn_weights": False}, "scale_attn_weights is False; must be true"),
        ({"add_cross_attention": True}, "add_cross_attention is True; must be false"),
        ({"n_inner": 100}, r"n_inner is 100; must be null or 4 \* n_embd, 48"),
        ({"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon is 1e-06; must be 1e-05"),
        ({"layer_norm_epsilon": None}, "layer_norm_epsilon is None; must be 1e-05"),
        ({"n_embd": 10}, "n_embd is 10; must be a multiple of n_head, 3"),
        ({"n_layer": 0}, "n_layer is 0; must be an integer from 1 on"),
        ({"n_layer": True}, "n_layer is True; must be an integer"),
        ({"n_layer": "2"}, "n_layer is '2'; must be an integer"),
        ({"n_layer": 10**6}, "n_layer is 1000000; must be at most 1,024"),
        ({"vocab_size": 10**9}, "vocab_size is 1000000000; must be at most 10,000,000"),
        ({"n_ctx": 8}, "n_ctx is 8; must be what n_positions is, 16"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings is 'yes'; must be true or false"),
        ({"attn_pdrop": 0.2}, "attn_pdrop is 0.2; must be what embd_pdrop is, 0.1: .*one drop_rate"),
        ({"embd_pdrop": 1}, "embd_pdrop is 1; must be a number from 0 to below 1"),
        ({"embd_pdrop": "x" * 5000}, "embd_pdrop is 'xxx.*…; must be a number"),
    ],
    ids=str,
)
def test_what_our_gpt_lacks_is_refused_with_what_would_be_right(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadModel, match=f"^config.json: {message}"):
        read(**changes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "config.json is not JSON"),
        (b"\xff", "config.json is not JSON"),
        (b"[]", "config.json must be a JSON object"),
        (b"[" * 100_000, "config.json nests too deep"),
        (b'{"n_layer": 2, "n_layer": 3}', "the key 'n_layer' stands there twice"),
    ],
    ids=range(5),
)
def test_what_is_no_json_object_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(BadModel, match=message):
        read_config(content)
