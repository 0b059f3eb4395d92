"""Every command, against a service that answers as the contract says."""

import inspect
import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from client.commands import app
from client.display.plain_text import one_line
from tests.client.conftest import Command
from tests.client.service import Answer, FakeService, job_record, loss_row, sample_row

CHECKPOINT = {
    "id": "checkpoint-1",
    "step": 30,
    "epoch": 3,
    "train_loss": 5.5,
    "val_loss": 6.5,
    "bytes": 649_700_000,
    "sha256": "ab" * 32,
    "kind": ["last", "best"],
    "created_at": "2026-11-24T07:00:09Z",
}
GENERATION = {
    "object": "generation",
    "job_id": "job-1",
    "checkpoint": 30,
    "prompt": "Every effort",
    "completion": " moves you",
    "text": "Every effort moves you",
    "prompt_tokens": 2,
    "completion_tokens": 2,
    "finish_reason": "length",
    "seed": 0,
    "tokens_per_s": 50.0,
}


def test_submit_without_a_spec_posts_the_lectures_job(service: FakeService, pretrain: Command) -> None:
    service.answer("POST", "/jobs", job_record(status="queued"), 201)
    outcome = pretrain("submit", "--url", service.url)
    assert service.sent("POST", "/jobs").body == {}
    assert outcome.status == 0
    assert "job-1" in outcome.out
    assert "queued" in outcome.out


def test_submit_sends_the_file_with_the_assignments_on_top(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.answer("POST", "/jobs", job_record(), 201)
    file = tmp_path / "spec.toml"
    file.write_text('preset = "tiny"\n[training]\nseed = 1\nnum_epochs = 2\n')
    pretrain("submit", file, "--set", "training.seed=7", "--set", "name=mine", "--url", service.url)
    assert service.sent("POST", "/jobs").body == {
        "preset": "tiny",
        "training": {"seed": 7, "num_epochs": 2},
        "name": "mine",
    }


def test_json_works_before_and_after_the_command(service: FakeService, pretrain: Command) -> None:
    service.answer("GET", "/jobs/job-1", job_record())
    before = pretrain("--json", "--url", service.url, "show", "job-1")
    after = pretrain("show", "job-1", "--json", "--url", service.url)
    assert json.loads(before.out) == json.loads(after.out) == job_record()


def test_jobs_lists_one_line_a_job(service: FakeService, pretrain: Command) -> None:
    service.answer_list(
        "/jobs", [job_record(), job_record(id="job-0", name=None, latest=None, status="queued")]
    )
    outcome = pretrain("jobs", "--status", "running", "--limit", 5, "--url", service.url)
    assert service.sent("GET", "/jobs").query == {"status": "running", "limit": "5"}
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
    service.answer_list("/jobs", [job_record()], has_more=True)
    outcome = pretrain("jobs", "--json", "--url", service.url)
    assert [job["id"] for job in json.loads(outcome.out)] == ["job-1"]
    assert "--limit" in outcome.err


def test_show_names_the_error_of_a_failed_job(service: FakeService, pretrain: Command) -> None:
    error = {"type": "diverged", "message": "the loss is NaN at step 7", "attempt": 1, "retryable": False}
    service.answer("GET", "/jobs/job-1", job_record(status="failed", error=error))
    service.answer_list("/jobs/job-1/events", [])
    outcome = pretrain("show", "job-1", "--url", service.url)
    assert outcome.status == 0
    assert "diverged: the loss is NaN at step 7" in outcome.out
    assert "log" not in outcome.out


def test_show_ends_with_the_log_of_the_attempt_that_failed_last(
    service: FakeService, pretrain: Command
) -> None:
    error = {"type": "internal", "message": "exit status 1", "attempt": 2, "retryable": True}
    service.answer("GET", "/jobs/job-1", job_record(status="failed", error=error))
    first, second = ({"id": n, "type": "log", "data": {"lines": [f"boom {n}\x1b[2J"]}} for n in "12")
    service.answer_list("/jobs/job-1/events", [first], has_more=True)
    service.answer_list("/jobs/job-1/events", [second, {"id": "3", "type": "status", "data": {}}])
    lines = pretrain("show", "job-1", "--url", service.url).out.splitlines()
    assert lines[-2:] == ["The end of its trainer's log:", "  boom 2"]
    assert [request.query for request in service.requests if request.path.endswith("events")] == [
        {},
        {"after": "1"},
    ]


def test_show_of_a_job_that_nobody_has_started_yet(service: FakeService, pretrain: Command) -> None:
    nothing = dict.fromkeys(["latest", "best", "numerics", "device", "started_at", "name", "parameters"])
    progress = dict.fromkeys(["epoch", "step", "total_steps", "tokens_seen", "tokens_per_s", "remaining_s"])
    service.answer("GET", "/jobs/job-1", job_record(status="queued", progress=progress, **nothing))
    assert "queued" in pretrain("show", "job-1", "--url", service.url).out


def test_losses_follows_every_page(service: FakeService, pretrain: Command) -> None:
    service.answer_list("/jobs/job-1/losses", [loss_row(0, 1, 9.781, 9.933)], has_more=True)
    service.answer_list("/jobs/job-1/losses", [loss_row(5, 1, 8.111, 8.339)])
    outcome = pretrain("losses", "job-1", "--json", "--url", service.url)
    assert [row["step"] for row in json.loads(outcome.out)] == [0, 5]
    assert [request.query.get("since_step") for request in service.requests] == ["-1", "0"]


def test_losses_prints_a_table(service: FakeService, pretrain: Command) -> None:
    service.answer_list("/jobs/job-1/losses", [loss_row(5, 1, 8.111, 8.339)])
    row = pretrain("losses", "job-1", "--url", service.url).out.splitlines()[1]
    assert row.split() == ["5", "1", "768", "8.111", "8.339", "0.0004", "1,234"]


def test_losses_csv_is_the_services_own(service: FakeService, pretrain: Command) -> None:
    service.answer_bytes("GET", "/jobs/job-1/losses", b"step,train_loss\n0,9.781\n", "text/csv")
    outcome = pretrain("losses", "job-1", "--csv", "--url", service.url)
    assert outcome.out == "step,train_loss\n0,9.781\n"
    assert service.sent("GET", "/jobs/job-1/losses").query == {"format": "csv"}


def test_losses_plot_is_written_to_a_file(service: FakeService, pretrain: Command, tmp_path: Path) -> None:
    service.answer_bytes("GET", "/jobs/job-1/losses.svg", b"<svg/>", "image/svg+xml")
    outcome = pretrain("losses", "job-1", "--plot", tmp_path / "plot.svg", "--url", service.url)
    assert (tmp_path / "plot.svg").read_bytes() == b"<svg/>"
    assert outcome.out == ""
    assert "plot.svg" in outcome.err


def test_a_plot_replaces_the_one_before_whole_and_keeps_its_permissions_and_its_link(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.answer_bytes("GET", "/jobs/job-1/losses.png", b"new", "image/png")
    plot, link = tmp_path / "plot.png", tmp_path / "link.png"
    plot.write_bytes(b"older")
    plot.chmod(0o640)
    link.symlink_to(plot)
    assert pretrain("losses", "job-1", "--plot", link, "--url", service.url).status == 0
    assert link.is_symlink()
    assert (plot.read_bytes(), plot.stat().st_mode & 0o777) == (b"new", 0o640)
    assert {file.name for file in tmp_path.glob("*.png")} | {file.name for file in tmp_path.glob(".*")} == {
        "plot.png",
        "link.png",
    }


@pytest.mark.parametrize(
    ("body", "media_type"), [(b"<html>sign in</html>", "text/html"), (b"cut off", "image/png; too=short")]
)
def test_a_plot_that_does_not_come_whole_leaves_the_one_before(
    body: bytes, media_type: str, service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    headers = {"Content-Length": str(len(body) + 1)} if "short" in media_type else {}
    service.answers["GET", "/jobs/job-1/losses.png"].append(Answer(200, body, media_type, headers))
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"older")
    outcome = pretrain("losses", "job-1", "--plot", plot, "--url", service.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert plot.read_bytes() == b"older"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["plot.png"]


def test_a_plot_that_cannot_be_written_is_told(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.answer_bytes("GET", "/jobs/job-1/losses.png", b"png", "image/png")
    (tmp_path / "folder.png").mkdir()
    for place, reason in [
        (tmp_path / "folder.png", "it is a folder"),
        (tmp_path / "absent" / "plot.png", "No such file or directory"),
        (Path("/dev/full"), "No space left on device"),
    ]:
        outcome = pretrain("losses", "job-1", "--plot", place, "--url", service.url)
        assert (outcome.status, outcome.err) == (1, f"pretrain: cannot write {place}: {reason}\n")


def test_a_plot_must_be_a_png_or_an_svg(service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("losses", "job-1", "--plot", "plot.pdf", "--url", service.url)
    assert outcome.status == 2
    assert ".png or .svg" in outcome.err


def test_samples_prints_each_text_under_its_epoch(service: FakeService, pretrain: Command) -> None:
    service.answer_list(
        "/jobs/job-1/samples", [sample_row(9, 1, "Every effort,,,"), sample_row(19, 2, "Every and")]
    )
    lines = pretrain("samples", "job-1", "--url", service.url).out.splitlines()
    assert lines == ["-- epoch 1, step 9", "Every effort,,,", "", "-- epoch 2, step 19", "Every and", ""]


def test_checkpoints_prints_kinds_losses_and_sizes(service: FakeService, pretrain: Command) -> None:
    service.answer_list("/jobs/job-1/checkpoints", [CHECKPOINT])
    outcome = pretrain("checkpoints", "job-1", "--url", service.url)
    for text in ("last, best", "6.500", "649.7 MB", "ab" * 32):
        assert text in outcome.out


def test_generate_takes_a_prompt_alone(service: FakeService, pretrain: Command) -> None:
    service.answer("POST", "/generate", GENERATION)
    outcome = pretrain("generate", "Every effort", "--url", service.url)
    assert service.sent("POST", "/generate").body == {"prompt": "Every effort"}
    assert outcome.out == "Every effort moves you\n"


def test_generate_passes_the_job_and_every_option(service: FakeService, pretrain: Command) -> None:
    service.answer("POST", "/generate", GENERATION)
    options = ["--checkpoint", 30, "--max-new-tokens", 9, "--temperature", 0.7, "--top-k", 5, "--top-p", 0.9]
    stops = ["--seed", 3, "--stop", ".", "--stop", "!"]
    outcome = pretrain("generate", "job-1", "Every effort", *options, *stops, "--json", "--url", service.url)
    assert service.sent("POST", "/generate").body == {
        "job_id": "job-1",
        "prompt": "Every effort",
        "checkpoint": "30",
        "max_new_tokens": 9,
        "temperature": 0.7,
        "top_k": 5,
        "top_p": 0.9,
        "seed": 3,
        "stop": [".", "!"],
    }
    assert json.loads(outcome.out) == GENERATION


def test_generate_says_what_is_not_whole(service: FakeService, pretrain: Command) -> None:
    service.answer("POST", "/generate", {**GENERATION, "finish_reason": "timeout", "prompt_truncated": True})
    outcome = pretrain("generate", "Every effort", "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "Every effort moves you\n")
    assert outcome.err.splitlines() == [
        "The prompt is longer than the model's context: only its end was read.",
        "The text is not complete: the service's time for an answer was over.",
    ]


def test_a_prompt_without_quotes_is_a_usage_error(service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("generate", "Every", "effort", "moves", "--url", service.url)
    assert outcome.status == 2
    assert "quote" in outcome.err
    assert service.requests == []


def test_cancel_shows_what_was_requested(service: FakeService, pretrain: Command) -> None:
    service.answer("POST", "/jobs/job-1/cancel", job_record(stopping="cancel"), 202)
    outcome = pretrain("cancel", "job-1", "--url", service.url)
    assert "running (cancel requested)" in outcome.out


def test_pause_shows_what_was_requested(service: FakeService, pretrain: Command) -> None:
    service.answer("POST", "/jobs/job-1/pause", job_record(stopping="pause"), 202)
    assert "running (pause requested)" in pretrain("pause", "job-1", "--url", service.url).out


def test_resume_shows_that_the_job_waits_again(service: FakeService, pretrain: Command) -> None:
    service.answer("POST", "/jobs/job-1/resume", job_record(status="queued"), 202)
    assert "queued" in pretrain("resume", "job-1", "--url", service.url).out


def test_delete_says_what_it_deleted(service: FakeService, pretrain: Command) -> None:
    service.answer_bytes("DELETE", "/jobs/job-1", b"", "text/html", 204)
    outcome = pretrain("delete", "job-1", "--url", service.url)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "Deleted job-1.\n")


def test_what_the_jobs_status_does_not_allow_is_an_error(service: FakeService, pretrain: Command) -> None:
    detail = "job job-1 is running, so delete is not possible"
    service.answer("DELETE", "/jobs/job-1", {"title": "Conflict", "status": 409, "detail": detail}, 409)
    outcome = pretrain("delete", "job-1", "--url", service.url)
    assert (outcome.status, outcome.err) == (1, f"pretrain: 409 Conflict: {detail}\n")


ADDED = {"id": "dataset-1", "name": "text", "notices": []}


def test_datasets_add_sends_the_text_under_the_files_name(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.answer("POST", "/datasets", ADDED | {"name": "märchen"}, 201)
    file = tmp_path / "märchen.txt"
    file.write_text("Es war einmal …", encoding="utf-8")
    outcome = pretrain("datasets", "add", file, "--url", service.url)
    assert service.sent("POST", "/datasets").body == {"name": "märchen", "text": "Es war einmal …"}
    assert outcome.out == "dataset-1\n"


@pytest.mark.parametrize(
    "content",
    [b"one\r\ntwo\rthree\n", b"\r\n \x0b\x0c\x85".replace(b"\x85", b"x"), "\ufeffé語\r\n🙂\u2028".encode()],
)
def test_datasets_add_keeps_every_byte(
    content: bytes, service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.answer("POST", "/datasets", ADDED, 201)
    file = tmp_path / "text.txt"
    file.write_bytes(content)
    outcome = pretrain("datasets", "add", file, "--url", service.url)
    assert outcome.status == 0
    assert service.sent("POST", "/datasets").body["text"].encode() == content
    assert outcome.err == ""


def test_datasets_add_takes_the_name_that_is_given(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.answer("POST", "/datasets", ADDED | {"name": ""}, 201)
    file = tmp_path / "text.txt"
    file.write_text("x")
    for name in ("another", ""):
        pretrain("datasets", "add", file, "--name", name, "--url", service.url)
    assert [request.body["name"] for request in service.requests] == ["another", ""]


def test_datasets_add_says_what_the_service_has_noticed(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    notices = ["The same text is stored already: it is dataset-1, called 'older'.", "\x1b[2JIt has a mark."]
    service.answer("POST", "/datasets", ADDED | {"name": "older", "notices": notices}, 200)
    file = tmp_path / "newer.txt"
    file.write_text("the same")
    outcome = pretrain("datasets", "add", file, "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "dataset-1\n")
    assert outcome.err == f"{notices[0]}\nIt has a mark.\n"
    assert (
        json.loads(pretrain("datasets", "add", file, "--json", "--url", service.url).out)["id"] == "dataset-1"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("schöne Märchen für die Kinder".encode("cp1252"), "it looks like cp1252"),
        ("schöne Märchen".encode("utf-16"), "it looks like UTF-16"),
        ("tales".encode("utf-16-le"), "it looks like UTF-16 without a byte order mark"),
        (b"", "is empty"),
        (b" \r\n\t", "has only white space"),
    ],
)
def test_datasets_add_refuses_what_is_no_text_in_utf8(
    content: bytes, told: str, service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    file = tmp_path / "my text.txt"
    file.write_bytes(content)
    outcome = pretrain("datasets", "add", file, "--url", service.url)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"pretrain: {file}: ")
    assert told in outcome.err
    assert service.requests == []


def test_the_command_that_datasets_add_names_converts_the_file(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.answer("POST", "/datasets", ADDED, 201)
    text = "schöne Märchen – für „Kinder“\r\n"
    file = tmp_path / "it's mine.txt"
    for encoding in ("cp1252", "utf-16", "utf-16-be"):
        file.write_text(text, encoding=encoding, newline="")
        command = pretrain("datasets", "add", file, "--url", service.url).err.partition("converts it: ")[2]
        subprocess.run(command, shell=True, check=True)
        converted = tmp_path / "it's mine.txt.utf8"
        assert pretrain("datasets", "add", converted, "--url", service.url).status == 0
        assert service.requests[-1].body["text"] == text


def test_datasets_add_refuses_what_is_no_file(
    service: FakeService, pretrain: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.upload.MAX_BYTES", 1000)
    for file, told in [
        (tmp_path / "absent.txt", "there is no such file"),
        (tmp_path, "is a folder, not a file"),
        (tmp_path / "absent" / "text.txt", "there is no such file"),
        (Path("/dev/zero"), "has more than 1,000 bytes"),
    ]:
        outcome = pretrain("datasets", "add", file, "--url", service.url)
        assert (outcome.status, outcome.err) == (2, f"pretrain: {file}: {told}\n")
    assert service.requests == []


def test_the_name_of_a_file_never_breaks_a_message(pretrain: Command, tmp_path: Path) -> None:
    folder = tmp_path / "a\nb"
    folder.mkdir()
    absent, empty, latin = (folder / name for name in ("absent.json", "empty.txt", "latin.json"))
    empty.touch()
    latin.write_bytes(b"caf\xe9")
    written = one_line(folder)
    for words, told in [
        (["submit", absent], f"{written}/absent.json: there is no such file"),
        (["submit", folder / "spec.txt"], f"{written}/spec.txt: a spec is a .json, .toml or .yaml file"),
        (["datasets", "add", empty], f"{written}/empty.txt: is empty"),
        (["submit", latin], "iconv -f CP1252 -t UTF-8 FILE > FILE.utf8"),
        (["losses", "job-1", "--plot", folder / "plot.jpg"], f"--plot {written}/plot.jpg: the plot is a"),
    ]:
        outcome = pretrain(*words)
        assert told in outcome.err
        assert outcome.err.count("\n") == 1


def test_a_data_folder_whose_name_breaks_lines_is_named_on_one(
    pretrain: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a\nb").touch()
    monkeypatch.setenv("PRETRAIN_DATA_DIR", str(tmp_path / "a\nb"))
    outcome = pretrain("up")
    assert outcome.err == f"pretrain: cannot use {tmp_path}/a b as data folder: File exists\n"


def test_datasets_add_says_why_the_service_refuses_the_text_and_does_not_quote_it(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    file = tmp_path / "documents.jsonl"
    file.write_text('{"text": "a"}\n{"text": "b"}\n')
    told = "looks like JSON Lines, which is not supported yet. This makes it plain text: jq -r .text"
    hint = f"{told} FILE > FILE.txt"
    errors = [{"field": "text", "message": hint, "value": '{"text": "a"}'}]
    service.answer("POST", "/datasets", {"title": "Unprocessable Content", "errors": errors}, 422)
    service.answer("POST", "/datasets", {"title": "Content Too Large", "detail": "limit of 1,048,576"}, 413)
    refused = pretrain("datasets", "add", file, "--url", service.url)
    assert (refused.status, refused.err) == (1, f"pretrain: {file}: {told} {file} > {file}.txt\n")
    too_large = pretrain("datasets", "add", file, "--url", service.url)
    assert too_large.err == f"pretrain: {file}: 413 Content Too Large: limit of 1,048,576\n"


def test_datasets_list_prints_one_line_a_text(service: FakeService, pretrain: Command) -> None:
    rows = [
        {"id": "the-verdict", "name": "the-verdict", "characters": None, "tokens": None},
        {"id": "dataset-1", "name": "mine", "characters": 20_123, "tokens": 4_567},
    ]
    service.answer_list("/datasets", rows)
    lines = pretrain("datasets", "list", "--url", service.url).out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["the-verdict", "the-verdict", "-", "-"],
        ["dataset-1", "mine", "20,123", "4,567"],
    ]
    assert json.loads(pretrain("datasets", "list", "--json", "--url", service.url).out) == rows


def test_an_unknown_option_is_a_usage_error(pretrain: Command) -> None:
    assert pretrain("jobs", "--no-such-option").status == 2


def options_that_take_no_text() -> list[tuple[str, str]]:
    """Command and option, of every option whose value is not taken as it is."""
    found = []
    for command in app.registered_commands:
        assert command.callback is not None
        for name, parameter in inspect.signature(command.callback, eval_str=True).parameters.items():
            kind = typing.get_args(parameter.annotation)[0]
            if kind not in (bool, str, str | None, list[str], list[str] | None, Path, Path | None):
                words = command.name or command.callback.__name__
                found.append((words, "--" + name.replace("_", "-")))
    return found


def test_the_options_that_take_no_text_are_these() -> None:
    """So that the next test has them all: typer would check a new one in the words of pydantic."""
    assert options_that_take_no_text() == [
        ("up", "--port"),
        ("demo", "--port"),
        ("jobs", "--limit"),
        ("generate", "--max-new-tokens"),
        ("generate", "--temperature"),
        ("generate", "--top-k"),
        ("generate", "--top-p"),
        ("generate", "--seed"),
    ]


@pytest.mark.parametrize(("command", "option"), options_that_take_no_text())
@pytest.mark.parametrize(
    "value", ["x", "", "nan", "inf", "1_000", "٣", "0x10", "9" * 5000, "1e999", "99999999", "-1"]
)
def test_a_value_that_is_no_number_is_refused_in_plain_words(
    value: str, command: str, option: str, service: FakeService, pretrain: Command
) -> None:
    words = [command, *(["Every"] if command == "generate" else []), f"{option}={value}"]
    outcome = pretrain(*words, *([] if command in ("up", "demo") else ["--url", service.url]))
    if outcome.status == 1:  # the service's to refuse
        assert value in ("-1", "99999999")
    else:
        assert outcome.status == 2
        assert "Invalid value for" in outcome.err
        assert ": it must be " in " ".join(outcome.err.split())


def test_help_waits_for_nothing_heavy() -> None:
    show_help = "from client.commands import app; app(['--help'], standalone_mode=False)"
    look = (
        "import sys; print(sorted({'httpx2', 'pydantic', 'redis', 'sqlalchemy', 'torch'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", f"{show_help}; {look}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines()[-1] == "[]"


def test_help_lists_every_command(pretrain: Command) -> None:
    outcome = pretrain("--help")
    assert outcome.status == 0
    for command in (
        "up",
        "demo",
        "submit",
        "jobs",
        "show",
        "watch",
        "losses",
        "samples",
        "generate",
        "cancel",
        "pause",
        "resume",
        "delete",
    ):
        assert command in outcome.out
