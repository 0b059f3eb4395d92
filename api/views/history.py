"""What a job has written: samples, checkpoints. Its losses are in `losses.py`, its events in `events.py`."""

from http import HTTPStatus

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import JobPath, parse_request
from api.http.conditional import client_has, etag_of, not_modified, tagged
from api.http.problems import problem_responses
from api.http.queries import CursorPage, StepPage
from api.http.scopes import Scope
from api.records.history import (
    CheckpointRecord,
    SampleRecord,
    checkpoint_records,
    sample_record,
)
from api.records.record import Listing, list_response
from api.services import services
from api.views.removal import left_to_keeper
from jobs.files import cleanup
from jobs.lifecycle.checkpoints import list_checkpoints, page_of_checkpoints
from jobs.lifecycle.history import samples_page
from jobs.lifecycle.requests import delete_checkpoint
from jobs.lifecycle.versions import get_version
from jobs.store.lookup import get_job
from model.config import Text

history = APIBlueprint(
    "history", __name__, abp_tags=[Tag(name="history")], abp_responses=problem_responses(404, 422, 500, 503)
)


class StepPath(JobPath):
    step: Text = Field(min_length=1, max_length=20)
    """The checkpoint's step."""


@history.get(
    "/jobs/<job_id>/samples", responses={200: Listing[SampleRecord], 304: None, **problem_responses(400)}
)
@parse_request(Scope.READ)
def show_samples(path: JobPath, query: StepPage) -> Response:
    """List the texts that the model generated during training, in the order of their steps
    Those of one step, one for each prompt, come together: without `after` a page holds whole steps, so that
    `since_step` goes on behind it, and more than `limit` entries where a single step has more. The answer has
    an `ETag`; a request with it as `If-None-Match` is answered with 304 as long as there is no other sample.
    """
    with services().database.snapshot() as session:
        etag = etag_of("samples", get_version(session, path.job_id).samples, query.model_dump_json())
        if client_has(etag):
            return not_modified(etag)
        samples, has_more = samples_page(session, path.job_id, query.since_step, query.limit, query.after)
    page = [sample_record(sample) for sample in samples]
    return tagged(list_response(page, has_more=has_more), etag)


@history.get(
    "/jobs/<job_id>/checkpoints", responses={200: Listing[CheckpointRecord], **problem_responses(400)}
)
@parse_request(Scope.READ)
def show_checkpoints(path: JobPath, query: CursorPage) -> Response:
    """List the checkpoints that are kept, the oldest first"""
    with services().database.read() as session:
        get_job(session, path.job_id)
        checkpoints = list_checkpoints(session, path.job_id)
    page, has_more = page_of_checkpoints(checkpoints, query.limit, query.after)
    return list_response(checkpoint_records(page, checkpoints), has_more=has_more)


@history.delete("/jobs/<job_id>/checkpoints/<step>", responses={204: None, **problem_responses(409)})
@parse_request(Scope.WRITE)
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
