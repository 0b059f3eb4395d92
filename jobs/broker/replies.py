"""What has come of a request so far, as the requester puts the worker's messages together."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from jobs.broker.generation import (
    Begun,
    Failure,
    FailureCause,
    GenerationRequest,
    Message,
    Piece,
    ScoreRequest,
    Scores,
    WorkerRequest,
)
from jobs.broker.token_probs import ScoredToken, TokenLogprob

Result = TypeVar("Result")


class NoAnswer(Exception):
    """No generation worker answered in time, or the one that computed the answer has gone."""


class RequestFailed(Exception):
    """The worker could not answer; the message says why."""

    def __init__(self, cause: FailureCause, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


@dataclass(frozen=True)
class GenerationResult:
    checkpoint: int
    """Its step."""
    completion: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: Literal["length", "stop", "timeout"]
    """`timeout`: the time limit ended it."""
    seed: int
    prompt_truncated: bool
    tokens_per_s: float
    logprobs: tuple[TokenLogprob, ...] | None
    """Of each token of the completion, if they were asked for."""


@dataclass(frozen=True)
class ScoreResult:
    checkpoint: int
    """Its step."""
    tokens: tuple[ScoredToken, ...]


class Reply(Generic[Result]):
    """The messages for one request, of which some may be sent twice."""

    request: WorkerRequest
    is_over = False

    def add(self, message: Message) -> Piece | None:
        """Take a message; the piece of text that it brings, if any. raises RequestFailed"""
        if isinstance(message, Failure):
            raise RequestFailed(message.cause, message.reason)
        return self._add(message)

    def _add(self, message: Begun | Piece | Scores) -> Piece | None:
        raise NotImplementedError

    def result(self, timeout_s: float) -> Result:
        """What there is when it is over, or after the time limit of `timeout_s`. raises NoAnswer"""
        raise NotImplementedError


class GenerationReply(Reply[GenerationResult]):
    request: GenerationRequest

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self._begun: Begun | None = None
        self._pieces: list[Piece] = []

    def _add(self, message: Begun | Piece | Scores) -> Piece | None:
        if isinstance(message, Scores):
            raise unexpected(message)
        if isinstance(message, Begun):
            self._begun = message
            return None
        if message.number < len(self._pieces):
            return None  # it was sent twice
        self._pieces.append(message)
        self.is_over = message.finish_reason is not None
        return message

    def result(self, timeout_s: float) -> GenerationResult:
        has_text = any(piece.text for piece in self._pieces)
        if self._begun is None or not (self.is_over or has_text):
            raise NoAnswer(f"no generation worker answered within {timeout_s:g} s")
        last = self._pieces[-1]
        logprobs = None
        if self.request.logprobs is not None:
            logprobs = tuple(each for piece in self._pieces for each in piece.logprobs or ())
        return GenerationResult(
            checkpoint=self._begun.step,
            completion="".join(piece.text for piece in self._pieces),
            prompt_tokens=self._begun.prompt_tokens,
            completion_tokens=last.completion_tokens,
            finish_reason=last.finish_reason or "timeout",
            seed=self._begun.seed,
            prompt_truncated=self._begun.prompt_truncated,
            tokens_per_s=last.tokens_per_s,
            logprobs=logprobs,
        )


class ScoreReply(Reply[ScoreResult]):
    request: ScoreRequest

    def __init__(self, request: ScoreRequest) -> None:
        self.request = request
        self._messages: list[Scores] = []

    def _add(self, message: Begun | Piece | Scores) -> Piece | None:
        if not isinstance(message, Scores):
            raise unexpected(message)
        if message.number == len(self._messages):  # else it was sent twice
            self._messages.append(message)
            self.is_over = message.is_last
        return None

    def result(self, timeout_s: float) -> ScoreResult:
        if not self.is_over:
            raise NoAnswer(f"no generation worker scored the text within {timeout_s:g} s")
        tokens = tuple(token for message in self._messages for token in message.tokens)
        return ScoreResult(self._messages[-1].step, tokens)


def unexpected(message: Message) -> RequestFailed:
    return RequestFailed("internal", f"the worker answered with {message.kind}, which was not asked for")
