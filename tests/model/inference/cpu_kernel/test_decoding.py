"""The compiled token against the plain model in float64, which reads each row whole, without a cache."""

import gc
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.gpt import GPT
from model.inference.cpu_kernel.decoding import CPUEngine
from model.inference.cpu_kernel.layers import exponential
from model.inference.cpu_kernel.products import product
from model.inference.cpu_kernel.weights import Stored, matrices, rounded_to_int8, token_weights
from model.inference.engine import fast_engine
from model.inference.kv_cache import SequenceCache
from model.layers.kit import BFLOAT16, FLOAT32, REFERENCE
from tests.model.tiny import tiny_config

STORED: list[Stored] = ["float32", "bfloat16", "int8"]
V = 70


def a_model(**fields) -> GPT:
    torch.manual_seed(1)
    return GPT(tiny_config(**{"vocab_size": V, "drop_rate": 0.0} | fields)).eval()


def rounded(model: GPT, stored: Stored) -> dict[str, torch.Tensor]:
    """The weights of `model`, never tied, with its matrices as the kernel computes with them."""
    weights = {**model.state_dict(), "head.weight": model.head.weight.detach()}
    for name, weight in weights.items():
        if weight.dim() == 2 and "emb" not in name:
            if stored == "bfloat16":
                weights[name] = weight.bfloat16().float()
            elif stored == "int8":
                whole, scales = rounded_to_int8(weight)
                weights[name] = whole * scales[:, None]
    return weights


@torch.inference_mode()
def begun(model: GPT, row: list[int]) -> SequenceCache:
    cache = SequenceCache(model.config)
    model.next_logits(torch.tensor([row]), [cache])
    return cache


@settings(deadline=None, max_examples=60)
@given(
    stored=st.sampled_from(STORED),
    heads=st.integers(1, 3),
    head_size=st.integers(1, 24),
    n_layers=st.integers(1, 3),
    qkv_bias=st.booleans(),
    tie_weights=st.booleans(),
    rows=st.lists(st.lists(st.integers(0, V - 1), min_size=1, max_size=4), min_size=1, max_size=9),
    threads=st.integers(1, 3),
)
def test_every_size_of_model_gives_the_scores_of_the_plain_one(
    stored, heads, head_size, n_layers, qkv_bias, tie_weights, rows, threads
):
    model = a_model(
        emb_dim=heads * head_size,
        n_heads=heads,
        n_layers=n_layers,
        qkv_bias=qkv_bias,
        tie_weights=tie_weights,
    )
    weights, untied = rounded(model, stored), model.config.model_copy(update={"tie_weights": False})
    plain, beginning = GPT(untied, REFERENCE).eval(), GPT(untied, FLOAT32).eval()
    plain.load_state_dict(weights)
    beginning.load_state_dict(weights)
    plain.double()
    caches = [begun(beginning, row) for row in rows]
    kernel = CPUEngine(token_weights(model, stored), threads)
    for step in range(4):
        tokens = [(step + 7 * place) % V for place in range(len(rows))]
        found = kernel.next_logits(dict(zip(caches, tokens, strict=True)))
        rows = [[*row, token] for row, token in zip(rows, tokens, strict=True)]
        for cache, row in zip(caches, rows, strict=True):
            with torch.inference_mode():
                expected = plain.next_logits(torch.tensor([row]))
            # Tied weights make them large, a width of 2 or 3 what is rounded in a norm.
            size = max(1.0, expected.abs().max().item())
            torch.testing.assert_close(found[cache].double(), expected, rtol=0, atol=3e-4 * size)


def test_the_exponential_is_that_of_float64_to_float32s_precision():
    x = np.linspace(-87, 88, 5001, dtype=np.float32)
    found = np.array([exponential(value) for value in x])
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=5e-7, atol=0)
    assert exponential(np.float32(-np.inf)) == found[0] < 1e-37
    assert exponential(np.float32(np.inf)) == found[-1] > 1e38


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("inputs", [1, 2, 63, 768])
def test_a_product_is_the_same_to_the_bit_beside_others_and_however_many_threads_share_it(stored, inputs):
    torch.manual_seed(1)
    matrix = matrices([(torch.randn(200, inputs), torch.randn(200))], stored)
    x = torch.randn(12, inputs).numpy()
    alone = np.zeros((12, 256), np.float32)
    for row in range(12):
        product(np.repeat(x[row : row + 1], 4, axis=0), 1, matrix, 0, alone[row : row + 1], 0, 1)
    for rows in (1, 2, 3, 4, 5, 8, 11):
        for threads in (1, 3, 7):
            beside = np.zeros((12, 256), np.float32)
            shares = [product(x, rows, matrix, 0, beside, thread, threads) for thread in range(threads)]
            assert [end for _, end in shares[:-1]] == [first for first, _ in shares[1:]]
            assert (shares[0][0], shares[-1][1]) == (0, 256)
            assert np.array_equal(beside[:rows], alone[:rows])


def test_sequences_come_and_go_and_rest_as_they_like():
    model = a_model()
    weights = token_weights(model, "float32")
    first, second, lone = begun(model, [1, 2]), begun(model, [3]), begun(model, [3])
    both, one = CPUEngine(weights), CPUEngine(weights)
    both.next_logits({first: 4})
    both.next_logits({first: 5})
    assert torch.equal(both.next_logits({second: 6})[second], one.next_logits({lone: 6})[lone])
    assert torch.equal(both.next_logits({first: 2, second: 1})[second], one.next_logits({lone: 1})[lone])
    assert (first.length, second.length) == (5, 3)


@pytest.mark.parametrize("token", [-1, V])
def test_a_token_that_does_not_exist_is_refused(token):
    model = a_model()
    cache = begun(model, [1])
    with pytest.raises(IndexError, match=f"there is no token {token} of 70"):
        CPUEngine(token_weights(model, "float32")).next_logits({cache: token})


def test_a_full_cache_takes_no_further_token():
    model = a_model()
    cache = begun(model, [1] * 7)
    kernel = CPUEngine(token_weights(model, "float32"))
    kernel.next_logits({cache: 2})
    with pytest.raises(ValueError, match="9 tokens do not fit into a context of 8"):
        kernel.next_logits({cache: 3})


def test_more_threads_than_processors_come_to_an_end_and_are_gone_with_their_kernel():
    model = a_model()
    cache = begun(model, [1])
    kernel = CPUEngine(token_weights(model, "float32"), threads=9)
    kernel.next_logits({cache: 2})
    mine = list(kernel.others._threads)
    assert len(mine) > 1
    del kernel
    gc.collect()
    for thread in mine:
        thread.join(timeout=30)
    assert not any(thread in threading.enumerate() for thread in mine)


@pytest.mark.parametrize(("int8", "stored"), [(False, np.uint16), (True, np.int8)])
def test_the_matrices_are_stored_as_they_are_asked_for(int8, stored):
    engine = fast_engine(GPT(tiny_config(), BFLOAT16), int8=int8)()
    assert isinstance(engine, CPUEngine)
    assert engine.weights.qkv.blocks.dtype == stored
