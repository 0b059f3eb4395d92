"""A model's weights, packed in the order in which a decode step on the CPU reads them."""

from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.gpt import GPT, Block

BLOCK_OUTPUTS = 64
"""As many as their float32 sums, of four tokens, fit into a processor's vector registers."""
WeightDtype = Literal["float32", "bfloat16", "int8"]
TORCH_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
Float32 = NDArray[np.float32]


class PackedLinear(NamedTuple):
    """One linear layer, I inputs to O outputs, of each of the model's L blocks; O is padded with zeros to a
    multiple of 64."""

    blocks: NDArray[Any]
    """(L, O / 64, I, 64) float32, int8, or uint16, the bits of bfloat16. Read from the first to the last."""
    scales: Float32
    """(L, O): what a stored weight is to be multiplied by; 1 but for int8."""
    biases: Float32
    """(L, O)"""


class PackedWeights(NamedTuple):
    token_embedding: Float32
    """(V, C)"""
    position_embedding: Float32
    """(context length, C)"""
    norms: Float32
    """(2L + 1, 2, C), scale and shift: the two of each block in their order, and the final one."""
    qkv: PackedLinear
    out: PackedLinear
    up: PackedLinear
    down: PackedLinear
    head: PackedLinear


def pack_weights(model: GPT, dtype: WeightDtype) -> PackedWeights:
    """Those of a `model` on the CPU, with its matrices in `dtype`; the embeddings share its memory."""
    blocks = [block for block in model.blocks if isinstance(block, Block)]  # which they all are
    attentions = [block.attention for block in blocks]
    feed_forwards = [block.feed_forward for block in blocks]
    norms = [norm for block in blocks for norm in (block.norm1, block.norm2)] + [model.final_norm]
    return PackedWeights(
        token_embedding=model.tok_emb.weight.detach().numpy(),
        position_embedding=model.pos_emb.weight.detach().numpy(),
        norms=torch.stack([torch.stack([norm.scale, norm.shift]) for norm in norms]).detach().numpy(),
        qkv=pack_linear([(layer.qkv.weight, layer.qkv.bias) for layer in attentions], dtype),
        out=pack_linear([(layer.out.weight, layer.out.bias) for layer in attentions], dtype),
        up=pack_linear([(layer.up.weight, layer.up.bias) for layer in feed_forwards], dtype),
        down=pack_linear([(layer.down.weight, layer.down.bias) for layer in feed_forwards], dtype),
        head=pack_linear([(model.head.weight, None)], dtype),
    )


@torch.no_grad()
def pack_linear(layers: list[tuple[Tensor, Tensor | None]], dtype: WeightDtype) -> PackedLinear:
    """The weight (O, I) and the bias (O,) of each layer."""
    outputs, inputs = layers[0][0].shape
    padded = outputs + -outputs % BLOCK_OUTPUTS
    block_count = padded // BLOCK_OUTPUTS
    blocks = torch.empty(len(layers), block_count, inputs, BLOCK_OUTPUTS, dtype=TORCH_DTYPES[dtype])
    scales, biases = torch.ones(len(layers), padded), torch.zeros(len(layers), padded)
    for layer, (weight, bias) in enumerate(layers):
        padded_weight = torch.zeros(padded, inputs)
        padded_weight[:outputs] = weight
        if dtype == "int8":
            padded_weight, scales[layer] = quantise_to_int8(padded_weight)
        blocks[layer] = padded_weight.view(-1, BLOCK_OUTPUTS, inputs).mT
        if bias is not None:
            biases[layer, :outputs] = bias
    # NumPy has no bfloat16.
    array = (blocks.view(torch.uint16) if dtype == "bfloat16" else blocks).numpy()
    return PackedLinear(array, scales.numpy(), biases.numpy())


def quantise_to_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight (O, I) -> integers from -127 to 127 (O, I), and a scale for each output (O,): their product is
    the weight again, off by half a scale at most."""
    scales = weight.abs().amax(dim=1) / 127
    quantised = (weight / scales[:, None]).nan_to_num(0).round()  # a row of zeros has a scale of 0
    return quantised.clamp(-127, 127), scales
