"""A job's losses: as JSON, as CSV, and plotted."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Literal

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field
from sqlalchemy.orm import Session

from api.http.arguments import JobPath, parse_request
from api.http.conditional import client_has, etag_of, not_modified, tagged
from api.http.negotiation import preferred_media_type
from api.http.problems import invalid_fields, problem_responses
from api.http.queries import MAX_LIMIT, SinceStep
from api.http.scopes import Scope
from api.plots.plotter import PLOTTER, LossPoint, Plot
from api.records.history import LOSS_FIELDS, LossRecord, LossRow, losses_csv, losses_json
from api.records.record import Listing
from api.server.pools import PLOTS, in_pool
from api.services import services
from jobs.lifecycle.downsampling import MAX_POINTS, MIN_POINTS
from jobs.lifecycle.history import epoch_tokens, list_columns
from jobs.lifecycle.versions import get_version
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.validation.field_errors import FieldError

JSON = "application/json"
CSV = "text/csv"
CSV_UTF8 = f"{CSV}; charset=utf-8"
CSV_PAGE_ROWS = 2000
"""That are read at once of a long CSV, in a transaction each: 1 MB, most of it objects of Python."""
MAX_PLOTTED_POINTS = 2000
PLOTTED = ("epoch", *LossPoint._fields)

losses = APIBlueprint(
    "losses", __name__, abp_tags=[Tag(name="history")], abp_responses=problem_responses(404, 422, 500, 503)
)


class LossesQuery(SinceStep):
    until_step: int | None = Field(None, ge=0, le=2**63 - 1)
    """Only evaluations up to this step. Default: all."""

    limit: int | None = Field(None, ge=1, le=MAX_LIMIT)
    """Evaluations in the response, at most. Default: 1,000; as CSV, all."""

    max_points: int | None = Field(None, ge=MIN_POINTS, le=MAX_POINTS)
    """Downsample to at most so many evaluations, for a plot: the range is cut into buckets of steps, and of
    each those of least and greatest train and validation loss are kept, besides the very first and last, so
    that no spike is lost: at least 6, which are the first, the last and those four. Not with `limit`.
    Default: none is left out."""

    format: Literal["json", "csv"] | None = None
    """Default: what `Accept` asks for, else json."""


@losses.get("/jobs/<job_id>/losses", responses={200: Listing[LossRecord], 304: None})
@parse_request(Scope.READ)
def show_losses(path: JobPath, query: LossesQuery) -> Response:
    """List a job's evaluations in the order of their steps
    With `format=csv` or `Accept: text/csv` as CSV with the same columns. The answer has an `ETag`; a request
    with it as `If-None-Match` is answered with 304 as long as there is no other row.
    """
    if query.max_points is not None and query.limit is not None:
        raise invalid_fields([FieldError("limit", "must not be given with max_points", query.limit)])
    as_csv = query.format == "csv" or (query.format is None and preferred_media_type([JSON, CSV]) == CSV)
    media_type = CSV if as_csv else JSON
    with services().database.snapshot() as session:
        version = get_version(session, path.job_id)
        etag = etag_of("losses", version.losses, media_type, query.model_dump_json())
        response = (
            not_modified(etag) if client_has(etag) else answer(session, path.job_id, query, media_type, etag)
        )
    response.vary.add("Accept")
    return response


def answer(session: Session, job_id: str, query: LossesQuery, media_type: str, etag: str) -> Response:
    body = services().bodies.get(etag)
    if body is None:
        rows, has_more = rows_of(session, job_id, query)
        if media_type == CSV and has_more and query.limit is None:
            pages = chain([rows], later_pages(services().database, job_id, query, rows[-1]))
            return tagged(Response(csv_lines(pages), content_type=CSV_UTF8), etag)
        body = b"".join(csv_lines([rows])) if media_type == CSV else losses_json(rows, has_more=has_more)
        services().bodies.keep(etag, body)
    return tagged(Response(body, content_type=CSV_UTF8 if media_type == CSV else JSON), etag)


def rows_of(
    session: Session, job_id: str, query: LossesQuery, page_rows: int = MAX_LIMIT
) -> tuple[Sequence[LossRow], bool]:
    """A page of the evaluations that are asked for, and whether there are more.

    page_rows  in a page, where the query has no limit of its own
    """
    between = (job_id, query.since_step, query.until_step)
    if query.max_points is not None:
        steps = services().curves.shown_steps(
            session, job_id, query.max_points, query.since_step, query.until_step
        )
        return list_columns(session, LOSS_FIELDS, *between, steps=steps), False
    limit = query.limit or page_rows
    rows = list_columns(session, LOSS_FIELDS, *between, limit=limit + 1)
    return rows[:limit], len(rows) > limit


def later_pages(
    database: Database, job_id: str, query: LossesQuery, last: LossRow
) -> Iterator[Sequence[LossRow]]:
    """The pages behind the row `last`, each read when it is needed."""
    has_more = True
    while has_more:
        later = query.model_copy(update={"since_step": last[LOSS_FIELDS.index("step")]})
        with database.read() as session:
            rows, has_more = rows_of(session, job_id, later, CSV_PAGE_ROWS)
        if rows:
            last = rows[-1]
        yield rows


def csv_lines(pages: Iterable[Sequence[LossRow]]) -> Iterator[bytes]:
    """CSV text (RFC 4180), a header first."""
    yield ",".join(LOSS_FIELDS).encode() + b"\r\n"
    for page in pages:
        yield losses_csv(page)


def image(media_type: str) -> dict[str, Any]:
    """The documentation of a response that is an image."""
    return {"description": "OK", "content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}


@losses.get("/jobs/<job_id>/losses.png", responses={200: image("image/png")})
@in_pool(PLOTS)
@parse_request(Scope.READ)
def show_losses_png(path: JobPath) -> Response:
    """Plot a job's losses as PNG
    Train and validation loss over epochs, with the tokens seen on the upper axis.
    """
    return Response(plot(path.job_id, "png"), content_type="image/png")


@losses.get("/jobs/<job_id>/losses.svg", responses={200: image("image/svg+xml")})
@in_pool(PLOTS)
@parse_request(Scope.READ)
def show_losses_svg(path: JobPath) -> Response:
    """Plot a job's losses as SVG
    Train and validation loss over epochs, with the tokens seen on the upper axis.
    """
    return Response(plot(path.job_id, "svg"), content_type="image/svg+xml")


def plot(job_id: str, image_format: Literal["png", "svg"]) -> bytes:
    with services().database.snapshot() as session:
        job = get_job(session, job_id)
        steps = services().curves.shown_steps(session, job_id, MAX_PLOTTED_POINTS)
        evaluations = list_columns(session, PLOTTED, job_id, steps=steps)
        tokens_per_epoch = epoch_tokens(session, job, evaluations)
    points = [LossPoint(row.tokens_seen, row.train_loss, row.val_loss) for row in evaluations]
    return PLOTTER.draw(
        Plot(
            name=job.name,
            job_id=job.id,
            points=[point for point in points if all(map(math.isfinite, point))],
            tokens_per_epoch=tokens_per_epoch,
            image_format=image_format,
        )
    )
