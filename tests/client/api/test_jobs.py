"""Jobs over HTTP: what is sent, and what comes back page by page."""

import io
from collections.abc import Iterator
from itertools import islice

import pytest

from client import Pretrain
from client.errors import ApiError, JobFailed, UsageError
from tests.client.service import FakeService, job_record, loss_row, sample_row

EVENTS = "/jobs/job-1/events"


@pytest.fixture
def connected(service: FakeService) -> Iterator[Pretrain]:
    with Pretrain(service.url) as client:
        yield client


def test_jobs_come_page_by_page_and_no_page_before_it_is_wanted(
    service: FakeService, connected: Pretrain
) -> None:
    service.respond_with_list("/jobs", [job_record(id="job-3"), job_record(id="job-2")], has_more=True)
    service.respond_with_list("/jobs", [job_record(id="job-1")])
    jobs = connected.jobs.list(tags=["a", "b"], starred=True, archived="any", metadata={"team": "blue"})
    assert service.requests == []
    assert [job["id"] for job in islice(jobs, 2)] == ["job-3", "job-2"]
    assert len(service.requests) == 1
    assert [job["id"] for job in jobs] == ["job-1"]
    first, second = (request.query for request in service.requests)
    assert first == {
        "tag": "b",
        "starred": "true",
        "archived": "any",
        "metadata[team]": "blue",
        "limit": "100",
    }
    assert second == {**first, "after": "job-2"}


def test_no_more_jobs_are_asked_for_than_are_wanted(service: FakeService, connected: Pretrain) -> None:
    service.respond_with_list("/jobs", [job_record(id="job-3"), job_record(id="job-2")], has_more=True)
    service.respond_with_list("/jobs", [job_record(id="job-1")], has_more=True)
    assert len(list(connected.jobs.list(limit=3))) == 3
    assert [request.query["limit"] for request in service.requests] == ["3", "1"]


def test_waiting_ends_with_the_jobs_last_event(service: FakeService, connected: Pretrain) -> None:
    service.respond_with_events(EVENTS, (2, "evaluation", loss_row(0, 1, 9.0, 9.5)))
    service.respond_with_events(EVENTS, (9, "status", {"status": "succeeded"}))
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    assert connected.jobs.wait("job-1")["status"] == "succeeded"
    streams = [request.headers["Last-Event-ID"] for request in service.requests if request.path == EVENTS]
    assert streams == ["9" * 18, "2"]


def test_waiting_for_a_job_that_has_ended_returns_at_once(service: FakeService, connected: Pretrain) -> None:
    service.respond_with_bytes("GET", EVENTS, b"", "text/plain", status=204)
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    assert connected.jobs.wait("job-1", timeout_s=5)["id"] == "job-1"


def test_a_job_that_fails_raises_with_its_record_unless_that_is_wanted(
    service: FakeService, connected: Pretrain
) -> None:
    error = {"type": "diverged", "message": "the loss is NaN at step 7", "attempt": 1, "retryable": False}
    service.respond_with_events(EVENTS, (9, "status", {"status": "failed"}))
    service.respond("GET", "/jobs/job-1", job_record(status="failed", error=error))
    with pytest.raises(JobFailed, match="job job-1 failed: diverged: the loss is NaN") as failed:
        connected.jobs.wait("job-1")
    assert failed.value.job["status"] == "failed"
    assert connected.jobs.wait("job-1", check=False)["error"] == error


def test_events_are_records_and_those_of_a_broken_stream_come_once(
    service: FakeService, connected: Pretrain
) -> None:
    service.respond_with_events(
        EVENTS, (1, "status", {"status": "queued"}), (None, "progress", {"step": 5}), (2, "sample", SAMPLE)
    )
    service.respond_with_events(EVENTS, (9, "status", {"status": "cancelled"}))
    events = list(connected.jobs.events("job-1"))
    assert [event["type"] for event in events] == ["status", "progress", "sample", "status"]
    assert events[2]["data"] == SAMPLE
    assert all(event["job_id"] == "job-1" for event in events)


def test_a_deleted_job_has_no_more_events(service: FakeService, connected: Pretrain) -> None:
    service.respond_with_events(EVENTS, (1, "status", {"status": "queued"}), (2, "deleted", {}))
    assert [event["type"] for event in connected.jobs.events("job-1")] == ["status", "deleted"]
    with pytest.raises(ApiError, match="404"):
        list(connected.jobs.events("job-2"))


def test_the_last_of_what_has_happened_is_read_without_what_came_before(
    service: FakeService, connected: Pretrain
) -> None:
    started, ended = ({"id": n, "type": "status", "data": {}} for n in "12")
    service.respond_with_list(EVENTS, [ended, started], has_more=True)
    service.respond_with_list(EVENTS, [started, ended])
    assert next(connected.jobs.past_events("job-1", newest_first=True))["id"] == "2"
    assert [event["id"] for event in connected.jobs.past_events("job-1", exclude=["sample"])] == ["1", "2"]
    asked = [request.query for request in service.requests]
    assert asked == [{"newest_first": "true"}, {"exclude": "sample"}]


SAMPLE = sample_row(9, 1, "Every effort,,,")


def test_losses_are_columns_of_one_length(service: FakeService, connected: Pretrain) -> None:
    older = {name: value for name, value in loss_row(5, 1, 8.1, 8.3).items() if name != "val_bpb"}
    service.respond_with_list("/jobs/job-1/losses", [loss_row(0, 1, 9.7, 9.9), older])
    columns = connected.jobs.loss_columns("job-1")
    assert columns["step"] == [0, 5]
    assert columns["val_loss"] == [9.9, 8.3]
    assert columns["val_bpb"] == [9.9 / 4, None]
    assert {len(values) for values in columns.values()} == {2}


def test_without_losses_the_columns_are_there_and_empty(service: FakeService, connected: Pretrain) -> None:
    service.respond_with_list("/jobs/job-1/losses", [])
    columns = connected.jobs.loss_columns("job-1")
    assert {"step", "train_loss", "val_loss", "tokens_seen", "learning_rate"} <= set(columns)
    assert set(map(len, columns.values())) == {0}


def test_losses_may_be_thinned_by_the_service(service: FakeService, connected: Pretrain) -> None:
    service.respond_with_list("/jobs/job-1/losses", [loss_row(0, 1, 9.7, 9.9)], has_more=True)
    assert len(connected.jobs.losses("job-1", max_points=500, until_step=90)) == 1
    assert service.requests[-1].query == {"since_step": "-1", "until_step": "90", "max_points": "500"}


def test_a_fork_says_where_it_begins_and_what_changes(service: FakeService, connected: Pretrain) -> None:
    service.respond("POST", "/jobs/job-1/fork", job_record(id="job-2"), 201)
    connected.jobs.fork("job-1", checkpoint=30, with_optimizer=False, spec={"training": {"seed": 7}})
    sent = service.sent("POST", "/jobs/job-1/fork")
    assert sent.body == {"checkpoint": 30, "with_optimizer": False, "spec": {"training": {"seed": 7}}}
    assert sent.headers["Idempotency-Key"]


def test_a_checkpoint_is_written_as_it_comes(service: FakeService, connected: Pretrain) -> None:
    path = "/jobs/job-1/checkpoints/best/download"
    service.respond_with_bytes("GET", path, b"weights", "application/octet-stream")
    file = io.BytesIO()
    connected.jobs.download_checkpoint("job-1", file, checkpoint="best")
    assert file.getvalue() == b"weights"
    assert service.sent("GET", path).query == {"format": "safetensors"}


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "finish", "share", "unshare"])
def test_a_request_to_a_job_answers_with_its_record(
    verb: str, service: FakeService, connected: Pretrain
) -> None:
    service.respond("POST", f"/jobs/job-1/{verb}", job_record(), 202)
    assert getattr(connected.jobs, verb)("job-1")["id"] == "job-1"


def test_what_is_no_number_is_refused_before_it_is_sent(service: FakeService, connected: Pretrain) -> None:
    with pytest.raises(UsageError, match="learning_rate: must be a finite number"):
        connected.jobs.submit({"training": {"learning_rate": float("nan")}})
    assert service.requests == []
