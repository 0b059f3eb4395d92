"""What a run comes to: parameters, steps, memory and disk. Needs no torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from model.config import Run
from model.estimate.disk import checkpoints_bytes
from model.estimate.machine import Machine
from model.estimate.memory import Memory, training_memory
from model.estimate.parameters import parameter_count
from model.steps import steps_per_epoch, tokens_per_epoch, total_steps, window_count


@dataclass(frozen=True)
class Estimate:
    """What a run comes to on a text."""

    parameters: int
    windows: int
    """Of the training text."""
    steps_per_epoch: int
    tokens_per_epoch: int
    """That a whole epoch trains on; windows that fill no batch are dropped."""
    total_steps: int
    """Unless it stops early."""
    memory: Memory
    """At its peak, while it trains."""
    checkpoints_bytes: int
    """On disk, of all checkpoints that there are at once."""

    @property
    def memory_bytes(self) -> int:
        return self.memory.total_bytes


def estimate(run: Run, train_tokens: int, machines: Sequence[Machine] = ()) -> Estimate:
    """What `run` comes to on a text whose training split has `train_tokens`.

    machines  that it may be trained on; none where they are not known
    """
    training, config = run.training, run.gpt
    windows = window_count(train_tokens, config.context_length, training.stride or config.context_length)
    steps = total_steps(windows, training)
    return Estimate(
        parameters=parameter_count(config),
        windows=windows,
        steps_per_epoch=steps_per_epoch(windows, training),
        tokens_per_epoch=tokens_per_epoch(run, train_tokens),
        total_steps=steps,
        memory=training_memory(config, training, machines),
        checkpoints_bytes=checkpoints_bytes(run, steps),
    )
