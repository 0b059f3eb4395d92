"""When a run evaluates, writes checkpoints and ends, by how far it has come. Needs no torch.

`model.estimate` counts how often it will still do so, from the same settings: a change here is one there.
"""

from model.config import EndedBy, Run
from model.estimate import batches_per_epoch, total_steps
from model.progress import Position


class Plan:
    """Of `run` over so many training windows; `position` is the run's own, which its loop advances."""

    def __init__(self, run: Run, windows: int, position: Position) -> None:
        training = run.training
        self.run, self.position = run, position
        self.epoch_batches = batches_per_epoch(windows, training.batch_size)
        self.total_steps = total_steps(
            windows,
            training.batch_size,
            training.grad_accumulation,
            training.num_epochs,
            training.max_steps,
        )

    @property
    def is_finished(self) -> bool:
        return self.position.step >= self.total_steps or self.has_lost_patience

    @property
    def has_lost_patience(self) -> bool:
        """Whether the validation loss has not fallen for as many evaluations as the run waits."""
        patience = self.run.training.early_stopping_patience
        return patience is not None and self.position.evaluations_since_best >= patience

    @property
    def ended_by(self) -> EndedBy:
        """What a finished run ended by; patience that ran out at the last step has ended nothing."""
        if self.position.step < self.total_steps:
            return "early_stopping"
        return "max_steps" if self.total_steps == self.run.training.max_steps else "epochs"

    @property
    def epoch_is_over(self) -> bool:
        return self.position.batch == self.epoch_batches

    def evaluates(self, step: int) -> bool:
        return self.is_scheduled(step) or step == self.total_steps - 1

    def is_scheduled(self, step: int) -> bool:
        """Whether `step` is evaluated however long the run is."""
        return step % self.run.evaluation.eval_freq == 0

    def checkpoint_is_due(self) -> bool:
        """Whether the spec asks for one at this position."""
        position, every = self.position, self.run.checkpoints
        by_epoch = (
            every.every_epochs is not None and self.epoch_is_over and position.epoch % every.every_epochs == 0
        )
        by_step = every.every_steps is not None and position.step % every.every_steps == 0
        return by_epoch or by_step

    def keeps_weights_of(self, step: int) -> bool:
        """Whether patience may come to an end while `step` is still the best evaluation."""
        patience, since_best = self.run.training.early_stopping_patience, self.position.evaluations_since_best
        return patience is not None and self.evaluates(step) and since_best == 0
