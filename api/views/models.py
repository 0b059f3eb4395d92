"""Every checkpoint as a model of OpenAI's API."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.arguments import ModelPath, parse_openai_request
from api.http.openai_errors import OpenAIError
from api.http.problems import HTTPProblem
from api.records.completions import ModelListRecord, ModelRecord
from api.records.record import json_response
from api.services import services
from jobs.broker.generation import CHECKPOINT_NAME
from jobs.lifecycle.history import by_val_loss, find_checkpoint, list_jobs_checkpoints
from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Checkpoint
from jobs.validation.quoting import quoted

models = APIBlueprint(
    "models",
    __name__,
    abp_tags=[Tag(name="OpenAI's API")],
    abp_responses={404: OpenAIError, 500: OpenAIError, 503: OpenAIError},
)


@models.get("/v1/models", responses={200: ModelListRecord})
@parse_openai_request()
def list_models() -> Response:
    """List every job's checkpoints as models
    Those of the newest job first: `JOB_ID` is its last checkpoint, `JOB_ID:best` the one of lowest validation
    loss, `JOB_ID:STEP` that of a step.
    """
    with services().database.read() as session:
        records = [
            record for checkpoints in list_jobs_checkpoints(session) for record in model_records(checkpoints)
        ]
    return json_response(ModelListRecord(data=records))


@models.get("/v1/models/<model_id>", responses={200: ModelRecord})
@parse_openai_request()
def show_model(path: ModelPath) -> Response:
    """Show a checkpoint as a model"""
    job_id, name = parse_model_id(path.model_id)
    with services().database.read() as session:
        try:
            checkpoint = find_checkpoint(session, get_job(session, job_id).id, name)
        except NotFound as error:
            raise model_not_found(path.model_id, str(error)) from error
        return json_response(model_record(path.model_id, checkpoint))


def model_records(checkpoints: Sequence[Checkpoint]) -> Iterator[ModelRecord]:
    """The names of a job's checkpoints, of which it has any; the oldest first."""
    last, best = checkpoints[-1], by_val_loss(list(checkpoints))[0]
    yield model_record(last.job_id, last)
    yield model_record(f"{last.job_id}:best", best)
    for checkpoint in reversed(checkpoints):
        yield model_record(f"{checkpoint.job_id}:{checkpoint.step}", checkpoint)


def model_record(model_id: str, checkpoint: Checkpoint) -> ModelRecord:
    return ModelRecord(id=model_id, created=int(checkpoint.created_at))


def parse_model_id(model_id: str) -> tuple[str, str]:
    """The job's id and the checkpoint's name. raises HTTPProblem (404)"""
    job_id, colon, name = model_id.partition(":")
    if not job_id or (colon and not CHECKPOINT_NAME.fullmatch(name)):
        raise model_not_found(model_id, "it must be JOB_ID, JOB_ID:best, JOB_ID:last or JOB_ID:STEP")
    return job_id, name or "last"


def model_not_found(model_id: str, reason: str) -> HTTPProblem:
    return HTTPProblem(
        HTTPStatus.NOT_FOUND,
        f"the model {quoted(model_id)} does not exist: {reason}",
        param="model",
        code="model_not_found",
    )
