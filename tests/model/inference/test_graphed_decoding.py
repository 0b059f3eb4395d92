"""What a CUDA graph captures, computed without one; tests/model/test_cuda.py captures it."""

import pytest
import torch

from model.gpt import GPT
from model.inference.graphed_decoding import CUDAGraphEngine, with_bfloat16_matrices
from model.inference.kv_cache import SequenceCache
from model.layers.kit import KITS
from tests.model.tiny import CPU, tiny_config


@pytest.fixture(params=["float32", "bfloat16"])
def model(request):
    torch.manual_seed(1)
    model = GPT(tiny_config(), KITS[request.param]).eval()
    return with_bfloat16_matrices(model) if request.param == "bfloat16" else model


@torch.inference_mode()
def prefilled(model, ids):
    cache = SequenceCache(model.config, CPU)
    model.next_logits(torch.tensor([ids]), [cache])
    return cache


class Replayed:
    """A captured graph, which computes at each replay."""

    def __init__(self, engine):
        self.replay = engine.compute


@pytest.fixture
def captured(monkeypatch):
    """The graphs that were captured."""
    graphs = []

    def capture(compute):
        graphs.append(compute)
        return Replayed(compute.__self__)

    monkeypatch.setattr("model.inference.graphed_decoding.capture", capture)
    monkeypatch.setattr("model.inference.graphed_decoding.warm_up", lambda compute: compute())
    return graphs


@torch.inference_mode()
def check(engine, model, tokens, expected):
    """That the engine's logits are those of the model's own operations, of the `expected` caches."""
    logits = engine.next_logits(tokens)
    for cache, token in tokens.items():
        cache_logits = model.next_logits(torch.tensor([[token]]), [expected[cache]])
        torch.testing.assert_close(logits[cache].float(), cache_logits.float(), rtol=0, atol=2e-2)
    assert logits.keys() == tokens.keys()


def test_sequences_that_join_leave_and_pause_get_the_logits_of_one_that_is_alone(model, captured):
    engine = CUDAGraphEngine(model)
    prompts = ([1, 2, 3], [4], [5] * 4, [6, 7])
    first, second, third, fourth = caches = [prefilled(model, ids) for ids in prompts]
    expected = dict(zip(caches, [prefilled(model, ids) for ids in prompts], strict=True))
    check(engine, model, {first: 1}, expected)
    check(engine, model, {first: 2, second: 3, third: 4}, expected)
    check(engine, model, {third: 4}, expected)  # the others pause in their slots
    assert (len(captured), len(engine.slots)) == (2, 4)
    engine.release(second, will_resume=True)
    check(engine, model, {first: 5, fourth: 6}, expected)  # which takes the free slot
    engine.release(first, will_resume=False)
    check(engine, model, {second: 7, third: 8}, expected)
    assert (len(captured), len(engine.slots)) == (2, 4)
    for cache in caches:
        engine.release(cache, will_resume=False)
    assert (engine.slots, engine.graph, engine.kv.numel()) == ([], None, 0)


def test_a_paused_sequence_keeps_its_keys_and_values_when_its_slot_is_taken(model, captured):
    engine = CUDAGraphEngine(model)
    first, second = prefilled(model, [1, 2, 3]), prefilled(model, [4])
    with torch.inference_mode():
        engine.next_logits({first: 1})
        before = first.kv[..., : first.length, :].clone()
        engine.release(first, will_resume=True)
        for token in range(3):
            engine.next_logits({second: token})
    assert torch.equal(first.kv[..., : first.length, :], before)
