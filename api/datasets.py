"""Data sets: one's own and the built-in ones."""

from http import HTTPStatus

from flask import Response, request, url_for
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.arguments import DatasetPath, parsed, strictly
from api.problems import Refusal, problem_responses, wrong_fields
from api.records import DatasetRecord, Listing
from api.serialise import answer, builtin_record, dataset_record, listing
from api.services import services
from jobs.datasets import (
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
from jobs.field_errors import FieldError
from jobs.lookup import NotFound
from jobs.spec import Label
from model.config import Section, Text

datasets = APIBlueprint(
    "datasets", __name__, abp_tags=[Tag(name="datasets")], abp_responses=problem_responses(422, 500, 503)
)

JSON_BYTES_PER_TEXT_BYTE = 6
"""Of a control character, the worst case: one byte as text, `\\u0001` in JSON."""


class NewDataset(Section):
    """A text to train on."""

    name: Label
    """A label of your own."""

    text: Text = Field(min_length=1)
    """The text itself."""


@datasets.before_request
def allow_large_texts() -> None:
    largest = services().settings.max_dataset_bytes
    request.max_content_length = JSON_BYTES_PER_TEXT_BYTE * largest + 4096


@datasets.post(
    "/datasets", responses={200: DatasetRecord, 201: DatasetRecord, **problem_responses(400, 413, 415)}
)
@parsed(body=strictly(NewDataset))
def post_dataset(body: NewDataset) -> Response:
    """Add a text to train on
    Equal content is stored once: a data set that has the same text is the answer, with status 200.
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
    counts = count_tokens(to.database, to.settings, dataset, TOTALS_TOKENIZER, TOTALS_TRAIN_RATIO)
    return answer(
        dataset_record(dataset, counts.train_tokens + counts.val_tokens),
        HTTPStatus.CREATED if created else HTTPStatus.OK,
        location=url_for("datasets.show_dataset", dataset_id=dataset.id),
    )


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
