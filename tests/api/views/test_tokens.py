"""POST, GET and DELETE /tokens"""

from flask.testing import FlaskClient

from jobs.store.viewers import Right
from tests.api.callers import caller, with_token


def test_the_text_of_a_token_is_shown_once(client: FlaskClient) -> None:
    admin = caller(client, right=Right.ADMIN)
    response = admin.post("/tokens", json={"name": "ci", "scopes": ["write"], "expires_in_s": 3600})
    assert response.status_code == 201
    made = response.get_json()
    assert made["token"].startswith("pt_")
    assert (made["name"], made["owner"], made["scopes"]) == ("ci", "ci", ["read", "write"])
    own = with_token(client, made["token"])
    assert own.get("/jobs").status_code == 200
    [listed] = [row for row in admin.get("/tokens").get_json()["data"] if row["id"] == made["id"]]
    assert listed.pop("last_used_at") is not None
    assert listed == {key: made[key] for key in listed}
    assert "token" not in listed
    assert made["token"] not in admin.get("/tokens").text


def test_an_administrator_makes_tokens_from_the_first_one_on(client: FlaskClient) -> None:
    first = client.post("/tokens", json={"name": "root", "scopes": ["read", "admin"]}).get_json()
    assert first["scopes"] == ["read", "write", "admin"]
    assert client.post("/tokens", json={"name": "more"}).status_code == 401
    second = (
        with_token(client, first["token"]).post("/tokens", json={"name": "two", "owner": "ana"}).get_json()
    )
    assert (second["owner"], second["expires_at"]) == ("ana", None)
    assert with_token(client, second["token"]).post("/tokens", json={"name": "three"}).status_code == 403


def test_the_first_token_must_be_an_administrators(client: FlaskClient) -> None:
    response = client.post("/tokens", json={"name": "ci", "scopes": ["read"]})
    assert response.status_code == 422
    [error] = response.get_json(force=True)["errors"]
    assert (error["field"], error["value"]) == ("scopes", ["read"])
    assert error["message"].startswith("must have admin")
    assert client.get("/jobs").status_code == 200  # nobody is shut out


def test_every_wrong_field_is_named(client: FlaskClient) -> None:
    response = client.post("/tokens", json={"name": "", "scopes": ["root"], "expires_in_s": 0, "owner": ""})
    assert response.status_code == 422
    fields = {error["field"] for error in response.get_json(force=True)["errors"]}
    assert fields == {"name", "scopes.0", "expires_in_s", "owner"}
    assert client.post("/tokens", json={"scopes": []}).status_code == 422


def test_a_revoked_token_stays_in_the_list(client: FlaskClient) -> None:
    admin = caller(client, "root", Right.ADMIN)
    made = admin.post("/tokens", json={"name": "ci"}).get_json()
    for _ in range(2):
        assert admin.delete(f"/tokens/{made['id']}").status_code == 204
    [listed] = [row for row in admin.get("/tokens").get_json()["data"] if row["id"] == made["id"]]
    assert listed["revoked_at"] is not None
    missing = admin.delete("/tokens/token-0")
    assert (missing.status_code, missing.get_json(force=True)["detail"]) == (404, "no token 'token-0'")
