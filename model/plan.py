"""When a run evaluates, samples, writes checkpoints and ends, and how often it still will. Needs no torch."""

from dataclasses import dataclass
from math import lcm

from model.config import CheckpointConfig, EndedBy, Run, SamplingConfig
from model.progress import Position
from model.steps import batches_per_epoch, steps_per_epoch, total_steps


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
    sample_periods: tuple[int, ...]
    """Of samples likewise."""

    @classmethod
    def of(cls, run: Run, windows: int) -> "Schedule":
        """Of `run` over so many training windows."""
        epoch_steps = steps_per_epoch(windows, run.training)

        def periods(every: CheckpointConfig | SamplingConfig) -> tuple[int, ...]:
            epochs_steps = None if every.every_epochs is None else every.every_epochs * epoch_steps
            return tuple(period for period in (epochs_steps, every.every_steps) if period is not None)

        steps, eval_freq = total_steps(windows, run.training), run.evaluation.eval_freq
        return cls(steps, epoch_steps, eval_freq, periods(run.checkpoints), periods(run.sampling))

    def evaluates(self, step: int) -> bool:
        """Whether the 0-based `step` is followed by an evaluation."""
        return self.evaluates_in_any_run(step) or step == self.total_steps - 1

    def evaluates_in_any_run(self, step: int) -> bool:
        """Whether it is, however long the run is."""
        return step % self.eval_freq == 0

    def evaluations_left(self, done: int) -> int:
        left = -(-self.total_steps // self.eval_freq) - -(-done // self.eval_freq)
        return left + (done < self.total_steps and not self.evaluates_in_any_run(self.total_steps - 1))

    def has_sample(self, updates: int) -> bool:
        """Whether a sample, of each prompt, follows so many `updates`."""
        return self._is_one_of(updates, self.sample_periods)

    def samples_left(self, done: int) -> int:
        """Of each prompt."""
        return self._left(done, self.sample_periods)

    def has_checkpoint(self, updates: int) -> bool:
        """Whether a checkpoint follows so many `updates`. Others come by time and of a new best loss."""
        return self._is_one_of(updates, self.checkpoint_periods)

    def checkpoints_left(self, done: int) -> int:
        return self._left(done, self.checkpoint_periods)

    def _is_one_of(self, updates: int, periods: tuple[int, ...]) -> bool:
        return updates == self.total_steps or any(updates % period == 0 for period in periods)

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
        self.is_cut_short = False
        """Whether the run ends where it is, because a person has asked it to finish."""

    @property
    def is_finished(self) -> bool:
        return self.position.step >= self.total_steps or self.has_lost_patience or self.is_cut_short

    @property
    def has_lost_patience(self) -> bool:
        """Whether the validation loss has not fallen for as many evaluations as the run waits."""
        patience = self.training.early_stopping_patience
        return patience is not None and self.position.evaluations_since_best >= patience

    @property
    def ended_by(self) -> EndedBy:
        """What a finished run ended by; patience that ran out at the last step has ended nothing."""
        if self.position.step < self.total_steps:
            return "finish" if self.is_cut_short else "early_stopping"
        return "max_steps" if self.total_steps == self.training.max_steps else "epochs"

    @property
    def epoch_is_over(self) -> bool:
        return self.position.batch == self.epoch_batches

    def evaluates(self, step: int) -> bool:
        """Whether the step just made, or one before it, is followed by an evaluation."""
        return self.schedule.evaluates(step) or self.is_cut_short

    def samples(self, step: int) -> bool:
        """Whether the 0-based `step` is followed by samples."""
        return self.schedule.has_sample(step + 1) or self.is_finished

    def checkpoint_is_due(self) -> bool:
        return self.schedule.has_checkpoint(self.position.step)

    def keeps_weights_of(self, step: int) -> bool:
        """Whether patience may come to an end while `step` is still the best evaluation."""
        patience, since_best = self.training.early_stopping_patience, self.position.evaluations_since_best
        return patience is not None and self.evaluates(step) and since_best == 0
