"""When a run evaluates, samples, writes checkpoints and ends, and how often it still will. Needs no torch."""

from dataclasses import dataclass
from math import lcm

from model.config import EndedBy, Run
from model.estimate import batches_per_epoch, steps_per_epoch, total_steps
from model.progress import Position


@dataclass(frozen=True)
class Schedule:
    """What is known of a run before it begins, by the updates after which it happens.

    Numbers that are `left` are of what comes after the first `done` updates.
    """

    total_steps: int
    """Unless it stops early."""
    steps_per_epoch: int
    eval_freq: int
    checkpoint_periods: tuple[int, ...]
    """In steps: a checkpoint follows every multiple of any of them, and the last step."""

    @classmethod
    def of(cls, run: Run, windows: int) -> "Schedule":
        """Of `run` over so many training windows."""
        epoch_steps, every = steps_per_epoch(windows, run.training), run.checkpoints
        epochs_steps = None if every.every_epochs is None else every.every_epochs * epoch_steps
        periods = tuple(period for period in (epochs_steps, every.every_steps) if period is not None)
        return cls(total_steps(windows, run.training), epoch_steps, run.evaluation.eval_freq, periods)

    def evaluates(self, step: int) -> bool:
        """Whether the 0-based `step` is followed by an evaluation."""
        return self.evaluates_in_any_run(step) or step == self.total_steps - 1

    def evaluates_in_any_run(self, step: int) -> bool:
        """Whether it is, however long the run is."""
        return step % self.eval_freq == 0

    def evaluations_left(self, done: int) -> int:
        left = -(-self.total_steps // self.eval_freq) - -(-done // self.eval_freq)
        return left + (done < self.total_steps and not self.evaluates_in_any_run(self.total_steps - 1))

    def samples_left(self, done: int) -> int:
        """One after each epoch, and one at the end."""
        return self._left(done, (self.steps_per_epoch,))

    def has_checkpoint(self, updates: int) -> bool:
        """Whether a checkpoint follows so many `updates`. Others come by time and of a new best loss."""
        return updates == self.total_steps or any(updates % period == 0 for period in self.checkpoint_periods)

    def checkpoints_left(self, done: int) -> int:
        return self._left(done, self.checkpoint_periods)

    def _left(self, done: int, periods: tuple[int, ...]) -> int:
        """How many updates after the first `done` are the last, or multiples of a period (of two at most)."""

        def multiples(period: int) -> int:
            return self.total_steps // period - done // period

        twice = multiples(lcm(*periods)) if len(periods) > 1 else 0
        ends_apart = done < self.total_steps and all(self.total_steps % period for period in periods)
        return sum(map(multiples, periods)) - twice + ends_apart


class Plan:
    """A run's schedule, and how far it has come: `position` is the run's own, which its loop advances."""

    def __init__(self, run: Run, windows: int, position: Position) -> None:
        self.training, self.position = run.training, position
        self.schedule = Schedule.of(run, windows)
        self.total_steps = self.schedule.total_steps
        self.epoch_batches = batches_per_epoch(windows, run.training.batch_size)

    @property
    def is_finished(self) -> bool:
        return self.position.step >= self.total_steps or self.has_lost_patience

    @property
    def has_lost_patience(self) -> bool:
        """Whether the validation loss has not fallen for as many evaluations as the run waits."""
        patience = self.training.early_stopping_patience
        return patience is not None and self.position.evaluations_since_best >= patience

    @property
    def ended_by(self) -> EndedBy:
        """What a finished run ended by; patience that ran out at the last step has ended nothing."""
        if self.position.step < self.total_steps:
            return "early_stopping"
        return "max_steps" if self.total_steps == self.training.max_steps else "epochs"

    @property
    def epoch_is_over(self) -> bool:
        return self.position.batch == self.epoch_batches

    def evaluates(self, step: int) -> bool:
        return self.schedule.evaluates(step)

    def checkpoint_is_due(self) -> bool:
        return self.schedule.has_checkpoint(self.position.step)

    def keeps_weights_of(self, step: int) -> bool:
        """Whether patience may come to an end while `step` is still the best evaluation."""
        patience, since_best = self.training.early_stopping_patience, self.position.evaluations_since_best
        return patience is not None and self.evaluates(step) and since_best == 0
