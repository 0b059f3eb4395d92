"""What Prometheus scrapes."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from api.http.arguments import parse_request
from api.http.problems import problem_responses
from api.http.scopes import Scope
from api.server.pools import MONITORING, in_pool
from api.services import services

metrics = APIBlueprint(
    "metrics", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500)
)

TEXT = {"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}


@metrics.get("/metrics", responses={200: TEXT})
@in_pool(MONITORING)
@parse_request(Scope.READ)
def show_metrics() -> Response:
    """Show what Prometheus scrapes
    Requests, generations, jobs, queue, workers and this process, in Prometheus' text format (0.0.4). While
    the database does not answer, `pretrain_database_up` is 0, and what it would tell is left out.
    """
    return Response(generate_latest(services().metrics), content_type=CONTENT_TYPE_PLAIN_0_0_4)
