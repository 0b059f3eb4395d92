import math

import pytest
import torch

from model.layers.dropout import Dropout, draw_keep_bits, dropout

DTYPES = [torch.float32, torch.bfloat16]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_as_many_elements_as_the_rate_says_are_zero_and_the_others_are_scaled_up(dtype, rate):
    torch.manual_seed(1)
    x = torch.ones(100_003, dtype=dtype)
    dropped = dropout(x, rate)
    share = (dropped == 0).float().mean().item()
    assert share == pytest.approx(rate, abs=5 * (rate * (1 - rate) / len(x)) ** 0.5 + 2**-16)
    scaled = dropped[dropped != 0].float()
    assert scaled.unique().numel() == 1
    assert scaled[0].item() == pytest.approx(1 / (1 - rate), rel=1e-2 if dtype == torch.bfloat16 else 1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_passes_where_the_element_was_kept_and_is_scaled_alike(dtype):
    torch.manual_seed(1)
    x = torch.randn(64, 33, dtype=dtype, requires_grad=True)
    dropped = dropout(x, 0.3)
    gradient = torch.randn(33, 64, dtype=dtype).T  # not contiguous
    dropped.backward(gradient)
    factor = torch.where(dropped == 0, 0, 2**15 / (2**15 - round(0.3 * 2**15)))
    assert x.grad is not None
    assert torch.equal(x.grad, (gradient.float() * factor).to(dtype))
    assert torch.equal(dropped, (x.detach().float() * factor).to(dtype))


def test_neighbours_are_dropped_independently():
    torch.manual_seed(1)
    deviations = (draw_keep_bits(torch.Size([200_000]), round(0.5 * 2**15)) != 0).float() - 0.5
    for distance in (1, 2, 3, 4, 5):  # four come from one draw of the generator
        assert abs((deviations[distance:] * deviations[:-distance]).mean().item()) < 0.005


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5])
def test_any_number_of_elements_may_be_dropped(n):
    assert draw_keep_bits(torch.Size([n]), 2**14).shape == (n,)


def test_a_rate_of_0_and_the_evaluation_mode_change_nothing_and_draw_nothing():
    state = torch.get_rng_state()
    x = torch.randn(10)
    assert torch.equal(dropout(x, 0.0), x)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    torch.set_rng_state(state)
    assert torch.equal(torch.randn(10), x)


def test_a_rate_of_almost_1_leaves_some_elements():
    torch.manual_seed(1)
    dropped = dropout(torch.ones(2**20), math.nextafter(1, 0))
    assert set(dropped.tolist()) == {0, 2**15}
    assert dropped.mean().item() == pytest.approx(1, abs=0.9)


def test_the_same_seed_drops_the_same_elements():
    def dropped(seed):
        torch.manual_seed(seed)
        return dropout(torch.ones(1000), 0.5)

    assert torch.equal(dropped(1), dropped(1))
    assert not torch.equal(dropped(1), dropped(2))
