import pytest
import torch
from torch.nn import functional as F

from model.layers.embedding import Embedding


@pytest.mark.parametrize("rows", [1, 3, 7, 20])
def test_the_gradient_by_rows_is_pytorchs_whole_one(rows):
    torch.manual_seed(1)
    embedding, ids, gradient = Embedding(7, 4), torch.randint(7, (3, 5)), torch.randn(3, 5, 4)
    parts = []

    def consume(gradient_rows):
        parts.extend(gradient_rows(slice(start, start + rows)) for start in range(0, 7, rows))
        return True

    plain = embedding.weight.detach().clone().requires_grad_()
    expected = F.embedding(ids, plain)
    expected.backward(gradient)
    for embedding.gradient_consumer in (None, consume):
        embedded = embedding(ids)
        assert torch.equal(embedded, expected)
        embedded.backward(gradient)
    assert torch.equal(embedding.weight.grad, plain.grad)  # that of the first pass alone
    assert torch.equal(torch.cat(parts), plain.grad)
