"""Continuous batching: requests join and leave the batch of their model between tokens; models take turns."""

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch

from jobs.broker.generation import Failure, Message, Piece, is_last
from jobs.process.logs import ANSWERS_LOGGER
from worker.generation.batch import Batch
from worker.generation.failures import CheckpointReplaced, ShuttingDown, failure_of
from worker.generation.loader import LoadResult, ModelLoader
from worker.generation.models import CheckpointRef, Models
from worker.generation.request import Request
from worker.oom import find_oom_error

log = logging.getLogger(__name__)
answers = logging.getLogger(ANSWERS_LOGGER)

STEP_OVERDUE_S, REQUEST_OVERDUE_S = 15, 15
"""After so long a step of a batch hangs, or a request that has outlived the time limit of its requester; what
the model's size takes is added."""
STEP_PARAMETERS_PER_S = 20e6
"""Of the slowest healthy machine, in a step with a chunk of a prompt. With several others at two cores a
chunk takes 4 of GPT-2 XL's 48 layers 4 to 6 s."""


class RequestBatcher:
    """Continues requests: one thread decodes for all models, another loads models.

    A request is decoded from the next token on; models that have requests take turns token by token. As many
    models as allowed are kept in memory; where another is needed, the idle one that was used longest ago
    is unloaded, or else one that has computed for as long as it took to load.

    One thread decodes, because OpenMP keeps a team of threads for each thread that computes, and once they
    are more than the processors, they no longer spin until the next operation: after eight threads had
    computed, every token took 18 instead of 12 ms (benchmarks/LOG.md). The thread that loads computes alone.

    send      takes a message for a request, by its id
    on_ready  called once the first request would not wait for a compiler
    on_job    called with the job whose request is the oldest, None when there is none, at every change
    """

    def __init__(
        self,
        models: Models,
        *,
        slots: int,
        max_models: int,
        timeout_s: float,
        send: Callable[[str, Message], None],
        on_ready: Callable[[], object] = lambda: None,
        on_job: Callable[[str | None], object] = lambda job_id: None,
    ) -> None:
        self._models = models
        self._slots = slots
        self._max_models = max_models
        self._timeout_s = timeout_s
        self._send_message = send
        self._on_ready = on_ready
        self._on_job = on_job
        self._changed = threading.Condition()
        self._requests: dict[str, Request] = {}
        """All that are not over, the oldest first."""
        self._new_requests: list[Request] = []
        self._load_results: list[LoadResult] = []
        self._has_cancelled = False
        self._closed = False
        # All below belongs to the decoding thread.
        self._batches: OrderedDict[CheckpointRef, Batch] = OrderedDict()
        """Of the loaded models, the one used longest ago first."""
        self._to_load: OrderedDict[CheckpointRef, list[Request]] = OrderedDict()
        self._loader = ModelLoader(models, self._take_load_result)
        self._job_id: str | None = None
        self._step_began_s: float | None = None
        self._step_size_s = 0.0
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        with self._changed:
            if self._closed:
                raise ShuttingDown
            self._requests[request.id] = request
            self._new_requests.append(request)
            self._changed.notify()

    def cancel(self, request_id: str) -> None:
        """Decode a request no further, since nobody waits for it. Nothing is sent."""
        with self._changed:
            if request := self._requests.get(request_id):
                request.is_cancelled = self._has_cancelled = True
                self._changed.notify()

    def close(self) -> None:
        """End; requests that are not over fail."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def join(self) -> None:
        """Wait for the end after `close`."""
        self._thread.join()
        self._loader.close()

    def overdue_s(self) -> float:
        """For how long something has been overdue: a step that does not end, a model that does not load, a
        request that outlived its requester. 0 if all is well, infinite if no request is ever answered
        again."""
        now = time.monotonic()
        if not self._thread.is_alive() and not self._closed:
            return math.inf
        deadlines_s = [self._step_deadline_s(), self._loader.deadline_s, self._request_deadline_s()]
        return max([0.0, *(now - deadline_s for deadline_s in deadlines_s if deadline_s is not None)])

    def _step_deadline_s(self) -> float | None:
        began_s = self._step_began_s
        return None if began_s is None else began_s + STEP_OVERDUE_S + self._step_size_s

    def _request_deadline_s(self) -> float | None:
        """Of the oldest one. A request that nobody waits for any more is dropped between steps."""
        with self._changed:
            oldest = next(iter(self._requests.values()), None)
        if oldest is None:
            return None
        return oldest.taken_s + self._timeout_s + REQUEST_OVERDUE_S + self._step_size_s

    def _run(self) -> None:
        torch.get_num_threads()  # from now on this thread has as many, whatever the one that loads has
        self._models.warm_up()
        self._on_ready()
        with torch.inference_mode():
            while self._run_once():
                pass

    def _run_once(self) -> bool:
        """Whatever is next; False at the end."""
        with self._changed:
            self._changed.wait_for(self._has_work)
            new_requests, self._new_requests = self._new_requests, []
            load_results, self._load_results = self._load_results, []
            self._has_cancelled = False
            closed = self._closed
        if closed:
            for request in list(self._requests.values()):
                self._send(request, failure_of(ShuttingDown()))
            return False
        for request in new_requests:
            self._assign(request)
        for result in load_results:
            self._finish_loading(result)
        self._drop_cancelled()
        self._show_job()
        self._start_loading()
        self._step_batch()
        self._show_job()  # the next run begins with the next request
        return True

    def _has_work(self) -> bool:
        return bool(
            self._new_requests
            or self._load_results
            or self._has_cancelled
            or self._closed
            or any(batch.requests for batch in self._batches.values())
            or (self._to_load and not self._loader.is_loading)  # a batch that has just ended makes room
        )

    def _send(self, request: Request, message: Message) -> None:
        if is_last(message):
            self._remove(request)
            log_answer(request, message)
        self._send_message(request.id, message)

    def _remove(self, request: Request) -> None:
        with self._changed:
            self._requests.pop(request.id, None)

    def _show_job(self) -> None:
        with self._changed:
            oldest = next(iter(self._requests.values()), None)
        job_id = None if oldest is None else oldest.checkpoint.owner_id
        if job_id != self._job_id:
            self._job_id = job_id
            self._on_job(job_id)

    def _assign(self, request: Request) -> None:
        if batch := self._batches.get(request.checkpoint):
            batch.add(request)
        else:
            self._to_load.setdefault(request.checkpoint, []).append(request)

    def _drop_cancelled(self) -> None:
        """Those that wait for a model; batches drop their own."""
        with self._changed:
            cancelled = [request for request in self._requests.values() if request.is_cancelled]
        for request in cancelled:
            self._remove(request)
        for checkpoint, requests in list(self._to_load.items()):
            requests[:] = [request for request in requests if not request.is_cancelled]
            if not requests:
                del self._to_load[checkpoint]

    def _start_loading(self) -> None:
        if self._loader.is_loading or not self._to_load:
            return
        if len(self._batches) >= self._max_models and not self._unload_one():
            return
        checkpoint, requests = next(iter(self._to_load.items()))
        names = {request.checkpoint_name for request in requests if not request.is_bound}
        self._loader.start(checkpoint, names, any(request.is_bound for request in requests))

    def _unload_one(self) -> bool:
        """Whether there was one that may go."""
        idle = [batch for batch in self._batches.values() if not batch.requests]
        others = [batch for batch in self._batches.values() if batch.may_be_unloaded]
        for batch in [*idle, *others][:1]:
            self._unload(batch)
            return True
        return False

    def _unload_idle(self) -> bool:
        """Whether there was one."""
        idle = [batch for batch in self._batches.values() if not batch.requests]
        for batch in idle:
            self._unload(batch)
        return bool(idle)

    def _unload(self, batch: Batch) -> None:
        """Before the next is loaded, so that memory never holds more models than allowed."""
        del self._batches[batch.checkpoint]
        for request in batch.preempt_all():
            self._assign(request)

    def _take_load_result(self, result: LoadResult) -> None:
        """In the loader's thread."""
        with self._changed:
            self._load_results.append(result)
            self._changed.notify()

    def _finish_loading(self, result: LoadResult) -> None:
        self._loader.collect()
        requests = self._to_load.pop(result.checkpoint, [])
        if result.model is not None:
            self._batches[result.checkpoint] = Batch(
                result.checkpoint, result.model, result.load_s, self._slots, self._send
            )
        elif result.error is not None and find_oom_error(result.error) and self._unload_idle():
            self._to_load[result.checkpoint] = requests  # there is more memory now
            return
        for request in requests:
            match checkpoint_for(request, result):
                case CheckpointRef() as checkpoint:
                    request.move_to(checkpoint)
                    self._assign(request)
                case error:
                    log.error("%s failed", request.id, exc_info=error, extra=request.log_fields)
                    self._send(request, failure_of(error))

    def _step_batch(self) -> None:
        """A step of the batch that has waited longest for one."""
        batch = next((batch for batch in self._batches.values() if batch.requests), None)
        if batch is None:
            return
        self._batches.move_to_end(batch.checkpoint)
        self._step_size_s = batch.checkpoint.parameters / STEP_PARAMETERS_PER_S
        self._step_began_s = time.monotonic()
        try:
            batch.step()
        except BaseException as error:
            # No request is to blame, so none is left behind.
            log.exception("the batch of %s failed", batch.checkpoint.directory)
            del self._batches[batch.checkpoint]
            for request in batch.requests:
                log.error("%s failed with its batch", request.id, extra=request.log_fields)
                self._send(request, failure_of(error))
        finally:
            self._step_began_s = None


def log_answer(request: Request, message: Message) -> None:
    """Whatever has failed has a line of its own."""
    if isinstance(message, Failure):
        return
    facts: dict[str, Any] = {"seconds": round(time.monotonic() - request.taken_s, 3)}
    if isinstance(message, Piece):
        facts["completion_tokens"] = message.completion_tokens
    answers.info("%s is answered", request.id, extra={**request.log_fields, **facts})


def checkpoint_for(request: Request, result: LoadResult) -> CheckpointRef | BaseException:
    """With which checkpoint a request goes on, or why it can't."""
    if request.is_bound:
        return result.checkpoint if result.model else result.error or CheckpointReplaced()
    current = result.current.get(request.checkpoint_name, result.checkpoint)
    return current if isinstance(current, BaseException) else result.error or current
