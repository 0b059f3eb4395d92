"""Commands as real processes: encodings, outputs that fail, signals, and arguments that are no text."""

import os
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.client.running import RUN, Running, environment_on, finished
from tests.client.service import FakeService, job_record, loss_row, sample_row
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

NAME = "mär語🙂"
DATASET = {"id": "dataset-1", "name": NAME, "characters": 20_123, "tokens": 4_567}
CHECKPOINT = {
    "step": 30,
    "epoch": 3,
    "kind": ["last"],
    "train_loss": 5.5,
    "val_loss": 6.5,
    "bytes": 1,
    "sha256": "ab",
}

# Every command that prints a result.
READING = [
    ["--help"],
    ["jobs"],
    ["jobs", "--json"],
    ["show", "job-1"],
    ["watch", "job-1"],
    ["compare", "job-1", "job-2"],
    ["workers"],
    ["submit", "--set", f"name={NAME}"],
    ["submit", "--watch"],
    ["losses", "job-1"],
    ["losses", "job-1", "--csv"],
    ["samples", "job-1"],
    ["checkpoints", "job-1"],
    ["generate", NAME],
    ["cancel", "job-1"],
    ["pause", "job-1"],
    ["resume", "job-1"],
    ["datasets", "list"],
]

Finish = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def responsive_service(service: FakeService) -> FakeService:
    """Answers every command; its job has ended."""
    job = job_record(name=NAME, status="succeeded")
    service.respond_with_list("/jobs", [job])
    service.respond("POST", "/jobs", job, 201)
    service.respond("GET", "/jobs/job-1", job)
    service.respond("GET", "/jobs/job-2", {**job, "id": "job-2"})
    service.respond_with_list("/workers", [{"id": "worker-1", "queue": "train", "status": "idle"}])
    for verb in ("cancel", "pause", "resume"):
        service.respond("POST", f"/jobs/job-1/{verb}", job, 202)
    service.respond_with_events(
        "/jobs/job-1/events",
        (1, "sample", sample_row(9, 1, f"Every {NAME}")),
        (2, "status", {"status": "succeeded"}),
    )
    service.respond_with_bytes("GET", "/jobs/job-1/losses", b"step\r\n0\r\n", "text/csv")
    service.respond_with_list("/jobs/job-1/samples", [sample_row(9, 1, f"Every {NAME}")])
    service.respond_with_list("/jobs/job-1/checkpoints", [CHECKPOINT])
    service.respond_with_list("/datasets", [DATASET])
    service.respond("POST", "/generate", {"text": f"{NAME} moves you"})
    return service


def respond_with_losses(service: FakeService, arguments: Sequence[str]) -> None:
    if "--csv" not in arguments:
        service.responses.pop(("GET", "/jobs/job-1/losses"))
        service.respond_with_list("/jobs/job-1/losses", [loss_row(0, 1, 9.781, 9.933)])


@pytest.fixture
def finish(responsive_service: FakeService, tmp_path: Path) -> Finish:
    """Runs a command on the service to its end, in this environment and with these streams."""

    def run(
        arguments: Sequence[str | bytes], variables: dict[str, str] | None = None, **streams: Any
    ) -> subprocess.CompletedProcess[bytes]:
        respond_with_losses(responsive_service, [os.fsdecode(argument) for argument in arguments])
        environment = environment_on(
            tmp_path / "data", PRETRAIN_URL=responsive_service.url, **(variables or {})
        )
        return finished(
            arguments, environment, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        )

    return run


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_an_output_that_is_full_is_told_in_a_sentence(arguments: list[str], finish: Finish) -> None:
    with open("/dev/full", "wb") as full:
        ended = finish(arguments, stdout=full)
    assert ended.returncode == 1
    assert ended.stderr == b"pretrain: the output can't be written: No space left on device\n"


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_reader_that_has_left_is_no_error_to_tell(arguments: list[str], finish: Finish) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = finish(arguments, stdout=writer)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_an_output_in_ascii_has_code_points_for_what_it_lacks(arguments: list[str], finish: Finish) -> None:
    ended = finish(arguments, {"PYTHONIOENCODING": "ascii"})
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.isascii()
    if arguments[0] in ("jobs", "generate", "datasets"):
        assert b"m\\xe4r\\u8a9e\\U0001f642" in ended.stdout or b"m\\u00e4r\\u8a9e" in ended.stdout


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"PYTHONIOENCODING": "latin-1"}, b"m\xe4r\\u8a9e\\U0001f642"),
        ({"PYTHONIOENCODING": "latin-1:strict"}, b"m\xe4r\\u8a9e\\U0001f642"),
        ({"LANG": "C", "LC_ALL": ""}, NAME.encode()),
        ({"LC_ALL": "POSIX"}, NAME.encode()),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, b"m\\xe4r\\u8a9e\\U0001f642"),
    ],
)
def test_other_encodings_show_what_they_can(variables: dict[str, str], shown: bytes, finish: Finish) -> None:
    ended = finish(["show", "job-1"], variables)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert shown in ended.stdout


@pytest.mark.parametrize("variables", [{}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX"}])
def test_messages_and_usage_errors_are_written_in_any_encoding(
    variables: dict[str, str], finish: Finish
) -> None:
    unknown = finish(["show", NAME], variables)
    misused = finish(["jobs", f"--{NAME}"], variables)
    assert (unknown.returncode, misused.returncode) == (1, 2)
    assert unknown.stderr == b"pretrain: 404 Not Found\n"
    assert b"No such option" in misused.stderr
    assert b"Traceback" not in misused.stderr


def test_where_messages_cannot_go_the_exit_status_stays(finish: Finish) -> None:
    with open("/dev/full", "wb") as full:
        assert finish(["show", "job-9"], stderr=full).returncode == 1
        assert finish(["jobs", "--no-such-option"], stderr=full).returncode == 2
        assert finish(["show", "job-1"], stdout=full, stderr=full).returncode == 1


@pytest.mark.parametrize("closed", ["0<&-", ">&-", "2>&-", "0<&- >&- 2>&-"])
def test_a_closed_stream_is_like_none(closed: str, responsive_service: FakeService, tmp_path: Path) -> None:
    environment = environment_on(tmp_path / "data", PRETRAIN_URL=responsive_service.url)
    shell = f'exec "$0" -c "$1" show job-1 {closed}'
    ended = subprocess.run(
        ["sh", "-c", shell, sys.executable, RUN],
        env=environment,
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout == b"" or ended.stdout.startswith(b"id               job-1\n")


def test_a_terminal_that_takes_a_little_at_a_time_gets_all(
    responsive_service: FakeService, tmp_path: Path
) -> None:
    """Output that does not block, as a shared terminal may be, has room for less than what is printed."""
    responsive_service.responses.pop(("GET", "/jobs"))
    responsive_service.respond_with_list(
        "/jobs", [job_record(name=f"job number {number}") for number in range(5000)]
    )
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    environment = environment_on(tmp_path / "data", PRETRAIN_URL=responsive_service.url)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "jobs", "--limit", "5000"], env=environment, stdout=writer
    )
    os.close(writer)
    with open(reader, "rb") as output:
        printed = output.read()
    assert process.wait(PATIENCE_S) == 0
    assert len(printed.splitlines()) == 5001


NOT_UTF8 = b"caf\xe9"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["show", NOT_UTF8], b"is no id of a job"),
        (["watch", NOT_UTF8], b"is no id of a job"),
        (["losses", NOT_UTF8], b"is no id of a job"),
        (["samples", NOT_UTF8], b"is no id of a job"),
        (["checkpoints", NOT_UTF8], b"is no id of a job"),
        (["cancel", NOT_UTF8], b"is no id of a job"),
        (["pause", NOT_UTF8], b"is no id of a job"),
        (["resume", NOT_UTF8], b"is no id of a job"),
        (["delete", NOT_UTF8], b"is no id of a job"),
        (["generate", NOT_UTF8], b"prompt: "),
        (["generate", NOT_UTF8, "Every"], b"job_id: "),
        (["generate", "Every", "--stop", NOT_UTF8], b"stop: "),
        (["generate", "Every", "--checkpoint", NOT_UTF8], b"checkpoint: "),
        (["jobs", "--name", NOT_UTF8], b"name: "),
        (["jobs", "--status", NOT_UTF8], b"status: "),
        (["jobs", "--url", b"http://" + NOT_UTF8], b"--url: "),
        (["submit", "--set", b"name=" + NOT_UTF8], b"name: "),
        (["submit", "--set", NOT_UTF8 + b"=1"], b"caf"),
        (["submit", NOT_UTF8], b".json, .toml or .yaml"),
        (["submit", NOT_UTF8 + b".json"], b".json: "),
        (["datasets", "add", NOT_UTF8], b": "),
        (["demo", "--spec", NOT_UTF8], b".json, .toml or .yaml"),
        ([NOT_UTF8], b"No such command"),
        ([b"--" + NOT_UTF8], b"No such option"),
    ],
)
def test_an_argument_that_is_not_utf8_is_a_usage_error(
    arguments: list[str | bytes], named: bytes, finish: Finish, responsive_service: FakeService
) -> None:
    ended = finish(arguments)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert named in ended.stderr
    assert b"caf\\udce9" in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert responsive_service.requests == []


def test_a_file_whose_name_is_not_utf8_is_read_and_needs_a_name(
    responsive_service: FakeService, finish: Finish, tmp_path: Path
) -> None:
    responsive_service.respond("POST", "/datasets", DATASET, 201)
    file = os.fsencode(tmp_path) + b"/" + NOT_UTF8 + b".txt"
    Path(os.fsdecode(file)).write_text("text")
    nameless = finish(["datasets", "add", file])
    assert nameless.returncode == 2
    assert b"caf\\udce9.txt: its name is not UTF-8: give it one with --name" in nameless.stderr
    assert finish(["datasets", "add", file, "--name", "x"]).returncode == 0
    sent = responsive_service.sent("POST", "/datasets")
    assert (sent.query, sent.body) == ({"name": "x"}, b"text")


@pytest.mark.parametrize("job_id", ["", ".", "..", "a" * 70_000])
def test_an_id_that_would_lead_to_another_path_is_a_usage_error(
    job_id: str, finish: Finish, responsive_service: FakeService
) -> None:
    for verb in ("show", "delete"):
        assert finish([verb, job_id]).returncode == 2
    assert responsive_service.requests == []


@pytest.mark.parametrize("arguments", [["watch", "job-1"], ["submit", "--watch"]], ids=" ".join)
def test_ctrl_c_while_a_job_is_watched_says_that_the_job_goes_on(
    arguments: list[str], service: FakeService, tmp_path: Path
) -> None:
    service.respond("POST", "/jobs", job_record(status="queued"), 201)
    service.respond("GET", "/jobs/job-1", job_record())
    service.respond_with_list("/jobs/job-1/losses", [])
    service.respond_with_list("/jobs/job-1/samples", [])
    service.respond_with_events("/jobs/job-1/events")  # which is asked for again and again
    running = Running(arguments, environment_on(tmp_path / "data", PRETRAIN_URL=service.url))
    running.wait_for("job job-1: running")
    running.send(signal.SIGINT)
    assert running.ended() == 130
    assert running.err.splitlines() == ["Job job-1 goes on."]


@pytest.mark.parametrize("arguments", [["generate", "Every"], ["jobs"], ["submit"]], ids=" ".join)
def test_ctrl_c_while_the_service_thinks_ends_without_a_word(
    arguments: list[str], service: FakeService, tmp_path: Path
) -> None:
    service.silent = True
    running = Running(arguments, environment_on(tmp_path / "data", PRETRAIN_URL=service.url))
    wait_until(lambda: service.requests, "it had asked")
    running.send(signal.SIGINT)
    assert running.ended() == 130
    assert (running.out, running.err) == ("", "")


def test_ctrl_c_while_the_command_starts_leaves_no_traceback(tmp_path: Path) -> None:
    interrupted = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'client.commands.app': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from client.main import run; run()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", interrupted, "jobs"],
        env=environment_on(tmp_path / "data"),
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


def test_a_working_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PRETRAIN_")}
    python_path = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONSAFEPATH": "1"}
    leave = f"import os; os.chdir({str(folder)!r}); os.rmdir({str(folder)!r}); {RUN}"
    ended = subprocess.run(
        [sys.executable, "-c", leave, "jobs"],
        env={**environment, **python_path},
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 2
    assert ended.stderr == b"pretrain: the working directory is gone: go to one that exists\n"


@pytest.mark.parametrize("target", ["-", "/dev/stdout", "/dev/fd/1"])
def test_a_plot_may_go_to_standard_output(
    target: str, responsive_service: FakeService, finish: Finish
) -> None:
    responsive_service.respond_with_bytes("GET", "/jobs/job-1/losses.png", b"\x89PNG\r\n", "image/png")
    ended = finish(["losses", "job-1", "--plot", target])
    assert (ended.returncode, ended.stdout) == (0, b"\x89PNG\r\n")
    assert finish(["losses", "job-1", "--plot", target, "--csv"]).returncode == 2


def test_a_plot_to_standard_output_is_written_where_a_file_is_at(
    responsive_service: FakeService, finish: Finish, tmp_path: Path
) -> None:
    responsive_service.respond_with_bytes("GET", "/jobs/job-1/losses.png", b"png", "image/png")
    with (tmp_path / "out").open("ab") as out:
        out.write(b"before ")
        out.flush()
        assert finish(["losses", "job-1", "--plot", "/dev/stdout"], stdout=out).returncode == 0
    assert (tmp_path / "out").read_bytes() == b"before png"


def test_a_picture_is_not_written_to_a_terminal(finish: Finish) -> None:
    controller, terminal = os.openpty()
    try:
        ended = finish(["losses", "job-1", "--plot", "-"], stdout=terminal)
    finally:
        os.close(terminal)
        os.close(controller)
    assert ended.returncode == 2
    assert b"a picture can't be shown on a terminal" in ended.stderr


def test_on_a_narrow_terminal_ids_are_whole(responsive_service: FakeService, tmp_path: Path) -> None:
    job_id = "job-0123456789abcdef"
    responsive_service.responses.pop(("GET", "/jobs"))
    responsive_service.respond_with_list("/jobs", [job_record(id=job_id)])
    controller, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 40))
    environment = environment_on(
        tmp_path / "data", PRETRAIN_URL=responsive_service.url, TERM="xterm", NO_COLOR="1"
    )
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    ended = finished(["jobs"], environment, stdout=terminal)
    printed = os.read(controller, 10_000).decode()
    os.close(terminal)
    os.close(controller)
    assert ended.returncode == 0
    lines = re.sub("\x1b\\[[0-9;]*m", "", printed).splitlines()
    assert [line.split() for line in lines] == [["ID", "NAME", "STATUS"], [job_id, "verdict", "running"]]
