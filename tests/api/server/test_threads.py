"""No kind of request waits for the threads of another kind."""

from contextlib import ExitStack
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from api.server.pools import GENERATIONS, PLOTS, READS, WRITES, PoolConfig
from api.server.threads import ThreadPool
from tests.api.server.conftest import Start
from tests.api.server.serving import RawClient, Served
from tests.api.server.views import Views
from tests.waiting import PATIENCE_S, wait_until


def fill(stack: ExitStack, served: Served, views: Views, path: str, pool: PoolConfig) -> list[RawClient]:
    """As many requests to a path as a pool has threads, and some more."""
    clients = [stack.enter_context(RawClient(served.port)) for _ in range(pool.max_threads + 3)]
    for number, client in enumerate(clients):
        if pool is WRITES:
            client.post(f"{path}/{number}", "")
        else:
            client.get(f"{path}/{number}")
    wait_until(lambda: len(views.started) >= pool.max_threads, "all threads were taken")
    return clients


@pytest.mark.parametrize(("path", "pool"), [("/write", WRITES), ("/plot", PLOTS), ("/stream", None)])
def test_light_requests_are_answered_while_all_threads_of_another_lane_are_taken(
    start: Start, views: Views, path: str, pool: PoolConfig | None
) -> None:
    served = start()
    with ExitStack() as stack, RawClient(served.port) as light:
        if pool:
            clients = fill(stack, served, views, path, pool)
        else:
            clients = [stack.enter_context(RawClient(served.port)) for _ in range(READS.max_threads * 3)]
            for number, client in enumerate(clients):
                client.get(f"{path}/{number}")
        assert light.get("/quick").response().status == 200
        views.may_finish.set()
        assert {client.response().status for client in clients} == {200}


def test_requests_wait_for_a_thread_of_their_lane_and_no_more_are_answered_at_once(
    start: Start, views: Views
) -> None:
    served = start()
    with ExitStack() as stack:
        clients = fill(stack, served, views, "/read", READS)
        assert len(views.started) == READS.max_threads
        views.may_finish.set()
        assert {client.response().status for client in clients} == {200}
        assert len(views.started) == READS.max_threads + 3


def test_what_waits_for_a_worker_is_refused_when_as_many_wait_as_may(start: Start, views: Views) -> None:
    served = start()
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(served.port)) for _ in range(GENERATIONS.max_threads)]
        for number, client in enumerate(clients):
            client.get(f"/wait/{number}")
        wait_until(lambda: len(views.started) == GENERATIONS.max_threads, "all of them waited")
        with RawClient(served.port) as one_more:
            response = one_more.get("/wait/more").response()
            assert response.problem["detail"] == "512 requests of this kind are being answered already"
            assert (response.status, int(response.headers["retry-after"]) > 0) == (503, True)
        views.may_finish.set()
        assert {client.response().status for client in clients} == {200}


def test_a_plot_that_nobody_waits_for_any_more_is_not_drawn(start: Start, views: Views) -> None:
    served = start()
    with RawClient(served.port) as first, RawClient(served.port) as third:
        first.get("/plot/first")
        wait_until(lambda: views.started == ["first"], "it was being drawn")
        with RawClient(served.port) as second:
            second.get("/plot/second").half_close()
        for _ in range(10):  # in which the server has seen what came before
            with RawClient(served.port) as other:
                assert other.get("/quick").response().status == 200
        third.get("/plot/third")
        views.may_finish.set()
        assert [first.response().body, third.response().body] == [b"first", b"third"]
        assert views.started == ["first", "third"]


def test_a_task_that_fails_costs_its_pool_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    pool, done = ThreadPool(PoolConfig("few", 2)), Event()

    def logged() -> int:
        return caplog.text.count("a task of the pool few failed")

    def fail() -> None:
        raise ValueError("a fault of the task's")

    for _ in range(5):
        assert pool.submit(fail)
    assert pool.submit(done.set)
    assert done.wait(PATIENCE_S)
    wait_until(lambda: logged() == 5, "the other thread said so too")


def test_threads_that_have_nothing_to_do_end_and_others_take_their_place(
    start: Start, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.server.threads.IDLE_TIMEOUT_S", 0.05)
    before = set(enumerate_threads())  # among them some of other tests, which wait for longer
    served = start()
    with ExitStack() as stack:
        clients = fill(stack, served, views, "/read", READS)
        views.may_finish.set()
        assert {client.response().status for client in clients} == {200}
        wait_until(
            lambda: READS.name not in {thread.name for thread in set(enumerate_threads()) - before},
            "they ended",
        )
        with RawClient(served.port) as client:
            assert client.get("/quick").response().status == 200
