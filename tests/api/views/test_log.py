"""GET /jobs/<id>/log"""

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobs.files.layout import log_directory
from jobs.files.trainer_logs import segment_name
from jobs.lifecycle.attempts import claim, stop
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.jobs.making import queued_job, running_job

pytestmark = pytest.mark.sqlite_will_do


def write_log(settings: Settings, job: Job, attempt: int, content: bytes, place: int = 0) -> Path:
    folder = log_directory(settings.artifacts, job.id, attempt)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / segment_name(place)
    with path.open("ab") as file:
        file.write(content)
    return path


def next_attempt(database: Database, job: Job) -> None:
    """The worker hands the job back, and another one claims it."""
    with database.write() as session:
        stop(session, job.id, job.attempt, "the worker is shutting down")
        claimed = claim(session, job.id, "worker-2", lease_s=30)
    assert claimed is not None
    job.attempt = claimed.attempt


def place(response: TestResponse) -> tuple[str, str]:
    return response.headers["X-Log-Attempt"], response.headers["X-Log-Offset"]


def test_a_job_that_nobody_has_run_has_an_empty_log(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    response = client.get(f"/jobs/{queued_job(database, settings).id}/log")
    assert (response.status_code, response.text, place(response)) == (200, "", ("0", "0"))
    assert response.content_type == "text/plain; charset=utf-8"


def test_the_log_of_a_running_job_has_its_whole_lines(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    write_log(settings, job, 1, b"one\ntwo\nthr")
    response = client.get(f"/jobs/{job.id}/log")
    assert (response.text, place(response)) == ("one\ntwo\n", ("1", "8"))


def test_it_is_followed_by_the_place_that_the_response_names(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    write_log(settings, job, 1, "one\ncaf\u00e9\nthr".encode())
    _, offset = place(client.get(f"/jobs/{job.id}/log", query_string={"tail": 1}))

    def follow() -> TestResponse:
        return client.get(f"/jobs/{job.id}/log", query_string={"attempt": 1, "offset": offset})

    assert (follow().text, place(follow())) == ("", ("1", offset))
    write_log(settings, job, 1, b"ee\nfour\nfi")
    assert follow().text == "three\nfour\n"
    offset = follow().headers["X-Log-Offset"]
    next_attempt(database, job)
    assert follow().text == "fi", "of an attempt that is over it has the line that never ended"


def test_the_logs_of_all_attempts_stand_below_their_numbers(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    write_log(settings, job, 1, b"a\nb, broken off")
    for _ in range(3):
        next_attempt(database, job)
    write_log(settings, job, 2, b"c\n")
    write_log(settings, job, 4, b"d\ne\n")
    path = f"/jobs/{job.id}/log"
    whole = "==> attempt 1 <==\na\nb, broken off\n==> attempt 2 <==\nc\n==> attempt 4 <==\nd\ne\n"
    assert client.get(path).text == whole
    assert place(client.get(path)) == ("4", "4")
    assert client.get(f"{path}?tail=1").text == "==> attempt 4 <==\ne\n"
    assert client.get(f"{path}?tail=3").text == "==> attempt 2 <==\nc\n==> attempt 4 <==\nd\ne\n"
    assert client.get(f"{path}?tail=4").text == whole.replace("a\n", "", 1)
    assert client.get(f"{path}?tail=100").text == whole
    assert client.get(f"{path}?attempt=1").text == "a\nb, broken off"
    assert client.get(f"{path}?attempt=3").text == ""
    assert client.get(f"{path}?attempt=4&tail=1").text == "e\n"


def test_what_is_not_kept_is_a_line_that_says_so(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    write_log(settings, job, 1, b"head\n")
    write_log(settings, job, 1, b"tail\n", place=5_000_005)
    response = client.get(f"/jobs/{job.id}/log")
    assert response.text == "head\n[... 5,000,000 bytes are not kept ...]\ntail\n"
    assert place(response) == ("1", "5000010")
    behind = client.get(f"/jobs/{job.id}/log?attempt=1&offset=100")
    assert behind.text == "[... 4,999,905 bytes are not kept ...]\ntail\n"


def test_terminal_escapes_and_junk_are_not_sent(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    write_log(settings, job, 1, b"\x1b[31mred\x1b[0m\x00 \xff\n 5 %\r10 %\n")
    assert client.get(f"/jobs/{job.id}/log").text == "red \ufffd\n 5 %\n10 %\n"


def test_an_attempt_that_there_was_not_is_404(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    response = client.get(f"/jobs/{job.id}/log?attempt=2")
    assert response.status_code == 404
    assert "no attempt 2" in response.get_json()["detail"]
    assert client.get("/jobs/job-0/log").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("offset=5", "offset"),
        ("offset=5&attempt=1&tail=3", "offset"),
        ("offset=-1&attempt=1", "offset"),
        ("attempt=0", "attempt"),
        ("tail=0", "tail"),
        ("tail=100001", "tail"),
    ],
)
def test_a_query_that_means_nothing_is_refused(
    client: FlaskClient, database: Database, settings: Settings, query: str, field: str
) -> None:
    response = client.get(f"/jobs/{running_job(database, settings).id}/log?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json()["errors"]] == [field]


def test_a_place_beyond_the_log_is_where_it_goes_on(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    write_log(settings, job, 1, b"one\n")
    response = client.get(f"/jobs/{job.id}/log?attempt=1&offset=100")
    assert (response.text, place(response)) == ("", ("1", "100"))
