"""What can be taken away from the service: a checkpoint's weights, a job as one plain file."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from io import BufferedReader
from threading import Semaphore
from typing import Any, Literal

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field
from sqlalchemy.orm import Session

from api.eject.archive import ejected_files
from api.exports.hugging_face import hugging_face_folder
from api.http.arguments import JobPath, parse_request
from api.http.file_response import file_response
from api.http.problems import HTTPProblem, problem_responses
from api.http.scopes import Scope
from api.http.zip_stream import zip_response
from api.server.pools import STREAMS, in_pool
from api.services import services
from jobs.files.arriving_text import BadText
from jobs.files.datasets import get_dataset, open_text
from jobs.files.tokenizers import find_tokenizer
from jobs.lifecycle.weights import OpenWeights, open_weights
from jobs.spec.stored_specs import read_spec
from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Dataset
from jobs.validation.request_model import RequestModel
from model.config import Text

BINARY = "application/octet-stream"
ZIP = "application/zip"

downloads = APIBlueprint(
    "downloads",
    __name__,
    abp_tags=[Tag(name="downloads")],
    abp_responses=problem_responses(404, 422, 500, 503),
)

DATABASE_SLOTS = Semaphore(8)
"""For the downloads, which may come by the hundred: see `api/views/generation.py`."""


class CheckpointPath(JobPath):
    checkpoint: Text = Field(min_length=1, max_length=20)
    """`last`, `best` or a checkpoint's step."""


class DownloadQuery(RequestModel):
    format: Literal["safetensors", "hf"] = "safetensors"
    """`safetensors`: the weights file as it is, by ranges if asked for. `hf`: a zip of a folder that
    `transformers` loads as GPT2LMHeadModel, with its tokenizer. Default: safetensors."""


def binary(*media_types: str, description: str = "OK") -> dict[str, Any]:
    """The documentation of a response that is a file."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {"description": description, "content": dict.fromkeys(media_types, schema)}


@downloads.get(
    "/jobs/<job_id>/checkpoints/<checkpoint>/download",
    responses={
        200: binary(BINARY, ZIP),
        206: binary(BINARY, description="The range that was asked for"),
        304: {"description": "The client has it already"},
        **problem_responses(409, 410, 412, 416),
    },
)
@in_pool(STREAMS)
@parse_request(Scope.READ)
def download_checkpoint(path: CheckpointPath, query: DownloadQuery) -> Response:
    """Download a checkpoint's weights
    As safetensors the ETag is the file's SHA-256, by which a download can be checked and, with `Range` and
    `If-Range`, resumed. Either way it ends well also when the job deletes the checkpoint meanwhile.
    """
    artifacts = services().settings.artifacts
    with DATABASE_SLOTS:
        weights = open_weights(services().database, artifacts, path.job_id, path.checkpoint)
    if query.format == "hf":
        return hugging_face_zip(weights)
    return file_response(
        weights.file,
        weights.size_bytes,
        sha256=weights.checkpoint.sha256,
        download_name=f"{path.job_id}-step-{weights.checkpoint.step}.safetensors",
        content_type=BINARY,
    )


def hugging_face_zip(weights: OpenWeights) -> Response:
    """Nobody could check the converted weights by the checkpoint's SHA-256, so it is compared here."""
    with closed_on_error(weights.file):
        weights.verify()
        members = hugging_face_folder(weights, read_spec(weights.job.spec))
    name = f"{weights.job.id}-step-{weights.checkpoint.step}-hf.zip"
    return zip_response(members, name, on_close=weights.file.close)


@downloads.get("/jobs/<job_id>/eject", responses={200: binary(ZIP), **problem_responses(409, 410)})
@in_pool(STREAMS)
@parse_request(Scope.READ)
def eject_job(path: JobPath) -> Response:
    """Download a job as one plain PyTorch file
    With its text, tokenizer and spec, as a zip. The file needs torch and tiktoken alone, and prints the job's
    losses: with the numerics `reference` to the last digit.
    """
    with DATABASE_SLOTS, services().database.read() as session:
        job = get_job(session, path.job_id)
        dataset = visible_dataset(session, job.dataset_id)
    spec = read_spec(job.spec)
    with DATABASE_SLOTS:
        tokenizer = find_tokenizer(services().database, services().settings, spec.tokenizer)
    try:
        text = open_text(services().settings, dataset)
    except BadText as error:
        raise HTTPProblem(HTTPStatus.GONE, str(error)) from error
    with closed_on_error(text):
        members = ejected_files(job, dataset, spec, text, tokenizer)
    return zip_response(members, f"{job.id}.zip", on_close=text.close)


def visible_dataset(session: Session, dataset_id: str) -> Dataset:
    """That of a job. raises  HTTPProblem (404) if the job is shared and its text is not"""
    try:
        return get_dataset(session, dataset_id)
    except NotFound as error:
        raise HTTPProblem(HTTPStatus.NOT_FOUND, "the job's owner has not shared its data set") from error


@contextmanager
def closed_on_error(file: BufferedReader) -> Iterator[None]:
    """Otherwise it stays open, for the response to read."""
    try:
        yield
    except BaseException:
        file.close()
        raise
