"""How well a model predicts: mean losses without gradients or dropout."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch

from model.data import Batch
from model.gpt import GPT
from model.layers.devices import wait_asleep
from model.loss import LossFunction, loss_of


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
    wait_asleep(losses[-1].device)
    return sum(loss.item() for loss in losses) / len(losses)
