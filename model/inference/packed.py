"""A model as inference computes it fastest."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.gpt import GPT, Block
from model.inference.cpu_kernel.weights import Stored, TokenWeights, token_weights
from model.inference.kv_cache import AttendingCache, attend
from model.layers import bfloat16
from model.layers.meta_init import undrawn
from model.numerics import ResolvedNumerics


def packed(model: GPT) -> GPT:
    """`model` for inference: where that is faster a model of packed layers, else itself.

    What is float32 in it is shared: embeddings, norms, the output head, and in float32 all matrices. In
    bfloat16 they are copies, of half their memory.

    The head is float32 in bfloat16 too: the scores of the likeliest tokens often differ by less than bfloat16
    can tell, whose numbers from 8 to 16 are 1 / 16 apart. So 50 of 50 texts that the lecture's job could
    write were those of float32, on a GPU 48, with a head in bfloat16 28 and 44 (benchmarks/LOG.md).
    """
    dtype = packed_dtype(model.numerics, model.output_weight.device)
    if dtype is None:
        return model
    with undrawn():
        copy = PackedGPT(model.config, model.numerics)
    copy.load_state_dict(model.state_dict(), assign=True)
    copy.tok_emb = nn.Embedding.from_pretrained(copy.tok_emb.weight)  # no gradient to prepare for
    copy.head = PackedLinear(copy.output_weight, None, torch.float32)
    blocks = (block for block in copy.blocks if isinstance(block, Block))  # which they all are
    copy.blocks = nn.ModuleList(PackedBlock(block, dtype) for block in blocks)
    return copy.eval()


def for_generation(model: GPT, *, int8: bool = False) -> GPT:
    """`model`, packed for a process that generates much: on the CPU with its matrices once more in blocks,
    from which each token after a prompt is computed.

    int8  those in 8 bits. Each weight is then off by up to 1 / 254 of the largest of its output, and a token
          takes a half to two thirds of the time (benchmarks/LOG.md). Prompts are read with the weights as
          they are.
    """
    copy = packed(model)
    if isinstance(copy, PackedGPT) and copy.tok_emb.weight.is_cpu:
        trained: Stored = "bfloat16" if model.numerics == "bfloat16" else "float32"
        copy.token_weights = token_weights(model, "int8" if int8 else trained)
    return copy


def packed_dtype(numerics: ResolvedNumerics, device: torch.device) -> torch.dtype | None:
    """What the matrices become; None where that gains nothing, and for the lecture's arithmetic."""
    if device.type != "cpu":
        return torch.bfloat16 if numerics == "bfloat16" else None
    if numerics == "float32" and torch.backends.mkldnn.is_available():
        return torch.float32
    if numerics == "bfloat16" and bfloat16.HAS_KERNELS:
        return torch.bfloat16
    return None


class PackedGPT(GPT):
    token_weights: TokenWeights | None = None
    """The matrices once more, for `model/inference/cpu_kernel/decoding.py`."""


class PackedBlock(nn.Module):
    """A `Block` for inference, in few operations: a token waits for each of them."""

    def __init__(self, block: Block, dtype: torch.dtype) -> None:
        super().__init__()
        attention, feed_forward = block.attention, block.feed_forward
        self.n_heads = attention.n_heads
        self.norm1, self.norm2 = block.norm1, block.norm2
        self.qkv = PackedLinear(attention.qkv.weight, attention.qkv.bias, dtype)
        self.out = PackedLinear(attention.out.weight, attention.out.bias, dtype)
        self.up = PackedLinear(feed_forward.up.weight, feed_forward.up.bias, dtype, gelu=True)
        self.down = PackedLinear(feed_forward.down.weight, feed_forward.down.bias, dtype)

    def forward(self, x: Tensor, caches: Sequence[AttendingCache] = ()) -> Tensor:
        """As `Block`'s, in evaluation mode."""
        B, T, C = x.shape
        qkv = self.qkv(self.norm1(x)).view(B, T, 3, self.n_heads, C // self.n_heads)
        mixed = attend(qkv.permute(2, 0, 3, 1, 4), caches)  # (B, H, T, C/H)
        x = self.out(mixed.transpose(1, 2).reshape(B, T, C)) + x
        return self.down(self.up(self.norm2(x))) + x


class PackedLinear(nn.Module):
    """A linear layer for inference in `dtype`, its weight (O, I) on the CPU as oneDNN reads it fastest.

    In bfloat16 that is a layout of its own, read 1.5 to 2 times as fast by up to eight rows as the plain one,
    which is rearranged at every call. In float32 the plain one is read as fast (benchmarks/LOG.md).
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, *, gelu: bool = False
    ) -> None:
        super().__init__()
        self.dtype = dtype
        self.gelu = gelu
        self.weight = weight.detach().to(dtype)
        if weight.is_cpu and dtype == torch.bfloat16:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight, 1)
        self.bias = None if bias is None else bias.detach().to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O), followed by GELU where it is part of the layer."""
        x = x.to(self.dtype)
        if x.is_cpu:
            then = "gelu" if self.gelu else "none"
            return torch.ops.mkldnn._linear_pointwise.default(x, self.weight, self.bias, then, [], "tanh")
        y = F.linear(x, self.weight, self.bias)
        return F.gelu(y, approximate="tanh") if self.gelu else y
