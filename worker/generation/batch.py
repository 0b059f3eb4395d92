"""A batch: the requests for one model, decoded together, of which some join and leave at every token."""

import logging
import time
from collections import deque

from torch import Tensor

from jobs.broker.generation import Begun, Piece
from model.inference.decoding import Decoding, TokenSequence
from worker.generation.failures import failure_of
from worker.generation.models import CheckpointRef, LoadedModel
from worker.generation.request import PromptRequest, Request, Send, TextRequest
from worker.generation.scores import ScoreQueue
from worker.generation.token_texts import token_logprobs

log = logging.getLogger(__name__)

SLOT_STEPS = 32
"""Tokens, or chunks of the prompt, after which a request gives up its slot to one that waits."""


class Batch:
    """The requests for one model. Of prompts at most `slots` are decoded at the same time; the others wait.
    Texts to score have a queue of their own."""

    def __init__(
        self, checkpoint: CheckpointRef, model: LoadedModel, load_s: float, slots: int, send: Send
    ) -> None:
        self.checkpoint = checkpoint
        self._load_s = load_s
        self._computed_s = 0.0
        self._steps = 0
        self._decoding = Decoding(model.gpt, engine=model.make_engine())
        self._slots = slots
        self._send = send
        self._running: list[PromptRequest] = []
        self._waiting: deque[PromptRequest] = deque()
        self._scores = ScoreQueue(model.gpt, self._decoding.chunk_tokens, send)
        self._has_scored = False
        """Whether the last chunk was one of a text to score."""

    def add(self, request: Request) -> None:
        match request:
            case PromptRequest():
                self._waiting.append(request)
            case TextRequest():
                self._scores.add(request)

    @property
    def requests(self) -> list[Request]:
        return [*self._running, *self._waiting, *self._scores.requests]

    def preempt_all(self) -> list[Request]:
        """The requests, with what they have come to, for another batch of the same model."""
        for request in list(self._running):
            self._preempt(request)
        return [*self._waiting, *self._scores.requests]

    @property
    def may_be_unloaded(self) -> bool:
        """Whether it has computed as long as it took to load, so that another model may take its memory."""
        return self._steps >= SLOT_STEPS and self._computed_s >= self._load_s

    def step(self) -> None:
        """The next token of each request that has a slot and has read its prompt. Besides, as much as one
        chunk: of the prompts that are not read to the end, all of them together, or, in turn, of a text to
        score."""
        began_s = time.monotonic()
        self._drop_cancelled()
        self._fill_slots()
        self._has_scored = bool(self._scores.requests) and not (self._has_scored and self._needs_prefill)
        if self._has_scored:
            self._scores.step()
        else:
            self._prefill()
        self._decode_tokens([request for request in self._running if not sequence_of(request).needs_prefill])
        self._steps += 1
        self._computed_s += time.monotonic() - began_s

    @property
    def _needs_prefill(self) -> bool:
        return any(sequence_of(request).needs_prefill for request in self._running)

    def _prefill(self) -> None:
        prompt_tokens_left = self._decoding.chunk_tokens
        for request in list(self._running):
            sequence = sequence_of(request)
            if prompt_tokens_left > 0 and sequence.needs_prefill:
                unread_tokens = sequence.prefill_tokens - sequence.cached_tokens
                prompt_tokens_left -= min(self._decoding.chunk_tokens, unread_tokens)
                self._prefill_chunk(request)

    def _drop_cancelled(self) -> None:
        for request in [request for request in self._running if request.is_cancelled]:
            self._leave(request)
        self._waiting = deque(request for request in self._waiting if not request.is_cancelled)
        self._scores.drop_cancelled()

    def _fill_slots(self) -> None:
        """Give slots to those that wait, if need be those of requests that have had theirs for long."""
        missing = len(self._waiting) - (self._slots - len(self._running))
        if missing > 0:
            preemptible = [request for request in self._running if request.steps_in_slot >= SLOT_STEPS]
            for request in preemptible:
                request.steps_in_slot = 0
            for request in preemptible[:missing]:
                self._preempt(request)
                self._limit_cache_memory(request)
        while self._waiting and len(self._running) < self._slots:
            self._start(self._waiting.popleft())

    def _start(self, request: PromptRequest) -> None:
        self._running.append(request)
        if request.sequence is not None:
            self._decoding.resume(request.sequence)
            return
        continuation = request.continuation
        continuation.begin()
        request.sequence = self._decoding.join(continuation.context)
        begun = Begun(
            step=self.checkpoint.step,
            seed=continuation.seed,
            prompt_tokens=continuation.prompt_tokens,
            prompt_truncated=continuation.prompt_truncated,
        )
        self._send(request, begun)

    def _preempt(self, request: PromptRequest) -> None:
        self._leave(request, will_resume=True)
        self._waiting.append(request)

    def _limit_cache_memory(self, request: PromptRequest) -> None:
        """Those that wait may cache as many tokens as all slots can hold. Beyond that the request that has
        just lost its slot will be read again, to the same logits."""
        sequences = [other.sequence for other in self._waiting if other.sequence is not None]
        cached_tokens = sum(self._decoding.allocated_tokens(sequence) for sequence in sequences)
        if cached_tokens > self._slots * self._decoding.model.config.context_length:
            sequence_of(request).evict()

    def _leave(self, request: PromptRequest, *, will_resume: bool = False) -> None:
        self._running.remove(request)
        self._decoding.leave(sequence_of(request), will_resume=will_resume)

    def _prefill_chunk(self, request: PromptRequest) -> None:
        # At the end of the line, so that the next chunk is another's.
        self._running.remove(request)
        self._running.append(request)
        request.steps_in_slot += 1
        try:
            logits = self._decoding.prefill_chunk(sequence_of(request))
            if logits is not None:
                self._sample(request, logits)
        except BaseException as error:
            self._fail(request, error)

    def _decode_tokens(self, requests: list[PromptRequest]) -> None:
        if not requests:
            return
        try:
            logits = self._decoding.decode_tokens([sequence_of(request) for request in requests])
        except BaseException as error:
            if len(requests) == 1:
                self._fail(requests[0], error)
            else:  # whichever is to blame, the others go on
                for request in requests:
                    self._decode_tokens([request])
            return
        for request in requests:
            request.steps_in_slot += 1
            if (next_logits := logits.get(sequence_of(request))) is not None:
                try:
                    self._sample(request, next_logits)
                except BaseException as error:
                    self._fail(request, error)

    def _sample(self, request: PromptRequest, logits: Tensor) -> None:
        """Take the next token, and send the text that is certain now."""
        continuation = request.continuation
        text = continuation.take(logits)
        if continuation.finish_reason is not None:
            self._leave(request)
        elif continuation.last_token is not None:
            sequence_of(request).append(continuation.last_token)
        if text or continuation.finish_reason is not None:
            probs = continuation.take_probs()
            piece = Piece(
                number=request.pieces_sent,
                text=text,
                completion_tokens=continuation.completion_tokens,
                tokens_per_s=continuation.tokens_per_s,
                finish_reason=continuation.finish_reason,
                logprobs=None if probs is None else token_logprobs(continuation.tokenizer, probs),
            )
            request.pieces_sent += 1
            self._send(request, piece)

    def _fail(self, request: PromptRequest, error: BaseException) -> None:
        log.error("%s failed", request.id, exc_info=error, extra=request.log_fields)
        if request in self._running:
            self._leave(request)
        self._send(request, failure_of(error))


def sequence_of(request: PromptRequest) -> TokenSequence:
    assert request.sequence is not None
    return request.sequence
