"""What a job's trainer takes of its machine, over time."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import JobPath, parse_request
from api.http.problems import problem_responses
from api.http.scopes import Scope
from api.records.device_metrics import DeviceMetricsRecord, device_metrics_record
from api.records.record import Listing, list_response
from api.services import services
from jobs.lifecycle.metrics import MAX_ROWS, list_metrics
from jobs.store.lookup import get_job
from jobs.validation.request_model import RequestModel

MIN_POINTS = 4

device_metrics = APIBlueprint(
    "device_metrics",
    __name__,
    abp_tags=[Tag(name="history")],
    abp_responses=problem_responses(404, 422, 500, 503),
)


class MetricsQuery(RequestModel):
    since_elapsed_s: float | None = Field(None, ge=0, le=1e12)
    """Only what was measured later than this `elapsed_s`. Default: all."""

    max_points: int = Field(MAX_ROWS, ge=MIN_POINTS, le=MAX_ROWS)
    """At most so many, evenly apart, and the newest always; at least 4, the fewest that show a course.
    Default: 2,048, which are all that are kept."""


@device_metrics.get("/jobs/<job_id>/metrics", responses={200: Listing[DeviceMetricsRecord]})
@parse_request(Scope.READ)
def show_device_metrics(path: JobPath, query: MetricsQuery) -> Response:
    """List what a job's trainer took of its machine, over time
    Measured every 5 seconds at most; of a long run every other row is dropped again and again, so that those
    that stay are evenly apart.
    """
    with services().database.read() as session:
        get_job(session, path.job_id)
        rows = list_metrics(session, path.job_id, query.since_elapsed_s, query.max_points)
    return list_response([device_metrics_record(row) for row in rows])
