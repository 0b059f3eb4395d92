"""Continuous batching, with real tiny models and without a queue."""

import math
import threading
import time
from functools import partial

import pytest

from jobs.broker.generation import Failure
from model.config import Distribution
from model.inference.decoding import Decoding
from tests.waiting import wait_until
from tests.worker.generation.shelf import CONFIG, Askers, Shelf, checkpoint_of
from worker.generation import batcher, loader
from worker.generation.batch import SLOT_STEPS, Batch
from worker.generation.failures import ShuttingDown

ENDLESS = {"max_new_tokens": 10**9, "distribution": Distribution(temperature=1.0), "seed": 1}
"""Longer than any test."""
OUT_OF_MEMORY = "the worker ran out of memory"


@pytest.fixture
def batch_sizes(monkeypatch):
    """Of each step of a batch, how many tokens were computed together."""
    sizes = []
    decode_tokens = Decoding.decode_tokens

    def counted(self, sequences):
        sizes.append(len(sequences))
        return decode_tokens(self, sequences)

    monkeypatch.setattr(Decoding, "decode_tokens", counted)
    return sizes


def test_requests_get_what_each_gets_alone_however_many_come_for_however_many_models():
    """More requests than slots, more models than stay loaded, texts beyond the context."""
    asked = [
        (prompt, job, {"max_new_tokens": n, "distribution": Distribution(temperature=temperature), "seed": n})
        for n, (prompt, temperature) in enumerate(
            [("the", 0.0), ("a longer prompt, " * 3, 1.0), ("", 0.7), ("fox", 0.0), ("jumps " * 40, 1.0)],
            start=90,
        )
        for job in ("job-a", "job-b", "job-c")
    ]  # fmt: skip
    with Askers(slots=2, max_models=1) as askers:
        expected = [askers.alone(prompt, job, **options) for prompt, job, options in asked]
        requests = [askers.ask(prompt, job, **options) for prompt, job, options in asked]
        assert [askers.text(request) for request in requests] == expected


def test_a_request_joins_a_running_batch_and_ends_long_before_it(batch_sizes):
    with Askers(Shelf(CONFIG.model_copy(update={"context_length": 10_100}))) as askers:
        long = askers.ask(**ENDLESS)
        wait_until(lambda: askers.pieces(long), "it was computed")
        askers.text(askers.ask("fox", max_new_tokens=3))
        assert not askers.pieces(long)[-1].finish_reason
    assert 2 in batch_sizes


@pytest.mark.parametrize("job", ["job-a", "job-b"])
def test_a_short_request_beside_a_long_one_of_the_same_or_another_model_waits_for_a_token_or_two(job):
    with Askers() as askers:
        askers.text(askers.ask(job="job-b", max_new_tokens=1))
        long = askers.ask(**ENDLESS)
        wait_until(lambda: askers.pieces(long), "it was computed")
        tokens: list[int] = []  # of the long one, when the short one is seen and when it is over
        assign, send = askers.batcher._assign, askers.batcher._send_message
        # Of its pieces the last may be some tokens old: half a character is held back.
        continuation = askers.batcher._requests[long].continuation

        def note(then, *arguments):
            tokens.append(continuation.completion_tokens)
            then(*arguments)

        askers.batcher._assign = partial(note, assign)
        short = askers.request("fox", job, max_new_tokens=1)
        askers.batcher._send_message = lambda it, message: (note if it == short.id else lambda f, *x: f(*x))(
            send, it, message
        )
        askers.text(askers.submit(short))
        seen, *_, over = tokens
        assert over - seen <= 2


def test_a_message_tells_of_the_checkpoint_and_the_prompt_first():
    with Askers() as askers:
        begun = askers.begun(askers.ask("x" * 100, seed=7))
        assert (begun.step, begun.seed, begun.prompt_tokens, begun.prompt_truncated) == (1, 7, 100, True)


def test_no_more_are_computed_together_than_there_are_slots(batch_sizes):
    with Askers(slots=3) as askers:
        with askers.together():
            requests = [askers.ask(max_new_tokens=50) for _ in range(7)]
        for request in requests:
            askers.text(request)
    assert max(batch_sizes) == 3


def test_with_all_slots_taken_those_that_have_had_theirs_for_long_make_room():
    with Askers(slots=1) as askers:
        askers.shelf.may_load.clear()  # until all have come
        requests = [askers.ask(**ENDLESS | {"max_new_tokens": 5 * SLOT_STEPS}) for _ in range(3)]
        seen = []
        send = askers.batcher._send_message
        askers.batcher._send_message = lambda it, message: (seen.append(it), send(it, message))
        askers.shelf.may_load.set()
        texts = {askers.text(request) for request in requests}
    assert len(texts) == 1
    changes = [it for it, before in zip(seen[1:], seen, strict=False) if it != before]
    assert len(changes) >= 3 * 4, "they take turns"
    first = {request: seen.index(request) for request in requests}
    assert max(first.values()) < 3 * (SLOT_STEPS + 2), "the last one began after two turns"


def test_those_that_wait_cache_no_more_than_the_slots_hold(monkeypatch):
    held = []
    bound = Batch._limit_cache_memory

    def spied(self, request):
        bound(self, request)
        waiting = [other.sequence for other in self._waiting if other.sequence is not None]
        held.append(sum(self._decoding.allocated_tokens(sequence) for sequence in waiting))

    monkeypatch.setattr(Batch, "_limit_cache_memory", spied)
    with Askers(Shelf(CONFIG.model_copy(update={"context_length": 200})), slots=1) as askers:
        options = {"max_new_tokens": 150, "distribution": Distribution(temperature=1.0), "seed": 3}
        expected = askers.alone("fox", **options)
        with askers.together():
            requests = [askers.ask("fox", **options) for _ in range(6)]
        assert {askers.text(request) for request in requests} == {expected}
    assert 100 < max(held) <= 200


def test_models_take_turns_token_by_token(monkeypatch):
    order = []
    step = Batch.step
    monkeypatch.setattr(Batch, "step", lambda self: (order.append(self.checkpoint.owner_id), step(self))[-1])
    with Askers() as askers:
        for job in ("job-a", "job-b"):
            askers.text(askers.ask(job=job, max_new_tokens=1))
        requests = [askers.ask(job=job, **ENDLESS) for job in ("job-a", "job-b")]
        for request in requests:
            wait_until(lambda request=request: len(askers.pieces(request)) > 20, "it was computed")
        both = order[-10:]
    assert both[::2] in (["job-a"] * 5, ["job-b"] * 5)
    assert set(both) == {"job-a", "job-b"}


def test_a_model_that_is_loaded_holds_up_no_other():
    with Askers() as askers:
        long = askers.ask(**ENDLESS)
        wait_until(lambda: askers.pieces(long), "it was computed")
        askers.shelf.may_load.clear()
        other = askers.ask(job="job-b", max_new_tokens=1)
        wait_until(lambda: askers.shelf.loads == ["job-a", "job-b"], "the other one was being loaded")
        now = len(askers.pieces(long))
        wait_until(lambda: len(askers.pieces(long)) > now + 10, "the first one went on")
        assert askers.messages[other] == []
        askers.shelf.may_load.set()
        askers.text(other)


def test_no_more_models_are_kept_than_allowed_and_a_busy_one_makes_room_only_after_its_turn():
    with Askers(max_models=1) as askers:
        options = ENDLESS | {"max_new_tokens": 6 * SLOT_STEPS}
        expected = askers.alone("the", **options)
        with askers.together():  # or the long one might be over before the other comes
            long = askers.ask(**options)
            other = askers.ask(job="job-b", max_new_tokens=1)
        askers.text(other)
        assert askers.pieces(long)[-1].completion_tokens >= SLOT_STEPS - 3  # half a character is held back
        assert askers.text(long) == expected
        assert askers.shelf.loads == ["job-a", "job-b", "job-a"]
        assert len(askers.batcher._batches) == 1


def test_the_model_used_longest_ago_makes_room():
    with Askers(max_models=2) as askers:
        for job in ("job-a", "job-b", "job-a", "job-c", "job-a", "job-b"):
            askers.text(askers.ask(job=job, max_new_tokens=1))
        assert askers.shelf.loads == ["job-a", "job-b", "job-c", "job-b"]


def test_an_error_fails_its_request_alone():
    class Broken(str):
        """A stop string that can't be looked for."""

        def __bool__(self):
            return True

        def __len__(self):
            raise RuntimeError("/srv/secret")

    with Askers() as askers:
        expected = askers.alone("the", max_new_tokens=40)
        before = askers.ask(max_new_tokens=40)
        broken = askers.ask(max_new_tokens=40, stop=[Broken("xyz")])
        after = askers.ask(max_new_tokens=40)
        failure = askers.failure(broken)
        assert failure == Failure(
            cause="internal",
            reason="the worker failed at this request (RuntimeError); its log has the reason",
        )
        assert [askers.text(before), askers.text(after)] == [expected, expected]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("no kernel")])
def test_an_error_in_a_pass_of_many_fails_the_one_to_blame_and_the_others_get_their_texts(monkeypatch, error):
    decode_tokens = Decoding.decode_tokens

    def poisoned(self, sequences):
        if any(len(sequence.tokens) == 10 and sequence.tokens[:3] == [*b"bad"] for sequence in sequences):
            raise error
        return decode_tokens(self, sequences)

    monkeypatch.setattr(Decoding, "decode_tokens", poisoned)
    with Askers() as askers:
        expected = askers.alone("the", max_new_tokens=40)
        requests = [askers.ask(prompt, max_new_tokens=40) for prompt in ("the", "bad", "the")]
        failure = askers.failure(requests[1])
        assert (failure.reason == OUT_OF_MEMORY) is isinstance(error, MemoryError)
        assert [askers.text(requests[0]), askers.text(requests[2])] == [expected, expected]


def test_an_error_while_a_prompt_is_read_fails_that_prompt_alone(monkeypatch):
    prefill_chunk = Decoding.prefill_chunk

    def poisoned(self, sequence):
        if sequence.tokens[:3] == [*b"bad"]:
            raise MemoryError
        return prefill_chunk(self, sequence)

    monkeypatch.setattr(Decoding, "prefill_chunk", poisoned)
    with Askers() as askers:
        requests = [askers.ask(prompt, max_new_tokens=4) for prompt in ("the", "bad")]
        assert askers.failure(requests[1]).reason == OUT_OF_MEMORY
        askers.text(requests[0])


def test_an_error_of_the_batch_itself_leaves_nobody_without_an_answer(monkeypatch):
    with Askers() as askers:
        with monkeypatch.context() as patch:
            patch.setattr(Batch, "_fill_slots", lambda self: 1 / 0)
            requests = [askers.ask() for _ in range(3)]
            assert {askers.failure(request).cause for request in requests} == {"internal"}
        askers.text(askers.ask(max_new_tokens=2))


def test_a_model_that_does_not_fit_into_memory_fails_its_requests_alone():
    with Askers() as askers:
        askers.shelf.errors = [MemoryError()]
        assert askers.failure(askers.ask()) == Failure(cause="unavailable", reason=OUT_OF_MEMORY)
        askers.text(askers.ask(max_new_tokens=1))


def test_a_model_that_does_not_fit_beside_idle_ones_takes_their_room():
    with Askers() as askers:
        askers.text(askers.ask(max_new_tokens=1))
        askers.shelf.errors = [MemoryError()]
        askers.text(askers.ask(job="job-b", max_new_tokens=1))
        assert askers.shelf.loads == ["job-a", "job-b", "job-b"]
        assert len(askers.batcher._batches) == 1


def test_what_last_is_is_looked_up_when_it_is_loaded():
    with Askers(max_models=1) as askers:
        askers.shelf.may_load.clear()
        askers.ask(job="job-b", max_new_tokens=1)
        wait_until(lambda: askers.shelf.loads, "another model was being loaded")
        waiting = askers.ask(max_new_tokens=1)
        askers.shelf.listed["job-a"] = checkpoint_of("job-a", 2)  # whose files may still be there
        askers.shelf.may_load.set()
        assert askers.begun(waiting).step == 2
        assert askers.shelf.loads == ["job-b", "job-a"]


def test_a_checkpoint_that_is_replaced_while_it_is_loaded_gives_way_to_the_newest():
    with Askers() as askers:
        askers.shelf.missing = {checkpoint_of("job-a", 1).directory, checkpoint_of("job-a", 2).directory}
        askers.shelf.may_load.clear()
        request = askers.ask(max_new_tokens=1)
        wait_until(lambda: askers.shelf.loads, "it was being loaded")
        askers.shelf.listed["job-a"] = checkpoint_of("job-a", 3)
        askers.shelf.may_load.set()
        assert askers.begun(request).step == 3
        askers.text(request)


def test_a_text_that_is_begun_goes_on_with_its_own_weights_when_last_has_moved_on_meanwhile():
    with Askers(max_models=1) as askers:
        options = ENDLESS | {"max_new_tokens": 6 * SLOT_STEPS}
        expected = askers.alone("the", **options)
        begun = askers.ask(**options)
        wait_until(lambda: askers.pieces(begun), "it was computed")
        askers.shelf.listed["job-a"] = checkpoint_of("job-a", 2)  # the files of step 1 are still there
        askers.text(askers.ask(job="job-b", max_new_tokens=1))
        later = askers.ask(max_new_tokens=1)
        assert askers.text(begun) == expected
        askers.text(later)
        assert askers.begun(later).step == 2


def test_a_text_whose_weights_are_gone_when_its_turn_comes_again_fails_and_is_not_continued_by_others():
    with Askers(max_models=1) as askers:
        begun = askers.ask(**ENDLESS)
        wait_until(lambda: askers.pieces(begun), "it was computed")
        askers.shelf.listed["job-a"] = checkpoint_of("job-a", 2)
        askers.shelf.missing = {checkpoint_of("job-a", 1).directory}
        askers.text(askers.ask(job="job-b", max_new_tokens=1))
        failure = askers.failure(begun)
        assert failure.cause == "unavailable"
        assert "the weights that had begun this text were replaced" in failure.reason
        askers.text(askers.ask(max_new_tokens=1))


def test_a_checkpoint_whose_job_was_deleted_is_not_found():
    with Askers() as askers:
        askers.shelf.missing = {checkpoint_of("job-a").directory}
        askers.shelf.may_load.clear()
        request = askers.ask()
        wait_until(lambda: askers.shelf.loads, "it was being loaded")
        askers.shelf.deleted = {"job-a"}
        askers.shelf.may_load.set()
        assert askers.failure(request) == Failure(cause="not_found", reason="no job 'job-a'")


def test_a_damaged_checkpoint_fails_its_requests_without_a_path():
    with Askers() as askers:
        askers.shelf.missing = {checkpoint_of("job-a").directory}
        reason = "the checkpoint of step 1 of job job-a is damaged"
        for request in [askers.ask() for _ in range(3)]:
            assert askers.failure(request) == Failure(cause="unavailable", reason=reason)
        askers.text(askers.ask(job="job-b", max_new_tokens=1))


def test_what_nobody_waits_for_is_computed_no_further():
    with Askers(slots=1, max_models=1) as askers:
        running, waiting = askers.ask(**ENDLESS), askers.ask(**ENDLESS)
        wait_until(lambda: askers.pieces(running), "one was computed")
        askers.shelf.may_load.clear()
        unloaded = askers.ask(job="job-b")
        # The oldest last: else the worker might be at the job of the next one in between.
        for request in (unloaded, waiting, running):
            askers.batcher.cancel(request)
        askers.batcher.cancel("request-unknown")
        wait_until(lambda: not askers.batcher._requests, "none was left")
        wait_until(lambda: askers.jobs == ["job-a", None], "the worker was idle")
        assert not any(batch.requests for batch in askers.batcher._batches.values())
        askers.shelf.may_load.set()
        askers.text(askers.ask(max_new_tokens=1))


def test_the_worker_is_at_no_job_once_all_are_answered():
    with Askers() as askers:
        askers.text(askers.ask(max_new_tokens=1))
        wait_until(lambda: askers.jobs == ["job-a", None], "the worker was idle")


def test_the_end_fails_what_is_not_over_and_takes_nothing_more():
    with Askers() as askers:
        askers.shelf.may_load.clear()
        loading = askers.ask()
        askers.shelf.may_load.set()
        running = askers.ask(job="job-b", **ENDLESS)
        wait_until(lambda: askers.pieces(running), "it was computed")
        askers.shelf.may_load.clear()
        waiting = askers.ask(job="job-c")
        askers.batcher.close()
        for request in (running, waiting):
            assert askers.failure(request) == Failure(
                cause="unavailable", reason="the worker is shutting down"
            )
        askers.end(loading)
        with pytest.raises(ShuttingDown):
            askers.ask()


def test_nothing_is_overdue_while_there_is_nothing_to_do_or_all_goes_on():
    with Askers() as askers:
        assert askers.batcher.overdue_s() == 0
        request = askers.ask(**ENDLESS)
        wait_until(lambda: askers.pieces(request), "it was computed")
        assert askers.batcher.overdue_s() == 0


def test_a_step_that_does_not_end_is_overdue(monkeypatch):
    monkeypatch.setattr(batcher, "STEP_OVERDUE_S", 0.01)
    go_on = threading.Event()
    with Askers() as askers:
        with monkeypatch.context() as patch:
            patch.setattr(Batch, "step", lambda _: go_on.wait())
            askers.ask(max_new_tokens=1)
            wait_until(lambda: askers.batcher.overdue_s() > 0.1, "it was overdue")
        go_on.set()
        wait_until(lambda: askers.batcher.overdue_s() == 0, "it went on")


def test_a_model_that_does_not_load_is_overdue(monkeypatch):
    monkeypatch.setattr(loader, "OVERDUE_S", 0.01)
    with Askers() as askers:
        askers.shelf.may_load.clear()
        request = askers.ask(max_new_tokens=1)
        wait_until(lambda: askers.batcher.overdue_s() > 0.1, "it was overdue")
        askers.shelf.may_load.set()
        askers.text(request)
        assert askers.batcher.overdue_s() == 0


def test_a_large_model_has_more_time_for_a_step_and_for_loading(monkeypatch):
    for module, name in ((batcher, "STEP_OVERDUE_S"), (loader, "OVERDUE_S"), (batcher, "REQUEST_OVERDUE_S")):
        monkeypatch.setattr(module, name, 0.01)
    for module, name in ((batcher, "STEP_PARAMETERS_PER_S"), (loader, "PARAMETERS_PER_S")):
        monkeypatch.setattr(module, name, 1.0)  # of 10,000: hours
    began, go_on = threading.Event(), threading.Event()

    def step(_):
        began.set()
        go_on.wait()

    with Askers(timeout_s=0.01) as askers:
        askers.shelf.may_load.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Batch, "step", step)
            askers.batcher._timeout_s = 3600.0
            askers.ask(max_new_tokens=1)
            wait_until(lambda: askers.batcher._loader.is_loading, "it is being loaded")
            time.sleep(0.05)
            assert askers.batcher.overdue_s() == 0
            askers.shelf.may_load.set()
            wait_until(began.is_set, "it is being computed")
            askers.batcher._timeout_s = 0.01
            time.sleep(0.05)
            assert askers.batcher.overdue_s() == 0
        go_on.set()


def test_a_request_that_outlives_its_asker_is_overdue(monkeypatch):
    monkeypatch.setattr(batcher, "REQUEST_OVERDUE_S", 0.01)
    with Askers(timeout_s=0.01) as askers:
        askers.ask(**ENDLESS)
        wait_until(lambda: askers.batcher.overdue_s() > 0.1, "it was overdue")


def test_it_is_ready_once_it_is_warm(monkeypatch):
    shelf, may_warm_up, events = Shelf(), threading.Event(), []
    monkeypatch.setattr(shelf, "warm_up", lambda: (may_warm_up.wait(), events.append("warm")))
    with Askers(shelf, on_ready=lambda: events.append("ready")) as askers:
        time.sleep(0.05)
        assert events == []
        may_warm_up.set()
        askers.text(askers.ask(max_new_tokens=1))
    assert events == ["warm", "ready"]


def test_a_batcher_that_has_died_is_overdue_for_ever(monkeypatch):
    shelf = Shelf()
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(shelf, "warm_up", partial(int, "x"))
    askers = Askers(shelf)
    wait_until(lambda: askers.batcher.overdue_s() == math.inf, "it was known to be dead")
