"""The texts that one model scores beside its batch, a window of each in turn."""

import logging
from collections import deque
from functools import cached_property

from jobs.broker.generation import Scores
from jobs.broker.token_probs import ScoredToken
from model.gpt import GPT
from model.inference.scoring import in_float32
from model.inference.token_probs import TokenProbs
from model.tokenizers import Tokenizer
from worker.generation.failures import failure_of
from worker.generation.request import Send, TextRequest
from worker.generation.token_texts import finite_or_none, likely_token, text_and_bytes

log = logging.getLogger(__name__)

TOKENS_PER_MESSAGE = 1000


class ScoreQueue:
    """Keeps the keys and values of one window only: a text makes room for the next at the end of a window."""

    def __init__(self, model: GPT, chunk_tokens: int, send: Send) -> None:
        """`chunk_tokens` are read in a step, for which the batch waits."""
        self._model = model
        self._chunk_tokens = chunk_tokens
        self._send = send
        self._requests: deque[TextRequest] = deque()

    @property
    def requests(self) -> list[TextRequest]:
        return list(self._requests)

    def add(self, request: TextRequest) -> None:
        self._requests.append(request)

    def drop_cancelled(self) -> None:
        self._requests = deque(request for request in self._requests if not request.is_cancelled)

    @cached_property
    def _float32_model(self) -> GPT:
        return in_float32(self._model)

    def step(self) -> None:
        """A chunk of the first text's window, if there is a text."""
        if not self._requests:
            return
        request = self._requests[0]
        scoring = request.scoring
        try:
            if not scoring.is_done:
                scoring.score_chunk(self._float32_model, self._chunk_tokens)
            if scoring.is_done:
                self._requests.popleft()
                self._send_scores(request)
            elif not scoring.is_within_window:
                self._requests.rotate(-1)
        except BaseException as error:
            log.error("%s failed", request.id, exc_info=error, extra=request.log_fields)
            if request in self._requests:
                self._requests.remove(request)
            self._send(request, failure_of(error))

    def _send_scores(self, request: TextRequest) -> None:
        tokens, probs = request.scoring.tokens, [None, *request.scoring.probs][: len(request.scoring.tokens)]
        scored = [scored_token(request.tokenizer, *each) for each in zip(tokens, probs, strict=True)]
        starts = range(0, max(1, len(scored)), TOKENS_PER_MESSAGE)
        messages = [
            Scores(
                number=number,
                step=request.checkpoint.step,
                tokens=tuple(scored[start : start + TOKENS_PER_MESSAGE]),
                is_last=number == len(starts) - 1,
            )
            for number, start in enumerate(starts)
        ]
        for message in messages:
            self._send(request, message)


def scored_token(tokenizer: Tokenizer, token: int, probs: TokenProbs | None) -> ScoredToken:
    text, data = text_and_bytes(tokenizer, token)
    if probs is None:
        return ScoredToken(token=text, bytes=data)
    return ScoredToken(
        token=text,
        bytes=data,
        nats=finite_or_none(-probs.logprob),
        rank=probs.rank,
        top=tuple(likely_token(tokenizer, likely) for likely in probs.top),
    )
