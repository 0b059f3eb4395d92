"""POST /models"""

import errno
import io
import random
import re
import resource
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.services import EXTENSION
from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.conftest import Serve
from tests.api.server.serving import RawClient, serving
from tests.gpt2_files import write_model
from tests.jobs.messages import messages
from tests.waiting import wait_until


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def send(
    client: FlaskClient, files: dict[str, bytes], field: str | None = "file", query: str = ""
) -> TestResponse:
    """The files as parts that are called `field`; None: as the files are."""
    parts: dict[str, Any] = {}
    for name, content in files.items():
        parts.setdefault(field or name, []).append((io.BytesIO(content), name))
    return client.post(f"/models{query}", data=parts)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def stored(settings: Settings) -> list[Path]:
    folder = settings.artifacts / "models"
    return list(folder.iterdir()) if folder.exists() else []


def errors(response: TestResponse) -> dict[str, str]:
    assert response.status_code == 422, response.data
    return {error["field"]: error["message"] for error in response.get_json(force=True)["errors"]}


@pytest.mark.parametrize("field", ["file", None])
def test_a_models_files_are_stored_as_they_are_for_a_worker_to_check(
    client: FlaskClient, settings: Settings, model: Path, field: str | None
) -> None:
    response = send(client, contents(model), field, "?name=mine")
    assert response.status_code == 202
    record = response.get_json()
    assert response.headers["Location"] == f"/models/{record['id']}"
    assert (record["object"], record["name"], record["status"]) == ("model", "mine", "preparing")
    assert record["bytes"] == sum(map(len, contents(model).values()))
    (folder,) = stored(settings)
    assert contents(folder) == contents(model)
    assert messages(settings, "prepare") == 1
    assert client.get(f"/models/{record['id']}").get_json() == record
    assert client.get("/models").get_json()["data"] == [record]


def test_a_name_is_not_needed(client: FlaskClient, model: Path) -> None:
    assert send(client, contents(model)).get_json()["name"] is None


CONFIG = {"config.json": b"{}"}
WEIGHTS = {"model.safetensors": b"\x02" + bytes(7) + b"{}"}
INDEX = {"model.safetensors.index.json": b"{}"}


def shard(number: int, count: int) -> dict[str, bytes]:
    return {f"model-{number:05}-of-{count:05}.safetensors": WEIGHTS["model.safetensors"]}


@pytest.mark.parametrize(
    ("files", "field", "message"),
    [
        ({"pytorch_model.bin": b"x"}, "pytorch_model.bin", "pickles run code .*save_pretrained"),
        ({"a.PT": b"x"}, "a.PT", "pickles run code"),
        ({"a.ckpt": b"x"}, "a.ckpt", "pickles run code"),
        ({"a.pkl": b"x"}, "a.pkl", "pickles run code"),
        (
            {"model.safetensors": b"PK\x03\x04" + bytes(20)},
            "model.safetensors",
            "is a ZIP archive, .*pickles",
        ),
        (
            {"model.safetensors": b"\x80\x02}q\x00." + bytes(20)},
            "model.safetensors",
            "is a pickle: .*save_pretr",
        ),
        ({"model.safetensors": b"hello, world"}, "model.safetensors", "is no safetensors file"),
        ({"model.safetensors": b""}, "model.safetensors", "must not be empty"),
        ({"model.onnx": b"x"}, "file", "unknown file 'model.onnx'; only model.safetensors"),
        ({"../config.json/..": b"x"}, "file", "unknown file"),
        ({"config.json": b" " * (2**20 + 1)}, "config.json", "has more than 1,048,576 bytes"),
        ({}, "config.json", "must be given"),
        (CONFIG, "model.safetensors", "must be given, or shards"),
        (WEIGHTS, "config.json", "must be given"),
        (CONFIG | WEIGHTS | INDEX, "model.safetensors.index.json", "belongs to shards"),
        (CONFIG | WEIGHTS | shard(1, 2), "model-00001-of-00002.safetensors", "can't be given beside"),
        (CONFIG | shard(1, 1), "model.safetensors.index.json", "must be given with shards"),
        (CONFIG | INDEX | shard(1, 3) | shard(3, 3), "model-00002-of-00003.safetensors", "2 of 3 shards"),
        (CONFIG | INDEX | shard(1, 2) | shard(2, 3), "model-00001-of-00002.safetensors", "the same number"),
    ],
    ids=range(19),
)
def test_files_that_are_no_model_are_refused_by_name_and_leave_nothing(
    client: FlaskClient, settings: Settings, files: dict[str, bytes], field: str, message: str
) -> None:
    found = errors(send(client, files) if files else empty_form(client))
    assert field in found
    assert re.search(message, found[field]), found[field]
    assert stored(settings) == []
    assert client.get("/models").get_json()["data"] == []


def empty_form(client: FlaskClient) -> TestResponse:
    return client.post("/models", data=b"--b--\r\n", content_type="multipart/form-data; boundary=b")


def test_a_file_is_taken_once(client: FlaskClient, model: Path) -> None:
    twice = {"file": [(io.BytesIO(b"{}"), "config.json"), (io.BytesIO(b"{}"), "config.json")]}
    assert errors(client.post("/models", data=twice)) == {"config.json": "must be given once"}


def test_a_part_that_is_no_file_is_refused(client: FlaskClient) -> None:
    assert (
        "must be a file, with a filename"
        in errors(client.post("/models", data={"name": "mine"}, **FORM))["name"]
    )


FORM = {"content_type": "multipart/form-data"}


def test_a_body_that_is_no_form_is_415(client: FlaskClient) -> None:
    response = client.post("/models", data=b"{}", content_type="application/json")
    assert response.status_code == 415
    assert "must be multipart/form-data, not 'application/json'" in response.get_json(force=True)["detail"]
    assert client.post("/models", data={}, **FORM, headers={"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize("chunked", [True, False])
def test_too_large_a_model_is_413(
    serve: Serve, settings: Settings, database: Database, model: Path, chunked: bool
) -> None:
    client = serve(settings.model_copy(update={"max_model_bytes": 1000}))
    body = form_of(contents(model)) + bytes(300_000)
    arguments: Any = {"data": body}
    if chunked:
        arguments = {"input_stream": io.BytesIO(body), "environ_overrides": {"wsgi.input_terminated": True}}
    response = client.post("/models", content_type="multipart/form-data; boundary=b", **arguments)
    assert response.status_code == 413
    detail = response.get_json(force=True)["detail"]
    assert detail == "the model has more bytes than the limit of 1,000 (PRETRAIN_MAX_MODEL_BYTES)"
    assert stored(settings) == []


def test_a_model_that_the_disk_cannot_hold_is_507_before_it_is_read(
    client: FlaskClient, settings: Settings, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.views.imported_models.free_bytes", lambda _: 100)
    response = send(client, contents(model))
    assert response.status_code == 507
    assert "the disk of the service has room for 100" in response.get_json(force=True)["detail"]
    assert stored(settings) == []


def test_a_disk_that_is_full_in_the_middle_is_507_and_keeps_nothing(
    client: FlaskClient, settings: Settings, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert send(client, contents(model)).status_code == 507
    assert stored(settings) == []


def form_of(files: dict[str, bytes]) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n'
    return b"".join(head % (name.encode(), content) for name, content in files.items()) + b"--b--\r\n"


@pytest.mark.sqlite_will_do
def test_nothing_is_left_of_a_model_that_is_cut_anywhere(
    settings: Settings, database: Database, model: Path
) -> None:
    body = form_of(contents(model))
    rng = random.Random(3)
    app = create_app(settings)
    with serving(app) as served:
        for cut in [0, 1, len(body) - 8, *(rng.randrange(len(body)) for _ in range(5))]:
            with RawClient(served.port) as raw:
                raw.start_post(
                    "/models", "Content-Type: multipart/form-data; boundary=b", f"Content-Length: {len(body)}"
                )
                raw.send(body[:cut])
                if cut % 2:
                    raw.half_close()
                    assert raw.response().status == 400
                else:
                    raw.reset()
            wait_until(
                lambda: stored(settings) == [], f"the files of a model that was cut at {cut} were gone"
            )
        with RawClient(served.port) as raw:
            response = raw.post("/models", body, "Content-Type: multipart/form-data; boundary=b").response()
            assert response.status == 202
        # What a client that has gone had begun to send may come to its view only now.
        wait_until(lambda: len(stored(settings)) == 1, "the files of this one alone were there")
    app.extensions[EXTENSION].database.close()


@pytest.mark.sqlite_will_do
def test_a_model_takes_no_memory_by_its_size(settings: Settings, database: Database) -> None:
    block = bytes(2**20)
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="model.safetensors"\r\n\r\n'
    app = create_app(settings)
    with serving(app) as served, RawClient(served.port) as raw:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin, end, blocks = head + WEIGHTS["model.safetensors"], b"\r\n--b--\r\n", 64
        size = len(begin) + blocks * len(block) + len(end)
        raw.start_post("/models", "Content-Type: multipart/form-data; boundary=b", f"Content-Length: {size}")
        for part in (begin, *[block] * blocks, end):
            raw.send(part)
        assert raw.response().status == 422  # without a config.json
    app.extensions[EXTENSION].database.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KiB


def test_an_unknown_model_is_404(client: FlaskClient) -> None:
    assert client.get("/models/model-0").status_code == 404
    assert client.delete("/models/model-0").status_code == 404


def test_a_deleted_model_is_gone_with_its_files(client: FlaskClient, settings: Settings, model: Path) -> None:
    model_id = send(client, contents(model)).get_json()["id"]
    folder = settings.artifacts / "models" / model_id / "attempt-1"
    folder.mkdir(parents=True)
    assert client.delete(f"/models/{model_id}").status_code == 204
    assert client.get(f"/models/{model_id}").status_code == 404
    assert stored(settings) == []
