"""GET /jobs/<id>/eject"""

import io
import json
import zipfile

from flask.testing import FlaskClient

from jobs.files.layout import dataset_path
from jobs.files.tokenizers import find_tokenizer
from jobs.settings import Settings
from jobs.store.database import Database
from model.tokenizers import BPETokenizer, tiktoken_lines
from tests.jobs.making import asked_tokenizer, prepare_all, queued_job


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


def test_a_job_on_a_tokenizer_of_ones_own_comes_with_its_tokens_once_it_is_ready(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    asked = asked_tokenizer(database, settings)
    job = queued_job(database, settings, tokenizer=asked.id, model={"context_length": 16})
    early = client.get(f"/jobs/{job.id}/eject")
    assert early.status_code == 409
    assert early.get_json(force=True)["detail"] == f"the tokenizer {asked.id} is still being trained"
    prepare_all(database, settings)
    response = client.get(f"/jobs/{job.id}/eject")
    assert response.status_code == 200, response.data
    tokenizer = find_tokenizer(database, settings, asked.id)
    assert isinstance(tokenizer, BPETokenizer)
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        assert f"{asked.id}.tiktoken" in archive.namelist()
        assert archive.read(f"{asked.id}.tiktoken").decode() == tiktoken_lines(tokenizer.ranks)
        script = archive.read("train.py").decode()
    assert f"VOCAB_SIZE = {tokenizer.vocab_size} " in script
    compile(script, "train.py", "exec")


def test_an_unknown_job_is_404(client: FlaskClient) -> None:
    assert client.get("/jobs/job-0/eject").status_code == 404


def test_a_job_whose_text_is_gone_is_410(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    dataset_path(settings.artifacts, job.dataset_sha256).unlink()
    response = client.get(f"/jobs/{job.id}/eject")
    assert response.status_code == 410
    assert "is gone" in response.get_json(force=True)["detail"]
