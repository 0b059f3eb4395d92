"""Models from outside: add, list, show, delete."""

from http import HTTPStatus

from flask import Response, request, url_for
from flask_openapi import APIBlueprint, Tag
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from api.http.arguments import ImportedModelPath, parse_request
from api.http.error_handlers import problem_response
from api.http.idempotency import Answer, answer_once
from api.http.model_uploads import (
    HashedParts,
    ModelQuery,
    max_model_body_bytes,
    model_too_large,
    read_model_parts,
)
from api.http.multipart import FILE_FIELD
from api.http.problems import disk_full, invalid_fields, problem_responses
from api.http.queries import CursorPage
from api.http.scopes import Scope
from api.records.imported_models import ImportedModelRecord, imported_model_record
from api.records.record import Listing, json_response, list_response
from api.server.pools import UPLOADS, in_pool
from api.services import services
from api.views.removal import left_to_keeper
from jobs.broker.queue import PREPARE_QUEUE, publish_if_possible
from jobs.files.cleanup import remove_deleted_models, remove_upload
from jobs.files.disk import free_bytes, is_disk_full
from jobs.files.model_files import BadModelFile, arriving_model, missing_files, sync_folder
from jobs.lifecycle.model_imports import delete_model
from jobs.store.imported_models import get_model, insert_model, page_of_models
from jobs.store.owner_limits import Room, check_stored, left_bytes
from jobs.store.viewers import viewer
from jobs.validation.field_errors import FieldError

imported_models = APIBlueprint(
    "imported_models", __name__, abp_tags=[Tag(name="models")], abp_responses=problem_responses(422, 500, 503)
)


@imported_models.before_request
def allow_large_bodies() -> None:
    request.max_content_length = max_model_body_bytes(services().settings.max_model_bytes)


@imported_models.errorhandler(RequestEntityTooLarge)
def body_too_large(_: RequestEntityTooLarge) -> Response:
    return problem_response(model_too_large(services().settings.max_model_bytes))


@imported_models.post(
    "/models", responses={202: ImportedModelRecord, **problem_responses(400, 409, 413, 415, 507)}
)
@in_pool(UPLOADS)
@parse_request(Scope.WRITE, reads_body=True, keeps_answer=True)
def post_model(query: ModelQuery) -> AnyResponse:
    """Add a model from outside
    Weights in GPT-2's published layout, as a form with the files `model.safetensors` (or its shards and their
    `model.safetensors.index.json`), `config.json`, and if there is one `tokenizer.json`. Each part is called
    `file`, or as the file is. A worker checks and converts them: `status` is `preparing` until it is `ready`
    or `failed`. Pickles are refused. `Idempotency-Key` as for `POST /jobs`: what is sent again is read, and
    not stored.
    """
    parts = HashedParts(read_model_parts(services().settings.max_model_bytes))
    return answer_once(lambda: store_model(query, parts), parts.content)


def store_model(query: ModelQuery, parts: HashedParts) -> Response:
    database, settings = services().database, services().settings
    answer = Answer(added)
    free = free_bytes(settings.artifacts)
    if (request.content_length or 0) > free:
        raise disk_full(describe_lack(request.content_length or 0, free))
    with database.read() as session:
        room = Room(settings, left_bytes(session, settings, viewer().owner))
    try:
        with arriving_model(settings.artifacts) as arriving:
            for name, blocks in parts:
                arriving.write(name, room.measured(blocks))
            if errors := missing_files(arriving.names):
                raise invalid_fields(errors)
            sync_folder(arriving.directory)
            directory = str(arriving.directory.relative_to(settings.artifacts))
            with database.write() as session:
                record = imported_model_record(insert_model(session, query.name, arriving.bytes, directory))
                check_stored(session, settings)
                answer.keep(session, record)
    except BadModelFile as error:
        raise invalid_fields([FieldError(error.file or FILE_FIELD, str(error))]) from error
    except (OSError, DBAPIError) as error:
        if not is_disk_full(error):
            raise
        free = free_bytes(settings.artifacts)
        raise disk_full(describe_lack(request.content_length or 0, free)) from error
    publish_if_possible(services().celery, PREPARE_QUEUE)
    return answer.about(record)


def added(record: ImportedModelRecord) -> Response:
    """The answer about a model whose files have just been stored."""
    location = url_for("imported_models.show_imported_model", model_id=record.id)
    return json_response(record, HTTPStatus.ACCEPTED, location=location)


def describe_lack(sent_bytes: int, free: int) -> str:
    """Why a model is refused where `free` bytes are left."""
    return (
        f"the model has about {sent_bytes:,} bytes, and the disk of the service has room for {free:,}; "
        "converting takes as much again, for float16 and bfloat16 twice"
    )


@imported_models.get("/models", responses={200: Listing[ImportedModelRecord], **problem_responses(400)})
@parse_request(Scope.READ)
def show_imported_models(query: CursorPage) -> Response:
    """List the models from outside, the oldest first"""
    with services().database.read() as session:
        page, has_more = page_of_models(session, query.limit, query.after)
    return list_response(list(map(imported_model_record, page)), has_more=has_more)


@imported_models.get("/models/<model_id>", responses={200: ImportedModelRecord, **problem_responses(404)})
@parse_request(Scope.READ)
def show_imported_model(path: ImportedModelPath) -> Response:
    """Show a model from outside"""
    with services().database.read() as session:
        return json_response(imported_model_record(get_model(session, path.model_id)))


@imported_models.delete("/models/<model_id>", responses={204: None, **problem_responses(404, 409)})
@parse_request(Scope.WRITE)
def remove_imported_model(path: ImportedModelPath) -> Response:
    """Delete a model from outside
    Only while no job needs its weights: one that has not ended and has no checkpoint of its own yet.
    """
    database, settings = services().database, services().settings
    with database.write() as session:
        upload_directory = delete_model(session, path.model_id)
    with left_to_keeper("models that are deleted"):
        remove_deleted_models(database, settings.artifacts)
        if upload_directory is not None:
            remove_upload(settings.artifacts, upload_directory)
    return Response(status=HTTPStatus.NO_CONTENT)
