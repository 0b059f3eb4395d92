"""Sequences of requests that schemathesis makes up from `/openapi.json`, with ids from answers before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import hypothesis
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis.stateful import rule
from hypothesis.strategies import sampled_from
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import ensure_resource_availability, use_after_free
from sqlalchemy import select

from api.http.openapi import PATH_VARIABLE
from api.http.scopes import Scope, scope_of
from jobs.files.datasets import store_dataset
from jobs.lifecycle.attempts import claim, end
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.queue_order import is_ready
from jobs.store.tables import Dataset, Job, Table, Token, TrainedTokenizer, Webhook
from jobs.store.viewers import EVERYBODY, Right, viewed_by
from tests.api.callers import UNPACKED, authorization, token_text
from tests.api.conftest import Serve
from tests.api.seeds import checkpoint, evaluate, sample
from tests.api.test_fuzz import CHECKS, SIGN_IN
from tests.jobs.making import TINY, announce_worker, asked_tokenizer, queued_job, running_job
from tests.sweeps import examples

pytestmark = [pytest.mark.slow, pytest.mark.hypothesis]

SEQUENCES, STEPS = 60, 12
PARAMETER = r"{\1}"
"""As OpenAPI writes what Flask writes as `<...>`."""
STATEFUL_CHECKS = [*CHECKS, use_after_free, ensure_resource_availability]
CHECKS_OF_BUSY = [check for check in STATEFUL_CHECKS if check is not not_a_server_error]
"""Of an answer that says when to ask again: no worker answers prompts here."""
CHECKS_OF_LACK = [check for check in STATEFUL_CHECKS if check is not ensure_resource_availability]
"""Of a 404 for a checkpoint that a body names: the job in the path is there."""
FORK = "POST /jobs/{job_id}/fork"
POSTS = ("POST /jobs", FORK)
STORED = (Job, Dataset, TrainedTokenizer, Webhook)
LISTS = (
    "/jobs",
    "/datasets",
    "/tokenizers",
    "/models",
    "/v1/models",
    "/events",
    "/workers",
    "/limits",
    "/disk",
)
"""What tells of everything that a sequence has left."""
REFUSALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@pytest.fixture
def patient(settings: Settings) -> Settings:
    """The workers say nothing more, and none answers a prompt."""
    return settings.model_copy(update={"lease_s": 3600.0, "generate_timeout_s": 0.05})


def document(client: FlaskClient) -> BaseSchema:
    """To be called before there are tokens, without one."""
    return schemathesis.openapi.from_wsgi("/openapi.json", client.application)


def begin_anew(database: Database, settings: Settings) -> None:
    """Leave something of each kind, which belongs to nobody in particular, and nothing else but tokens: what
    a sequence meets must not depend on those before it."""
    with database.write() as session:
        for table in reversed(Table.metadata.sorted_tables):
            if table.name != Token.__tablename__:
                session.execute(table.delete())
    for queue in ("train", "generate", "prepare"):
        announce_worker(database, queue)
    queued_job(database, settings)
    job = running_job(database, settings)
    evaluate(database, job, count=3)
    sample(database, job, step=8)
    checkpoint(database, job, step=11)
    store_dataset(database, settings, "mine", b"Ana counted the boats. " * 40)
    asked_tokenizer(database, settings)


Stored = dict[str, set[str]]
"""Ids, by table."""


@dataclass
class Sequences:
    """Of requests that follow links, between which a worker takes jobs.

    headers  of every request
    judge    is called with every request and its response
    expect   is called at the end of each sequence: what is stored, from what was at its beginning and what
             the requests have posted and deleted since
    """

    schema: BaseSchema
    database: Database
    settings: Settings
    headers: dict[str, str]
    judge: Callable[[Case, Response], None]
    expect: Callable[[Stored, set[str], set[str]], Stored]
    statuses: dict[str, set[int]] = field(default_factory=dict)
    """That each operation was answered with."""

    def run(self) -> None:
        asked, schema = self, self.schema

        class Sequence(schema.as_state_machine()):  # type: ignore[misc]
            def setup(self) -> None:
                with viewed_by(EVERYBODY):
                    begin_anew(asked.database, asked.settings)
                self.before = stored_ids(asked.database)
                self.posted: set[str] = set()
                self.deleted: set[str] = set()

            @rule(ends=sampled_from([None, Status.SUCCEEDED, Status.CANCELLED]))
            def a_worker_takes_the_next_job(self, ends: Status | None) -> None:
                work_on_next_job(asked.database, ends)

            def get_call_kwargs(self, case: Case) -> dict[str, Any]:
                return {"headers": UNPACKED | asked.headers}

            def before_call(self, case: Case) -> None:
                is_valid = case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE
                if case.operation.label == "POST /jobs" and is_valid and isinstance(case.body, dict):
                    # One that is taken: hardly any other of all the possible ones would be.
                    kept = {name: value for name, value in case.body.items() if name in ("name", "metadata")}
                    case.body = {**kept, **TINY}

            def validate_response(self, response: Response, case: Case, *_: Any, **__: Any) -> None:
                label = case.operation.label
                asked.statuses.setdefault(label, set()).add(response.status_code)
                asked.judge(case, response)
                is_busy = (
                    response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
                    and "retry-after" in response.headers
                )
                checks = CHECKS_OF_BUSY if is_busy else STATEFUL_CHECKS
                if label == FORK and b"has no checkpoint" in response.content:
                    checks = CHECKS_OF_LACK
                case.validate_response(response, checks=checks, recorder=self.recorder)
                if label in POSTS and response.status_code == HTTPStatus.CREATED:
                    self.posted.add(response.json()["id"])
                if label == "DELETE /jobs/{job_id}" and response.status_code == HTTPStatus.NO_CONTENT:
                    self.deleted.add(case.path_parameters["job_id"])

            def teardown(self) -> None:
                expected = asked.expect(self.before, self.posted, self.deleted)
                stored = stored_ids(asked.database)
                assert {name: stored[name] for name in expected} == expected
                for path in LISTS:
                    case = schema[path]["GET"].Case()
                    response = case.call(headers=UNPACKED | asked.headers)
                    asked.judge(case, response)
                    case.validate_response(response, checks=CHECKS)
                    assert response.status_code == HTTPStatus.OK or response.status_code in REFUSALS

        Sequence.run(
            settings=hypothesis.settings(
                max_examples=examples(SEQUENCES),
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[hypothesis.Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
        )


def work_on_next_job(database: Database, ends: Status | None) -> None:
    """What a worker would do with the first job that waits, if there is one: claim it, record something, and
    end it as `ends` says, or leave it running."""
    with database.write() as session:
        job_id = session.scalar(select(Job.id).where(*is_ready()).order_by(Job.id).limit(1))
        job = None if job_id is None else claim(session, job_id, "train-1", lease_s=3600)
    if job is None:
        return
    evaluate(database, job, count=2)
    sample(database, job, step=5)
    checkpoint(database, job, step=6)
    if ends is not None:
        with database.write() as session:
            end(session, job.id, job.attempt, ends)


def scopes(app: Flask) -> dict[str, Scope]:
    """By the names that schemathesis gives to operations."""
    return {
        f"{method} {PATH_VARIABLE.sub(PARAMETER, rule.rule)}": scope_of(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def stored_ids(database: Database) -> Stored:
    with database.read() as session:
        return {kind.__tablename__: set(session.scalars(select(kind.id))) for kind in STORED}


def nothing_changes(before: Stored, posted: set[str], deleted: set[str]) -> Stored:
    return before


@pytest.mark.parametrize(
    "needs_token",
    [
        pytest.param(False, id="open", marks=pytest.mark.postgresql_will_do),
        pytest.param(True, id="administrator", marks=pytest.mark.sqlite_will_do),
    ],
)
def test_in_any_order_requests_get_documented_answers_and_jobs_are_those_posted_and_not_deleted(
    serve: Serve, patient: Settings, database: Database, needs_token: bool
) -> None:
    client = serve(patient)
    schema = document(client)
    if not needs_token:
        schema = schema.exclude(path_regex="^/tokens")  # the first one shuts an open service
    headers = authorization(client, "root", Right.ADMIN) if needs_token else {}

    def judge(case: Case, response: Response) -> None:
        assert response.status_code not in REFUSALS or case.path == SIGN_IN

    def expect(before: Stored, posted: set[str], deleted: set[str]) -> Stored:
        return {"jobs": (before["jobs"] | posted) - deleted}

    sequences = Sequences(schema, database, patient, headers, judge, expect)
    sequences.run()
    # Which ones are reached is chance: ids in answers are others at each run.
    succeeded = {label for label, each in sequences.statuses.items() if min(each) < HTTPStatus.BAD_REQUEST}
    assert len(succeeded) > 8, sequences.statuses


@pytest.mark.sqlite_will_do
def test_a_token_that_may_only_read_changes_nothing_by_any_sequence_of_requests(
    serve: Serve, patient: Settings, database: Database
) -> None:
    client = serve(patient)
    schema = document(client)
    headers = authorization(client, "reader", Right.READ)
    needed = scopes(client.application)

    def judge(case: Case, response: Response) -> None:
        is_forbidden = needed[case.operation.label] in (Scope.WRITE, Scope.ADMIN)
        assert (response.status_code == HTTPStatus.FORBIDDEN) is is_forbidden, case.operation.label

    sequences = Sequences(schema, database, patient, headers, judge, nothing_changes)
    sequences.run()
    # Which ones are reached, and which of those that read find what they ask for, is chance.
    assert len(sequences.statuses) > 10, sequences.statuses


@pytest.mark.sqlite_will_do
def test_without_a_token_no_sequence_of_requests_gets_anywhere(
    serve: Serve, patient: Settings, database: Database
) -> None:
    client = serve(patient)
    schema = document(client)
    token_text(client)

    def judge(case: Case, response: Response) -> None:
        needs_token = "security" in case.operation.definition.raw
        assert (response.status_code == HTTPStatus.UNAUTHORIZED) is needs_token or case.path == SIGN_IN

    sequences = Sequences(schema, database, patient, {}, judge, nothing_changes)
    sequences.run()
    assert len(sequences.statuses) > 5, sequences.statuses
