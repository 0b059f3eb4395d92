"""Jobs: post, fork, list, show, change, cancel, pause, resume, finish, write a checkpoint, delete."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal

from flask import Response, url_for
from flask_openapi import APIBlueprint, Tag
from pydantic import Field
from sqlalchemy.orm import Session

from api.http.arguments import JobPath, model_parser, parse_request
from api.http.conditional import client_has, etag_of, not_modified, require_match, tagged
from api.http.idempotency import Answer
from api.http.problems import problem_responses
from api.http.queries import Page
from api.http.scopes import Scope
from api.records.jobs import JobRecord, job_record
from api.records.record import Listing, json_response, list_response
from api.services import services
from api.views.removal import left_to_keeper
from jobs.broker.queue import publish_if_possible
from jobs.files.cleanup import remove_deleted
from jobs.lifecycle.checkpoints import checkpoints_bytes
from jobs.lifecycle.editing import edit_job
from jobs.lifecycle.forking import fork
from jobs.lifecycle.requests import (
    delete_job,
    lock_job,
    request_cancel,
    request_checkpoint,
    request_finish,
    request_pause,
    resume,
)
from jobs.lifecycle.starting import post, source_finder
from jobs.lifecycle.versions import JobState, get_job_state
from jobs.lifecycle.waiting import Waiting, waiting_by_job
from jobs.spec.changes import JobChanges, JobTag
from jobs.spec.forks import ForkRequest
from jobs.spec.job_spec import JobSpec, Label, Labels
from jobs.spec.parsing import parse_spec
from jobs.states import Status
from jobs.store.lookup import JobFilter, get_job, list_jobs
from jobs.store.tables import Job

jobs = APIBlueprint(
    "jobs", __name__, abp_tags=[Tag(name="jobs")], abp_responses=problem_responses(422, 500, 503)
)


class JobsQuery(Page):
    status: Annotated[Status, Field(strict=False)] | None = None
    """Only jobs with this status."""

    name: Label | None = None
    """Only jobs with exactly this name."""

    owner: Label | None = None
    """Only jobs of this owner."""

    metadata: Labels = {}
    """Only jobs with these labels: `metadata[team]=blue`."""

    tag: Annotated[list[JobTag], Field(max_length=32)] = []
    """Only jobs with this tag; given several times, with all of them."""

    starred: bool | None = None
    """Only jobs that are starred, or that are not."""

    archived: Literal["false", "true", "any"] = "false"
    """Only jobs that are not archived, only those that are, or both. Default: false."""

    limit: int = Field(20, ge=1, le=1000)
    """Jobs in the response, at most. Default: 20."""

    after: Label | None = None
    """The id of the last job of the page before; it may have been deleted since."""


def parse_posted(body: Any) -> JobSpec:
    """raises  SpecError"""
    return parse_spec(body, source_finder(services().database))


@jobs.post("/jobs", responses={201: JobRecord, **problem_responses(400, 409, 410, 413, 415, 507)})
@parse_request(Scope.WRITE, body=parse_posted, keeps_answer=True)
def post_job(body: JobSpec) -> Response:
    """Post a job
    `{}` is a valid body: the lecture's job. The response has the whole spec, every field filled in.

    With an `Idempotency-Key` (1 to 255 visible ASCII characters) a request that is repeated within 24 hours
    makes no second job: its answer is the first one, with `Idempotent-Replayed: true`. With another body the
    answer is 409. A request that failed is tried again.
    """
    database, settings, celery = services().database, services().settings, services().celery
    answer = Answer(posted)
    return answer.about(*post(database, settings, body, celery, answer.keep))


def posted(job: Job, waiting: Waiting) -> Response:
    """The answer about a job that has just been stored."""
    location = url_for("jobs.show_job", job_id=job.id)
    return json_response(job_record(job, waiting), HTTPStatus.CREATED, location=location)


@jobs.post(
    "/jobs/<job_id>/fork", responses={201: JobRecord, **problem_responses(400, 404, 409, 410, 413, 415, 507)}
)
@parse_request(Scope.WRITE, body=model_parser(ForkRequest), keeps_answer=True, of_path=Scope.READ)
def fork_job(path: JobPath, body: ForkRequest) -> Response:
    """Fork a job
    Posts a new job that goes on from a checkpoint of this one, whatever its status. The checkpoint's files
    become the new job's own, so that this one may delete them. Its losses and samples begin behind the
    checkpoint. Without changes, and with the optimizer, it ends with this job's weights, bit for bit.

    With the optimizer the step goes on, and what changes counts from there on: the learning rate is the new
    schedule's at that step. If data set, split, stride, batch size, accumulation or seed change, the job
    begins where its own spec would be in the data after so many steps: in the epoch of that step, in a fresh
    order, with so many of its batches taken as done.

    `Idempotency-Key` as for `POST /jobs`.
    """
    database, settings, celery = services().database, services().settings, services().celery
    answer = Answer(posted)
    return answer.about(*fork(database, settings, path.job_id, body, celery, answer.keep))


def job_records(session: Session, jobs: Sequence[Job]) -> list[JobRecord]:
    """The jobs' records, with what queued jobs wait for, and the size of their checkpoints."""
    waiting = waiting_by_job(session, jobs, services().settings.lease_s)
    sizes = checkpoints_bytes(session, [job.id for job in jobs])
    return [job_record(job, waiting.get(job.id), sizes.get(job.id, 0)) for job in jobs]


@jobs.get("/jobs", responses={200: Listing[JobRecord], **problem_responses(400)})
@parse_request(Scope.READ)
def show_jobs(query: JobsQuery) -> Response:
    """List jobs, the newest first
    Those that are archived only if asked for.
    """
    job_filter = JobFilter(
        status=query.status,
        name=query.name,
        owner=query.owner,
        labels=query.metadata,
        tags=query.tag,
        starred=query.starred,
        archived=None if query.archived == "any" else query.archived == "true",
    )
    with services().database.read() as session:
        page, has_more = list_jobs(session, job_filter, query.limit, query.after)
        records = job_records(session, page)
    return list_response(records, has_more=has_more)


@jobs.get("/jobs/<job_id>", responses={200: JobRecord, 304: None, **problem_responses(404)})
@parse_request(Scope.READ)
def show_job(path: JobPath) -> Response:
    """Show a job
    The answer has an `ETag`; a request with it as `If-None-Match` is answered with 304 as long as the job is
    the same.
    """
    with services().database.snapshot() as session:
        state = get_job_state(session, path.job_id)
        if state.status == Status.QUEUED:
            response = job_response(session, path.job_id)
            return tagged(response, queued_job_etag(response))
        etag = job_etag(state, path.job_id)
        if client_has(etag):
            return not_modified(etag)
        body = services().bodies.get(etag)
        if body is None:
            job = get_job(session, path.job_id)
            body = json_response(job_record(job, None, state.checkpoints_bytes)).get_data()
            services().bodies.keep(etag, body)
    return tagged(Response(body, content_type="application/json"), etag)


def job_response(session: Session, job_id: str) -> Response:
    (record,) = job_records(session, [get_job(session, job_id)])
    return json_response(record)


def queued_job_etag(response: Response) -> str:
    """Of the whole answer: what the job waits for follows from other jobs, from workers and from the time."""
    return etag_of("queued job", response.get_data(as_text=True))


def job_etag(state: JobState, job_id: str) -> str:
    """Of a job that is not queued: its answer follows from its own rows."""
    return etag_of("job", job_id, state.version, state.checkpoints_bytes)


def locked_job_etag(session: Session, job_id: str) -> str:
    """Of what `show_job` would answer; nobody else changes the job before the transaction has ended.

    raises  NotFound
    """
    lock_job(session, job_id)
    state = get_job_state(session, job_id)
    if state.status == Status.QUEUED:
        return queued_job_etag(job_response(session, job_id))
    return job_etag(state, job_id)


@jobs.patch("/jobs/<job_id>", responses={200: JobRecord, **problem_responses(400, 404, 409, 412, 413, 415)})
@parse_request(Scope.WRITE, body=model_parser(JobChanges))
def change_job(path: JobPath, body: JobChanges) -> Response:
    """Change a job's name, notes, tags, star, archiving or priority
    Fields that are not given stay as they are, and null puts one back to its default. Another priority only
    while the job is queued or paused. Repeating the request changes nothing. With the `ETag` of
    `GET /jobs/<id>` as `If-Match` only if the job is still as it was read: else 412. The tag of one that runs
    changes as it trains.
    """
    with services().database.write() as session:
        require_match(lambda: locked_job_etag(session, path.job_id))
        edit_job(session, path.job_id, body)
        state = get_job_state(session, path.job_id)
        response = job_response(session, path.job_id)
    etag = queued_job_etag(response) if state.status == Status.QUEUED else job_etag(state, path.job_id)
    response.set_etag(etag, weak=True)
    return response


def accepted(request: Callable[[Session, str], Job], job_id: str) -> Response:
    """The answer about a job of which something has been requested."""
    with services().database.write() as session:
        (record,) = job_records(session, [request(session, job_id)])
    return json_response(record, HTTPStatus.ACCEPTED)


@jobs.post("/jobs/<job_id>/cancel", responses={202: JobRecord, **problem_responses(404, 409)})
@parse_request(Scope.WRITE)
def cancel_job(path: JobPath) -> Response:
    """Cancel a job
    At once if no worker runs it; else `stopping` is `cancel` until the worker has stopped. Repeating the
    request changes nothing.
    """
    return accepted(request_cancel, path.job_id)


@jobs.post("/jobs/<job_id>/pause", responses={202: JobRecord, **problem_responses(404, 409)})
@parse_request(Scope.WRITE)
def pause_job(path: JobPath) -> Response:
    """Pause a running job
    Its worker finishes the step and writes a checkpoint; until then `stopping` is `pause`. Repeating
    the request changes nothing.
    """
    return accepted(request_pause, path.job_id)


@jobs.post("/jobs/<job_id>/finish", responses={202: JobRecord, **problem_responses(404, 409)})
@parse_request(Scope.WRITE)
def finish_job(path: JobPath) -> Response:
    """Let a job end now, with what it has learnt
    After the running step come a last evaluation, sample and checkpoint, and the job has `succeeded`, by
    `finish`; until then `stopping` is `finish`. That outranks a pause asked for before, and a cancel outranks
    it. If the worker is lost meanwhile, the next one ends the job where its last checkpoint is. A queued job
    can be asked once it has run; a paused one is resumed first. Repeating the request changes nothing.
    """
    return accepted(request_finish, path.job_id)


@jobs.post("/jobs/<job_id>/checkpoint", responses={202: JobRecord, **problem_responses(404, 409)})
@parse_request(Scope.WRITE)
def checkpoint_job(path: JobPath) -> Response:
    """Have a running job write a checkpoint
    After the running step, beside the next ones; it changes nothing of what the job learns, and counts among
    those that `checkpoints.keep_last` keeps. `GET /jobs/<id>/checkpoints` lists it once it is written; until
    then, repeating the request changes nothing.
    """
    return accepted(request_checkpoint, path.job_id)


@jobs.post("/jobs/<job_id>/resume", responses={202: JobRecord, **problem_responses(404, 409)})
@parse_request(Scope.WRITE)
def resume_job(path: JobPath) -> Response:
    """Queue a paused job again
    It goes on from its last checkpoint, as if it had never stopped. Repeating the request changes
    nothing.
    """
    with services().database.write() as session:
        job = resume(session, path.job_id)
        (record,) = job_records(session, [job])
    publish_if_possible(services().celery, job.queue)
    return json_response(record, HTTPStatus.ACCEPTED)


@jobs.delete("/jobs/<job_id>", responses={204: None, **problem_responses(404, 409, 412)})
@parse_request(Scope.WRITE)
def remove_job(path: JobPath) -> Response:
    """Delete a job that has ended or is paused
    Its record, its history and its checkpoints are deleted for good. Not while a job that starts from its
    weights has neither ended nor a checkpoint of its own. `If-Match` as for `PATCH`.
    """
    database, settings = services().database, services().settings
    with database.write() as session:
        require_match(lambda: locked_job_etag(session, path.job_id))
        delete_job(session, path.job_id)
    with left_to_keeper("the files of deleted jobs"):
        remove_deleted(database, settings.artifacts)
    return Response(status=HTTPStatus.NO_CONTENT)
