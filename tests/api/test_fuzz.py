"""Requests that schemathesis makes up from `/openapi.json`, wrong ones included."""

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis.strategies import booleans
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from jobs.database import Database
from jobs.settings import Settings
from tests.api.conftest import Serve
from tests.api.seeds import evaluate, sample
from tests.jobs.making import announce_worker, running_job

EXAMPLES = 10
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_documented_and_none_is_a_server_error(
    serve: Serve, settings: Settings, database: Database, mode: GenerationMode
) -> None:
    job = running_job(database, settings)
    for queue in ("train", "generate"):
        announce_worker(database, queue)
    evaluate(database, job, count=3)
    sample(database, job, step=8)
    patient = settings.model_copy(update={"lease_s": 3600.0})  # the workers say nothing more
    schema = schemathesis.openapi.from_wsgi("/openapi.json", serve(patient).application)
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
            continue  # there is nothing to get wrong

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), to_the_job=booleans())
        def ask(case: Case, to_the_job: bool) -> None:
            if to_the_job and "job_id" in case.path_parameters:
                case.path_parameters["job_id"] = job.id
            case.call_and_validate(checks=CHECKS)

        ask()
