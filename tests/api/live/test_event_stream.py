"""GET /jobs/<id>/events and GET /events as streams, over a real socket."""

import json
import threading
import time

import httpx2
import pytest
from sqlalchemy.orm import Session

from api.live import feed
from api.server.limits import Limits
from api.server.pools import READS
from api.views import events as views
from jobs.lifecycle.attempts import end
from jobs.lifecycle.history import record_evaluation, record_progress
from jobs.lifecycle.requests import delete_job, request_pause
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import list_events, record_event
from jobs.store.tables import Job
from tests.api.live.streams import Follower, read_nothing, serving_api
from tests.api.seeds import ended_job, evaluate
from tests.jobs.making import queued_job, running_job
from tests.waiting import PATIENCE_S, wait_until


def tell(database: Database, job: Job, *numbers: int, text: str = "") -> None:
    for number in numbers:
        with database.write() as session:
            record_event(session, job.id, job.attempt, "log", {"number": number, "text": text})


def numbers(follower: Follower) -> list[int]:
    return [event.data["data"]["number"] for event in follower.named("log")]


def succeed(database: Database, job: Job) -> None:
    with database.write() as session:
        end(session, job.id, job.attempt, Status.SUCCEEDED, ended_by="epochs")


def test_a_job_is_followed_from_its_creation_to_its_final_status(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    evaluate(database, job, 2)
    with serving_api(settings) as served:
        follower = Follower(served.port, f"/jobs/{job.id}/events")
        follower.wait_for(lambda events: len(follower.named("evaluation")) == 2)
        tell(database, job, 1)
        succeed(database, job)
        follower.wait_for_end()
    assert follower.statuses == ["queued", "running", "succeeded"]
    assert [event.name for event in follower.events if event.name != "progress"] == [
        *("status", "status", "evaluation", "evaluation", "log", "status")
    ]
    with database.read() as session:
        recorded = [(str(event.id), event.type) for event in list_events(session, job.id)]
    assert [(event.id, event.name) for event in follower.events if event.name != "progress"] == recorded
    assert all(event.data["id"] == event.id for event in follower.events if event.name != "progress")


def test_a_client_that_comes_back_misses_nothing_and_gets_nothing_twice(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    tell(database, job, *range(5))
    with serving_api(settings) as served:
        first = Follower(served.port, f"/jobs/{job.id}/events")
        first.wait_for(lambda _: numbers(first) == list(range(5)))
        third = first.named("log")[2]
        tell(database, job, *range(5, 8))
        again = Follower(served.port, f"/jobs/{job.id}/events", third.id)
        again.wait_for(lambda _: len(numbers(again)) == 5)
        succeed(database, job)
        for follower in (first, again):
            follower.wait_for_end()
    assert (numbers(first), numbers(again)) == (list(range(8)), list(range(3, 8)))


def test_a_client_that_has_seen_the_end_need_not_come_back(database: Database, settings: Settings) -> None:
    job = ended_job(database, settings, Status.CANCELLED)
    with serving_api(settings) as served:
        follower = Follower(served.port, f"/jobs/{job.id}/events")
        follower.wait_for_end()
        assert follower.statuses == ["queued", "running", "cancelled"]
        again = Follower(served.port, f"/jobs/{job.id}/events", follower.last_event_id)
        again.wait_for_end()
        assert (again.status, again.events) == (204, [])


def test_the_stream_of_all_jobs_begins_now_and_tells_of_every_job(
    database: Database, settings: Settings
) -> None:
    before = running_job(database, settings)
    with serving_api(settings) as served:
        follower = Follower(served.port, "/events")
        wait_until(lambda: follower.last_event_id, "it said where it begins")
        with database.write() as session:
            request_pause(session, before.id)
            end(session, before.id, 1, Status.PAUSED)
        follower.wait_for(lambda _: follower.named("status"))  # a deleted job's events go with it
        after = queued_job(database, settings)
        with database.write() as session:
            delete_job(session, before.id)
        follower.wait_for(lambda _: follower.named("deleted"))
        told = [(event.data["job_id"], event.name) for event in follower.events if event.name != "progress"]
    assert told == [
        (before.id, "changed"),
        (before.id, "status"),
        (after.id, "status"),
        (before.id, "deleted"),
    ]


def test_nothing_is_missed_between_the_opening_of_a_stream_and_its_first_event(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with serving_api(settings) as served:
        first = Follower(served.port, "/events")
        wait_until(lambda: first.last_event_id, "it said where it begins")
    first.wait_for_end()
    tell(database, job, 1)
    with serving_api(settings) as served:
        again = Follower(served.port, "/events", first.last_event_id)
        again.wait_for(lambda _: numbers(again) == [1])


def test_progress_comes_without_an_id_and_at_most_twice_a_second(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with serving_api(settings) as served:
        follower = Follower(served.port, f"/jobs/{job.id}/events")
        follower.wait_for(lambda _: follower.statuses)
        began_s = time.monotonic()
        for step in range(1, 61):
            with database.write() as session:
                record_progress(session, job.id, 1, step=step, epoch=1, tokens_seen=step)
            time.sleep(0.03)
        follower.wait_for(lambda _: follower.named("progress")[-1:] and last_step(follower) == 60)
        lasted_s = time.monotonic() - began_s
        succeed(database, job)
        follower.wait_for_end()
    told = follower.named("progress")
    assert all(event.id is None for event in told)
    assert 2 <= len(told) <= 2 + 2 * lasted_s
    assert set(told[0].data) == {"job_id", "type", "attempt", "data"}


def last_step(follower: Follower) -> int:
    return int(follower.named("progress")[-1].data["data"]["step"])


def test_concurrent_writers_events_come_once_each_in_the_order_of_their_ids(
    database: Database, settings: Settings
) -> None:
    jobs = [running_job(database, settings) for _ in range(4)]
    with serving_api(settings) as served:
        follower = Follower(served.port, "/events")
        own = [Follower(served.port, f"/jobs/{job.id}/events") for job in jobs]
        wait_until(lambda: follower.last_event_id, "it said where it begins")
        threads = [threading.Thread(target=tell, args=(database, job, *range(30))) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        follower.wait_for(lambda _: len(numbers(follower)) == 120)
        for one in own:
            one.wait_for(lambda _, one=one: numbers(one) == list(range(30)))  # type: ignore[misc]
        ids = [int(event.id or 0) for event in follower.named("log")]
        assert ids == sorted(set(ids))


def test_a_client_that_reads_nothing_is_dropped_and_can_go_on(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "RECENT", 20)
    job = running_job(database, settings)
    limits = Limits(grace_s=0, generation_grace_s=0, unread_s=1)
    with serving_api(settings, limits) as served, read_nothing(served.port, "/events"):
        fast = Follower(served.port, "/events")
        wait_until(lambda: fast.last_event_id, "it said where it begins")
        begin_id = fast.last_event_id
        wait_until(lambda: len(served.server.state.connections.open()) == 2, "both were connected")
        number = 0
        # More than all buffers on the way hold, until the server has closed the one that does not read.
        while len(served.server.state.connections.open()) == 2:
            with database.write() as session:
                for _ in range(20):
                    record_event(session, job.id, 1, "log", {"number": number, "text": "x" * 20_000})
                    number += 1
            fast.wait_for(lambda _, number=number: len(numbers(fast)) == number)  # type: ignore[misc]
            for connection in served.server.state.connections.open():
                assert connection._transport.get_write_buffer_size() < 2**22
            assert number < 5000
        again = Follower(served.port, "/events", begin_id)
        again.wait_for(lambda _: len(numbers(again)) == number)
    assert numbers(again) == numbers(fast) == list(range(number))


def test_open_streams_do_not_hold_up_a_shutdown_and_end_whole(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with serving_api(settings, Limits(grace_s=100_000)) as served:  # a stream that held it up would hang it
        followers = [Follower(served.port, f"/jobs/{job.id}/events") for _ in range(10)]
        for follower in followers:
            follower.wait_for(lambda _, follower=follower: follower.statuses)  # type: ignore[misc]
        served.close()
    for follower in followers:
        follower.wait_for_end()
        assert follower.statuses == ["queued", "running"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_three_hundred_streams_hold_no_threads(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with serving_api(settings) as served:
        threads_before = set(threading.enumerate())  # those of tests before end when they have been woken
        clients = [read_nothing(served.port, f"/jobs/{job.id}/events") for _ in range(300)]
        for client in clients:
            client.settimeout(PATIENCE_S)
            received = b""
            while b'"running"' not in received:
                received += client.recv(65536)
        names = [thread.name for thread in set(threading.enumerate()) - threads_before]
        assert names.count("event reader") == 1
        # Beside it at most those that answer the requests, those that read pages, and two that start them.
        assert len(names) <= 1 + READS.max_threads + feed.PAGES.max_threads + 2
        succeed(database, job)
        for client in clients:
            received = b""
            while b"succeeded" not in received:
                received += client.recv(65536)
            client.close()
        wait_until(
            lambda: "event reader" not in [thread.name for thread in threading.enumerate()],
            "the reader ended with the last stream",
        )


def test_a_job_with_more_events_than_a_page_holds_is_told_whole(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        for number in range(3 * feed.PAGE):
            record_event(session, job.id, 1, "log", {"number": number})
    succeed(database, job)
    with serving_api(settings) as served:
        follower = Follower(served.port, f"/jobs/{job.id}/events")
        follower.wait_for_end()
    assert numbers(follower) == list(range(3 * feed.PAGE))
    assert follower.statuses[-1] == "succeeded"


def test_an_event_is_shown_when_it_is_committed_and_not_at_a_look_now_and_then(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.live.reader.LOOK_ANYWAY_S", 100_000.0)
    job = running_job(database, settings)
    with serving_api(settings) as served:
        follower = Follower(served.port, "/events")
        wait_until(lambda: follower.last_event_id, "it said where it begins")
        tell(database, job, 0)
        follower.wait_for(lambda _: numbers(follower) == [0])
        for number in range(1, 11):
            tell(database, job, number)
            follower.wait_for(lambda _, number=number: numbers(follower)[-1] == number)  # type: ignore[misc]


def test_what_a_client_may_not_see_is_left_out(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = running_job(database, settings), running_job(database, settings)
    monkeypatch.setattr(views, "visible_to", lambda asking: lambda event: event.job_id == mine.id)
    with serving_api(settings) as served:
        follower = Follower(served.port, "/events?after=0")
        follower.wait_for(lambda _: len(follower.statuses) == 2)
        tell(database, other, 1)
        tell(database, mine, 2)
        follower.wait_for(lambda _: numbers(follower))
    assert numbers(follower) == [2]
    assert {event.data["job_id"] for event in follower.events} == {mine.id}


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 19])
def test_a_bad_last_event_id_is_answered_with_400(
    database: Database, settings: Settings, cursor: str
) -> None:
    job = queued_job(database, settings)
    with serving_api(settings) as served:
        url = f"http://127.0.0.1:{served.port}/jobs/{job.id}/events"
        headers = {"Accept": "text/event-stream", "Last-Event-ID": cursor}
        response = httpx2.get(url, headers=headers, timeout=PATIENCE_S, trust_env=False, verify=False)
    assert response.status_code == 400
    assert "Last-Event-ID" in json.loads(response.content)["detail"]


def test_an_evaluation_that_is_written_again_is_told_once(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    row = {
        "step": 0,
        "epoch": 1,
        "tokens_seen": 128,
        "train_loss": 9.0,
        "val_loss": 9.5,
        "learning_rate": 4e-4,
        "grad_norm": None,
        "tokens_per_s": None,
    }

    def write(session: Session) -> None:
        record_evaluation(session, job.id, 1, row)

    with serving_api(settings) as served:
        follower = Follower(served.port, f"/jobs/{job.id}/events")
        for _ in range(2):
            with database.write() as session:
                write(session)
        succeed(database, job)
        follower.wait_for_end()
    assert [event.data["data"]["step"] for event in follower.named("evaluation")] == [0]
