"""Data sets, built-in ones and the users' own: add, list, show, delete."""

from collections.abc import Sequence
from http import HTTPStatus

from flask import Response, request, url_for
from flask_openapi import APIBlueprint, Tag
from pydantic import Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from api.http.arguments import DatasetPath, parse_request
from api.http.error_handlers import problem_response
from api.http.idempotency import Answer, answer_once
from api.http.problems import HTTPProblem, disk_full, invalid_fields, problem_responses
from api.http.queries import CursorPage
from api.http.scopes import Scope
from api.http.uploads import NDJSON, Upload, UploadQuery, max_body_bytes, read_upload, too_large
from api.records.datasets import (
    AddedDatasetRecord,
    DatasetRecord,
    TextPartRecord,
    TextTokenRecord,
    TokenPartRecord,
    builtin_record,
    dataset_record,
)
from api.records.record import Listing, json_response, list_response
from api.server.pools import TEXTS, UPLOADS, in_pool
from api.services import services
from api.views.removal import left_to_keeper
from jobs.broker.queue import PREPARE_QUEUE, publish_if_possible
from jobs.files import store
from jobs.files.arriving_text import BadText
from jobs.files.builtin_datasets import BUILTINS
from jobs.files.datasets import (
    StoredText,
    delete_dataset,
    find_damage,
    get_dataset,
    page_of_datasets,
    store_text,
)
from jobs.files.disk import free_bytes, is_disk_full
from jobs.files.layout import dataset_path
from jobs.files.text_parts import read_part
from jobs.files.token_counts import TOTALS, counts_by_dataset
from jobs.files.token_parts import read_token_part
from jobs.files.tokenizers import find_tokenizer
from jobs.spec.job_spec import TOKENIZER_UNKNOWN, Label
from jobs.store.lookup import NotFound
from jobs.store.owner_limits import Room, check_stored, left_bytes
from jobs.store.preparations import preparations_by_dataset
from jobs.store.tables import Dataset
from jobs.store.viewers import viewer
from jobs.validation.field_errors import FieldError
from jobs.validation.quoting import quoted
from jobs.validation.request_model import RequestModel
from model.tokenizers import END_OF_TEXT

datasets = APIBlueprint(
    "datasets", __name__, abp_tags=[Tag(name="datasets")], abp_responses=problem_responses(422, 500, 503)
)


class TextQuery(RequestModel):
    offset: int = Field(0, ge=0, le=2**63 - 1)
    """Characters before the part. Default: 0."""

    limit: int = Field(4000, ge=1, le=100_000)
    """Characters of the part, at most. Default: 4,000."""


class TokensQuery(RequestModel):
    tokenizer: Label = "gpt2"
    """A built-in one (`gpt2`, `bytes`), or the id of one of your own. Default: gpt2."""

    offset: int = Field(0, ge=0, le=2**63 - 1)
    """Characters before the part. Default: 0."""

    limit: int = Field(1000, ge=1, le=10_000)
    """Characters of the part, at most, but for a word that is longer. Default: 1,000."""


@datasets.before_request
def allow_large_bodies() -> None:
    request.max_content_length = max_body_bytes(services().settings.max_dataset_bytes)


@datasets.errorhandler(RequestEntityTooLarge)
def body_too_large(_: RequestEntityTooLarge) -> Response:
    """The body is larger than that of the longest text can be, so the text is too long, unread."""
    return problem_response(too_large(services().settings.max_dataset_bytes))


@datasets.post(
    "/datasets",
    responses={
        200: AddedDatasetRecord,
        201: AddedDatasetRecord,
        **problem_responses(400, 409, 413, 415, 507),
    },
)
@in_pool(UPLOADS)
@parse_request(Scope.WRITE, reads_body=True, keeps_answer=True)
def post_dataset(query: UploadQuery) -> AnyResponse:
    """Add a text to train on
    A stream of any length: plain text or documents as the body, or either as the `file` of a form. Short
    texts also in JSON. Equal content is stored once: if a data set has the same text, that one is returned,
    with status 200 and a remark in `notices`. `Idempotency-Key` as for `POST /jobs`: of a stream that is sent
    again nothing is stored, but all of it is read, since that alone tells whether it is the same.
    """
    upload = read_upload(query, services().settings.max_dataset_bytes)
    return answer_once(lambda: store_upload(upload), upload.content)


def store_upload(upload: Upload) -> Response:
    database, settings = services().database, services().settings
    answer = Answer(added)
    records: dict[str, DatasetRecord] = {}

    def keep_answer(session: Session, stored: StoredText) -> None:
        if stored.is_new:
            check_stored(session, settings)
        records.update(records_of(session, [stored.dataset]))
        answer.keep(session, stored, records[stored.dataset.id])

    with database.read() as session:
        left = left_bytes(session, settings, viewer().owner)
    arrived = Room(settings, left)
    arrived.check(upload.stored_bytes or 0)
    free = free_bytes(settings.artifacts)
    if upload.stored_bytes is not None and upload.stored_bytes > free:
        raise disk_full(describe_lack(upload, arrived, free))
    try:
        stored = store_text(
            database,
            settings,
            upload.name,
            arrived.measured(upload.blocks),
            upload.read,
            on_stored=keep_answer,
        )
    except BadText as error:
        raise invalid_fields([FieldError(upload.field, str(error), error.value)]) from error
    except (OSError, DBAPIError) as error:
        if not is_disk_full(error):
            raise
        raise disk_full(describe_lack(upload, arrived, free_bytes(settings.artifacts))) from error
    record = records[stored.dataset.id]
    if record.status == "preparing":
        publish_if_possible(services().celery, PREPARE_QUEUE)
    return answer.about(stored, record)


def added(stored: StoredText, record: DatasetRecord) -> Response:
    """The answer about a text that has just been stored, or was already."""
    return json_response(
        AddedDatasetRecord(**dict(record), notices=notices(stored)),
        HTTPStatus.CREATED if stored.is_new else HTTPStatus.OK,
        location=url_for("datasets.show_dataset", dataset_id=stored.dataset.id),
    )


def describe_lack(upload: Upload, arrived: Room, free: int) -> str:
    """Why a text is refused where `free` bytes are left."""
    if upload.stored_bytes is not None:
        needed, about = upload.stored_bytes, ""
        sent = f"the text has {needed:,} bytes"
    else:  # a form and NDJSON have more than what is stored of them
        needed, about = upload.body_bytes or arrived.bytes, "about " if upload.body_bytes else "at least "
        of_all = f" of {upload.body_bytes:,}" if upload.body_bytes else ""
        sent = f"{arrived.bytes:,}{of_all} bytes had arrived"
    if free < needed:
        missing = f"{about}{needed - free:,} are missing"
        return f"{sent}, and the disk of the service has room for {free:,}: {missing}"
    return f"{sent}, for which there is no room: the disk of the service is full, or its quota used up"


def notices(stored: StoredText) -> list[str]:
    dataset, facts = stored.dataset, stored.facts
    sentences = []
    if not stored.is_new:
        sentences.append(
            f"The same text is stored already: it is {dataset.id}, called {quoted(dataset.name)}."
        )
    if facts.start_bytes and dataset.text_start_bytes:
        sentences.append("The text begins with a byte order mark, which is stored but not trained on.")
    elif facts.start_bytes:
        sentences.append(
            "The text begins with a byte order mark and is trained on with it, as earlier versions did."
        )
    if facts.end_of_text_names:
        sentences.append(
            f"The text holds {END_OF_TEXT} {times(facts.end_of_text_names)}, which is trained on as the "
            "characters that it consists of. To have documents that end, send one a line as "
            f'{NDJSON}, such as {{"text": "..."}}.'
        )
    if facts.empty_documents:
        sentences.append(f"Documents without text were left out: {facts.empty_documents:,}.")
    return sentences


def times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


@datasets.get("/datasets", responses={200: Listing[DatasetRecord], **problem_responses(400)})
@parse_request(Scope.READ)
def show_datasets(query: CursorPage) -> Response:
    """List the data sets, the built-in ones first, then the oldest first"""
    names = list(BUILTINS)
    skipped = (
        names.index(query.after) + 1 if query.after in names else 0 if query.after is None else len(names)
    )
    shown = names[skipped:][: query.limit]
    with services().database.read() as session:
        own, has_more = page_of_datasets(
            session, query.limit - len(shown), None if query.after in names else query.after
        )
        stored = [dataset for name in shown if (dataset := session.get(Dataset, name)) is not None]
        records = records_of(session, [*stored, *own])
    page = [records.get(name) or builtin_record(name) for name in shown]
    page += [records[dataset.id] for dataset in own]
    return list_response(page, has_more=has_more or len(names) > skipped + len(shown))


@datasets.get("/datasets/<dataset_id>", responses={200: DatasetRecord, **problem_responses(404)})
@parse_request(Scope.READ)
def show_dataset(path: DatasetPath) -> Response:
    """Show a data set"""
    try:
        return json_response(find_record(path.dataset_id))
    except NotFound:
        if path.dataset_id not in BUILTINS:
            raise
        return json_response(builtin_record(path.dataset_id))


@datasets.delete("/datasets/<dataset_id>", responses={204: None, **problem_responses(404, 409)})
@parse_request(Scope.WRITE)
def remove_dataset(path: DatasetPath) -> Response:
    """Delete a data set
    Only while no job needs it, whatever its status. Its text goes too, if no other data set has the same.
    """
    database, settings = services().database, services().settings
    with database.write() as session:
        delete_dataset(session, path.dataset_id)
    with left_to_keeper("texts that are deleted"):
        store.remove_released(database, settings.artifacts, store.TEXTS)
    return Response(status=HTTPStatus.NO_CONTENT)


@datasets.get("/datasets/<dataset_id>/text", responses={200: TextPartRecord, **problem_responses(404, 409)})
@in_pool(TEXTS)
@parse_request(Scope.READ)
def show_text(path: DatasetPath, query: TextQuery) -> Response:
    """Read a part of a data set's text
    By characters; the longer the text that is not ASCII and the larger `offset`, the longer it takes.
    """
    settings, dataset = services().settings, find_readable(path.dataset_id)
    text = read_part(
        dataset_path(settings.artifacts, dataset.sha256),
        query.offset,
        query.limit,
        start_bytes=dataset.text_start_bytes,
        characters=dataset.characters,
    )
    return json_response(
        TextPartRecord(
            dataset_id=dataset.id,
            offset=query.offset,
            text=text,
            characters=dataset.characters,
            has_more=query.offset + len(text) < dataset.characters,
        )
    )


@datasets.get(
    "/datasets/<dataset_id>/tokens", responses={200: TokenPartRecord, **problem_responses(404, 409, 410)}
)
@in_pool(TEXTS)
@parse_request(Scope.READ)
def show_tokens(path: DatasetPath, query: TokensQuery) -> Response:
    """Read a part of a data set's text with its tokens
    As a tokenizer divides it. A job's are the same, but where its text is split into two; it takes as long
    as reading the text.
    """
    settings, dataset = services().settings, find_readable(path.dataset_id)
    try:
        tokenizer = find_tokenizer(services().database, settings, query.tokenizer)
    except NotFound as error:
        raise invalid_fields([FieldError("tokenizer", TOKENIZER_UNKNOWN, query.tokenizer)]) from error
    part = read_token_part(
        dataset_path(settings.artifacts, dataset.sha256),
        tokenizer,
        query.offset,
        query.limit,
        start_bytes=dataset.text_start_bytes,
        characters=dataset.characters,
    )
    tokens = [
        TextTokenRecord(id=each.id, text=each.text, start=each.start, end=each.end) for each in part.tokens
    ]
    return json_response(
        TokenPartRecord(
            dataset_id=dataset.id,
            tokenizer=tokenizer.name,
            offset=part.offset,
            text=part.text,
            tokens=tokens,
            exact=part.is_exact,
            characters=dataset.characters,
            has_more=part.offset + len(part.text) < dataset.characters,
        )
    )


def find_readable(dataset_id: str) -> Dataset:
    """A data set whose text is there. raises NotFound, HTTPProblem (409)"""
    try:
        with services().database.read() as session:
            dataset = get_dataset(session, dataset_id)
    except NotFound as error:
        if dataset_id not in BUILTINS:
            raise
        raise NotFound(f"nobody has used {dataset_id} yet: its text comes with its first job") from error
    if damage := find_damage(services().settings, dataset):
        raise HTTPProblem(HTTPStatus.CONFLICT, damage)
    return dataset


def find_record(dataset_id: str) -> DatasetRecord:
    """raises NotFound"""
    with services().database.read() as session:
        return records_of(session, [get_dataset(session, dataset_id)])[dataset_id]


def records_of(session: Session, datasets: Sequence[Dataset]) -> dict[str, DatasetRecord]:
    """By their ids, in the same order."""
    counts = counts_by_dataset(session, [dataset.id for dataset in datasets])
    preparations = preparations_by_dataset(session, *TOTALS)
    return {
        dataset.id: dataset_record(dataset, counts.get(dataset.id, []), preparations.get(dataset.id))
        for dataset in datasets
    }
