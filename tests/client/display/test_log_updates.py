"""Following a job's log."""

import pytest

from client.address import find_service
from client.api.job_history import LogPart
from client.api.pretrain import Pretrain
from client.display.log_updates import follow_log
from client.errors import ApiError
from client.http.transport import PATIENCE_S
from tests.client.conftest import Command
from tests.client.service import FakeService, job_record


def no_sleep(seconds: float) -> None:
    """Look again at once."""


def respond_with_log(service: FakeService, text: str, attempt: int, offset: int) -> None:
    service.respond_with_text(
        "/jobs/job-1/log", text, {"X-Log-Attempt": str(attempt), "X-Log-Offset": str(offset)}
    )


def respond_with_job(service: FakeService, **fields: object) -> None:
    service.respond("GET", "/jobs/job-1", job_record(**fields))


def asked(service: FakeService) -> list[tuple[str, str]]:
    return [
        (request.query["attempt"], request.query["offset"])
        for request in service.requests
        if request.path.endswith("/log") and "offset" in request.query
    ]


def test_each_look_asks_for_what_is_behind_the_one_before_and_what_is_written_last_is_not_missed(
    service: FakeService,
) -> None:
    respond_with_job(service, status="running", attempt=1)
    respond_with_job(service, status="succeeded", attempt=1)
    respond_with_log(service, "one\n", 1, 14)
    for _ in range(2):
        respond_with_log(service, "", 1, 14)
    respond_with_log(service, "last\n", 1, 19)  # behind the look before which the job had ended
    with Pretrain(find_service(service.url)) as client:
        texts = list(follow_log(client, "job-1", LogPart("", 1, 10), sleep=no_sleep))
    assert texts == ["one\n", "last\n"]
    assert asked(service) == [("1", "10"), ("1", "14"), ("1", "14"), ("1", "14")]


def test_where_nothing_is_new_it_looks_less_often_and_only_there_it_asks_for_the_job(
    service: FakeService,
) -> None:
    texts = ["one\n", "two\n", "", "", "", "", "three\n", "", ""]
    for number, text in enumerate(texts):
        respond_with_log(service, text, 1, number)
    for _ in range(4):
        respond_with_job(service, status="running", attempt=1)
    respond_with_job(service, status="succeeded", attempt=1)
    pauses_s: list[float] = []
    with Pretrain(find_service(service.url)) as client:
        assert "".join(follow_log(client, "job-1", LogPart("", 1, 0), sleep=pauses_s.append)) == "".join(
            texts
        )
    assert pauses_s == [0.5, 0.5, 1.0, 2.0, 2.0, 2.0, 0.5]
    assert len([request for request in service.requests if request.path == "/jobs/job-1"]) == 5


def test_it_goes_on_with_the_attempts_that_follow(service: FakeService) -> None:
    respond_with_job(service, status="queued", attempt=0)
    respond_with_job(service, status="queued", attempt=2)
    respond_with_job(service, status="failed", attempt=2)
    respond_with_job(service, status="failed", attempt=2)
    respond_with_log(service, "first\n", 1, 6)
    for _ in range(2):
        respond_with_log(service, "", 1, 6)
    respond_with_log(service, "second\n", 2, 7)
    for _ in range(2):
        respond_with_log(service, "", 2, 7)
    with Pretrain(find_service(service.url)) as client:
        texts = list(follow_log(client, "job-1", LogPart("", 0, 0), sleep=no_sleep))
    assert texts == ["==> attempt 1 <==\n", "first\n", "==> attempt 2 <==\n", "second\n"]


def test_one_attempt_alone_is_followed_to_its_own_end(service: FakeService) -> None:
    respond_with_job(service, status="running", attempt=2)
    respond_with_log(service, "rest\n", 1, 9)
    respond_with_log(service, "", 1, 9)
    with Pretrain(find_service(service.url)) as client:
        texts = list(follow_log(client, "job-1", LogPart("", 1, 4), one_attempt=True, sleep=no_sleep))
    assert texts == ["rest\n"]


def test_a_restart_of_the_service_loses_nothing_and_a_long_outage_is_an_error(service: FakeService) -> None:
    service.respond("GET", "/jobs/job-1", {"title": "Service Unavailable"}, 503)
    respond_with_log(service, "one\n", 1, 4)
    respond_with_log(service, "", 1, 4)
    now_s = iter([0.0, 1.0, PATIENCE_S, PATIENCE_S + 1.0])
    texts: list[str] = []
    with Pretrain(find_service(service.url)) as client:
        following = follow_log(client, "job-1", LogPart("", 1, 0), sleep=no_sleep, clock=lambda: next(now_s))
        with pytest.raises(ApiError):
            texts.extend(following)
    assert texts == ["one\n"]


def test_log_prints_what_the_trainers_wrote(service: FakeService, pretrain: Command) -> None:
    respond_with_log(service, "\x1b[31mone\x1b[0m\ntwo\n", 1, 8)
    outcome = pretrain("log", "job-1", "--tail", 2, "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "one\ntwo\n")
    assert service.sent("GET", "/jobs/job-1/log").query == {"tail": "2"}


def test_log_follow_prints_until_the_job_has_ended(service: FakeService, pretrain: Command) -> None:
    respond_with_log(service, "one\n", 1, 4)
    respond_with_log(service, "two\n", 1, 8)
    respond_with_log(service, "", 1, 8)
    respond_with_job(service, status="succeeded", attempt=1)
    outcome = pretrain("log", "job-1", "--follow", "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "one\ntwo\n")


def test_log_json_has_the_place_behind_it(service: FakeService, pretrain: Command) -> None:
    respond_with_log(service, "one\n", 3, 4)
    outcome = pretrain("log", "job-1", "--json", "--url", service.url)
    assert outcome.out == '{\n  "text": "one\\n",\n  "attempt": 3,\n  "offset": 4\n}\n'
    assert pretrain("log", "job-1", "--json", "--follow", "--url", service.url).status == 2


def test_a_service_without_places_in_its_logs_is_told_from_ours(
    service: FakeService, pretrain: Command
) -> None:
    service.respond_with_text("/jobs/job-1/log", "one\n", {})
    outcome = pretrain("log", "job-1", "--url", service.url)
    assert outcome.status == 1
    assert "a log without its place" in outcome.err
