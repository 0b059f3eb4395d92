"""A model's weights in the order in which `model/inference/cpu_kernel/decoding.py` reads them."""

from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.gpt import GPT, Block

OUTPUTS = 64
"""Of a block: as many as their sums, of four rows, fit into a processor's registers."""
Stored = Literal["float32", "bfloat16", "int8"]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}
Float32 = NDArray[np.float32]


class Matrices(NamedTuple):
    """One matrix of each of L layers, from I numbers to O, a multiple of 64: what it lacks there is 0."""

    blocks: NDArray[Any]
    """(L, O / 64, I, 64) float32, int8, or uint16, the bits of bfloat16. Read from the first to the last."""
    scales: Float32
    """(L, O): what a weight, as it is stored, is to be multiplied by; 1 but for int8."""
    biases: Float32
    """(L, O)"""


class TokenWeights(NamedTuple):
    token_embedding: Float32
    """(V, C)"""
    position_embedding: Float32
    """(context, C)"""
    norms: Float32
    """(2L + 1, 2, C), scale and shift: two of each layer, in their order, and the final one."""
    qkv: Matrices
    out: Matrices
    up: Matrices
    down: Matrices
    head: Matrices


def token_weights(model: GPT, stored: Stored) -> TokenWeights:
    """Of a `model` on the CPU, with which the embeddings are shared."""
    layers = [block for block in model.blocks if isinstance(block, Block)]  # which they all are
    attentions = [layer.attention for layer in layers]
    feeds = [layer.feed_forward for layer in layers]
    norms = [norm for layer in layers for norm in (layer.norm1, layer.norm2)] + [model.final_norm]
    return TokenWeights(
        token_embedding=model.tok_emb.weight.detach().numpy(),
        position_embedding=model.pos_emb.weight.detach().numpy(),
        norms=torch.stack([torch.stack([norm.scale, norm.shift]) for norm in norms]).detach().numpy(),
        qkv=matrices([(each.qkv.weight, each.qkv.bias) for each in attentions], stored),
        out=matrices([(each.out.weight, each.out.bias) for each in attentions], stored),
        up=matrices([(each.up.weight, each.up.bias) for each in feeds], stored),
        down=matrices([(each.down.weight, each.down.bias) for each in feeds], stored),
        head=matrices([(model.head.weight, None)], stored),
    )


@torch.no_grad()
def matrices(layers: list[tuple[Tensor, Tensor | None]], stored: Stored) -> Matrices:
    """Of the weight (O, I) and the bias (O,) of each layer."""
    outputs, inputs = layers[0][0].shape
    padded = outputs + -outputs % OUTPUTS
    blocks = torch.empty(len(layers), padded // OUTPUTS, inputs, OUTPUTS, dtype=DTYPES[stored])
    scales, biases = torch.ones(len(layers), padded), torch.zeros(len(layers), padded)
    for layer, (weight, bias) in enumerate(layers):
        rows = torch.zeros(padded, inputs)
        rows[:outputs] = weight
        if stored == "int8":
            rows, scales[layer] = rounded_to_int8(rows)
        blocks[layer] = rows.view(-1, OUTPUTS, inputs).mT
        if bias is not None:
            biases[layer, :outputs] = bias
    bits = blocks.view(torch.uint16) if stored == "bfloat16" else blocks
    return Matrices(bits.numpy(), scales.numpy(), biases.numpy())


def rounded_to_int8(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(O, I) -> whole numbers from -127 to 127, and a scale for each row (O,): multiplied they are `rows`
    again, off by half a scale at most."""
    scales = rows.abs().amax(dim=1) / 127
    whole = (rows / scales[:, None]).nan_to_num(0).round()  # a row of zeros has a scale of 0
    return whole.clamp(-127, 127), scales
