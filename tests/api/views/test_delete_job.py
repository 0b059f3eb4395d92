"""DELETE /jobs/<id>"""

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from jobs.files.layout import checkpoint_root, job_directory
from jobs.settings import Settings
from jobs.states import TERMINAL, Status
from jobs.store.database import Database
from jobs.store.tables import Removal
from tests.api.seeds import ended_job
from tests.jobs.making import queued_job, running_job


def write_checkpoint(settings: Settings, job_id: str) -> Path:
    """A file such as checkpoints have; the job's folder."""
    directory = checkpoint_root(settings.artifacts, job_id, 1) / "step-1"
    directory.mkdir(parents=True)
    (directory / "weights.safetensors").write_bytes(b"0")
    return job_directory(settings.artifacts, job_id)


@pytest.mark.parametrize("status", sorted(TERMINAL | {Status.PAUSED}))
def test_a_job_that_nobody_runs_any_more_goes_with_its_files(
    client: FlaskClient, database: Database, settings: Settings, status: Status
) -> None:
    job = ended_job(database, settings, status)
    folder, other = (write_checkpoint(settings, job_id) for job_id in (job.id, "job-other"))
    response = client.delete(f"/jobs/{job.id}")
    assert (response.status_code, response.data) == (204, b"")
    assert (folder.exists(), other.exists()) == (False, True)
    for path in (f"/jobs/{job.id}", f"/jobs/{job.id}/events", f"/jobs/{job.id}/losses"):
        assert client.get(path).status_code == 404
    assert client.delete(f"/jobs/{job.id}").status_code == 404


@pytest.mark.parametrize("make_job", [queued_job, running_job])
def test_a_job_that_is_still_wanted_is_answered_with_409_and_stays(
    client: FlaskClient, database: Database, settings: Settings, make_job: object
) -> None:
    assert callable(make_job)
    job = make_job(database, settings)
    folder = write_checkpoint(settings, job.id)
    response = client.delete(f"/jobs/{job.id}")
    assert (response.status_code, response.content_type) == (409, "application/problem+json")
    assert f"is {job.status}, so delete is not possible" in response.get_json(force=True)["detail"]
    assert folder.exists()
    assert client.get(f"/jobs/{job.id}").status_code == 200


def test_files_that_cannot_be_deleted_now_are_left_to_the_keeper(
    client: FlaskClient, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ended_job(database, settings, Status.SUCCEEDED)
    write_checkpoint(settings, job.id)

    def refuse(_: Path) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr("jobs.files.cleanup.shutil.rmtree", refuse)
    assert client.delete(f"/jobs/{job.id}").status_code == 204
    assert client.get(f"/jobs/{job.id}").status_code == 404
    with database.read() as session:
        assert list(session.scalars(select(Removal.job_id))) == [job.id]


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.delete("/jobs/job-0").status_code == 404
