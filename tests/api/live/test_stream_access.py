"""Streams of events end when their clients would not be let in any more."""

from collections.abc import Iterator

import pytest

from api.http.session_cookie import NAME
from api.live import feed
from api.live.event_stream import EventStream
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.events import record_event
from jobs.store.ownership import set_shared
from jobs.store.sessions import create_session, end_session
from jobs.store.tables import Job
from jobs.store.tokens import create_token, revoke_token, viewer_of
from jobs.store.viewers import Right, viewed_by
from tests.api.live.streams import Follower, serving_api
from tests.api.server.serving import Served
from tests.jobs.making import running_job


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "CREDENTIALS_INTERVAL_S", 0.05)


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    with serving_api(settings) as server:
        yield server


def make_token(database: Database, owner: str) -> tuple[str, dict[str, str]]:
    """Its id, and the header with it."""
    with database.write() as session:
        token, text = create_token(session, owner, Right.WRITE)
        return token.id, {"Authorization": f"Bearer {text}"}


def job_of(database: Database, settings: Settings, owner: str) -> Job:
    with database.write() as session:
        asking = viewer_of(create_token(session, owner, Right.WRITE)[0])
    with viewed_by(asking):
        return running_job(database, settings)


def begun(served: Served, path: str, credentials: dict[str, str]) -> Follower:
    follower = Follower(served.port, path, "0", credentials)
    follower.wait_for(lambda events: len(follower.statuses) == 2, "the stream had begun")
    return follower


@pytest.mark.parametrize("path", ["/events", "/jobs/{job_id}/events"])
def test_a_revoked_token_ends_its_streams_and_no_others(
    database: Database, settings: Settings, served: Served, path: str
) -> None:
    job = job_of(database, settings, "ana")
    path = path.format(job_id=job.id)
    (revoked, header), (_, other) = make_token(database, "ana"), make_token(database, "ana")
    ending, staying = begun(served, path, header), begun(served, path, other)
    with database.write() as session:
        revoke_token(session, revoked)
    ending.wait_for_end()
    with database.write() as session:
        record_event(session, job.id, job.attempt, "log", {"number": 1})
    staying.wait_for(lambda _: staying.named("log"))
    assert not ending.named("log")


def test_a_browser_that_signs_out_gets_nothing_more(
    database: Database, settings: Settings, served: Served
) -> None:
    job_of(database, settings, "ana")
    with database.write() as session:
        token, _ = create_token(session, "ana", Right.READ)
        secret = create_session(session, token, 3600)[1]
    follower = begun(served, "/events", {"Cookie": f"{NAME}={secret}"})
    with database.write() as session:
        end_session(session, secret)
    follower.wait_for_end()


def test_the_first_token_ends_the_streams_of_those_who_have_none(
    database: Database, settings: Settings, served: Served
) -> None:
    running_job(database, settings)
    follower = begun(served, "/events", {})
    make_token(database, "ana")
    follower.wait_for_end()


def test_a_job_that_is_no_longer_shared_is_followed_by_its_owner_alone(
    database: Database, settings: Settings, served: Served
) -> None:
    job = job_of(database, settings, "ana")
    with database.write() as session:
        set_shared(session, Job, job.id, shared=True)
    path = f"/jobs/{job.id}/events"
    owner = begun(served, path, make_token(database, "ana")[1])
    other = begun(served, path, make_token(database, "bob")[1])
    with database.write() as session:
        set_shared(session, Job, job.id, shared=False)
        record_event(session, job.id, job.attempt, "log", {"number": 1})
    other.wait_for_end()
    owner.wait_for(lambda _: owner.named("log"))
    assert not other.named("log")
    assert not owner.has_ended


def test_while_the_database_does_not_answer_no_stream_ends(
    database: Database, settings: Settings, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(database, settings, "ana")
    looks = []

    def fails(*_: object) -> None:
        looks.append(1)
        raise feed.UNAVAILABLE[0]("the database is away", None, Exception())

    monkeypatch.setattr(feed, "still_accepted", fails)
    stops = []
    monkeypatch.setattr(EventStream, "stop", stops.append)
    follower = begun(served, "/events", make_token(database, "ana")[1])
    follower.wait_for(lambda _: len(looks) >= 2, "it was looked at twice")
    assert not stops
    monkeypatch.undo()
    with database.write() as session:
        record_event(session, job.id, job.attempt, "log", {"number": 1})
    follower.wait_for(lambda _: follower.named("log"))
