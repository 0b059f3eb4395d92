"""What a CUDA graph records, computed without one; tests/model/test_cuda.py records it."""

import pytest
import torch

from model.gpt import GPT
from model.inference.graphed_decoding import GraphEngine, with_bfloat16_matrices
from model.inference.kv_cache import SequenceCache
from model.layers.kit import KITS
from tests.model.tiny import tiny_config


@pytest.fixture(params=["float32", "bfloat16"])
def model(request):
    torch.manual_seed(1)
    model = GPT(tiny_config(), KITS[request.param]).eval()
    return with_bfloat16_matrices(model) if request.param == "bfloat16" else model


@torch.inference_mode()
def begun(model, ids):
    cache = SequenceCache(model.config)
    model.next_logits(torch.tensor([ids]), [cache])
    return cache


class Replayed:
    """A recorded graph, which computes as it was recorded."""

    def __init__(self, graph):
        self.replay = graph.compute


@pytest.fixture
def recorded(monkeypatch):
    """How many graphs were recorded."""
    found = []

    def record(compute):
        found.append(compute)
        return Replayed(compute.__self__)

    monkeypatch.setattr("model.inference.graphed_decoding.record", record)
    monkeypatch.setattr("model.inference.graphed_decoding.warm_up", lambda compute: compute())
    return found


@torch.inference_mode()
def check(graph, model, tokens, expected):
    """That the graph's logits are those of the model's own operations, of the `expected` caches."""
    found = graph.next_logits(tokens)
    for cache, token in tokens.items():
        wanted = model.next_logits(torch.tensor([[token]]), [expected[cache]])
        torch.testing.assert_close(found[cache].float(), wanted.float(), rtol=0, atol=2e-2)
    assert found.keys() == tokens.keys()


def test_sequences_that_come_go_and_rest_get_the_logits_of_one_that_is_alone(model, recorded):
    graph = GraphEngine(model)
    prompts = ([1, 2, 3], [4], [5] * 4, [6, 7])
    first, second, third, fourth = caches = [begun(model, ids) for ids in prompts]
    expected = dict(zip(caches, [begun(model, ids) for ids in prompts], strict=True))
    check(graph, model, {first: 1}, expected)
    check(graph, model, {first: 2, second: 3, third: 4}, expected)
    check(graph, model, {third: 4}, expected)  # the others rest in their places
    assert (len(recorded), len(graph.places)) == (2, 4)
    graph.release(second, goes_on=True)
    check(graph, model, {first: 5, fourth: 6}, expected)  # which takes the free place
    graph.release(first, goes_on=False)
    check(graph, model, {second: 7, third: 8}, expected)
    assert (len(recorded), len(graph.places)) == (2, 4)
    for cache in caches:
        graph.release(cache, goes_on=False)
    assert (graph.places, graph.graph, graph.kv.numel()) == ([], None, 0)


def test_a_sequence_that_rests_keeps_its_keys_and_values_when_its_place_is_taken(model, recorded):
    graph = GraphEngine(model)
    first, second = begun(model, [1, 2, 3]), begun(model, [4])
    with torch.inference_mode():
        graph.next_logits({first: 1})
        before = first.kv[..., : first.length, :].clone()
        graph.release(first, goes_on=True)
        for token in range(3):
            graph.next_logits({second: token})
    assert torch.equal(first.kv[..., : first.length, :], before)
