"""Linear layers that multiply in bfloat16 and keep their weights in float32."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers.devices import is_eager_cpu
from model.layers.gradients import GradientConsumer, weight_gradient
from model.layers.head import TiedHead

HAS_KERNELS: bool = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
"""Whether PyTorch has fast ones for this processor: on x86 they want AVX-512 or AVX-NE-CONVERT."""


def for_product(x: Tensor) -> Tensor:
    """x itself, or where no kernel multiplies bfloat16, the same numbers in float32.

    There PyTorch falls back to a loop that took 100 times as long as float32's kernel (benchmarks/LOG.md). A
    product of such numbers rounded to bfloat16 is what a kernel gives, which sums in float32 too.
    """
    return x.float() if x.dtype == torch.bfloat16 and x.is_cpu and not HAS_KERNELS else x


class Bfloat16Copy:
    """A float32 parameter in bfloat16, converted again only when the parameter has changed.

    Autocast converts every matrix at every forward pass: a tenth of a step of the lecture's job on two cores,
    and a third of an evaluation (benchmarks/LOG.md). On CUDA the conversion is cheap and compiles.
    """

    def __init__(self) -> None:
        self._copy: Tensor | None = None
        self._of: tuple[int, int] | None = None

    @torch.inference_mode(mode=False)
    def of(self, parameter: Tensor) -> Tensor:
        """`parameter`, detached, in bfloat16."""
        state = (parameter.data_ptr(), parameter._version)
        if self._copy is None or self._of != state:
            if self._copy is None or self._copy.shape != parameter.shape:
                self._copy = torch.empty_like(parameter, dtype=torch.bfloat16)
            self._copy.copy_(parameter.detach())
            self._of = state
        return self._copy


class Bfloat16Product(torch.autograd.Function):
    """x (..., I) bfloat16 times `weight` (O, I) float32 transposed, computed with its bfloat16 copy."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, copy: Tensor, bias: Tensor | None, take: GradientConsumer | None
    ) -> Tensor:
        ctx.save_for_backward(x, copy)
        ctx.take = take
        ctx.has_bias = bias is not None
        return rounded_linear(x, copy, None if bias is None else bias.bfloat16())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None, Tensor | None, None]:
        x, copy = ctx.saved_tensors
        grad_out = for_product(gradients[0].flatten(0, -2))  # (N, O)
        grad_x = (grad_out @ for_product(copy)).bfloat16().view_as(x)
        grad_bias = grad_out.sum(0, dtype=torch.float32) if ctx.has_bias else None

        def grad_weight(rows: slice) -> Tensor:
            return (grad_out[:, rows].T @ for_product(x.flatten(0, -2))).float()

        return grad_x, weight_gradient(grad_weight, ctx.take), None, grad_bias, None


def bfloat16_linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, copy: Bfloat16Copy, take: GradientConsumer | None = None
) -> Tensor:
    """x (..., I), weight (O, I) float32, bias (O,) float32 -> (..., O) bfloat16."""
    x = x.bfloat16()
    if not is_eager_cpu(x):
        return rounded_linear(x, weight.bfloat16(), None if bias is None else bias.bfloat16())
    return Bfloat16Product.apply(x, weight, copy.of(weight), bias, take)


def rounded_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.linear` of bfloat16 tensors."""
    bias = None if bias is None else for_product(bias)
    return F.linear(for_product(x), for_product(weight), bias).bfloat16()


class Bfloat16Linear(nn.Linear):
    gradient_consumer: GradientConsumer | None = None
    """Of the weight."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.copy = Bfloat16Copy()

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O) bfloat16"""
        return bfloat16_linear(x, self.weight, self.bias, self.copy, self.gradient_consumer)


def bfloat16_tied_head(embedding: nn.Embedding) -> TiedHead:
    copy = Bfloat16Copy()
    return TiedHead(embedding, lambda hidden, weight: bfloat16_linear(hidden, weight, None, copy))
