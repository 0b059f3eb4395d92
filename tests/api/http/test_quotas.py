"""What a token may ask for, and that only tokens are counted."""

import threading
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.http.quotas import EXTENSION
from jobs.files.layout import models_directory
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.viewers import Right
from tests.api.callers import caller
from tests.api.conftest import Serve
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.sqlite_will_do


def generate(client: FlaskClient, body: dict[str, object] | None = None) -> TestResponse:
    """The response to a prompt, read to its end and closed, as the server does."""
    return client.post("/generate", json=body or {"prompt": "Once"}, buffered=True)


@pytest.fixture
def limited(serve: Serve, settings: Settings, database: Database) -> FlaskClient:
    return serve(settings.model_copy(update={"requests_per_minute": 3, "generations_at_once": 1}))


def test_a_token_that_asks_too_often_is_told_how_long_to_wait_and_another_goes_on(
    limited: FlaskClient,
) -> None:
    ana, ben = caller(limited, "ana"), caller(limited, "ben")
    assert [ana.get("/jobs").status_code for _ in range(3)] == [200] * 3
    refused = ana.get("/jobs")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    detail = refused.get_json(force=True)["detail"]
    assert "3 a minute" in detail
    assert "PRETRAIN_REQUESTS_PER_MINUTE" in detail
    assert ben.get("/jobs").status_code == 200


def test_what_is_refused_for_its_scope_counts_too(limited: FlaskClient) -> None:
    reader = caller(limited, right=Right.READ)
    assert [reader.get("/tokens").status_code for _ in range(4)] == [403, 403, 403, 429]


def test_public_routes_are_not_counted(limited: FlaskClient) -> None:
    ana = caller(limited)
    assert {ana.get("/healthz").status_code for _ in range(10)} == {200}
    assert ana.get("/jobs").status_code == 200


def test_below_v1_the_refusal_is_openais(limited: FlaskClient) -> None:
    ana = caller(limited)
    for _ in range(3):
        ana.get("/v1/models")
    refused = ana.get("/v1/models")
    assert (refused.status_code, refused.get_json()["error"]["type"]) == (429, "rate_limit_error")
    assert "Retry-After" in refused.headers


def test_without_tokens_nobody_is_counted(limited: FlaskClient) -> None:
    assert {limited.get("/jobs").status_code for _ in range(10)} == {200}


def test_0_is_any_number(serve: Serve, settings: Settings, database: Database) -> None:
    unlimited = serve(settings.model_copy(update={"requests_per_minute": 0, "generations_at_once": 0}))
    ana = caller(unlimited)
    assert {ana.get("/jobs").status_code for _ in range(10)} == {200}
    record = ana.get("/limits").get_json()
    assert (record["requests_per_minute"], record["generations_at_once"]) == (None, None)


def test_the_limits_are_shown(limited: FlaskClient) -> None:
    record = limited.get("/limits").get_json()
    assert (record["requests_per_minute"], record["generations_at_once"]) == (3, 1)


def test_a_generation_beyond_the_limit_is_refused_until_another_has_ended(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"generations_at_once": 1}))
    ana, ben = caller(client, "ana"), caller(client, "ben")
    is_inside, may_end = threading.Event(), threading.Event()
    app = client.application
    [endpoint] = {rule.endpoint for rule in app.url_map.iter_rules("generation.post_generation")}
    view = app.view_functions[endpoint]

    def slow(**arguments: Any) -> Any:
        is_inside.set()
        assert may_end.wait(PATIENCE_S)
        return view(**arguments)

    slow.__dict__.update(view.__dict__)
    app.view_functions[endpoint] = slow
    try:
        first = threading.Thread(target=lambda: generate(ana))
        first.start()
        assert is_inside.wait(PATIENCE_S)
        refused = generate(caller_again(ana))
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert "PRETRAIN_GENERATIONS_AT_ONCE" in refused.get_json(force=True)["detail"]
        assert caller_again(ana).get("/jobs").status_code == 200
        may_end.set()
        first.join()
        # There is no checkpoint that could answer: what counts is that they come to be asked.
        assert generate(caller_again(ana)).status_code == 404
        assert generate(ben).status_code == 404
    finally:
        may_end.set()
        app.view_functions[endpoint] = view
    assert len(client.application.extensions[EXTENSION].generations) == 0


def caller_again(client: FlaskClient) -> FlaskClient:
    """Another client with the same token: one is for one thread."""
    own = client.application.test_client()
    own.environ_base.update(client.environ_base)
    return own


@pytest.mark.parametrize("body", [{"nobody": 1}, {"prompt": "Once"}, {"prompt": 1}])
def test_whatever_becomes_of_a_generation_its_slot_is_given_back(
    limited: FlaskClient, body: dict[str, object]
) -> None:
    ana = caller(limited)
    assert [generate(ana, body).status_code < 429 for _ in range(3)] == [True] * 3
    assert len(limited.application.extensions[EXTENSION].generations) == 0


def test_a_stream_holds_its_slot_until_it_is_closed(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"generations_at_once": 1}))
    ana = caller(client)
    app = client.application
    endpoint = "generation.post_generation"
    view = app.view_functions[endpoint]

    def stream(**arguments: Any) -> Any:
        return app.response_class(iter([b"a", b"b"]))

    stream.__dict__.update(view.__dict__)
    app.view_functions[endpoint] = stream
    held = app.extensions[EXTENSION].generations
    try:
        response = ana.post("/generate", json={}, buffered=False)
        assert (response.status_code, len(held)) == (200, 1)
        assert ana.post("/generate", json={}).status_code == 429
        response.close()
        assert len(held) == 0
        assert ana.post("/generate", json={}, buffered=True).status_code == 200
        assert len(held) == 0
    finally:
        app.view_functions[endpoint] = view


SPEC = {"preset": "tiny", "dataset": "sample"}


def test_an_owner_with_a_full_queue_is_told_so_and_gets_on_when_a_job_has_left_it(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"max_queued_jobs": 2}))
    ana, ben = caller(client, "ana"), caller(client, "ben")
    first, _ = (ana.post("/jobs", json=SPEC).get_json()["id"] for _ in range(2))
    refused = ana.post("/jobs", json=SPEC)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    assert "the limit is 2 (PRETRAIN_MAX_QUEUED_JOBS)" in refused.get_json(force=True)["detail"]
    record = ana.get("/limits").get_json()
    assert (record["max_queued_jobs"], record["queued_jobs"]) == (2, 2)
    assert ben.post("/jobs", json=SPEC).status_code == 201
    assert ana.post(f"/jobs/{first}/cancel").status_code == 202
    assert ana.post("/jobs", json=SPEC).status_code == 201


def test_posts_at_the_same_moment_do_not_get_past_the_limit_of_the_queue(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"max_queued_jobs": 3}))
    ana = caller(client, "ana")
    assert ana.get("/datasets").status_code == 200
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(caller_again(ana).post("/jobs", json=SPEC).status_code)
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] * 3 + [429] * 5


def test_without_a_token_neither_jobs_nor_bytes_are_counted(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"max_queued_jobs": 1, "max_stored_bytes": 10}))
    assert {client.post("/jobs", json=SPEC).status_code for _ in range(2)} == {201}
    assert client.post("/datasets", json={"name": "a", "text": "Ana counted the boats."}).status_code == 201
    record = client.get("/limits").get_json()
    assert (record["queued_jobs"], record["stored_bytes"]) == (None, None)


def test_an_owner_stores_no_more_than_allowed_and_what_is_deleted_makes_room(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"max_stored_bytes": 1000}))
    ana, ben = caller(client, "ana"), caller(client, "ben")
    first = ana.post("/datasets", json={"name": "a", "text": "a" * 600}).get_json()
    assert ana.get("/limits").get_json()["stored_bytes"] == 600
    uploads: list[dict[str, Any]] = [
        {"json": {"name": "b", "text": "b" * 500}},
        {"data": b"b" * 500, "content_type": "text/plain", "query_string": {"name": "b"}},
        {"data": b'{"text": "' + b"b" * 490 + b'"}\n', "content_type": "application/x-ndjson"}
        | {"query_string": {"name": "b"}},
    ]
    for upload in uploads:
        refused = ana.post("/datasets", **upload)
        assert refused.status_code == 507, upload
        assert "may have 1,000 (PRETRAIN_MAX_STORED_BYTES)" in refused.get_json(force=True)["detail"]
        assert "Retry-After" not in refused.headers, "waiting alone makes no room"
    job = ana.post("/jobs", json=SPEC)
    assert (job.status_code, job.get_json(force=True)["errors"][0]["field"]) == (422, "checkpoints")
    estimate = ana.post("/jobs/estimate", json=SPEC).get_json()
    assert (estimate["fits"], estimate["reasons"][0]["field"]) == (False, "checkpoints")
    assert len(ana.get("/datasets").get_json()["data"]) == len(ben.get("/datasets").get_json()["data"]) + 1
    assert ben.post("/datasets", **uploads[0]).status_code == 201
    assert ana.delete(f"/datasets/{first['id']}").status_code == 204
    assert ana.post("/datasets", **uploads[0]).status_code == 201


def test_a_model_that_an_owner_has_no_room_for_is_refused_and_leaves_nothing(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"max_stored_bytes": 50}))
    weights = b"\x02\0\0\0\0\0\0\0{}" + b"\0" * 90
    files = {"model.safetensors": (BytesIO(weights), "model.safetensors")}
    files["config.json"] = (BytesIO(b"{}"), "config.json")
    refused = caller(client).post("/models", data=files, content_type="multipart/form-data")
    assert refused.status_code == 507, refused.data
    assert list(models_directory(settings.artifacts).glob(".upload-*")) == []
