"""Who may ask: tokens, scopes, and what is answered without."""

import inspect
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from api.http.openai_errors import is_openai_path
from api.http.scopes import Scope, scope_of
from api.services import EXTENSION
from jobs.settings import Settings
from jobs.store.database import Database, now_s
from jobs.store.tables import Token
from jobs.store.viewers import Right
from tests.api.callers import caller, token_text, with_token
from tests.api.conftest import Serve
from tests.api.test_every_route import PUBLIC_REQUESTS, PUBLIC_ROUTES, routes, takes_a_body


def public_paths() -> set[str]:
    return {path.replace("<path:file>", "css/swagger-ui.css") for path in PUBLIC_ROUTES}


def every_route(client: FlaskClient) -> list[tuple[str, str]]:
    """Every method and path, those below `/v1` too."""
    return [*routes(client), ("GET", "/v1/models"), ("GET", "/v1/models/1"), ("POST", "/v1/completions")]


def body_for(client: FlaskClient, method: str, path: str) -> bytes | None:
    return b"{}" if not is_openai_path(path) and takes_a_body(client, method, path) else None


def scope_of_route(client: FlaskClient, method: str, path: str) -> Scope:
    app = client.application
    endpoint, _ = app.url_map.bind("").match(path, method)
    return scope_of(app.view_functions[endpoint])


def test_a_service_without_tokens_asks_for_none(client: FlaskClient) -> None:
    assert client.get("/jobs").status_code == 200
    # OpenAI's client always sends something.
    assert client.get("/v1/models", headers={"Authorization": "Bearer sk-none"}).status_code == 200


def test_from_the_first_token_on_every_route_but_the_public_ones_needs_one(client: FlaskClient) -> None:
    with_one = caller(client, right=Right.ADMIN)
    walked = set()
    for method, path in every_route(client):
        body = body_for(client, method, path)
        response = client.open(path, method=method, data=body, content_type="application/json")
        if path in public_paths() or (method, path) in PUBLIC_REQUESTS:
            assert response.status_code not in (401, 403), (method, path)
            continue
        walked.add((method, path))
        assert response.status_code == 401, (method, path)
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="pretrain"'
        assert with_one.open(path, method=method, data=body).status_code not in (401, 403), (method, path)
    assert {("GET", "/jobs"), ("GET", "/openapi.json"), ("DELETE", "/tokens/1")} <= walked


def test_at_every_route_a_scope_that_is_too_small_is_answered_with_403_and_any_other_is_not(
    client: FlaskClient,
) -> None:
    asking = {right: caller(client, right.scope, right) for right in Right}
    refused: dict[Right, set[tuple[str, str]]] = {right: set() for right in Right}
    for method, path in every_route(client):
        scope = scope_of_route(client, method, path)
        for right, each in asking.items():
            response = each.open(path, method=method, data=body_for(client, method, path))
            is_too_small = scope.right is not None and right < scope.right
            assert (response.status_code == 403) is is_too_small, (method, path, right)
            if is_too_small:
                assert f'scope="{scope}"' in response.headers["WWW-Authenticate"]
                refused[right].add((method, path))
    assert refused[Right.ADMIN] == set()
    assert refused[Right.WRITE] >= {("GET", "/tokens"), ("POST", "/webhooks"), ("DELETE", "/tokens/1")}
    assert refused[Right.READ] > refused[Right.WRITE]
    assert refused[Right.READ] >= {("POST", "/jobs"), ("PATCH", "/jobs/1"), ("DELETE", "/datasets/1")}


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_a_method_that_no_view_names_needs_a_token_too(client: FlaskClient, method: str) -> None:
    token_text(client)
    for _, path in every_route(client):
        if path not in public_paths() | {path for _, path in PUBLIC_REQUESTS}:
            assert client.open(path, method=method).status_code in (401, 405), path
    assert client.open("/jobs", method=method).status_code == 401


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("Bearer", "Authorization is malformed"),
        ("Basic cHQ6", "Authorization is malformed"),
        ("Bearer a b", "Authorization is malformed"),
        ("Bearer sk-1234", "the token is malformed"),
        (f"Bearer pt_{'0' * 16}_{'A' * 43}", "there is no such token"),
    ],
)
def test_what_is_no_token_is_answered_with_401_and_the_way_out(
    client: FlaskClient, header: str, reason: str
) -> None:
    token_text(client)
    response = client.get("/jobs", headers={"Authorization": header})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="pretrain", error="invalid_token"'
    detail = response.get_json(force=True)["detail"]
    assert detail.startswith(reason)
    assert "pretrain token create" in detail
    assert "A" * 43 not in detail


def test_a_token_that_has_expired_or_been_revoked_is_answered_with_401(
    client: FlaskClient, database: Database
) -> None:
    admin = caller(client, "root", Right.ADMIN)
    made = admin.post("/tokens", json={"name": "ci", "expires_in_s": 60}).get_json()
    ci = with_token(client, made["token"])
    assert ci.get("/jobs").status_code == 200
    with database.write() as session:
        session.execute(update(Token).where(Token.id == made["id"]).values(expires_at=now_s() - 1))
    client.application.extensions[EXTENSION].tokens.forget()
    assert "has expired" in ci.get("/jobs").get_json(force=True)["detail"]
    other = admin.post("/tokens", json={"name": "other"}).get_json()
    assert admin.delete(f"/tokens/{other['id']}").status_code == 204
    refused = with_token(client, other["token"]).get("/jobs")
    assert (refused.status_code, "has been revoked" in refused.get_json(force=True)["detail"]) == (401, True)


@pytest.mark.parametrize(
    ("right", "method", "path", "is_allowed"),
    [
        (Right.READ, "GET", "/jobs", True),
        (Right.READ, "POST", "/jobs", False),
        (Right.READ, "GET", "/tokens", False),
        (Right.WRITE, "GET", "/jobs", True),
        (Right.WRITE, "POST", "/jobs", True),
        (Right.WRITE, "POST", "/tokens", False),
        (Right.ADMIN, "GET", "/tokens", True),
        (Right.ADMIN, "POST", "/jobs", True),
    ],
)
def test_a_token_is_held_against_the_scope_of_the_route(
    client: FlaskClient, right: Right, method: str, path: str, is_allowed: bool
) -> None:
    body: dict[str, Any] = {} if method == "GET" else {"json": {"nobody": 1}}
    response = caller(client, right=right).open(path, method=method, **body)
    if is_allowed:
        assert response.status_code in (200, 422)
        return
    assert response.status_code == 403
    needed = "admin" if path == "/tokens" else "write"
    assert f"a token with the scope {needed}" in response.get_json(force=True)["detail"]
    assert f'error="insufficient_scope", scope="{needed}"' in response.headers["WWW-Authenticate"]


def test_below_v1_the_refusal_is_openais(client: FlaskClient) -> None:
    token_text(client)
    refused = client.get("/v1/models")
    assert (refused.status_code, refused.get_json()["error"]["type"]) == (401, "authentication_error")


def test_a_published_service_answers_nobody_before_there_is_a_token(
    serve: Serve, settings: Settings, database: Database
) -> None:
    published = serve(settings.model_copy(update={"publish": "0.0.0.0"}))
    assert published.get("/jobs").status_code == 401
    assert published.get("/healthz").status_code == 200


def test_a_view_that_names_no_scope_is_nobodys_but_the_administrators(client: FlaskClient) -> None:
    token_text(client)
    app = client.application
    view = app.view_functions["docs.page"]
    app.view_functions["docs.page"] = inspect.unwrap(view)
    try:
        assert client.get("/docs").status_code == 401
        assert caller(client).get("/docs").status_code == 403
        assert caller(client, right=Right.ADMIN).get("/docs").status_code == 200
    finally:
        app.view_functions["docs.page"] = view
