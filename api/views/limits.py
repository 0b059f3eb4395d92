"""What the service allows and has."""

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.arguments import parse_request
from api.http.bodies import MAX_BODY_BYTES
from api.http.problems import problem_responses
from api.http.scopes import Scope
from api.records.limits import LimitsRecord
from api.records.record import json_response
from api.records.workers import worker_record
from api.services import services
from jobs.broker.queue import TRAIN_QUEUE
from jobs.files.disk import disk_bytes, free_bytes
from jobs.lifecycle.workers import largest_memory, list_workers
from jobs.store.owner_limits import queued_jobs, stored_bytes
from jobs.store.ownership import visible_ids
from jobs.store.viewers import viewer
from model.config import MAX_NEW_TOKENS, MAX_PROMPTS

limits = APIBlueprint(
    "limits", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500, 503)
)


@limits.get("/limits", responses={200: LimitsRecord})
@parse_request(Scope.READ)
def show_limits() -> Response:
    """Show what this service allows and has: sizes, times, memory, devices, disk"""
    settings, owner = services().settings, viewer().owner
    with services().database.read() as session:
        workers = list_workers(session, settings.lease_s)
        working = [state for state in workers if state.is_working]
        visible = visible_ids(session, {state.worker.job_id for state in working if state.worker.job_id})
        queued = None if owner is None else queued_jobs(session, owner)
        stored = None if owner is None else stored_bytes(session, owner)
    live = [state.worker for state in workers if state.is_live and state.worker.queue == TRAIN_QUEUE]
    largest = largest_memory(live)
    memory = [bound for bound in (settings.max_job_memory, largest) if bound is not None]
    record = LimitsRecord(
        max_body_bytes=MAX_BODY_BYTES,
        max_dataset_bytes=settings.max_dataset_bytes,
        max_model_bytes=settings.max_model_bytes,
        max_job_memory_bytes=min(memory, default=None),
        max_steps=settings.max_steps,
        max_samples=settings.max_samples,
        max_prompts=MAX_PROMPTS,
        max_new_tokens=MAX_NEW_TOKENS,
        max_score_tokens=settings.max_score_tokens,
        requests_per_minute=settings.requests_per_minute or None,
        generations_at_once=settings.generations_at_once or None,
        max_queued_jobs=settings.max_queued_jobs or None,
        queued_jobs=queued,
        max_stored_bytes=settings.max_stored_bytes or None,
        stored_bytes=stored,
        generate_timeout_s=settings.generate_timeout_s,
        stop_grace_s=settings.stop_grace_s,
        checkpoint_s=settings.checkpoint_s,
        stall_s=settings.stall_s,
        disk_total_bytes=disk_bytes(settings.artifacts),
        disk_free_bytes=free_bytes(settings.artifacts),
        workers=[worker_record(state, visible) for state in working],
    )
    return json_response(record)
