"""What one owner finds of another's: nothing, at every route."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.http.openai_errors import is_openai_path
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from jobs.store.viewers import Right, Viewer, viewed_by
from tests.api.callers import caller
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import announce_worker, running_job
from tests.jobs.store.test_ownership import Things

ANA = Viewer(Right.WRITE, "ana")


@pytest.fixture
def things(database: Database, settings: Settings) -> Things:
    """Ana's."""
    with viewed_by(ANA):
        return Things(database, settings)


def paths_with_ids(client: FlaskClient, things: Things) -> list[tuple[str, str]]:
    """Every method and path that names something of hers."""
    kinds = ("job", "dataset", "tokenizer", "model")
    ids = {f"{kind}_id": row_id for kind, row_id in zip(kinds, things.ids.values(), strict=True)}
    found = []
    for rule in client.application.url_map.iter_rules():
        if not rule.arguments & ids.keys():
            continue
        ids_here = {"model_id": things.ids[Job]} if is_openai_path(rule.rule) else ids
        _, path = rule.build({name: ids_here.get(name, "1") for name in rule.arguments})  # type: ignore[misc]
        found += [(method, path) for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"})]
    return found


def test_every_route_answers_another_owner_as_if_there_were_nothing(
    client: FlaskClient, things: Things
) -> None:
    bob = caller(client, "bob")
    paths = paths_with_ids(client, things)
    assert len(paths) > 30
    for method, path in paths:
        refused = bob.open(path, method=method)
        assert refused.status_code == 404, (method, path)
        unknown = path
        for row_id in things.ids.values():
            unknown = unknown.replace(row_id, row_id[:-8] + "00000000")
        assert bob.open(unknown, method=method).status_code == 404, (method, unknown)


def test_no_list_shows_what_is_anothers(client: FlaskClient, things: Things) -> None:
    for owner, right, is_shown in (
        ("bob", Right.WRITE, False),
        ("ana", Right.READ, True),
        ("root", Right.ADMIN, True),
    ):
        own = caller(client, owner, right)
        text = "".join(own.get(path).text for path in ("/jobs", "/datasets", "/tokenizers", "/models"))
        assert {row_id in text for row_id in things.ids.values()} == {is_shown}, owner


def test_what_is_shared_all_see_and_nobody_else_changes(client: FlaskClient, things: Things) -> None:
    ana, bob = caller(client, "ana"), caller(client, "bob")
    for kind, row_id in zip(("jobs", "datasets", "tokenizers", "models"), things.ids.values(), strict=True):
        path = f"/{kind}/{row_id}"
        assert bob.post(f"{path}/share").status_code == 404
        shared = ana.post(f"{path}/share").get_json()
        assert (shared["id"], shared["owner"], shared["shared"]) == (row_id, "ana", True)
        assert bob.get(path).get_json()["owner"] == "ana"
        for method, changing in (("DELETE", path), ("POST", f"{path}/unshare")):
            refused = bob.open(changing, method=method)
            assert refused.status_code == 403, changing
            assert "its owner has shared it" in refused.get_json(force=True)["detail"]
        assert ana.post(f"{path}/unshare").get_json()["shared"] is False
        assert bob.get(path).status_code == 404
        assert caller(client, "root", Right.ADMIN).get(path).status_code == 200


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (lambda ids: {"dataset": ids["Dataset"]}, "dataset"),
        (lambda ids: {"validation_dataset": ids["Dataset"]}, "validation_dataset"),
        (lambda ids: {"tokenizer": ids["TrainedTokenizer"]}, "tokenizer"),
        (lambda ids: {"start_from": {"job": ids["Job"]}}, "start_from.job"),
        (lambda ids: {"start_from": {"model": ids["ImportedModel"]}}, "start_from.model"),
    ],
)
def test_a_spec_of_another_owner_can_not_name_it(
    client: FlaskClient, things: Things, spec: Any, field: str
) -> None:
    body = spec({table.__name__: row_id for table, row_id in things.ids.items()})
    response = caller(client, "bob").post("/jobs", json={"preset": "tiny", "dataset": "sample", **body})
    assert response.status_code == 422
    assert field in [error["field"] for error in response.get_json(force=True)["errors"]]


def test_a_prompt_of_another_owner_can_not_ask_it(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    with viewed_by(ANA):
        job = running_job(database, settings)
    resumable_checkpoint(database, settings, job, 1)
    bob = caller(client, "bob")
    for asked in ({"job_id": job.id}, {}):
        assert bob.post("/generate", json={"prompt": "Boats", **asked}).status_code == 404
    assert bob.post("/score", json={"text": "Boats", "job_id": job.id}).status_code == 404
    assert bob.post("/v1/completions", json={"prompt": "Boats", "model": job.id}).status_code == 404
    assert bob.get("/v1/models").get_json()["data"] == []
    assert caller(client, "ana").get("/v1/models").get_json()["data"] != []


def test_jobs_are_listed_by_their_owner(client: FlaskClient, things: Things) -> None:
    root = caller(client, "root", Right.ADMIN)
    assert [job["id"] for job in root.get("/jobs?owner=ana").get_json()["data"]] == [things.ids[Job]]
    assert root.get("/jobs?owner=bob").get_json()["data"] == []


def test_what_a_worker_does_for_another_owner_is_not_told(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    with viewed_by(ANA):
        job = running_job(database, settings)
    announce_worker(database, "train", job_id=job.id)
    told = [caller(client, owner).get("/workers").get_json()["data"][0]["job_id"] for owner in ("ana", "bob")]
    assert told == [job.id, None]


def test_the_same_text_is_a_data_set_of_each_owner(client: FlaskClient) -> None:
    body = {"name": "boats", "text": "Boats. " * 50}
    ana, bob = caller(client, "ana"), caller(client, "bob")
    assert [ana.post("/datasets", json=body).status_code for _ in range(2)] == [201, 200]
    added = bob.post("/datasets", json=body)
    assert (added.status_code, added.get_json()["notices"]) == (201, [])
    own = ana.get("/datasets").get_json()["data"][-1]
    assert ana.delete(f"/datasets/{own['id']}").status_code == 204
    kept = bob.get(f"/datasets/{added.get_json()['id']}/text").get_json()["text"]
    assert kept == body["text"]
