"""Linear layers that multiply in bfloat16 and keep their weights in float32, as autocast does."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers.devices import is_eager_cpu
from model.layers.gradients import GradientConsumer, weight_gradient
from model.layers.head import TiedHead

HAS_KERNELS: bool = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
"""Whether PyTorch has matrix kernels for this processor: on x86 with AVX-512 or AVX-NE-CONVERT."""


def as_matmul_operand(x: Tensor) -> Tensor:
    """x itself, or where no kernel multiplies bfloat16, the same numbers in float32.

    There PyTorch falls back to a loop that took 100 times as long as float32's kernel (benchmarks/LOG.md).
    Rounded to bfloat16, the product is that of a bfloat16 kernel, which sums in float32 too.
    """
    return x.float() if x.dtype == torch.bfloat16 and x.is_cpu and not HAS_KERNELS else x


class CastCache:
    """A float32 parameter's cast to bfloat16, computed again only when the parameter has changed.

    Autocast casts every matrix at every forward pass: a tenth of a step of the lecture's job on two cores,
    and a third of an evaluation (benchmarks/LOG.md). On CUDA the cast is cheap and compiles.
    """

    def __init__(self) -> None:
        self._cast: Tensor | None = None
        self._version: tuple[int, int] | None = None

    @torch.inference_mode(mode=False)
    def cast(self, parameter: Tensor) -> Tensor:
        """`parameter`, detached, in bfloat16."""
        version = (parameter.data_ptr(), parameter._version)
        if self._cast is None or self._version != version:
            if self._cast is None or self._cast.shape != parameter.shape:
                self._cast = torch.empty_like(parameter, dtype=torch.bfloat16)
            self._cast.copy_(parameter.detach())
            self._version = version
        return self._cast


class Bfloat16LinearFunction(torch.autograd.Function):
    """x (..., I) bfloat16, `weight` (O, I) float32 and its cast to bfloat16 -> (..., O) bfloat16.

    The product is computed with the cast; the gradient is the float32 weight's.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        cast: Tensor,
        bias: Tensor | None,
        consume: GradientConsumer | None,
    ) -> Tensor:
        ctx.save_for_backward(x, cast)
        ctx.consume = consume
        ctx.has_bias = bias is not None
        return pure_bfloat16_linear(x, cast, None if bias is None else bias.bfloat16())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, Tensor | None, None]:
        x, cast = ctx.saved_tensors
        grad_out = as_matmul_operand(gradients[0].flatten(0, -2))  # (N, O)
        grad_x = (grad_out @ as_matmul_operand(cast)).bfloat16().view_as(x)
        grad_bias = grad_out.sum(0, dtype=torch.float32) if ctx.has_bias else None

        def grad_weight(rows: slice) -> Tensor:
            return (grad_out[:, rows].T @ as_matmul_operand(x.flatten(0, -2))).float()

        return grad_x, weight_gradient(grad_weight, ctx.consume), None, grad_bias, None


def bfloat16_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, casts: CastCache, consume: GradientConsumer | None = None
) -> Tensor:
    """x (..., I), weight (O, I) float32, bias (O,) float32 -> (..., O) bfloat16."""
    x = x.bfloat16()
    if not is_eager_cpu(x):
        return pure_bfloat16_linear(x, weight.bfloat16(), None if bias is None else bias.bfloat16())
    return Bfloat16LinearFunction.apply(x, weight, casts.cast(weight), bias, consume)


def pure_bfloat16_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.linear` of tensors that are all bfloat16."""
    bias = None if bias is None else as_matmul_operand(bias)
    return F.linear(as_matmul_operand(x), as_matmul_operand(weight), bias).bfloat16()


class Bfloat16Linear(nn.Linear):
    gradient_consumer: GradientConsumer | None = None
    """Of the weight's gradient."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cast_cache = CastCache()

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O) bfloat16"""
        return bfloat16_linear(x, self.weight, self.bias, self.cast_cache, self.gradient_consumer)


def bfloat16_tied_head(embedding: nn.Embedding) -> TiedHead:
    cast_cache = CastCache()
    return TiedHead(embedding, lambda hidden, weight: bfloat16_linear(hidden, weight, None, cast_cache))
