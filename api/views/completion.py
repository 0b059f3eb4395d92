"""One request for OpenAI's completions: what the workers are asked, and what is answered of it."""

import time
from collections.abc import Generator, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from flask import Response

from api.http.answer_problems import answer_problem
from api.http.disconnects import client_disconnected
from api.http.openai_errors import openai_error
from api.http.problems import HTTPProblem
from api.http.streams import DONE, HEARTBEAT, HEARTBEAT_S, event, event_stream
from api.monitoring.generations import measured
from api.records.choices import GrowingChoice
from api.records.completions import ChoiceRecord, CompletionRecord, UsageRecord, joined
from api.services import services
from api.views.completion_request import CompletionRequest, Prompt
from api.views.generation import Pieces, target_of
from api.views.models import model_not_found, parse_model_id
from jobs.broker.generation import GenerationRequest, ScoreRequest
from jobs.broker.iteration import Iteration
from jobs.broker.replies import GenerationResult, RequestFailed, ScoreResult
from jobs.broker.requester import request_generations, request_scores
from jobs.store.ids import new_id
from jobs.store.lookup import NotFound

MAX_TOKENS = 16
"""OpenAI's default."""
LEAST_TOP_P = 1e-300
"""In place of OpenAI's 0: it leaves the likeliest token alone."""


class Completion:
    """One request for completions, and what has come of it."""

    def __init__(self, asked: CompletionRequest) -> None:
        """raises  HTTPProblem (404) if there is no such model"""
        self.asked = asked
        self.target = find_model(asked.model)
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
                    top=self.asked.logprobs or 0,
                    **self.target,
                    **prompt_fields(prompt, "text"),
                )
                for prompt in self.asked.prompt
            ]
            self.scores = request_scores(
                services().celery, services().redis, requests, timeout_s, client_disconnected
            )

    def request(self, timeout_s: float) -> Pieces:
        """Ask for the completions; of no tokens there are none."""
        pieces = request_generations(
            services().celery,
            services().redis,
            self.generation_requests() if self.max_tokens else [],
            timeout_s,
            client_disconnected,
            HEARTBEAT_S if self.asked.stream else None,
        )
        return measured(pieces) if self.max_tokens else pieces

    def generation_requests(self) -> list[GenerationRequest]:
        asked = self.asked
        return [
            GenerationRequest(
                **self.target,
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
        growing = Iteration(self.parts(pieces))
        for part in growing:
            if part is not None:
                parts[part.index].append(part)
        return self.record(list(map(joined, parts)), growing.result, self.usage(growing.result))

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
        rest = Iteration(growing)
        for part in rest:
            yield HEARTBEAT if part is None else event(self.chunk([part]))
        return rest.result

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
        iteration = Iteration(pieces)
        for item in iteration:
            yield None if item is None else self.choices[item.index].piece(item.piece)
        for choice in self.choices:
            if not choice.is_finished:
                yield choice.end()
        return iteration.result

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


def find_model(model_id: str) -> dict[str, Any]:
    """What `target_of` says of it. raises HTTPProblem (404)"""
    try:
        return target_of(parse_model_id(model_id))
    except NotFound as error:
        raise model_not_found(model_id, str(error)) from error


def prompt_fields(prompt: Prompt, text_field: str) -> dict[str, Any]:
    """Of a message to the worker: the text under that name, or its tokens."""
    return {text_field: prompt} if isinstance(prompt, str) else {"token_ids": prompt}


def invalid_prompt(error: RequestFailed) -> HTTPProblem:
    return HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, f"prompt: {error}", param="prompt")
