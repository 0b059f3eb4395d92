import pytest
import torch
from torch.nn import functional as F

from model import attention
from model.attention import attention_with_dropout

SHAPE = (2, 3, 17, 8)  # B, H, T, D


def parts(dtype):
    torch.manual_seed(1)
    return [torch.randn(SHAPE, dtype=dtype, requires_grad=True) for _ in range(3)]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
def test_without_dropout_it_is_pytorchs_attention_and_so_are_its_gradients(dtype, tolerance):
    ours, theirs = parts(dtype), parts(dtype)
    mixed = attention_with_dropout(*ours, 0.0)
    expected = F.scaled_dot_product_attention(*theirs, is_causal=True)
    torch.testing.assert_close(mixed, expected, rtol=tolerance, atol=tolerance)
    mixed.float().square().sum().backward()
    expected.float().square().sum().backward()
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, its.grad, rtol=tolerance, atol=10 * tolerance)


def test_dropout_falls_on_the_attention_weights(monkeypatch):
    """Written out in float64, with the very mask that was drawn."""
    masks = []
    drop = attention.dropout

    def kept(shares, rate):
        dropped = drop(shares, rate)
        masks.append((dropped != 0) / (1 - round(rate * 2**15) / 2**15))
        return dropped

    monkeypatch.setattr(attention, "dropout", kept)
    queries, keys, values = parts(torch.float32)
    mixed = attention_with_dropout(queries, keys, values, 0.4)
    scores = queries.double() @ keys.double().mT / SHAPE[-1] ** 0.5
    future = torch.ones(SHAPE[2], SHAPE[2], dtype=torch.bool).triu(diagonal=1)
    shares = scores.masked_fill(future, -torch.inf).softmax(-1) * masks[0].view(*SHAPE[:3], SHAPE[2])
    assert (mixed - shares @ values.double()).abs().max() < 1e-5
    assert (shares == 0).sum() > future.sum() * 6
