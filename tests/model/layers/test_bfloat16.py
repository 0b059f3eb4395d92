import copy

import pytest
import torch

from model.layers.bfloat16 import Bfloat16Linear, CastCache
from model.layers.kit import FLOAT32
from model.optimizer import make_optimizer
from tests.model.test_optimizer import TOKENS, learner
from tests.model.tiny import tiny_run


@pytest.mark.parametrize("bias", [True, False])
def test_it_computes_what_autocast_computes_and_the_same_gradients(bias):
    torch.manual_seed(1)
    ours = Bfloat16Linear(24, 40, bias=bias)
    theirs = torch.nn.Linear(24, 40, bias=bias)
    theirs.load_state_dict(ours.state_dict())
    x, also_x = (torch.randn(3, 5, 24, generator=torch.Generator().manual_seed(2)) for _ in range(2))
    x.requires_grad_()
    also_x.requires_grad_()
    y = ours(x)
    with torch.autocast("cpu", torch.bfloat16):
        expected = theirs(also_x)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, expected)
    y.float().square().sum().backward()
    expected.float().square().sum().backward()
    for mine, its in zip([x, *ours.parameters()], [also_x, *theirs.parameters()], strict=True):
        assert mine.grad.dtype == torch.float32
        torch.testing.assert_close(mine.grad, its.grad, rtol=1e-2, atol=1e-1)


def changed_by_the_optimizer(layer):
    class Holder(torch.nn.Module):
        kit = FLOAT32  # with the fused kernel

        def __init__(self):
            super().__init__()
            self.blocks = torch.nn.ModuleList([layer])

    optimizer = make_optimizer(Holder(), tiny_run().training)
    layer.weight.grad = torch.ones_like(layer.weight)
    optimizer.step()


def loaded(layer):
    layer.load_state_dict(Bfloat16Linear(4, 4, bias=False).state_dict())


def replaced(layer):
    layer.weight = torch.nn.Parameter(torch.randn(4, 4))


@pytest.mark.parametrize("change", [changed_by_the_optimizer, loaded, replaced])
def test_a_changed_weight_is_cast_again(change):
    layer = Bfloat16Linear(4, 4, bias=False)
    x = torch.randn(2, 4)
    before = layer(x)
    change(layer)
    assert not torch.equal(layer(x), before)
    assert torch.equal(layer(x), x.bfloat16() @ layer.weight.detach().bfloat16().T)


def test_an_unchanged_weight_is_cast_once_also_in_inference_mode():
    weight, cache = torch.nn.Parameter(torch.randn(4, 4)), CastCache()
    with torch.inference_mode():
        first = cache.cast(weight)
    assert cache.cast(weight) is first
    assert not first.is_inference()


def test_a_copy_of_the_layer_has_a_cast_of_its_own():
    layer = Bfloat16Linear(4, 4, bias=False)
    layer(torch.randn(2, 4))
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.weight.zero_()
    x = torch.randn(2, 4)
    assert not other(x).any()
    assert layer(x).any()


def test_only_the_weights_are_in_the_state():
    model, _ = learner("bfloat16")
    model(TOKENS[:, :8])
    plain, _ = learner("float32")
    assert model.state_dict().keys() == plain.state_dict().keys()
