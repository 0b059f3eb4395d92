"""Cancels, pauses and resumes that come at every moment of a job's life."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.states import TERMINAL, Status
from tests.backends import RedisServer
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, Reference, small
from tests.chaos.service import Service
from tests.chaos.stopping import go_on, stop
from tests.waiting import wait_until
from tests.worker.processes import pids_of, state_of

LONGER = small(training={"num_epochs": 12})
LONG = small(training={"num_epochs": 1000})
PATIENT_S = 300.0
"""A lease that does not run out while a worker is stopped, however slow the machine is."""


def ask(service: Service, job_id: str, what: str) -> tuple[int, str]:
    """The answer's HTTP status, and the job's status in it (none if it is refused)."""
    answer = service.request("POST", f"/jobs/{job_id}/{what}")
    return answer.status_code, answer.json()["status"] if answer.status_code == 202 else ""


def cancel(service: Service, fault: Fault, job_id: str, when: str) -> str:
    """Ask twice, and expect to be promised it both times. Returns the job's status in the first answer."""
    answers = [ask(service, job_id, "cancel") for _ in range(2)]
    for code, status in answers:
        fault.expect(
            code == 202 and status in (Status.RUNNING, Status.CANCELLED),
            f"a cancel while {when} was answered {code}, {status}",
        )
    fault.inject()
    return answers[0][1]


def check_cancelled(service: Service, fault: Fault, job_id: str, when: str) -> None:
    """Expect that it ends as cancelled and as nothing else, and that no trainer is left."""
    wait_until(lambda: service.job(job_id).status in TERMINAL, f"the job cancelled while {when} had ended")
    wait_until(lambda: not pids_of(f"worker.trainer {job_id}"), "its trainer was gone")
    job = service.job(job_id)
    fault.expect(job.status == Status.CANCELLED, f"cancelled while {when}, it is {job.status}")
    fault.expect(job.stopping is None, f"cancelled while {when}, it is still to {job.stopping}")
    told = service.outcome(job_id).statuses
    ends = [status for status in told if status in TERMINAL]
    fault.expect(ends == [Status.CANCELLED], f"cancelled while {when}, it went through {told}")
    service.outcome(job_id).check_order(fault)
    code, status = ask(service, job_id, "cancel")
    fault.expect((code, status) == (202, Status.CANCELLED), f"a repeat was answered {code}, {status}")


@contextmanager
def stopped_worker(service: Service) -> Iterator[None]:
    worker = service.worker
    stop(service, worker.pid)
    yield
    go_on(worker.pid)


@contextmanager
def writing_a_checkpoint(service: Service) -> Iterator[str]:
    """By the injection of the test, the first trainer stops at its fourth sync: two were for the tokens."""
    job_id = service.post(LONG)
    pid = service.trainer_pid(job_id)
    wait_until(lambda: state_of(pid) == "T", "the trainer was within a checkpoint")
    assert service.steps(job_id), "it had not trained yet"
    yield job_id
    os.kill(pid, signal.SIGCONT)


@contextmanager
def queued(service: Service) -> Iterator[str]:
    with stopped_worker(service):
        yield service.post(LONG)


@contextmanager
def starting(service: Service) -> Iterator[str]:
    job_id = service.post(LONG)
    service.trainer_pid(job_id)
    yield job_id


@contextmanager
def training(service: Service) -> Iterator[str]:
    job_id = service.post(LONG)
    service.wait_for_step(job_id, 3)
    yield job_id


@contextmanager
def finishing(service: Service) -> Iterator[str]:
    """The trainer is done, and its supervisor has yet to see it."""
    service.hold(1)  # or the trainer might be done before the worker has been stopped
    job_id = service.post(LONGER)
    trainer, worker = service.trainer_pid(job_id), service.worker.pid
    service.wait_for_step(job_id, 1)
    stop(service, worker)
    service.let_go()
    wait_until(lambda: state_of(trainer) == "Z", "the trainer was done")
    assert service.job(job_id).step == service.job(job_id).total_steps
    yield job_id
    go_on(worker)


@contextmanager
def paused(service: Service) -> Iterator[str]:
    with training(service) as job_id:
        assert ask(service, job_id, "pause") == (202, Status.RUNNING)
        service.wait_for_status(job_id, Status.PAUSED)
        yield job_id


@contextmanager
def pausing(service: Service) -> Iterator[str]:
    with training(service) as job_id, stopped_worker(service):
        assert ask(service, job_id, "pause") == (202, Status.RUNNING)
        yield job_id


STAGES = [writing_a_checkpoint, queued, starting, training, finishing, paused, pausing]


@pytest.mark.fault(21)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def test_a_job_cancelled_at_any_stage_ends_as_cancelled_alone(
    serve: Serve, fault: Fault, database: str, tmp_path: Path
) -> None:
    service = serve(database=database, workers=0, lease_s=PATIENT_S)
    service.spawn_injected(
        "worker", process="worker.trainer", call="fsync", nth=4, action="stop", token=tmp_path / "token"
    )
    for stage in STAGES:
        with stage(service) as job_id:
            at_once = cancel(service, fault, job_id, stage.__name__) == Status.CANCELLED
            waits = stage in (queued, paused)
            fault.expect(at_once == waits, f"cancelled while {stage.__name__}, at once: {at_once}")
        check_cancelled(service, fault, job_id, stage.__name__)
        fault.expect(
            not service.events(job_id, "crash"), f"a stop while {stage.__name__} was told as a crash"
        )
    job_id = service.post(small())
    service.wait_for_status(job_id, Status.SUCCEEDED)
    fault.expect(ask(service, job_id, "cancel") == (409, ""), "a job that had succeeded could be cancelled")
    fault.expect(service.job(job_id).status == Status.SUCCEEDED, "a refused cancel changed the job")


@pytest.mark.fault(21)
def test_jobs_are_cancelled_and_paused_while_redis_is_down(
    serve: Serve, redis_server: RedisServer, reference: Referee, fault: Fault
) -> None:
    service = serve()
    service.spawn("worker")
    service.hold(1)
    cancelled, resumed, announced = (service.post(spec) for spec in (LONG, LONGER, LONG))
    for job_id in (cancelled, resumed):
        service.wait_for_step(job_id, 1)
    redis_server.stop()
    try:
        fault.expect(ask(service, resumed, "pause") == (202, Status.RUNNING), "a pause was refused")
        unannounced = service.post(LONG)
        for job_id in (cancelled, announced, unannounced):
            cancel(service, fault, job_id, "Redis is down")
        for job_id in (cancelled, announced, unannounced):
            check_cancelled(service, fault, job_id, "Redis is down")
        service.wait_for_status(resumed, Status.PAUSED)
        service.let_go()
        fault.expect(ask(service, resumed, "resume") == (202, Status.QUEUED), "a resume was refused")
    finally:
        redis_server.start()
    service.wait_for_status(resumed, Status.SUCCEEDED)
    service.outcome(resumed).check(fault, reference(LONGER))
    for job_id in (cancelled, announced, unannounced):
        fault.expect(service.job(job_id).status == Status.CANCELLED, "a cancelled job came back with Redis")


@pytest.mark.fault(21)
def test_cancels_and_pauses_at_random_moments_are_obeyed_or_refused(
    serve: Serve, reference: Referee, fault: Fault, thorough: bool, seed: int
) -> None:
    chosen = random.Random(seed)
    service = serve()
    started_s = time.monotonic()
    service.wait_for_status(service.post(small()), Status.SUCCEEDED)
    whole_s = time.monotonic() - started_s
    for number in range(30 if thorough else 3):
        job_id = service.post(small())
        time.sleep(chosen.uniform(0, whole_s))
        if number % 2:
            check_random_cancel(service, fault, job_id)
        else:
            check_random_pause(service, fault, job_id, reference(small()))


def check_random_cancel(service: Service, fault: Fault, job_id: str) -> None:
    code, _ = ask(service, job_id, "cancel")
    fault.inject()
    if code == 202:
        check_cancelled(service, fault, job_id, "anything went on")
        return
    job = service.job(job_id)
    fault.expect((code, job.status) == (409, Status.SUCCEEDED), f"{code} for a job that is {job.status}")


def check_random_pause(service: Service, fault: Fault, job_id: str, expected: Reference) -> None:
    """A pause is too late for a job that is done, and too early for one that is queued."""
    code, _ = ask(service, job_id, "pause")
    fault.inject()
    fault.expect(code in (202, 409), f"a pause was answered {code}")
    if code == 202 and service.wait_for_status(job_id, Status.PAUSED, Status.SUCCEEDED).status == "paused":
        fault.expect(ask(service, job_id, "pause") == (202, Status.PAUSED), "a repeat was refused")
        wait_until(lambda: not pids_of(f"worker.trainer {job_id}"), "its trainer was gone")
        service.outcome(job_id).check_order(fault)
        for _ in range(2):
            # A repeat finds it queued, unless a worker has been so quick that there is nothing to resume.
            code, status = ask(service, job_id, "resume")
            fault.expect(
                (code, status) == (202, Status.QUEUED) or service.job(job_id).attempt == 2,
                f"a resume was answered {code}, {status}",
            )
    service.wait_for_status(job_id, Status.SUCCEEDED)
    fault.expect(not service.events(job_id, "crash"), "a stop was told as a crash")
    service.outcome(job_id).check(fault, expected)
