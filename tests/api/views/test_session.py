"""POST, GET and DELETE /session"""

from datetime import datetime
from http.cookies import SimpleCookie
from ipaddress import ip_network
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from api.services import EXTENSION
from api.wrong_tokens import AT_ONCE, WrongTokens
from jobs.settings import Settings
from jobs.store.database import Database, now_s
from jobs.store.tables import PageSession, Token
from jobs.store.viewers import Right
from tests.api.callers import caller, token_text, with_token
from tests.api.conftest import Serve, with_parts

PAGE = {"X-Requested-With": "pretrain"}


def sign_in(client: FlaskClient, right: Right = Right.WRITE, **options: Any) -> tuple[FlaskClient, Any]:
    """A browser in which somebody has signed in, and the answer."""
    browser = client.application.test_client()
    response = browser.post("/session", json={"token": token_text(client, "ana", right)}, **options)
    assert response.status_code == 201
    return browser, response


def cookie_of(response: TestResponse) -> Any:
    [morsel] = SimpleCookie(response.headers["Set-Cookie"]).values()
    return morsel


def test_whoever_signs_in_has_the_scopes_of_the_token(client: FlaskClient) -> None:
    browser, response = sign_in(client)
    signed_in = response.get_json()
    assert (signed_in["name"], signed_in["owner"], signed_in["scopes"]) == ("ana", "ana", ["read", "write"])
    assert browser.get("/session").get_json() == signed_in
    assert browser.get("/jobs").status_code == 200
    assert browser.post("/jobs", json={"nobody": 1}, headers=PAGE).status_code == 422
    refused = browser.post("/tokens", json={"name": "ci"}, headers=PAGE)
    assert (refused.status_code, "the scope admin" in refused.get_json(force=True)["detail"]) == (403, True)
    assert client.application.test_client().get("/jobs").status_code == 401


def test_the_cookie_is_for_no_script_no_other_site_and_ends_with_the_session(
    client: FlaskClient, settings: Settings
) -> None:
    _, response = sign_in(client)
    cookie = cookie_of(response)
    assert cookie.key == "pretrain-session"
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert (cookie["secure"], cookie["domain"]) == ("", "")
    assert int(cookie["max-age"]) == settings.session_s
    assert cookie.value not in response.text


@pytest.mark.parametrize(
    ("prefix", "name", "path"),
    [("", "__Host-pretrain-session", "/"), ("/lab", "pretrain-session", "/lab")],
)
def test_over_tls_the_cookie_is_secure_and_below_the_prefix_of_the_proxy(
    serve: Serve, settings: Settings, database: Database, prefix: str, name: str, path: str
) -> None:
    proxied = settings.model_copy(update={"trusted_proxies": (ip_network("127.0.0.1"),)})
    client = serve(proxied)
    headers = {"X-Forwarded-Proto": "https"} | ({"X-Forwarded-Prefix": prefix} if prefix else {})
    _, response = sign_in(client, headers=headers)
    cookie = cookie_of(response)
    assert (cookie.key, cookie["path"], cookie["secure"]) == (name, path, True)
    presented = {"Cookie": f"{name}={cookie.value}", **headers}
    stranger = client.application.test_client(use_cookies=False)
    assert stranger.get("/jobs", headers=presented).status_code == 200
    # What another page could have set without TLS counts for nothing.
    plain = {**presented, "Cookie": f"pretrain-session={cookie.value}"}
    assert stranger.get("/jobs", headers=plain).status_code == (200 if prefix else 401)
    gone = cookie_of(stranger.delete("/session", headers={**presented, **PAGE}))
    assert (gone.key, gone["path"], gone["max-age"], gone.value) == (name, path, "0", "")


def test_what_changes_something_needs_the_header_that_other_pages_can_not_send(client: FlaskClient) -> None:
    browser, _ = sign_in(client, Right.ADMIN)
    for headers in ({}, {"X-Requested-With": "XMLHttpRequest"}):
        for method, path in (("POST", "/jobs"), ("DELETE", "/jobs/1"), ("DELETE", "/session")):
            refused = browser.open(path, method=method, headers=headers)
            assert refused.status_code == 403, (method, path)
            assert "X-Requested-With: pretrain" in refused.get_json(force=True)["detail"]
    foreign = browser.post("/jobs", json={}, headers={**PAGE, "Origin": "http://localhost:3000"})
    assert foreign.status_code == 403
    assert browser.get("/session").status_code == 200
    assert browser.delete("/jobs/1", headers=PAGE).status_code == 404
    # A token that is sent is sent on purpose.
    assert caller(client).delete("/jobs/1").status_code == 404


def test_to_sign_out_ends_the_session_for_whoever_has_its_cookie(client: FlaskClient) -> None:
    browser, response = sign_in(client)
    copied = {"Cookie": f"pretrain-session={cookie_of(response).value}"}
    thief = client.application.test_client(use_cookies=False)
    assert thief.get("/jobs", headers=copied).status_code == 200
    assert browser.delete("/session", headers=PAGE).status_code == 204
    assert browser.get_cookie("pretrain-session") is None
    assert browser.delete("/session").status_code == 204
    assert browser.get("/session").status_code == 401
    refused = thief.get("/jobs", headers=copied)
    assert (refused.status_code, refused.get_json(force=True)["detail"].split(".")[0]) == (
        401,
        "the session has ended: sign in again",
    )


def test_a_browser_that_signs_in_again_ends_the_session_before(client: FlaskClient) -> None:
    browser, response = sign_in(client, Right.READ)
    copied = {"Cookie": f"pretrain-session={cookie_of(response).value}"}
    again = browser.post("/session", json={"token": token_text(client, "bea", Right.ADMIN)})
    assert again.get_json()["scopes"] == ["read", "write", "admin"]
    assert browser.get("/session").get_json()["name"] == "bea"
    assert client.application.test_client(use_cookies=False).get("/jobs", headers=copied).status_code == 401


def test_a_session_ends_when_its_token_is_revoked_or_its_time_is_over(
    client: FlaskClient, database: Database
) -> None:
    browser, _ = sign_in(client)
    late, _ = sign_in(client)
    admin = caller(client, "root", Right.ADMIN)
    revoked = admin.get("/tokens").get_json()["data"][0]
    assert admin.delete(f"/tokens/{revoked['id']}").status_code == 204
    assert browser.get("/jobs").status_code == 401
    assert late.get("/jobs").status_code == 200
    with database.write() as session:
        session.execute(update(PageSession).values(expires_at=now_s()))
    client.application.extensions[EXTENSION].tokens.forget()
    assert late.get("/jobs").status_code == 401


def test_a_token_that_is_sent_counts_before_the_cookie(client: FlaskClient) -> None:
    browser, _ = sign_in(client, Right.READ)
    bearer = {"Authorization": f"Bearer {token_text(client, 'root', Right.ADMIN)}"}
    shown = browser.get("/session", headers=bearer).get_json()
    assert (shown["name"], shown["scopes"], shown["expires_at"]) == ("root", ["read", "write", "admin"], None)
    assert browser.get("/session", headers={"Authorization": "Bearer sk-1"}).status_code == 401


def test_the_session_of_a_token_that_expires_ends_with_it(client: FlaskClient) -> None:
    admin = caller(client, "root", Right.ADMIN)
    token = admin.post("/tokens", json={"name": "guest", "expires_in_s": 60}).get_json()
    response = client.application.test_client().post("/session", json={"token": token["token"]})
    assert response.get_json()["expires_at"] == token["expires_at"]
    assert int(cookie_of(response)["max-age"]) <= 60
    shown = with_token(client, token["token"]).get("/session").get_json()
    assert datetime.fromisoformat(shown["expires_at"]) == datetime.fromisoformat(token["expires_at"])


def test_a_service_without_tokens_needs_no_session(client: FlaskClient) -> None:
    assert client.get("/session").get_json() == {
        "object": "session",
        "name": None,
        "owner": None,
        "scopes": ["read", "write", "admin"],
        "expires_at": None,
    }
    assert client.delete("/session").status_code == 204
    assert client.post("/session", json={"token": f"pt_{'0' * 16}_{'A' * 43}"}).status_code == 401


def stop_the_clock_of_wrong_tokens(client: FlaskClient) -> None:
    """An address gains a try every half a second: none while the test tries them, however long it takes."""
    with_parts(client, wrong_tokens=WrongTokens(clock=lambda: 10**9))


def test_wrong_tokens_are_refused_unquoted_and_soon_with_429(client: FlaskClient, database: Database) -> None:
    stop_the_clock_of_wrong_tokens(client)
    text = token_text(client)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    for token in [wrong, "sk-1234", *[wrong] * (AT_ONCE - 2)]:
        refused = client.post("/session", json={"token": token})
        assert refused.status_code == 401
        assert "Set-Cookie" not in refused.headers
        assert token not in refused.text
    limited = client.post("/session", json={"token": text})
    assert limited.status_code == 429
    assert limited.headers["Retry-After"] == "1"
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.post("/session", json={"token": text}, environ_base=elsewhere).status_code == 201
    with database.read() as session:
        assert session.query(PageSession).count() == 1
        assert session.query(Token).count() == 1


def test_every_wrong_field_of_a_sign_in_is_named(client: FlaskClient) -> None:
    response = client.post("/session", json={"token": 5, "name": "ana"})
    fields = {error["field"] for error in response.get_json(force=True)["errors"]}
    assert (response.status_code, fields) == (422, {"token", "name"})
