"""POST /v1/completions, as OpenAI's API has it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.answer_problems import answer_problems
from api.http.arguments import model_parser, parse_openai_request
from api.http.openai_errors import OpenAIError
from api.http.problems import invalid_fields
from api.http.scopes import Scope
from api.records.completions import CompletionRecord
from api.records.record import json_response
from api.server.pools import GENERATIONS, in_pool
from api.services import services
from api.views.completion import Completion, invalid_prompt
from api.views.completion_request import MAX_CHOICES, CompletionRequest
from jobs.broker.replies import RequestFailed
from jobs.validation.field_errors import FieldError

completions = APIBlueprint(
    "completions",
    __name__,
    abp_tags=[Tag(name="OpenAI's API")],
    abp_responses=dict.fromkeys((400, 404, 413, 415, 500, 503), OpenAIError),
)


@completions.post("/v1/completions", responses={200: CompletionRecord})
@in_pool(GENERATIONS)
@parse_openai_request(Scope.READ, body=model_parser(CompletionRequest))
def post_completion(body: CompletionRequest) -> Response:
    """Complete prompts, as OpenAI's API does
    All prompts are continued side by side. What OpenAI defines and this service can't do is refused with an
    error that says so; fields that OpenAI does not define are ignored. Waits for a generation worker, up to
    `PRETRAIN_GENERATE_TIMEOUT_S`; at the time limit a completion has the text so far. With `stream` it comes
    in chunks, as server-sent events; what fails before the first chunk is an error, after it an event with
    one.
    """
    check_combinations(body)
    completion = Completion(body)
    deadline_s = time.monotonic() + services().settings.generate_timeout_s
    with prompt_problems():
        completion.score_prompts(deadline_s - time.monotonic())
        pieces = completion.request(deadline_s - time.monotonic())
        if body.stream:
            return completion.stream(pieces)
        return json_response(completion.whole(pieces))


def check_combinations(asked: CompletionRequest) -> None:
    """raises  HTTPProblem with every field that does not fit the others"""
    errors = []
    n = asked.n or 1
    if n * len(asked.prompt) > MAX_CHOICES:
        message = f"must be at most {MAX_CHOICES} with the number of prompts, which is {len(asked.prompt)}"
        errors.append(FieldError("n", f"times the prompts {message}", n))
    if asked.best_of not in (None, 1, n):
        errors.append(FieldError("best_of", "is not supported here; leave it out", asked.best_of))
    if asked.stream_options is not None and not asked.stream:
        errors.append(
            FieldError("stream_options", "needs stream to be true", asked.stream_options.model_dump())
        )
    if errors:
        raise invalid_fields(errors)


@contextmanager
def prompt_problems() -> Iterator[None]:
    """Raise a problem instead of what a requester raises; one of the prompt says so."""
    with answer_problems():
        try:
            yield
        except RequestFailed as error:
            if error.cause == "invalid":
                raise invalid_prompt(error) from error
            raise
