import pytest
import torch
from torch.nn import functional as F

from model.layers import float32
from model.layers.float32 import Float32Linear, float32_linear


@pytest.fixture(params=["oneDNN", "oneDNN without AVX-512", "MKL"])
def library(request, monkeypatch):
    if request.param == "MKL":
        monkeypatch.setattr(float32, "HAS_ONEDNN", False)
    else:
        assert float32.HAS_ONEDNN, "PyTorch was built without oneDNN"
        monkeypatch.setattr(float32, "HAS_AVX512", request.param == "oneDNN")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("outputs", [1, 15, 16, 17, 64, 257])
@pytest.mark.parametrize("shape", [(3, 5, 24), (2, 24), (1, 1, 24)])
def test_products_and_gradients_are_those_of_the_plain_layer_in_float64(shape, outputs, has_bias):
    torch.manual_seed(1)
    mine = [torch.randn(shape), torch.randn(outputs, 24), torch.randn(outputs)][: 3 if has_bias else 2]
    its = [tensor.double().requires_grad_() for tensor in mine]
    for tensor in mine:
        tensor.requires_grad_()
    y, expected = float32_linear(*mine), F.linear(*its)
    torch.testing.assert_close(y.double(), expected, rtol=1e-5, atol=1e-5)
    gradient = torch.randn(y.shape)
    y.backward(gradient)
    expected.backward(gradient.double())
    for tensor, its_tensor in zip(mine, its, strict=True):
        torch.testing.assert_close(tensor.grad.double(), its_tensor.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("library")
def test_a_consumer_of_the_weights_gradient_gets_its_rows_after_all_else_is_computed():
    torch.manual_seed(1)
    layer, plain = Float32Linear(24, 40, bias=False), torch.nn.Linear(24, 40, bias=False)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(3, 5, 24)
    mine, its = x.clone().requires_grad_(), x.clone().requires_grad_()
    parts = []

    def consume(gradient):
        parts.extend(gradient(slice(start, start + 16)) for start in range(0, 40, 16))
        layer.weight.detach().zero_()  # as an update would change it
        return True

    layer.gradient_consumer = consume
    layer(mine).square().sum().backward()
    plain(its).square().sum().backward()
    assert layer.weight.grad is None
    torch.testing.assert_close(torch.cat(parts), plain.weight.grad, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mine.grad, its.grad, rtol=1e-5, atol=1e-5)
