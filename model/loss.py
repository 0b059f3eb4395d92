"""The one loss of pre-training: cross-entropy of the next token."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from model.gpt import GPT
from model.layers.cross_entropy import ChunkedCrossEntropy

LossFunction = Callable[[GPT, Tensor, Tensor], Tensor]
"""Of a model, inputs (B, T) and targets (B, T): a scalar."""


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
    # -log of the probability that softmax gives to the right token, averaged over all B * T of them. A model
    # that guesses among V tokens has log V, 10.8 for GPT-2's vocabulary.
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def loss_of(model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
    """`next_token_loss` of the model's logits for inputs (B, T) and targets (B, T), with less memory and
    time. A compiler fuses the plain version."""
    return loss_of_logits(model, training_logits(model, inputs), targets)


def training_logits(model: GPT, inputs: Tensor) -> Tensor:
    """(B, T, V or more): on a GPU there are more columns than V, to fill its kernels' tiles: -inf, which no
    softmax notices. A term over all columns would have to leave them out."""
    return model.kit.training_logits(model.head, model.hidden(inputs))


def loss_of_logits(model: GPT, logits: Tensor, targets: Tensor) -> Tensor:
    """The same of `training_logits`, which a backward pass overwrites."""
    if model.kit.numerics == "reference" or torch.compiler.is_compiling():
        return next_token_loss(logits, targets)
    return ChunkedCrossEntropy.apply(logits.flatten(0, 1), targets.flatten())


def loss_and_end_nats(model: GPT, inputs: Tensor, targets: Tensor, end_of_text: int) -> tuple[Tensor, Tensor]:
    """`loss_of`, and the nats of those targets that are `end_of_text`, all together: two scalars."""
    logits = training_logits(model, inputs)
    is_end = targets == end_of_text  # (B, T)
    end_nats = F.cross_entropy(logits[is_end].float(), targets[is_end], reduction="sum")
    return loss_of_logits(model, logits, targets), end_nats


class Diverged(Exception):
    """A loss is not a finite number, so there is nothing left to train."""

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(f"the loss became {loss} at step {step}")
        self.step = step
        """0-based number of the step whose loss it was, or after whose update it was measured."""
        self.loss = loss


def check_finite(loss: float, step: int) -> None:
    """raises Diverged unless `loss` is a number"""
    if not math.isfinite(loss):
        raise Diverged(step, loss)
