"""The one loss of pre-training."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from model.gpt import GPT

LossFunction = Callable[[GPT, Tensor, Tensor], Tensor]
"""Of a model, inputs (B, T) and targets (B, T): a scalar."""

CHUNK_BYTES = 8 * 2**20
"""Of float32 scores that are worked on at once: they stay in the processor's cache."""
GPU_CHUNK_BYTES = 256 * 2**20
"""The same on a GPU: enough to keep it busy."""


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of the next token, in nats.

    logits   (B, T, V) float, unnormalised scores for the token after each position
    targets  (B, T) int64, the tokens that really follow
    returns  scalar float32
    raises   ValueError if B and T differ between the two
    source   Radford et al. 2019, section 2, equation 1
    """
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"logits are for {tuple(logits.shape[:-1])} tokens, targets for {tuple(targets.shape)}"
        )
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def loss_of(model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
    """`next_token_loss` of the model's logits for inputs (B, T) and targets (B, T), with less memory and
    time. A compiler fuses the plain version."""
    if model.numerics == "reference" or torch.compiler.is_compiling():
        return next_token_loss(model.padded_logits(inputs), targets)
    return LossOfLogits.apply(model.padded_logits(inputs).flatten(0, 1), targets.flatten())


class LossOfLogits(torch.autograd.Function):
    """Mean cross-entropy of logits (N, V), which are overwritten with their gradient, a few rows at a time.

    The plain version holds the logits in float32, their log-softmax and its gradient: 0.3 GB in the lecture's
    job, where this holds the logits alone, in their own type (benchmarks/LOG.md).
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        N, V = logits.shape
        rows = max(1, (CHUNK_BYTES if logits.is_cpu else GPU_CHUNK_BYTES) // (4 * V))
        is_learning = ctx.needs_input_grad[0]
        total = torch.zeros((), dtype=torch.float64, device=logits.device)
        for part, wanted in zip(logits.detach().split(rows), targets[:, None].split(rows), strict=True):
            log_shares = torch.log_softmax(part, dim=-1, dtype=torch.float32)
            total -= log_shares.gather(1, wanted).sum(dtype=torch.float64)
            if is_learning:
                gradient = log_shares.exp_()
                gradient.scatter_add_(1, wanted, -torch.ones_like(wanted, dtype=torch.float32))
                torch.mul(gradient, 1 / N, out=part)
        ctx.gradient = logits.detach() if is_learning else None
        return (total / N).float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        gradient, ctx.gradient = ctx.gradient, None
        # Looking at a number on a GPU would wait for all that is queued.
        is_scaled = not gradient.is_cpu or gradients[0] != 1
        return gradient.mul_(gradients[0]) if is_scaled else gradient, None
