"""A job's losses: as JSON, as CSV, and plotted."""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field
from sqlalchemy.orm import Session

from api.http.arguments import JobPath, parse_request
from api.http.negotiation import preferred_media_type
from api.http.problems import invalid_fields, problem_responses
from api.http.queries import MAX_LIMIT, SinceStep
from api.plots.plotter import PLOTTER, LossPoint, Plot
from api.records.history import LossRecord, loss_record
from api.records.record import Listing, list_response
from api.server.pools import PLOTS, in_pool
from api.services import services
from jobs.lifecycle.downsampling import MAX_POINTS, MIN_POINTS, downsample_evaluations
from jobs.lifecycle.history import epoch_tokens, list_evaluations
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import Evaluation
from jobs.validation.field_errors import FieldError
from jobs.validation.strict_json import finite

JSON = "application/json"
CSV = "text/csv"
MAX_PLOTTED_POINTS = 2000

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
    that no spike is lost. Not with `limit`. Default: none is left out."""

    format: Literal["json", "csv"] | None = None
    """Default: what `Accept` asks for, else json."""


@losses.get("/jobs/<job_id>/losses", responses={200: Listing[LossRecord]})
@parse_request()
def show_losses(path: JobPath, query: LossesQuery) -> Response:
    """List a job's evaluations in the order of their steps
    With `format=csv` or `Accept: text/csv` as CSV with the same columns.
    """
    if query.max_points is not None and query.limit is not None:
        raise invalid_fields([FieldError("limit", "must not be given with max_points", query.limit)])
    as_csv = query.format == "csv" or (query.format is None and preferred_media_type([JSON, CSV]) == CSV)
    database = services().database
    with database.read() as session:
        get_job(session, path.job_id)
        evaluations, has_more = evaluations_of(session, path.job_id, query)
    page = [loss_record(evaluation) for evaluation in evaluations]
    if as_csv:
        pages: Iterable[list[LossRecord]] = [page]
        if has_more and query.limit is None:
            pages = chain(pages, later_pages(database, path.job_id, query, page[-1].step))
        response = Response(csv_lines(pages), content_type=f"{CSV}; charset=utf-8")
    else:
        response = list_response(page, has_more=has_more)
    response.vary.add("Accept")
    return response


def evaluations_of(session: Session, job_id: str, query: LossesQuery) -> tuple[list[Evaluation], bool]:
    """A page of the evaluations that are asked for, and whether there are more."""
    if query.max_points is not None:
        return downsample_evaluations(
            session, job_id, query.max_points, query.since_step, query.until_step
        ), False
    limit = query.limit or MAX_LIMIT
    evaluations = list_evaluations(session, job_id, query.since_step, query.until_step, limit + 1)
    return evaluations[:limit], len(evaluations) > limit


def later_pages(
    database: Database, job_id: str, query: LossesQuery, since_step: int
) -> Iterator[list[LossRecord]]:
    """The pages after `since_step`, each read when it is needed."""
    has_more = True
    while has_more:
        with database.read() as session:
            later = query.model_copy(update={"since_step": since_step})
            evaluations, has_more = evaluations_of(session, job_id, later)
        if evaluations:
            since_step = evaluations[-1].step
        yield [loss_record(evaluation) for evaluation in evaluations]


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
    """The documentation of a response that is an image."""
    return {"description": "OK", "content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}


@losses.get("/jobs/<job_id>/losses.png", responses={200: image("image/png")})
@in_pool(PLOTS)
@parse_request()
def show_losses_png(path: JobPath) -> Response:
    """Plot a job's losses as PNG
    Train and validation loss over epochs, with the tokens seen on the upper axis.
    """
    return Response(plot(path.job_id, "png"), content_type="image/png")


@losses.get("/jobs/<job_id>/losses.svg", responses={200: image("image/svg+xml")})
@in_pool(PLOTS)
@parse_request()
def show_losses_svg(path: JobPath) -> Response:
    """Plot a job's losses as SVG
    Train and validation loss over epochs, with the tokens seen on the upper axis.
    """
    return Response(plot(path.job_id, "svg"), content_type="image/svg+xml")


def plot(job_id: str, image_format: Literal["png", "svg"]) -> bytes:
    with services().database.read() as session:
        job = get_job(session, job_id)
        evaluations = downsample_evaluations(session, job_id, MAX_PLOTTED_POINTS)
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
