"""A service whose default text cannot be had, and whose jobs succeed at once."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

from tests.client.service import FakeService, Request, Response, job_record, loss_row, sample_row

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
    "detail": "workers: no training worker works (none has reported)",
}


@dataclass
class DemoService(FakeService):
    """Ready when it has workers."""

    has_workers: Callable[[], bool] = lambda: True

    def take(self, request: Request) -> Response:
        if request.path == "/readyz" and not self.has_workers():
            return Response(503, json.dumps(NO_WORKERS).encode(), "application/problem+json")
        return super().take(request)


def demo_service(has_workers: Callable[[], bool]) -> FakeService:
    """FAKE_JOB sets how its job ends."""
    service = DemoService(has_workers=has_workers)
    ended = {"status": os.environ.get("FAKE_JOB", "succeeded"), "finished_at": "2026-11-24T07:02:11Z"}
    service.respond("GET", "/readyz", {"status": "ready"})
    service.respond("GET", "/healthz", {"status": "ok"})
    service.respond("POST", "/jobs", NO_TEXT, 422)
    service.respond("POST", "/jobs", job_record(status="queued"), 201)
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond("GET", "/jobs/job-1", job_record(**ended))
    losses = [loss_row(0, 1, 9.781, 9.933), loss_row(10, 2, 7.1234, 8.4321)]
    sample = sample_row(9, 1, "Every effort moves you to \x1b[2Jtears.")
    service.respond_with_list("/jobs/job-1/losses", losses)
    service.respond_with_list("/jobs/job-1/samples", [sample])
    service.respond_with_events(
        "/jobs/job-1/events",
        *[(number, "evaluation", loss) for number, loss in enumerate(losses)],
        (8, "sample", sample),
        (9, "status", {"status": ended["status"]}),
    )
    service.respond_with_bytes("GET", "/jobs/job-1/losses.png", b"png", "image/png")
    service.respond_with_bytes("GET", "/jobs/job-1/losses.svg", b"<svg/>", "image/svg+xml")
    service.respond("POST", "/generate", {"title": "Service Unavailable", "status": 503}, 503)
    service.respond("POST", "/generate", {"text": "Every effort moves you forward."})
    return service
