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
    x: Tensor, weight: Tensor, bias: Tensor | None = None, consume: GradientConsumer | None = None
) -> Tensor:
    """x (..., I), weight (O, I), bias (O,) -> (..., O), as `F.linear`.

    PyTorch multiplies float32 by MKL, whose GEMM throughput on AMD's processors is less than oneDNN's: 129
    instead of 214 GFLOP/s for the logits of the lecture's job, 162 to 187 instead of 195 to 209 for the other
    matrices (benchmarks/LOG.md). For the gradient of the weight they are alike, for that of x without AVX-512
    MKL is the faster. A compiler chooses its own kernels.
    """
    if is_eager_cpu(x):
        return Float32LinearFunction.apply(x, weight, bias, consume)
    return F.linear(x, weight, bias)


class Float32Linear(nn.Linear):
    gradient_consumer: GradientConsumer | None = None
    """Of the weight's gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return float32_linear(x, self.weight, self.bias, self.gradient_consumer)


class Float32LinearFunction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, consume: GradientConsumer | None
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.consume = consume
        ctx.has_bias = bias is not None
        return onednn_linear(x, weight, bias) if HAS_ONEDNN else F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        grad_out = gradients[0].flatten(0, -2)  # (N, O)
        # Before the consumer, which may be an optimizer, changes the weight.
        grad_x = onednn_linear(grad_out, weight.T, None) if HAS_ONEDNN and HAS_AVX512 else grad_out @ weight
        grad_bias = grad_out.sum(0) if ctx.has_bias else None

        def grad_weight(rows: slice) -> Tensor:
            return grad_out[:, rows].T @ x.flatten(0, -2)

        return grad_x.view_as(x), weight_gradient(grad_weight, ctx.consume), grad_bias, None


def onednn_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
