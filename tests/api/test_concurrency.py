"""Many requests at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.seeds import evaluate
from tests.jobs.making import running_job

WRITERS, READERS, REQUESTS_EACH = 8, 32, 5
TINY = {"preset": "tiny", "dataset": "sample", "tokenizer": "bytes"}


@pytest.mark.slow
def test_32_readers_and_8_writers_get_no_server_error(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    job = running_job(database, settings)
    evaluate(database, job, count=20)
    app = client.application

    def write(_: int) -> list[int]:
        client = app.test_client()
        statuses = []
        for _ in range(REQUESTS_EACH):
            posted = client.post("/jobs", json=TINY)
            cancelled = client.post(f"{posted.headers['Location']}/cancel")
            statuses += [posted.status_code, cancelled.status_code]
        return statuses

    with ThreadPoolExecutor(WRITERS + READERS) as pool:
        writing = pool.map(write, range(WRITERS))
        reading = pool.map(lambda _: read(app, job.id), range(READERS))
        written = [status for statuses in writing for status in statuses]
        seen = [status for statuses in reading for status in statuses]
    assert sorted(written) == [201] * WRITERS * REQUESTS_EACH + [202] * WRITERS * REQUESTS_EACH
    assert set(seen) == {200}


def read(app: Flask, job_id: str) -> list[int]:
    client = app.test_client()
    paths = [f"/jobs/{job_id}", f"/jobs/{job_id}/losses", "/jobs?limit=10", f"/jobs/{job_id}/events"]
    return [client.get(path).status_code for _ in range(REQUESTS_EACH) for path in paths]
