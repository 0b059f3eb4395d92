"""Workers that are killed, stopped and shut down while they train."""

import pytest
from sqlalchemy import update

from jobs.states import Status
from jobs.store.database import now_s
from jobs.store.tables import Job
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.chaos.stopping import go_on, stop
from tests.waiting import wait_until
from tests.worker.processes import parent_of, pids_of

LONGER = small(training={"num_epochs": 30})


@pytest.mark.fault(7)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def test_a_worker_that_is_shut_down_hands_its_job_back(
    serve: Serve, reference: Referee, fault: Fault, database: str
) -> None:
    service = serve(database=database)
    service.hold(23)
    job_id = service.post(LONGER)
    service.wait_for_step(job_id, 23)
    status = service.worker.terminate()
    service.let_go()
    fault.inject()
    fault.expect(status == 0, f"the worker ended with {status}")
    job = service.job(job_id)
    fault.expect((job.status, job.failures) == (Status.QUEUED, 0), f"{job.status}, {job.failures} failures")
    done = service.steps(job_id)[-1] + 1
    service.spawn("worker")
    service.wait_for_status(job_id, Status.SUCCEEDED)
    resumed = service.events(job_id, "started")[-1].data["resumed_step"]
    fault.expect(resumed == done, f"resumed at step {resumed}, although {done} were done")
    service.outcome(job_id).check(fault, reference(LONGER))


@pytest.mark.fault(4)
@pytest.mark.parametrize("database", ["postgresql", pytest.param("sqlite", marks=pytest.mark.thorough)])
def test_a_worker_killed_right_after_its_claim_loses_the_job_to_the_next(
    serve: Serve, reference: Referee, fault: Fault, database: str
) -> None:
    service = serve(database=database)
    first = service.worker
    service.hold(0)
    job_id = service.post(small())
    wait_until(lambda: service.job(job_id).status == Status.RUNNING, "the job was claimed")
    first.kill()
    service.let_go()
    fault.inject()
    fault.expect(service.job(job_id).status == Status.RUNNING, "the lease was not respected")
    service.spawn("worker")
    job = service.wait_for_status(job_id, Status.SUCCEEDED)
    fault.expect(job.attempt == 2, f"it took {job.attempt} attempts")
    crash = service.events(job_id, "crash")[0]
    fault.expect(crash.data["error"]["type"] == "worker_lost", f"the crash was told as {crash.data}")
    service.outcome(job_id).check(fault, reference(small()))


@pytest.mark.fault(6)
def test_the_trainer_dies_with_its_supervisor(serve: Serve, reference: Referee, fault: Fault) -> None:
    service = serve()
    service.spawn("worker")
    wait_until(lambda: len(service.live_workers()) == 2, "both listened")
    service.hold(20)
    job_id = service.post(LONGER)
    service.wait_for_step(job_id, 20)
    pid = service.trainer_pid(job_id)
    supervisor = next(process for process in service.of_kind("worker") if parent_of(pid) == process.pid)
    supervisor.kill()
    service.let_go()
    fault.inject()
    wait_until(lambda: pid not in pids_of(f"worker.trainer {job_id}"), "the orphan was gone")
    fault.expect(service.job(job_id).attempt == 1, "it ran twice at once")
    service.wait_for_status(job_id, Status.SUCCEEDED)
    service.outcome(job_id).check(fault, reference(LONGER))


@pytest.mark.fault(9)
@pytest.mark.parametrize("trainer_too", [False, True])
def test_a_stopped_worker_that_goes_on_past_its_lease_writes_nothing(
    serve: Serve, reference: Referee, fault: Fault, trainer_too: bool
) -> None:
    service = serve()
    stale = service.worker
    service.hold(20)
    job_id = service.post(LONGER)
    service.wait_for_step(job_id, 20)
    pids = [stale.pid, *([service.trainer_pid(job_id)] if trainer_too else [])]
    stop(service, *pids)
    service.let_go()
    fault.inject()
    service.spawn("worker")
    wait_until(lambda: service.job(job_id).attempt == 2, "another attempt owned the job")
    told = [event.id for event in service.events(job_id) if event.attempt == 1]
    go_on(*pids)
    service.wait_for_status(job_id, Status.SUCCEEDED)
    wait_until(lambda: len(service.live_workers()) == 2, "the stale worker was back")
    fault.expect(
        [event.id for event in service.events(job_id) if event.attempt == 1] == told, "a stale attempt wrote"
    )
    service.outcome(job_id).check(fault, reference(LONGER))


@pytest.mark.fault(5)
def test_a_worker_killed_after_the_last_checkpoint_costs_no_training(
    serve: Serve, reference: Referee, fault: Fault
) -> None:
    # Long enough for the trainer to come to its end although nobody renews any more.
    service = serve(lease_s=45.0)
    worker = service.worker
    service.hold(1)
    job_id = service.post(small())
    service.wait_for_step(job_id, 1)
    stop(service, worker.pid)  # so that nobody records the end
    service.let_go()
    wait_until(lambda: service.job(job_id).step == service.job(job_id).total_steps, "training was done")
    wait_until(lambda: not pids_of(f"worker.trainer {job_id}"), "the trainer had ended")
    worker.kill()
    fault.inject()
    with service.database.write() as session:  # as if the rest of the lease had gone by
        session.execute(update(Job).where(Job.id == job_id).values(lease_expires_at=now_s()))
    service.spawn("worker")
    job = service.wait_for_status(job_id, Status.SUCCEEDED)
    started = service.events(job_id, "started")
    fault.expect(len(started) == 2, "the second attempt did not start")
    fault.expect(started[-1].data["resumed_step"] == job.total_steps, f"it trained again: {started[-1].data}")
    service.outcome(job_id).check(fault, reference(small()))
