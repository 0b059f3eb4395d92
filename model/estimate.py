"""How many windows, batches and steps a run has, and what is left of it. Plain arithmetic: needs no torch."""

from math import lcm

from model.config import CheckpointConfig


def window_count(n_tokens: int, context_length: int, stride: int) -> int:
    """(input, target) windows in a text of `n_tokens`: one at every `stride` from the first token on, as long
    as `context_length` tokens and the one that follows are there."""
    return len(range(0, n_tokens - context_length, stride))


def batches_per_epoch(n_windows: int, batch_size: int) -> int:
    """Micro-batches of an epoch; windows that fill no batch are dropped."""
    return n_windows // batch_size


def steps_per_epoch(n_windows: int, batch_size: int, grad_accumulation: int) -> int:
    """Optimizer steps of an epoch; the last takes the micro-batches that are left."""
    return -(-batches_per_epoch(n_windows, batch_size) // grad_accumulation)


def total_steps(
    n_windows: int, batch_size: int, grad_accumulation: int, num_epochs: int, max_steps: int | None
) -> int:
    """Optimizer steps of a run that does not stop early: its epochs' or `max_steps`, whichever ends first."""
    steps = num_epochs * steps_per_epoch(n_windows, batch_size, grad_accumulation)
    return steps if max_steps is None else min(steps, max_steps)


def evaluations_left(done: int, total_steps: int, eval_freq: int) -> int:
    """Evaluations after the updates behind the first `done`: of every `eval_freq`-th step from step 0 on, and
    of the last."""
    scheduled = -(-total_steps // eval_freq) - -(-done // eval_freq)
    return scheduled + (done < total_steps and (total_steps - 1) % eval_freq != 0)


def samples_left(done: int, total_steps: int, epoch_steps: int) -> int:
    """Samples after the updates behind the first `done`: after each epoch, and at the end."""
    scheduled = total_steps // epoch_steps - done // epoch_steps
    return scheduled + (done < total_steps and total_steps % epoch_steps != 0)


def checkpoints_left(done: int, total_steps: int, epoch_steps: int, every: CheckpointConfig) -> int:
    """Checkpoints after the updates behind the first `done`: by epochs, by steps, and at the end."""
    periods = checkpoint_periods(epoch_steps, every)
    both = [lcm(*periods)] if len(periods) > 1 else []
    scheduled = sum(total_steps // period - done // period for period in periods)
    scheduled -= sum(total_steps // period - done // period for period in both)
    return scheduled + (done < total_steps and all(total_steps % period for period in periods))


def is_checkpointed(step: int, total_steps: int, epoch_steps: int, every: CheckpointConfig) -> bool:
    """Whether a checkpoint is due after `step` updates: by epochs, by steps, or as they are the last."""
    return step == total_steps or any(step % period == 0 for period in checkpoint_periods(epoch_steps, every))


def checkpoint_periods(epoch_steps: int, every: CheckpointConfig) -> list[int]:
    by_epochs = [] if every.every_epochs is None else [every.every_epochs * epoch_steps]
    return by_epochs if every.every_steps is None else [*by_epochs, every.every_steps]
