import pytest
import torch
from torch.nn import functional as F

from model.layers import attention
from model.layers.attention import causal_attention
from tests.calls import returned_by

B, H, T, D = 2, 3, 150, 8  # three blocks in float32, two in bfloat16
LENGTHS = [1, 17, 64, 65, 128, 150]


def random_qkv(dtype, length=T):
    torch.manual_seed(1)
    return torch.randn(3, B, H, length, D, dtype=dtype, requires_grad=True)


def in_float64(qkv):
    return qkv.detach().double().requires_grad_()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 3e-2)]
)
def test_without_dropout_it_is_pytorchs_attention_and_so_are_its_gradients(dtype, tolerance, length):
    ours = random_qkv(dtype, length)
    theirs = in_float64(ours)
    attn_out = causal_attention(ours)
    expected = F.scaled_dot_product_attention(*theirs, is_causal=True)
    assert attn_out.dtype == dtype
    torch.testing.assert_close(attn_out.double(), expected, rtol=tolerance, atol=tolerance)
    gradient = torch.randn(attn_out.shape).to(dtype)
    attn_out.backward(gradient)
    expected.backward(gradient.double())
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=tolerance, atol=3 * tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_future_is_not_seen(dtype):
    whole = random_qkv(dtype)
    attn_out = causal_attention(whole)
    for length in LENGTHS:
        torch.testing.assert_close(causal_attention(whole[..., :length, :]), attn_out[..., :length, :])


def test_dropout_falls_on_the_attention_weights_and_their_gradients(monkeypatch):
    """Written out in float64, with the very masks that were drawn."""
    masks = returned_by(monkeypatch, attention, "draw_mask")
    ours = random_qkv(torch.float32)
    attn_out = causal_attention(ours, 0.4)
    assert [mask.keep.shape[-2:] for mask in masks] == [(64, 64), (64, 128), (22, 150)]
    keep = torch.cat([F.pad(mask.keep, (0, T - mask.keep.shape[-1])) for mask in masks], dim=1)
    queries, keys, values = theirs = in_float64(ours)
    scores = queries @ keys.mT / D**0.5
    future = torch.ones(T, T, dtype=torch.bool).triu(diagonal=1)
    factor = (keep != 0).view(B, H, T, T) / (1 - round(0.4 * 2**15) / 2**15)
    weights = scores.masked_fill(future, -torch.inf).softmax(-1) * factor
    assert (weights == 0).sum() > future.sum() * 6
    expected = weights @ values
    torch.testing.assert_close(attn_out.double(), expected, rtol=1e-5, atol=1e-5)
    gradient = torch.randn(attn_out.shape)
    attn_out.backward(gradient)
    expected.backward(gradient.double())
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-5, atol=1e-5)


def test_nothing_of_the_size_of_the_attention_weights_is_saved_but_the_masks():
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor.shape), lambda _: None):
        causal_attention(random_qkv(torch.float32), 0.4)
    assert set(saved) == {(B * H, T, D)}


def test_no_more_attention_weights_are_computed_than_those_of_a_block(monkeypatch):
    computed = returned_by(monkeypatch, attention, "attention_weights")
    causal_attention(random_qkv(torch.float32)).sum().backward()
    once = [(B * H, 64, 64), (B * H, 64, 128), (B * H, 22, 150)]
    assert [weights.shape for weights in computed] == once + once
