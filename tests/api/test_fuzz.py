"""Requests that schemathesis makes up from `/openapi.json`, wrong ones included."""

import re
from http import HTTPStatus

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis.strategies import booleans
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.viewers import Right
from tests.api.callers import UNPACKED, authorization, token_text
from tests.api.conftest import Serve
from tests.api.seeds import evaluate, sample
from tests.jobs.making import announce_worker, running_job
from tests.sweeps import examples

pytestmark = pytest.mark.slow

EXAMPLES = 10
ALLOWED_EXAMPLES = 50
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

REASONS_OF_DATA = {
    "": "after: |line |must (have a document|not|be UTF-8)|looks like|unknown part|the multi"
    "|stream_options: needs stream|n: times the prompts|best_of: is not supported",
    "model_id": "can't be given together with",
    "dataset": "unknown; a built-in one|could not be fetched",
    "validation_dataset": "unknown; a built-in one|could not be fetched",
    "tokenizer": "unknown; gpt2, bytes or the id of one",
    "training.train_ratio": "must be null or left out with|must be a number without",
    "config.json": "must be given",
    "model.safetensors": "must be given",
    "start_from": "must be .*ID|a model from outside has no",
    "start_from.job": "no job",
    "start_from.checkpoint": "has no checkpoint",
    "start_from.model": "no model",
    "text": "",
    "name": "must be given, as .name=|is for streams",
    "text_field": "is for (application/x-ndjson|streams)",
    "file": "must be given|must be a file|unknown file|must not|looks like|must be UTF-8 text|line ",
    "scopes": "must have admin",
    "limit": "must not be given with max_points",
    "offset": "must be given with attempt, and without tail",
    "url": "must (begin with|be a URL)|is no public address|no address|resolve|private|host|must name a port",
    "model": "need about .* to train",
    "model.emb_dim": "must be a multiple of model.n_heads",
    "model.context_length": "the largest context that fits is|no context fits",
    "training.batch_size": "windows",
    "training.stride": "windows",
    "training.num_epochs": "the limit is",
    "training.max_steps": "the limit is",
    "training.warmup_steps": "more than the job's",
    "training.min_learning_rate": "must be at most training.learning_rate",
    "training.compile": "must be false with training.numerics 'reference'",
    "checkpoints": "need .* at once",
    "alerts.N.when": "evaluations_since_best counts|must be a (finite number|count of evaluations)",
}
"""By field, why a request may be refused that the document allows: what no schema can know or say."""


SIGN_IN = "/session"
"""Which answers a token that is none with 401, whoever asks."""
NEEDS_TOKEN = [
    pytest.param(False, id="open", marks=pytest.mark.postgresql_will_do),
    pytest.param(True, id="guarded", marks=pytest.mark.sqlite_will_do),
]
"""Both ways on both databases, but one of each in daily work."""


@pytest.mark.hypothesis
@pytest.mark.parametrize("needs_token", NEEDS_TOKEN)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_response_is_documented_and_none_is_a_server_error(
    serve: Serve, settings: Settings, database: Database, mode: GenerationMode, needs_token: bool
) -> None:
    job = running_job(database, settings)
    for queue in ("train", "generate", "prepare"):
        announce_worker(database, queue)
    evaluate(database, job, count=3)
    sample(database, job, step=8)
    patient = settings.model_copy(update={"lease_s": 3600.0})  # the workers say nothing more
    client = serve(patient)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", client.application)
    headers = authorization(client, "root", Right.ADMIN) if needs_token else None
    for result in schema.get_all_operations():
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
            continue  # there is nothing to get wrong

        @hypothesis.settings(
            max_examples=examples(EXAMPLES),
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), to_the_job=booleans())
        def ask(case: Case, to_the_job: bool) -> None:
            if to_the_job and "job_id" in case.path_parameters:
                case.path_parameters["job_id"] = job.id
            response = case.call(headers=UNPACKED | (headers or {}))
            assert headers is None or response.status_code not in {401, 403} or case.path == SIGN_IN
            # In a query everything is text. To schemathesis a body that is too large is one that was taken.
            may_be_taken = (
                not case.operation.body or response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            )
            refused = [] if may_be_taken else [negative_data_rejection]
            case.validate_response(response, checks=[*CHECKS, *refused])

        ask()


@pytest.mark.hypothesis
def test_what_the_document_allows_is_refused_for_reasons_of_data_alone(
    serve: Serve, settings: Settings, database: Database
) -> None:
    job = running_job(database, settings)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", serve(settings).application)
    for result in schema.get_all_operations():
        operation = result.ok()
        if not (operation.query or operation.body):
            continue

        @hypothesis.settings(
            max_examples=examples(ALLOWED_EXAMPLES),
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE), known=booleans())
        def ask(case: Case, known: bool) -> None:
            if known and "job_id" in case.path_parameters:
                case.path_parameters["job_id"] = job.id
            if known and case.path == "/jobs" and isinstance(case.body, dict):
                case.body["dataset"] = "sample"
            response = case.call(headers=UNPACKED)
            if response.status_code not in {400, 422}:
                return
            problem = response.json()
            if "error" in problem:  # OpenAI's
                problem = {"detail": problem["error"]["message"]}
            for error in problem.get("errors", [{"field": "", "message": problem["detail"]}]):
                reason = REASONS_OF_DATA.get(re.sub(r"\.\d+\.", ".N.", error["field"]))
                assert reason is not None, error
                assert re.search(reason, error["message"]), error

        ask()


@pytest.mark.hypothesis
@pytest.mark.sqlite_will_do
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_without_a_token_nothing_but_what_is_public_is_answered_whatever_is_sent(
    serve: Serve, settings: Settings, database: Database, mode: GenerationMode
) -> None:
    for queue in ("train", "generate", "prepare"):
        announce_worker(database, queue)
    client = serve(settings.model_copy(update={"lease_s": 3600.0}))  # the workers say nothing more
    schema = schemathesis.openapi.from_wsgi("/openapi.json", client.application)
    token_text(client)
    refused, answered = set(), set()
    for result in schema.get_all_operations():
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
            continue

        @hypothesis.settings(
            max_examples=examples(EXAMPLES),
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case) -> None:
            needs_token = "security" in case.operation.definition.raw
            response = case.call(headers=UNPACKED)
            assert (response.status_code == 401) is needs_token or case.path == SIGN_IN
            case.validate_response(response, checks=CHECKS)
            (refused if needs_token else answered).add(case.path)

        ask()
    assert {"/jobs", "/generate", "/v1/completions", "/tokens", "/datasets"} <= refused
    assert mode is GenerationMode.NEGATIVE or {"/healthz", "/version"} <= answered
