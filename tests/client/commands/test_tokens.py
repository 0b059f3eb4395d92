"""token create, list, revoke"""

import json
from pathlib import Path
from typing import Any

import pytest

from client.url_file import publish_url
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tokens import create_token, find_token
from jobs.store.viewers import Right
from migrations.upgrade import upgrade
from tests.client.conftest import Command
from tests.client.service import FakeService

TOKEN: dict[str, Any] = {
    "id": "token-1",
    "object": "token",
    "name": "ci\x1b[2J",
    "owner": "ana",
    "scopes": ["read", "write"],
    "created_at": "2026-11-28T07:00:00Z",
    "expires_at": "2026-12-28T07:00:00Z",
    "revoked_at": None,
    "last_used_at": None,
}


@pytest.fixture
def own_database(tmp_path: Path) -> Database:
    """Of the folder that commands work in, with its tables."""
    database = Database(Settings(data_dir=tmp_path / "data").database)
    upgrade(database)
    return database


def test_create_asks_the_service_and_prints_the_token_alone(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/tokens", {**TOKEN, "token": "pt_1_2"}, 201)
    outcome = pretrain(
        *("token", "create", "--name", "ci", "--scope", "read,write", "--expires", "30d", "--owner", "ana"),
        *("--url", service.url),
    )
    assert (outcome.status, outcome.out) == (0, "pt_1_2\n")
    assert "token-1" in outcome.err
    assert "PRETRAIN_TOKEN" in outcome.err
    assert service.sent("POST", "/tokens").body == {
        "name": "ci",
        "scopes": ["read", "write"],
        "expires_in_s": 30 * 24 * 3600,
        "owner": "ana",
    }


@pytest.mark.parametrize(
    "wrong", [("--scope", "root"), ("--scope", ""), ("--expires", "30"), ("--expires", "0d")]
)
def test_what_no_token_can_have_is_refused_before_anything_is_asked(
    service: FakeService, pretrain: Command, wrong: tuple[str, str]
) -> None:
    outcome = pretrain("token", "create", "--name", "ci", *wrong, "--url", service.url)
    assert (outcome.status, service.requests) == (2, [])


def test_list_and_revoke_ask_the_service(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/tokens", [TOKEN])
    listed = pretrain("token", "list", "--url", service.url)
    assert "token-1" in listed.out
    assert "\x1b" not in listed.out
    assert json.loads(pretrain("token", "list", "--json", "--url", service.url).out) == [TOKEN]
    service.respond("DELETE", "/tokens/token-1", None, 204)
    assert pretrain("token", "revoke", "token-1", "--url", service.url).status == 0


def test_the_first_token_is_made_in_the_database_of_a_service_that_never_ran(
    pretrain: Command, tmp_path: Path
) -> None:
    outcome = pretrain("token", "create", "--name", "root", "--scope", "admin")
    assert outcome.status == 0, outcome.err
    database = Database(Settings(data_dir=tmp_path / "data").database)
    with database.read() as session:
        token = find_token(session, outcome.out.strip())
        assert (token.name, token.scope) == ("root", "admin")
    database.close()


def test_while_no_administrator_has_a_token_the_database_is_used(
    pretrain: Command, own_database: Database
) -> None:
    assert json.loads(pretrain("token", "list", "--json").out) == []
    assert pretrain("token", "create", "--name", "ci").status == 0
    [made] = json.loads(pretrain("token", "list", "--json").out)
    assert (made["name"], made["scopes"]) == ("ci", ["read", "write"])
    assert pretrain("token", "revoke", made["id"]).status == 0
    assert json.loads(pretrain("token", "list", "--json").out)[0]["revoked_at"] is not None
    missing = pretrain("token", "revoke", "token-0")
    assert (missing.status, "no token 'token-0'" in missing.err) == (1, True)


def test_once_an_administrator_has_a_token_the_service_is_asked(
    service: FakeService, pretrain: Command, own_database: Database, tmp_path: Path
) -> None:
    with own_database.write() as session:
        create_token(session, "root", Right.ADMIN)
    problem = {"title": "Unauthorized", "status": 401, "detail": "this service needs a token"}
    service.respond("POST", "/tokens", problem, 401)
    with publish_url(tmp_path / "data", service.url):
        outcome = pretrain("token", "create", "--name", "ci")
    assert outcome.status == 1
    assert "401 Unauthorized: this service needs a token" in outcome.err
    assert "Set PRETRAIN_TOKEN to a token." in outcome.err


def test_the_token_of_the_environment_is_sent(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRETRAIN_TOKEN", "pt_mine")
    service.respond_with_list("/tokens", [])
    assert pretrain("token", "list", "--url", service.url).status == 0
    assert service.sent("GET", "/tokens").headers["Authorization"] == "Bearer pt_mine"
