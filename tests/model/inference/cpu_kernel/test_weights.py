import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.gpt import GPT
from model.inference.cpu_kernel.weights import BLOCK_OUTPUTS, pack_linear, pack_weights, quantise_to_int8
from tests.model.tiny import tiny_config


@pytest.mark.parametrize(("outputs", "inputs"), [(64, 2), (128, 7), (1, 1), (70, 16), (257, 3)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_each_weight_is_in_its_outputs_block(outputs, inputs, dtype):
    torch.manual_seed(1)
    layers = [(torch.randn(outputs, inputs), torch.randn(outputs)) for _ in range(2)]
    packed = pack_linear(layers, dtype)
    assert packed.blocks.shape == (2, -(-outputs // BLOCK_OUTPUTS), inputs, BLOCK_OUTPUTS)
    for layer, (weight, bias) in enumerate(layers):
        for o in range(packed.scales.shape[1]):
            block = torch.from_numpy(packed.blocks[layer, o // BLOCK_OUTPUTS, :, o % BLOCK_OUTPUTS].copy())
            output = (block.view(torch.bfloat16) if dtype == "bfloat16" else block) * packed.scales[layer, o]
            if o >= outputs:
                assert not output.any()
                assert packed.biases[layer, o] == 0
                continue
            off = {"float32": 0, "bfloat16": 2**-8, "int8": 0.501 / 127}[dtype] * weight[o].abs().max()
            torch.testing.assert_close(output.float(), weight[o], rtol=0, atol=float(off))
            assert packed.biases[layer, o] == bias[o]


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3)))
def test_rounding_to_int8_is_off_by_half_a_scale_at_most(numbers):
    weight = torch.tensor(numbers, dtype=torch.float32).view(-1, 3)
    quantised, scales = quantise_to_int8(weight) if len(weight) else (weight, torch.zeros(0))
    assert torch.equal(quantised, quantised.to(torch.int8).float())
    # A scale is rounded itself: to a multiple of the smallest number that there is, where it is small.
    least = 127 * float(np.finfo(np.float32).smallest_subnormal)
    off = (quantised.double() * scales[:, None].double() - weight.double()).abs()
    assert bool((off <= 0.50001 * scales[:, None] + least).all())


def test_the_embeddings_are_shared_and_the_rest_is_copied():
    model = GPT(tiny_config(tie_weights=True))
    weights = pack_weights(model, "float32")
    assert weights.token_embedding.ctypes.data == model.tok_emb.weight.data_ptr()
    before = weights.head.blocks.copy()
    with torch.no_grad():
        model.tok_emb.weight.zero_()
    assert not weights.token_embedding.any()
    assert np.array_equal(weights.head.blocks, before)
