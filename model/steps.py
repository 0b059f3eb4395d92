"""How many windows, batches and optimizer steps a text comes to. Needs no torch."""

from model.config import Run, TrainingConfig


def window_count(n_tokens: int, context_length: int, stride: int) -> int:
    """(input, target) windows in a text of `n_tokens`: one at every `stride` from the first token on, as long
    as `context_length` tokens and the one that follows are there."""
    return len(range(0, n_tokens - context_length, stride))


def batches_per_epoch(n_windows: int, batch_size: int) -> int:
    """Micro-batches of an epoch; windows that fill no batch are dropped."""
    return n_windows // batch_size


def steps_per_epoch(n_windows: int, training: TrainingConfig) -> int:
    """Optimizer steps of an epoch; the last takes the micro-batches that are left."""
    return -(-batches_per_epoch(n_windows, training.batch_size) // training.grad_accumulation)


def total_steps(n_windows: int, training: TrainingConfig) -> int:
    """Optimizer steps of a run that does not stop early: its epochs' or `max_steps`, whichever ends first."""
    steps = training.num_epochs * steps_per_epoch(n_windows, training)
    return steps if training.max_steps is None else min(steps, training.max_steps)


def tokens_per_epoch(run: Run, train_tokens: int) -> int:
    """Tokens that a whole epoch trains on, whatever the vocabulary; windows that fill no batch are
    dropped."""
    training, context = run.training, run.model.context_length
    windows = window_count(train_tokens, context, training.stride or context)
    return batches_per_epoch(windows, training.batch_size) * training.batch_size * context
