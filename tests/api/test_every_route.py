"""What holds at every route, whoever adds it: the URL map is walked. Below `/v1` OpenAI's rules hold, which
`tests/api/views/test_completions.py` has."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.http.openai_errors import is_openai_path
from api.http.scopes import Scope
from jobs.validation.quoting import MAX_QUOTED_CHARACTERS

JSON = "application/json"
PUBLIC_ROUTES = {
    "/",
    "/docs",
    "/docs/start.js",
    "/docs/assets/<path:file>",
    "/static/<path:file>",
    "/healthz",
    "/readyz",
    "/version",
}
PUBLIC_REQUESTS = {("POST", "/session"), ("DELETE", "/session")}
"""Besides, of a route that is public for these methods alone: to sign in, and out."""


def routes(client: FlaskClient) -> Iterator[tuple[str, str]]:
    """Every method and path but those below `/v1`, with something at the place of each variable part."""
    for rule in client.application.url_map.iter_rules():
        if is_openai_path(rule.rule):
            continue
        parts = {name: "css/swagger-ui.css" if name == "file" else "1" for name in rule.arguments}
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            _, path = rule.build(parts)  # type: ignore[misc]
            yield method, path


def takes_json(client: FlaskClient, method: str, path: str) -> bool:
    """Whether that is one of the kinds of its body."""
    return takes_a_body(client, method, path) and path != "/models"


def takes_a_body(client: FlaskClient, method: str, path: str) -> bool:
    rule, _ = client.application.url_map.bind("").match(path, method, return_rule=True)
    documented = client.application.api_doc["paths"]  # type: ignore[attr-defined]
    written = rule.rule.replace("<", "{").replace(">", "}")
    return "requestBody" in documented.get(written, {}).get(method.lower(), {})


def test_an_unknown_parameter_is_refused_everywhere(bare_client: FlaskClient) -> None:
    methods_and_paths = list(routes(bare_client))
    assert ("GET", "/") in methods_and_paths
    assert ("GET", "/docs/assets/css/swagger-ui.css") in methods_and_paths
    for method, path in methods_and_paths:
        body = b"{}" if takes_a_body(bare_client, method, path) else None
        response = bare_client.open(f"{path}?nobody=1&knows=2", method=method, data=body, content_type=JSON)
        assert response.status_code == 422, (method, path)
        wrong = {error["field"]: error["message"] for error in response.get_json(force=True)["errors"]}
        assert wrong == {"nobody": "unknown field", "knows": "unknown field"}, (method, path)


@pytest.mark.parametrize("content_type", [JSON, "text/plain", None])
def test_a_body_that_nobody_reads_is_refused_everywhere_unless_it_is_empty(
    bare_client: FlaskClient, content_type: str | None
) -> None:
    bodiless = [
        (method, path) for method, path in routes(bare_client) if not takes_a_body(bare_client, method, path)
    ]
    assert len(bodiless) > 20
    for method, path in bodiless:

        def status(body: bytes | None, method: str = method, path: str = path) -> int:
            return bare_client.open(path, method=method, data=body, content_type=content_type).status_code

        without = status(None)
        assert without not in {400, 422}, (method, path)
        for nothing in (b"", b"{}", b" {\n} "):
            assert status(nothing) == without, (method, path, nothing)
        for unknown in (b'{"status": "succeeded"}', b"[]", b"null", b'""'):
            assert status(unknown) == 422, (method, path, unknown)
        for malformed in (b"{", b"status=succeeded", b"\xff", b"NaN"):
            assert status(malformed) == 400, (method, path, malformed)


def test_an_unknown_field_is_named_at_every_route_that_takes_a_body(bare_client: FlaskClient) -> None:
    for method, path in routes(bare_client):
        if takes_json(bare_client, method, path):
            response = bare_client.open(path, method=method, data=b'{"no\\ud800body": 1}', content_type=JSON)
            assert response.status_code == 422, (method, path)
            assert "no\\ud800body" in [error["field"] for error in response.get_json(force=True)["errors"]]


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for name, member in node.items():
            yield name
            yield from strings(member)
    elif isinstance(node, list):
        for entry in node:
            yield from strings(entry)


@pytest.mark.parametrize("long", ["Q" * 5000, "%F0%9F%98%80" * 600, "%22%5C%0A%E2%80%AE" * 400])
def test_no_response_and_no_log_quotes_more_than_200_characters(
    bare_client: FlaskClient, caplog: pytest.LogCaptureFixture, long: str
) -> None:
    def ask(method: str, path: str, **options: Any) -> None:
        response = bare_client.open(path, method=method, **options)
        assert response.status_code >= 400, (method, path[:40])
        for text in strings(json.loads(response.data)):
            # What the service itself says stands around what it quotes.
            assert len(text) <= MAX_QUOTED_CHARACTERS + 100, (method, path[:40], len(text))
        assert len(response.data) < 50_000
        assert all(
            len(value) <= MAX_QUOTED_CHARACTERS for _, value in response.headers if "Security" not in _
        )

    ask("GET", f"/{long}")
    ask("DELETE", f"/docs?{long}={long}")
    ask("GET", "/", headers={"Host": "Q" * 5000})
    ask("GET", "/jobs", headers={"Origin": "Q" * 5000})
    ask("GET", "/jobs", headers={"Sec-Fetch-Site": "Q" * 5000})
    ask("GET", "/jobs/job-0/events", headers={"Accept": "text/event-stream;q=1;" + "Q" * 5000})
    ask("Q" * 5000, "/jobs")
    for method, path in routes(bare_client):
        body = b"{}" if takes_a_body(bare_client, method, path) else None
        ask(
            method,
            f"{path}?{long}=1&a={long}&a={long}&metadata[{long}]={long}&limit={long}",
            data=body,
            content_type=JSON,
        )
        named = json.dumps({"Q" * 5000: 1, "name": ["Q" * 5000], "text": {"Q" * 5000: "Q" * 5000}}).encode()
        ask(method, path, data=named, content_type=JSON)
        ask(method, path, data=b'{"' + b"Q" * 5000 + b'": 1, "' + b"Q" * 5000 + b'": 2}', content_type=JSON)
        ask(method, path, data=b'{"a": 1e' + b"9" * 900 + b"}", content_type=JSON)
        if takes_a_body(bare_client, method, path):
            ask(method, path, data=named, content_type="Q" * 5000)
    for name in bare_client.application.url_map.iter_rules():
        if name.arguments - {"file"}:
            wide = name.rule.replace("<job_id>", "é" * 200).replace("<dataset_id>", "\x01" * 200)
            ask(sorted((name.methods or set()) - {"OPTIONS"})[0], wide)
    assert all(len(record.getMessage()) < 400 for record in caplog.records)
    assert all(record.getMessage().count("\n") == 0 for record in caplog.records)


def test_every_route_says_which_scope_it_needs(bare_client: FlaskClient) -> None:
    app = bare_client.application
    scopes = {
        (method, rule.rule): getattr(app.view_functions[rule.endpoint], "scope", None)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    }
    assert [request for request, scope in scopes.items() if not isinstance(scope, Scope)] == []
    public = {request for request, scope in scopes.items() if scope is Scope.PUBLIC}
    assert public == {("GET", rule) for rule in PUBLIC_ROUTES} | PUBLIC_REQUESTS


def test_what_changes_something_needs_more_than_to_read(bare_client: FlaskClient) -> None:
    app = bare_client.application
    changing = {
        (method, rule.rule): app.view_functions[rule.endpoint].scope  # type: ignore[attr-defined]
        for rule in app.url_map.iter_rules()
        for method in {"POST", "PATCH", "PUT", "DELETE"} & (rule.methods or set())
    }
    readable = {request for request, scope in changing.items() if scope not in (Scope.WRITE, Scope.ADMIN)}
    # They compute, and store nothing.
    computing = {"/generate", "/score", "/v1/completions", "/jobs/estimate"}
    assert readable == {("POST", path) for path in computing} | PUBLIC_REQUESTS
