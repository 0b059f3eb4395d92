import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.gpt import GPT
from model.inference.cpu_kernel.weights import OUTPUTS, matrices, rounded_to_int8, token_weights
from tests.model.tiny import tiny_config


@pytest.mark.parametrize(("outputs", "inputs"), [(64, 2), (128, 7), (1, 1), (70, 16), (257, 3)])
@pytest.mark.parametrize("stored", ["float32", "bfloat16", "int8"])
def test_each_weight_is_in_its_outputs_block(outputs, inputs, stored):
    torch.manual_seed(1)
    layers = [(torch.randn(outputs, inputs), torch.randn(outputs)) for _ in range(2)]
    found = matrices(layers, stored)
    assert found.blocks.shape == (2, -(-outputs // OUTPUTS), inputs, OUTPUTS)
    for layer, (weight, bias) in enumerate(layers):
        for o in range(found.scales.shape[1]):
            block = torch.from_numpy(found.blocks[layer, o // OUTPUTS, :, o % OUTPUTS].copy())
            row = (block.view(torch.bfloat16) if stored == "bfloat16" else block) * found.scales[layer, o]
            if o >= outputs:
                assert not row.any()
                assert found.biases[layer, o] == 0
                continue
            off = {"float32": 0, "bfloat16": 2**-8, "int8": 0.501 / 127}[stored] * weight[o].abs().max()
            torch.testing.assert_close(row.float(), weight[o], rtol=0, atol=float(off))
            assert found.biases[layer, o] == bias[o]


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3)))
def test_rounding_to_int8_is_off_by_half_a_scale_at_most(numbers):
    rows = torch.tensor(numbers, dtype=torch.float32).view(-1, 3)
    whole, scales = rounded_to_int8(rows) if len(rows) else (rows, torch.zeros(0))
    assert torch.equal(whole, whole.to(torch.int8).float())
    # A scale is rounded itself: to a multiple of the smallest number that there is, where it is small.
    least = 127 * float(np.finfo(np.float32).smallest_subnormal)
    off = (whole.double() * scales[:, None].double() - rows.double()).abs()
    assert bool((off <= 0.50001 * scales[:, None] + least).all())


def test_the_embeddings_are_shared_and_the_rest_is_copied():
    model = GPT(tiny_config(tie_weights=True))
    weights = token_weights(model, "float32")
    assert weights.token_embedding.ctypes.data == model.tok_emb.weight.data_ptr()
    before = weights.head.blocks.copy()
    with torch.no_grad():
        model.tok_emb.weight.zero_()
    assert not weights.token_embedding.any()
    assert np.array_equal(weights.head.blocks, before)
