import weakref

import pytest
import torch
from torch.nn import functional as F

from model.gpt import FeedForward
from model.recomputed import recomputed


def test_the_result_is_forgotten_and_computed_once_in_the_backward_pass():
    torch.manual_seed(1)
    x, weight = torch.randn(2, 3, 8, requires_grad=True), torch.randn(5, 8, requires_grad=True)
    computed = []

    def again():
        computed.append(x)
        return x.detach() * 2

    result = x * 2
    with recomputed(result, again):
        y = F.linear(result, weight)
    forgotten = weakref.ref(result)
    del result
    assert forgotten() is None
    assert computed == []
    y.sum().backward()
    assert len(computed) == 1
    torch.testing.assert_close(weight.grad, 2 * x.detach().flatten(0, 1).sum(0).expand(5, 8))


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_a_feed_forward_layer_keeps_no_result_of_gelu_and_has_the_same_gradients(numerics):
    torch.manual_seed(1)
    layer = FeedForward(8, numerics)
    x = torch.randn(2, 5, 8)
    plain = layer.down(layer.gelu(layer.up(x)))
    plain.float().square().sum().backward()
    expected = [parameter.grad.clone() for parameter in layer.parameters()]
    layer.zero_grad()
    kept = []

    def keep(tensor):
        kept.append(tensor.detach())
        return tensor

    activation = layer.gelu(layer.up(x)).detach()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = layer(x)
    assert torch.equal(y, plain)
    as_large = [tensor.view_as(activation) for tensor in kept if tensor.numel() == activation.numel()]
    assert as_large
    assert not any(torch.equal(tensor, activation) for tensor in as_large)
    y.float().square().sum().backward()
    for parameter, gradient in zip(layer.parameters(), expected, strict=True):
        assert torch.equal(parameter.grad, gradient)
