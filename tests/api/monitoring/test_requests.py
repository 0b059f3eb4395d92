"""What the server measures of requests, as the registry has it."""

from collections.abc import Iterator

import pytest

from api.monitoring.registry import REGISTRY
from api.server.pools import PLOTS, READS
from tests.api.server.serving import RawClient, Served, serving
from tests.api.server.views import Views
from tests.waiting import wait_until

COUNT = "pretrain_http_request_duration_seconds_count"


@pytest.fixture
def views() -> Iterator[Views]:
    views = Views()
    yield views
    views.may_finish.set()


@pytest.fixture
def served(views: Views) -> Iterator[Served]:
    # A thread that has answered counts its request for a moment longer: another test's, maybe.
    wait_until(lambda: sample("pretrain_http_requests_in_progress") == 0, "none was in progress any more")
    with serving(views.app) as served:
        yield served
        views.may_finish.set()


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def count(route: str, method: str = "GET", status: int = 200) -> float:
    return sample(COUNT, route=route, method=method, status=str(status))


def test_a_request_counts_under_its_rule_and_not_under_its_path(served: Served, views: Views) -> None:
    views.may_finish.set()
    before = count("/read/<name>")
    with RawClient(served.port) as client:
        for number in range(3):
            assert client.get(f"/read/{number}").response().status == 200
    assert count("/read/<name>") == before + 3
    assert count("/read/1") == 0


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/else?a=1", "/"])
def test_all_unknown_paths_share_one_label(served: Served, path: str) -> None:
    before = count("other", status=404)
    with RawClient(served.port) as client:
        assert client.get(path).response().status == 404
    assert count("other", status=404) == before + 1


def test_all_unknown_methods_share_one_label(served: Served) -> None:
    before = count("other", "other", 405)
    with RawClient(served.port) as client:
        for method in ("BREW", "WHEN"):
            client.send(f"{method} /quick HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert client.response().status == 405
    assert count("other", "other", 405) == before + 2


def test_a_view_that_fails_counts_with_its_status(served: Served) -> None:
    before = count("/fails", status=500)
    with RawClient(served.port) as client:
        assert client.get("/fails").response().status == 500
    assert count("/fails", status=500) == before + 1


def test_a_stream_counts_when_it_begins_and_is_in_progress_until_it_ends(
    served: Served, views: Views
) -> None:
    before, idle = count("/stream/<name>"), sample("pretrain_http_requests_in_progress")
    with RawClient(served.port) as client:
        client.get("/stream/a").receive_until(b"first ")
        assert count("/stream/<name>") == before + 1
        assert sample("pretrain_http_requests_in_progress") == idle + 1
        views.may_finish.set()
        client.receive_until(b"last")
        wait_until(lambda: sample("pretrain_http_requests_in_progress") == idle, "it had ended")


def test_a_stream_that_holds_no_thread_is_counted_until_its_client_has_gone(served: Served) -> None:
    before, idle = count("/pushed"), sample("pretrain_http_pushed_streams")
    with RawClient(served.port) as client:
        client.get("/pushed").receive_until(b"begun")
        assert count("/pushed") == before + 1
        assert sample("pretrain_http_pushed_streams") == idle + 1
    wait_until(lambda: sample("pretrain_http_pushed_streams") == idle, "it had ended")


def test_a_pool_says_how_many_of_its_threads_work_and_how_many_requests_wait(
    served: Served, views: Views
) -> None:
    def busy() -> float:
        return sample("pretrain_http_pool_busy_threads", pool=PLOTS.name)

    def queued() -> float:
        return sample("pretrain_http_pool_queued_requests", pool=PLOTS.name)

    with RawClient(served.port) as first, RawClient(served.port) as second, RawClient(served.port) as third:
        for name, client in zip("abc", (first, second, third), strict=True):
            client.get(f"/plot/{name}")
        wait_until(lambda: (busy(), queued()) == (1, 2), "one was drawn and two waited")
        views.may_finish.set()
        assert [client.response().status for client in (first, second, third)] == [200] * 3
    wait_until(lambda: (busy(), queued()) == (0, 0), "the pool was idle")
    assert sample("pretrain_http_pool_queued_requests", pool=READS.name) == 0


def test_what_a_client_left_before_its_turn_is_no_longer_in_progress(served: Served, views: Views) -> None:
    idle = sample("pretrain_http_requests_in_progress")
    with RawClient(served.port) as first:
        first.get("/plot/first")
        wait_until(lambda: views.started == ["first"], "it was being drawn")
        with RawClient(served.port) as second:
            second.get("/plot/second").half_close()
        wait_until(lambda: sample("pretrain_http_requests_in_progress") == idle + 2, "both were there")
        views.may_finish.set()
        assert first.response().status == 200
    wait_until(lambda: sample("pretrain_http_requests_in_progress") == idle, "neither was")


def test_what_the_server_refuses_itself_is_counted_apart(served: Served) -> None:
    before = sample("pretrain_http_rejections_total", status="400")
    with RawClient(served.port) as client:
        assert client.send("this is no HTTP\r\n\r\n").response().status == 400
    assert sample("pretrain_http_rejections_total", status="400") == before + 1
