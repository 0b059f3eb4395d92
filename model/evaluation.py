"""How well a model predicts: mean losses on both splits, without gradients or dropout."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from model.config import Run
from model.data import Batch, Data, TokenWindows, batches
from model.gpt import GPT
from model.layers.devices import blocking_synchronise
from model.loss import LossFunction, check_finite, loss_of
from model.shuffle import ShuffleSeeds, subset


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


class Evaluator:
    """Measures a run's model on a few batches of the training and of the validation text."""

    def __init__(
        self,
        run: Run,
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
        self.batch_size = run.training.batch_size
        self.windows = run.evaluation.eval_iter * run.training.batch_size
        """Of each split in an evaluation, at most."""

    def losses(self, step: int) -> tuple[float, float]:
        """Training and validation loss after `step`; raises Diverged if one is not a number.

        Of the training text other batches each time, as of a loader that shuffles; of the validation text
        always the first ones, so that its losses can be compared.
        """
        order = subset(len(self.data.train), self.seeds.of_evaluation(step), self.windows)
        train_loss = self.mean_loss(self.data.train, order, step, drop_last=True)
        self.seeds.start_validation()
        return train_loss, self.validation_loss(step)

    def validation_loss(self, step: int) -> float:
        """Draws nothing from any generator. raises Diverged"""
        order = torch.arange(min(len(self.data.validation), self.windows))
        return self.mean_loss(self.data.validation, order, step, drop_last=False)

    def mean_loss(self, windows: TokenWindows, order: Tensor, step: int, *, drop_last: bool) -> float:
        evaluated = batches(windows, order, self.batch_size, drop_last=drop_last, device=self.device)
        loss = mean_loss(self.model, self.announced(evaluated), self.loss_of)
        check_finite(loss, step)
        return loss

    def announced(self, evaluated: Iterable[Batch]) -> Iterator[Batch]:
        for batch in evaluated:
            self.on_batch()
            yield batch
