"""The cache against the same model without one: one forward pass over the last `context_length` tokens."""

import gc
import weakref
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.gpt import GPT
from model.inference.decoding import Decoding
from model.inference.kv_cache import Cache
from model.inference.packed import PackedLinear, for_generation, packed
from model.layers import bfloat16
from tests.model.tiny import tiny_config

CONTEXT = 8
NEEDS_BFLOAT16 = pytest.mark.skipif(
    not bfloat16.HAS_KERNELS, reason="this processor has no kernels for bfloat16"
)
PACKED = pytest.mark.parametrize("numerics", ["float32", pytest.param("bfloat16", marks=NEEDS_BFLOAT16)])
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}  # of logits about 1 in size


def a_model(numerics="float32", **fields) -> GPT:
    torch.manual_seed(1)
    return GPT(tiny_config(context_length=CONTEXT, **fields), numerics).eval()


@torch.inference_mode()
def plain_logits(model: GPT, row: list[int]) -> torch.Tensor:
    """(V,)"""
    return model(torch.tensor([row[-CONTEXT:]]))[0, -1].float()


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(st.lists(st.integers(0, 256), min_size=1, max_size=12), min_size=1, max_size=4),
    new=st.lists(st.integers(0, 256), min_size=1, max_size=14),
    numerics=st.sampled_from(["float32", "bfloat16"]),
    prepared=st.sampled_from([lambda model: model, packed, for_generation]),
    piece_tokens=st.sampled_from([1, 2, 3, 5, 8, 100]),
)
def test_sequences_side_by_side_read_in_any_pieces_get_the_logits_that_each_gets_alone_in_one_pass(
    rows, new, numerics, prepared, piece_tokens
):
    model = a_model(numerics)
    decoding = Decoding(prepared(model), rows)
    decoding.piece_tokens = piece_tokens
    grown = [list(row) for row in rows]
    with torch.inference_mode():
        for token in new:
            logits = decoding.next_logits()
            expected = torch.stack([plain_logits(model, row) for row in grown])
            torch.testing.assert_close(logits, expected, rtol=0, atol=TOLERANCE[numerics])
            tokens = [(token + i) % 257 for i in range(len(rows))]
            decoding.append(tokens)
            for row, appended in zip(grown, tokens, strict=True):
                row.append(appended)


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
    model, row = a_model("reference"), [1, 2, 3]
    decoding = Decoding(model, [row])
    decoding.piece_tokens = 2
    with torch.inference_mode():
        for token in range(CONTEXT):
            expected = model.next_logits(torch.tensor([row[-CONTEXT:]]))
            assert torch.equal(decoding.next_logits(), expected)
            assert decoding.sequences[0].cache is None
            decoding.append([token])
            row.append(token)


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
@pytest.mark.parametrize("prepared", [lambda model: model, for_generation])
@pytest.mark.parametrize("length", [130, 256, 299, 300])
def test_a_prompt_and_a_window_read_in_pieces_give_the_logits_of_one_pass(numerics, prepared, length):
    """At a width and a context at which there are pieces; three tokens on, 300 tokens are beyond it."""
    torch.manual_seed(1)
    model = GPT(tiny_config(context_length=300, emb_dim=256, n_heads=4, drop_rate=0.0), numerics).eval()
    row = torch.randint(257, (length,)).tolist()
    decoding = Decoding(prepared(model), [row])
    assert decoding.piece_tokens < length
    with torch.inference_mode():
        for token in range(3):
            expected = model(torch.tensor([row[-300:]]))[0, -1].float()
            found = decoding.next_logits()[0]
            torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE[numerics])
            decoding.append([token])
            row.append(token)


def test_no_pass_reads_more_of_a_prompt_or_a_window_than_a_piece(monkeypatch):
    model = a_model()
    read = []
    hidden = model.hidden
    monkeypatch.setattr(
        model, "hidden", lambda ids, *others: read.append(ids.shape[1]) or hidden(ids, *others)
    )
    decoding = Decoding(model, [[1, 2, 3, 4, 5, 6, 7]])
    decoding.piece_tokens = 3
    with torch.inference_mode():
        for token in range(3):
            decoding.next_logits()
            decoding.append([token])
    assert read == [3, 3, 1, 1, 3, 3, 2]


def test_a_sequence_that_was_forgotten_is_read_again_to_the_very_same_numbers():
    model = for_generation(a_model())
    one, other = Decoding(model, [[1, 2, 3, 4]]), Decoding(model, [[1, 2, 3, 4]])
    for decoding in (one, other):
        decoding.piece_tokens = 3
    with torch.inference_mode():
        for token in range(3 * CONTEXT):
            assert torch.equal(one.next_logits(), other.next_logits())
            for decoding in (one, other):
                decoding.append([token])
            if token % 3 == 1:
                other.sequences[0].forget()


@pytest.mark.parametrize("prepared", [lambda model: model, packed, for_generation])
def test_a_sequence_joins_and_leaves_at_any_token(prepared):
    model = a_model()
    decoding = Decoding(prepared(model), [[1, 2, 3]])
    rows = [[1, 2, 3]]
    with torch.inference_mode():
        for token in range(12):
            if token in (1, 3, 4):
                decoding.join([token, 9])
                rows.append([token, 9])
            if token in (5, 7):
                decoding.leave(decoding.sequences[1])
                del rows[1]
            expected = torch.stack([plain_logits(model, row) for row in rows])
            torch.testing.assert_close(decoding.next_logits(), expected, rtol=0, atol=1e-5)
            decoding.append([token] * len(rows))
            for row in rows:
                row.append(token)
    assert len(rows) == 2


@pytest.mark.parametrize("prepared", [lambda model: model, packed])
def test_a_pass_that_fails_half_way_leaves_the_caches_as_they_were(prepared, monkeypatch):
    model = prepared(a_model())
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
            for each in (decoding, undisturbed):
                each.append([token, token])


def test_the_memory_of_a_sequence_is_freed_with_it():
    """It may be a hundred megabytes, and a cycle of references would keep it until the collector looks."""
    decoding = Decoding(for_generation(a_model()), [[1, 2, 3]])
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
    cache = Cache(tiny_config(context_length=CONTEXT))
    with pytest.raises(ValueError, match="9 tokens do not fit into a context of 8"):
        a_model().next_logits(torch.zeros(1, 9, dtype=torch.int64), [cache])


@pytest.mark.parametrize("rows", [[[]], [[1], []]])
def test_an_empty_sequence_is_refused(rows):
    with pytest.raises(ValueError, match="a sequence is empty"):
        Decoding(a_model(), rows)


@PACKED
@pytest.mark.parametrize("tie_weights", [False, True])
def test_packing_copies_what_becomes_bfloat16_and_leaves_the_model_as_it_was(numerics, tie_weights):
    model = a_model(numerics, tie_weights=tie_weights, qkv_bias=True)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    copy = packed(model)
    assert isinstance(copy.head, PackedLinear)
    assert copy.head.weight.data_ptr() == model.output_weight.data_ptr()
    assert copy.pos_emb.weight.data_ptr() == model.pos_emb.weight.data_ptr()
    matrix = copy.blocks[0].up.weight
    if numerics == "float32":
        assert matrix.data_ptr() == model.blocks[0].feed_forward.up.weight.data_ptr()
    else:
        assert matrix.dtype == torch.bfloat16
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


@PACKED
@pytest.mark.parametrize("tie_weights", [False, True])
@pytest.mark.parametrize("qkv_bias", [False, True])
def test_a_packed_model_scores_every_position_as_the_model_does(numerics, tie_weights, qkv_bias):
    model = a_model(numerics, tie_weights=tie_weights, qkv_bias=qkv_bias)
    ids = torch.arange(2 * CONTEXT).view(2, CONTEXT)
    with torch.inference_mode():
        found, expected = packed(model)(ids).float(), model(ids).float()
    # What is rounded to bfloat16 on the way grows with the logits, which tied weights make larger.
    size = expected.std().clamp(min=1).item() if numerics == "bfloat16" else 1
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE[numerics] * size)


@NEEDS_BFLOAT16
@pytest.mark.parametrize("tie_weights", [False, True])
def test_a_packed_model_does_not_round_its_scores_to_bfloat16(tie_weights):
    model = a_model("bfloat16", tie_weights=tie_weights)
    copy, ids = packed(model), torch.arange(2 * CONTEXT).view(2, CONTEXT)
    with torch.inference_mode():
        found = copy.next_logits(ids)
        expected = copy.hidden(ids)[:, -1].double() @ model.output_weight.double().T
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("numerics", "prepared"),
    [
        pytest.param("bfloat16", for_generation, marks=NEEDS_BFLOAT16),
        pytest.param("bfloat16", partial(for_generation, int8=True), marks=NEEDS_BFLOAT16),
        ("float32", for_generation),
        ("float32", partial(for_generation, int8=True)),
    ],
)
def test_a_sequence_gets_the_very_logits_alone_that_it_gets_beside_others(numerics, prepared):
    """At the width of a real model. One sequence ends before the others, one joins, one is read again."""
    torch.manual_seed(1)
    config = tiny_config(context_length=64, emb_dim=768, n_heads=12, drop_rate=0.0)
    model = prepared(GPT(config, numerics).eval())
    rows = [[1, 2, 3], [4], [5, 6], [7, 8, 9, 10], [11], [12]]
    together, alone = Decoding(model, rows), [Decoding(model, [row]) for row in rows]
    for decoding in (together, *alone):
        decoding.piece_tokens = 24
    with torch.inference_mode():
        for token in range(60):
            if token == 20:
                together.leave(together.sequences[2])
                del alone[2]
            if token == 30:
                together.sequences[1].forget()
            if token == 10:
                together.join([*range(50)])
                alone.append(Decoding(model, [[*range(50)]]))
                alone[-1].piece_tokens = 24
            expected = torch.cat([decoding.next_logits() for decoding in alone])
            assert torch.equal(together.next_logits(), expected)
            tokens = [(token + 7 * row) % 257 for row in range(len(alone))]
            together.append(tokens)
            for decoding, appended in zip(alone, tokens, strict=True):
                decoding.append([appended])


def test_the_lectures_arithmetic_is_not_packed():
    model = a_model("reference")
    assert packed(model) is model


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_without_kernels_nothing_is_packed(numerics, monkeypatch):
    monkeypatch.setattr(bfloat16, "HAS_KERNELS", False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    model = a_model(numerics)
    assert packed(model) is model
