"""Lines as machines and as people read them, by real processes and by this one's formatter."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from jobs.process import logs
from jobs.process.logs import (
    ACCESS_LOGGER,
    RELAYED,
    add_process_fields,
    configure_logging,
    current_request_id,
    parse_line,
)
from jobs.settings import Settings


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test does to logging is undone."""
    root = logging.getLogger()
    handlers, level, fields = list(root.handlers), root.level, dict(logs._process_fields)
    hooks = sys.excepthook, sys.unraisablehook
    structlog.contextvars.clear_contextvars()
    logs._process_fields.clear()
    yield
    root.handlers[:], root.level = handlers, level
    sys.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    logs._process_fields.clear()
    logs._process_fields.update(fields)


def formatted(log_format: str, record: logging.LogRecord) -> str:
    configure_logging(Settings(log_format=log_format))  # type: ignore[arg-type]
    return logging.getLogger().handlers[0].format(record)


def record(message: str = "a message", *args: object, **extra: Any) -> logging.LogRecord:
    return logging.getLogger("a.logger").makeRecord(
        "a.logger", logging.INFO, "file.py", 1, message, args, None, extra=extra
    )


def test_a_line_for_machines_is_an_object_with_what_all_lines_have_first() -> None:
    add_process_fields(worker="train-1", attempt=None)
    structlog.contextvars.bind_contextvars(request_id="r-1", job_id="job-1")
    line = json.loads(formatted("json", record("step %d", 3, status=200)))
    assert list(line) == ["time", "level", "logger", "message", "request_id", "job_id", "worker", "status"]
    assert (line["level"], line["logger"], line["message"]) == ("info", "a.logger", "step 3")
    assert (line["request_id"], line["job_id"], line["worker"], line["status"]) == (
        "r-1",
        "job-1",
        "train-1",
        200,
    )
    assert line["time"].endswith("Z")


def test_what_a_line_has_itself_outranks_its_threads_and_its_processes() -> None:
    add_process_fields(job_id="of the process", attempt=1)
    structlog.contextvars.bind_contextvars(job_id="of the thread")
    assert json.loads(formatted("json", record()))["job_id"] == "of the thread"
    line = json.loads(formatted("json", record(job_id="of the line")))
    assert (line["job_id"], line["attempt"]) == ("of the line", 1)


def test_an_error_is_one_line_with_its_traceback() -> None:
    failed = record("it failed")
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        failed.exc_info = sys.exc_info()
    text = formatted("json", failed)
    assert "\n" not in text
    assert "ValueError: first\nsecond" in json.loads(text)["exception"]


def test_the_line_of_another_process_is_written_as_it_is() -> None:
    add_process_fields(worker="here")
    written = {"time": "then", "level": "warning", "message": "there", "job_id": "job-2"}
    assert json.loads(formatted("json", record("{...}", **{RELAYED: written}))) == written


RESERVED = {*vars(record()), "message", "asctime", "event", RELAYED, "time", "exception", "level", "logger"}
JSON_LIKE = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.floats(),
    st.integers(),
    st.binary(max_size=4),
    st.lists(st.floats(), max_size=2),
)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5).filter(lambda n: n not in RESERVED), JSON_LIKE, max_size=4
    )
)
def test_whatever_a_line_has_it_is_one_line_that_every_parser_reads(extra: dict[str, Any]) -> None:
    text = formatted("json", record("m", **extra))
    assert "\n" not in text
    text.encode()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(text, parse_constant=refuse)["message"] == "m"


def test_a_line_for_people_has_short_ids_and_no_more_fields() -> None:
    add_process_fields(worker="train-1")
    structlog.contextvars.bind_contextvars(request_id="0123456789abcdef" * 2, job_id="job-1", attempt=2)
    text = formatted("text", record("it goes on", status=200))
    assert "request_id=01234567" in text
    assert "0123456789" not in text
    assert "job_id=job-1" in text
    assert "it goes on" in text
    assert not {"worker", "attempt", "status", "a.logger"} & {part.partition("=")[0] for part in text.split()}
    assert formatted("text", record("job job-1 goes on")).count("job-1") == 1


def test_requests_have_a_line_for_machines_only() -> None:
    configure_logging(Settings(log_format="text"))
    assert not logging.getLogger(ACCESS_LOGGER).isEnabledFor(logging.INFO)
    configure_logging(Settings(log_format="json"))
    assert logging.getLogger(ACCESS_LOGGER).isEnabledFor(logging.INFO)


def test_the_request_that_a_thread_works_for_is_known_by_its_id() -> None:
    assert current_request_id() is None
    structlog.contextvars.bind_contextvars(request_id="r-1")
    assert current_request_id() == "r-1"


@pytest.mark.parametrize(
    "line", ["", "text", "{", "{}", '{"time": 1}', "[1]", "{" * 10_000, '{"message": NaN']
)
def test_a_line_that_was_not_logged_in_json_is_text(line: str) -> None:
    assert parse_line(line) is None


def test_a_logged_line_is_read_again() -> None:
    assert parse_line(formatted("json", record("again", job_id="job-1"))) is not None


PROCESS = """
import threading, warnings
from jobs.process.logs import add_process_fields, configure_logging
from jobs.settings import load_settings
configure_logging(load_settings())
add_process_fields(job_id="job-1")
warnings.warn("a warning")
class Broken:
    def __del__(self): raise KeyError("unraisable")
Broken()
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise SystemError("uncaught")
"""


def test_warnings_and_errors_that_nobody_catches_are_objects_too(tmp_path: object) -> None:
    environment = {"PRETRAIN_LOG_FORMAT": "json", "PRETRAIN_DATA_DIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", PROCESS], env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "critical", "critical", "critical"]
    assert "a warning" in lines[0]["message"]
    kinds = [line["message"].partition(":")[0] for line in lines[1:]]
    assert kinds == ["KeyError", "ZeroDivisionError", "SystemError"]
    assert all(line["job_id"] == "job-1" for line in lines)
    assert all("Traceback" in line["exception"] for line in lines[1:])
