"""OpenAI's completions, of the checkpoints of jobs."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.http.answer_problems import answer_problem, answer_problems
from api.http.arguments import model_parser, parse_openai_request
from api.http.disconnects import client_disconnected
from api.http.openai_errors import OpenAIError, openai_error
from api.http.problems import HTTPProblem, invalid_fields
from api.http.streams import DONE, HEARTBEAT, HEARTBEAT_S, event, event_stream
from api.records.choices import GrowingChoice
from api.records.completions import ChoiceRecord, CompletionRecord, UsageRecord, joined
from api.records.record import json_response
from api.server.pools import GENERATIONS, in_pool
from api.services import services
from api.views.completion_request import MAX_CHOICES, CompletionRequest, Prompt
from api.views.generation import Pieces, job_to_ask
from api.views.models import model_not_found, parse_model_id
from jobs.broker.generation import GenerationRequest, ScoreRequest
from jobs.broker.replies import GenerationResult, RequestFailed, ScoreResult
from jobs.broker.requester import request_generations, request_scores
from jobs.store.ids import new_id
from jobs.store.lookup import NotFound
from jobs.validation.field_errors import FieldError

completions = APIBlueprint(
    "completions",
    __name__,
    abp_tags=[Tag(name="OpenAI's API")],
    abp_responses=dict.fromkeys((400, 404, 413, 415, 500, 503), OpenAIError),
)

MAX_TOKENS = 16
"""OpenAI's default."""
LEAST_TOP_P = 1e-300
"""In place of OpenAI's 0: it leaves the likeliest token alone."""


@completions.post("/v1/completions", responses={200: CompletionRecord})
@in_pool(GENERATIONS)
@parse_openai_request(body=model_parser(CompletionRequest))
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


def invalid_prompt(error: RequestFailed) -> HTTPProblem:
    return HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, f"prompt: {error}", param="prompt")


class Completion:
    """One request for completions, and what has come of it."""

    def __init__(self, asked: CompletionRequest) -> None:
        """raises  HTTPProblem (404) if there is no such model"""
        self.asked = asked
        self.job_id, self.checkpoint = find_model(asked.model)
        self.id = new_id("cmpl")
        self.created = int(time.time())
        self.n = asked.n or 1
        self.max_tokens = MAX_TOKENS if asked.max_tokens is None else asked.max_tokens
        self.scores: list[ScoreResult] = []
        """Of the prompts, where what is asked for needs them."""
        self.choices = [
            GrowingChoice(index, has_logprobs=asked.logprobs is not None)
            for index in range(self.n * len(asked.prompt))
        ]

    def score_prompts(self, timeout_s: float) -> None:
        """Have the prompts scored if their tokens are to be shown, or nothing else is asked for."""
        is_shown = self.asked.echo and (
            self.asked.logprobs is not None
            or any(not isinstance(prompt, str) for prompt in self.asked.prompt)
        )
        if is_shown or self.max_tokens == 0:
            requests = [
                ScoreRequest(
                    kind="score",
                    job_id=self.job_id,
                    checkpoint=self.checkpoint,
                    top=self.asked.logprobs or 0,
                    **prompt_fields(prompt, "text"),
                )
                for prompt in self.asked.prompt
            ]
            self.scores = request_scores(
                services().celery, services().redis, requests, timeout_s, client_disconnected
            )

    def request(self, timeout_s: float) -> Pieces:
        """Ask for the completions; of no tokens there are none."""
        return request_generations(
            services().celery,
            services().redis,
            self.generation_requests() if self.max_tokens else [],
            timeout_s,
            client_disconnected,
            HEARTBEAT_S if self.asked.stream else None,
        )

    def generation_requests(self) -> list[GenerationRequest]:
        asked = self.asked
        return [
            GenerationRequest(
                job_id=self.job_id,
                checkpoint=self.checkpoint,
                max_new_tokens=self.max_tokens,
                temperature=1 if asked.temperature is None else asked.temperature,
                top_k=asked.top_k,
                top_p=None if asked.top_p is None else max(asked.top_p, LEAST_TOP_P),
                seed=None if asked.seed is None else (asked.seed + number) % 2**32,
                stop=list(asked.stop),
                logprobs=asked.logprobs,
                **prompt_fields(prompt, "prompt"),
            )
            for prompt in asked.prompt
            for number in range(self.n)
        ]

    def whole(self, pieces: Pieces) -> CompletionRecord:
        parts: list[list[ChoiceRecord]] = [[] for _ in self.choices]
        for echoed in self.echoes():
            parts[echoed.index].append(echoed)
        growing = self.parts(pieces)
        while True:
            try:
                part = next(growing)
            except StopIteration as end:
                results: list[GenerationResult] = end.value
                break
            if part is not None:
                parts[part.index].append(part)
        return self.record(list(map(joined, parts)), results, self.usage(results))

    def stream(self, pieces: Pieces) -> Response:
        """raises  as a requester does, for what fails before the first chunk"""
        echoes = list(self.echoes())  # first, since what follows stands behind them
        growing = self.parts(pieces)
        first = next(part for part in growing if part is not None)

        def events() -> Iterator[bytes]:
            # The service's database and broker are not asked here: a stream outlives its request.
            try:
                for echoed in echoes:
                    yield event(self.chunk([echoed]))
                yield event(self.chunk([first]))
                results = yield from self.events_of(growing)
                options = self.asked.stream_options
                if options is not None and options.include_usage:
                    yield event(self.chunk([], results, self.usage(results)))
                yield DONE
            except RequestFailed as error:
                problem = invalid_prompt(error) if error.cause == "invalid" else answer_problem(error)
                yield event(openai_error(problem))
            except Exception as error:
                yield event(openai_error(answer_problem(error)))

        return event_stream(events(), pieces)

    def events_of(
        self, growing: Generator[ChoiceRecord | None, None, list[GenerationResult]]
    ) -> Generator[bytes, None, list[GenerationResult]]:
        while True:
            try:
                part = next(growing)
            except StopIteration as end:
                results: list[GenerationResult] = end.value
                return results
            yield HEARTBEAT if part is None else event(self.chunk([part]))

    def echoes(self) -> Iterator[ChoiceRecord]:
        """The prompts, before what is made of them."""
        if not self.asked.echo:
            return
        for choice in self.choices:
            number = choice.index // self.n
            prompt, tokens = self.asked.prompt[number], self.scores[number].tokens if self.scores else ()
            if not isinstance(prompt, str):
                prompt = bytes(byte for token in tokens for byte in token.bytes).decode(errors="replace")
            yield choice.echo(prompt, tokens)

    def parts(self, pieces: Pieces) -> Generator[ChoiceRecord | None, None, list[GenerationResult]]:
        """Of the completions, each part of a choice as it comes; None in a long silence."""
        while True:
            try:
                item = next(pieces)
            except StopIteration as end:
                results: list[GenerationResult] = end.value
                break
            yield None if item is None else self.choices[item.index].piece(item.piece)
        for choice in self.choices:
            if not choice.is_finished:
                yield choice.end()
        return results

    def chunk(
        self,
        choices: list[ChoiceRecord],
        results: Sequence[GenerationResult] = (),
        usage: UsageRecord | None = None,
    ) -> Any:
        return self.record(choices, results, usage).model_dump(mode="json")

    def record(
        self, choices: list[ChoiceRecord], results: Sequence[GenerationResult], usage: UsageRecord | None
    ) -> CompletionRecord:
        return CompletionRecord(
            id=self.id,
            created=self.created,
            model=self.asked.model,
            choices=choices,
            usage=usage,
            prompt_truncated=any(result.prompt_truncated for result in results),
        )

    def usage(self, results: Sequence[GenerationResult]) -> UsageRecord:
        """Each prompt counts once, however many completions it has."""
        prompt_tokens = sum(result.prompt_tokens for result in results[:: self.n])
        if not results:
            prompt_tokens = sum(len(score.tokens) for score in self.scores)
        completion_tokens = sum(result.completion_tokens for result in results)
        return UsageRecord(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            total_tokens=prompt_tokens + completion_tokens,
        )


def find_model(model_id: str) -> tuple[str, str]:
    """The job's id and the checkpoint's name. raises HTTPProblem (404)"""
    job_id, checkpoint = parse_model_id(model_id)
    try:
        return job_to_ask(job_id, checkpoint), checkpoint
    except NotFound as error:
        raise model_not_found(model_id, str(error)) from error


def prompt_fields(prompt: Prompt, text_field: str) -> dict[str, Any]:
    """Of a message to the worker: the text under that name, or its tokens."""
    return {text_field: prompt} if isinstance(prompt, str) else {"token_ids": prompt}
