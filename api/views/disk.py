"""Disk space: who takes it, and giving back what nobody needs."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import model_parser, parse_request
from api.http.problems import problem_responses
from api.http.scopes import Scope
from api.records.disk import DiskRecord, PruneRecord, job_disk_record, prune_record
from api.records.record import json_response
from api.services import services
from jobs.files.disk import disk_bytes, free_bytes, used_bytes
from jobs.files.layout import (
    datasets_directory,
    models_directory,
    tokenizers_directory,
    tokens_directory,
)
from jobs.lifecycle.pruning import disk_by_job, needless, prune
from jobs.spec.pruning import PruneRequest
from jobs.validation.request_model import RequestModel

disk = APIBlueprint(
    "disk", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500, 503)
)


class DiskQuery(RequestModel):
    limit: int = Field(100, ge=1, le=1000)
    """Jobs in the response, at most. Default: 100."""


@disk.get("/disk", responses={200: DiskRecord})
@parse_request(Scope.READ)
def show_disk(query: DiskQuery) -> Response:
    """Show what takes the disk's space, and what could be freed"""
    artifacts = services().settings.artifacts
    with services().database.read() as session:
        jobs = disk_by_job(session, artifacts)
    record = DiskRecord(
        total_bytes=disk_bytes(artifacts),
        free_bytes=free_bytes(artifacts),
        datasets_bytes=used_bytes(datasets_directory(artifacts))
        + used_bytes(tokenizers_directory(artifacts)),
        tokens_bytes=used_bytes(tokens_directory(artifacts)),
        models_bytes=used_bytes(models_directory(artifacts)),
        jobs_bytes=sum(job.bytes for job in jobs),
        freeable_bytes=sum(job.freeable_bytes for job in jobs),
        data=[job_disk_record(job) for job in jobs[: query.limit]],
        has_more=len(jobs) > query.limit,
    )
    return json_response(record)


@disk.post("/disk/prune", responses={200: PruneRecord, **problem_responses(400, 413, 415)})
@parse_request(Scope.WRITE, body=model_parser(PruneRequest))
def prune_disk(body: PruneRequest) -> Response:
    """Delete checkpoints and optimizers' states that ended jobs do not need
    Of each job that has ended and is not starred, what `keep` does not name goes; `status`, `older_s` and
    `archived` choose among them. Never touched is what a job could go on from that has not ended, or what
    another job needs. `dry_run` only says what would go.
    """
    database, artifacts = services().database, services().settings.artifacts
    if body.dry_run:
        with database.read() as session:
            entries = needless(session, artifacts, body)
    else:
        entries = prune(database, artifacts, body)
    return json_response(prune_record(entries, dry_run=body.dry_run))
