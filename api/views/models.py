"""Every checkpoint, and every model from outside, as a model of OpenAI's API."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.arguments import ModelPath, parse_openai_request
from api.http.openai_errors import OpenAIError
from api.http.problems import HTTPProblem
from api.http.scopes import Scope
from api.records.completions import ModelListRecord, ModelRecord
from api.records.record import json_response
from api.services import services
from jobs.broker.generation import CHECKPOINT_NAME, CheckpointRequest
from jobs.lifecycle.checkpoints import by_val_loss, find_checkpoint, list_jobs_checkpoints
from jobs.store.ids import is_model_id
from jobs.store.imported_models import get_ready_model, list_models
from jobs.store.lookup import NotFound, get_job
from jobs.store.preparations import READY
from jobs.store.tables import Checkpoint, ImportedModel
from jobs.validation.quoting import quoted

MAX_ID_CHARACTERS = 200
"""Of a job or a model from outside."""

models = APIBlueprint(
    "models",
    __name__,
    abp_tags=[Tag(name="OpenAI's API")],
    abp_responses={404: OpenAIError, 500: OpenAIError, 503: OpenAIError},
)


@models.get("/v1/models", responses={200: ModelListRecord})
@parse_openai_request(Scope.READ)
def list_openai_models() -> Response:
    """List every job's checkpoints and the models from outside as models
    Those of the newest job first: `JOB_ID` is its last checkpoint, `JOB_ID:best` the one of lowest validation
    loss, `JOB_ID:STEP` that of a step. Behind them the models from outside, by their ids, the newest first.
    """
    with services().database.read() as session:
        records = [
            record for checkpoints in list_jobs_checkpoints(session) for record in model_records(checkpoints)
        ]
        records += [
            model_record(model.id, model) for model in reversed(list_models(session)) if model.status == READY
        ]
    return json_response(ModelListRecord(data=records))


@models.get("/v1/models/<model_id>", responses={200: ModelRecord})
@parse_openai_request(Scope.READ)
def show_model(path: ModelPath) -> Response:
    """Show a checkpoint, or a model from outside, as a model"""
    asked = parse_model_id(path.model_id)
    try:
        with services().database.read() as session:
            if asked.model_id is not None:
                found: Checkpoint | ImportedModel = get_ready_model(session, asked.model_id)
            else:
                job = get_job(session, str(asked.job_id))
                found = find_checkpoint(session, job.id, asked.checkpoint)
    except NotFound as error:
        raise model_not_found(path.model_id, str(error)) from error
    return json_response(model_record(path.model_id, found))


def model_records(checkpoints: Sequence[Checkpoint]) -> Iterator[ModelRecord]:
    """The names of a job's checkpoints, of which it has any; the oldest first."""
    last, best = checkpoints[-1], by_val_loss(list(checkpoints))[0]
    yield model_record(last.job_id, last)
    yield model_record(f"{last.job_id}:best", best)
    for checkpoint in reversed(checkpoints):
        yield model_record(f"{checkpoint.job_id}:{checkpoint.step}", checkpoint)


def model_record(model_id: str, found: Checkpoint | ImportedModel) -> ModelRecord:
    return ModelRecord(id=model_id, created=int(found.created_at))


def parse_model_id(model_id: str) -> CheckpointRequest:
    """Which checkpoint it names. raises HTTPProblem (404)"""
    owner_id, colon, name = model_id.partition(":")
    if not owner_id or len(owner_id) > MAX_ID_CHARACTERS or (colon and not CHECKPOINT_NAME.fullmatch(name)):
        raise model_not_found(
            model_id,
            "it must be JOB_ID, JOB_ID:best, JOB_ID:last, JOB_ID:STEP or the id of one of GET /models",
        )
    if is_model_id(owner_id):
        if colon:
            raise model_not_found(model_id, "a model from outside has no checkpoints; ask for it by its id")
        return CheckpointRequest(model_id=owner_id)
    return CheckpointRequest(job_id=owner_id, checkpoint=name or "last")


def model_not_found(model_id: str, reason: str) -> HTTPProblem:
    return HTTPProblem(
        HTTPStatus.NOT_FOUND,
        f"the model {quoted(model_id)} does not exist: {reason}",
        param="model",
        code="model_not_found",
    )
