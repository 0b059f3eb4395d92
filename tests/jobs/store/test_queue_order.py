import threading
import time

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from jobs.lifecycle.attempts import claim, end, stop
from jobs.lifecycle.requests import request_cancel
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.queue_order import first_in_line, queue_positions
from jobs.store.tables import Job
from jobs.store.viewers import Right, Viewer, viewed_by
from tests.jobs.making import queued_job, running_job

GIB = 2**30


def change_job(database: Database, job: Job, **values: object) -> None:
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(**values))


def claim_next(database: Database, memory_bytes: int | None = None, queue: str = "train") -> str | None:
    with database.write() as session:
        job = claim(session, first_in_line(queue, memory_bytes), "worker-1", lease_s=30)
    return job and job.id


def claim_all(database: Database, memory_bytes: int | None = None) -> list[str]:
    claimed = []
    while (job_id := claim_next(database, memory_bytes)) is not None:
        claimed.append(job_id)
    return claimed


def positions(database: Database, *jobs: Job) -> list[int | None]:
    with database.read() as session:
        by_job = queue_positions(session, [job.id for job in jobs])
    return [by_job.get(job.id) for job in jobs]


def test_jobs_are_claimed_by_priority_and_then_by_how_long_they_have_waited(
    database: Database, settings: Settings
) -> None:
    jobs = {name: queued_job(database, settings, priority=int(name[0])) for name in ("4a", "0", "9", "4b")}
    for number, job in enumerate((jobs["9"], jobs["4a"], jobs["0"], jobs["4b"])):
        change_job(database, job, queued_at=now_s() - 1000 * number)  # far apart, however long this takes
    in_order = [jobs[name].id for name in ("9", "4b", "4a", "0")]
    assert positions(database, *jobs.values()) == [3, 4, 1, 2]
    assert claim_all(database) == in_order


def test_a_priority_that_changes_while_a_job_waits_counts_at_the_next_claim(
    database: Database, settings: Settings
) -> None:
    first, second = queued_job(database, settings, priority=5), queued_job(database, settings)
    assert positions(database, first, second) == [1, 2]
    change_job(database, second, priority=6)
    assert positions(database, first, second) == [2, 1]
    assert claim_all(database) == [second.id, first.id]


def test_a_job_that_was_handed_back_waits_from_then_on(database: Database, settings: Settings) -> None:
    handed_back, waiting = running_job(database, settings), queued_job(database, settings)
    with database.write() as session:
        stop(session, handed_back.id, 1, "drained")
    assert claim_all(database) == [waiting.id, handed_back.id]


def test_only_waiting_jobs_of_the_workers_queue_are_claimed(database: Database, settings: Settings) -> None:
    cancelled, elsewhere = queued_job(database, settings), queued_job(database, settings)
    running_job(database, settings)
    with database.write() as session:
        request_cancel(session, cancelled.id)
    change_job(database, elsewhere, queue="other")
    assert claim_next(database) is None
    assert claim_next(database, queue="other") == elsewhere.id


def test_a_worker_passes_over_jobs_that_need_more_memory_than_it_has(
    database: Database, settings: Settings
) -> None:
    large, exact, unknown = (queued_job(database, settings) for _ in range(3))
    for job, needed in ((large, 8 * GIB + 1), (exact, 8 * GIB), (unknown, None)):
        change_job(database, job, memory_bytes=needed)
    assert claim_all(database, 8 * GIB) == [exact.id, unknown.id]
    assert claim_all(database, None) == [large.id]


def test_what_a_job_needs_is_kept_with_it(database: Database, settings: Settings) -> None:
    needed = queued_job(database, settings).memory_bytes
    assert needed is not None
    assert claim_next(database, needed - 1) is None
    assert claim_next(database, needed) is not None


@pytest.mark.parametrize("jobs", [1, 5, 20])
def test_workers_that_claim_at_once_get_a_job_each_until_none_is_left(
    database: Database, settings: Settings, jobs: int
) -> None:
    waiting = {queued_job(database, settings).id for _ in range(jobs)}
    claimed: list[str | None] = []
    threads = [threading.Thread(target=lambda: claimed.append(claim_next(database))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = [job_id for job_id in claimed if job_id is not None]
    assert len(claimed) == 10
    assert len(got) == len(set(got)) == min(jobs, 10)
    assert set(got) <= waiting


def test_a_claim_does_not_wait_for_a_job_that_another_is_claiming(
    database: Database, settings: Settings, backend: str
) -> None:
    if backend == "sqlite":
        return  # one writer at a time: a claim waits for the other's end there, which takes no time
    first, second = queued_job(database, settings), queued_job(database, settings)
    with database.write() as session:
        claimed = claim(session, first_in_line("train", None), "worker-1", lease_s=30)
        assert claimed is not None
        assert claimed.id == first.id
        assert claim_next(database) == second.id
    with database.read() as session:
        assert {job.status for job in session.query(Job)} == {Status.RUNNING}


def test_only_jobs_that_wait_have_a_place(database: Database, settings: Settings) -> None:
    running, waiting, elsewhere = (
        running_job(database, settings),
        queued_job(database, settings),
        queued_job(database, settings),
    )
    change_job(database, elsewhere, queue="other")
    assert positions(database, running, waiting, elsewhere) == [None, 1, 1]


def test_owners_take_turns(database: Database, settings: Settings) -> None:
    jobs = {}
    for name in ("ana1", "ana2", "ana3", "bob1", "bob2"):
        with viewed_by(Viewer(Right.WRITE, name[:3])):
            jobs[name] = queued_job(database, settings)
    nobodys = queued_job(database, settings)
    in_order = [jobs["ana1"], jobs["bob1"], nobodys, jobs["ana2"], jobs["bob2"], jobs["ana3"]]
    assert positions(database, *in_order) == [1, 2, 3, 4, 5, 6]
    assert claim_all(database) == [job.id for job in in_order]


def test_whose_turn_was_longest_ago_is_next_also_with_a_single_worker(
    database: Database, settings: Settings
) -> None:
    jobs = {}
    for name in ("ana1", "ana2", "ana3", "bob1", "bob2"):
        with viewed_by(Viewer(Right.WRITE, name[:3])):
            jobs[name] = queued_job(database, settings)
    names = {job.id: name for name, job in jobs.items()}
    claimed = []
    while (job_id := claim_next(database)) is not None:
        claimed.append(names[job_id])
        with database.write() as session:
            end(session, job_id, 1, Status.SUCCEEDED)
    assert claimed == ["ana1", "bob1", "ana2", "bob2", "ana3"]


def test_whoever_has_fewer_jobs_running_is_next(database: Database, settings: Settings) -> None:
    with viewed_by(Viewer(Right.WRITE, "ana")):
        long, waiting = queued_job(database, settings), queued_job(database, settings)
    assert claim_next(database) == long.id
    with viewed_by(Viewer(Right.WRITE, "bob")):
        short, next_short = queued_job(database, settings), queued_job(database, settings)
    for job in (short, next_short):
        assert positions(database, job) == [1]
        assert claim_next(database) == job.id
        with database.write() as session:
            end(session, job.id, 1, Status.SUCCEEDED)
    assert claim_next(database) == waiting.id


def test_a_priority_outranks_turns(database: Database, settings: Settings) -> None:
    with viewed_by(Viewer(Right.WRITE, "ana")):
        urgent = [queued_job(database, settings, priority=1).id for _ in range(2)]
    with viewed_by(Viewer(Right.WRITE, "bob")):
        patient = queued_job(database, settings).id
    assert claim_all(database) == [*urgent, patient]


@pytest.mark.sqlite_will_do
@given(
    waiting=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1)), max_size=9),
    running=st.lists(st.sampled_from("abc"), max_size=3),
)
@hypothesis.settings(max_examples=30, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_positions_are_the_order_in_which_workers_claim(
    database: Database, settings: Settings, waiting: list[tuple[str, int]], running: list[str]
) -> None:
    template = queued_job(database, settings)
    columns = {column.name: getattr(template, column.name) for column in Job.__table__.columns}
    with database.write() as session:
        session.execute(delete(Job))
        for number, (owner, priority) in enumerate([*((owner, 0) for owner in running), *waiting]):
            is_running = number < len(running)
            row = {
                "id": f"job-{number}",
                "owner": owner,
                "priority": priority,
                "queued_at": float(number),
                "status": "running" if is_running else "queued",
                "claimed_at": time.time() - 100 + number if is_running else None,
            }
            session.execute(insert(Job).values(**{**columns, **row}))
    ids = [f"job-{len(running) + number}" for number in range(len(waiting))]
    with database.read() as session:
        by_job = queue_positions(session, ids)
    claimed = []
    while (job_id := claim_next(database)) is not None:
        claimed.append(job_id)
        with database.write() as session:  # two claims may fall into one tick of the clock
            at = time.time() - 50 + len(claimed)
            session.execute(update(Job).where(Job.id == job_id).values(claimed_at=at))
    assert claimed == sorted(ids, key=by_job.__getitem__)
