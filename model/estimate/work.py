"""What a run computes: how often it does what, tokens, floating-point operations, and how long that takes.

Needs no torch.
"""

from dataclasses import dataclass

from model.config import GPTConfig, Run, TrainingConfig
from model.estimate.machine import Rates
from model.estimate.memory import FLOAT32_BYTES, optimizer_bytes
from model.estimate.parameters import (
    attention_flops_per_token,
    multiplied_parameters,
    parameter_count,
    training_flops_per_token,
)
from model.plan import Schedule
from model.steps import batches_per_epoch, steps_per_epoch, total_steps, window_count

FORWARD_SHARE = 1 / 3
"""Of a token's operations in training: a backward pass computes two products for each of a forward pass.
Source: Kaplan et al. 2020, section 2.1."""
CHECKPOINT_BYTES_PER_S = 1e9
"""At which training waits for a checkpoint, of which checksums are taken (benchmarks/LOG.md, 11-24)."""


@dataclass(frozen=True)
class Work:
    """All that a run does, unless it stops early."""

    epochs: int
    """Passes over the training text that it begins."""
    steps: int
    batches: int
    """Micro-batches of all steps."""
    evaluations: int
    train_batches: int
    """Of the training text in an evaluation."""
    val_windows: int
    """Of the validation text in an evaluation."""
    samples: int
    """Of all prompts together."""
    checkpoints: int
    """That its spec asks for. Others come by time and of a new best loss."""


def work_of(run: Run, train_tokens: int, val_tokens: int) -> Work:
    """What `run` does on a text of so many tokens; nothing where they fill no batch."""
    training, context = run.training, run.model.context_length
    stride = training.stride or context
    windows = window_count(train_tokens, context, stride)
    steps = total_steps(windows, training)
    if steps == 0:
        return Work(0, 0, 0, 0, 0, 0, 0, 0)
    schedule = Schedule.of(run, windows)
    return Work(
        epochs=-(-steps // steps_per_epoch(windows, training)),
        steps=steps,
        batches=batches_of(steps, windows, run),
        evaluations=schedule.evaluations_left(0),
        train_batches=batches_per_epoch(evaluated_of(windows, run), training.batch_size),
        val_windows=evaluated_of(window_count(val_tokens, context, stride), run),
        samples=schedule.samples_left(0) * len(run.sampling.prompts),
        checkpoints=schedule.checkpoints_left(0),
    )


def evaluated_of(windows: int, run: Run) -> int:
    """Of a split's windows, how many an evaluation takes."""
    batches = run.evaluation.eval_iter
    return windows if batches is None else min(windows, batches * run.training.batch_size)


def batches_of(steps: int, windows: int, run: Run) -> int:
    """Micro-batches of the first so many steps: an epoch's last step takes those that are left."""
    training = run.training
    epochs, rest = divmod(steps, steps_per_epoch(windows, training))
    return epochs * batches_per_epoch(windows, training.batch_size) + rest * training.grad_accumulation


def training_tokens(run: Run, work: Work) -> int:
    """That all steps train on."""
    return work.batches * run.training.batch_size * run.model.context_length


def training_flops(run: Run, work: Work) -> float:
    """Of all steps."""
    return float(training_tokens(run, work) * training_flops_per_token(run.gpt))


def evaluation_flops(run: Run, work: Work) -> float:
    """Of all evaluations."""
    windows = work.train_batches * run.training.batch_size + work.val_windows
    tokens = work.evaluations * windows * run.model.context_length
    return FORWARD_SHARE * tokens * training_flops_per_token(run.gpt)


@dataclass(frozen=True)
class BatchWork:
    """What a batch's forward and backward pass compute."""

    layers: int
    flops: int
    """Of all matrix products, attention's too."""
    attention_flops: int
    numbers: int
    """Of all layers' inputs, (B, T, C) each."""
    logits: int

    @classmethod
    def of(cls, config: GPTConfig, batch_size: int) -> "BatchWork":
        tokens = batch_size * config.context_length
        return cls(
            layers=config.n_layers,
            flops=tokens * training_flops_per_token(config),
            attention_flops=tokens * attention_flops_per_token(config),
            numbers=tokens * config.n_layers * config.emb_dim,
            logits=tokens * config.vocab_size,
        )

    def seconds(self, rates: Rates) -> float:
        return (
            rates.batch_s
            + self.layers * rates.layer_s
            + (self.flops - self.attention_flops) / rates.flops_per_s
            + self.attention_flops / rates.attention_flops_per_s
            + self.numbers * rates.number_s
            + self.logits * rates.logit_s
        )


def update_seconds(config: GPTConfig, training: TrainingConfig, bytes_per_s: float) -> float:
    """Of an update, which reads weights, gradient and moments, and writes all but the gradient."""
    moved_bytes = 3 * FLOAT32_BYTES * parameter_count(config) + 2 * optimizer_bytes(config, training)
    return moved_bytes / bytes_per_s


def seconds_of(run: Run, work: Work, rates: Rates) -> float:
    """From the first step to the end, at these rates. A token of a sample reads all matrices once."""
    config, training = run.gpt, run.training
    batch_s = BatchWork.of(config, training.batch_size).seconds(rates)
    token_s = (
        FLOAT32_BYTES * multiplied_parameters(config) / rates.bytes_per_s
        + FORWARD_SHARE * config.n_layers * rates.layer_s
    )
    checkpoint_bytes = FLOAT32_BYTES * parameter_count(config) + optimizer_bytes(config, training)
    return (
        work.batches * batch_s
        + work.steps * update_seconds(config, training, rates.bytes_per_s)
        + evaluated_batches(run, work) * rates.evaluated_share * batch_s
        + work.samples * run.sampling.max_new_tokens * token_s
        + work.checkpoints * checkpoint_bytes / CHECKPOINT_BYTES_PER_S
    )


def evaluated_batches(run: Run, work: Work) -> float:
    """In all evaluations, and where a checkpoint or a sample follows a step that has none: it then takes a
    validation loss of its own."""
    val_batches = work.val_windows / run.training.batch_size
    sampled = work.samples / len(run.sampling.prompts)
    own_losses = max(sampled, work.checkpoints) * (1 - 1 / run.evaluation.eval_freq)
    return work.evaluations * (work.train_batches + val_batches) + own_losses * val_batches
