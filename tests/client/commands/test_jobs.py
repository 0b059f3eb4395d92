"""What is done with jobs, from submit to delete; watch is in `display/test_watch.py`"""

import json
from pathlib import Path

import pytest

from tests.client.conftest import Command, Stdin
from tests.client.service import FakeService, job_record


def test_submit_without_a_spec_posts_the_lectures_job(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/jobs", job_record(status="queued"), 201)
    outcome = pretrain("submit", "--url", service.url)
    assert service.sent("POST", "/jobs").body == {}
    assert outcome.status == 0
    assert "job-1" in outcome.out
    assert "queued" in outcome.out


def test_submit_sends_the_file_with_the_assignments_on_top(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond("POST", "/jobs", job_record(), 201)
    file = tmp_path / "spec.toml"
    file.write_text('preset = "tiny"\n[training]\nseed = 1\nnum_epochs = 2\n')
    pretrain("submit", file, "--set", "training.seed=7", "--set", "name=mine", "--url", service.url)
    assert service.sent("POST", "/jobs").body == {
        "preset": "tiny",
        "training": {"seed": 7, "num_epochs": 2},
        "name": "mine",
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"preset": "tiny", "training": {"seed": 1}}',
        "preset: tiny\ntraining:\n  seed: 1\n",
        "\ufeffpreset: tiny",
    ],
)
def test_submit_reads_a_spec_from_standard_input(
    text: str, service: FakeService, pretrain: Command, stdin: Stdin
) -> None:
    service.respond("POST", "/jobs", job_record(), 201)
    stdin(text.encode())
    outcome = pretrain("submit", "-", "--set", "training.seed=7", "--url", service.url)
    assert outcome.status == 0
    assert service.sent("POST", "/jobs").body == {"preset": "tiny", "training": {"seed": 7}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1, "a": 2}', "the name 'a' stands twice in one object"),
        (b"a: [1", "is not YAML at line 1, column 6: a comma or a ] is missing"),
        (b"- 1", "a spec is a mapping of fields, not a list"),
        (b"a: caf\xe9", "must be UTF-8 text"),
        (b"#" * 1_048_577, "has more than 1,048,576 bytes"),
    ],
)
def test_what_is_no_spec_in_standard_input_is_refused(
    content: bytes, reason: str, service: FakeService, pretrain: Command, stdin: Stdin
) -> None:
    stdin(content)
    outcome = pretrain("submit", "-", "--url", service.url)
    assert outcome.status == 2
    assert outcome.err.startswith("pretrain: standard input: ")
    assert reason in outcome.err
    assert service.requests == []


def test_fork_goes_on_from_the_last_checkpoint_unless_told_otherwise(
    service: FakeService, pretrain: Command
) -> None:
    child = job_record(id="job-2", parent={"job": "job-1", "checkpoint": 1200})
    service.respond("POST", "/jobs/job-1/fork", child, 201)
    outcome = pretrain("fork", "job-1", "--url", service.url)
    assert outcome.status == 0
    assert service.sent("POST", "/jobs/job-1/fork").body == {
        "checkpoint": "last",
        "with_optimizer": True,
        "spec": {},
    }
    assert "job-1, step 1,200" in outcome.out


@pytest.mark.parametrize(("given", "sent"), [("best", "best"), ("1200", 1200), ("-1", "-1")])
def test_fork_sends_the_checkpoint_and_what_changes(
    given: str, sent: object, service: FakeService, pretrain: Command
) -> None:
    service.respond("POST", "/jobs/job-1/fork", job_record(id="job-2"), 201)
    options = ["--checkpoint", given, "--set", "training.learning_rate=1e-3", "--set", "name=2"]
    pretrain("fork", "job-1", *options, "--without-optimizer", "--url", service.url)
    assert service.sent("POST", "/jobs/job-1/fork").body == {
        "checkpoint": sent,
        "with_optimizer": False,
        "spec": {"training": {"learning_rate": 1e-3}, "name": "2"},
    }


def test_json_works_before_and_after_the_command(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record())
    before = pretrain("--json", "--url", service.url, "show", "job-1")
    after = pretrain("show", "job-1", "--json", "--url", service.url)
    assert json.loads(before.out) == json.loads(after.out) == job_record()


def test_jobs_lists_one_line_a_job(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list(
        "/jobs", [job_record(), job_record(id="job-0", name=None, latest=None, status="queued")]
    )
    outcome = pretrain("jobs", "--status", "running", "--limit", 5, "--url", service.url)
    assert service.sent("GET", "/jobs").query == {"status": "running", "limit": "6"}
    heading, first, second = outcome.out.splitlines()
    assert heading.split() == ["ID", "NAME", "STATUS", "EPOCH", "STEP", "TRAIN", "VALIDATION", "CREATED"]
    assert first.split() == [
        "job-1",
        "verdict",
        "running",
        "2",
        "12/30",
        "7.123",
        "8.432",
        "2026-11-24T07:00:00Z",
    ]
    assert second.split()[:3] == ["job-0", "-", "queued"]


def test_jobs_says_when_there_are_more(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/jobs", [job_record(), job_record(id="job-0")], has_more=True)
    outcome = pretrain("jobs", "--json", "--limit", 1, "--url", service.url)
    assert [job["id"] for job in json.loads(outcome.out)] == ["job-1"]
    assert "--limit" in outcome.err


def test_show_names_the_error_of_a_failed_job(service: FakeService, pretrain: Command) -> None:
    error = {"type": "diverged", "message": "the loss is NaN at step 7", "attempt": 1, "retryable": False}
    service.respond("GET", "/jobs/job-1", job_record(status="failed", error=error))
    service.respond_with_list("/jobs/job-1/events", [])
    outcome = pretrain("show", "job-1", "--url", service.url)
    assert outcome.status == 0
    assert "diverged: the loss is NaN at step 7" in outcome.out
    assert "log" not in outcome.out


def test_show_ends_with_the_log_of_the_attempt_that_failed_last(
    service: FakeService, pretrain: Command
) -> None:
    error = {"type": "internal", "message": "exit status 1", "attempt": 2, "retryable": True}
    service.respond("GET", "/jobs/job-1", job_record(status="failed", error=error))
    first, second = ({"id": n, "type": "log", "data": {"lines": [f"boom {n}\x1b[2J"]}} for n in "12")
    newest = {"id": "3", "type": "status", "data": {}}
    service.respond_with_list("/jobs/job-1/events", [newest], has_more=True)
    service.respond_with_list("/jobs/job-1/events", [second, first], has_more=True)
    lines = pretrain("show", "job-1", "--url", service.url).out.splitlines()
    assert lines[-2:] == ["The end of its trainer's log:", "  boom 2"]
    asked = {"exclude": "evaluation,sample,checkpoint", "newest_first": "true"}
    assert [request.query for request in service.requests if request.path.endswith("events")] == [
        asked,
        {**asked, "after": "3"},
    ]


def test_show_of_a_job_that_nobody_has_started_yet(service: FakeService, pretrain: Command) -> None:
    nothing = dict.fromkeys(["latest", "best", "numerics", "device", "started_at", "name", "parameters"])
    progress = dict.fromkeys(["epoch", "step", "total_steps", "tokens_seen", "tokens_per_s", "remaining_s"])
    service.respond("GET", "/jobs/job-1", job_record(status="queued", progress=progress, **nothing))
    assert "queued" in pretrain("show", "job-1", "--url", service.url).out


def test_cancel_shows_what_was_requested(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/jobs/job-1/cancel", job_record(stopping="cancel"), 202)
    outcome = pretrain("cancel", "job-1", "--url", service.url)
    assert "running (cancel requested)" in outcome.out


def test_pause_shows_what_was_requested(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/jobs/job-1/pause", job_record(stopping="pause"), 202)
    assert "running (pause requested)" in pretrain("pause", "job-1", "--url", service.url).out


def test_resume_shows_that_the_job_waits_again(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/jobs/job-1/resume", job_record(status="queued"), 202)
    assert "queued" in pretrain("resume", "job-1", "--url", service.url).out


def test_delete_says_what_it_deleted(service: FakeService, pretrain: Command) -> None:
    service.respond_with_bytes("DELETE", "/jobs/job-1", b"", "text/html", 204)
    outcome = pretrain("delete", "job-1", "--url", service.url)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "Deleted job-1.\n")


def test_delete_of_a_checkpoint_keeps_the_job(service: FakeService, pretrain: Command) -> None:
    service.respond_with_bytes("DELETE", "/jobs/job-1/checkpoints/1200", b"", "text/html", 204)
    outcome = pretrain("delete", "job-1", "--checkpoint", 1200, "--url", service.url)
    assert (outcome.status, outcome.err) == (0, "Deleted the checkpoint of step 1200 of job-1.\n")
    assert [request.path for request in service.requests] == ["/jobs/job-1/checkpoints/1200"]


def test_show_says_what_the_job_takes_on_disk(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record(disk_bytes=3_000_000))
    assert "on disk          3.0 MB" in pretrain("show", "job-1", "--url", service.url).out


def test_what_the_jobs_status_does_not_allow_is_an_error(service: FakeService, pretrain: Command) -> None:
    detail = "job job-1 is running, so delete is not possible"
    service.respond("DELETE", "/jobs/job-1", {"title": "Conflict", "status": 409, "detail": detail}, 409)
    outcome = pretrain("delete", "job-1", "--url", service.url)
    assert (outcome.status, outcome.err) == (1, f"pretrain: 409 Conflict: {detail}\n")


ESTIMATE = {
    "object": "estimate",
    "spec": {},
    "fits": True,
    "reasons": [],
    "parameters": {
        "token_embedding": 38_597_376,
        "position_embedding": 196_608,
        "blocks": 12,
        "block": {"attention": 2_360_064, "feed_forward": 4_722_432, "norms": 3_072, "total": 7_085_568},
        "final_norm": 1_536,
        "head": 38_597_376,
        "total": 162_419_712,
        "without_head": 123_822_336,
    },
    "tokens": {"train": 4_688, "validation": 527, "epoch": 4_608, "total": 46_080},
    "windows": 18,
    "steps_per_epoch": 9,
    "steps": 90,
    "epochs": 10,
    "evaluations": 19,
    "samples": 10,
    "checkpoints": 10,
    "flops": {"per_token": 7.7e8, "training": 3.55e13, "evaluation": 1.5e13},
    "memory": {
        "total_bytes": 3_144_000_000,
        "weights_bytes": 649_678_848,
        "device": "cpu",
        "numerics": "bfloat16",
    },
    "disk_bytes": 4_548_538_368,
    "time_s": None,
    "time_on": None,
    "unknown": dict.fromkeys(["time_s", "time_on"], "no training worker has measured its speed yet"),
}


def test_estimate_shows_what_a_job_would_take(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/jobs/estimate", ESTIMATE)
    outcome = pretrain("estimate", "--set", "training.seed=7", "--url", service.url)
    assert outcome.status == 0
    assert service.sent("POST", "/jobs/estimate").body == {"training": {"seed": 7}}
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    for line in (
        "fits yes",
        "parameters 162,419,712",
        "blocks 12 x 7,085,568",
        "feed-forward 4,722,432",
        "head 38,597,376",
        "without the head 123,822,336",
        "windows 18",
        "steps 90",
        "in an epoch 9",
        "in the texts 4,688 to train on, 527 to validate on",
        "FLOPs 50.5 TFLOP",
        "peak memory 3.1 GB (cpu, bfloat16)",
        "weights 649.7 MB",
        "disk 4.5 GB",
        "time -",
        "Not known: time: no training worker has measured its speed yet.",
    ):
        assert line in lines


def test_estimate_says_why_a_job_would_be_refused_and_its_exit_status_is_1(
    service: FakeService, pretrain: Command
) -> None:
    reason = {"field": "training.batch_size", "message": "at most 18 fit a batch", "value": 1000}
    service.respond("POST", "/jobs/estimate", {**ESTIMATE, "fits": False, "reasons": [reason]})
    outcome = pretrain("estimate", "--url", service.url)
    assert outcome.status == 1
    assert "162,419,712" in outcome.out
    assert outcome.out.startswith("fits    ")
    assert outcome.out.splitlines()[0].endswith(" no")
    assert "training.batch_size: at most 18 fit a batch (got 1000)" in outcome.err
    as_json = pretrain("estimate", "--json", "--url", service.url)
    assert as_json.status == 1
    assert json.loads(as_json.out)["reasons"] == [reason]


def test_estimate_says_on_which_worker_it_would_take_so_long(service: FakeService, pretrain: Command) -> None:
    timing = {"worker": "train-1", "device": "cpu", "numerics": "bfloat16", "threads": 2}
    service.respond("POST", "/jobs/estimate", {**ESTIMATE, "time_s": 723.4, "time_on": timing, "unknown": {}})
    outcome = pretrain("estimate", "--url", service.url)
    *_, last = outcome.out.splitlines()
    assert " ".join(last.split()) == "time 12:03 (train-1: cpu, bfloat16, threads: 2)"


def test_estimate_leaves_out_what_nobody_has_counted(service: FakeService, pretrain: Command) -> None:
    unknown = dict.fromkeys(["tokens", "steps", "flops", "disk_bytes"], "a worker counts its tokens")
    record = {**ESTIMATE, **dict.fromkeys(unknown), "unknown": unknown}
    service.respond("POST", "/jobs/estimate", record)
    outcome = pretrain("estimate", "--url", service.url)
    assert outcome.status == 0
    assert "Not known: tokens, steps, FLOPs, disk: a worker counts its tokens." in outcome.out
    assert "TFLOP" not in outcome.out


def test_jobs_asks_for_tags_stars_and_archived_jobs(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/jobs", [job_record(tags=["rate", "small"])])
    outcome = pretrain("jobs", "--tag", "rate", "--starred", "--archived", "--url", service.url)
    query = service.sent("GET", "/jobs").query
    assert (query["tag"], query["starred"], query["archived"]) == ("rate", "true", "true")
    assert "rate, small" in outcome.out


def test_edit_sends_what_is_given_and_nothing_else(service: FakeService, pretrain: Command) -> None:
    service.respond("PATCH", "/jobs/job-1", job_record(name="mine", starred=True, notes="# Why"))
    changes = ("--name", "mine", "--notes", "", "--star", "--unarchive", "--priority", 3)
    outcome = pretrain("edit", "job-1", *changes, "--url", service.url)
    assert service.sent("PATCH", "/jobs/job-1").body == {
        "name": "mine",
        "notes": None,
        "starred": True,
        "archived": False,
        "priority": 3,
    }
    assert outcome.status == 0
    assert "# Why" in outcome.out


def test_edit_adds_and_takes_away_tags(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record(tags=["a", "b"]))
    service.respond("PATCH", "/jobs/job-1", job_record(tags=["b", "c"]))
    outcome = pretrain("edit", "job-1", "--tag", "c", "--tag", "b", "--untag", "a", "--url", service.url)
    assert service.sent("PATCH", "/jobs/job-1").body == {"tags": ["b", "c"]}
    assert "b, c" in outcome.out


def test_edit_reads_notes_from_standard_input(service: FakeService, pretrain: Command, stdin: Stdin) -> None:
    service.respond("PATCH", "/jobs/job-1", job_record())
    stdin("größer".encode())
    assert pretrain("edit", "job-1", "--notes", "-", "--url", service.url).status == 0
    assert service.sent("PATCH", "/jobs/job-1").body == {"notes": "größer"}


def test_edit_without_a_change_is_wrong_usage(service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("edit", "job-1", "--url", service.url)
    assert (outcome.status, service.requests) == (2, [])
    assert "nothing to change" in outcome.err


@pytest.mark.parametrize("command", ["finish", "checkpoint"])
def test_finish_and_checkpoint_ask_the_job(command: str, service: FakeService, pretrain: Command) -> None:
    service.respond("POST", f"/jobs/job-1/{command}", job_record(stopping="finish"), 202)
    outcome = pretrain(command, "job-1", "--url", service.url)
    assert service.sent("POST", f"/jobs/job-1/{command}").body is None
    assert outcome.status == 0
    assert "(finish requested)" in outcome.out
