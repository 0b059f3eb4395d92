"""What a compiler sees of the model: one graph, and the plain versions of what is made fast for the CPU."""

import pytest
import torch

from model.gpt import GPT
from model.loss import loss_of
from tests.model.tiny import tiny_config


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
@pytest.mark.parametrize("tie_weights", [False, True])
def test_the_loss_compiles_to_one_graph_with_the_same_value_and_gradients(numerics, tie_weights):
    torch.manual_seed(1)
    model = GPT(tiny_config(drop_rate=0.0, tie_weights=tie_weights), numerics)
    tokens = torch.randint(257, (2, 9))
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    expected = loss_of(model, inputs, targets)
    expected.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    compiled = torch.compile(loss_of, backend="aot_eager", fullgraph=True)  # which needs no C++ compiler
    loss = compiled(model, inputs, targets)
    loss.backward()
    tolerance = 1e-5 if numerics == "float32" else 3e-2
    torch.testing.assert_close(loss, expected, rtol=tolerance, atol=0)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert (parameter.grad - gradient).abs().max() <= tolerance * gradient.abs().max()


def test_with_dropout_it_compiles_too_and_repeats_with_the_seed():
    model = GPT(tiny_config(drop_rate=0.3), "bfloat16").train()
    compiled = torch.compile(loss_of, backend="aot_eager", fullgraph=True)
    tokens = torch.randint(257, (2, 9))
    losses = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        losses.append(compiled(model, tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()).item())
    assert losses[0] == losses[1] != losses[2]
