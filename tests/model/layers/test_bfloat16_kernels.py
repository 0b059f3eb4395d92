"""Products of bfloat16 numbers where the processor has no kernels for them, as on any machine here."""

import pytest
import torch

from model.events import CheckpointWritten, Started
from model.gpt import GPT
from model.layers import bfloat16
from model.layers.bfloat16 import Bfloat16Linear
from model.layers.kit import BFLOAT16
from model.loss import loss_of
from tests.model.tiny import Recorder, newest, tiny_config, tiny_run, train_tiny

ROUNDING = 2**-8
"""Of a number to bfloat16, relative to its size."""


@pytest.fixture(autouse=True)
def without_kernels(monkeypatch):
    monkeypatch.setattr(bfloat16, "HAS_KERNELS", False)


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_gives_the_exact_products_of_the_rounded_numbers_rounded_once(bias):
    torch.manual_seed(1)
    layer = Bfloat16Linear(24, 40, bias=bias)
    x = torch.randn(3, 5, 24, requires_grad=True)
    g = torch.randn(3, 5, 40).bfloat16()
    y = layer(x)
    y.backward(g)
    x64, w64, g64 = (tensor.detach().bfloat16().double() for tensor in (x, layer.weight, g))
    b64 = layer.bias.detach().bfloat16().double() if bias else 0.0
    assert y.dtype == torch.bfloat16
    for ours, exact in (
        (y, x64 @ w64.T + b64),
        (x.grad, g64 @ w64),
        (layer.weight.grad, g64.flatten(0, 1).T @ x64.flatten(0, 1)),
    ):
        torch.testing.assert_close(ours.double(), exact, rtol=ROUNDING, atol=1e-5)


def test_a_model_learns_what_it_learns_with_kernels(monkeypatch):
    ids = torch.randint(0, 257, (2, 9), generator=torch.Generator().manual_seed(3))

    def loss_and_gradients():
        torch.manual_seed(1)
        model = GPT(tiny_config(), BFLOAT16).train()
        loss = loss_of(model, ids[:, :-1], ids[:, 1:])
        loss.backward()
        return loss.detach(), [parameter.grad for parameter in model.parameters()]

    loss, gradients = loss_and_gradients()
    monkeypatch.setattr(bfloat16, "HAS_KERNELS", True)  # or PyTorch's slow loop
    expected_loss, expected = loss_and_gradients()
    torch.testing.assert_close(loss, expected_loss, rtol=1e-3, atol=0)
    for ours, theirs in zip(gradients, expected, strict=True):
        assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.999


def test_a_run_that_is_stopped_and_resumed_ends_the_same(tmp_path):
    whole, before, after = Recorder(), Recorder(stop_after=2), Recorder()
    train_tiny(tiny_run(), tmp_path / "whole", whole, "bfloat16")
    train_tiny(tiny_run(), tmp_path / "parts", before, "bfloat16")
    train_tiny(tiny_run(), tmp_path / "parts", after, "bfloat16", resume_from=newest(tmp_path / "parts"))
    assert after.of(Started)[0].resumed_step == 2
    assert after.of(CheckpointWritten)[-1].sha256 == whole.of(CheckpointWritten)[-1].sha256
