"""Watching a job: what is shown, and how it ends."""

import io
import json
import re

import pytest
from rich.console import Console

from client.api.outage import Sleep
from client.display.chart import loss_chart
from client.display.inbox import End, Inbox
from client.display.updates import Update
from client.display.watch import LiveDisplay, speed_part
from client.http.event_stream import StreamEvent
from tests.client.conftest import Command
from tests.client.service import FakeService, job_record, loss_row, sample_row

FIRST, SECOND = loss_row(0, 1, 9.781, 9.933), loss_row(10, 2, 7.123, 8.432)

STATUSES = ["queued", "running", "paused", "queued", "running", "succeeded"]
SAMPLES = [sample_row(9, 1, "Every effort,,,"), sample_row(19, 2, "Every effort and")]


@pytest.fixture(autouse=True)
def _come_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.display.updates.RECONNECT_S", 0)


def respond_in_two_streams(service: FakeService, ends_as: str = "succeeded", error: object = None) -> None:
    """The service ends the first one in between, as it does when it is stopped."""
    service.respond("GET", "/jobs/job-1", job_record(status="queued", latest=None))
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond("GET", "/jobs/job-1", job_record(status=ends_as, error=error))
    service.respond_with_events(
        "/jobs/job-1/events",
        (1, "status", {"status": "queued"}),
        (2, "status", {"status": "running"}),
        (3, "evaluation", FIRST),
        (4, "sample", SAMPLES[0]),
    )
    service.respond_with_events(
        "/jobs/job-1/events",
        (5, "evaluation", SECOND),
        (6, "sample", SAMPLES[1]),
        (7, "status", {"status": ends_as}),
    )


class OneByOne(Inbox):
    """Gives one event at a look, as of a service whose events come far apart."""

    def take(self, sleep: Sleep) -> tuple[list[StreamEvent | None], End | None]:
        item = self._arrived.get()
        return ([], item) if isinstance(item, End) else ([item], None)


class AllAtOnce(Inbox):
    """Gives what there is of a stream when it has ended."""

    def take(self, sleep: Sleep) -> tuple[list[StreamEvent | None], End | None]:
        arrived: list[StreamEvent | None] = []
        while not isinstance(item := self._arrived.get(), End):
            arrived.append(item)
        return arrived, item


@pytest.mark.parametrize("inbox", [Inbox, OneByOne, AllAtOnce])
@pytest.mark.parametrize("asked", [["queued"], ["queued", "running"], ["queued", "running", "succeeded"]])
def test_watch_prints_changes_evaluations_and_samples_in_their_order(
    service: FakeService,
    pretrain: Command,
    monkeypatch: pytest.MonkeyPatch,
    inbox: type[Inbox],
    asked: list[str],
) -> None:
    """However they arrive, and whatever the job's record says by then: its last one is that of the end."""
    monkeypatch.setattr("client.display.updates.Inbox", inbox)
    for status in (*asked, "succeeded"):
        service.respond("GET", "/jobs/job-1", job_record(status=status))
    changes = [(number, "status", {"status": status}) for number, status in enumerate(STATUSES)]
    service.respond_with_events(
        "/jobs/job-1/events",
        *changes[:2],
        (10, "evaluation", FIRST),
        (11, "sample", SAMPLES[0]),
        *changes[2:5],
    )
    service.respond_with_events(
        "/jobs/job-1/events", (20, "evaluation", SECOND), (21, "sample", SAMPLES[1]), changes[5]
    )
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.status == 0
    assert outcome.out.splitlines() == [
        "job job-1: queued",
        "job job-1: running",
        "epoch 1  step 1/30  train loss 9.781  validation loss 9.933  1,234 tokens/s",
        "epoch 1  sample: Every effort,,,",
        "job job-1: paused",
        "job job-1: queued",
        "job job-1: running",
        "epoch 2  step 11/30  train loss 7.123  validation loss 8.432  1,234 tokens/s",
        "epoch 2  sample: Every effort and",
        "job job-1: succeeded",
    ]


def test_of_a_jobs_past_watch_tells_no_status_from_before_the_one_it_has(
    service: FakeService, pretrain: Command
) -> None:
    service.respond("GET", "/jobs/job-1", job_record(status="paused"))
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    changes = [(number, "status", {"status": status}) for number, status in enumerate(STATUSES)]
    service.respond_with_events("/jobs/job-1/events", *changes)
    lines = pretrain("watch", "job-1", "--url", service.url).out.splitlines()
    assert lines == [f"job job-1: {status}" for status in STATUSES[2:]]


def test_the_live_display_says_why_the_job_waits() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None, markup=False)
    with LiveDisplay(screen) as display:
        for _ in range(2):
            job = job_record(status="queued", waiting_for="no live worker of its queue")
            display.show(Update(job, [], []))
    assert isinstance(screen.file, io.StringIO)
    assert screen.file.getvalue().count("job job-1: queued (no live worker of its queue)") == 1


def test_losses_that_are_not_finite_are_shown_as_missing(service: FakeService, pretrain: Command) -> None:
    lost = {**FIRST, "train_loss": None, "val_loss": None, "tokens_per_s": None}
    job = job_record(status="succeeded", latest={"step": 0, "train_loss": None, "val_loss": None})
    service.respond("GET", "/jobs/job-1", job)
    service.respond_with_events(
        "/jobs/job-1/events", (1, "evaluation", lost), (2, "status", {"status": "succeeded"})
    )
    assert "train loss -  validation loss -" in pretrain("watch", "job-1", "--url", service.url).out
    assert (
        "train loss -, validation loss - after step 1" in pretrain("show", "job-1", "--url", service.url).out
    )
    assert loss_chart([lost]) == ""
    assert "●" not in loss_chart([{**FIRST, "train_loss": None}]).partition("\n")[2]


def test_submit_can_watch(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/jobs", job_record(status="queued"), 201)
    respond_in_two_streams(service)
    outcome = pretrain("submit", "--watch", "--url", service.url)
    assert outcome.status == 0
    assert outcome.out.splitlines()[-1] == "job job-1: succeeded"


def test_watch_of_a_failed_job_exits_with_1_and_the_reason(service: FakeService, pretrain: Command) -> None:
    error = {"type": "diverged", "message": "the loss is NaN at step 7", "attempt": 1, "retryable": False}
    respond_in_two_streams(service, "failed", error)
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.status == 1
    assert outcome.err == "pretrain: job job-1 failed: diverged: the loss is NaN at step 7\n"


def test_watch_of_a_cancelled_job_exits_with_1(service: FakeService, pretrain: Command) -> None:
    respond_in_two_streams(service, "cancelled")
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.status == 1
    assert "job job-1 was cancelled" in outcome.err


def test_watch_with_json_keeps_stdout_for_the_record(service: FakeService, pretrain: Command) -> None:
    respond_in_two_streams(service)
    outcome = pretrain("watch", "job-1", "--json", "--url", service.url)
    assert json.loads(outcome.out)["status"] == "succeeded"
    assert "train loss 9.781" in outcome.err


def test_a_sample_cannot_control_the_terminal(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.respond_with_events(
        "/jobs/job-1/events",
        (1, "sample", sample_row(9, 1, "\x1b[2J[bold]every\neffort[/bold]\x1b]0;x\x07")),
        (2, "status", {"status": "succeeded"}),
    )
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert "epoch 1  sample: [bold]every effort[/bold]" in outcome.out.splitlines()


def test_the_live_display_shows_the_bar_and_prints_samples_above_it() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None, markup=False)
    with LiveDisplay(screen) as display:
        display.show(Update(job_record(), [FIRST], SAMPLES[:1]))
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    bar = "epoch 2/3 step 12/30 1,234 tok/s 1:15 left train 7.123 val 8.432"
    assert "epoch 1  sample: Every effort,,," in shown
    assert shown.index("Every effort,,,") < shown.rindex(bar)
    for text in (bar, "1,234 tok/s 1:15 left", "train 7.123 val 8.432"):
        assert text in shown


def test_the_live_display_says_nothing_of_a_time_left_that_is_unknown() -> None:
    job = job_record()
    job["progress"]["remaining_s"] = None
    assert speed_part(Update(job, [], [])) == "1,234 tok/s"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (72, "epoch 2/3 step 12/30 1,234 tok/s 1:15 left train 7.123 val 8.432"),
        (60, "epoch 2/3 step 12/30 train 7.123 val 8.432"),
        (40, "epoch 2/3 step 12/30"),
        (20, "step 12/30"),
    ],
)
def test_on_a_narrow_screen_the_live_display_leaves_out_rather_than_cuts(width: int, shown: str) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None, markup=False)
    with LiveDisplay(screen) as display:
        display.show(Update(job_record(), [], []))
    assert isinstance(screen.file, io.StringIO)
    last = screen.file.getvalue().replace("\x1b[2K", "\r").split("\r")[-1]
    assert re.split(" *━", last)[0].strip() == shown
    assert "━" in last


def test_the_live_display_says_when_the_service_does_not_answer() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None, markup=False)
    with LiveDisplay(screen) as display:
        display.show(Update(job_record(), [], [], outage="connection refused"))
    assert isinstance(screen.file, io.StringIO)
    assert "no answer step 12/30" in screen.file.getvalue()
