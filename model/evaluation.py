"""How well a model predicts: mean losses on both splits, without gradients or dropout."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from model.config import Run
from model.data import Batch, Data, TokenWindows, batches
from model.gpt import GPT
from model.layers.devices import blocking_synchronise
from model.loss import LossFunction, check_finite, loss_and_end_nats, loss_of
from model.shuffle import ShuffleSeeds, subset
from model.tokenizers import Tokenizer, byte_lengths


@contextmanager
def evaluating(model: GPT) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards the model is in the mode it was in."""
    was_training = model.training
    if was_training:  # to set the mode of all modules takes as long as a block takes for a token
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if was_training:
            model.train()


def mean_loss(model: GPT, batches: Iterable[Batch], loss_of: LossFunction = loss_of) -> float:
    """Mean over `batches` of their mean loss, in nats a token, as the lecture takes it: a smaller last batch
    counts as much as the others. ValueError if there is no batch."""
    with evaluating(model):
        losses = [loss_of(model, inputs, targets) for inputs, targets in batches]
    if not losses:
        raise ValueError("there is no batch to evaluate on")
    blocking_synchronise(losses[-1].device)
    return sum(loss.item() for loss in losses) / len(losses)


class ByteCounter:
    """A loss function that takes note of the nats and the bytes of all its targets, for their bits per byte:
    comparable between tokenizers, as a token's loss is not.

    loss_of     what it computes
    lengths     (V,) int64, the bytes that each token of the vocabulary stands for; 0 of the end of a text
    end_of_text the token whose nats are left out, as it stands for no bytes; None where no target is one
    """

    def __init__(self, loss_of: LossFunction, lengths: Tensor, end_of_text: int | None) -> None:
        self.loss_of, self.lengths, self.end_of_text = loss_of, lengths, end_of_text
        self.nats: list[Tensor] = []
        self.bytes: list[Tensor] = []

    def __call__(self, model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
        self.bytes.append(self.lengths[targets].sum())
        if self.end_of_text is None:
            loss = self.loss_of(model, inputs, targets)
            self.nats.append(loss * targets.numel())
        else:
            loss, end_nats = loss_and_end_nats(model, inputs, targets, self.end_of_text)
            self.nats.append(loss * targets.numel() - end_nats)
        return loss

    @property
    def bits_per_byte(self) -> float | None:
        """None where no target stands for a byte, or the nats are not a number."""
        bits = sum(nats.item() for nats in self.nats) / math.log(2)
        total_bytes = sum(int(count.item()) for count in self.bytes)
        return bits / total_bytes if total_bytes and math.isfinite(bits) else None


@dataclass(frozen=True)
class Losses:
    """Nats a token, and the validation loss once more as bits a byte of text."""

    train: float
    validation: float
    validation_bits_per_byte: float | None


class Evaluator:
    """Measures a run's model on a few batches of the training and of the validation text, or on all of
    them."""

    def __init__(
        self,
        run: Run,
        tokenizer: Tokenizer,
        data: Data,
        model: GPT,
        seeds: ShuffleSeeds,
        device: torch.device,
        loss_of: LossFunction,
        on_batch: Callable[[], object],
    ) -> None:
        """`on_batch` is called before each batch."""
        self.data, self.model, self.seeds, self.device = data, model, seeds, device
        self.loss_of, self.on_batch = loss_of, on_batch
        self.batch_size, self.tokenizer = run.training.batch_size, tokenizer
        eval_iter = run.evaluation.eval_iter
        self.max_windows = None if eval_iter is None else eval_iter * run.training.batch_size
        """Of each split in an evaluation; None: all of them."""

    def losses(self, step: int) -> Losses:
        """After `step`; raises Diverged if one is not a number.

        Of the training text other batches each time, as of a loader that shuffles; of the validation text
        always the first ones, so that its losses can be compared.
        """
        order = subset(
            len(self.data.train), self.seeds.of_evaluation(step), self.window_count(self.data.train)
        )
        train_loss = self.mean_loss(self.data.train, order, step, drop_last=True)
        self.seeds.start_validation()
        counter = ByteCounter(self.loss_of, self.byte_lengths, self.validation_end)
        return Losses(train_loss, self.validation_loss(step, counter), counter.bits_per_byte)

    def validation_loss(self, step: int, loss_of: LossFunction | None = None) -> float:
        """Draws nothing from any generator. raises Diverged"""
        order = self.validation_order
        return self.mean_loss(self.data.validation, order, step, drop_last=False, loss_of=loss_of)

    @property
    def validation_order(self) -> Tensor:
        return torch.arange(self.window_count(self.data.validation))

    def window_count(self, windows: TokenWindows) -> int:
        """How many of a split's windows an evaluation takes."""
        return len(windows) if self.max_windows is None else min(len(windows), self.max_windows)

    @cached_property
    def byte_lengths(self) -> Tensor:
        return torch.tensor(byte_lengths(self.tokenizer), device=self.device)

    @cached_property
    def validation_end(self) -> int | None:
        """The end-of-text token if any target of an evaluation is one; else, as in a plain text, None."""
        end_of_text = self.tokenizer.end_of_text
        on_cpu = torch.device("cpu")
        evaluated = batches(
            self.data.validation, self.validation_order, self.batch_size, drop_last=False, device=on_cpu
        )
        has_end = any(bool((targets == end_of_text).any()) for _, targets in evaluated)
        return end_of_text if has_end else None

    def mean_loss(
        self,
        windows: TokenWindows,
        order: Tensor,
        step: int,
        *,
        drop_last: bool,
        loss_of: LossFunction | None = None,
    ) -> float:
        evaluated = batches(windows, order, self.batch_size, drop_last=drop_last, device=self.device)
        loss = mean_loss(self.model, self.announced(evaluated), loss_of or self.loss_of)
        check_finite(loss, step)
        return loss

    def announced(self, evaluated: Iterable[Batch]) -> Iterator[Batch]:
        for batch in evaluated:
            self.on_batch()
            yield batch
