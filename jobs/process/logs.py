"""Logging: lines for people on a terminal, JSON in containers.

A line says in whose name it was written: in that of the whole process (`add_process_fields`), of what its
thread does (structlog's context variables: the id of a request, a job), and what the line itself has
(`extra`). In JSON each line of each process is one object, errors that nobody catches and warnings too; lines
for people leave out what all lines of a process have, and the rest of a request's id.
"""

import json
import logging
import sys
import threading
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.contextvars import get_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from jobs.settings import Settings
from jobs.validation.strict_json import to_json

ACCESS_LOGGER = "api.access"
ANSWERS_LOGGER = "worker.answers"
"""A line for each request, and for each prompt or text that a worker has answered, in JSON only: people read
what happens to jobs."""
FIRST_FIELDS = ("time", "level", "logger", "message", "request_id", "job_id", "attempt", "worker")
FIELDS_FOR_PEOPLE = ("request_id", "generation", "job_id")
SHORT_ID_CHARACTERS = 8
RELAYED = "relayed"
"""In `extra`: the line of another process, which is written as it is."""

_process_fields: dict[str, Any] = {}


def configure_logging(settings: Settings) -> None:
    """Send every logger of this process to stderr, in the settings' format."""
    is_json = settings.log_format == "json"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time" if is_json else "timestamp"),
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *(FOR_MACHINES if is_json else FOR_PEOPLE),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Alembic logs its context whenever the schema is looked at, as readiness checks do.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for name in (ACCESS_LOGGER, ANSWERS_LOGGER):
        logging.getLogger(name).setLevel(logging.INFO if is_json else logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    if is_json:
        log_what_python_prints()


def add_process_fields(**fields: Any) -> None:
    """From now on every JSON line of this process has these, those that are None left out."""
    _process_fields.update({name: value for name, value in fields.items() if value is not None})


def current_request_id() -> str | None:
    """The id of the HTTP request that this thread works for; None if it works for none."""
    request_id = get_contextvars().get("request_id")
    return request_id if isinstance(request_id, str) else None


def parse_line(line: str) -> dict[str, Any] | None:
    """What a process that logs in JSON has written; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        written = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return written if isinstance(written, dict) and written.keys() >= {"time", "level", "message"} else None


def log_what_python_prints() -> None:
    """Make lines of errors that nobody has caught, and of warnings."""
    logging.captureWarnings(True)
    uncaught = logging.getLogger("uncaught")

    def log_error(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)
            return
        uncaught.critical("%s: %s", kind.__name__, error, exc_info=(kind, error, traceback))

    def log_error_of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            log_error(args.exc_type, args.exc_value, args.exc_traceback)

    def log_unraisable(args: Any) -> None:
        if args.exc_value is not None:
            log_error(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = log_error
    threading.excepthook = log_error_of_thread
    sys.unraisablehook = log_unraisable


def as_object(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The line as a JSON object, what all lines have first; one of another process as that has written it."""
    if isinstance(relayed := event.pop(RELAYED, None), Mapping):
        return dict(relayed)
    event["message"] = event.pop("event")
    line = {**_process_fields, **event}
    first = {name: line[name] for name in FIRST_FIELDS if line.get(name) is not None}
    return {**first, **{name: value for name, value in line.items() if name not in FIRST_FIELDS}}


def shorten(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The line without what people need not read again and again."""
    message = str(event["event"])
    kept = {"timestamp", "level", "event", "exception", *FIELDS_FOR_PEOPLE}
    line = {name: value for name, value in event.items() if name in kept}
    if (job_id := line.get("job_id")) is not None and str(job_id) in message:
        del line["job_id"]
    if (request_id := line.get("request_id")) is not None:
        line["request_id"] = str(request_id)[:SHORT_ID_CHARACTERS]
    return line


def to_line(value: EventDict, **_: Any) -> str:
    """JSON on one line; what it has no type for, as text."""
    try:
        return to_json(value)
    except (TypeError, ValueError):
        return to_json({str(name): str(member) for name, member in value.items()})


FOR_MACHINES: list[Processor] = [as_object, structlog.processors.JSONRenderer(serializer=to_line)]
FOR_PEOPLE: list[Processor] = [shorten, structlog.dev.ConsoleRenderer(colors=False)]
