"""Following a job: what is asked, what is shown, and how it ends."""

import io
import json
import re

import pytest
from rich.console import Console

from client.display.chart import loss_chart
from client.display.watch import OUTAGE_LIMIT_S, LiveDisplay, Update, follow, speed_part
from client.environment import find_service
from client.http import Client, Unreachable
from tests.client.conftest import Command
from tests.client.service import FakeService, RunningService, job_record, loss_row, sample_row

FIRST, SECOND = loss_row(0, 1, 9.781, 9.933), loss_row(10, 2, 7.123, 8.432)
SAMPLES = [sample_row(9, 1, "Every effort,,,"), sample_row(19, 2, "Every effort and")]


def no_pause(seconds: float) -> None:
    """Look again at once."""


@pytest.fixture(autouse=True)
def _poll_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.display.watch.POLL_S", 0)


def answer_three_looks(service: FakeService, ends_as: str = "succeeded", error: object = None) -> None:
    service.answer("GET", "/jobs/job-1", job_record(status="queued", latest=None))
    service.answer("GET", "/jobs/job-1", job_record())
    service.answer("GET", "/jobs/job-1", job_record(status=ends_as, error=error))
    for rows in ([], [FIRST], [SECOND]):
        service.answer_list("/jobs/job-1/losses", rows)
    for samples in ([], SAMPLES[:1], SAMPLES[1:]):
        service.answer_list("/jobs/job-1/samples", samples)


def test_each_look_asks_only_for_what_is_new(service: FakeService) -> None:
    answer_three_looks(service)
    with Client(find_service(service.url)) as client:
        updates = list(follow(client, "job-1", pause=no_pause))
    assert [update.job["status"] for update in updates] == ["queued", "running", "succeeded"]
    assert [update.losses for update in updates] == [[], [FIRST], [SECOND]]
    assert [update.samples for update in updates] == [[], SAMPLES[:1], SAMPLES[1:]]
    asked = {
        kind: [request.query["since_step"] for request in service.requests if request.path.endswith(kind)]
        for kind in ("losses", "samples")
    }
    assert asked == {"losses": ["-1", "-1", "0"], "samples": ["-1", "-1", "9"]}


def test_watch_prints_one_line_for_each_evaluation_and_sample(
    service: FakeService, pretrain: Command
) -> None:
    answer_three_looks(service)
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.status == 0
    assert outcome.out.splitlines() == [
        "job job-1: queued",
        "epoch 1  step 1/30  train loss 9.781  validation loss 9.933  1,234 tokens/s",
        "epoch 1  sample: Every effort,,,",
        "job job-1: running",
        "epoch 2  step 11/30  train loss 7.123  validation loss 8.432  1,234 tokens/s",
        "epoch 2  sample: Every effort and",
        "job job-1: succeeded",
    ]


@pytest.mark.parametrize(
    ("changes", "shown", "listed"),
    [
        (
            {"status": "queued", "waiting_for": "2 jobs before it", "queue_position": 3},
            "queued (2 jobs before it)",
            "queued (place 3)",
        ),
        ({"status": "queued", "waiting_for": "nothing: a worker is about to take it"}, "queued", "queued"),
        (
            {"status": "queued", "waiting_for": "no live worker\x1b[2J", "queue_position": 1},
            "queued (no live worker)",
            "queued (place 1)",
        ),
        (
            {"status": "queued", "waiting_for": "2 jobs before it", "stopping": "cancel"},
            "queued (cancel requested)",
            "queued (cancel requested)",
        ),
        ({"status": "succeeded", "ended_by": "epochs"}, "succeeded", "succeeded"),
        (
            {"status": "succeeded", "ended_by": "early_stopping"},
            "succeeded (early stopping at step 12)",
            "succeeded (early stopping)",
        ),
        (
            {"status": "succeeded", "ended_by": "max_steps"},
            "succeeded (max_steps at step 12)",
            "succeeded (max_steps)",
        ),
        (
            {"status": "succeeded", "ended_by": "finish"},
            "succeeded (finished on request at step 12)",
            "succeeded (finished on request)",
        ),
        (
            {"status": "succeeded", "ended_by": "something newer"},
            "succeeded (something newer at step 12)",
            "succeeded (something newer)",
        ),
        ({"status": "failed", "ended_by": None}, "failed", "failed"),
    ],
)
def test_why_a_job_waits_and_what_ended_it_is_shown_everywhere(
    changes: dict[str, str], shown: str, listed: str, service: FakeService, pretrain: Command
) -> None:
    job = job_record(**changes)
    service.answer("POST", "/jobs", job, 201)
    service.answer("GET", "/jobs/job-1", job)
    service.answer("GET", "/jobs/job-1", job)
    service.answer("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.answer_list("/jobs", [job])
    service.answer_list("/jobs/job-1/losses", [])
    service.answer_list("/jobs/job-1/samples", [])
    lines = pretrain("show", "job-1", "--url", service.url).out.splitlines()
    assert f"status           {shown}" in lines
    assert ("place in queue   3" in lines) == (changes.get("queue_position") == 3)
    assert pretrain("submit", "--watch", "--url", service.url).out.splitlines()[0] == f"job job-1: {shown}"
    assert f"  {listed}  " in pretrain("jobs", "--url", service.url).out


def test_each_reason_to_wait_is_told_once(service: FakeService, pretrain: Command) -> None:
    for reason in ("2 jobs before it", "2 jobs before it", "1 job before it"):
        service.answer("GET", "/jobs/job-1", job_record(status="queued", waiting_for=reason))
    service.answer("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.answer_list("/jobs/job-1/losses", [])
    service.answer_list("/jobs/job-1/samples", [])
    assert pretrain("watch", "job-1", "--url", service.url).out.splitlines() == [
        "job job-1: queued (2 jobs before it)",
        "job job-1: queued (1 job before it)",
        "job job-1: succeeded",
    ]


def test_the_live_display_says_why_the_job_waits() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None, markup=False)
    with LiveDisplay(screen) as display:
        for _ in range(2):
            job = job_record(status="queued", waiting_for="no live worker of its queue")
            display.show(Update(job, [], []))
    assert isinstance(screen.file, io.StringIO)
    assert screen.file.getvalue().count("job job-1: queued (no live worker of its queue)") == 1


def test_a_service_that_names_a_time_is_left_alone_for_it(service: FakeService) -> None:
    service.answer("GET", "/jobs/job-1", job_record())
    service.answer("GET", "/jobs/job-1", {"title": "Service Unavailable"}, 503, {"Retry-After": "7"})
    service.answer("GET", "/jobs/job-1", {"title": "Service Unavailable"}, 503, {"Retry-After": "999999"})
    service.answer("GET", "/jobs/job-1", {"title": "Service Unavailable"}, 503, {"Retry-After": "soon"})
    service.answer("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.answer_list("/jobs/job-1/losses", [])
    service.answer_list("/jobs/job-1/samples", [])
    pauses: list[float] = []
    with Client(find_service(service.url)) as client:
        assert list(follow(client, "job-1", pause=pauses.append))[-1].job["status"] == "succeeded"
    assert pauses == [0, 7, OUTAGE_LIMIT_S / 2, 0]


def test_losses_that_are_not_finite_are_shown_as_missing(service: FakeService, pretrain: Command) -> None:
    lost = {**FIRST, "train_loss": None, "val_loss": None, "tokens_per_s": None}
    job = job_record(status="succeeded", latest={"step": 0, "train_loss": None, "val_loss": None})
    service.answer("GET", "/jobs/job-1", job)
    service.answer_list("/jobs/job-1/losses", [lost])
    service.answer_list("/jobs/job-1/samples", [])
    assert "train loss -  validation loss -" in pretrain("watch", "job-1", "--url", service.url).out
    assert (
        "train loss -, validation loss - after step 1" in pretrain("show", "job-1", "--url", service.url).out
    )
    assert loss_chart([lost]) == ""
    assert "●" not in loss_chart([{**FIRST, "train_loss": None}]).partition("\n")[2]


def test_submit_can_watch(service: FakeService, pretrain: Command) -> None:
    service.answer("POST", "/jobs", job_record(status="queued"), 201)
    answer_three_looks(service)
    outcome = pretrain("submit", "--watch", "--url", service.url)
    assert outcome.status == 0
    assert outcome.out.splitlines()[-1] == "job job-1: succeeded"


def test_watch_of_a_failed_job_exits_with_1_and_the_reason(service: FakeService, pretrain: Command) -> None:
    error = {"type": "diverged", "message": "the loss is NaN at step 7", "attempt": 1, "retryable": False}
    answer_three_looks(service, "failed", error)
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.status == 1
    assert outcome.err == "pretrain: job job-1 failed: diverged: the loss is NaN at step 7\n"


def test_watch_of_a_cancelled_job_exits_with_1(service: FakeService, pretrain: Command) -> None:
    answer_three_looks(service, "cancelled")
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.status == 1
    assert "job job-1 was cancelled" in outcome.err


def test_watch_with_json_keeps_stdout_for_the_record(service: FakeService, pretrain: Command) -> None:
    answer_three_looks(service)
    outcome = pretrain("watch", "job-1", "--json", "--url", service.url)
    assert json.loads(outcome.out)["status"] == "succeeded"
    assert "train loss 9.781" in outcome.err


def test_a_sample_cannot_control_the_terminal(service: FakeService, pretrain: Command) -> None:
    service.answer("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.answer_list("/jobs/job-1/losses", [])
    service.answer_list(
        "/jobs/job-1/samples", [sample_row(9, 1, "\x1b[2J[bold]every\neffort[/bold]\x1b]0;x\x07")]
    )
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.out.splitlines()[0] == "epoch 1  sample: [bold]every effort[/bold]"


def test_a_short_outage_is_told_once_and_survived(running_service: RunningService, pretrain: Command) -> None:
    service = running_service.fake
    answer_three_looks(service)
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            running_service.stop()
        elif len(pauses) == 4:
            running_service.start()

    with Client(find_service(service.url)) as client:
        updates = list(follow(client, "job-1", pause=pause))
    assert [update.outage is not None for update in updates] == [False, True, True, True, False, False]
    assert [row for update in updates for row in update.losses] == [FIRST, SECOND]


def test_a_service_that_is_not_ready_is_waited_for(service: FakeService, pretrain: Command) -> None:
    service.answer("GET", "/jobs/job-1", job_record())
    service.answer("GET", "/jobs/job-1", {"title": "Service Unavailable", "detail": "no database"}, 503)
    service.answer("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.answer_list("/jobs/job-1/losses", [])
    service.answer_list("/jobs/job-1/samples", [])
    outcome = pretrain("watch", "job-1", "--url", service.url)
    assert outcome.status == 0
    assert "waiting for the service: 503 Service Unavailable: no database" in outcome.out


def test_a_long_outage_ends_the_watch(
    running_service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_three_looks(running_service.fake)
    clock = [0.0]
    monkeypatch.setattr("client.display.watch.time.monotonic", lambda: clock[0])

    def pause(seconds: float) -> None:
        if clock[0] == 0:
            running_service.stop()
        clock[0] += OUTAGE_LIMIT_S / 2 + 1

    with Client(find_service(running_service.fake.url)) as client, pytest.raises(Unreachable):
        list(follow(client, "job-1", pause=pause))
    running_service.start()


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
