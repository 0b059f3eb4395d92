"""Prompts that a job's checkpoint, or a model from outside, continues."""

from collections.abc import Generator, Iterator
from threading import Semaphore
from typing import Any

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from sqlalchemy.orm import Session

from api.http.answer_problems import answer_problem, answer_problems
from api.http.arguments import model_parser, parse_request
from api.http.disconnects import client_disconnected
from api.http.negotiation import asks_for_event_stream
from api.http.problems import problem_document, problem_responses, unavailable
from api.http.scopes import Scope
from api.http.streams import HEARTBEAT, HEARTBEAT_S, event, event_stream
from api.monitoring.generations import measured
from api.records.generation import GenerationRecord, PieceRecord, generation_record
from api.records.record import json_response
from api.server.pools import GENERATIONS, in_pool
from api.services import services
from jobs.broker.generation import (
    CheckpointRequest,
    GenerationRequest,
    Piece,
    PromptFields,
    is_worker_starting,
)
from jobs.broker.iteration import Iteration, result_of
from jobs.broker.queue import GENERATE_QUEUE
from jobs.broker.replies import GenerationResult
from jobs.broker.requester import NewPiece, request_generations
from jobs.lifecycle.checkpoints import find_checkpoint
from jobs.lifecycle.workers import list_workers, live_workers, unserved
from jobs.store.imported_models import get_ready_model
from jobs.store.lookup import get_job, newest_with_checkpoint

generation = APIBlueprint(
    "generation",
    __name__,
    abp_tags=[Tag(name="generation")],
    abp_responses=problem_responses(400, 404, 422, 500, 503),
)

DATABASE_SLOTS = Semaphore(8)
"""For the prompts that come by the hundred: they would take every connection to the database from light
requests."""

TARGET = set(CheckpointRequest.model_fields)

Pieces = Generator[NewPiece | None, None, list[GenerationResult]]


class GenerateRequest(PromptFields):
    stream: bool | None = None
    """Whether to stream the text, as server-sent events: a `piece` for each piece of it, then a `generation`
    that is the whole record, or an `error` that is a problem. Default: as the header `Accept` asks."""


@generation.get("/generate", responses={200: GenerationRecord})
@in_pool(GENERATIONS)
@parse_request(Scope.READ)
def get_generation(query: GenerateRequest) -> Response:
    """Continue a prompt
    Waits for a generation worker, up to `PRETRAIN_GENERATE_TIMEOUT_S`: then the response has the text so far.
    `stop` may be given several times. With `stream=true` or `Accept: text/event-stream` the text comes in
    pieces, as server-sent events; what fails before the first piece is answered as ever.
    """
    return generate(query)


@generation.post("/generate", responses={200: GenerationRecord, **problem_responses(413, 415)})
@in_pool(GENERATIONS)
@parse_request(Scope.READ, body=model_parser(GenerateRequest))
def post_generation(body: GenerateRequest) -> Response:
    """Continue a prompt
    Waits for a generation worker, up to `PRETRAIN_GENERATE_TIMEOUT_S`: then the response has the text so far.
    With `stream` or `Accept: text/event-stream` the text comes in pieces, as server-sent events; what fails
    before the first piece is answered as ever.
    """
    return generate(body)


def generate(asked: GenerateRequest) -> Response:
    target = target_of(asked)
    prompt = GenerationRequest(**asked.model_dump(exclude={"stream", *TARGET}), **target)
    is_streamed = asks_for_event_stream() if asked.stream is None else asked.stream
    pieces = measured(
        request_generations(
            services().celery,
            services().redis,
            [prompt],
            services().settings.generate_timeout_s,
            client_disconnected,
            HEARTBEAT_S if is_streamed else None,
        )
    )
    if is_streamed:
        return stream_generation(pieces, prompt, request.path)
    with answer_problems():
        [generated] = result_of(pieces)
    return json_response(generation_record(prompt, generated))


def target_of(asked: CheckpointRequest) -> dict[str, Any]:
    """What is asked: the fields of a `CheckpointRequest` for a model from outside, or for a job that has that
    checkpoint, by default the newest one.

    raises  NotFound; HTTPProblem (503) if no worker would answer
    """
    # Only to say at once that there is none: the worker looks it up again when it reads it.
    with DATABASE_SLOTS, services().database.read() as session:
        if asked.model_id is not None:
            target = {"model_id": get_ready_model(session, asked.model_id).id}
        else:
            job_id = asked.job_id or newest_with_checkpoint(session).id
            find_checkpoint(session, get_job(session, job_id).id, asked.checkpoint)
            target = {"job_id": job_id, "checkpoint": asked.checkpoint}
        lack = lack_of_workers(session)
    if lack is not None:
        with answer_problems():
            is_served_soon = is_worker_starting(services().redis)
        if not is_served_soon:
            raise unavailable(f"{lack}, so nobody would answer")
    return target


def lack_of_workers(session: Session) -> str | None:
    """Why no worker would take the request, in words; None if one lives, busy or not."""
    lease_s = services().settings.lease_s
    if live_workers(session, GENERATE_QUEUE, lease_s):
        return None
    return unserved(GENERATE_QUEUE, list_workers(session, lease_s))


def stream_generation(pieces: Pieces, prompt: GenerationRequest, path: str) -> Response:
    """raises  HTTPProblem for what fails before the first piece"""
    with answer_problems():
        first = first_piece(pieces)

    def events() -> Iterator[bytes]:
        # The service's database and broker are not asked here: a stream outlives its request.
        try:
            if isinstance(first, Piece):
                yield piece_event(first)
                [generated] = yield from events_of(pieces)
            else:
                [generated] = first
            record = generation_record(prompt, generated)
            yield event(record.model_dump(mode="json"), "generation")
        except Exception as error:
            yield event(problem_document(answer_problem(error), path), "error")

    return event_stream(events(), pieces)


def events_of(pieces: Pieces) -> Generator[bytes, None, list[GenerationResult]]:
    iteration = Iteration(pieces)
    for item in iteration:
        if item is None:
            yield HEARTBEAT
        elif item.piece.text or item.piece.logprobs:
            yield piece_event(item.piece)
    return iteration.result


def piece_event(piece: Piece) -> bytes:
    record = PieceRecord(text=piece.text, completion_tokens=piece.completion_tokens, logprobs=piece.logprobs)
    return event(record.model_dump(mode="json"), "piece")


def first_piece(pieces: Pieces) -> Piece | list[GenerationResult]:
    """The first piece that says something, or the results of what ended without one."""
    while True:
        try:
            item = next(pieces)
        except StopIteration as end:
            results: list[GenerationResult] = end.value
            return results
        if item is not None and (item.piece.text or item.piece.logprobs):
            return item.piece
