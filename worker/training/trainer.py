"""One attempt at a job, in a process of its own: `python -m worker.trainer JOB_ID ATTEMPT`.

The supervisor starts it, feeds it deadlines and reads its reports (`worker.training.reports`). SIGTERM asks
it to finish its step, write a checkpoint and exit.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from jobs.files.cleanup import sweep_attempts
from jobs.files.datasets import BadText, find_text, get_dataset
from jobs.files.disk import is_disk_full, missing_bytes
from jobs.files.layout import checkpoint_root, tokens_path
from jobs.lifecycle.attempts import Fenced
from jobs.lifecycle.history import drop_checkpoint, list_checkpoints, resize_checkpoint
from jobs.process.logs import configure_logging
from jobs.process.panics import NativePanic, native_panics_as_errors
from jobs.process.parent_death import die_with_parent
from jobs.settings import Settings, load_settings
from jobs.spec.job_spec import JobSpec
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.store.database import Database
from jobs.store.events import record_event
from jobs.store.lookup import get_job
from jobs.store.tables import Checkpoint, Job
from worker.compiler_caches import UnsafeFolder, keep_caches_private
from worker.training.contention import ContentionWatch
from worker.training.fence import keep_watch
from worker.training.oom import found_out_of_memory
from worker.training.reports import ReportPipe, TrainerEnd
from worker.training.retry import patiently

if TYPE_CHECKING:
    from model.config import Run
    from model.manifest import VerifiedCheckpoint
    from model.storage.token_file import TokenFile

log = logging.getLogger(__name__)


def main() -> None:
    job_id, attempt, parent_pid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    die_with_parent(parent_pid)
    attempt_job(job_id, attempt)


def attempt_job(job_id: str, attempt: int) -> None:
    """What the process is there for, and all that it does."""
    # Reports own the pipe; whatever else prints goes to the log.
    pipe = ReportPipe(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    keep_watch(sys.stdin.fileno())
    stop = StopSignal()

    settings = load_settings()
    configure_logging(settings)
    pipe.end(run_attempt(settings, job_id, attempt, pipe, stop))


class StopSignal:
    """Whether SIGTERM has come."""

    def __init__(self) -> None:
        self._received = False
        signal.signal(signal.SIGTERM, self._receive)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to hear

    def _receive(self, *_: object) -> None:
        self._received = True

    def __call__(self) -> bool:
        return self._received


def run_attempt(
    settings: Settings, job_id: str, attempt: int, pipe: ReportPipe, stop: StopSignal
) -> TrainerEnd:
    """Train, and say how it ended. What has no name of its own is raised: the log then has the traceback."""
    from model.loss import Diverged

    database = Database(settings.database)
    job = patiently(database.read, lambda session: get_job(session, job_id))
    if job.attempt != attempt:
        raise Fenced(job_id, attempt)
    try:
        with native_panics_as_errors():
            return train_job(settings, database, job, pipe, stop)
    except Stopped:
        return TrainerEnd("stopped")
    except BadText as error:
        return TrainerEnd("failed", "bad_dataset", str(error))
    except NativePanic as error:
        log.exception("job %s", job_id)
        return TrainerEnd("failed", "internal", str(error))
    except (UnreadableSpec, UnsafeFolder) as error:
        return TrainerEnd("failed", "internal", str(error))
    except Diverged as error:
        return TrainerEnd("failed", "diverged", str(error))
    except OSError as error:
        if not is_disk_full(error):
            raise
        return TrainerEnd("failed", "disk_full", f"{error.strerror}: {error.filename or settings.artifacts}")
    except NoRoom as error:
        return TrainerEnd("failed", "disk_full", str(error))
    except (MemoryError, RuntimeError) as error:
        if (cause := found_out_of_memory(error)) is None:
            raise
        return TrainerEnd("failed", "out_of_memory", (str(cause) or type(cause).__name__).splitlines()[0])


class Stopped(Exception):
    """SIGTERM has come before the training began."""


class NoRoom(Exception):
    """The disk cannot hold what the job is going to write."""


def train_job(
    settings: Settings, database: Database, job: Job, pipe: ReportPipe, stop: StopSignal
) -> TrainerEnd:
    """Train from the newest good checkpoint on, to the end or until it is stopped."""
    import torch

    from model.data import Data
    from model.estimate import steps_per_epoch
    from model.numerics import pick_device, resolve_numerics
    from model.training import train
    from worker.training.pace import Pace
    from worker.training.recorder import Recorder

    spec = read_spec(job.spec)
    if spec.training.compile:
        keep_caches_private(settings.data_dir)
    run = make_run(spec)
    if (threads := job.threads or settings.threads) is not None:
        torch.set_num_threads(threads)
    device = pick_device()
    numerics = resolve_numerics(job.numerics or spec.training.numerics, device)  # type: ignore[arg-type]

    def go_on() -> None:
        pipe.alive()
        if stop():
            raise Stopped

    tokens = find_tokens(settings, database, job, spec, torch.get_num_threads(), go_on)
    try:
        data = Data.from_file(tokens, run)
    except ValueError as error:
        raise BadText(str(error)) from error
    pipe.alive()

    checkpoints = patiently(database.read, lambda session: list_checkpoints(session, job.id))
    sweep(database, settings, job, checkpoints)
    if missing := missing_bytes(settings.artifacts, job.id, spec, job.total_steps):
        raise NoRoom(
            f"the checkpoints need {missing / 2**20:,.0f} MiB more than is free at {settings.artifacts}; "
            "the job goes on when there is room, by itself or by POST /jobs/<id>/resume"
        )
    epoch_steps = steps_per_epoch(len(data.train), spec.training.batch_size, spec.training.grad_accumulation)
    pace = Pace(run, epoch_steps)
    recorder = Recorder(database, settings.artifacts, job, spec.retention, pipe.alive, pace)
    ContentionWatch().start()
    outcome = train(
        run,
        data,
        on_event=recorder,
        should_stop=stop,
        checkpoint_root=checkpoint_root(settings.artifacts, job.id, job.attempt),
        numerics=numerics,
        device=device,
        resume_from=newest_good_checkpoint(database, settings, job, checkpoints),
        checkpoint_interval_s=settings.checkpoint_s,
    )
    recorder.wait_for_deletions()
    return TrainerEnd("stopped") if outcome == "stopped" else TrainerEnd("finished", ended_by=outcome)


def find_tokens(
    settings: Settings, database: Database, job: Job, spec: JobSpec, threads: int, go_on: Callable[[], None]
) -> "TokenFile":
    """The tokens of the job's text: those that an earlier trainer wrote, or else written now.

    go_on   called again and again while they are written; may raise
    raises  BadText, OSError
    """
    from model.storage.token_file import TokenFileError, open_tokens, write_tokens
    from model.tokenizers import load_tokenizer

    dataset = patiently(database.read, lambda session: get_dataset(session, job.dataset_id))
    wanted = (dataset.sha256, spec.tokenizer, spec.training.train_ratio, dataset.text_start_bytes)
    path = tokens_path(settings.artifacts, *wanted)
    try:
        tokens = open_tokens(path, *wanted)
    except TokenFileError:
        text = find_text(settings, dataset, go_on)
        try:
            with native_panics_as_errors():
                write_tokens(
                    text,
                    path,
                    load_tokenizer(spec.tokenizer),
                    spec.training.train_ratio,
                    threads=threads,
                    on_piece=go_on,
                )
        except NativePanic as panic:  # it would only happen again
            raise BadText(f"the tokenizer {spec.tokenizer} can't encode the text: {panic}") from panic
        return open_tokens(path, *wanted)
    os.utime(path)  # the keeper deletes what has not been used for long
    return tokens


def make_run(spec: JobSpec) -> "Run":
    from model.config import Run

    return Run(
        model=spec.gpt,
        training=spec.training,
        evaluation=spec.evaluation,
        sampling=spec.sampling,
        checkpoints=spec.checkpoints,
        tokenizer=spec.tokenizer,
    )


def newest_good_checkpoint(
    database: Database, settings: Settings, job: Job, checkpoints: list[Checkpoint]
) -> "VerifiedCheckpoint | None":
    """The newest checkpoint that can be resumed and has the right checksums; damaged ones are dropped."""
    from model.manifest import CheckpointError, verify

    for checkpoint in reversed(checkpoints):
        if not checkpoint.resumable:
            continue
        directory = settings.artifacts / checkpoint.directory
        try:
            return verify(directory)
        except CheckpointError as damage:
            patiently(database.write, partial(give_up, job=job, checkpoint=checkpoint, reason=str(damage)))
    return None


def give_up(session: Session, job: Job, checkpoint: Checkpoint, reason: str) -> None:
    """Stop listing a checkpoint that is damaged, and say so."""
    drop_checkpoint(session, job.id, job.attempt, checkpoint.id)
    told = {"step": checkpoint.step, "message": reason}
    record_event(session, job.id, job.attempt, "checkpoint_damaged", told)


def sweep(database: Database, settings: Settings, job: Job, checkpoints: list[Checkpoint]) -> None:
    """Delete what earlier attempts left and no row lists: a crash came between the one and the other."""
    listed = {checkpoint.directory for checkpoint in checkpoints}
    sweep_attempts(settings.artifacts, job.id, job.attempt, listed)
    for checkpoint in checkpoints:
        if not checkpoint.resumable:
            forget_training_state(database, settings, checkpoint)


def forget_training_state(database: Database, settings: Settings, checkpoint: Checkpoint) -> None:
    """Take away what a checkpoint that is kept for its weights no longer needs, if a crash has left it."""
    from model.checkpoint import drop_training_state, size_bytes
    from model.manifest import TRAINING

    directory = settings.artifacts / checkpoint.directory
    if (directory / TRAINING).exists():
        drop_training_state(directory)
    elif size_bytes(directory) == checkpoint.bytes:
        return
    resize = partial(resize_checkpoint, directory=checkpoint.directory, size_bytes=size_bytes(directory))
    patiently(database.write, resize)
