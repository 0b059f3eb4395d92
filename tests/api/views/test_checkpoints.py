"""GET /jobs/<id>/checkpoints"""

from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.seeds import checkpoint
from tests.jobs.making import queued_job, running_job


def test_checkpoints_say_which_is_the_newest_and_which_the_best(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    checkpoint(database, job, step=8, val_loss=6.0)
    checkpoint(database, job, step=17, val_loss=6.5)
    checkpoints = client.get(f"/jobs/{job.id}/checkpoints").get_json()
    assert (checkpoints["object"], checkpoints["has_more"]) == ("list", False)
    assert [(row["step"], row["kind"]) for row in checkpoints["data"]] == [(8, ["best"]), (17, ["last"])]
    assert set(checkpoints["data"][0]) == {
        "id", "step", "epoch", "train_loss", "val_loss", "bytes", "sha256", "kind", "created_at",
    }  # fmt: skip


def test_one_checkpoint_may_be_both(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    checkpoint(database, job, step=8)
    (only,) = client.get(f"/jobs/{job.id}/checkpoints").get_json()["data"]
    assert only["kind"] == ["last", "best"]


def test_a_job_without_checkpoints_has_an_empty_list(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    assert client.get(f"/jobs/{job.id}/checkpoints").get_json()["data"] == []


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/jobs/job-0/checkpoints").status_code == 404
