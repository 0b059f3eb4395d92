"""Prompts that a job's checkpoint continues."""

from collections.abc import Generator
from dataclasses import asdict
from http import HTTPStatus
from threading import Semaphore
from typing import Annotated

from flask import Response
from flask_openapi import APIBlueprint, Tag
from kombu.exceptions import OperationalError
from pydantic import AfterValidator, Field
from redis import RedisError

from api.http.arguments import model_parser, parse_request
from api.http.disconnects import client_disconnected
from api.http.negotiation import refuse_event_stream
from api.http.problems import HTTPProblem, problem_responses, unavailable
from api.records.generation import GenerationRecord
from api.records.record import json_response
from api.server.pools import GENERATIONS, in_pool
from api.services import services
from jobs.broker.generation import GenerationRequest
from jobs.broker.requester import Abandoned, GenerationFailed, GenerationResult, NoAnswer, request_generation
from jobs.lifecycle.history import find_checkpoint
from jobs.store.lookup import NotFound, get_job, newest_with_checkpoint

generation = APIBlueprint(
    "generation",
    __name__,
    abp_tags=[Tag(name="generation")],
    abp_responses=problem_responses(400, 404, 422, 500, 503),
)


def unsupported(value: bool) -> bool:
    if value:
        raise ValueError("not supported yet")
    return value


class GenerateRequest(GenerationRequest):
    stream: Annotated[bool, AfterValidator(unsupported)] = Field(False, json_schema_extra={"enum": [False]})
    """Whether to stream the text. Default: no, and yes is not supported yet."""


@generation.get("/generate", responses={200: GenerationRecord})
@in_pool(GENERATIONS)
@parse_request()
def get_generation(query: GenerateRequest) -> Response:
    """Continue a prompt
    Waits for a generation worker, up to `PRETRAIN_GENERATE_TIMEOUT_S`: then the response has the text so far.
    `stop` may be given several times.
    """
    return generate(query)


@generation.post("/generate", responses={200: GenerationRecord, **problem_responses(413, 415)})
@in_pool(GENERATIONS)
@parse_request(body=model_parser(GenerateRequest))
def post_generation(body: GenerateRequest) -> Response:
    """Continue a prompt
    Waits for a generation worker, up to `PRETRAIN_GENERATE_TIMEOUT_S`: then the response has the text so far.
    """
    return generate(body)


DATABASE_SLOTS = Semaphore(8)
"""For the prompts that come by the hundred: they would take every connection to the database from light
requests."""


def generate(request: GenerateRequest) -> Response:
    refuse_event_stream()
    database, settings = services().database, services().settings
    with DATABASE_SLOTS, database.read() as session:
        job_id = request.job_id or newest_with_checkpoint(session).id
        # Only to say at once that there is none: the worker looks the checkpoint up again when it reads it.
        find_checkpoint(session, get_job(session, job_id).id, request.checkpoint)
    prompt = GenerationRequest(**request.model_dump(exclude={"stream", "job_id"}), job_id=job_id)
    pieces = request_generation(
        services().celery, services().redis, prompt, settings.generate_timeout_s, client_disconnected
    )
    try:
        generated = result_of(pieces)
    except NoAnswer as error:
        raise unavailable(str(error)) from error
    except (RedisError, OperationalError) as error:
        raise unavailable("the broker does not answer") from error
    except Abandoned as error:
        raise unavailable("the client has gone") from error  # nobody reads it
    except GenerationFailed as error:
        raise http_error(error) from error
    return json_response(
        GenerationRecord(
            job_id=job_id,
            prompt=prompt.prompt,
            text=prompt.prompt + generated.completion,
            **asdict(generated),
        )
    )


def result_of(pieces: Generator[str, None, GenerationResult]) -> GenerationResult:
    """Run the generator to its end; what it returns."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            generated: GenerationResult = end.value
            return generated


def http_error(error: GenerationFailed) -> Exception:
    """The exception with the status that fits the worker's error."""
    reason = str(error)
    match error.cause:
        case "not_found":
            return NotFound(reason)
        case "unavailable":
            return unavailable(reason)
        case "internal":
            return HTTPProblem(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
