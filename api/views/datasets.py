"""Data sets, built-in ones and the users' own: add, list, show."""

from collections.abc import Sequence
from http import HTTPStatus

from flask import Response, request, url_for
from flask_openapi import APIBlueprint, Tag
from pydantic import Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.arguments import DatasetPath, model_parser, parse_request
from api.http.bodies import BYTE_ORDER_MARK
from api.http.error_handlers import problem_response
from api.http.problems import HTTPProblem, disk_full, invalid_fields, problem_responses
from api.records.datasets import AddedDatasetRecord, DatasetRecord, builtin_record, dataset_record
from api.records.record import Listing, json_response, list_response
from api.server.pools import UPLOADS, in_pool
from api.services import services
from jobs.broker.queue import PREPARE_QUEUE, publish_if_possible
from jobs.files.builtin_datasets import BUILTINS
from jobs.files.datasets import BadText, get_dataset, list_datasets, store_dataset
from jobs.files.disk import free_bytes, is_disk_full
from jobs.files.token_counts import TOTALS, token_totals
from jobs.spec.job_spec import Label
from jobs.store.lookup import NotFound
from jobs.store.preparations import preparations_by_dataset
from jobs.store.tables import Dataset
from jobs.validation.field_errors import FieldError
from jobs.validation.quoting import quoted
from jobs.validation.request_model import RequestModel
from model.config import Text

datasets = APIBlueprint(
    "datasets", __name__, abp_tags=[Tag(name="datasets")], abp_responses=problem_responses(422, 500, 503)
)

JSON_BYTES_PER_TEXT_BYTE = 6
"""At most: a control character is one byte of text, and `\\u0001` in JSON."""


class NewDataset(RequestModel):
    """A text to train on."""

    name: Label
    """A name of your choice."""

    text: Text = Field(min_length=1)
    """The text itself."""


@datasets.before_request
def allow_large_bodies() -> None:
    max_bytes = services().settings.max_dataset_bytes
    request.max_content_length = JSON_BYTES_PER_TEXT_BYTE * max_bytes + 4096


@datasets.errorhandler(RequestEntityTooLarge)
def body_too_large(_: RequestEntityTooLarge) -> Response:
    """The body is larger than that of the longest text can be, so the text is too long, unread."""
    max_bytes = services().settings.max_dataset_bytes
    return problem_response(
        HTTPProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the text has more bytes than the limit of {max_bytes:,} (PRETRAIN_MAX_DATASET_BYTES)",
        )
    )


@datasets.post(
    "/datasets",
    responses={
        200: AddedDatasetRecord,
        201: AddedDatasetRecord,
        **problem_responses(400, 413, 415, 507),
    },
)
@in_pool(UPLOADS)
@parse_request(body=model_parser(NewDataset))
def post_dataset(body: NewDataset) -> Response:
    """Add a text to train on
    Equal content is stored once: if a data set has the same text, that one is returned, with status 200 and a
    remark in `notices`.
    """
    database, settings = services().database, services().settings
    content = body.text.encode()
    if len(content) > settings.max_dataset_bytes:
        raise HTTPProblem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the text has {len(content):,} bytes, more than the limit of {settings.max_dataset_bytes:,} "
            "(PRETRAIN_MAX_DATASET_BYTES)",
        )
    try:
        dataset, created = store_dataset(database, settings, body.name, content)
    except BadText as error:
        raise invalid_fields([FieldError("text", str(error), body.text)]) from error
    except (OSError, DBAPIError) as error:
        if not is_disk_full(error):
            raise
        raise disk_full(describe_lack(len(content), free_bytes(settings.artifacts))) from error
    record = find_record(dataset.id)
    if record.status == "preparing":
        publish_if_possible(services().celery, PREPARE_QUEUE)
    return json_response(
        AddedDatasetRecord(**dict(record), notices=notices(body, dataset, created=created)),
        HTTPStatus.CREATED if created else HTTPStatus.OK,
        location=url_for("datasets.show_dataset", dataset_id=dataset.id),
    )


def describe_lack(needed: int, free: int) -> str:
    """Why a text of `needed` bytes is refused where `free` are left."""
    text = f"the text has {needed:,} bytes"
    if free < needed:
        return f"{text}, and the disk of the service room for {free:,}: {needed - free:,} are missing"
    return f"{text}, for which there is no room: the disk of the service is full, or its quota used up"


def notices(body: NewDataset, dataset: Dataset, *, created: bool) -> list[str]:
    sentences = []
    if not created:
        sentences.append(
            f"The same text is stored already: it is {dataset.id}, called {quoted(dataset.name)}."
        )
    if body.text.startswith(BYTE_ORDER_MARK) and dataset.text_start_bytes:
        sentences.append("The text begins with a byte order mark, which is stored but not trained on.")
    elif body.text.startswith(BYTE_ORDER_MARK):
        sentences.append(
            "The text begins with a byte order mark and is trained on with it, as earlier versions did."
        )
    return sentences


@datasets.get("/datasets", responses={200: Listing[DatasetRecord]})
@parse_request()
def show_datasets() -> Response:
    """List the data sets, the built-in ones first"""
    with services().database.read() as session:
        records = records_of(session, list_datasets(session))
    builtins = {name: records.get(name) or builtin_record(name) for name in BUILTINS}
    return list_response(list({**builtins, **records}.values()))


@datasets.get("/datasets/<dataset_id>", responses={200: DatasetRecord, **problem_responses(404)})
@parse_request()
def show_dataset(path: DatasetPath) -> Response:
    """Show a data set"""
    try:
        return json_response(find_record(path.dataset_id))
    except NotFound:
        if path.dataset_id not in BUILTINS:
            raise
        return json_response(builtin_record(path.dataset_id))


def find_record(dataset_id: str) -> DatasetRecord:
    """raises NotFound"""
    with services().database.read() as session:
        return records_of(session, [get_dataset(session, dataset_id)])[dataset_id]


def records_of(session: Session, datasets: Sequence[Dataset]) -> dict[str, DatasetRecord]:
    """By their ids, in the same order."""
    tokens, preparations = token_totals(session), preparations_by_dataset(session, *TOTALS)
    return {
        dataset.id: dataset_record(dataset, tokens.get(dataset.id), preparations.get(dataset.id))
        for dataset in datasets
    }
