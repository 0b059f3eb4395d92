"""A model whose matrices lie as inference reads them fastest."""

import torch
from torch import Tensor, nn

from model import bfloat16
from model.gpt import GPT, Attention, FeedForward


class PackedLinear(nn.Module):
    """A linear layer for inference in bfloat16, its weight (O, I) in the layout of the CPU's kernels.

    One row times a plain bfloat16 matrix reads it at a third of the memory's rate, because the kernel
    rearranges the matrix first, at every call. Rearranged once, it is read at nearly the full rate.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().bfloat16(), 1)
        self.bias = None if bias is None else bias.detach().bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O)"""
        return torch.ops.mkldnn._linear_pointwise(x.bfloat16(), self.weight, self.bias, "none", [], "")


def packed(model: GPT) -> GPT:
    """`model` for generation: where that is faster a model with packed matrices, else itself.

    Embeddings and norms are shared, the matrices are copies in bfloat16: half the memory of the originals.
    """
    on_cpu = next(model.parameters()).device.type == "cpu"
    if not (on_cpu and model.numerics == "bfloat16" and bfloat16.HAS_KERNELS):
        return model
    with torch.device("meta"):
        copy = GPT(model.config, model.numerics)
    copy.load_state_dict(model.state_dict(), assign=True)
    copy.head = PackedLinear(copy.output_weight, None)
    for part in copy.modules():
        if isinstance(part, Attention | FeedForward):
            for name, layer in part.named_children():
                if isinstance(layer, nn.Linear):
                    part.add_module(name, PackedLinear(layer.weight, layer.bias))
    return copy.eval()
