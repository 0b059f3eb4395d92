"""GET /jobs/<id>/checkpoints/<checkpoint>/download, as safetensors"""

import random
import shutil
import socket
from hashlib import sha256

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from jobs.lifecycle import weights as weights_module
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.seeds import checkpoint, stored_checkpoint
from tests.api.server.serving import RawClient, serving
from tests.jobs.making import queued_job, running_job

WEIGHTS = random.Random(1).randbytes(3_000)
ETAG = f'"{sha256(WEIGHTS).hexdigest()}"'


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    return running_job(database, settings)


@pytest.fixture
def url(database: Database, settings: Settings, job: Job) -> str:
    stored_checkpoint(database, settings, job, 9, WEIGHTS)
    return f"/jobs/{job.id}/checkpoints/9/download"


def test_the_whole_file_is_an_attachment_with_its_sha256_as_etag(
    client: FlaskClient, url: str, job: Job
) -> None:
    response = client.get(url)
    assert (response.status_code, response.data) == (200, WEIGHTS)
    assert response.headers["ETag"] == ETAG
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Length"] == "3000"
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == f"attachment; filename={job.id}-step-9.safetensors"


@pytest.mark.parametrize("name", ["last", "best", "9"])
def test_a_checkpoint_is_named_as_in_a_prompt(client: FlaskClient, url: str, job: Job, name: str) -> None:
    assert client.get(f"/jobs/{job.id}/checkpoints/{name}/download?format=safetensors").data == WEIGHTS


@pytest.mark.parametrize(
    ("asked", "expected", "content_range"),
    [
        ("bytes=0-0", WEIGHTS[:1], "bytes 0-0/3000"),
        ("bytes=100-199", WEIGHTS[100:200], "bytes 100-199/3000"),
        ("bytes=2990-", WEIGHTS[2990:], "bytes 2990-2999/3000"),
        ("bytes=-7", WEIGHTS[-7:], "bytes 2993-2999/3000"),
        ("bytes=2990-9999", WEIGHTS[2990:], "bytes 2990-2999/3000"),
    ],
)
def test_a_range_is_answered_with_206(
    client: FlaskClient, url: str, asked: str, expected: bytes, content_range: str
) -> None:
    response = client.get(url, headers={"Range": asked})
    assert (response.status_code, response.data) == (206, expected)
    assert response.headers["Content-Range"] == content_range
    assert response.headers["Content-Length"] == str(len(expected))
    assert response.headers["ETag"] == ETAG


@pytest.mark.parametrize("asked", ["bytes=3000-", "bytes=5-2", "bytes=x-y", "bytes="])
def test_a_range_that_the_file_does_not_have_is_416(client: FlaskClient, url: str, asked: str) -> None:
    response = client.get(url, headers={"Range": asked})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */3000"
    assert asked in response.get_json(force=True)["detail"]


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2"])
def test_several_ranges_and_other_units_are_ignored(client: FlaskClient, url: str, asked: str) -> None:
    response = client.get(url, headers={"Range": asked})
    assert (response.status_code, response.data) == (200, WEIGHTS)


def test_a_download_goes_on_only_if_it_is_still_the_same_file(client: FlaskClient, url: str) -> None:
    same = client.get(url, headers={"Range": "bytes=10-", "If-Range": ETAG})
    assert (same.status_code, same.data) == (206, WEIGHTS[10:])
    other = client.get(url, headers={"Range": "bytes=10-", "If-Range": '"another"'})
    assert (other.status_code, other.data) == (200, WEIGHTS)


def test_who_has_the_file_already_gets_304(client: FlaskClient, url: str) -> None:
    response = client.get(url, headers={"If-None-Match": ETAG})
    assert (response.status_code, response.data) == (304, b"")


def test_who_wants_another_content_gets_412(client: FlaskClient, url: str) -> None:
    response = client.get(url, headers={"If-Match": '"another"'})
    assert response.status_code == 412
    assert ETAG in response.get_json(force=True)["detail"]


def test_an_unknown_format_is_422(client: FlaskClient, url: str) -> None:
    response = client.get(f"{url}?format=pickle")
    assert response.status_code == 422
    assert response.get_json(force=True)["errors"][0]["field"] == "format"


def test_what_is_not_there_is_404_and_the_message_says_what_is(
    client: FlaskClient, url: str, job: Job
) -> None:
    assert client.get("/jobs/job-0/checkpoints/last/download").status_code == 404
    other = client.get(f"/jobs/{job.id}/checkpoints/10/download")
    assert other.status_code == 404
    assert "its checkpoints' steps: 9" in other.get_json(force=True)["detail"]
    assert client.get(f"/jobs/{job.id}/checkpoints/{'9' * 21}/download").status_code == 404


def test_a_job_without_checkpoints_is_404(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    waiting = queued_job(database, settings)
    assert client.get(f"/jobs/{waiting.id}/checkpoints/last/download").status_code == 404


def test_files_that_are_gone_from_the_disk_are_410(client: FlaskClient, database: Database, job: Job) -> None:
    checkpoint(database, job, step=9)
    response = client.get(f"/jobs/{job.id}/checkpoints/9/download")
    assert response.status_code == 410
    assert "step 9" in response.get_json(force=True)["detail"]


def test_a_truncated_file_is_never_served(
    client: FlaskClient, database: Database, settings: Settings, job: Job
) -> None:
    file = stored_checkpoint(database, settings, job, 9, WEIGHTS)
    file.write_bytes(WEIGHTS[:-1])
    response = client.get(f"/jobs/{job.id}/checkpoints/9/download")
    assert response.status_code == 410
    assert "2,999 bytes, 3,000 were written" in response.get_json(force=True)["detail"]
    file.write_bytes(WEIGHTS)
    entry = '{"bytes": 3000}'
    for damaged in ("{", '{"files": []}', '{"files": {}}', f'{{"files": {{"tokenizer.json": {entry}}}}}'):
        (file.parent / "checkpoint.json").write_text(damaged)
        response = client.get(f"/jobs/{job.id}/checkpoints/9/download")
        assert response.status_code == 410
        assert response.get_json(force=True)["detail"] == "a checkpoint's checkpoint.json is damaged"


def test_a_checkpoint_that_is_replaced_while_it_is_looked_up_is_looked_up_again(
    client: FlaskClient, database: Database, settings: Settings, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = stored_checkpoint(database, settings, job, 9, WEIGHTS)
    find = weights_module.find_checkpoint
    newer = WEIGHTS[::-1]

    def find_and_lose(*arguments: object) -> object:
        found = find(*arguments)  # type: ignore[arg-type]
        if old.exists():
            shutil.rmtree(old.parent)
            stored_checkpoint(database, settings, job, 18, newer, val_loss=5.0)
        return found

    monkeypatch.setattr(weights_module, "find_checkpoint", find_and_lose)
    assert client.get(f"/jobs/{job.id}/checkpoints/last/download").data == newer


def test_a_download_ends_well_although_its_checkpoint_is_deleted_meanwhile(
    settings: Settings, database: Database, job: Job
) -> None:
    content = random.Random(2).randbytes(24 * 2**20)
    file = stored_checkpoint(database, settings, job, 9, content)
    path = f"/jobs/{job.id}/checkpoints/last/download"
    with serving(create_app(settings)) as served, RawClient(served.port, receive_bytes=4096) as slow:
        slow.get(path)
        assert slow.socket.recv(1, socket.MSG_PEEK)
        shutil.rmtree(file.parent)
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        response = slow.response()
        assert (response.status, response.body == content) == (200, True)


def test_head_answers_with_the_headers_alone(settings: Settings, url: str) -> None:
    with serving(create_app(settings)) as served, RawClient(served.port) as client:
        client.send(f"HEAD {url} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = client.response("HEAD")
        client.send(f"HEAD {url} HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-9\r\n\r\n")
        ranged = client.response("HEAD")
        assert (head.status, head.headers["content-length"], head.body) == (200, "3000", b"")
        assert head.headers["etag"] == ETAG
        assert (ranged.status, ranged.headers["content-length"]) == (200, "3000")
