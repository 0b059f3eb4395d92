"""Continuous batching: requests join and leave the batch of their model between tokens; models take turns."""

import logging
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch
from torch import Tensor

from jobs.broker.generation import Begun, Message, Piece, is_last
from model.generation import Continuation
from model.inference.decoding import Decoding, TokenSequence
from model.manifest import CheckpointError
from worker.generation.failures import ShuttingDown, failure_of
from worker.generation.models import Found, LoadedModel, Models
from worker.training.oom import found_out_of_memory

log = logging.getLogger(__name__)

TURN_STEPS = 32
"""Tokens, or pieces of the prompt, after which a request makes room for one that waits for a place."""
STEP_OVERDUE_S, LOAD_OVERDUE_S, REQUEST_OVERDUE_S = 15, 120, 15
"""After so long a step of a batch hangs, or the loading of a model, or a request that has outlived the time
limit of its asker; what the model's size takes is added."""
STEP_PARAMETERS_PER_S, LOAD_PARAMETERS_PER_S = 20e6, 10e6
"""Of the slowest machine that is healthy, in a step with a piece of a prompt, and in loading. With several
others at two cores a piece takes 4 of GPT-2 XL's 48 layers 4 to 6 s."""


@dataclass(eq=False)
class Request:
    """A prompt that this worker has taken."""

    id: str
    wanted: str
    """The checkpoint, as it was asked for: `last`, `best` or a step."""
    found: Found
    """Which one that is."""
    continuation: Continuation
    taken_s: float = field(default_factory=time.monotonic)
    sequence: TokenSequence | None = None
    """Once it has had a place in a batch."""
    steps: int = 0
    """Of its present turn."""
    pieces_sent: int = 0
    is_unwanted: bool = False
    """Nobody waits for it any more."""


Send = Callable[[Request, Message], None]
"""Sends a message to the one who asked. After a failure, or a piece that is the last, the request is over."""


class Batch:
    """The requests for one model. At most `places` of them are computed; the others wait for their turn."""

    def __init__(self, found: Found, model: LoadedModel, load_s: float, places: int, send: Send) -> None:
        self.found = found
        self.load_s = load_s
        self.computed_s = 0.0
        self.steps = 0
        self._decoding = Decoding(model.gpt, engine=model.make_engine())
        self._places = places
        self._send = send
        self._running: list[Request] = []
        self._waiting: deque[Request] = deque()

    def add(self, request: Request) -> None:
        self._waiting.append(request)

    @property
    def requests(self) -> list[Request]:
        return [*self._running, *self._waiting]

    def give_up(self) -> list[Request]:
        """The requests, with what they have come to, for another batch of the same model."""
        for request in list(self._running):
            self._leave(request, goes_on=True)
            self._waiting.append(request)
        return list(self._waiting)

    def had_its_turn(self) -> bool:
        """Whether it has computed as long as it took to load, so that another model may take its memory."""
        return self.steps >= TURN_STEPS and self.computed_s >= self.load_s

    def step(self) -> None:
        """The next token of each request that has a place, and of those whose prompt is not read to the end,
        together as much as a piece."""
        began_s = time.monotonic()
        self._drop_unwanted()
        self._take_turns()
        left_tokens = self._decoding.piece_tokens
        for request in list(self._running):
            sequence = sequence_of(request)
            if left_tokens > 0 and sequence.has_pieces:
                left_tokens -= min(self._decoding.piece_tokens, sequence.in_pieces - sequence.read)
                self._read_piece(request)
        self._read_tokens([request for request in self._running if not sequence_of(request).has_pieces])
        self.steps += 1
        self.computed_s += time.monotonic() - began_s

    def _drop_unwanted(self) -> None:
        for request in [request for request in self._running if request.is_unwanted]:
            self._leave(request)
        self._waiting = deque(request for request in self._waiting if not request.is_unwanted)

    def _take_turns(self) -> None:
        """Give places to those that wait, if need be those of requests that have had their turn."""
        missing = len(self._waiting) - (self._places - len(self._running))
        if missing > 0:
            had_turns = [request for request in self._running if request.steps >= TURN_STEPS]
            for request in had_turns:
                request.steps = 0
            for request in had_turns[:missing]:
                self._leave(request, goes_on=True)
                self._waiting.append(request)
                self._bound_memory(request)
        while self._waiting and len(self._running) < self._places:
            self._begin(self._waiting.popleft())

    def _begin(self, request: Request) -> None:
        self._running.append(request)
        if request.sequence is not None:
            self._decoding.go_on(request.sequence)
            return
        continuation = request.continuation
        continuation.begin()
        request.sequence = self._decoding.join(continuation.context)
        begun = Begun(
            step=self.found.step,
            seed=continuation.seed,
            prompt_tokens=continuation.prompt_tokens,
            prompt_truncated=continuation.prompt_truncated,
        )
        self._send(request, begun)

    def _bound_memory(self, request: Request) -> None:
        """Those that wait may keep as much as all places can hold. Beyond that the one that has just begun to
        wait will be read anew, to the same numbers."""
        kept = [other.sequence for other in self._waiting if other.sequence is not None]
        held = sum(self._decoding.held_tokens(sequence) for sequence in kept)
        if held > self._places * self._decoding.model.config.context_length:
            sequence_of(request).forget()

    def _leave(self, request: Request, *, goes_on: bool = False) -> None:
        self._running.remove(request)
        self._decoding.leave(sequence_of(request), goes_on=goes_on)

    def _read_piece(self, request: Request) -> None:
        # At the end of the line, so that the next piece is another's.
        self._running.remove(request)
        self._running.append(request)
        request.steps += 1
        try:
            logits = self._decoding.read_piece(sequence_of(request))
            if logits is not None:
                self._take(request, logits)
        except BaseException as error:
            self._fail(request, error)

    def _read_tokens(self, requests: list[Request]) -> None:
        if not requests:
            return
        try:
            logits = self._decoding.read_tokens([sequence_of(request) for request in requests])
        except BaseException as error:
            if len(requests) == 1:
                self._fail(requests[0], error)
            else:  # whichever is to blame, the others go on
                for request in requests:
                    self._read_tokens([request])
            return
        for request in requests:
            request.steps += 1
            if (of_request := logits.get(sequence_of(request))) is not None:
                try:
                    self._take(request, of_request)
                except BaseException as error:
                    self._fail(request, error)

    def _take(self, request: Request, logits: Tensor) -> None:
        continuation = request.continuation
        text = continuation.take(logits)
        if continuation.finish_reason is not None:
            self._leave(request)
        elif continuation.last_token is not None:
            sequence_of(request).append(continuation.last_token)
        if text or continuation.finish_reason is not None:
            piece = Piece(
                number=request.pieces_sent,
                text=text,
                completion_tokens=continuation.completion_tokens,
                tokens_per_s=continuation.tokens_per_s,
                finish_reason=continuation.finish_reason,
            )
            request.pieces_sent += 1
            self._send(request, piece)

    def _fail(self, request: Request, error: BaseException) -> None:
        log.error("%s failed", request.id, exc_info=error)
        if request in self._running:
            self._leave(request)
        self._send(request, failure_of(error))


def sequence_of(request: Request) -> TokenSequence:
    assert request.sequence is not None
    return request.sequence


@dataclass(frozen=True)
class Loading:
    """What has become of a model that was to be loaded."""

    found: Found
    now: dict[str, Found | BaseException]
    """What each of the asked for checkpoints is by now."""
    model: LoadedModel | None
    error: BaseException | None
    """Why there is no model, where one of `now` asks for it still."""
    load_s: float


class RequestBatcher:
    """Computes what requests ask for: one thread for all tokens of all models, another that loads models.

    A request is computed from the next token on; models that have requests take turns token by token. As many
    models as allowed are kept in memory; where others are asked for, the idle one that was used longest ago
    makes room, or else one that has been computed for as long as it took to load.

    One thread computes, because OpenMP keeps threads for each that does, and once they are more than the
    processors, they no longer wait awake for the next operation: after eight threads had computed, every
    token took 18 instead of 12 ms (benchmarks/LOG.md). The one that loads uses no others beside itself.

    send        takes a message for a request, by its id
    on_turn_to  called with the job whose request is the oldest, None when there is none, at every change
    """

    def __init__(
        self,
        models: Models,
        *,
        places: int,
        loaded_models: int,
        timeout_s: float,
        send: Callable[[str, Message], None],
        on_turn_to: Callable[[str | None], None] = lambda job_id: None,
    ) -> None:
        self._models = models
        self._places = places
        self._loaded_models = loaded_models
        self._timeout_s = timeout_s
        self._send_message = send
        self._on_turn_to = on_turn_to
        self._changing = threading.Condition()
        self._requests: dict[str, Request] = {}
        """All that are not over, the oldest first."""
        self._inbox: list[Request] = []
        self._loadings: list[Loading] = []
        self._has_unwanted = False
        self._closed = False
        # All below belongs to the computing thread.
        self._batches: OrderedDict[Found, Batch] = OrderedDict()
        """Of the loaded models, the one computed longest ago first."""
        self._to_load: OrderedDict[Found, list[Request]] = OrderedDict()
        self._loading: Found | None = None
        self._turned_to: str | None = None
        self._step_since_s: float | None = None
        self._step_size_s = 0.0
        self._load_since_s: float | None = None
        self._load_size_s = 0.0
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loader")
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        with self._changing:
            if self._closed:
                raise ShuttingDown
            self._requests[request.id] = request
            self._inbox.append(request)
            self._changing.notify()

    def cancel(self, request_id: str) -> None:
        """Compute a request no further, since nobody waits for it. Nothing is sent."""
        with self._changing:
            if request := self._requests.get(request_id):
                request.is_unwanted = self._has_unwanted = True
                self._changing.notify()

    def close(self) -> None:
        """End; what is not over fails."""
        with self._changing:
            self._closed = True
            self._changing.notify()

    def join(self) -> None:
        """Wait for the end after `close`."""
        self._thread.join()
        self._loader.shutdown(wait=False)

    def overdue_s(self) -> float:
        """For how long something has been overdue: a step that does not end, a model that does not load, a
        request that outlived its asker. 0 if all is well, infinite if no request is ever answered again."""
        now = time.monotonic()
        if not self._thread.is_alive() and not self._closed:
            return math.inf
        with self._changing:
            oldest = next(iter(self._requests.values()), None)
        # A request that nobody waits for any more is let go of between steps.
        request_limit_s = self._timeout_s + REQUEST_OVERDUE_S + self._step_size_s
        limits = [
            (self._step_since_s, STEP_OVERDUE_S + self._step_size_s),
            (self._load_since_s, LOAD_OVERDUE_S + self._load_size_s),
            (None if oldest is None else oldest.taken_s, request_limit_s),
        ]
        return max([0.0, *(now - since_s - limit_s for since_s, limit_s in limits if since_s is not None)])

    def _run(self) -> None:
        torch.get_num_threads()  # from now on this thread has as many, whatever the one that loads has
        self._models.compile()
        with torch.inference_mode():
            while self._turn():
                pass

    def _turn(self) -> bool:
        """Whatever is next; False at the end."""
        with self._changing:
            self._changing.wait_for(self._has_something)
            requests, self._inbox = self._inbox, []
            loadings, self._loadings = self._loadings, []
            self._has_unwanted = False
            closed = self._closed
        if closed:
            for request in list(self._requests.values()):
                self._send(request, failure_of(ShuttingDown()))
            return False
        for request in requests:
            self._assign(request)
        for loading in loadings:
            self._finish_loading(loading)
        self._drop_unwanted()
        self._tell_job()
        self._start_loading()
        self._compute()
        self._tell_job()  # the next turn begins with the next request
        return True

    def _has_something(self) -> bool:
        return bool(
            self._inbox
            or self._loadings
            or self._has_unwanted
            or self._closed
            or any(batch.requests for batch in self._batches.values())
            or (self._to_load and self._loading is None)  # a batch that has just ended makes room
        )

    def _send(self, request: Request, message: Message) -> None:
        if is_last(message):
            self._forget(request)
        self._send_message(request.id, message)

    def _forget(self, request: Request) -> None:
        with self._changing:
            self._requests.pop(request.id, None)

    def _tell_job(self) -> None:
        with self._changing:
            oldest = next(iter(self._requests.values()), None)
        job_id = None if oldest is None else oldest.found.job_id
        if job_id != self._turned_to:
            self._turned_to = job_id
            self._on_turn_to(job_id)

    def _assign(self, request: Request) -> None:
        if batch := self._batches.get(request.found):
            batch.add(request)
        else:
            self._to_load.setdefault(request.found, []).append(request)

    def _drop_unwanted(self) -> None:
        """Where no batch does."""
        with self._changing:
            unwanted = [request for request in self._requests.values() if request.is_unwanted]
        for request in unwanted:
            self._forget(request)
        for found, requests in list(self._to_load.items()):
            requests[:] = [request for request in requests if not request.is_unwanted]
            if not requests:
                del self._to_load[found]

    def _start_loading(self) -> None:
        if self._loading is not None or not self._to_load:
            return
        if len(self._batches) >= self._loaded_models and not self._make_room():
            return
        found, requests = next(iter(self._to_load.items()))
        self._load_size_s = found.parameters / LOAD_PARAMETERS_PER_S
        self._loading, self._load_since_s = found, time.monotonic()
        self._loader.submit(self._load, found, {request.wanted for request in requests})

    def _make_room(self) -> bool:
        idle = [batch for batch in self._batches.values() if not batch.requests]
        had_turns = [batch for batch in self._batches.values() if batch.had_its_turn()]
        for batch in [*idle, *had_turns][:1]:
            self._unload(batch)
            return True
        return False

    def _unload(self, batch: Batch) -> None:
        """Before the next is read, so that memory never holds more models than allowed."""
        del self._batches[batch.found]
        for request in batch.give_up():
            self._assign(request)

    def _load(self, found: Found, wanted: set[str]) -> None:
        """In a thread of its own."""
        began_s = time.monotonic()
        # The computing thread has a team of threads already, which another one would contend with.
        torch.set_num_threads(1)
        now: dict[str, Found | BaseException] = {}
        model: LoadedModel | None = None
        error: BaseException | None = None
        for each in wanted:
            try:
                now[each] = self._models.find(found.job_id, each)
            except BaseException as problem:
                now[each] = problem
        try:
            if found in now.values():
                model = self._models.load(found)
        except BaseException as problem:
            error = problem
        if isinstance(error, CheckpointError) and not found_out_of_memory(error):
            for each in [each for each, its in now.items() if its == found]:
                try:
                    now[each] = self._models.found_instead(found, each, error)
                except BaseException as why:
                    now[each] = why
            error = None
        with self._changing:
            self._loadings.append(Loading(found, now, model, error, time.monotonic() - began_s))
            self._changing.notify()

    def _finish_loading(self, loading: Loading) -> None:
        self._loading = self._load_since_s = None
        requests = self._to_load.pop(loading.found, [])
        if loading.model is not None:
            self._batches[loading.found] = Batch(
                loading.found, loading.model, loading.load_s, self._places, self._send
            )
        elif loading.error is not None and found_out_of_memory(loading.error) and self._unload_idle():
            self._to_load[loading.found] = requests  # there is more room now
            return
        for request in requests:
            now = loading.now.get(request.wanted, loading.found)
            error = now if isinstance(now, BaseException) else loading.error
            if error is not None:
                log.error("%s failed", request.id, exc_info=error)
                self._send(request, failure_of(error))
            elif isinstance(now, Found):
                request.found = now
                self._assign(request)

    def _unload_idle(self) -> bool:
        """Whether there was one."""
        idle = [batch for batch in self._batches.values() if not batch.requests]
        for batch in idle:
            self._unload(batch)
        return bool(idle)

    def _compute(self) -> None:
        batch = next((batch for batch in self._batches.values() if batch.requests), None)
        if batch is None:
            return
        self._batches.move_to_end(batch.found)
        self._step_size_s = batch.found.parameters / STEP_PARAMETERS_PER_S
        self._step_since_s = time.monotonic()
        try:
            batch.step()
        except BaseException as error:
            # No request is to blame, so none is left behind.
            log.exception("the batch of %s failed", batch.found.directory)
            del self._batches[batch.found]
            for request in batch.requests:
                self._send(request, failure_of(error))
        finally:
            self._step_since_s = None
