"""A model whose matrices are stored as inference reads them fastest."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model import bfloat16
from model.cache import AttendingCache, RowCache, attend
from model.gpt import GPT, Block
from model.numerics import ResolvedNumerics
from model.token_weights import Stored, TokenWeights, token_weights
from model.undrawn import undrawn

ONE_ROW_IS = 4
"""Equal rows, in bfloat16 on the CPU: its products of four take a sixth less time than those of one, for
which it has another kernel (benchmarks/LOG.md). That one also rounds otherwise now and then, so that a row
alone would not get the very numbers that it gets beside others."""


def packed(model: GPT) -> GPT:
    """`model` for inference: where that is faster a model with packed matrices, else itself.

    Embeddings and norms are shared, the matrices are copies in the model's arithmetic: in bfloat16 they take
    half the memory of the originals.
    """
    dtype = packed_dtype(model.numerics, model.output_weight.device)
    if dtype is None:
        return model
    with undrawn():
        copy = PackedGPT(model.config, model.numerics)
    copy.load_state_dict(model.state_dict(), assign=True)
    copy.tok_emb = nn.Embedding.from_pretrained(copy.tok_emb.weight)  # no gradient to prepare for
    copy.head = PackedLinear(copy.output_weight, None, dtype)
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
    """A `GPT` for inference: as `GPT`'s, but for how one token of one row is computed."""

    token_weights: TokenWeights | None = None
    """The matrices once more, for `model/token_kernel.py`."""

    def next_logits(self, ids: Tensor, caches: Sequence[RowCache] = ()) -> Tensor:
        if ids.numel() > 1 or not ids.is_cpu or self.numerics != "bfloat16":
            return super().next_logits(ids, caches)
        return super().next_logits(ids.expand(ONE_ROW_IS, 1), caches)[:1]


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
        """As `Block`'s, in evaluation mode. With one cache all rows of x are the same."""
        B, T, C = x.shape
        qkv = self.qkv(self.norm1(x))[: len(caches) or B].view(-1, T, 3, self.n_heads, C // self.n_heads)
        mixed = attend(qkv.permute(2, 0, 3, 1, 4), caches)  # (B or 1, H, T, C/H)
        x = self.out(mixed.transpose(1, 2).reshape(-1, T, C).expand(B, T, C)) + x
        return self.down(self.up(self.norm2(x))) + x


class PackedLinear(nn.Module):
    """A linear layer for inference in `dtype`, its weight (O, I) on the CPU in the layout of its kernels.

    There, one row times a plain matrix reads it at a third to a half of the memory's rate, because the kernel
    rearranges the matrix first, at every call. Rearranged once, it is read 1.5 to 3 times as fast
    (benchmarks/LOG.md).
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, *, gelu: bool = False
    ) -> None:
        super().__init__()
        self.dtype = dtype
        self.gelu = gelu
        self.weight = weight.detach().to(dtype)
        if weight.is_cpu:
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
