"""Rows to the contract's records, and records to answers."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify
from pydantic import SerializeAsAny

from api.records import (
    CheckpointRecord,
    DatasetRecord,
    EventRecord,
    JobRecord,
    Listing,
    LossRecord,
    Record,
    SampleRecord,
    WorkerRecord,
    from_row,
)
from jobs.datasets import BUILTINS
from jobs.history import kinds
from jobs.store.waiting import Waiting
from jobs.stored_specs import UnreadableSpec, read_spec
from jobs.tables import Checkpoint, Dataset, Evaluation, Event, Job, Sample
from jobs.workers import WorkerState


def answer(record: Record, status: HTTPStatus = HTTPStatus.OK, location: str | None = None) -> Response:
    response = jsonify(record.model_dump(mode="json"))
    response.status_code = status
    if location is not None:
        response.headers["Location"] = location
    return response


def listing(records: Sequence[Record], *, has_more: bool = False) -> Response:
    """A page of a list, as `Listing` describes it."""
    return answer(Listing[SerializeAsAny[Record]](data=list(records), has_more=has_more))


def job_record(job: Job, waiting: Waiting | None = None) -> JobRecord:
    """waiting  what it waits for, if it is queued"""
    latest = best = None
    if job.latest_step is not None:
        latest = {
            "train_loss": job.latest_train_loss,
            "val_loss": job.latest_val_loss,
            "step": job.latest_step,
        }
    if job.best_step is not None:
        best = {"val_loss": job.best_val_loss, "step": job.best_step}
    return from_row(
        JobRecord,
        job,
        spec=shown_spec(job),
        parent=job.parent_id,
        metadata=job.labels,
        progress=progress(job),
        latest=latest,
        best=best,
        queue_position=waiting and waiting.queue_position,
        waiting_for=waiting and waiting.waiting_for,
    )


def shown_spec(job: Job) -> dict[str, Any]:
    """The spec as this version reads it; one that it can't read as it is stored, rather than no answer."""
    try:
        return read_spec(job.spec).model_dump(mode="json")
    except UnreadableSpec:
        return job.spec


def progress(job: Job) -> dict[str, Any]:
    return {
        "epoch": job.epoch,
        "step": job.step,
        "total_steps": job.total_steps,
        "tokens_seen": job.tokens_seen,
        "fraction": job.step / job.total_steps,
        "tokens_per_s": job.tokens_per_s,
        "remaining_s": job.remaining_s,
    }


def loss_record(evaluation: Evaluation) -> LossRecord:
    return from_row(LossRecord, evaluation)


def sample_record(sample: Sample) -> SampleRecord:
    return from_row(SampleRecord, sample)


def checkpoint_records(checkpoints: list[Checkpoint]) -> list[CheckpointRecord]:
    kind_of = kinds(checkpoints)
    return [from_row(CheckpointRecord, checkpoint, kind=kind_of[checkpoint.id]) for checkpoint in checkpoints]


def event_record(event: Event) -> EventRecord:
    return from_row(EventRecord, event, id=str(event.id))


def worker_record(state: WorkerState) -> WorkerRecord:
    return from_row(WorkerRecord, state.worker, status=state.status, detail=state.detail)


def dataset_record(dataset: Dataset, tokens: int | None) -> DatasetRecord:
    return from_row(DatasetRecord, dataset, tokens=tokens, byte_order_mark=bool(dataset.text_start_bytes))


def builtin_record(name: str) -> DatasetRecord:
    """A built-in data set that nobody has used yet."""
    unknown = dict.fromkeys(["byte_order_mark", "characters", "tokens", "bytes", "first_lines", "created_at"])
    return DatasetRecord(id=name, name=name, builtin=True, sha256=BUILTINS[name].sha256, **unknown)
