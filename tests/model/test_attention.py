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


def test_dropout_falls_on_the_attention_weights_and_their_gradients(monkeypatch):
    """Written out in float64, with the very mask that was drawn."""
    masks = []
    draw = attention.draw_mask

    def kept(shape, rate):
        masks.append(draw(shape, rate))
        return masks[-1]

    monkeypatch.setattr(attention, "draw_mask", kept)
    ours = parts(torch.float32)
    mixed = attention_with_dropout(*ours, 0.4)
    (mask,) = masks
    queries, keys, values = theirs = [part.detach().double().requires_grad_() for part in ours]
    scores = queries @ keys.mT / SHAPE[-1] ** 0.5
    future = torch.ones(SHAPE[2], SHAPE[2], dtype=torch.bool).triu(diagonal=1)
    factor = (mask.keep != 0).view(*SHAPE[:3], SHAPE[2]) / (1 - round(0.4 * 2**15) / 2**15)
    shares = scores.masked_fill(future, -torch.inf).softmax(-1) * factor
    assert (shares == 0).sum() > future.sum() * 6
    expected = shares @ values
    torch.testing.assert_close(mixed.double(), expected, rtol=1e-5, atol=1e-5)
    gradient = torch.randn(SHAPE)
    mixed.backward(gradient)
    expected.backward(gradient.double())
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad.double(), its.grad, rtol=1e-5, atol=1e-5)


def test_nothing_of_the_size_of_the_attention_weights_is_kept_but_the_mask():
    B, H, T, D = SHAPE
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.shape), lambda _: None):
        attention_with_dropout(*parts(torch.float32), 0.4)
    assert set(kept) == {(B * H, T, D)}
