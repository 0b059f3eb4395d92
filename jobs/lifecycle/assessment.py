"""What a spec comes to, and whether it is possible: what is estimated, and what a job is refused by, are
one."""

from dataclasses import dataclass

from jobs.files.token_counts import SplitTokens
from jobs.lifecycle.feasibility import memory_errors, store_errors, text_errors
from jobs.lifecycle.inputs import SpecText, find_inputs
from jobs.lifecycle.workers import live_workers, machines_of
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.store.database import Database
from jobs.store.owner_limits import left_bytes
from jobs.store.tables import TrainedTokenizer
from jobs.store.viewers import viewer
from jobs.validation.field_errors import FieldError
from model.estimate.estimate import Estimate, estimate
from model.estimate.machine import DeviceKind, Machine
from model.estimate.work import Work, seconds_of, work_of


@dataclass(frozen=True)
class Assessment:
    spec: JobSpec
    """With the vocabulary of its tokenizer: while that is still being trained, the most it may become."""
    texts: list[SpecText]
    """To train on and, if there is one of its own, to validate on; without those that can't be had."""
    tokens: SplitTokens | None
    """None until a worker has counted them, and without all texts."""
    machines: dict[str, Machine]
    """Those of the queue's live workers, by the workers' ids."""
    estimated: Estimate
    """Of no tokens where they are not known: then steps and checkpoints are none."""
    errors: list[FieldError]
    """All that texts and limits rule out."""
    lacks_text: bool
    """Whether one of them is that a text can't be had."""

    @property
    def work(self) -> Work | None:
        """None until the tokens are known."""
        if self.tokens is None:
            return None
        return work_of(self.spec, self.tokens.train_tokens, self.tokens.val_tokens)

    @property
    def fastest(self) -> "Timing | None":
        """By the worker on which it takes the least; None until its tokens and a worker's speed are known."""
        work, timings = self.work, []
        for worker_id, machine in self.machines.items():
            calibration = machine.calibration
            if work is None or calibration is None:
                continue
            asked = self.spec.training.numerics
            numerics = calibration.auto if asked == "auto" else asked
            if numerics not in calibration.rates:
                continue
            time_s = seconds_of(self.spec, work, calibration.rates[numerics])
            timings.append(Timing(time_s, worker_id, calibration.device, numerics, calibration.threads))
        return min(timings, key=lambda timing: timing.time_s, default=None)


@dataclass(frozen=True)
class Timing:
    """How long a job takes on a worker."""

    time_s: float
    worker: str
    """Its id."""
    device: DeviceKind
    numerics: str
    threads: int


def assess(database: Database, settings: Settings, spec: JobSpec, steps_done: int = 0) -> Assessment:
    """Hold a spec against its texts and the limits. Nothing is stored but a built-in text when it is first
    used.

    steps_done  by the checkpoint that it goes on from
    raises      SpecError if its tokenizer is not there, or can't be read
    """
    inputs = find_inputs(database, settings, spec)
    tokenizer, texts = inputs.tokenizer, inputs.texts
    if isinstance(tokenizer, TrainedTokenizer):
        spec = spec.with_vocab_size(tokenizer.asked_vocab_size)
    else:
        spec = spec.with_tokenizer(tokenizer)
    counts = [text.counts for text in texts if text.counts is not None]
    is_counted = not inputs.errors and len(counts) == len(texts)
    tokens = SplitTokens.of(counts) if is_counted else None
    with database.read() as session:
        workers = live_workers(session, spec.queue, settings.lease_s)
        left = left_bytes(session, settings, viewer().owner)
    machines = machines_of(workers)
    estimated = estimate(spec, 0 if tokens is None else tokens.train_tokens, list(machines.values()))
    errors = [
        *inputs.errors,
        *memory_errors(spec, estimated, settings, workers),
        *store_errors(spec, estimated, settings, left),
    ]
    if tokens is not None:
        errors = [*text_errors(spec, tokens, estimated, settings, steps_done), *errors]
    return Assessment(spec, texts, tokens, machines, estimated, errors, lacks_text=bool(inputs.errors))
