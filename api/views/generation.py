"""Prompts to a job's checkpoints."""

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

from api.http.arguments import parsed, strictly
from api.http.problems import Refusal, problem_responses, unavailable
from api.http.queries import refuse_event_stream
from api.http.streams import client_has_gone
from api.records import GenerationRecord, answer
from api.server.lanes import WAITS, in_lane
from api.services import services
from jobs.broker.generation import Abandoned, Generated, GenerationFailed, GenerationRequest, NoAnswer, ask
from jobs.lifecycle.history import find_checkpoint
from jobs.store.lookup import NotFound, get_job, newest_with_checkpoint

generation = APIBlueprint(
    "generation",
    __name__,
    abp_tags=[Tag(name="generation")],
    abp_responses=problem_responses(400, 404, 422, 500, 503),
)


def not_yet(value: bool) -> bool:
    if value:
        raise ValueError("not supported yet")
    return value


class GenerateRequest(GenerationRequest):
    stream: Annotated[bool, AfterValidator(not_yet)] = Field(False, json_schema_extra={"enum": [False]})
    """Whether to send the text as it is made. Default: no, and yes is not supported yet."""


@generation.get("/generate", responses={200: GenerationRecord})
@in_lane(WAITS)
@parsed()
def get_generation(query: GenerateRequest) -> Response:
    """Continue a prompt
    Waits for a generation worker, up to `PRETRAIN_GENERATE_TIMEOUT_S`: then the answer has the text so far.
    `stop` may be given several times.
    """
    return generate(query)


@generation.post("/generate", responses={200: GenerationRecord, **problem_responses(413, 415)})
@in_lane(WAITS)
@parsed(body=strictly(GenerateRequest))
def post_generation(body: GenerateRequest) -> Response:
    """Continue a prompt
    Waits for a generation worker, up to `PRETRAIN_GENERATE_TIMEOUT_S`: then the answer has the text so far.
    """
    return generate(body)


LOOKUPS = Semaphore(8)
"""Prompts come by the hundred, and would take every connection to the database from light requests."""


def generate(request: GenerateRequest) -> Response:
    refuse_event_stream()
    to = services()
    with LOOKUPS, to.database.read() as session:
        job_id = request.job_id or newest_with_checkpoint(session).id
        # What there is not is said at once. Which checkpoint it is, is looked up again when it is read.
        find_checkpoint(session, get_job(session, job_id).id, request.checkpoint)
    asked = GenerationRequest(**request.model_dump(exclude={"stream", "job_id"}), job_id=job_id)
    try:
        generated = last(ask(to.celery, to.redis, asked, to.settings.generate_timeout_s, client_has_gone))
    except NoAnswer as error:
        raise unavailable(str(error)) from error
    except (RedisError, OperationalError) as error:
        raise unavailable("the broker does not answer") from error
    except Abandoned as error:
        raise unavailable("the client has gone") from error  # nobody reads it
    except GenerationFailed as error:
        raise refusal_of(error) from error
    return answer(
        GenerationRecord(
            job_id=job_id,
            prompt=asked.prompt,
            text=asked.prompt + generated.completion,
            **asdict(generated),
        )
    )


def last(pieces: Generator[str, None, Generated]) -> Generated:
    """What a stream came to."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            generated: Generated = end.value
            return generated


def refusal_of(error: GenerationFailed) -> Exception:
    reason = str(error)
    match error.cause:
        case "not_found":
            return NotFound(reason)
        case "unavailable":
            return unavailable(reason)
        case "internal":
            return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
