"""Tokenizers of one's own: train, list, show, download, delete."""

import io
from http import HTTPStatus

from flask import Response, url_for
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import TokenizerPath, model_parser, parse_request
from api.http.file_response import file_response
from api.http.idempotency import Answer
from api.http.problems import problem_responses
from api.http.queries import CursorPage
from api.http.scopes import Scope
from api.records.record import Listing, json_response, list_response
from api.records.tokenizers import TokenizerRecord, tokenizer_record
from api.services import services
from api.views.removal import left_to_keeper
from jobs.broker.queue import PREPARE_QUEUE, publish_if_possible
from jobs.files.layout import sha256_of
from jobs.files.store import TOKENIZERS, remove_released
from jobs.files.tokenizers import load_trained
from jobs.lifecycle.tokenizers import delete_tokenizer, request_tokenizer
from jobs.spec.job_spec import Label
from jobs.store.tables import TrainedTokenizer
from jobs.store.tokenizers import get_tokenizer, page_of_tokenizers
from jobs.validation.request_model import RequestModel

JSON = "application/json"

tokenizers = APIBlueprint(
    "tokenizers", __name__, abp_tags=[Tag(name="tokenizers")], abp_responses=problem_responses(422, 500, 503)
)


class TokenizerRequest(RequestModel):
    name: Label
    """A name of your own."""

    dataset: Label
    """The text to train it on: a built-in data set, or the id of one of your own."""

    vocab_size: int = Field(ge=257, le=100_000)
    """Tokens at most, the 256 bytes and the end of a text among them (GPT-2 has 50,257)."""


@tokenizers.post(
    "/tokenizers", responses={202: TokenizerRecord, **problem_responses(400, 409, 413, 415, 507)}
)
@parse_request(Scope.WRITE, body=model_parser(TokenizerRequest), keeps_answer=True)
def post_tokenizer(body: TokenizerRequest) -> Response:
    """Train a tokenizer
    A byte-level BPE of the words that GPT-2's pattern makes of a data set's text, trained by a worker. Equal
    texts and sizes give equal tokenizers. Jobs may name it at once, and wait for it. `Idempotency-Key` as for
    `POST /jobs`.
    """
    database, settings = services().database, services().settings
    answer = Answer(accepted)
    tokenizer = request_tokenizer(database, settings, body.name, body.dataset, body.vocab_size, answer.keep)
    publish_if_possible(services().celery, PREPARE_QUEUE)
    return answer.about(tokenizer)


def accepted(tokenizer: TrainedTokenizer) -> Response:
    """The answer about a tokenizer that a worker will train."""
    location = url_for("tokenizers.show_tokenizer", tokenizer_id=tokenizer.id)
    return json_response(tokenizer_record(tokenizer), HTTPStatus.ACCEPTED, location=location)


@tokenizers.get("/tokenizers", responses={200: Listing[TokenizerRecord], **problem_responses(400)})
@parse_request(Scope.READ)
def show_tokenizers(query: CursorPage) -> Response:
    """List the tokenizers that were trained here, the oldest first"""
    with services().database.read() as session:
        page, has_more = page_of_tokenizers(session, query.limit, query.after)
    return list_response(list(map(tokenizer_record, page)), has_more=has_more)


@tokenizers.get("/tokenizers/<tokenizer_id>", responses={200: TokenizerRecord, **problem_responses(404)})
@parse_request(Scope.READ)
def show_tokenizer(path: TokenizerPath) -> Response:
    """Show a tokenizer"""
    with services().database.read() as session:
        return json_response(tokenizer_record(get_tokenizer(session, path.tokenizer_id)))


@tokenizers.get(
    "/tokenizers/<tokenizer_id>/download",
    responses={
        200: {"description": "OK", "content": {JSON: {"schema": {"type": "object"}}}},
        206: {"description": "The range that was asked for"},
        304: {"description": "The client has it already"},
        **problem_responses(404, 409, 410, 412, 416),
    },
)
@parse_request(Scope.READ)
def download_tokenizer(path: TokenizerPath) -> Response:
    """Download a tokenizer
    As the `tokenizer.json` of Hugging Face's library `tokenizers`, which `transformers` loads as
    PreTrainedTokenizerFast.
    """
    with services().database.read() as session:
        tokenizer = get_tokenizer(session, path.tokenizer_id)
    content = load_trained(services().settings.artifacts, tokenizer).tokenizer_json
    assert content is not None
    return file_response(
        io.BytesIO(content),
        len(content),
        sha256=sha256_of(content),
        download_name="tokenizer.json",
        content_type=JSON,
    )


@tokenizers.delete("/tokenizers/<tokenizer_id>", responses={204: None, **problem_responses(404, 409)})
@parse_request(Scope.WRITE)
def remove_tokenizer(path: TokenizerPath) -> Response:
    """Delete a tokenizer
    Only while no job uses it that can still run or has checkpoints. One that is being trained is given up.
    """
    database, settings = services().database, services().settings
    with database.write() as session:
        delete_tokenizer(session, path.tokenizer_id)
    with left_to_keeper("tokenizers that are deleted"):
        remove_released(database, settings.artifacts, TOKENIZERS)
    return Response(status=HTTPStatus.NO_CONTENT)
