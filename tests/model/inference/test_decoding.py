"""The cache against the same model without one: one forward pass over the last `context_length` tokens."""

import gc
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.gpt import GPT
from model.inference.decoding import Decoding
from model.inference.engine import Engine, PlainEngine, fast_engine
from model.inference.kv_cache import SequenceCache
from model.layers import bfloat16
from model.layers.kit import KITS
from tests.model.tiny import CPU, tiny_config
from tests.sweeps import examples

CONTEXT = 8
NEEDS_BFLOAT16 = pytest.mark.skipif(
    not bfloat16.HAS_KERNELS, reason="this processor has no kernels for bfloat16"
)
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}  # of logits about 1 in size


def a_model(numerics="float32", **fields) -> GPT:
    torch.manual_seed(1)
    return GPT(tiny_config(context_length=CONTEXT, **fields), KITS[numerics]).eval()


def fast(model: GPT, **options) -> Engine:
    return fast_engine(model, **options)()


ENGINES = [PlainEngine, fast]


@torch.inference_mode()
def plain_logits(model: GPT, tokens: list[int]) -> torch.Tensor:
    """(V,)"""
    return model(torch.tensor([tokens[-CONTEXT:]]))[0, -1].float()


@settings(max_examples=examples(50))
@given(
    prompts=st.lists(st.lists(st.integers(0, 256), min_size=1, max_size=12), min_size=1, max_size=4),
    new=st.lists(st.integers(0, 256), min_size=1, max_size=14),
    numerics=st.sampled_from(["float32", "bfloat16"]),
    make_engine=st.sampled_from(ENGINES),
    chunk_tokens=st.sampled_from([1, 2, 3, 5, 8, 100]),
)
def test_sequences_side_by_side_read_in_any_chunks_get_the_logits_that_each_gets_alone_in_one_pass(
    prompts, new, numerics, make_engine, chunk_tokens
):
    model = a_model(numerics)
    decoding = Decoding(model, prompts, make_engine(model))
    decoding.chunk_tokens = chunk_tokens
    sequences = [list(prompt) for prompt in prompts]
    with torch.inference_mode():
        for token in new:
            logits = decoding.next_logits()
            expected = torch.stack([plain_logits(model, tokens) for tokens in sequences])
            torch.testing.assert_close(logits, expected, rtol=0, atol=TOLERANCE[numerics])
            new_tokens = [(token + i) % 257 for i in range(len(prompts))]
            decoding.append(new_tokens)
            for sequence, appended in zip(sequences, new_tokens, strict=True):
                sequence.append(appended)


def test_each_token_is_read_once_until_the_context_is_full(monkeypatch):
    model = a_model()
    read = []
    hidden = model.hidden

    def counted(ids, *others):
        read.append(ids.shape[1])
        return hidden(ids, *others)

    monkeypatch.setattr(model, "hidden", counted)
    decoding = Decoding(model, [[1, 2, 3]])
    with torch.inference_mode():
        for token in range(8):
            decoding.next_logits()
            decoding.append([token])
    assert read == [3, 1, 1, 1, 1, 1, 8, 8]


def test_the_lectures_arithmetic_reads_everything_in_one_pass_at_every_step():
    model, tokens = a_model("reference"), [1, 2, 3]
    decoding = Decoding(model, [tokens])
    decoding.chunk_tokens = 2
    with torch.inference_mode():
        for token in range(CONTEXT):
            expected = model.next_logits(torch.tensor([tokens[-CONTEXT:]]))
            assert torch.equal(decoding.next_logits(), expected)
            assert decoding.sequences[0].cache is None
            decoding.append([token])
            tokens.append(token)


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
@pytest.mark.parametrize("make_engine", ENGINES)
@pytest.mark.parametrize("length", [130, 256, 299, 300])
def test_a_prompt_and_a_window_read_in_chunks_give_the_logits_of_one_pass(numerics, make_engine, length):
    """At a width and a context at which there are chunks; three tokens on, 300 tokens are beyond it."""
    torch.manual_seed(1)
    model = GPT(tiny_config(context_length=300, emb_dim=256, n_heads=4, drop_rate=0.0), KITS[numerics]).eval()
    tokens = torch.randint(257, (length,)).tolist()
    decoding = Decoding(model, [tokens], make_engine(model))
    assert decoding.chunk_tokens < length
    with torch.inference_mode():
        for token in range(3):
            expected = model(torch.tensor([tokens[-300:]]))[0, -1].float()
            logits = decoding.next_logits()[0]
            torch.testing.assert_close(logits, expected, rtol=0, atol=TOLERANCE[numerics])
            decoding.append([token])
            tokens.append(token)


def test_no_pass_reads_more_of_a_prompt_or_a_window_than_a_chunk(monkeypatch):
    model = a_model()
    read = []
    hidden = model.hidden
    monkeypatch.setattr(
        model, "hidden", lambda ids, *others: read.append(ids.shape[1]) or hidden(ids, *others)
    )
    decoding = Decoding(model, [[1, 2, 3, 4, 5, 6, 7]])
    decoding.chunk_tokens = 3
    with torch.inference_mode():
        for token in range(3):
            decoding.next_logits()
            decoding.append([token])
    assert read == [3, 3, 1, 1, 3, 3, 2]


def test_a_sequence_that_was_evicted_is_read_again_to_the_very_same_numbers():
    model = a_model()
    one, other = (Decoding(model, [[1, 2, 3, 4]], fast(model)) for _ in range(2))
    for decoding in (one, other):
        decoding.chunk_tokens = 3
    with torch.inference_mode():
        for token in range(3 * CONTEXT):
            assert torch.equal(one.next_logits(), other.next_logits())
            for decoding in (one, other):
                decoding.append([token])
            if token % 3 == 1:
                other.sequences[0].evict()


@pytest.mark.parametrize("make_engine", ENGINES)
def test_a_sequence_joins_and_leaves_at_any_token(make_engine):
    model = a_model()
    decoding = Decoding(model, [[1, 2, 3]], make_engine(model))
    sequences = [[1, 2, 3]]
    with torch.inference_mode():
        for token in range(12):
            if token in (1, 3, 4):
                decoding.join([token, 9])
                sequences.append([token, 9])
            if token in (5, 7):
                decoding.leave(decoding.sequences[1])
                del sequences[1]
            expected = torch.stack([plain_logits(model, tokens) for tokens in sequences])
            torch.testing.assert_close(decoding.next_logits(), expected, rtol=0, atol=1e-5)
            decoding.append([token] * len(sequences))
            for tokens in sequences:
                tokens.append(token)
    assert len(sequences) == 2


def test_a_pass_that_fails_half_way_leaves_the_caches_as_they_were(monkeypatch):
    model = a_model()
    decoding, undisturbed = Decoding(model, [[1, 2, 3, 4], [5]]), Decoding(model, [[1, 2, 3, 4], [5]])
    last = model.blocks[-1]

    def fail(*_):
        raise MemoryError

    with torch.inference_mode():
        for token in range(3):
            with monkeypatch.context() as patch:
                patch.setattr(last, "forward", fail)
                with pytest.raises(MemoryError):
                    decoding.next_logits()
            assert torch.equal(decoding.next_logits(), undisturbed.next_logits())
            for either in (decoding, undisturbed):
                either.append([token, token])


def test_the_memory_of_a_sequence_is_freed_with_it():
    """It may be a hundred megabytes, and a cycle of references would keep it until the collector looks."""
    model = a_model()
    decoding = Decoding(model, [[1, 2, 3]], fast(model))
    with torch.inference_mode():
        decoding.next_logits()
        decoding.append([4])
        decoding.next_logits()
    kv = weakref.ref(decoding.sequences[0].cache.kv)
    gc.collect()
    gc.disable()
    try:
        decoding.leave(decoding.sequences[0])
        assert kv() is None
    finally:
        gc.enable()


def test_a_cache_holds_no_more_than_the_context():
    cache = SequenceCache(tiny_config(context_length=CONTEXT), CPU)
    with pytest.raises(ValueError, match="9 tokens do not fit into a context of 8"):
        a_model().next_logits(torch.zeros(1, 9, dtype=torch.int64), [cache])


@pytest.mark.parametrize("sequences", [[[]], [[1], []]])
def test_an_empty_sequence_is_refused(sequences):
    with pytest.raises(ValueError, match="a sequence is empty"):
        Decoding(a_model(), sequences)


@NEEDS_BFLOAT16
@pytest.mark.parametrize("tie_weights", [False, True])
def test_the_logits_of_the_next_token_are_not_rounded_to_bfloat16(tie_weights):
    model = a_model("bfloat16", tie_weights=tie_weights)
    ids = torch.arange(2 * CONTEXT).view(2, CONTEXT)
    with torch.inference_mode():
        logits = model.next_logits(ids)
        expected = model.hidden(ids)[:, -1].double() @ model.head.weight.double().T
    torch.testing.assert_close(logits.double(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("numerics", "int8"),
    [
        pytest.param("bfloat16", False, marks=NEEDS_BFLOAT16),
        pytest.param("bfloat16", True, marks=NEEDS_BFLOAT16),
        ("float32", False),
        ("float32", True),
    ],
)
def test_a_sequence_gets_the_very_logits_alone_that_it_gets_beside_others(numerics, int8):
    """At the width of a real model. One sequence ends before the others, one joins, one is read again."""
    torch.manual_seed(1)
    config = tiny_config(context_length=64, emb_dim=768, n_heads=12, drop_rate=0.0)
    model = GPT(config, KITS[numerics]).eval()
    make_engine = fast_engine(model, int8=int8)
    prompts = [[1, 2, 3], [4], [5, 6], [7, 8, 9, 10], [11], [12]]
    together = Decoding(model, prompts, make_engine())
    alone = [Decoding(model, [prompt], make_engine()) for prompt in prompts]
    for decoding in (together, *alone):
        decoding.chunk_tokens = 24
    with torch.inference_mode():
        for token in range(60):
            if token == 20:
                together.leave(together.sequences[2])
                del alone[2]
            if token == 30:
                together.sequences[1].evict()
            if token == 10:
                together.join([*range(50)])
                alone.append(Decoding(model, [[*range(50)]], make_engine()))
                alone[-1].chunk_tokens = 24
            expected = torch.cat([decoding.next_logits() for decoding in alone])
            assert torch.equal(together.next_logits(), expected)
            tokens = [(token + 7 * i) % 257 for i in range(len(alone))]
            together.append(tokens)
            for decoding, appended in zip(alone, tokens, strict=True):
                decoding.append([appended])


def test_the_lectures_arithmetic_has_no_engine_but_the_model():
    model = a_model("reference")
    assert isinstance(fast(model), PlainEngine)


def test_a_trainer_gets_an_engine_that_compiles_nothing():
    assert isinstance(fast(a_model(), compiles=False), PlainEngine)
