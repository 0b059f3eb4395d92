"""DELETE /jobs/<id>/checkpoints/<step>"""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from jobs.lifecycle.attempts import end
from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.settings import Settings
from jobs.states import TERMINAL, Status
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import running_job


def steps(database: Database, job: Job) -> list[int]:
    with database.read() as session:
        return [row.step for row in list_checkpoints(session, job.id)]


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    """A running job with checkpoints of the steps 4, 8 and 12, of which the last has its weights alone."""
    job = running_job(database, settings)
    for step in (4, 8, 12):
        resumable_checkpoint(database, settings, job, step, resumable=step != 12)
    return job


def stop(database: Database, job: Job, status: Status) -> None:
    with database.write() as session:
        end(session, job.id, job.attempt, status)


def test_a_checkpoint_goes_with_its_files_and_the_others_stay(
    client: FlaskClient, database: Database, settings: Settings, job: Job
) -> None:
    folder = settings.artifacts / "jobs" / job.id / "attempt-1"
    before = client.get(f"/jobs/{job.id}").get_json()
    assert before["disk_bytes"] == 900
    response = client.delete(f"/jobs/{job.id}/checkpoints/4")
    assert (response.status_code, response.data) == (204, b"")
    assert steps(database, job) == [8, 12]
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000008", "step-00000012"]
    assert [path.name for path in (settings.artifacts / "jobs").iterdir()] == [job.id]
    assert client.get(f"/jobs/{job.id}").get_json()["disk_bytes"] == 600
    assert client.get("/jobs").get_json()["data"][0]["disk_bytes"] == 600
    events = client.get(f"/jobs/{job.id}/events").get_json()["data"]
    assert (events[-1]["type"], events[-1]["data"]) == ("checkpoint_deleted", {"step": 4})
    assert client.delete(f"/jobs/{job.id}/checkpoints/4").status_code == 404


@pytest.mark.parametrize("status", [Status.RUNNING, Status.PAUSED])
@pytest.mark.parametrize("step", [8, 12])
def test_what_a_job_may_go_on_from_stays(
    client: FlaskClient, database: Database, job: Job, status: Status, step: int
) -> None:
    if status != Status.RUNNING:
        stop(database, job, status)
    response = client.delete(f"/jobs/{job.id}/checkpoints/{step}")
    assert (response.status_code, response.content_type) == (409, "application/problem+json")
    assert (
        f"is {status}, and the checkpoint of step {step} is the newest"
        in response.get_json(force=True)["detail"]
    )
    assert steps(database, job) == [4, 8, 12]


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_of_a_job_that_has_ended_every_checkpoint_may_go(
    client: FlaskClient, database: Database, job: Job, status: Status
) -> None:
    stop(database, job, status)
    for step in (12, 4, 8):
        assert client.delete(f"/jobs/{job.id}/checkpoints/{step}").status_code == 204
    assert client.get(f"/jobs/{job.id}").get_json()["disk_bytes"] == 0
    assert client.get(f"/jobs/{job.id}/checkpoints").get_json()["data"] == []


def test_what_another_job_goes_on_from_stays_and_that_job_is_named(
    client: FlaskClient, database: Database, settings: Settings, job: Job
) -> None:
    child = client.post(f"/jobs/{job.id}/fork", json={"checkpoint": 4}).get_json()
    manifest = (
        settings.artifacts / "jobs" / job.id / "attempt-1" / "step-00000004" / "checkpoint.json"
    ).stat()
    assert child["disk_bytes"] == 300 + manifest.st_size
    refused = client.delete(f"/jobs/{job.id}/checkpoints/4")
    assert refused.status_code == 409
    assert child["id"] in refused.get_json(force=True)["detail"]
    client.post(f"/jobs/{child['id']}/cancel")
    assert client.delete(f"/jobs/{job.id}/checkpoints/4").status_code == 204


@pytest.mark.parametrize("step", ["5", "last", "best", "-1", "04", "4.0", "x" * 30])
def test_what_is_not_there_is_not_found(client: FlaskClient, database: Database, job: Job, step: str) -> None:
    assert client.delete(f"/jobs/{job.id}/checkpoints/{step}").status_code == 404
    assert steps(database, job) == [4, 8, 12]
    assert client.delete("/jobs/job-0/checkpoints/4").status_code == 404


def test_files_that_are_gone_already_are_no_error(
    client: FlaskClient, database: Database, settings: Settings, job: Job
) -> None:
    folder = settings.artifacts / "jobs" / job.id / "attempt-1" / "step-00000004"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert client.delete(f"/jobs/{job.id}/checkpoints/4").status_code == 204


def test_files_that_can_not_be_deleted_now_are_left_to_the_keeper(
    client: FlaskClient, database: Database, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr("jobs.files.cleanup.shutil.rmtree", refuse)
    assert client.delete(f"/jobs/{job.id}/checkpoints/4").status_code == 204
    assert steps(database, job) == [8, 12]
