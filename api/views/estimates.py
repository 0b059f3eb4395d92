"""What a job would take."""

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.arguments import parse_request
from api.http.problems import problem_responses
from api.http.scopes import Scope
from api.records.estimates import EstimateRecord, estimate_record
from api.records.record import json_response
from api.server.pools import READS, in_pool
from api.services import services
from api.views.jobs import parse_posted
from jobs.lifecycle.assessment import assess
from jobs.spec.job_spec import JobSpec

estimates = APIBlueprint(
    "estimates", __name__, abp_tags=[Tag(name="jobs")], abp_responses=problem_responses(422, 500, 503)
)


@estimates.post("/jobs/estimate", responses={200: EstimateRecord, **problem_responses(400, 413, 415, 507)})
@in_pool(READS)
@parse_request(Scope.READ, body=parse_posted)
def estimate_job(body: JobSpec) -> Response:
    """Estimate what a job would take
    Takes what `POST /jobs` takes, and stores no job. A spec that is wrong in itself is refused likewise; one
    that texts or limits rule out is answered with `fits` false, and as `reasons` what `POST /jobs` would
    refuse it with.
    """
    return json_response(estimate_record(assess(services().database, services().settings, body)))
