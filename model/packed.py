"""A model whose matrices are stored as inference reads them fastest."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model import bfloat16
from model.gpt import GPT, Attention, FeedForward
from model.numerics import ResolvedNumerics
from model.undrawn import undrawn


class PackedLinear(nn.Module):
    """A linear layer for inference in `dtype`, its weight (O, I) on the CPU in the layout of its kernels.

    There, one row times a plain matrix reads it at a third of the memory's rate in bfloat16, because the
    kernel rearranges the matrix first, at every call, and at 0.4 of it in float32. Rearranged once, it is
    read at nearly the full rate in bfloat16 and at 0.65 of it in float32 (benchmarks/LOG.md).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.weight = weight.detach().to(dtype)
        if weight.is_cpu:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight, 1)
        self.bias = None if bias is None else bias.detach().to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O)"""
        x = x.to(self.dtype)
        if not x.is_cpu:
            return F.linear(x, self.weight, self.bias)
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")


def packed(model: GPT) -> GPT:
    """`model` for generation: where that is faster a model with packed matrices, else itself.

    Embeddings and norms are shared, the matrices are copies in the model's arithmetic: in bfloat16 they take
    half the memory of the originals.
    """
    dtype = packed_dtype(model.numerics, model.output_weight.device)
    if dtype is None:
        return model
    with undrawn():
        copy = GPT(model.config, model.numerics)
    copy.load_state_dict(model.state_dict(), assign=True)
    copy.head = PackedLinear(copy.output_weight, None, dtype)
    for part in copy.modules():
        if isinstance(part, Attention | FeedForward):
            for name, layer in part.named_children():
                if isinstance(layer, nn.Linear):
                    part.add_module(name, PackedLinear(layer.weight, layer.bias, dtype))
    return copy.eval()


def packed_dtype(numerics: ResolvedNumerics, device: torch.device) -> torch.dtype | None:
    """What the matrices become; None where that gains nothing, and for the lecture's arithmetic."""
    if device.type != "cpu":
        return torch.bfloat16 if numerics == "bfloat16" else None
    if numerics == "float32" and torch.backends.mkldnn.is_available():
        return torch.float32
    if numerics == "bfloat16" and bfloat16.HAS_KERNELS:
        return torch.bfloat16
    return None
