"""The task of the `generate` queue: answer a prompt from one of the models kept in memory."""

import logging
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

from celery import Celery

from jobs.database import Database
from jobs.generation import is_awaited, send_answer, take_request
from jobs.queue import GENERATE_QUEUE, GENERATE_TASK, make_redis
from jobs.settings import Settings
from model.checkpoint import CheckpointError, load_model
from model.generation import complete
from model.gpt import GPT
from model.numerics import pick_device, resolve_numerics
from model.packed import packed
from model.tokens import Tokenizer, load_tokenizer
from worker.heartbeat import Heartbeat

log = logging.getLogger(__name__)

STILL_AWAITED_INTERVAL_S = 0.5


class LoadedModels:
    """The models asked most recently, at most `limit`, by the folder and the sha256 of their weights."""

    def __init__(self, artifacts: Path, limit: int) -> None:
        self._artifacts = artifacts
        self._limit = limit
        self._models: OrderedDict[tuple[str, str], tuple[GPT, Tokenizer]] = OrderedDict()
        self._device = pick_device()
        self._numerics = resolve_numerics("auto", self._device)

    def get(self, directory: str, sha256: str) -> tuple[GPT, Tokenizer]:
        """raises CheckpointError if the checkpoint is gone or damaged"""
        key = (directory, sha256)
        if key not in self._models:
            while len(self._models) >= self._limit:
                self._models.popitem(last=False)  # before the next is read, so that memory holds no more
            model, run = load_model(self._artifacts / directory, self._device, self._numerics)
            self._models[key] = packed(model), load_tokenizer(run.tokenizer)
        self._models.move_to_end(key)
        return self._models[key]


def add_generation(app: Celery, settings: Settings) -> None:
    redis = make_redis(settings)
    models = LoadedModels(settings.artifacts, settings.loaded_models)
    heartbeat = Heartbeat(Database(settings.database), settings, GENERATE_QUEUE)
    heartbeat.follow(app)

    @app.task(name=GENERATE_TASK)
    def generate(request_id: str) -> None:
        request = take_request(redis, request_id)
        if request is None:
            log.info("nobody waits for %s any more", request_id)
            return
        awaited = Awaited(lambda: is_awaited(redis, request_id))
        with heartbeat.at(request["job_id"]):
            try:
                send_answer(redis, request_id, answer(models, request, awaited))
            except CheckpointError as error:
                send_answer(redis, request_id, {"failure": str(error)})


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


def answer(models: LoadedModels, request: dict[str, Any], awaited: Awaited) -> dict[str, Any]:
    model, tokenizer = models.get(request["directory"], request["sha256"])
    completion = complete(
        model,
        tokenizer,
        request["prompt"],
        max_new_tokens=request["max_new_tokens"],
        temperature=request["temperature"],
        top_k=request["top_k"],
        top_p=request["top_p"],
        seed=request["seed"],
        stop=request["stop"],
        should_stop=awaited.given_up,
    )
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
