"""Following a job: what is asked for, and outages."""

import pytest

from client.address import find_service
from client.display.updates import OUTAGE_LIMIT_S, follow
from client.http.client import Client
from client.http.transport import Unreachable
from tests.client.conftest import Command
from tests.client.service import FakeService, RunningService, job_record, loss_row, sample_row

FIRST, SECOND = loss_row(0, 1, 9.781, 9.933), loss_row(10, 2, 7.123, 8.432)


SAMPLES = [sample_row(9, 1, "Every effort,,,"), sample_row(19, 2, "Every effort and")]


def no_sleep(seconds: float) -> None:
    """Look again at once."""


@pytest.fixture(autouse=True)
def _poll_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.display.updates.POLL_INTERVAL_S", 0)


def respond_to_three_polls(service: FakeService, ends_as: str = "succeeded", error: object = None) -> None:
    service.respond("GET", "/jobs/job-1", job_record(status="queued", latest=None))
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond("GET", "/jobs/job-1", job_record(status=ends_as, error=error))
    for rows in ([], [FIRST], [SECOND]):
        service.respond_with_list("/jobs/job-1/losses", rows)
    for samples in ([], SAMPLES[:1], SAMPLES[1:]):
        service.respond_with_list("/jobs/job-1/samples", samples)


def test_each_look_asks_only_for_what_is_new(service: FakeService) -> None:
    respond_to_three_polls(service)
    with Client(find_service(service.url)) as client:
        updates = list(follow(client, "job-1", sleep=no_sleep))
    assert [update.job["status"] for update in updates] == ["queued", "running", "succeeded"]
    assert [update.losses for update in updates] == [[], [FIRST], [SECOND]]
    assert [update.samples for update in updates] == [[], SAMPLES[:1], SAMPLES[1:]]
    cursors = {
        kind: [request.query["since_step"] for request in service.requests if request.path.endswith(kind)]
        for kind in ("losses", "samples")
    }
    assert cursors == {"losses": ["-1", "-1", "0"], "samples": ["-1", "-1", "9"]}


def test_a_service_that_names_a_time_is_left_alone_for_it(service: FakeService) -> None:
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond("GET", "/jobs/job-1", {"title": "Service Unavailable"}, 503, {"Retry-After": "7"})
    service.respond("GET", "/jobs/job-1", {"title": "Service Unavailable"}, 503, {"Retry-After": "999999"})
    service.respond("GET", "/jobs/job-1", {"title": "Service Unavailable"}, 503, {"Retry-After": "soon"})
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.respond_with_list("/jobs/job-1/losses", [])
    service.respond_with_list("/jobs/job-1/samples", [])
    pauses: list[float] = []
    with Client(find_service(service.url)) as client:
        assert list(follow(client, "job-1", sleep=pauses.append))[-1].job["status"] == "succeeded"
    assert pauses == [0, 7, OUTAGE_LIMIT_S / 2, 0]


def test_a_short_outage_is_told_once_and_survived(running_service: RunningService, pretrain: Command) -> None:
    service = running_service.fake
    respond_to_three_polls(service)
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            running_service.stop()
        elif len(pauses) == 4:
            running_service.start()

    with Client(find_service(service.url)) as client:
        updates = list(follow(client, "job-1", sleep=pause))
    assert [update.outage is not None for update in updates] == [False, True, True, True, False, False]
    assert [row for update in updates for row in update.losses] == [FIRST, SECOND]


def test_a_service_that_is_not_ready_is_waited_for(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond("GET", "/jobs/job-1", {"title": "Service Unavailable", "detail": "no database"}, 503)
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.respond_with_list("/jobs/job-1/losses", [])
    service.respond_with_list("/jobs/job-1/samples", [])
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.status == 0
    assert "waiting for the service: 503 Service Unavailable: no database" in outcome.out


def test_a_long_outage_ends_the_watch(running_service: RunningService) -> None:
    respond_to_three_polls(running_service.fake)
    clock = [0.0]

    def pause(seconds: float) -> None:
        if clock[0] == 0:
            running_service.stop()
        clock[0] += OUTAGE_LIMIT_S / 2 + 1

    with Client(find_service(running_service.fake.url)) as client, pytest.raises(Unreachable):
        list(follow(client, "job-1", sleep=pause, clock=lambda: clock[0]))
    running_service.start()
