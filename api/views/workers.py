"""The processes that train and generate."""

from collections.abc import Sequence

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.arguments import parse_request
from api.http.problems import problem_responses
from api.http.queries import CursorPage
from api.http.scopes import Scope
from api.records.record import Listing, list_response
from api.records.workers import WorkerRecord, worker_record
from api.services import services
from jobs.lifecycle.workers import WorkerState, list_workers
from jobs.store.lookup import BadCursor
from jobs.store.ownership import visible_ids
from jobs.store.paging import page_behind
from jobs.validation.quoting import quoted

workers = APIBlueprint(
    "workers", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500, 503)
)


@workers.get("/workers", responses={200: Listing[WorkerRecord]})
@parse_request(Scope.READ)
def show_workers(query: CursorPage) -> Response:
    """List the workers, the oldest first
    `status` follows from a worker's heartbeats: `idle`, `busy`, `hung` (it lives but does not work, such as
    one that is idle while jobs wait) or `lost` (no heartbeat for two thirds of a lease).
    """
    with services().database.read() as session:
        states = list_workers(session, services().settings.lease_s)
        visible = visible_ids(session, {state.worker.job_id for state in states if state.worker.job_id})
    page, has_more = page_behind(states, query.limit, worker_place(states, query.after))
    return list_response([worker_record(state, visible) for state in page], has_more=has_more)


def worker_place(states: Sequence[WorkerState], worker_id: str | None) -> int:
    """How many workers come up to that one; 0 for None. raises BadCursor

    Their ids do not tell when they were started, so there is no going on behind one that has ended.
    """
    if worker_id is None:
        return 0
    places = {state.worker.id: place for place, state in enumerate(states, 1)}
    if worker_id not in places:
        raise BadCursor(f"after: no worker {quoted(worker_id)} any more; ask from the start")
    return places[worker_id]
