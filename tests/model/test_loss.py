import math

import pytest
import torch
from torch.nn import functional as F

from model.gpt import GPT
from model.layers.kit import FLOAT32, KITS
from model.loss import ChunkedCrossEntropy, loss_of, next_token_loss
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


@pytest.mark.parametrize(("numerics", "tolerance"), [("float32", 1e-5), ("bfloat16", 3e-2)])
@pytest.mark.parametrize("tie_weights", [False, True])
def test_the_loss_a_few_rows_at_a_time_is_the_plain_one_and_so_are_the_gradients(
    monkeypatch, numerics, tolerance, tie_weights
):
    monkeypatch.setattr("model.layers.cross_entropy.CHUNK_BYTES", 3 * 4 * 257)  # 3 of 16 rows
    models = []
    for loss_function in (loss_of, lambda model, inputs, targets: next_token_loss(model(inputs), targets)):
        torch.manual_seed(1)
        model = GPT(tiny_config(tie_weights=tie_weights), KITS[numerics])
        tokens = torch.randint(257, (2, 9))
        torch.manual_seed(2)  # of the dropout
        loss = loss_function(model, tokens[:, :-1], tokens[:, 1:])
        (loss / 3).backward()
        models.append((model, loss.item()))
    (ours, our_loss), (plain, plain_loss) = models
    assert our_loss == pytest.approx(plain_loss, rel=1e-5)
    for (name, mine), its in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert (mine.grad - its.grad).abs().max() <= tolerance * its.grad.abs().max(), name


def test_scores_of_minus_infinity_behind_the_vocabulary_change_no_loss_and_no_gradient():
    torch.manual_seed(1)
    logits, targets = torch.randn(6, 5), torch.randint(5, (6,))
    padded = F.pad(logits, (0, 3), value=-torch.inf)
    for scores in (logits.requires_grad_(), padded.requires_grad_()):
        ChunkedCrossEntropy.apply(scores.clone(), targets).backward()
    expected = next_token_loss(logits[None], targets[None])
    # But for rounding: how many scores are taken together depends on the processor and on their number.
    torch.testing.assert_close(next_token_loss(padded[None], targets[None]), expected, rtol=1e-6, atol=0)
    assert ChunkedCrossEntropy.apply(padded.detach().clone(), targets) == pytest.approx(
        expected.item(), rel=1e-6
    )
    torch.testing.assert_close(padded.grad[:, :5], logits.grad, rtol=1e-5, atol=1e-8)
    assert not padded.grad[:, 5:].any()


def test_the_loss_of_an_evaluation_is_the_plain_one():
    model = GPT(tiny_config(), FLOAT32).eval()
    tokens = torch.randint(257, (2, 9))
    with torch.inference_mode():
        found = loss_of(model, tokens[:, :-1], tokens[:, 1:]).item()
        assert found == pytest.approx(next_token_loss(model(tokens[:, :-1]), tokens[:, 1:]).item(), rel=1e-6)
