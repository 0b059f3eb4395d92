"""Linear layers in float32, multiplied on the CPU by whichever library is faster."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers.devices import is_eager_cpu
from model.layers.gradients import GradientConsumer, weight_gradient

HAS_ONEDNN: bool = torch.backends.mkldnn.is_available()
HAS_AVX512 = torch.backends.cpu.get_cpu_capability() == "AVX512"


def float32_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, take: GradientConsumer | None = None
) -> Tensor:
    """x (..., I), weight (O, I), bias (O,) -> (..., O), as `F.linear`.

    PyTorch multiplies float32 by MKL, which on AMD's processors reaches less than oneDNN does: 129 instead of
    214 GFLOP/s for the logits of the lecture's job, 162 to 187 instead of 195 to 209 for the other matrices
    (benchmarks/LOG.md). For the gradient of the weight they are alike, for that of x without AVX-512 MKL is
    the faster. Not for the compiler, which chooses its own.
    """
    if is_eager_cpu(x):
        return Float32Product.apply(x, weight, bias, take)
    return F.linear(x, weight, bias)


class Float32Linear(nn.Linear):
    gradient_consumer: GradientConsumer | None = None
    """Of the weight."""

    def forward(self, x: Tensor) -> Tensor:
        return float32_linear(x, self.weight, self.bias, self.gradient_consumer)


class Float32Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, take: GradientConsumer | None
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.take = take
        ctx.has_bias = bias is not None
        return by_onednn(x, weight, bias) if HAS_ONEDNN else F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        grad_out = gradients[0].flatten(0, -2)  # (N, O)
        # Before `take` changes the weight.
        grad_x = by_onednn(grad_out, weight.T, None) if HAS_ONEDNN and HAS_AVX512 else grad_out @ weight
        grad_bias = grad_out.sum(0) if ctx.has_bias else None

        def grad_weight(rows: slice) -> Tensor:
            return grad_out[:, rows].T @ x.flatten(0, -2)

        return grad_x.view_as(x), weight_gradient(grad_weight, ctx.take), grad_bias, None


def by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
