"""One attempt at a job, in a process of its own: `python -m worker.trainer JOB_ID ATTEMPT`.

The supervisor starts it, sends it deadlines and reads its reports (`worker.training.reports`). SIGTERM asks
it to finish its step, write a checkpoint and exit.
"""

import logging
import os
import signal
import sys
from pathlib import Path

from jobs.files.arriving_text import BadText
from jobs.files.disk import is_disk_full, missing_bytes
from jobs.files.layout import checkpoint_root, log_directory
from jobs.files.tokenizers import TokenizerLost
from jobs.lifecycle.attempts import Fenced
from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.process.logs import add_process_fields, configure_logging
from jobs.process.panics import NativePanic, native_panics_as_errors
from jobs.process.parent_death import die_with_parent
from jobs.settings import Settings, load_settings
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from worker.compiler_caches import UnsafeFolder, use_private_caches
from worker.oom import find_oom_error
from worker.retry import retry_while_unavailable
from worker.training.contention import ContentionMonitor
from worker.training.fence import start_fence
from worker.training.log_file import LogFile
from worker.training.reports import FINISH, ReportPipe, TrainerOutcome
from worker.training.requests import Requests

log = logging.getLogger(__name__)


def main() -> None:
    job_id, attempt, parent_pid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    die_with_parent(parent_pid)
    run_trainer(job_id, attempt)


def run_trainer(job_id: str, attempt: int) -> None:
    """The whole of the process's work, from the claimed job to the report of its outcome."""
    # Reports own the pipe; whatever else is printed goes to the log.
    pipe = ReportPipe(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests = Requests()
    start_fence(sys.stdin.fileno(), requests.note)
    should_stop = StopSignal()

    settings = load_settings()
    configure_logging(settings)
    add_process_fields(job_id=job_id, attempt=attempt)
    keep_log(log_directory(settings.artifacts, job_id, attempt))
    pipe.report_outcome(run_attempt(settings, job_id, attempt, pipe, should_stop, requests))


def keep_log(folder: Path) -> None:
    """From now on write what is printed into the job's folder. Where that can't be, it goes to the supervisor
    as before, and no further."""
    try:
        LogFile(folder).watch()
    except OSError as error:
        log.warning("what this trainer writes can't be kept: %s", error)


class StopSignal:
    """Whether SIGTERM has been received."""

    def __init__(self) -> None:
        self._received = False
        signal.signal(signal.SIGTERM, self._receive)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle

    def _receive(self, *_: object) -> None:
        self._received = True

    def __call__(self) -> bool:
        return self._received


class Stopped(Exception):
    """SIGTERM came before the training began."""


class NotEnoughDisk(Exception):
    """The disk cannot hold the checkpoints that the job will write."""


def run_attempt(
    settings: Settings,
    job_id: str,
    attempt: int,
    pipe: ReportPipe,
    should_stop: StopSignal,
    requests: Requests,
) -> TrainerOutcome:
    """Train, and say how it ended. An error without a type of its own is raised: the log then has the
    traceback."""
    from model.loss import Diverged
    from model.manifest import CheckpointError

    database = Database(settings.database)
    job = retry_while_unavailable(database.read, lambda session: get_job(session, job_id))
    add_process_fields(request_id=job.request_id, worker=job.worker)
    if job.attempt != attempt:
        raise Fenced(job_id, attempt)
    try:
        with native_panics_as_errors():
            return train_job(settings, database, job, pipe, should_stop, requests)
    except Stopped:
        return TrainerOutcome("stopped")
    except (BadText, TokenizerLost) as error:
        return TrainerOutcome("failed", "bad_dataset", str(error))
    except NativePanic as error:
        log.exception("job %s", job_id)
        return TrainerOutcome("failed", "internal", str(error))
    except (UnreadableSpec, UnsafeFolder, CheckpointError) as error:
        return TrainerOutcome("failed", "internal", str(error))
    except Diverged as error:
        return TrainerOutcome("failed", "diverged", str(error))
    except OSError as error:
        if not is_disk_full(error):
            raise
        message = f"{error.strerror}: {error.filename or settings.artifacts}"
        return TrainerOutcome("failed", "disk_full", message)
    except NotEnoughDisk as error:
        return TrainerOutcome("failed", "disk_full", str(error))
    except (MemoryError, RuntimeError) as error:
        if (oom_error := find_oom_error(error)) is None:
            raise
        message = (str(oom_error) or type(oom_error).__name__).splitlines()[0]
        return TrainerOutcome("failed", "out_of_memory", message)


def train_job(
    settings: Settings,
    database: Database,
    job: Job,
    pipe: ReportPipe,
    should_stop: StopSignal,
    requests: Requests,
) -> TrainerOutcome:
    """Train from the newest good checkpoint on, to the end or until it is stopped or asked to finish."""
    import torch

    from model.data import Data
    from model.estimate.disk import checkpoints_bytes
    from model.numerics import pick_device, resolve_numerics
    from model.plan import Schedule
    from model.training import train
    from worker.training.eta import EtaEstimator
    from worker.training.recorder import Recorder
    from worker.training.resumption import initial_checkpoint, newest_good_checkpoint, sweep_leftovers
    from worker.training.tokens import find_job_tokenizer, find_tokens

    spec = read_spec(job.spec)
    if spec.training.compile:
        use_private_caches(settings.data_dir)
    if (threads := job.threads or settings.threads) is not None:
        torch.set_num_threads(threads)
    device = pick_device()
    numerics = resolve_numerics(job.numerics or spec.training.numerics, device)  # type: ignore[arg-type]

    def on_progress() -> None:
        pipe.report_alive()
        if should_stop():
            raise Stopped

    checkpoints = retry_while_unavailable(database.read, lambda session: list_checkpoints(session, job.id))
    tokenizer = find_job_tokenizer(settings, database, job, spec, checkpoints)
    spec = spec.with_tokenizer(tokenizer)
    train_tokens, *validation_tokens = find_tokens(
        settings, database, job, tokenizer, torch.get_num_threads(), on_progress
    )
    try:
        data = Data.from_file(train_tokens, spec, *validation_tokens)
    except ValueError as error:
        raise BadText(str(error)) from error
    pipe.report_alive()

    sweep_leftovers(database, settings, job, checkpoints)
    if missing := missing_bytes(settings.artifacts, job.id, checkpoints_bytes(spec, job.total_steps)):
        raise NotEnoughDisk(
            f"the checkpoints need {missing / 2**20:,.0f} MiB more than is free at {settings.artifacts}; "
            "the job goes on when there is room, by itself or by POST /jobs/<id>/resume"
        )
    eta = EtaEstimator(spec, Schedule.of(spec, len(data.train)))
    recorder = Recorder(
        database, settings.artifacts, job, spec.retention, pipe.report_alive, eta, spec.alerts
    )
    ContentionMonitor().start()
    if job.stopping == FINISH:  # asked of an attempt that is lost
        requests.note(FINISH)
    checkpoint = newest_good_checkpoint(database, settings, job, checkpoints)
    outcome = train(
        spec,
        data,
        on_event=recorder,
        should_stop=should_stop,
        should_finish=requests.should_finish,
        should_checkpoint=requests.should_checkpoint,
        checkpoint_root=checkpoint_root(settings.artifacts, job.id, job.attempt),
        numerics=numerics,
        device=device,
        resume_from=checkpoint,
        start_from=initial_checkpoint(settings, job) if checkpoint is None else None,
        checkpoint_interval_s=settings.checkpoint_s,
        tokenizer=tokenizer,
    )
    recorder.wait_for_deletions()
    if outcome == "stopped":
        return TrainerOutcome("stopped")
    return TrainerOutcome("finished", ended_by=outcome)
