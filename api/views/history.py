"""What a job has learnt so far: losses, samples, checkpoints, and what happened to it."""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import Field
from sqlalchemy.orm import Session

from api.http.arguments import JobPath, parsed
from api.http.problems import problem_responses, wrong_fields
from api.http.queries import MAX_LIMIT, Page, Since, StepPage, refuse_event_stream
from api.plots.plotter import PLOTTER, Plot, PlottedRow
from api.records import (
    CheckpointRecord,
    EventRecord,
    Listing,
    LossRecord,
    SampleRecord,
    checkpoint_records,
    event_record,
    listing,
    loss_record,
    sample_record,
)
from api.server.lanes import PLOTS, in_lane
from api.services import services
from jobs.lifecycle.history import list_checkpoints, list_evaluations, list_samples
from jobs.lifecycle.thinning import MAX_POINTS, MIN_POINTS, thin_evaluations
from jobs.spec.estimate import tokens_of_epoch
from jobs.spec.field_errors import FieldError
from jobs.spec.quoting import quoted
from jobs.spec.strict_json import finite
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import BadCursor, get_job
from jobs.store.tables import Evaluation
from model.config import Text

CSV = "text/csv"
PLOTTED_POINTS = 2000

history = APIBlueprint(
    "history", __name__, abp_tags=[Tag(name="history")], abp_responses=problem_responses(404, 422, 500, 503)
)


class LossesQuery(Since):
    until_step: int | None = Field(None, ge=0, le=2**63 - 1)
    """Only rows up to this step. Default: all."""

    limit: int | None = Field(None, ge=1, le=MAX_LIMIT)
    """Rows in the answer, at most. Default: 1,000; as CSV, all."""

    max_points: int | None = Field(None, ge=MIN_POINTS, le=MAX_POINTS)
    """Thin the rows out to at most so many, for a plot: the range is cut into buckets of steps, and of each
    the rows of least and greatest train and validation loss are kept, besides the first row and the last, so
    that no spike is lost. Not with `limit`. Default: none is left out."""

    format: Literal["json", "csv"] | None = None
    """Default: what `Accept` asks for, else json."""


class EventsQuery(Page):
    after: Text | None = Field(None, min_length=1, max_length=200)
    """The id of the last event of the page before."""


@history.get("/jobs/<job_id>/losses", responses={200: Listing[LossRecord]})
@parsed()
def show_losses(path: JobPath, query: LossesQuery) -> Response:
    """List a job's evaluations in the order of their steps
    With `format=csv` or `Accept: text/csv` as CSV with the same columns.
    """
    if query.max_points is not None and query.limit is not None:
        raise wrong_fields([FieldError("limit", "must not be given with max_points", query.limit)])
    as_csv = (query.format or accepted_format()) == "csv"
    database = services().database
    with database.read() as session:
        get_job(session, path.job_id)
        rows, has_more = asked_rows(session, path.job_id, query)
    page = [loss_record(row) for row in rows]
    if as_csv:
        is_whole = query.limit is not None or not has_more
        pages = (
            [page] if is_whole else chain([page], later_pages(database, path.job_id, query, page[-1].step))
        )
        response = Response(csv_lines(pages), content_type=f"{CSV}; charset=utf-8")
    else:
        response = listing(page, has_more=has_more)
    response.vary.add("Accept")
    return response


def asked_rows(session: Session, job_id: str, query: LossesQuery) -> tuple[list[Evaluation], bool]:
    """The rows of one answer, and whether there are more behind them."""
    if query.max_points is not None:
        return thin_evaluations(session, job_id, query.max_points, query.since_step, query.until_step), False
    limit = query.limit or MAX_LIMIT
    rows = list_evaluations(session, job_id, query.since_step, query.until_step, limit + 1)
    return rows[:limit], len(rows) > limit


def accepted_format() -> str:
    best = request.accept_mimetypes.best_match(["application/json", CSV], default="application/json")
    return "csv" if best == CSV else "json"


def later_pages(
    database: Database, job_id: str, query: LossesQuery, since_step: int
) -> Iterator[list[LossRecord]]:
    """Every row after `since_step` that is asked for, without holding them all in memory."""
    has_more = True
    while has_more:
        with database.read() as session:
            later = query.model_copy(update={"since_step": since_step})
            rows, has_more = asked_rows(session, job_id, later)
        if rows:
            since_step = rows[-1].step
        yield [loss_record(row) for row in rows]


def csv_lines(pages: Iterable[list[LossRecord]]) -> Iterator[str]:
    """CSV text (RFC 4180), a header first; what is null or not finite is empty."""
    columns = list(LossRecord.model_fields)
    yield ",".join(columns) + "\r\n"
    for page in pages:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns)
        writer.writerows(finite(record.model_dump(mode="json")) for record in page)
        yield text.getvalue()


def image(media_type: str) -> dict[str, Any]:
    """The documentation of an answer that is a picture."""
    return {"description": "OK", "content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}


@history.get("/jobs/<job_id>/losses.png", responses={200: image("image/png")})
@in_lane(PLOTS)
@parsed()
def show_losses_png(path: JobPath) -> Response:
    """Plot a job's losses as PNG
    Train and validation loss over epochs, with the tokens seen on the upper axis.
    """
    return Response(plot(path.job_id, "png"), content_type="image/png")


@history.get("/jobs/<job_id>/losses.svg", responses={200: image("image/svg+xml")})
@in_lane(PLOTS)
@parsed()
def show_losses_svg(path: JobPath) -> Response:
    """Plot a job's losses as SVG
    Train and validation loss over epochs, with the tokens seen on the upper axis.
    """
    return Response(plot(path.job_id, "svg"), content_type="image/svg+xml")


def plot(job_id: str, image_format: Literal["png", "svg"]) -> bytes:
    with services().database.read() as session:
        job = get_job(session, job_id)
        evaluations = thin_evaluations(session, job_id, PLOTTED_POINTS)
        epoch = tokens_of_epoch(session, job, evaluations)
    rows = [PlottedRow(row.tokens_seen, row.train_loss, row.val_loss) for row in evaluations]
    finite_rows = [row for row in rows if all(map(math.isfinite, row))]
    return PLOTTER.draw(
        Plot(
            name=job.name, job_id=job.id, rows=finite_rows, tokens_per_epoch=epoch, image_format=image_format
        )
    )


@history.get("/jobs/<job_id>/samples", responses={200: Listing[SampleRecord]})
@parsed()
def show_samples(path: JobPath, query: StepPage) -> Response:
    """List what the model wrote, in the order of the steps"""
    with services().database.read() as session:
        get_job(session, path.job_id)
        rows = list_samples(session, path.job_id, query.since_step, query.limit + 1)
    return listing([sample_record(row) for row in rows[: query.limit]], has_more=len(rows) > query.limit)


@history.get("/jobs/<job_id>/checkpoints", responses={200: Listing[CheckpointRecord]})
@parsed()
def show_checkpoints(path: JobPath) -> Response:
    """List the checkpoints that are kept, the oldest first"""
    with services().database.read() as session:
        get_job(session, path.job_id)
        rows = list_checkpoints(session, path.job_id)
    return listing(checkpoint_records(rows))


@history.get("/jobs/<job_id>/events", responses={200: Listing[EventRecord], **problem_responses(400)})
@parsed()
def show_events(path: JobPath, query: EventsQuery) -> Response:
    """List what happened to a job, the oldest first"""
    refuse_event_stream()
    with services().database.read() as session:
        get_job(session, path.job_id)
        rows = list_events(session, path.job_id, event_number(query.after), query.limit + 1)
    return listing([event_record(row) for row in rows[: query.limit]], has_more=len(rows) > query.limit)


def event_number(cursor: str | None) -> int:
    """The number behind an event's id; 0, before all of them, without one. raises BadCursor"""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise BadCursor(f"after: no event {quoted(cursor)}")
    return int(cursor)
