import pytest
import torch
from torch.nn import functional as F

from model.aligned import LINE, TILE, aligned_linear, padded_linear
from model.gpt import GPT
from tests.model.tiny import tiny_config


def without_padding(x, weight):
    y = padded_linear(x, weight)
    assert y.shape[-1] % TILE == 0
    assert (y[..., len(weight) :] == -torch.inf).all()
    return y[..., : len(weight)]


@pytest.mark.parametrize("linear", [aligned_linear, without_padding])
@pytest.mark.parametrize("outputs", [1, 15, 16, 17, TILE, 257])
@pytest.mark.parametrize("shape", [(3, 5, 24), (2, 24), (1, 1, 24)])
def test_products_and_gradients_are_those_of_the_plain_layer(linear, outputs, shape):
    torch.manual_seed(1)
    x, weight = torch.randn(shape, requires_grad=True), torch.randn(outputs, 24, requires_grad=True)
    also_x, also_weight = (tensor.detach().double().requires_grad_() for tensor in (x, weight))
    y, expected = linear(x, weight), F.linear(also_x, also_weight)
    torch.testing.assert_close(y.double(), expected, rtol=1e-5, atol=1e-5)
    gradient = torch.randn(y.shape)
    y.backward(gradient)
    expected.backward(gradient.double())
    for mine, its in ((x, also_x), (weight, also_weight)):
        torch.testing.assert_close(mine.grad.double(), its.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("tie_weights", [False, True])
def test_a_models_rows_of_logits_begin_at_cache_lines(tie_weights):
    logits = GPT(tiny_config(tie_weights=tie_weights))(torch.zeros(2, 8, dtype=torch.int64))
    assert logits.shape == (2, 8, 257)
    assert logits.stride()[1] % LINE == 0
    assert logits.flatten(0, 1).data_ptr() == logits.data_ptr()
