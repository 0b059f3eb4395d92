"""From where a run starts that draws no weights: another run's checkpoint, with or without its optimizer."""

from dataclasses import dataclass, replace

import torch
from safetensors.torch import load_file

from model.checkpoint import load_weights, restore_training_state
from model.config import WEIGHTLESS_FIELDS, GPTConfig, Run
from model.gpt import GPT
from model.manifest import TRAINING, WEIGHTS, CheckpointError, VerifiedCheckpoint
from model.numerics import ResolvedNumerics
from model.optimizer import Optimizers, make_optimizer
from model.progress import Position
from model.shuffle import ShuffleSeeds
from model.steps import batches_per_epoch, steps_per_epoch

ORDER_FIELDS = ("batch_size", "grad_accumulation", "stride", "seed")
"""Of the training section, what the order of windows and steps follows from, besides the data."""
IRRELEVANT_FIELDS = WEIGHTLESS_FIELDS | {"initialization"}
"""Of a model: what there are weights for no longer depends on how they were drawn."""


@dataclass(frozen=True)
class Start:
    checkpoint: VerifiedCheckpoint
    with_optimizer: bool
    """Whether to go on from the checkpoint's step, or to begin at step 0 with its weights alone."""


def begin(
    start: Start,
    run: Run,
    data_sha256: str,
    windows: int,
    device: torch.device,
    numerics: ResolvedNumerics,
    seeds: ShuffleSeeds,
) -> tuple[GPT, Optimizers, Position]:
    """Model, optimizer and position at which `run` starts; the global generators are set.

    With the optimizer and an unchanged run, everything is as the checkpoint has it: the next step is the one
    that the checkpoint's own run made. What has changed counts from there on: the learning rate is the new
    schedule's at that step, and a new seed draws anew.

    windows  training windows of the data
    raises   CheckpointError if the checkpoint's model is another one
    """
    directory, manifest = start.checkpoint.directory, start.checkpoint.manifest
    check_shapes(manifest.run.gpt, run.gpt, start.with_optimizer)
    model = load_weights(directory / WEIGHTS, run.gpt, device, numerics)
    optimizer = make_optimizer(model, run.training)
    if not start.with_optimizer:
        torch.manual_seed(run.training.seed)
        return model, optimizer, Position()
    restore_training_state(load_file(directory / TRAINING), model, optimizer, device)
    if run.training.seed != manifest.run.training.seed:
        torch.manual_seed(run.training.seed)
    position = replace(manifest.position)
    if manifest.data_sha256 != data_sha256 or orders_differ(manifest.run, run):
        move_to_step(position, run, windows, seeds)
    if manifest.data_sha256 != data_sha256 or manifest.run.evaluation != run.evaluation:
        forget_losses(position)
    return model, optimizer, position


def check_shapes(saved: GPTConfig, wanted: GPTConfig, with_optimizer: bool) -> None:
    """A shorter context takes the first positions; the optimizer's state of them is not cut. raises
    CheckpointError"""
    differences = [
        f"model.{name} is {getattr(saved, name)} there and {value} here"
        for name, value in wanted
        if name not in IRRELEVANT_FIELDS and getattr(saved, name) != value
    ]
    if not with_optimizer and wanted.context_length < saved.context_length:
        differences = [each for each in differences if not each.startswith("model.context_length ")]
    if differences:
        raise CheckpointError("the checkpoint's weights are of another model: " + "; ".join(differences))


def orders_differ(saved: Run, wanted: Run) -> bool:
    return any(getattr(saved.training, name) != getattr(wanted.training, name) for name in ORDER_FIELDS)


def move_to_step(position: Position, run: Run, windows: int, seeds: ShuffleSeeds) -> None:
    """Where `run` would be in its data had it made all steps so far: in the epoch of that step, so many
    batches of whose order are taken as done. At the end of an epoch the next one begins."""
    training, epoch_steps = run.training, steps_per_epoch(windows, run.training)
    epochs_done, steps_of_epoch = divmod(position.step, epoch_steps)
    if steps_of_epoch == 0:
        position.epoch, position.batch = epochs_done, batches_per_epoch(windows, training.batch_size)
        return
    position.epoch, position.batch = epochs_done + 1, steps_of_epoch * training.grad_accumulation
    position.order_seed = seeds.of_epoch(position.epoch)


def forget_losses(position: Position) -> None:
    """Those that were measured on another text, or on other parts of it, can't be compared."""
    position.train_loss = position.best_val_loss = None
    position.evaluations_since_best = 0
