"""A stand-in for the checkpoints, with real tiny models, and for the requesters."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from jobs.broker.generation import Begun, Failure, Message, Piece, Scores, is_last
from jobs.broker.token_probs import ScoredToken
from jobs.store.lookup import NotFound
from model.config import GPTConfig
from model.generation import Continuation
from model.gpt import GPT
from model.inference.engine import fast_engine
from model.inference.scoring import Scoring
from model.manifest import CheckpointError
from model.tokenizers import load_tokenizer
from tests.model.completions import complete
from tests.model.tiny import tiny_config
from tests.waiting import PATIENCE_S, wait_until
from worker.generation.batcher import RequestBatcher
from worker.generation.models import CheckpointDamaged, CheckpointRef, LoadedModel
from worker.generation.request import PromptRequest, Request, TextRequest

BYTES = load_tokenizer("bytes")
CONFIG = tiny_config(context_length=64, vocab_size=256)
"""Without an end of text, which a model could draw by chance."""


def checkpoint_of(job_id: str, step: int = 1) -> CheckpointRef:
    return CheckpointRef(
        job_id, step, f"jobs/{job_id}/attempt-1/step-{step}", f"{step:064d}", parameters=10_000
    )


class Shelf:
    """Has a model for every job, made of its name; `missing` are the directories whose files are gone."""

    def __init__(self, config: GPTConfig = CONFIG) -> None:
        self.config = config
        self.listed: dict[str, CheckpointRef] = {}
        """What `last` is, if not step 1."""
        self.missing: set[str] = set()
        self.deleted: set[str] = set()
        self.errors: list[BaseException] = []
        """Raised by the next loads."""
        self.loads: list[str] = []
        self.may_load = threading.Event()
        self.may_load.set()

    def warm_up(self) -> None:
        """What compiles does so when it is first needed."""

    def model(self, checkpoint: CheckpointRef) -> LoadedModel:
        torch.manual_seed(sum(checkpoint.directory.encode()))
        model = GPT(self.config).eval()
        return LoadedModel(model, fast_engine(model))

    def find(self, job_id: str | None, name: str) -> CheckpointRef:
        assert job_id is not None
        if job_id in self.deleted:
            raise NotFound(f"no job {job_id!r}")
        return self.listed.get(job_id, checkpoint_of(job_id))

    def load(self, checkpoint: CheckpointRef) -> LoadedModel:
        self.loads.append(checkpoint.owner_id)
        self.may_load.wait()
        if self.errors:
            raise self.errors.pop(0)
        if checkpoint.directory in self.missing:
            raise CheckpointError(f"/srv/artifacts/{checkpoint.directory} can't be read")
        return self.model(checkpoint)

    def find_replacement(self, checkpoint: CheckpointRef, name: str, error: CheckpointError) -> CheckpointRef:
        current = self.find(checkpoint.owner_id, name)
        if current == checkpoint:
            raise CheckpointDamaged(
                f"the checkpoint of step {checkpoint.step} of job {checkpoint.owner_id} is damaged"
            )
        return current


class Askers:
    """A batcher, and what it sends to the requesters."""

    def __init__(self, shelf: Shelf | None = None, **options: Any) -> None:
        self.shelf = shelf or Shelf()
        self.messages: dict[str, list[Message]] = {}
        self.jobs: list[str | None] = []
        defaults = {"slots": 8, "max_models": 2, "timeout_s": float(PATIENCE_S)}
        self.batcher = RequestBatcher(
            self.shelf,  # type: ignore[arg-type]
            send=lambda request_id, message: self.messages[request_id].append(message),
            on_job=self.jobs.append,
            **defaults | options,
        )

    def __enter__(self) -> "Askers":
        return self

    def __exit__(self, *_: object) -> None:
        self.shelf.may_load.set()
        self.batcher.close()
        self.batcher.join()

    def ask(
        self, prompt: str = "the", job: str = "job-a", checkpoint_name: str = "last", **options: Any
    ) -> str:
        """Submit a request; its id."""
        return self.submit(self.request(prompt, job, checkpoint_name, **options))

    def request(
        self, prompt: str = "the", job: str = "job-a", checkpoint_name: str = "last", **options: Any
    ) -> PromptRequest:
        context = self.shelf.config.context_length
        continuation = Continuation(BYTES, prompt, context, **options)
        checkpoint = self.shelf.find(job, checkpoint_name)
        return PromptRequest(f"request-{len(self.messages)}", checkpoint_name, checkpoint, continuation)

    def score(self, text: str, job: str = "job-a", top: int = 0) -> str:
        """Submit a text to score; its id."""
        checkpoint = self.shelf.find(job, "last")
        scoring = Scoring(BYTES.encode(text), self.shelf.config.context_length, top)
        return self.submit(TextRequest(f"request-{len(self.messages)}", "last", checkpoint, scoring, BYTES))

    def scored(self, request_id: str) -> list[ScoredToken]:
        """Every token of a text, once it is scored."""
        assert isinstance(self.end(request_id), Scores)
        messages = [message for message in self.messages[request_id] if isinstance(message, Scores)]
        assert [message.number for message in messages] == list(range(len(messages)))
        return [token for message in messages for token in message.tokens]

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is asked in this block is computed once all of it has come, if its model is not loaded yet."""
        self.shelf.may_load.clear()
        yield
        self.shelf.may_load.set()

    def submit(self, request: Request) -> str:
        self.messages[request.id] = []
        self.batcher.submit(request)
        return request.id

    def pieces(self, request_id: str) -> list[Piece]:
        return [message for message in self.messages[request_id] if isinstance(message, Piece)]

    def begun(self, request_id: str) -> Begun:
        return wait_until(lambda: next((m for m in self.messages[request_id] if isinstance(m, Begun)), None))

    def end(self, request_id: str) -> Message:
        """The last message, once it has come."""
        wait_until(lambda: any(map(is_last, self.messages[request_id])), f"{request_id} was over")
        *others, end = self.messages[request_id]
        assert is_last(end)
        assert not any(map(is_last, others))
        return end

    def failure(self, request_id: str) -> Failure:
        end = self.end(request_id)
        assert isinstance(end, Failure), end
        return end

    def text(self, request_id: str) -> str:
        """The whole completion, once it is over."""
        end = self.end(request_id)
        assert isinstance(end, Piece), end
        pieces = self.pieces(request_id)
        assert [piece.number for piece in pieces] == list(range(len(pieces)))
        return "".join(piece.text for piece in pieces)

    def alone(self, prompt: str, job: str = "job-a", **options: Any) -> str:
        """What the model gives by itself."""
        model = self.shelf.model(self.shelf.find(job, "last"))
        return complete(model.gpt, BYTES, prompt, engine=model.make_engine(), **options).completion
