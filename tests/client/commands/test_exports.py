"""export, eject"""

import io
import json
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.client.conftest import Command, Outcome
from tests.client.service import FakeService, Response

DOWNLOAD = "/jobs/job-1/checkpoints/last/download"
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 1_000}
WEIGHTS = b"weights" * 1_000


def archive_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def respond_with_archive(service: FakeService, content: bytes) -> None:
    service.respond_with_bytes("GET", DOWNLOAD, content, "application/zip")


def respond_with_weights(service: FakeService, etag: str) -> None:
    response = Response(200, WEIGHTS, "application/octet-stream", {"ETag": etag})
    service.responses["GET", DOWNLOAD].append(response)


def contents(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def assert_refused(outcome: Outcome, folder: Path, status: int, reason: str) -> None:
    """With nothing changed: `folder` is as it was in its parent, alone."""
    assert (outcome.status, outcome.out) == (status, "")
    assert reason in outcome.err
    assert [entry for entry in folder.parent.iterdir() if entry.name.startswith(".")] == []


def test_hf_is_unpacked_into_a_folder_that_is_made(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    respond_with_archive(service, archive_of(FILES))
    folder = tmp_path / "new" / "model"
    outcome = pretrain("export", "job-1", "--to", folder, "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "")
    assert "config.json, model.safetensors" in outcome.err
    assert contents(folder) == FILES
    assert [entry.name for entry in folder.parent.iterdir()] == ["model"]
    assert service.sent("GET", DOWNLOAD).query == {"format": "hf"}


def test_safetensors_are_written_as_they_are_and_checked_by_their_sha256(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    respond_with_weights(service, f'"{sha256(WEIGHTS).hexdigest()}"')
    outcome = pretrain(
        "export", "job-1", "--format", "safetensors", "--to", tmp_path / "out", "--json", "--url", service.url
    )
    assert contents(tmp_path / "out") == {"weights.safetensors": WEIGHTS}
    assert json.loads(outcome.out) == {"folder": str(tmp_path / "out"), "files": ["weights.safetensors"]}


def test_weights_of_another_sha256_are_not_kept(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    respond_with_weights(service, '"abc"')
    folder = tmp_path / "out" / "model"
    outcome = pretrain("export", "job-1", "--format", "safetensors", "--to", folder, "--url", service.url)
    assert_refused(outcome, folder, 1, "the weights are damaged")
    assert not folder.exists()


@pytest.mark.parametrize("name", ["best", "42"])
def test_another_checkpoint_is_asked_for_by_name_or_step(
    service: FakeService, pretrain: Command, tmp_path: Path, name: str
) -> None:
    path = f"/jobs/job-1/checkpoints/{name}/download"
    service.respond_with_bytes("GET", path, archive_of(FILES), "application/zip")
    command = ["export", "job-1", "--checkpoint", name, "--to", tmp_path / "out", "--url", service.url]
    assert pretrain(*command).status == 0


@pytest.mark.parametrize("name", ["", "..", "newest", "last/../..", "-1"])
def test_what_names_no_checkpoint_is_wrong_usage(
    service: FakeService, pretrain: Command, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "out"
    outcome = pretrain("export", "job-1", f"--checkpoint={name}", "--to", folder, "--url", service.url)
    assert_refused(outcome, folder, 2, "--checkpoint must be last, best or a step")
    assert service.requests == []


def test_a_folder_with_files_is_left_as_it_is_without_force(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "out" / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(b"older")
    outcome = pretrain("export", "job-1", "--to", folder, "--url", service.url)
    assert_refused(outcome, folder, 2, "is not empty; --force replaces")
    assert contents(folder) == {"config.json": b"older"}
    assert service.requests == []


def test_an_earlier_export_is_replaced_as_a_whole_with_force(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    respond_with_archive(service, archive_of(FILES))
    folder = tmp_path / "out" / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(b"older")
    assert pretrain("export", "job-1", "--force", "--to", folder, "--url", service.url).status == 0
    assert contents(folder) == FILES
    assert [entry.name for entry in folder.parent.iterdir()] == ["model"]


def test_force_never_deletes_what_no_export_wrote(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    respond_with_archive(service, archive_of(FILES))
    folder = tmp_path / "out" / "model"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_bytes(b"years of work")
    outcome = pretrain("export", "job-1", "--force", "--to", folder, "--url", service.url)
    assert_refused(outcome, folder, 2, "such as thesis.tex")
    assert contents(folder) == {"thesis.tex": b"years of work"}


def test_an_empty_folder_may_be_there_and_a_file_may_not(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    respond_with_archive(service, archive_of(FILES))
    (tmp_path / "empty").mkdir()
    assert pretrain("export", "job-1", "--to", tmp_path / "empty", "--url", service.url).status == 0
    assert contents(tmp_path / "empty") == FILES
    (tmp_path / "file").write_bytes(b"file")
    outcome = pretrain("export", "job-1", "--force", "--to", tmp_path / "file", "--url", service.url)
    assert (outcome.status, (tmp_path / "file").read_bytes()) == (2, b"file")
    assert "is a file" in outcome.err


def test_a_download_that_breaks_off_leaves_nothing(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    content = archive_of(FILES)
    response = Response(200, content[:-1_000], "application/zip", {"Content-Length": str(len(content))})
    service.responses["GET", DOWNLOAD].append(response)
    folder = tmp_path / "out" / "model"
    outcome = pretrain("export", "job-1", "--to", folder, "--url", service.url)
    assert_refused(outcome, folder, 1, "ended the connection without a whole answer")
    assert not folder.exists()


@pytest.mark.parametrize("name", ["../outside", "a/b", "..", "/etc/passwd"])
def test_an_archive_can_write_nowhere_else(
    service: FakeService, pretrain: Command, tmp_path: Path, name: str
) -> None:
    respond_with_archive(service, archive_of({"config.json": b"{}", name: b"bad"}))
    folder = tmp_path / "out" / "model"
    outcome = pretrain("export", "job-1", "--to", folder, "--url", service.url)
    assert_refused(outcome, folder, 1, "the archive has a file called")
    assert not folder.exists()
    assert list(folder.parent.iterdir()) == []


def test_what_is_no_archive_is_reported(service: FakeService, pretrain: Command, tmp_path: Path) -> None:
    respond_with_archive(service, b"no archive")
    folder = tmp_path / "out" / "model"
    outcome = pretrain("export", "job-1", "--to", folder, "--url", service.url)
    assert_refused(outcome, folder, 1, "damaged")
    damaged = bytearray(archive_of(FILES))
    damaged[len(damaged) // 2] ^= 1
    service.responses.clear()
    respond_with_archive(service, bytes(damaged))
    outcome = pretrain("export", "job-1", "--to", folder, "--url", service.url)
    assert_refused(outcome, folder, 1, "damaged")
    assert not folder.exists()


def test_the_services_reason_is_shown(service: FakeService, pretrain: Command, tmp_path: Path) -> None:
    problem = {"title": "Not Found", "status": 404, "detail": "job job-1 has no checkpoint 'last'"}
    service.respond("GET", DOWNLOAD, problem, 404)
    folder = tmp_path / "out" / "model"
    outcome = pretrain("export", "job-1", "--to", folder, "--url", service.url)
    assert_refused(outcome, folder, 1, "job job-1 has no checkpoint 'last'")


def test_a_service_that_answers_with_something_else_is_recognised(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond_with_bytes("GET", DOWNLOAD, b"<html>", "text/html")
    outcome = pretrain("export", "job-1", "--to", tmp_path / "out", "--url", service.url)
    assert outcome.status == 1
    assert "is it the pretrain service?" in outcome.err


def test_an_ejected_job_is_unpacked_into_a_folder(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    files = {"train.py": b"print('hello')\n", "text.txt": b"hello"}
    service.respond_with_bytes("GET", "/jobs/job-1/eject", archive_of(files), "application/zip")
    outcome = pretrain("eject", "job-1", "--to", tmp_path / "plain", "--url", service.url)
    assert (outcome.status, contents(tmp_path / "plain")) == (0, files)
    assert "text.txt, train.py" in outcome.err
    assert pretrain("eject", "job-1", "--to", tmp_path / "plain", "--url", service.url).status == 2
    assert pretrain("eject", "job-1", "--force", "--to", tmp_path / "plain", "--url", service.url).status == 0
