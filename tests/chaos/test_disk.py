"""Disks that are full when a checkpoint is to be written."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from jobs.lifecycle.requests import resume
from jobs.lifecycle.submission import submit
from jobs.spec.parsing import parse_spec
from jobs.states import Status
from jobs.store.tables import Job
from tests.chaos.attempts import Attempts
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.chaos.service import Service
from tests.waiting import wait_until

SYNCS_OF_A_CHECKPOINT = 5
SYNCS_OF_TOKENS = 2
"""Which only the first trainer of a text writes."""
SECOND_CHECKPOINT = SYNCS_OF_A_CHECKPOINT + SYNCS_OF_TOKENS + 2
"""A sync in it, also of a trainer that has had to write the tokens first."""
LONGER = small(training={"num_epochs": 30})
NEVER_S = 3600.0


def full_disks(job_events: list) -> int:
    """How often the job has been paused because the disk was full."""
    statuses = [event.data for event in job_events if event.type == "status"]
    return sum(told.get("error", {}).get("type") == "disk_full" for told in statuses)


def check_paused(fault: Fault, job: Job) -> None:
    found = job.error and job.error["type"]
    fault.expect(
        (job.status, found) == (Status.PAUSED, "disk_full"), f"job {job.id} is {job.status} with {job.error}"
    )
    fault.expect(job.failures == 0, "a full disk was counted as a crash")


@pytest.mark.fault(16)
def test_whatever_part_of_a_checkpoint_finds_no_room_the_earlier_ones_stay_and_the_job_goes_on(
    attempts: Attempts, reference: Referee, fault: Fault, thorough: bool
) -> None:
    # The tokens; then in the first checkpoint, and in the third, which replaces one, whatever it writes.
    third = 2 * SYNCS_OF_A_CHECKPOINT
    parts = range(1, SYNCS_OF_A_CHECKPOINT + 1)
    for nth in (1, *parts, *(third + part for part in parts)) if thorough else (1, third):
        job_id = attempts.post(small())
        attempts.run(job_id, call="fsync", nth=nth, action="no-space")
        fault.inject()
        check_paused(fault, attempts.job(job_id))
        attempts.check_intact(fault, job_id)
        attempts.outcome(job_id).check_clean(fault)
        listed = len(attempts.checkpoints(job_id))
        fault.expect(listed == min(2, (nth - 1) // SYNCS_OF_A_CHECKPOINT), f"{listed} left at sync {nth}")
        with attempts.database.write() as session:
            resume(session, job_id)
        attempts.finish(job_id)
        attempts.outcome(job_id).check(fault, reference(small()))
        attempts.check_tidy(fault, job_id)


def serve_without_room(serve: Serve, token: Path, nth: int, **options: float) -> Service:
    """A service whose worker's trainers find no room, once, at their `nth` sync."""
    service = serve(workers=0, **options)
    service.spawn_injected(
        "worker", process="worker.trainer", call="fsync", nth=nth, action="no-space", token=token
    )
    return service


@pytest.mark.fault(16)
def test_the_keeper_resumes_a_paused_job_once_there_is_room(
    serve: Serve, reference: Referee, fault: Fault, tmp_path: Path
) -> None:
    service = serve_without_room(serve, tmp_path / "token", nth=SECOND_CHECKPOINT, disk_retry_s=1.0)
    job_id = service.post(small())
    job = service.wait_for_status(job_id, Status.SUCCEEDED)
    fault.inject()
    fault.expect(full_disks(service.events(job_id)) == 1, "it was not paused for want of room")
    fault.expect(job.attempt == 2, f"it took {job.attempt} attempts")
    resumed = service.events(job_id, "started")[-1].data["resumed_step"]
    fault.expect(resumed == 5, f"resumed at step {resumed}, although the checkpoint of step 5 was written")
    service.outcome(job_id).check(fault, reference(small()))


@pytest.mark.fault(16)
def test_a_person_may_resume_or_cancel_a_job_that_a_full_disk_has_paused(
    serve: Serve, reference: Referee, fault: Fault, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    service = serve_without_room(serve, token, nth=SECOND_CHECKPOINT, disk_retry_s=NEVER_S)
    paused = []
    for _ in range(2):
        paused.append(service.post(small()))
        check_paused(fault, service.wait_for_status(paused[-1], Status.PAUSED, Status.SUCCEEDED))
        fault.inject()
        token.unlink()  # so that the next job's trainer finds no room, too
    resumed, cancelled = paused
    for _ in range(2):
        answer = service.request("POST", f"/jobs/{cancelled}/cancel")
        fault.expect(answer.status_code == 202, f"the cancel was answered {answer.status_code}")
        fault.expect(answer.json()["status"] == Status.CANCELLED, f"the answer to it: {answer.json()}")
    token.touch()
    answer = service.request("POST", f"/jobs/{resumed}/resume")
    fault.expect(answer.status_code == 202, f"the resume was answered {answer.status_code}")
    service.wait_for_status(resumed, Status.SUCCEEDED)
    service.outcome(resumed).check(fault, reference(small()))
    outcome = service.outcome(cancelled)
    fault.expect(outcome.status == Status.CANCELLED, f"the cancelled job is {outcome.status}")
    outcome.check_order(fault)
    outcome.check_clean(fault)


class SmallDisk:
    """A file system of its own, of some megabytes, that can be filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True)

    def fill(self) -> None:
        """Leave no room, also not what is freed meanwhile."""
        self._top_up()
        assert shutil.disk_usage(self.folder).free == 0

    def _top_up(self) -> None:
        with self._ballast.open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while ballast.write(bytes(4096)):
                pass

    def leave(self, free_bytes: int) -> None:
        """Fill it but for `free_bytes`."""
        self.fill()
        os.truncate(self._ballast, self._ballast.stat().st_size - free_bytes)

    def stay_full_until(self, condition: Callable[[], bool], what: str) -> None:
        """Fill it again and again: what is deleted meanwhile, such as a checkpoint that gives way to the next
        one, would otherwise be room for another."""

        def full_and_met() -> bool:
            self._top_up()
            return condition()

        wait_until(full_and_met, what)

    def make_room(self) -> None:
        self._ballast.unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", self.folder], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.unmount()


@pytest.fixture
def serve_on_it(small_disk: SmallDisk, serve: Serve) -> Serve:
    """As `serve`, which here ends before the disk goes."""
    return serve


def has_stopped(service: Service, job_id: str) -> bool:
    return service.job(job_id).status in (Status.PAUSED, Status.SUCCEEDED)


def store_unannounced(service: Service) -> str:
    """A job that only a keeper can publish."""
    return submit(service.database, service.settings, parse_spec(small()))[0].id


@pytest.mark.thorough
@pytest.mark.fault(16)
def test_a_disk_that_fills_up_in_mid_training_pauses_jobs_until_there_is_room(
    serve_on_it: Serve, small_disk: SmallDisk, reference: Referee, fault: Fault
) -> None:
    service = serve_on_it(artifacts_url=str(small_disk.folder), disk_retry_s=0.5)
    for step in (3, 21, 64):
        trained = service.post(LONGER)
        service.wait_for_step(trained, step)
        small_disk.stay_full_until(partial(has_stopped, service, trained), "the job had paused")
        fault.inject()
        job = service.job(trained)
        check_paused(fault, job)
        outcome = service.outcome(trained)
        outcome.check_order(fault)
        outcome.check_clean(fault)
        # Each of these is published and tried, so the keeper has looked, and looked again, by then.
        waiting = []
        for _ in range(2):
            waiting.append(store_unannounced(service))
            check_paused(fault, service.wait_for_status(waiting[-1], Status.PAUSED, Status.SUCCEEDED))
            fault.expect(not service.events(waiting[-1], "started"), "a job was started without room for it")
        after = service.job(trained)
        fault.expect(
            (after.status, after.attempt) == (Status.PAUSED, job.attempt), "it was tried again in vain"
        )
        cancelled = waiting.pop()
        service.request("POST", f"/jobs/{cancelled}/cancel").raise_for_status()
        small_disk.make_room()
        for job_id, spec in [(trained, LONGER), (waiting[0], small())]:
            job = service.wait_for_status(job_id, Status.SUCCEEDED)
            fault.expect(job.attempt == 2, f"it took {job.attempt} attempts")
            service.outcome(job_id).check(fault, reference(spec))
            service.outcome(job_id).check_clean(fault)
        fault.expect(service.job(cancelled).status == Status.CANCELLED, "the cancelled job came back")


@pytest.mark.thorough
@pytest.mark.fault(16)
def test_a_disk_that_is_full_for_the_database_too_loses_nothing(
    serve_on_it: Serve, small_disk: SmallDisk, reference: Referee, fault: Fault
) -> None:
    service = serve_on_it(data_dir=small_disk.folder / "data", disk_retry_s=0.5)
    trained = service.post(LONGER)
    service.wait_for_step(trained, 21)
    small_disk.fill()
    fault.inject()
    pid = service.trainer_pid(trained)
    wait_until(lambda: not Path(f"/proc/{pid}/exe").exists(), "the trainer had ended")
    posted = service.request("POST", "/jobs", json=small())
    fault.expect(posted.status_code in (201, 503, 507), f"a POST was answered {posted.status_code}")
    small_disk.make_room()
    promised = [posted.json()["id"]] if posted.status_code == 201 else []
    for job_id, spec in [(trained, LONGER), *((job_id, small()) for job_id in promised)]:
        service.wait_for_status(job_id, Status.SUCCEEDED)
        service.outcome(job_id).check(fault, reference(spec))


@pytest.mark.thorough
@pytest.mark.fault(16)
def test_a_text_for_which_there_is_no_room_is_refused_and_leaves_nothing(
    serve_on_it: Serve, small_disk: SmallDisk, fault: Fault
) -> None:
    service = serve_on_it(workers=0, artifacts_url=str(small_disk.folder))
    upload = {"name": "large", "text": "a line of a text\n" * 60_000}  # 1,020,000 bytes
    for free_bytes in (0, 4096, 500_000, 1_015_808):
        small_disk.leave(free_bytes)
        answer = service.request("POST", "/datasets", json=upload)
        fault.inject()
        fault.expect(
            answer.status_code == 507, f"{free_bytes:,} bytes free: {answer.status_code} {answer.text}"
        )
        fault.expect("are missing" in answer.json()["detail"], f"it does not say what: {answer.text}")
        files = [file.name for file in (small_disk.folder / "datasets").glob("*")]
        fault.expect(files == [], f"left behind: {files}")
        listed = service.request("GET", "/datasets").json()["data"]
        fault.expect(all(row["builtin"] for row in listed), "a data set without a text was recorded")
    small_disk.make_room()
    answer = service.request("POST", "/datasets", json=upload)
    fault.expect(answer.status_code == 201, f"with room: {answer.status_code} {answer.text}")
