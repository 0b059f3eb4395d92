"""The task of the `generate` queue: answer prompts from the models kept in memory, several at once."""

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis

from jobs.database import Database
from jobs.generation import is_awaited, send_answer, take_request
from jobs.queue import GENERATE_QUEUE, GENERATE_TASK, make_redis
from jobs.settings import Settings
from model.checkpoint import CheckpointError, load_model, read_manifest
from model.config import Distribution, GPTConfig
from model.continuation import Completion, Continuation
from model.generation import complete_together, generate
from model.gpt import GPT
from model.numerics import pick_device, resolve_numerics
from model.packed import for_generation
from model.tokens import Tokenizer, load_tokenizer
from worker.companions import Companions, Waiting
from worker.heartbeat import Heartbeat

log = logging.getLogger(__name__)

STILL_AWAITED_INTERVAL_S = 0.5


ModelKey = tuple[str, str]
"""Folder and sha256 of the weights."""


@dataclass(frozen=True)
class Request:
    id: str
    content: dict[str, Any]


Asked = Waiting[ModelKey, Request, None]


@dataclass(frozen=True)
class LoadedModel:
    model: GPT
    tokenizer: Tokenizer
    ends_texts: bool
    """Whether it was trained on end-of-text tokens."""


class LoadedModels:
    """The models asked most recently, at most `limit`, by the folder and the sha256 of their weights."""

    def __init__(self, artifacts: Path, limit: int, *, int8: bool) -> None:
        self._artifacts = artifacts
        self._limit = limit
        self._int8 = int8
        self._models: OrderedDict[ModelKey, LoadedModel] = OrderedDict()
        self._device = pick_device()
        self._numerics = resolve_numerics("auto", self._device)

    def get(self, directory: str, sha256: str) -> LoadedModel:
        """raises CheckpointError if the checkpoint is gone or damaged"""
        key = (directory, sha256)
        if key not in self._models:
            while len(self._models) >= self._limit:
                self._models.popitem(last=False)  # before the next is read, so that memory holds no more
            folder = self._artifacts / directory
            model, run = load_model(folder, self._device, self._numerics)
            self._models[key] = LoadedModel(
                for_generation(model, int8=self._int8),
                load_tokenizer(run.tokenizer),
                read_manifest(folder).ends_texts,
            )
        self._models.move_to_end(key)
        return self._models[key]

    def compile(self) -> None:
        """On the CPU, what takes some seconds when the first text of a process is generated."""
        if self._device.type != "cpu":
            return
        config = GPTConfig(vocab_size=2, context_length=4, emb_dim=2, n_heads=1, n_layers=1)
        model = for_generation(GPT(config, self._numerics).eval(), int8=self._int8)
        list(generate(model, [0], 2))


def add_generation(app: Celery, settings: Settings) -> Heartbeat:
    redis = make_redis(settings)
    models = LoadedModels(settings.artifacts, settings.loaded_models, int8=settings.generate_int8)
    threading.Thread(target=models.compile, name="compile", daemon=True).start()
    heartbeat = Heartbeat(Database(settings.database), settings, GENERATE_QUEUE)
    heartbeat.follow(app)

    def answer_together(key: ModelKey, asked: list[Asked]) -> None:
        with heartbeat.at(asked[0].request.content["job_id"]):
            try:
                loaded = models.get(*key)
            except CheckpointError as error:
                for each in asked:
                    send(each, {"failure": str(error)})
                return
            rows = {make_row(loaded, each.request, redis): each for each in asked}
            context = loaded.model.config.context_length
            complete_together(
                loaded.model,
                list(rows),
                on_over=lambda row: send(rows[row], content_of(row.completion(context))),
            )

    def send(each: Asked, answer: dict[str, Any]) -> None:
        send_answer(redis, each.request.id, answer)
        each.answer.set_result(None)

    companions = Companions(answer_together, settings.prompts_at_once)

    @app.task(name=GENERATE_TASK)
    def generate(request_id: str) -> None:
        content = take_request(redis, request_id)
        if content is None:
            log.info("nobody waits for %s any more", request_id)
            return
        companions.ask((content["directory"], content["sha256"]), Request(request_id, content))

    return heartbeat


class Awaited:
    """Whether somebody still waits, asked of Redis now and then only."""

    def __init__(self, ask: Any) -> None:
        self._ask = ask
        self._asked_s = time.monotonic()
        self._awaited = True

    def given_up(self) -> bool:
        if self._awaited and time.monotonic() - self._asked_s > STILL_AWAITED_INTERVAL_S:
            self._awaited = self._ask()
            self._asked_s = time.monotonic()
        return not self._awaited


def make_row(loaded: LoadedModel, request: Request, redis: Redis) -> Continuation:
    content, awaited = request.content, Awaited(lambda: is_awaited(redis, request.id))
    return Continuation(
        loaded.tokenizer,
        content["prompt"],
        max_new_tokens=content["max_new_tokens"],
        distribution=Distribution(**{name: content[name] for name in Distribution.model_fields}),
        seed=content["seed"],
        stop=content["stop"],
        should_stop=awaited.given_up,
        ends_texts=loaded.ends_texts,
    )


def content_of(completion: Completion) -> dict[str, Any]:
    return {
        name: getattr(completion, name)
        for name in (
            "completion",
            "text",
            "prompt_tokens",
            "completion_tokens",
            "finish_reason",
            "seed",
            "prompt_truncated",
            "tokens_per_s",
        )
    }
