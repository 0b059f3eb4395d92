"""Prompts to a job's checkpoints."""

from typing import Annotated

from flask import Response
from flask_openapi import APIBlueprint, Tag
from kombu.exceptions import OperationalError
from pydantic import AfterValidator, Field
from redis import RedisError

from api.arguments import parsed, strictly
from api.http.lanes import WAITS, in_lane
from api.problems import problem_responses, unavailable
from api.queries import refuse_event_stream
from api.records import GenerationRecord
from api.serialise import answer
from api.services import services
from jobs.generation import GenerationFailed, GenerationRequest, NoAnswer, ask
from jobs.history import find_checkpoint
from jobs.lookup import get_job, newest_with_checkpoint

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
    Waits for a generation worker, up to `PRETRAIN_GENERATE_TIMEOUT_S`. `stop` may be given several times.
    """
    return generate(query)


@generation.post("/generate", responses={200: GenerationRecord, **problem_responses(413, 415)})
@in_lane(WAITS)
@parsed(body=strictly(GenerateRequest))
def post_generation(body: GenerateRequest) -> Response:
    """Continue a prompt
    Waits for a generation worker, up to `PRETRAIN_GENERATE_TIMEOUT_S`.
    """
    return generate(body)


def generate(request: GenerateRequest) -> Response:
    refuse_event_stream()
    to = services()
    with to.database.read() as session:
        job_id = request.job_id or newest_with_checkpoint(session).id
        job = get_job(session, job_id)
        checkpoint = find_checkpoint(session, job.id, request.checkpoint)
    question = {
        **request.model_dump(exclude={"stream"}),
        "job_id": job.id,
        "directory": checkpoint.directory,
        "step": checkpoint.step,
        "sha256": checkpoint.sha256,
    }
    try:
        # A broker that accepts and never answers would otherwise be waited for as long as a generation.
        to.redis.ping()
        answered = ask(to.celery, to.waiting_redis, question, to.settings.generate_timeout_s)
    except NoAnswer as error:
        raise unavailable(str(error)) from error
    except (RedisError, OperationalError) as error:
        raise unavailable("the broker does not answer") from error
    except GenerationFailed as error:
        raise unavailable(f"the worker could not generate: {error}") from error
    return answer(
        GenerationRecord(job_id=job.id, checkpoint=checkpoint.step, prompt=request.prompt, **answered)
    )
