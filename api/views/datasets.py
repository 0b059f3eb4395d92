"""Data sets: one's own and the built-in ones."""

from http import HTTPStatus

from flask import Response, request, url_for
from flask_openapi import APIBlueprint, Tag
from pydantic import Field
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.arguments import DatasetPath, parsed, strictly
from api.http.bodies import BYTE_ORDER_MARK
from api.http.problems import Refusal, as_response, no_room, problem_responses, wrong_fields
from api.records import (
    AddedDatasetRecord,
    DatasetRecord,
    Listing,
    answer,
    builtin_record,
    dataset_record,
    listing,
)
from api.server.lanes import UPLOADS, in_lane
from api.services import services
from jobs.files.datasets import (
    BUILTINS,
    TOTALS_TOKENIZER,
    TOTALS_TRAIN_RATIO,
    BadText,
    count_tokens,
    get_dataset,
    list_datasets,
    store_dataset,
    token_totals,
)
from jobs.files.disk import free_bytes, is_disk_full
from jobs.spec.field_errors import FieldError
from jobs.spec.job_spec import Label
from jobs.spec.quoting import quoted
from jobs.store.lookup import NotFound
from jobs.store.tables import Dataset
from model.config import StrictModel, Text

datasets = APIBlueprint(
    "datasets", __name__, abp_tags=[Tag(name="datasets")], abp_responses=problem_responses(422, 500, 503)
)

JSON_BYTES_PER_TEXT_BYTE = 6
"""Of a control character, the worst case: one byte as text, `\\u0001` in JSON."""


class NewDataset(StrictModel):
    """A text to train on."""

    name: Label
    """A label of your own."""

    text: Text = Field(min_length=1)
    """The text itself."""


@datasets.before_request
def allow_large_texts() -> None:
    largest = services().settings.max_dataset_bytes
    request.max_content_length = JSON_BYTES_PER_TEXT_BYTE * largest + 4096


@datasets.errorhandler(RequestEntityTooLarge)
def far_too_long(_: RequestEntityTooLarge) -> Response:
    """What is refused unread is longer than the longest text can be, however its characters are written."""
    largest = services().settings.max_dataset_bytes
    return as_response(
        Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the text has more bytes than the limit of {largest:,} (PRETRAIN_MAX_DATASET_BYTES)",
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
@in_lane(UPLOADS)
@parsed(body=strictly(NewDataset))
def post_dataset(body: NewDataset) -> Response:
    """Add a text to train on
    Equal content is stored once: a data set that has the same text is the answer, with status 200 and a word
    about it in `notices`.
    """
    to = services()
    content = body.text.encode()
    largest = to.settings.max_dataset_bytes
    if len(content) > largest:
        raise Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the text has {len(content):,} bytes, more than the limit of {largest:,} "
            "(PRETRAIN_MAX_DATASET_BYTES)",
        )
    try:
        dataset, created = store_dataset(to.database, to.settings, body.name, content)
    except BadText as error:
        raise wrong_fields([FieldError("text", str(error), body.text)]) from error
    except (OSError, DBAPIError) as error:
        if not is_disk_full(error):
            raise
        raise no_room(missing_room(len(content), free_bytes(to.settings.artifacts))) from error
    counts = count_tokens(to.database, to.settings, dataset, TOTALS_TOKENIZER, TOTALS_TRAIN_RATIO)
    record = dataset_record(dataset, counts.train_tokens + counts.val_tokens)
    return answer(
        AddedDatasetRecord(**dict(record), notices=notices(body, dataset, created=created)),
        HTTPStatus.CREATED if created else HTTPStatus.OK,
        location=url_for("datasets.show_dataset", dataset_id=dataset.id),
    )


def missing_room(needed: int, free: int) -> str:
    """Why a text of `needed` bytes is refused where `free` are left."""
    text = f"the text has {needed:,} bytes"
    if free < needed:
        return f"{text}, and the disk of the service room for {free:,}: {needed - free:,} are missing"
    return f"{text}, for which there is no room: the disk of the service is full, or its quota used up"


def notices(asked: NewDataset, dataset: Dataset, *, created: bool) -> list[str]:
    told = []
    if not created:
        told.append(f"The same text is stored already: it is {dataset.id}, called {quoted(dataset.name)}.")
    if asked.text.startswith(BYTE_ORDER_MARK) and dataset.text_start_bytes:
        told.append("The text begins with a byte order mark, which is stored but not trained on.")
    elif asked.text.startswith(BYTE_ORDER_MARK):
        told.append(
            "The text begins with a byte order mark and is trained on with it, as earlier versions did."
        )
    return told


@datasets.get("/datasets", responses={200: Listing[DatasetRecord]})
@parsed()
def show_datasets() -> Response:
    """List the data sets, the built-in ones first"""
    with services().database.read() as session:
        rows = {dataset.id: dataset for dataset in list_datasets(session)}
        tokens = token_totals(session)
    builtins = [
        dataset_record(rows.pop(name), tokens.get(name)) if name in rows else builtin_record(name)
        for name in BUILTINS
    ]
    own = [dataset_record(dataset, tokens.get(dataset.id)) for dataset in rows.values()]
    return listing([*builtins, *own])


@datasets.get("/datasets/<dataset_id>", responses={200: DatasetRecord, **problem_responses(404)})
@parsed()
def show_dataset(path: DatasetPath) -> Response:
    """Look at a data set"""
    with services().database.read() as session:
        try:
            dataset = get_dataset(session, path.dataset_id)
        except NotFound:
            if path.dataset_id not in BUILTINS:
                raise
            return answer(builtin_record(path.dataset_id))
        tokens = token_totals(session)
    return answer(dataset_record(dataset, tokens.get(dataset.id)))
