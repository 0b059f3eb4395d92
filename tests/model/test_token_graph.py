"""What a CUDA graph records, computed without one; tests/model/test_cuda.py records it."""

import pytest
import torch

from model.cache import Cache
from model.gpt import GPT
from model.packed import packed
from model.token_graph import TokenGraph
from tests.model.tiny import tiny_config


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_a_recorded_token_gets_the_scores_of_one_that_is_not(numerics):
    torch.manual_seed(1)
    model = packed(GPT(tiny_config(), numerics).eval())
    caches, expected = ([Cache(model.config) for _ in range(3)] for _ in range(2))
    with torch.inference_mode():
        for rows in (caches, expected):
            for cache, ids in zip(rows, ([1, 2, 3], [4], [5] * 6), strict=True):
                model.next_logits(torch.tensor([ids]), [cache])
        graph = TokenGraph(model, caches)
        for token in range(2):
            for row, cache in enumerate(caches):
                graph.inputs[row] = torch.tensor([token, cache.length])
            graph.compute()
            graph.compute()  # again, as when it is recorded, changes nothing
            for cache in caches:
                cache.advance()
            wanted = model.next_logits(torch.full((3, 1), token), expected)
            torch.testing.assert_close(graph.scores.float(), wanted.float(), rtol=0, atol=2e-2)
