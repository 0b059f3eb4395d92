"""The processes that train and generate."""

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.arguments import parse_request
from api.http.problems import problem_responses
from api.records.record import Listing, list_response
from api.records.workers import WorkerRecord, worker_record
from api.services import services
from jobs.lifecycle.workers import list_workers

workers = APIBlueprint(
    "workers", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500, 503)
)


@workers.get("/workers", responses={200: Listing[WorkerRecord]})
@parse_request()
def show_workers() -> Response:
    """List the workers, the oldest first
    `status` follows from a worker's heartbeats: `idle`, `busy`, `hung` (it lives but does not work, such as
    one that is idle while jobs wait) or `lost` (no heartbeat for two thirds of a lease).
    """
    with services().database.read() as session:
        states = list_workers(session, services().settings.lease_s)
    return list_response([worker_record(state) for state in states])
