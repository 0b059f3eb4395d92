"""What `benchmarks.page` looks at: many jobs that have ended, and some that a stub has learn meanwhile."""

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import claim, end
from jobs.lifecycle.checkpoints import record_checkpoint
from jobs.lifecycle.history import best_columns, latest_columns, record_sample
from jobs.lifecycle.metrics import MAX_ROWS
from jobs.lifecycle.submission import submit
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.states import Status, job_error
from jobs.store.database import Database
from jobs.store.tables import DeviceMetrics, Event, Job
from jobs.store.tables import Evaluation as EvaluationRow
from model.config import CheckpointConfig
from model.events import Evaluation, Progress, Sample
from model.plan import Schedule
from worker.training.eta import EtaEstimator
from worker.training.recorder import Recorder

LEASE_S = 24 * 3600
"""Nobody else is to think that a stub has died."""
ROWS_AT_ONCE = 10_000
RECORDED_AT = 1.79e9
TOKENS_PER_STEP = 512
STEPS_PER_EPOCH = 143
"""Of the text `sample`, whose tokens are bytes."""
EVALUATIONS = 60
"""Of a job that has ended."""
EVAL_FREQ = 5
LONG_SAMPLES = 200
ENDS = [Status.SUCCEEDED] * 7 + [Status.FAILED, Status.CANCELLED, Status.PAUSED]
TEXT = "forward, and he laughed again, and leaned back to look up at the sketch of the donkey on the wall. "

EVALUATED_EVERY_S = 0.25
SAMPLED_EVERY = 12
"""Evaluations; then a checkpoint follows too."""
PROMPTS = ["Every effort moves you", "He laughed", "The sketch"]
BEGUN_EVERY_S = 5.0
"""One job more that begins, and soon ends."""


@dataclass(frozen=True)
class Shown:
    """Ids of the jobs that are looked at."""

    long: str
    """With very many evaluations, and more of them coming."""
    running: str
    compared: list[str]
    """Eight that have ended, and two that run."""


class Records:
    """Writes jobs by the functions that the service itself writes them by."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self._number = 0

    def begin(self, **training: Any) -> Job:
        """A running job, which no worker has seen queued."""
        number = self._number
        self._number += 1
        spec = {
            "preset": "tiny",
            "dataset": "sample",
            "tokenizer": "bytes",
            "name": f"run {number}: {['warm-up', 'wide', 'deep and narrow', 'low rate'][number % 4]}",
            "metadata": {"group": f"sweep-{number % 5}"},
            "training": {
                "num_epochs": 4000,
                "learning_rate": [4e-4, 1e-3, 2e-4][number % 3],
                "seed": number,
                **training,
            },
            "evaluation": {"eval_freq": EVAL_FREQ},
            "sampling": {"start_context": PROMPTS, "every_epochs": 100},
            "checkpoints": {"every_epochs": 100},
        }

        def take(session: Session, job: Job, _waiting: object) -> None:
            claimed = claim(session, job.id, "a stub trainer", LEASE_S)
            assert claimed is not None
            claimed.tags = [["baseline"], ["sweep", "night"], []][number % 3]
            claimed.starred = number % 17 == 0

        return submit(self.database, self.settings, parse_spec(spec), on_stored=take)[0]

    def ended(self) -> Job:
        """A job with its evaluations, samples, a checkpoint and an end."""
        job = self.begin(max_steps=EVALUATIONS * EVAL_FREQ)
        status = ENDS[self._number % len(ENDS)]
        with self.database.write() as session:
            store_evaluations(session, job.id, EVALUATIONS, seed=self._number)
            for index in range(0, EVALUATIONS, 20):
                record_sample(session, job.id, 1, asdict_of_sample(sample(index * EVAL_FREQ)))
            record_checkpoint(session, job.id, 1, checkpoint(job.id, EVALUATIONS * EVAL_FREQ), 1, 1)
            error = job_error("internal", "the trainer was killed by signal 9", 1)
            end(session, job.id, 1, status, error if status == Status.FAILED else None)
        return job

    def long(self, points: int) -> Job:
        """A job that runs, and has so many evaluations, with the samples and device metrics that such a job
        has."""
        job = self.begin()
        interval = points * EVAL_FREQ // MAX_ROWS
        with self.database.write() as session:
            store_evaluations(session, job.id, points, seed=0)
            session.execute(
                insert(DeviceMetrics),
                [
                    {"job_id": job.id, "number": number, "attempt": 1, **device_metrics(number * interval)}
                    for number in range(MAX_ROWS - 1)
                ],
            )
            for index in range(LONG_SAMPLES):
                step = index * points * EVAL_FREQ // LONG_SAMPLES
                record_sample(session, job.id, 1, asdict_of_sample(sample(step)))
        return job


def store_evaluations(session: Session, job_id: str, count: int, seed: int) -> None:
    """The first of a running job, as `record_evaluation` would leave them one after the other."""
    of_job = {"job_id": job_id, "attempt": 1, "type": "evaluation", "created_at": RECORDED_AT}
    for begin in range(0, count, ROWS_AT_ONCE):
        data = [
            {**asdict(evaluation(index * EVAL_FREQ, seed)), "elapsed_s": 0.5 * index}
            for index in range(begin, min(begin + ROWS_AT_ONCE, count))
        ]
        rows = [{**each, "job_id": job_id, "recorded_at": RECORDED_AT} for each in data]
        session.execute(insert(EvaluationRow), rows)
        session.execute(insert(Event), [{**of_job, "data": each} for each in data])
    columns = {**latest_columns(session, job_id), **best_columns(session, job_id)}
    progress = {name: data[-1][name] for name in ("epoch", "tokens_seen", "tokens_per_s")}
    values = {**columns, **progress, "step": data[-1]["step"] + 1}
    session.execute(update(Job).where(Job.id == job_id).values(**values))


def store_jobs(
    records: Records, count: int, points: int, running: int
) -> tuple[Shown, list[tuple[Job, int]]]:
    """That many jobs, the long one and `running` others among them; and of those that run the step to go on
    from."""
    ended = [records.ended() for _ in range(count - running - 1)]
    long = records.long(points)
    others = [records.begin() for _ in range(running)]
    shown = Shown(long.id, others[0].id, [job.id for job in ended[-8:]] + [others[0].id, long.id])
    return shown, [(long, points * EVAL_FREQ), *((job, 0) for job in others)]


def evaluation(step: int, seed: int) -> Evaluation:
    """Of a run that falls fast, then slowly, with noise, and over-fits in the end."""
    noise = ((step + 1) * (7919 + seed) % 1009) / 1009 - 0.5
    train = 1.2 + 9 * math.exp(-step / 200) + 2 * math.exp(-step / 100_000) + 0.3 * noise
    return Evaluation(
        step=step,
        epoch=1 + step // STEPS_PER_EPOCH,
        tokens_seen=(step + 1) * TOKENS_PER_STEP,
        train_loss=train,
        val_loss=train + 0.1 + step * 2e-6 + 0.1 * noise,
        learning_rate=4e-4 * (0.55 + 0.45 * math.cos(step / 160_000)),
        grad_norm=1.25 + 0.5 * noise,
        tokens_per_s=12_345.6 + 1000 * noise,
        val_bpb=1.0 + train / 6,
    )


def sample(step: int, index: int = 0) -> Sample:
    return Sample(
        step=step,
        epoch=1 + step // STEPS_PER_EPOCH,
        prompt=PROMPTS[index],
        text=PROMPTS[index] + " " + 2 * TEXT,
        index=index,
        is_last=index == len(PROMPTS) - 1,
    )


def asdict_of_sample(each: Sample) -> dict[str, Any]:
    return {name: value for name, value in asdict(each).items() if name != "is_last"}


def checkpoint(job_id: str, step: int) -> dict[str, Any]:
    row = evaluation(step, seed=0)
    return {
        "step": step,
        "epoch": row.epoch,
        "train_loss": row.train_loss,
        "val_loss": row.val_loss,
        "bytes": 2_000_000,
        "sha256": f"{step:064d}",
        "directory": f"jobs/{job_id}/attempt-1/step-{step:08d}",
    }


def device_metrics(step: int) -> dict[str, Any]:
    return {
        "step": step + 1,
        "elapsed_s": 0.1 * step,
        "tokens_per_s": 12_345.6,
        "mfu": None,
        "cpu_percent": 180 + step % 37,
        "memory_bytes": 700_000_000 + 1000 * step,
        "recorded_at": RECORDED_AT + step,
    }


class StubTrainers:
    """Have jobs learn without a model: evaluations, samples, checkpoints and progress of each several times a
    second, written by the recorder of a real trainer, while jobs begin and end beside them."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(32, "stub")
        self._running: list[Future[None]] = []
        self.evaluations = 0
        """Recorded so far; by several threads, so that it may be some too few."""

    def train(self, job: Job, step: int) -> None:
        """Go on from this step until all are stopped."""
        self._begin(lambda: self._train(job, step))

    def begin_and_end_jobs(self) -> None:
        self._begin(self._begin_and_end_jobs)

    def _begin(self, work: Callable[[], None]) -> None:
        self._running.append(self._pool.submit(work))

    def stop(self) -> None:
        """raises  what ended one of them before"""
        self._stop.set()
        for each in self._running:
            each.result()
        self._pool.shutdown()

    def _train(self, job: Job, step: int) -> None:
        database, settings = self._records.database, self._records.settings
        spec = parse_spec(job.spec)
        eta = EtaEstimator(spec, Schedule.of(spec, STEPS_PER_EPOCH))
        recorder = Recorder(database, settings.artifacts, job, CheckpointConfig(), lambda: None, eta)
        count = 0
        while not self._stop.wait(EVALUATED_EVERY_S):
            row = evaluation(step, seed=len(job.id))
            recorder(row)
            recorder(Progress(step + 1, row.epoch, job.total_steps, row.tokens_seen, row.tokens_per_s))
            count += 1
            self.evaluations += 1
            if count % SAMPLED_EVERY == 0:
                for index in range(len(PROMPTS)):
                    recorder(sample(step, index))
                with database.write() as session:
                    record_checkpoint(session, job.id, 1, checkpoint(job.id, step + 1), 1, 1)
            step += EVAL_FREQ

    def _begin_and_end_jobs(self) -> None:
        while not self._stop.wait(BEGUN_EVERY_S):
            self._records.ended()


@contextmanager
def stub_trainers(records: Records, running: list[tuple[Job, int]]) -> Iterator[StubTrainers]:
    trainers = StubTrainers(records)
    try:
        for job, step in running:
            trainers.train(job, step)
        trainers.begin_and_end_jobs()
        yield trainers
    finally:
        trainers.stop()
