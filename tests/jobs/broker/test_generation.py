"""Prompts and their answers through a real Redis, with threads as requesters and the test as their worker."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from redis import Redis
from structlog.contextvars import bound_contextvars

from jobs.broker import generation, requester
from jobs.broker.generation import (
    WORKER_REQUEST,
    Begun,
    Failure,
    GenerationRequest,
    Piece,
    ScoreRequest,
    Scores,
    deliver,
    redis_keys,
    request_json,
    take_request,
)
from jobs.broker.queue import GENERATE_QUEUE, HTTP_REQUEST_ID_HEADER, make_celery, make_redis
from jobs.broker.replies import GenerationResult, NoAnswer, RequestFailed
from jobs.broker.requester import Abandoned, request_generations, request_scores
from jobs.broker.token_probs import ScoredToken
from jobs.settings import Settings
from model.config import Distribution, SamplingConfig
from tests.clocks import replace_clock
from tests.waiting import PATIENCE_S, wait_until

TTL_S = 1000
REQUEST = GenerationRequest(job_id="job-1", prompt="hello", stop=["."], seed=7, temperature=0.5)
BEGUN = Begun(step=3, seed=7, prompt_tokens=1, prompt_truncated=False)


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with make_redis(settings) as client:
        yield client


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that was lost is published again at once. A worker counts as alive for longer than any test
    takes from one of its messages to the next."""
    monkeypatch.setattr(generation, "WORKER_TTL_S", TTL_S)
    monkeypatch.setattr(requester, "POLL_S", 0.05)
    monkeypatch.setattr(requester, "KEEP_ALIVE_S", 0.05)
    monkeypatch.setattr(requester, "REPUBLISH_S", 0.1)


def piece(number: int, text: str, reason: Any = None) -> Piece:
    return Piece(
        number=number, text=text, completion_tokens=number + 1, tokens_per_s=5.0, finish_reason=reason
    )


class Clock:
    """That of those who ask. It goes on, and a test may put it forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_s = 0.0
        replace_clock(monkeypatch, requester, monotonic=lambda: time.monotonic() + self.ahead_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class FakeClient:
    """Somebody who asks in a thread."""

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        timeout_s: float = PATIENCE_S,
        gone: Callable[[], bool] = lambda: False,
    ) -> None:
        self.celery = make_celery(settings)
        self.redis = redis
        self.pieces: list[str] = []
        self.answer: GenerationResult | None = None
        self.problem: Exception | None = None
        self.asking = request_generations(self.celery, redis, [REQUEST], timeout_s, gone)
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()

    def _ask(self) -> None:
        try:
            while True:
                item = next(self.asking)
                assert item is not None
                self.pieces.append(item.piece.text)
        except StopIteration as end:
            [self.answer] = end.value
        except Exception as problem:
            self.problem = problem

    def request_id(self) -> str:
        """Out of the message, as a worker gets it."""
        with self.celery.connection_for_read() as connection, connection.SimpleQueue(GENERATE_QUEUE) as queue:
            message = queue.get(timeout=PATIENCE_S)
            message.ack()
            request_id: str = message.decode()[0][0]
            return request_id

    def taken(self, worker: str = "worker-1") -> str:
        """The id of its request, which that worker has taken."""
        request_id = self.request_id()
        assert take_request(self.redis, request_id, worker) == REQUEST
        return request_id

    def failed(self, kind: type[Exception]) -> Exception:
        self.thread.join(PATIENCE_S)
        assert isinstance(self.problem, kind), self.problem
        return self.problem


def nothing_is_left(redis: Redis) -> bool:
    return list(redis.scan_iter("pretrain:*")) == []


def test_pieces_reach_the_one_who_asked_as_they_are_made(settings: Settings, redis: Redis) -> None:
    client = FakeClient(settings, redis)
    request_id = client.taken()
    assert deliver(redis, "worker-1", {request_id: [BEGUN, piece(0, " wor")]}) == set()
    wait_until(lambda: client.pieces == [" wor"], "the first piece came")
    assert deliver(redis, "worker-1", {request_id: [piece(1, "ld"), piece(2, "", "stop")]}) == set()
    client.thread.join(PATIENCE_S)
    assert client.pieces == [" wor", "ld", ""]
    assert client.answer == GenerationResult(
        checkpoint=3,
        completion=" world",
        prompt_tokens=1,
        completion_tokens=3,
        finish_reason="stop",
        seed=7,
        prompt_truncated=False,
        tokens_per_s=5.0,
        logprobs=None,
    )
    assert nothing_is_left(redis)
    assert deliver(redis, "worker-1", {request_id: [piece(3, "more")]}) == {request_id}
    assert nothing_is_left(redis)


def test_a_piece_that_is_sent_again_counts_once(settings: Settings, redis: Redis) -> None:
    client = FakeClient(settings, redis)
    request_id = client.taken()
    for messages in ([BEGUN, piece(0, "a")], [BEGUN, piece(0, "a"), piece(1, "b", "length")]):
        deliver(redis, "worker-1", {request_id: messages})
    client.thread.join(PATIENCE_S)
    assert client.answer is not None
    assert client.answer.completion == "ab"


def test_a_failure_is_raised_with_its_cause_and_reason(settings: Settings, redis: Redis) -> None:
    client = FakeClient(settings, redis)
    failure = Failure(cause="not_found", reason="the checkpoint is gone")
    deliver(redis, "worker-1", {client.taken(): [failure]})
    problem = client.failed(RequestFailed)
    assert (str(problem), problem.cause) == ("the checkpoint is gone", "not_found")  # type: ignore[attr-defined]
    assert nothing_is_left(redis)


@pytest.mark.parametrize("messages", [[], [BEGUN], [BEGUN, piece(0, "")]])
def test_no_text_within_the_time_limit_is_no_answer(
    settings: Settings, redis: Redis, clock: Clock, messages: list[Any]
) -> None:
    client = FakeClient(settings, redis)
    request_id = client.taken()
    deliver(redis, "worker-1", {request_id: messages})
    wait_until(lambda: not redis.exists(redis_keys(request_id)[2]), "all of it was read")
    clock.ahead_s = PATIENCE_S
    assert f"within {PATIENCE_S} s" in str(client.failed(NoAnswer))
    assert deliver(redis, "worker-1", {request_id: []}) == {request_id}
    assert nothing_is_left(redis)


def test_the_text_so_far_is_the_answer_at_the_time_limit(
    settings: Settings, redis: Redis, clock: Clock
) -> None:
    client = FakeClient(settings, redis)
    request_id = client.taken()
    deliver(redis, "worker-1", {request_id: [BEGUN, piece(0, "so"), piece(1, " far")]})
    wait_until(lambda: client.pieces == ["so", " far"], "the pieces came")
    clock.ahead_s = PATIENCE_S
    client.thread.join(PATIENCE_S)
    assert client.answer is not None
    answer = client.answer.completion, client.answer.completion_tokens, client.answer.finish_reason
    assert answer == ("so far", 2, "timeout")
    assert nothing_is_left(redis)


def test_what_was_not_taken_in_time_is_not_taken_later(settings: Settings, redis: Redis) -> None:
    client = FakeClient(settings, redis, timeout_s=0.2)
    client.failed(NoAnswer)
    assert take_request(redis, client.request_id(), "worker-1") is None


def test_whoever_waits_no_more_is_told_to_nobody(settings: Settings, redis: Redis) -> None:
    gone = threading.Event()
    client = FakeClient(settings, redis, gone=gone.is_set)
    request_id = client.taken()
    deliver(redis, "worker-1", {request_id: [BEGUN, piece(0, "a")]})
    wait_until(lambda: client.pieces, "a piece came")
    gone.set()
    client.failed(Abandoned)
    assert nothing_is_left(redis)
    assert deliver(redis, "worker-1", {request_id: [piece(1, "b")]}) == {request_id}
    assert nothing_is_left(redis)


def test_a_generator_that_is_closed_leaves_nothing(settings: Settings, redis: Redis) -> None:
    asking = request_generations(make_celery(settings), redis, [REQUEST], 60)
    message = threading.Thread(target=lambda: answer_one(settings, redis))
    message.start()
    item = next(asking)
    assert item is not None
    assert item.piece.text == "a"
    message.join(PATIENCE_S)
    asking.close()
    assert nothing_is_left(redis)


def answer_one(settings: Settings, redis: Redis) -> None:
    with (
        make_celery(settings).connection_for_read() as connection,
        connection.SimpleQueue(GENERATE_QUEUE) as queue,
    ):
        message = queue.get(timeout=PATIENCE_S)
        message.ack()
        request_id = message.decode()[0][0]
    take_request(redis, request_id, "worker-1")
    deliver(redis, "worker-1", {request_id: [BEGUN, piece(0, "a")]})


def test_a_request_is_taken_once(settings: Settings, redis: Redis) -> None:
    client = FakeClient(settings, redis)
    request_id = client.taken("worker-1")
    assert take_request(redis, request_id, "worker-2") is None
    assert take_request(redis, request_id, "worker-1") is None
    assert deliver(redis, "worker-2", {request_id: [BEGUN]}) == {request_id}
    deliver(redis, "worker-1", {request_id: [BEGUN, piece(0, "a", "stop")]})
    client.thread.join(PATIENCE_S)
    assert client.answer is not None


def test_a_worker_that_has_died_is_noticed(
    settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = FakeClient(settings, redis)
    request_id = client.taken()
    monkeypatch.setattr(generation, "WORKER_TTL_S", 1)
    deliver(redis, "worker-1", {request_id: [BEGUN, piece(0, "half an answer")]})
    assert "has gone" in str(client.failed(NoAnswer))
    assert nothing_is_left(redis)


def test_a_worker_that_lives_is_waited_for(
    settings: Settings, redis: Redis, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[None] = []
    keep_alive = requester.Requester.keep_alive
    monkeypatch.setattr(requester.Requester, "keep_alive", lambda asking: looks.append(keep_alive(asking)))
    client = FakeClient(settings, redis)
    request_id = client.taken()
    worker_key = redis_keys(request_id)[1]
    half_ms = TTL_S * 1000 // 2
    redis.pexpire(worker_key, half_ms)  # as if half of its time were over
    deliver(redis, "worker-1", {request_id: []})
    assert redis.pttl(worker_key) > half_ms
    seen = len(looks)
    wait_until(lambda: len(looks) > seen + 1, "whoever asks had looked")
    clock.ahead_s = PATIENCE_S
    assert f"within {PATIENCE_S} s" in str(client.failed(NoAnswer))


def test_the_last_message_of_a_worker_that_has_died_counts(
    settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = FakeClient(settings, redis)
    request_id = client.taken()
    deliver(
        redis, "worker-1", {request_id: [BEGUN, *(piece(n, "a") for n in range(500)), piece(500, "", "stop")]}
    )
    redis.delete(redis_keys(request_id)[1])
    client.thread.join(PATIENCE_S)
    assert client.answer is not None
    assert client.answer.completion == "a" * 500


def test_a_message_lost_with_the_worker_that_received_it_is_published_again(
    settings: Settings, redis: Redis
) -> None:
    client = FakeClient(settings, redis)
    lost = client.request_id()
    request_id = client.taken("worker-2")
    assert request_id == lost
    deliver(redis, "worker-2", {request_id: [BEGUN, piece(0, "a", "stop")]})
    client.thread.join(PATIENCE_S)
    assert client.answer is not None


def test_a_message_that_still_waits_for_a_worker_is_not_published_again(
    settings: Settings, redis: Redis
) -> None:
    client = FakeClient(settings, redis, timeout_s=1)
    client.failed(NoAnswer)
    assert redis.llen(GENERATE_QUEUE) == 1


def test_a_redis_that_has_forgotten_everything_is_noticed(settings: Settings, redis: Redis) -> None:
    client = FakeClient(settings, redis)
    request_id = client.taken()
    deliver(redis, "worker-1", {request_id: [BEGUN, piece(0, "a")]})
    wait_until(lambda: client.pieces, "a piece came")
    redis.flushall()
    assert "lost the request" in str(client.failed(NoAnswer))
    assert deliver(redis, "worker-1", {request_id: [piece(1, "b")]}) == {request_id}
    assert list(redis.scan_iter("*")) == []


def test_an_asker_that_has_died_is_waited_for_no_longer(
    settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requester, "REQUEST_TTL_S", TTL_S)
    monkeypatch.setattr(generation, "WORKER_TTL_S", 1)
    asking = request_generations(make_celery(settings), redis, [REQUEST], 60)
    monkeypatch.setattr(requester.Requester, "keep_alive", lambda _: None)  # as if its process were no more
    answering = threading.Thread(target=lambda: answer_one(settings, redis))
    answering.start()
    next(asking)
    answering.join(PATIENCE_S)
    (request_key,) = redis.scan_iter("pretrain:generation-????????????????")
    request_id = str(request_key).removeprefix("pretrain:")
    assert redis.pttl(request_key) > 0, "its time goes by"
    redis.pexpire(request_key, 1)  # as if nearly all of it had
    wait_until(lambda: deliver(redis, "worker-1", {request_id: []}) == {request_id}, "it had gone")
    wait_until(lambda: nothing_is_left(redis), "nothing was left")
    asking.close()


def test_a_request_is_one_frozen_type_on_both_sides() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        REQUEST.prompt = "other"  # type: ignore[misc]
    assert GenerationRequest.model_validate_json(REQUEST.model_dump_json()) == REQUEST
    with pytest.raises(ValidationError, match="extra"):
        GenerationRequest.model_validate_json('{"promt": "a"}')


def test_what_shapes_the_distribution_is_one_type_in_specs_and_in_requests() -> None:
    fields = {"temperature": 0.7, "top_k": 5, "top_p": 0.9}
    for kind in (SamplingConfig, GenerationRequest):
        request = kind.model_validate(fields)
        assert isinstance(request, Distribution)
        assert fields.items() <= request.model_dump().items(), "it stands flat among the other fields"


def test_prompts_that_are_asked_together_are_answered_side_by_side(settings: Settings, redis: Redis) -> None:
    prompts = [REQUEST.model_copy(update={"prompt": text}) for text in ("one", "two", "three")]
    asking = request_generations(make_celery(settings), redis, prompts, 60)
    ids: dict[str, str] = {}

    def answer() -> None:
        with make_celery(settings).connection_for_read() as connection:
            queue = connection.SimpleQueue(GENERATE_QUEUE)
            for _ in prompts:
                message = queue.get(timeout=PATIENCE_S)
                message.ack()
                request_id = message.decode()[0][0]
                taken = take_request(redis, request_id, "worker-1")
                assert isinstance(taken, GenerationRequest)
                ids[taken.prompt] = request_id
        # The first has more to say than is read at once, and the last is not held up by it.
        deliver(redis, "worker-1", {ids["one"]: [BEGUN, *(piece(number, "1") for number in range(50))]})
        deliver(redis, "worker-1", {ids["three"]: [BEGUN, piece(0, "3", "stop")]})
        deliver(redis, "worker-1", {ids["two"]: [BEGUN, piece(0, "2", "stop")]})
        deliver(redis, "worker-1", {ids["one"]: [piece(50, "", "length")]})

    worker = threading.Thread(target=answer)
    worker.start()
    order: list[int] = []
    try:
        while True:
            item = next(asking)
            assert item is not None
            order.append(item.index)
            worker.join(PATIENCE_S)  # from now on all of it is there
    except StopIteration as end:
        results = end.value
    assert [result.completion for result in results] == ["1" * 50, "2", "3"]
    assert sorted(order[:4]) == [0, 0, 1, 2], "each had its turn"
    assert nothing_is_left(redis)


def test_one_prompt_that_fails_gives_up_those_asked_with_it(settings: Settings, redis: Redis) -> None:
    asking = request_generations(make_celery(settings), redis, [REQUEST, REQUEST], 60)
    ids: list[str] = []

    def answer() -> None:
        with make_celery(settings).connection_for_read() as connection:
            queue = connection.SimpleQueue(GENERATE_QUEUE)
            for _ in range(2):
                message = queue.get(timeout=PATIENCE_S)
                message.ack()
                ids.append(message.decode()[0][0])
                take_request(redis, ids[-1], "worker-1")
        deliver(redis, "worker-1", {ids[1]: [Failure(cause="internal", reason="it went wrong")]})

    worker = threading.Thread(target=answer)
    worker.start()
    with pytest.raises(RequestFailed, match="it went wrong"):
        next(asking)
    worker.join(PATIENCE_S)
    assert nothing_is_left(redis)
    assert deliver(redis, "worker-1", {ids[0]: []}) == {ids[0]}


def test_a_silence_is_told_as_often_as_asked_for(settings: Settings, redis: Redis) -> None:
    asking = request_generations(make_celery(settings), redis, [REQUEST], 60, silence_s=0.05)
    assert [next(asking), next(asking)] == [None, None]
    asking.close()
    assert nothing_is_left(redis)


SCORE = ScoreRequest(kind="score", job_id="job-1", text="hello")


def scores(number: int, *tokens: str, is_last: bool) -> Scores:
    scored = tuple(
        ScoredToken(token=token, bytes=tuple(token.encode()), nats=0.5, rank=2) for token in tokens
    )
    return Scores(number=number, step=3, tokens=scored, is_last=is_last)


def ask_for_a_score(settings: Settings, redis: Redis, messages: list[Any]) -> Any:
    """What comes of a text to score that a worker answers with these messages."""

    def answer() -> None:
        with (
            make_celery(settings).connection_for_read() as connection,
            connection.SimpleQueue(GENERATE_QUEUE) as queue,
        ):
            message = queue.get(timeout=PATIENCE_S)
            message.ack()
            request_id = message.decode()[0][0]
        assert take_request(redis, request_id, "worker-1") == SCORE
        deliver(redis, "worker-1", {request_id: messages})

    worker = threading.Thread(target=answer)
    worker.start()
    try:
        return request_scores(make_celery(settings), redis, [SCORE], 60)
    finally:
        worker.join(PATIENCE_S)


def test_the_messages_of_a_score_are_put_together_each_once(settings: Settings, redis: Redis) -> None:
    first, last = scores(0, "he", is_last=False), scores(1, "llo", is_last=True)
    [score] = ask_for_a_score(settings, redis, [first, first, last])
    assert (score.checkpoint, [token.token for token in score.tokens]) == (3, ["he", "llo"])
    assert nothing_is_left(redis)


def test_a_score_that_is_answered_with_text_has_failed(settings: Settings, redis: Redis) -> None:
    with pytest.raises(RequestFailed, match="begun, which was not asked for"):
        ask_for_a_score(settings, redis, [BEGUN])
    assert nothing_is_left(redis)


def test_what_is_new_is_not_sent_unless_it_is_used() -> None:
    """So that API and workers of neighbouring versions understand each other in all that both know."""
    assert json.loads(request_json(GenerationRequest(prompt="a"))) == {"prompt": "a"}
    assert "logprobs" not in piece(0, "a").model_dump_json(exclude_none=True)


def test_a_request_is_read_as_what_it_says_it_is() -> None:
    for request in (REQUEST, SCORE):
        assert WORKER_REQUEST.validate_json(request_json(request)) == request
    with pytest.raises(ValidationError):
        WORKER_REQUEST.validate_json('{"kind": "picture"}')


def test_the_message_carries_the_id_of_the_http_request_that_asks(settings: Settings, redis: Redis) -> None:
    celery = make_celery(settings)
    with bound_contextvars(request_id="asking-1"):
        asking = request_generations(celery, redis, [REQUEST], 0.01)
        with pytest.raises(NoAnswer):
            list(asking)
    with celery.connection_for_read() as connection, connection.SimpleQueue(GENERATE_QUEUE) as queue:
        message = queue.get(timeout=PATIENCE_S)
        message.ack()
    assert message.headers[HTTP_REQUEST_ID_HEADER] == "asking-1"
