"""No kind of request waits for the threads of another kind."""

from contextlib import ExitStack
from threading import enumerate as enumerate_threads

import pytest

from api.app import create_app
from api.server.lanes import ALIVE, PLOTS, READS, UPLOADS, WAITS, WRITES, Lane, Routes
from jobs.settings import Settings
from tests.api.server.conftest import Start
from tests.api.server.serving import Caller, Served
from tests.api.server.views import Views
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Routes:
    return Routes(create_app(Settings(data_dir=tmp_path_factory.mktemp("data"))))


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("GET", "/healthz", ALIVE),
        ("HEAD", "/healthz", ALIVE),
        ("GET", "/version", ALIVE),
        ("GET", "/jobs", READS),
        ("GET", "/jobs/1", READS),
        ("GET", "/readyz", READS),
        ("GET", "/nowhere", READS),
        ("GET", "//jobs", READS),
        ("POST", "/jobs", WRITES),
        ("DELETE", "/jobs/1", WRITES),
        ("POST", "/jobs/1/cancel", WRITES),
        ("POST", "/nowhere", WRITES),
        ("PUT", "/jobs", WRITES),
        ("GET", "/jobs/1/losses.png", PLOTS),
        ("GET", "/jobs/1/losses.svg", PLOTS),
        ("GET", "/generate", WAITS),
        ("POST", "/generate", WAITS),
        ("GET", "/datasets", READS),
        ("POST", "/datasets", UPLOADS),
    ],
)
def test_every_request_has_its_lane(routes: Routes, method: str, path: str, lane: Lane) -> None:
    assert routes.lane_of(method, path) == lane


def fill(stack: ExitStack, served: Served, views: Views, path: str, lane: Lane) -> list[Caller]:
    """As many requests to a path as a lane has threads, and some more."""
    callers = [stack.enter_context(Caller(served.port)) for _ in range(lane.threads + 3)]
    for number, caller in enumerate(callers):
        if lane is WRITES:
            caller.post(f"{path}/{number}", "")
        else:
            caller.get(f"{path}/{number}")
    wait_until(lambda: len(views.held) >= lane.threads, "all threads were taken")
    return callers


@pytest.mark.parametrize(("path", "lane"), [("/write", WRITES), ("/plot", PLOTS), ("/stream", None)])
def test_light_requests_are_answered_while_all_threads_of_another_lane_are_taken(
    start: Start, views: Views, path: str, lane: Lane | None
) -> None:
    served = start()
    with ExitStack() as stack, Caller(served.port) as light:
        if lane:
            callers = fill(stack, served, views, path, lane)
        else:
            callers = [stack.enter_context(Caller(served.port)) for _ in range(READS.threads * 3)]
            for number, caller in enumerate(callers):
                caller.get(f"{path}/{number}")
        assert light.get("/quick").answer().status == 200
        views.go_on.set()
        assert {caller.answer().status for caller in callers} == {200}


def test_requests_wait_for_a_thread_of_their_lane_and_no_more_are_answered_at_once(
    start: Start, views: Views
) -> None:
    served = start()
    with ExitStack() as stack:
        callers = fill(stack, served, views, "/read", READS)
        assert len(views.held) == READS.threads
        views.go_on.set()
        assert {caller.answer().status for caller in callers} == {200}
        assert len(views.held) == READS.threads + 3


def test_what_waits_for_a_worker_is_refused_when_as_many_wait_as_may(start: Start, views: Views) -> None:
    served = start()
    with ExitStack() as stack:
        callers = [stack.enter_context(Caller(served.port)) for _ in range(WAITS.threads)]
        for number, caller in enumerate(callers):
            caller.get(f"/wait/{number}")
        wait_until(lambda: len(views.held) == WAITS.threads, "all of them waited")
        with Caller(served.port) as one_more:
            answer = one_more.get("/wait/more").answer()
            assert answer.problem["detail"] == "512 requests of this kind are being answered already"
            assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
        views.go_on.set()
        assert {caller.answer().status for caller in callers} == {200}


def test_a_plot_that_nobody_waits_for_any_more_is_not_drawn(start: Start, views: Views) -> None:
    served = start()
    with Caller(served.port) as first, Caller(served.port) as third:
        first.get("/plot/first")
        wait_until(lambda: views.held == ["first"], "it was being drawn")
        with Caller(served.port) as second:
            second.get("/plot/second").say_no_more()
        for _ in range(10):  # in which the server has seen what came before
            with Caller(served.port) as other:
                assert other.get("/quick").answer().status == 200
        third.get("/plot/third")
        views.go_on.set()
        assert [first.answer().body, third.answer().body] == [b"first", b"third"]
        assert views.held == ["first", "third"]


def test_threads_that_have_nothing_to_do_end_and_others_take_their_place(
    start: Start, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.server.lanes.IDLE_S", 0.05)
    served = start()
    with ExitStack() as stack:
        callers = fill(stack, served, views, "/read", READS)
        views.go_on.set()
        assert {caller.answer().status for caller in callers} == {200}
        wait_until(lambda: READS.name not in {thread.name for thread in enumerate_threads()}, "they ended")
        with Caller(served.port) as caller:
            assert caller.get("/quick").answer().status == 200
