"""Jobs: post, fork, list, show, cancel, pause, resume, delete."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from flask import Response, url_for
from flask_openapi import APIBlueprint, Tag
from pydantic import Field
from sqlalchemy.orm import Session

from api.http.arguments import JobPath, model_parser, parse_request
from api.http.problems import problem_responses
from api.http.queries import Page
from api.records.jobs import JobRecord, job_record
from api.records.record import Listing, json_response, list_response
from api.services import services
from api.views.removal import left_to_keeper
from jobs.broker.queue import publish_if_possible
from jobs.files.cleanup import remove_deleted
from jobs.lifecycle.forking import fork
from jobs.lifecycle.history import checkpoints_bytes
from jobs.lifecycle.requests import delete_job, request_cancel, request_pause, resume
from jobs.lifecycle.starting import post, source_finder
from jobs.lifecycle.waiting import waiting_by_job
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

    metadata: Labels = {}
    """Only jobs with these labels: `metadata[team]=blue`."""

    limit: int = Field(20, ge=1, le=1000)
    """Jobs in the response, at most. Default: 20."""

    after: Label | None = None
    """The id of the last job of the page before; it may have been deleted since."""


def parse_posted(body: Any) -> JobSpec:
    """raises  SpecError"""
    return parse_spec(body, source_finder(services().database))


@jobs.post("/jobs", responses={201: JobRecord, **problem_responses(400, 410, 413, 415, 507)})
@parse_request(body=parse_posted)
def post_job(body: JobSpec) -> Response:
    """Post a job
    `{}` is a valid body: the lecture's job. The response has the whole spec, every field filled in.
    """
    job, waiting = post(services().database, services().settings, body, services().celery)
    location = url_for("jobs.show_job", job_id=job.id)
    return json_response(job_record(job, waiting), HTTPStatus.CREATED, location=location)


@jobs.post(
    "/jobs/<job_id>/fork", responses={201: JobRecord, **problem_responses(400, 404, 409, 410, 413, 415, 507)}
)
@parse_request(body=model_parser(ForkRequest))
def fork_job(path: JobPath, body: ForkRequest) -> Response:
    """Fork a job
    Posts a new job that goes on from a checkpoint of this one, whatever its status. The checkpoint's files
    become the new job's own, so that this one may delete them. Its losses and samples begin behind the
    checkpoint. Without changes, and with the optimizer, it ends with this job's weights, bit for bit.

    With the optimizer the step goes on, and what changes counts from there on: the learning rate is the new
    schedule's at that step. If data set, split, stride, batch size, accumulation or seed change, the job
    begins where its own spec would be in the data after so many steps: in the epoch of that step, in a fresh
    order, with so many of its batches taken as done.
    """
    job, waiting = fork(services().database, services().settings, path.job_id, body, services().celery)
    location = url_for("jobs.show_job", job_id=job.id)
    return json_response(job_record(job, waiting), HTTPStatus.CREATED, location=location)


def job_records(session: Session, jobs: Sequence[Job]) -> list[JobRecord]:
    """The jobs' records, with what queued jobs wait for, and the size of their checkpoints."""
    waiting = waiting_by_job(session, jobs, services().settings.lease_s)
    sizes = checkpoints_bytes(session, [job.id for job in jobs])
    return [job_record(job, waiting.get(job.id), sizes.get(job.id, 0)) for job in jobs]


@jobs.get("/jobs", responses={200: Listing[JobRecord], **problem_responses(400)})
@parse_request()
def show_jobs(query: JobsQuery) -> Response:
    """List jobs, the newest first"""
    job_filter = JobFilter(status=query.status, name=query.name, labels=query.metadata)
    with services().database.read() as session:
        page, has_more = list_jobs(session, job_filter, query.limit, query.after)
        records = job_records(session, page)
    return list_response(records, has_more=has_more)


@jobs.get("/jobs/<job_id>", responses={200: JobRecord, **problem_responses(404)})
@parse_request()
def show_job(path: JobPath) -> Response:
    """Show a job"""
    with services().database.read() as session:
        (record,) = job_records(session, [get_job(session, path.job_id)])
    return json_response(record)


@jobs.post("/jobs/<job_id>/cancel", responses={202: JobRecord, **problem_responses(404, 409)})
@parse_request()
def cancel_job(path: JobPath) -> Response:
    """Cancel a job
    At once if no worker runs it; else `stopping` is `cancel` until the worker has stopped. Repeating the
    request changes nothing.
    """
    with services().database.write() as session:
        (record,) = job_records(session, [request_cancel(session, path.job_id)])
    return json_response(record, HTTPStatus.ACCEPTED)


@jobs.post("/jobs/<job_id>/pause", responses={202: JobRecord, **problem_responses(404, 409)})
@parse_request()
def pause_job(path: JobPath) -> Response:
    """Pause a running job
    Its worker finishes the step and writes a checkpoint; until then `stopping` is `pause`. Repeating
    the request changes nothing.
    """
    with services().database.write() as session:
        (record,) = job_records(session, [request_pause(session, path.job_id)])
    return json_response(record, HTTPStatus.ACCEPTED)


@jobs.post("/jobs/<job_id>/resume", responses={202: JobRecord, **problem_responses(404, 409)})
@parse_request()
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


@jobs.delete("/jobs/<job_id>", responses={204: None, **problem_responses(404, 409)})
@parse_request()
def remove_job(path: JobPath) -> Response:
    """Delete a job that has ended or is paused
    Its record, its history and its checkpoints are deleted for good. Not while a job that starts from its
    weights has neither ended nor a checkpoint of its own.
    """
    database, settings = services().database, services().settings
    with database.write() as session:
        delete_job(session, path.job_id)
    with left_to_keeper("the files of deleted jobs"):
        remove_deleted(database, settings.artifacts)
    return Response(status=HTTPStatus.NO_CONTENT)
