"""The processes that train and generate."""

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.arguments import parsed
from api.http.problems import problem_responses
from api.records import Listing, WorkerRecord, listing, worker_record
from api.services import services
from jobs.lifecycle.workers import list_workers

workers = APIBlueprint(
    "workers", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500, 503)
)


@workers.get("/workers", responses={200: Listing[WorkerRecord]})
@parsed()
def show_workers() -> Response:
    """List the workers, the oldest first
    `status` is what a worker's signs of life are worth: `idle`, `busy`, `hung` (it lives but does not work,
    such as one that is idle while jobs wait) or `lost` (no sign of life for two thirds of a lease).
    """
    to = services()
    with to.database.read() as session:
        states = list_workers(session, to.settings.lease_s)
    return listing([worker_record(state) for state in states])
