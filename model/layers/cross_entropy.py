"""Cross-entropy in the memory of its logits."""

from typing import Any

import torch
from torch import Tensor

CHUNK_BYTES = 8 * 2**20
"""Float32 logits in a chunk, on the CPU: they stay in its cache."""
GPU_CHUNK_BYTES = 256 * 2**20
"""The same on a GPU: enough to keep it busy."""


class ChunkedCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of logits (N, V), which are overwritten with their gradient, a chunk of rows at a
    time.

    The plain version holds the logits in float32, their log-softmax and its gradient, N * V numbers each:
    0.3 GB in the lecture's job. This holds the logits alone, in their own type.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        N, V = logits.shape
        chunk_rows = max(1, (CHUNK_BYTES if logits.is_cpu else GPU_CHUNK_BYTES) // (4 * V))
        needs_grad = ctx.needs_input_grad[0]
        total = torch.zeros((), dtype=torch.float64, device=logits.device)
        chunks = zip(logits.detach().split(chunk_rows), targets[:, None].split(chunk_rows), strict=True)
        for chunk, target in chunks:  # (n, V) and (n, 1)
            log_probs = torch.log_softmax(chunk, dim=-1, dtype=torch.float32)
            total -= log_probs.gather(1, target).sum(dtype=torch.float64)
            if needs_grad:
                # The gradient of cross-entropy: the probabilities, less 1 at the target.
                gradient = log_probs.exp_()
                gradient.scatter_add_(1, target, -torch.ones_like(target, dtype=torch.float32))
                torch.mul(gradient, 1 / N, out=chunk)
        ctx.gradient = logits.detach() if needs_grad else None
        return (total / N).float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        gradient, ctx.gradient = ctx.gradient, None
        # On a GPU, to compare would wait for all kernels that are queued.
        is_scaled = not gradient.is_cpu or gradients[0] != 1
        return gradient.mul_(gradients[0]) if is_scaled else gradient, None
