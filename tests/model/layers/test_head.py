import pytest
import torch
from torch.nn import functional as F

from model.layers.head import TILE, padded_linear


@pytest.mark.parametrize("outputs", [1, TILE - 1, TILE, TILE + 1, 257])
@pytest.mark.parametrize("shape", [(3, 5, 24), (2, 24), (1, 1, 24)])
def test_products_and_gradients_are_those_of_the_plain_layer_followed_by_minus_infinity(shape, outputs):
    torch.manual_seed(1)
    x, weight = torch.randn(shape, requires_grad=True), torch.randn(outputs, 24, requires_grad=True)
    also_x, also_weight = (tensor.detach().double().requires_grad_() for tensor in (x, weight))
    y, expected = padded_linear(x, weight), F.linear(also_x, also_weight)
    assert y.shape[-1] % TILE == 0
    assert (y[..., outputs:] == -torch.inf).all()
    torch.testing.assert_close(y[..., :outputs].double(), expected, rtol=1e-5, atol=1e-5)
    gradient = torch.randn(expected.shape)
    y[..., :outputs].backward(gradient)
    expected.backward(gradient.double())
    for mine, its in ((x, also_x), (weight, also_weight)):
        torch.testing.assert_close(mine.grad.double(), its.grad, rtol=1e-5, atol=1e-5)
