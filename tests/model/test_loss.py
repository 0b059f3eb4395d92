import math

import pytest
import torch

from model.gpt import GPT
from model.loss import next_token_loss
from tests.model.tiny import tiny_config


def test_the_loss_of_uniform_logits_is_the_logarithm_of_the_vocabulary():
    loss = next_token_loss(torch.zeros(2, 3, 50257), torch.randint(50257, (2, 3)))
    assert loss.item() == pytest.approx(math.log(50257), abs=1e-5)


def test_the_loss_is_the_mean_of_minus_the_logarithm_of_each_targets_probability():
    torch.manual_seed(1)
    logits, targets = torch.randn(2, 3, 5), torch.randint(5, (2, 3))
    expected = [
        -math.log(logits[b, t].double().softmax(0)[targets[b, t]]) for b in range(2) for t in range(3)
    ]
    assert next_token_loss(logits, targets).item() == pytest.approx(sum(expected) / 6, abs=1e-6)


def test_the_loss_of_bfloat16_logits_is_taken_in_float32():
    loss = next_token_loss(
        torch.zeros(1, 1, 50257, dtype=torch.bfloat16), torch.zeros(1, 1, dtype=torch.int64)
    )
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(50257), abs=1e-5)


def test_logits_and_targets_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        next_token_loss(torch.zeros(2, 3, 5), torch.zeros(3, 2, dtype=torch.int64))


def test_a_tiny_model_learns_one_batch_by_heart():
    torch.manual_seed(1)
    model = GPT(tiny_config(drop_rate=0.0))
    tokens = torch.randint(257, (2, 9))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        loss = next_token_loss(model(tokens[:, :-1]), tokens[:, 1:])
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02
