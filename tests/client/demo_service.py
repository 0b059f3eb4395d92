"""A service whose default text cannot be had, and whose jobs succeed at once."""

import os

from tests.client.service import FakeService, job_record, loss_row, sample_row

NO_TEXT = {
    "title": "Unprocessable Content",
    "status": 422,
    "errors": [
        {"field": "dataset", "message": "the-verdict cannot be fetched; try sample", "value": "the-verdict"}
    ],
}


NO_WORKERS = {
    "title": "Service Unavailable",
    "status": 503,
    "detail": "workers: no training worker works (none has been started)",
    "checks": {"database": "ok", "broker": "ok", "migrations": "ok", "workers": "no training worker works"},
}


def demo_service(workers: bool) -> FakeService:
    """Ready if it has `workers`. FAKE_JOB sets how its job ends."""
    service = FakeService()
    ended = {"status": os.environ.get("FAKE_JOB", "succeeded"), "finished_at": "2026-11-24T07:02:11Z"}
    if workers:
        service.respond("GET", "/readyz", {"status": "ready"})
    else:
        service.respond("GET", "/readyz", NO_WORKERS, 503)
    service.respond("GET", "/healthz", {"status": "ok"})
    service.respond("POST", "/jobs", NO_TEXT, 422)
    service.respond("POST", "/jobs", job_record(status="queued"), 201)
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond("GET", "/jobs/job-1", job_record(**ended))
    service.respond_with_list(
        "/jobs/job-1/losses", [loss_row(0, 1, 9.781, 9.933), loss_row(10, 2, 7.1234, 8.4321)]
    )
    service.respond_with_list(
        "/jobs/job-1/samples", [sample_row(9, 1, "Every effort moves you to \x1b[2Jtears.")]
    )
    service.respond_with_bytes("GET", "/jobs/job-1/losses.png", b"png", "image/png")
    service.respond_with_bytes("GET", "/jobs/job-1/losses.svg", b"<svg/>", "image/svg+xml")
    service.respond("POST", "/generate", {"title": "Service Unavailable", "status": 503}, 503)
    service.respond("POST", "/generate", {"text": "Every effort moves you forward."})
    return service
