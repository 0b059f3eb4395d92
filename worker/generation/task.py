"""The task of the `generate` queue: take a prompt, and have it continued beside others."""

import logging
import math
from collections.abc import Sequence

from celery import Celery, Task
from celery.signals import worker_shutdown, worker_shutting_down
from pydantic import ValidationError
from redis import Redis
from structlog.contextvars import bound_contextvars

from jobs.broker.generation import (
    CheckpointRequest,
    Failure,
    GenerationRequest,
    ScoreRequest,
    WorkerRequest,
    take_request,
)
from jobs.broker.queue import GENERATE_QUEUE, GENERATE_TASK, HTTP_REQUEST_ID_HEADER, make_redis
from jobs.process.panics import native_panics_as_errors
from jobs.settings import Settings
from jobs.store.database import Database
from model.generation import Continuation
from model.inference.scoring import Scoring
from model.manifest import Manifest
from model.tokenizers import Tokenizer
from worker.generation.batcher import RequestBatcher
from worker.generation.delivery import Delivery
from worker.generation.failures import InvalidText, failure_of
from worker.generation.models import CheckpointRef, Models
from worker.generation.request import PromptRequest, Request, TextRequest
from worker.heartbeat import Heartbeat

log = logging.getLogger(__name__)

THREADS = 4
"""That take prompts and turn them into tokens, for which a prompt of a million characters needs a second."""


def add_generation(app: Celery, settings: Settings) -> Heartbeat:
    """Register the task, and let the worker's shutdown reach the requests in progress."""
    database = Database(settings.database)
    heartbeat = Heartbeat(database, settings, GENERATE_QUEUE, is_warm=False)
    heartbeat.attach(app, quick_task_slots=THREADS)
    heartbeat.deadlines = intake = Intake(settings, database, make_redis(settings), heartbeat)
    worker_shutting_down.connect(lambda **_: intake.close(), weak=False)
    worker_shutdown.connect(lambda **_: intake.join(), weak=False)

    @app.task(name=GENERATE_TASK, bind=True)
    def generate(task: Task, request_id: str) -> None:
        http_request_id = (task.request.headers or {}).get(HTTP_REQUEST_ID_HEADER)
        with bound_contextvars(request_id=http_request_id, generation=request_id):
            intake.take(request_id)

    return heartbeat


class Intake:
    """Takes published prompts, and hands them over to the batcher. Every one that it has taken is answered,
    at once if it fails here."""

    def __init__(self, settings: Settings, database: Database, redis: Redis, heartbeat: Heartbeat) -> None:
        self._redis = redis
        self._worker_id = heartbeat.worker_id
        self._models = Models(settings, database)
        self._max_score_tokens = settings.max_score_tokens
        self.delivery = Delivery(redis, self._worker_id)
        self.batcher = RequestBatcher(
            self._models,
            slots=settings.prompts_at_once,
            max_models=settings.loaded_models,
            timeout_s=settings.generate_timeout_s,
            send=self.delivery.send,
            on_ready=heartbeat.warmed_up,
            on_job=heartbeat.set_job,
        )
        self.delivery.start(on_cancelled=self.batcher.cancel)
        self._closed = False

    def take(self, request_id: str) -> None:
        """Leave it if nobody waits for it any more, or if this worker shuts down: another one will take
        it."""
        if self._closed:
            return
        try:
            content = take_request(self._redis, request_id, self._worker_id)
        except ValidationError:
            log.exception("%s can't be read", request_id)
            self.delivery.keep_alive(request_id)
            reason = "the worker is of another version than the API"
            self.delivery.send(request_id, Failure(cause="internal", reason=reason))
            return
        if content is None:
            log.info("nobody waits for %s any more, or another worker has taken it", request_id)
            return
        if not self.delivery.keep_alive(request_id):
            return
        try:
            with native_panics_as_errors():
                self.batcher.submit(self.prepare(request_id, content))
        except InvalidText as error:
            log.info("%s was refused: %s", request_id, error)
            self.delivery.send(request_id, failure_of(error))
        except Exception as error:
            log.exception("%s failed", request_id)
            self.delivery.send(request_id, failure_of(error))

    def prepare(self, request_id: str, content: WorkerRequest) -> Request:
        """raises NotFound, CheckpointDamaged, InvalidText"""
        match content:
            case ScoreRequest():
                return self._prepare_score(request_id, content)
            case GenerationRequest():
                return self._prepare_prompt(request_id, content)

    def _prepare_score(self, request_id: str, content: ScoreRequest) -> TextRequest:
        checkpoint, manifest, tokenizer = self._find(content)
        tokens = encode(tokenizer, content.text, content.token_ids)
        if len(tokens) > self._max_score_tokens:
            raise InvalidText(
                f"must have at most {self._max_score_tokens:,} tokens (PRETRAIN_MAX_SCORE_TOKENS), not "
                f"{len(tokens):,}"
            )
        scoring = Scoring(tokens, manifest.run.model.context_length, content.top)
        return TextRequest(request_id, content.checkpoint, checkpoint, scoring, tokenizer)

    def _prepare_prompt(self, request_id: str, content: GenerationRequest) -> PromptRequest:
        checkpoint, manifest, tokenizer = self._find(content)
        continuation = Continuation(
            tokenizer,
            encode(tokenizer, content.prompt, content.token_ids),
            manifest.run.model.context_length,
            max_new_tokens=content.max_new_tokens,
            distribution=content,
            seed=content.seed,
            stop=content.stop,
            ends_texts=manifest.ends_texts,
            logprobs=content.logprobs,
        )
        return PromptRequest(request_id, content.checkpoint, checkpoint, continuation)

    def _find(self, asked: CheckpointRequest) -> tuple[CheckpointRef, Manifest, Tokenizer]:
        """raises NotFound, CheckpointDamaged"""
        return self._models.find_with_manifest(asked.model_id or asked.job_id, asked.checkpoint)

    def close(self) -> None:
        """Take no more requests, and fail those that are not over."""
        self._closed = True
        self.batcher.close()

    def join(self) -> None:
        """Wait, after `close`, until the requesters have their messages."""
        self.close()
        self.batcher.join()
        self.delivery.close()

    def overdue_s(self) -> float:
        """For how long something has been overdue here: see `RequestBatcher.overdue_s`."""
        return self.batcher.overdue_s() if self.delivery.is_alive else math.inf


def encode(tokenizer: Tokenizer, text: str, token_ids: Sequence[int] | None) -> list[int]:
    """The ids of a text, or those that stand in its place. raises InvalidText if there is no such token"""
    if token_ids is None:
        return tokenizer.encode(text)
    unknown = next((token for token in token_ids if token >= tokenizer.vocab_size), None)
    if unknown is not None:
        raise InvalidText(f"must be ids of tokens below {tokenizer.vocab_size:,}, not {unknown:,}")
    return list(token_ids)
