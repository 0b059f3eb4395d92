"""How long a run will still take (ETA): the work of each kind that is left, at the pace of the last such."""

import time
from collections import deque
from collections.abc import Callable
from statistics import fmean

from model.config import Run
from model.events import CheckpointWritten, Evaluation, Event, Phase, Progress, Sample, Started
from model.plan import Schedule

RECENT = 20
"""Durations of a kind that count: a machine gets busy, and quiet again."""

MAX_UNKNOWN_SHARE = 0.1
"""Work of kinds that have never been measured may be guessed to take so much of the rest, at most, for an
estimate to be given without it."""

CHECKPOINT_STEPS = 20
"""Steps that a checkpoint which has not been measured takes, at most: 12 bytes a parameter to a slow disk."""


class RecentDurations:
    """The last durations of something, in seconds. The very first does not count once there is another: it
    includes the process's warm-up."""

    def __init__(self) -> None:
        self._durations_s: deque[float] = deque(maxlen=RECENT)
        self._is_first = True

    def add(self, duration_s: float) -> None:
        if self._is_first and self._durations_s:
            self._durations_s.clear()
            self._is_first = False
        self._durations_s.append(duration_s)

    def lengthen(self, duration_s: float) -> None:
        """Add to the last one."""
        if self._durations_s:
            self._durations_s[-1] += duration_s

    @property
    def mean_s(self) -> float | None:
        return fmean(self._durations_s) if self._durations_s else None


class EtaEstimator:
    """Measures a run by its events. It works on one thing after the other, so the time since the last one
    ended belongs to the one whose end is reported now."""

    def __init__(self, run: Run, schedule: Schedule, clock: Callable[[], float] = time.monotonic) -> None:
        self._run, self._schedule, self._clock = run, schedule, clock
        self._steps, self._evaluations, self._samples, self._checkpoints = (
            RecentDurations() for _ in range(4)
        )
        self._batches, self._writes = RecentDurations(), RecentDurations()
        self._step = self._first_step = 0
        self._evaluated = self._sampled = self._checkpointed = 0
        """Updates up to which each has been done."""
        self._unscheduled_checkpoints = 0
        self._observed_s = self._ended_s = self._checkpoint_began_s = clock()
        self._is_evaluating = False

    def observe(self, event: Event) -> None:
        """Learn from an event of the run: from progress before it is recorded, from others after."""
        now_s = self._clock()
        took_s, since_last_s = now_s - self._ended_s, now_s - self._observed_s
        self._observed_s = now_s
        was_evaluating, self._is_evaluating = self._is_evaluating, event == Phase("evaluating")
        match event:
            case Started():
                self._step = self._first_step = event.resumed_step or 0
                self._evaluated = self._sampled = self._checkpointed = self._step
            case Phase("evaluating") if was_evaluating:
                self._batches.add(since_last_s)
                return
            case Progress() if event.step > self._step:
                self._step = event.step
                self._steps.add(took_s)
            case Evaluation():
                self._evaluated = event.step + 1
                self._evaluations.add(took_s)
            case Sample():
                self._sampled = event.step + 1
                self._samples.add(took_s)
            case Phase("training"):
                self._begin_checkpoint(now_s)
                self._checkpoints.add(took_s)
            case CheckpointWritten():
                self._checkpoints.lengthen(took_s)
                self._writes.add(now_s - self._checkpoint_began_s)
            case _:
                return
        self._ended_s = now_s

    def _begin_checkpoint(self, now_s: float) -> None:
        self._checkpoint_began_s = now_s
        self._checkpointed = self._step
        self._unscheduled_checkpoints += not self._schedule.has_checkpoint(self._step)

    @property
    def remaining_s(self) -> float | None:
        """Seconds to the end of the run unless it stops early. None while too much of them is unknown: as
        long as there is work left of a kind that has never been measured, unless even a generous guess of it
        is small beside the rest."""
        schedule, step_s = self._schedule, self._steps.mean_s
        steps_left = schedule.total_steps - self._step
        if step_s is None:
            return None
        known_s = steps_left * step_s + (self._writes.mean_s or 0.0)
        unknown_s = 0.0
        for left, durations, guess_s in (
            (schedule.evaluations_left(self._evaluated), self._evaluations, self._evaluation_guess_s(step_s)),
            (self._samples_left, self._samples, self._sample_guess_s(step_s)),
            (self._checkpoints_left(steps_left), self._checkpoints, CHECKPOINT_STEPS * step_s),
        ):
            if durations.mean_s is None:
                unknown_s += left * guess_s
            else:
                known_s += left * durations.mean_s
        return known_s if unknown_s <= MAX_UNKNOWN_SHARE * known_s else None

    @property
    def _samples_left(self) -> int:
        """One for each prompt."""
        return self._schedule.samples_left(self._sampled) * len(self._run.sampling.prompts)

    def _checkpoints_left(self, steps_left: int) -> float:
        """Those by epochs and steps, and the others (by time, of a new best) at the rate at which they came
        until now."""
        scheduled = self._schedule.checkpoints_left(self._checkpointed)
        steps_done = self._step - self._first_step
        return scheduled + (self._unscheduled_checkpoints / steps_done * steps_left if steps_done else 0.0)

    def _evaluation_guess_s(self, step_s: float) -> float:
        """A batch in it is a forward pass, and takes less than a micro-batch of a step."""
        batches, accumulation = self._run.evaluation.eval_iter, self._run.training.grad_accumulation
        if batches is None:  # of all; most texts have less to validate on than to train on
            batches = self._schedule.steps_per_epoch * accumulation
        return 2 * batches * step_s / accumulation

    def _sample_guess_s(self, step_s: float) -> float:
        """A token reads the same weights as a batch, and computes less."""
        batch_s = self._batches.mean_s or step_s / self._run.training.grad_accumulation
        return (self._run.sampling.max_new_tokens + 1) * batch_s
