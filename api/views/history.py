"""What happened in a job: samples, checkpoints, events. Its losses are in `losses.py`."""

from http import HTTPStatus

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import JobPath, parse_request
from api.http.negotiation import refuse_event_stream
from api.http.problems import problem_responses
from api.http.queries import Page, StepPage
from api.records.history import (
    CheckpointRecord,
    EventRecord,
    SampleRecord,
    checkpoint_records,
    event_record,
    sample_record,
)
from api.records.record import Listing, list_response
from api.services import services
from api.views.removal import left_to_keeper
from jobs.files import cleanup
from jobs.lifecycle.history import list_checkpoints, list_samples
from jobs.lifecycle.requests import delete_checkpoint
from jobs.store.events import list_events
from jobs.store.lookup import BadCursor, get_job
from jobs.validation.quoting import quoted
from model.config import Text

history = APIBlueprint(
    "history", __name__, abp_tags=[Tag(name="history")], abp_responses=problem_responses(404, 422, 500, 503)
)


class StepPath(JobPath):
    step: Text = Field(min_length=1, max_length=20)
    """The checkpoint's step."""


class EventsQuery(Page):
    after: Text | None = Field(None, min_length=1, max_length=200)
    """The id of the last event of the page before."""


@history.get("/jobs/<job_id>/samples", responses={200: Listing[SampleRecord]})
@parse_request()
def show_samples(path: JobPath, query: StepPage) -> Response:
    """List the texts that the model generated during training, in the order of their steps"""
    with services().database.read() as session:
        get_job(session, path.job_id)
        samples = list_samples(session, path.job_id, query.since_step, query.limit + 1)
    page = samples[: query.limit]
    return list_response([sample_record(sample) for sample in page], has_more=len(samples) > query.limit)


@history.get("/jobs/<job_id>/checkpoints", responses={200: Listing[CheckpointRecord]})
@parse_request()
def show_checkpoints(path: JobPath) -> Response:
    """List the checkpoints that are kept, the oldest first"""
    with services().database.read() as session:
        get_job(session, path.job_id)
        checkpoints = list_checkpoints(session, path.job_id)
    return list_response(checkpoint_records(checkpoints))


@history.delete("/jobs/<job_id>/checkpoints/<step>", responses={204: None, **problem_responses(409)})
@parse_request()
def remove_checkpoint(path: StepPath) -> Response:
    """Delete a checkpoint
    Not the newest of a job that can go on from it, nor one that a job was forked from which has neither ended
    nor a checkpoint of its own. A worker that has read it goes on answering until it lets go of the model.
    """
    database, artifacts = services().database, services().settings.artifacts
    with database.write() as session:
        directory = delete_checkpoint(session, path.job_id, path.step)
    with left_to_keeper("the files of a deleted checkpoint"):
        cleanup.remove_checkpoint(artifacts, directory)
    return Response(status=HTTPStatus.NO_CONTENT)


@history.get("/jobs/<job_id>/events", responses={200: Listing[EventRecord], **problem_responses(400)})
@parse_request()
def show_events(path: JobPath, query: EventsQuery) -> Response:
    """List what happened to a job, the oldest first"""
    refuse_event_stream()
    with services().database.read() as session:
        get_job(session, path.job_id)
        events = list_events(session, path.job_id, event_number(query.after), query.limit + 1)
    page = events[: query.limit]
    return list_response([event_record(event) for event in page], has_more=len(events) > query.limit)


def event_number(cursor: str | None) -> int:
    """The number of the event that the cursor names; 0, before all events, without one. raises BadCursor"""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise BadCursor(f"after: no event {quoted(cursor)}")
    return int(cursor)
