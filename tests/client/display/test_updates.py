"""Following a job: what is asked for, and outages."""

import pytest

from client.address import find_service
from client.api.outage import RECONNECT_S
from client.api.pretrain import Pretrain
from client.display.updates import Update, follow
from client.errors import ClientError, Unreachable
from client.http.transport import PATIENCE_S
from tests.client.conftest import Command
from tests.client.service import FakeService, RunningService, job_record, loss_row, sample_row

EVENTS = "/jobs/job-1/events"
FIRST, SECOND = loss_row(0, 1, 9.781, 9.933), loss_row(10, 2, 7.123, 8.432)
SAMPLE = sample_row(9, 1, "Every effort,,,")
CREATED = (1, "status", {"status": "queued"})
ENDED = (9, "status", {"status": "succeeded"})


def no_sleep(seconds: float) -> None:
    """Look again at once."""


def updates_of(service: FakeService) -> list[Update]:
    with Pretrain(find_service(service.url)) as client:
        return list(follow(client, "job-1", sleep=no_sleep))


def losses(updates: list[Update]) -> list[object]:
    return [row for update in updates for row in update.losses]


def test_a_broken_stream_goes_on_behind_the_last_event(service: FakeService) -> None:
    service.respond("GET", "/jobs/job-1", job_record(status="queued"))
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.respond_with_events(EVENTS, CREATED, (2, "evaluation", FIRST), (None, "progress", {"step": 5}))
    service.respond_with_events(EVENTS)
    service.respond_with_events(EVENTS, (3, "sample", SAMPLE), (4, "evaluation", SECOND), ENDED)
    updates = updates_of(service)
    assert updates[-1].job["status"] == "succeeded"
    assert losses(updates) == [FIRST, SECOND]
    assert [row for update in updates for row in update.samples] == [SAMPLE]
    streams = [request.headers for request in service.requests if request.path == EVENTS]
    assert [headers.get("Last-Event-ID") for headers in streams] == [None, "2", "2"]
    assert all(headers["Accept"] == "text/event-stream" for headers in streams)


def test_progress_and_losses_are_shown_without_asking_for_the_job(service: FakeService) -> None:
    service.respond("GET", "/jobs/job-1", job_record(latest=None))
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.respond_with_events(EVENTS, (2, "evaluation", FIRST), (None, "progress", {"step": 5}))
    service.respond_with_events(EVENTS, ENDED)
    updates = updates_of(service)
    [shown] = [update.job for update in updates if update.losses]
    assert (shown["latest"], shown["status"]) == (FIRST, "running")
    assert {"step": 5} in [update.job["progress"] for update in updates]
    assert len([request for request in service.requests if request.path == "/jobs/job-1"]) == 2


def test_a_job_that_has_ended_behind_the_last_event_is_over(service: FakeService) -> None:
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.respond_with_bytes("GET", EVENTS, b"", "text/plain", status=204)
    assert [update.job["status"] for update in updates_of(service)] == ["succeeded", "succeeded"]


def test_a_service_that_names_a_time_is_left_alone_for_it(service: FakeService) -> None:
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    unavailable = {"title": "Service Unavailable"}
    for retry_after in ("7", "999999", "soon"):
        service.respond("GET", EVENTS, unavailable, 503, {"Retry-After": retry_after})
    service.respond_with_events(EVENTS, ENDED)
    pauses: list[float] = []
    with Pretrain(find_service(service.url)) as client:
        updates = list(follow(client, "job-1", sleep=pauses.append))
    assert updates[-1].job["status"] == "succeeded"
    assert [pause for pause in pauses if pause > 0.1] == [7, PATIENCE_S / 2, RECONNECT_S]


def test_a_short_outage_is_told_and_survived(running_service: RunningService) -> None:
    service = running_service.fake
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.respond_with_events(EVENTS, (2, "evaluation", FIRST))
    service.respond_with_events(EVENTS, (3, "evaluation", SECOND), ENDED)
    outages = 0

    def pause(seconds: float) -> None:
        if seconds == RECONNECT_S and outages == 0:
            running_service.stop()

    updates = []
    with Pretrain(find_service(service.url)) as client:
        for update in follow(client, "job-1", sleep=pause):
            updates.append(update)
            outages += update.outage is not None
            if update.outage and outages == 3:
                running_service.start()
    assert losses(updates) == [FIRST, SECOND]
    assert outages == 3


def test_a_service_that_is_not_ready_is_waited_for(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.respond("GET", EVENTS, {"title": "Service Unavailable", "detail": "no database"}, 503)
    service.respond_with_events(EVENTS, ENDED)
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.status == 0
    assert "waiting for the service: 503 Service Unavailable: no database" in outcome.out


def test_a_long_outage_ends_the_watch(running_service: RunningService) -> None:
    running_service.fake.respond("GET", "/jobs/job-1", job_record())
    running_service.fake.respond_with_events(EVENTS, (2, "evaluation", FIRST))
    clock = [0.0]

    def pause(seconds: float) -> None:
        if seconds == RECONNECT_S:
            if clock[0] == 0:
                running_service.stop()
            clock[0] += PATIENCE_S / 2 + 1

    with Pretrain(find_service(running_service.fake.url)) as client, pytest.raises(Unreachable):
        list(follow(client, "job-1", sleep=pause, clock=lambda: clock[0]))
    running_service.start()


def test_events_that_are_none_of_the_service_are_refused(service: FakeService) -> None:
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond_with_events(EVENTS, (2, "evaluation", {"step": "one"}))
    with pytest.raises(ClientError, match="no event of an evaluation"):
        updates_of(service)
