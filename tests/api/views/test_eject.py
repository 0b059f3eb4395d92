"""GET /jobs/<id>/eject"""

import io
import json
import zipfile

from flask.testing import FlaskClient

from jobs.files.layout import dataset_path
from jobs.settings import Settings
from jobs.store.database import Database
from tests.jobs.making import queued_job


def test_a_job_comes_as_a_zip_with_its_text_and_its_spec(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    response = client.get(f"/jobs/{job.id}/eject")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == f"attachment; filename={job.id}.zip"
    assert response.headers["Content-Length"] == str(len(response.data))
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["README.md", "train.py", "spec.json", "gpt2.tiktoken", "text.txt"]
        assert archive.read("text.txt") == dataset_path(settings.artifacts, job.dataset_sha256).read_bytes()
        assert json.loads(archive.read("spec.json"))["preset"] == "tiny"
        compile(archive.read("train.py"), "train.py", "exec")


def test_an_unknown_job_is_404(client: FlaskClient) -> None:
    assert client.get("/jobs/job-0/eject").status_code == 404


def test_a_job_whose_text_is_gone_is_410(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    dataset_path(settings.artifacts, job.dataset_sha256).unlink()
    response = client.get(f"/jobs/{job.id}/eject")
    assert response.status_code == 410
    assert "is gone" in response.get_json(force=True)["detail"]
