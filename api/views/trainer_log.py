"""What a job's trainers wrote."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import JobPath, parse_request
from api.http.problems import HTTPProblem, invalid_fields, problem_responses
from api.http.scopes import Scope
from api.services import services
from jobs.files.layout import log_directory
from jobs.files.trainer_logs import end_of_log, last_lines, read_log, readable
from jobs.states import Status
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from jobs.validation.field_errors import FieldError
from jobs.validation.quoting import quoted
from jobs.validation.request_model import RequestModel

TEXT = "text/plain"
MAX_TAIL = 100_000
LOG_ATTEMPT_HEADER = "X-Log-Attempt"
LOG_OFFSET_HEADER = "X-Log-Offset"

trainer_log = APIBlueprint(
    "trainer_log",
    __name__,
    abp_tags=[Tag(name="history")],
    abp_responses=problem_responses(404, 422, 500, 503),
)


class LogQuery(RequestModel):
    attempt: int | None = Field(None, ge=1, le=2**31 - 1)
    """Only what this attempt's trainer wrote. Default: all attempts, each below a line with its number."""

    tail: int | None = Field(None, ge=1, le=MAX_TAIL)
    """Only so many lines, the last ones. Default: all."""

    offset: int | None = Field(None, ge=0, le=2**63 - 1)
    """Only what follows this place of the attempt's log, as `X-Log-Offset` of an earlier response names it.
    With `attempt`, and without `tail`. Default: 0."""


def log_responses() -> dict[str, Any]:
    """The documentation of a response that is a log."""
    integer = {"schema": {"type": "integer"}}
    headers = {
        LOG_ATTEMPT_HEADER: {"description": "The newest attempt in the response", **integer},
        LOG_OFFSET_HEADER: {"description": "Where its log goes on behind the response", **integer},
    }
    return {"description": "OK", "headers": headers, "content": {TEXT: {"schema": {"type": "string"}}}}


@trainer_log.get("/jobs/<job_id>/log", responses={200: log_responses()})
@parse_request(Scope.READ)
def show_log(path: JobPath, query: LogQuery) -> Response:
    """Show what a job's trainers wrote
    Text in UTF-8, without terminal escapes and control characters: of each attempt at least the first 1 MiB
    and the last 4 MiB, with a line where something between is not kept. The headers `X-Log-Attempt` and
    `X-Log-Offset` name the place behind the response: with them as `attempt` and `offset` the next request
    gets what has been written since. Of an attempt that still runs there are whole lines only.
    """
    if query.offset is not None and (query.attempt is None or query.tail is not None):
        message = "must be given with attempt, and without tail"
        raise invalid_fields([FieldError("offset", message, query.offset)])
    with services().database.read() as session:
        job = get_job(session, path.job_id)
    newest = query.attempt or job.attempt
    if newest > job.attempt:
        detail = f"job {quoted(job.id)} has had {job.attempt} attempts, and no attempt {newest}"
        raise HTTPProblem(HTTPStatus.NOT_FOUND, detail)
    artifacts = services().settings.artifacts
    end = end_of_log(log_directory(artifacts, job.id, newest), whole_lines=is_running(job, newest))
    if query.attempt is not None:
        text = attempt_text(artifacts, job.id, newest, query.offset or 0, end)
        pieces = text if query.tail is None else iter(last_lines(text, query.tail))
    elif query.tail is not None:
        pieces = tail_of_all(artifacts, job.id, newest, end, query.tail)
    else:
        pieces = text_of_all(artifacts, job.id, newest, end)
    headers = {LOG_ATTEMPT_HEADER: str(newest), LOG_OFFSET_HEADER: str(max(end, query.offset or 0))}
    return Response(pieces, content_type=f"{TEXT}; charset=utf-8", headers=headers)


def is_running(job: Job, attempt: int) -> bool:
    return attempt == job.attempt and job.status == Status.RUNNING


def attempt_text(
    artifacts: Path, job_id: str, attempt: int, start: int = 0, end: int | None = None
) -> Iterator[str]:
    return readable(read_log(log_directory(artifacts, job_id, attempt), start, end))


def text_of_all(artifacts: Path, job_id: str, newest: int, end: int) -> Iterator[str]:
    """The logs of all attempts, each read when its turn comes; `end` is that of the newest one."""
    for attempt in range(1, newest + 1):
        text = attempt_text(artifacts, job_id, attempt, end=end if attempt == newest else None)
        yield from with_heading(attempt, newest, text)


def tail_of_all(artifacts: Path, job_id: str, newest: int, end: int, count: int) -> Iterator[str]:
    """The last lines of all attempts' logs; no more attempts are read than it takes."""
    tails: list[tuple[int, list[str]]] = []
    for attempt in range(newest, 0, -1):
        text = attempt_text(artifacts, job_id, attempt, end=end if attempt == newest else None)
        lines = last_lines(text, count)
        tails.append((attempt, lines))
        count -= len(lines)
        if count == 0:
            break
    for attempt, lines in reversed(tails):
        yield from with_heading(attempt, newest, iter(lines))


def with_heading(attempt: int, newest: int, text: Iterator[str]) -> Iterator[str]:
    """The attempt's text below a line with its number, unless it is the only one there has been; nothing
    where it wrote nothing."""
    is_first, last = True, "\n"
    for last in text:
        if is_first and newest > 1:
            yield f"==> attempt {attempt} <==\n"
        is_first = False
        yield last
    if attempt < newest and not last.endswith("\n"):
        yield "\n"
