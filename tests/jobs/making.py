"""Short ways to stored jobs and workers."""

import threading
from typing import Any

from sqlalchemy import update

from jobs.files.datasets import store_dataset
from jobs.lifecycle.attempts import claim, fail
from jobs.lifecycle.preparation import claim_preparation
from jobs.lifecycle.submission import submit
from jobs.lifecycle.tokenizers import request_tokenizer
from jobs.lifecycle.workers import record_heartbeat
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.states import job_error
from jobs.store.database import Database, now_s
from jobs.store.tables import Dataset, Event, Job, TrainedTokenizer, Worker
from jobs.store.tokenizers import get_tokenizer
from model.estimate.machine import Calibration, Rates

CALIBRATION = Calibration(
    device="cpu",
    auto="float32",
    has_bfloat16_kernels=False,
    threads=2,
    rates={
        "float32": Rates(
            flops_per_s=1e11,
            attention_flops_per_s=5e10,
            batch_s=1e-3,
            layer_s=1e-3,
            number_s=2e-8,
            logit_s=1e-9,
            bytes_per_s=1e10,
            evaluated_share=0.25,
        ),
        "bfloat16": Rates(
            flops_per_s=5e10,
            attention_flops_per_s=2e10,
            batch_s=1e-3,
            layer_s=2e-3,
            number_s=3e-8,
            logit_s=2e-9,
            bytes_per_s=1e10,
            evaluated_share=0.3,
        ),
    },
)
"""Of a machine with two cores."""

TINY: dict[str, Any] = {"preset": "tiny", "dataset": "sample"}


def queued_job(database: Database, settings: Settings, **spec: Any) -> Job:
    return submit(database, settings, parse_spec({**TINY, **spec}))[0]


def running_job(database: Database, settings: Settings, **spec: Any) -> Job:
    job = queued_job(database, settings, **spec)
    with database.write() as session:
        claimed = claim(session, job.id, "worker-1", lease_s=30)
    assert claimed is not None
    return claimed


def long_dataset(database: Database, settings: Settings, name: str = "long") -> Dataset:
    """A text that is too long for a request to tokenise."""
    text = f"This is {name}. Ana counted the boats, and counted them again.\n" * 2000
    return store_dataset(database, settings, name, text.encode())[0]


def unprepared_job(database: Database, settings: Settings, dataset: Dataset, **spec: Any) -> Job:
    """A job that waits for a worker to prepare its text."""
    return queued_job(database, settings, dataset=dataset.id, tokenizer="bytes", **spec)


def full_disk_job(database: Database, settings: Settings, **spec: Any) -> Job:
    """A job that the service paused because the disk was full."""
    job = running_job(database, settings, **spec)
    with database.write() as session:
        fail(session, job.id, job.attempt, job_error("disk_full", "no space left", job.attempt))
    return job


def age_events(database: Database, job_id: str, age_s: float) -> None:
    """As if all that has happened to the job had happened so long ago."""
    with database.write() as session:
        session.execute(update(Event).where(Event.job_id == job_id).values(created_at=now_s() - age_s))


HEARD_FOR_S = 3600
"""From an announcement on."""


def announce_worker(
    database: Database, queue: str, *, age_s: float = 0, state_age_s: float = 0, **values: Any
) -> str:
    """Let a worker of that queue tell that it is idle, unless `values` say otherwise; its id.

    It is heard for as long as a test may take: none depends on how long the machine takes over what the test
    does next. For one that has gone silent there is `silence_worker`.
    """
    worker_id = send_heartbeat(database, queue, age_s=age_s, state_age_s=state_age_s, **values)
    silence_worker(database, worker_id, -HEARD_FOR_S)
    return worker_id


def send_heartbeat(
    database: Database, queue: str, *, age_s: float = 0, state_age_s: float = 0, **values: Any
) -> str:
    """The same, and it is heard no more."""
    worker = {
        "id": f"{queue}-1",
        "queue": queue,
        "host": "here",
        "pid": 1,
        "listening": True,
        "job_id": None,
        "memory_bytes": None,
        "device": None,
        "trouble": None,
        **values,
    }
    with database.write() as session:
        record_heartbeat(session, worker, age_s=age_s, state_age_s=state_age_s)
    return str(worker["id"])


def silence_worker(database: Database, worker_id: str, silence_s: float) -> None:
    """As if the worker had last been heard so many seconds ago."""
    with database.write() as session:
        session.execute(update(Worker).where(Worker.id == worker_id).values(heard_at=now_s() - silence_s))


def asked_tokenizer(
    database: Database, settings: Settings, dataset: str = "sample", vocab_size: int = 300
) -> TrainedTokenizer:
    """One that waits for a worker to train it."""
    return request_tokenizer(database, settings, "mine", dataset, vocab_size)


def ready_tokenizer(
    database: Database, settings: Settings, dataset: str = "sample", vocab_size: int = 300
) -> TrainedTokenizer:
    """One that a worker has trained on that text; whatever else waited for a worker is prepared too."""
    asked = asked_tokenizer(database, settings, dataset, vocab_size)
    prepare_all(database, settings)
    with database.read() as session:
        return get_tokenizer(session, asked.id)


def prepare_all(database: Database, settings: Settings) -> None:
    """What a worker of the queue `prepare` does until nothing waits."""
    from worker.preparation.task import preparer_of  # which most tests do without

    while True:
        with database.write() as session:
            claimed = claim_preparation(session, "prepare-1", settings.lease_s)
        if claimed is None:
            return
        preparer_of(database, settings, claimed, threading.Event()).run()
