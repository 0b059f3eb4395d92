"""The compiled decode step against the plain model in float64, which reads each sequence whole, without a
cache."""

import gc
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config import GPTConfig
from model.gpt import GPT
from model.inference.cpu_kernel.engine import CPUEngine
from model.inference.cpu_kernel.layers import exp
from model.inference.cpu_kernel.linear import linear
from model.inference.cpu_kernel.weights import WeightDtype, pack_linear, pack_weights, quantise_to_int8
from model.inference.engine import PlainEngine, fast_engine
from model.inference.kv_cache import SequenceCache
from model.layers.kit import BFLOAT16, FLOAT32, REFERENCE
from tests.model.tiny import CPU, tiny_config
from tests.sweeps import examples

DTYPES: list[WeightDtype] = ["float32", "bfloat16", "int8"]
V = 70


def a_model(**fields) -> GPT:
    torch.manual_seed(1)
    return GPT(tiny_config(**{"vocab_size": V, "drop_rate": 0.0} | fields)).eval()


def rounded(model: GPT, dtype: WeightDtype) -> dict[str, torch.Tensor]:
    """The weights of `model`, never tied, with its pack_linear as the engine computes with them."""
    weights = {**model.state_dict(), "head.weight": model.head.weight.detach()}
    for name, weight in weights.items():
        if weight.dim() == 2 and "emb" not in name:
            if dtype == "bfloat16":
                weights[name] = weight.bfloat16().float()
            elif dtype == "int8":
                whole, scales = quantise_to_int8(weight)
                weights[name] = whole * scales[:, None]
    return weights


@torch.inference_mode()
def prefilled(model: GPT, ids: list[int]) -> SequenceCache:
    cache = SequenceCache(model.config, CPU)
    model.next_logits(torch.tensor([ids]), [cache])
    return cache


@settings(max_examples=examples(60))
@given(
    dtype=st.sampled_from(DTYPES),
    heads=st.integers(1, 3),
    head_size=st.integers(1, 24),
    n_layers=st.integers(1, 3),
    qkv_bias=st.booleans(),
    tie_weights=st.booleans(),
    prompts=st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=4), min_size=1, max_size=9),
    threads=st.integers(1, 3),
)
def test_every_size_of_model_gives_the_logits_of_the_plain_one(
    dtype, heads, head_size, n_layers, qkv_bias, tie_weights, prompts, threads
):
    model = a_model(
        emb_dim=heads * head_size,
        n_heads=heads,
        n_layers=n_layers,
        qkv_bias=qkv_bias,
        tie_weights=tie_weights,
    )
    weights, untied = rounded(model, dtype), model.config.model_copy(update={"tie_weights": False})
    plain, prefilling = GPT(untied, REFERENCE).eval(), GPT(untied, FLOAT32).eval()
    plain.load_state_dict(weights)
    prefilling.load_state_dict(weights)
    plain.double()
    caches = [prefilled(prefilling, prompt) for prompt in prompts]
    sequences = [list(prompt) for prompt in prompts]
    engine = CPUEngine(pack_weights(model, dtype), threads)
    for step in range(4):
        tokens = [(step + 7 * i) % V for i in range(len(prompts))]
        logits = engine.next_logits(dict(zip(caches, tokens, strict=True)))
        for cache, sequence, token in zip(caches, sequences, tokens, strict=True):
            sequence.append(token)
            with torch.inference_mode():
                expected = plain.next_logits(torch.tensor([sequence]))
            # Tied weights make them large, a width of 2 or 3 what is rounded in a norm.
            size = max(1.0, expected.abs().max().item())
            torch.testing.assert_close(logits[cache].double(), expected, rtol=0, atol=3e-4 * size)


def test_the_exponential_is_that_of_float64_to_float32s_precision():
    x = np.linspace(-87, 88, 5001, dtype=np.float32)
    computed = np.array([exp(value) for value in x])
    np.testing.assert_allclose(computed, np.exp(x.astype(np.float64)), rtol=5e-7, atol=0)
    assert exp(np.float32(-np.inf)) == computed[0] < 1e-37
    assert exp(np.float32(np.inf)) == computed[-1] > 1e38


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("inputs", [1, 2, 63, 768])
def test_a_product_is_the_same_to_the_bit_beside_others_and_however_many_threads_share_it(dtype, inputs):
    torch.manual_seed(1)
    weights = pack_linear([(torch.randn(200, inputs), torch.randn(200))], dtype)
    x = torch.randn(12, inputs).numpy()
    alone = np.zeros((12, 256), np.float32)
    for row in range(12):
        linear(np.repeat(x[row : row + 1], 4, axis=0), 1, weights, 0, alone[row : row + 1], 0, 1)
    for B in (1, 2, 3, 4, 5, 8, 11):
        for threads in (1, 3, 7):
            beside = np.zeros((12, 256), np.float32)
            ranges = [linear(x, B, weights, 0, beside, thread, threads) for thread in range(threads)]
            assert [end for _, end in ranges[:-1]] == [first for first, _ in ranges[1:]]
            assert (ranges[0][0], ranges[-1][1]) == (0, 256)
            assert np.array_equal(beside[:B], alone[:B])


def test_sequences_join_leave_and_pause_between_any_two_steps():
    model = a_model()
    weights = pack_weights(model, "float32")
    first, second, lone = prefilled(model, [1, 2]), prefilled(model, [3]), prefilled(model, [3])
    both, one = CPUEngine(weights), CPUEngine(weights)
    both.next_logits({first: 4})
    both.next_logits({first: 5})
    assert torch.equal(both.next_logits({second: 6})[second], one.next_logits({lone: 6})[lone])
    assert torch.equal(both.next_logits({first: 2, second: 1})[second], one.next_logits({lone: 1})[lone])
    assert (first.length, second.length) == (5, 3)


@pytest.mark.parametrize("token", [-1, V])
def test_a_token_that_does_not_exist_is_refused(token):
    model = a_model()
    cache = prefilled(model, [1])
    with pytest.raises(IndexError, match=f"there is no token {token} of 70"):
        CPUEngine(pack_weights(model, "float32")).next_logits({cache: token})


def test_a_full_cache_takes_no_further_token():
    model = a_model()
    cache = prefilled(model, [1] * 7)
    engine = CPUEngine(pack_weights(model, "float32"))
    engine.next_logits({cache: 2})
    with pytest.raises(ValueError, match="9 tokens do not fit into a context of 8"):
        engine.next_logits({cache: 3})


def test_more_threads_than_processors_come_to_an_end_and_are_gone_with_their_engine():
    model = a_model()
    cache = prefilled(model, [1])
    engine = CPUEngine(pack_weights(model, "float32"), threads=9)
    engine.next_logits({cache: 2})
    threads = list(engine.pool._threads)
    assert len(threads) > 1
    del engine
    gc.collect()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread in threading.enumerate() for thread in threads)


@pytest.mark.parametrize(("int8", "dtype"), [(False, np.uint16), (True, np.int8)])
def test_the_matrices_are_stored_as_they_are_asked_for(int8, dtype):
    engine = fast_engine(GPT(tiny_config(), BFLOAT16), int8=int8)()
    assert isinstance(engine, CPUEngine)
    assert engine.weights.qkv.blocks.dtype == dtype


def test_a_model_with_a_field_of_later_versions_is_declined_and_computed_by_the_gpt_itself():
    class LaterConfig(GPTConfig):
        is_later: bool = False

    config = tiny_config().model_dump()
    assert isinstance(fast_engine(GPT(LaterConfig(**config)))(), CPUEngine)
    assert isinstance(fast_engine(GPT(LaterConfig(**config, is_later=True)))(), PlainEngine)
