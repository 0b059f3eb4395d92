"""What must hold for every job, whatever was done to it."""

import math
from dataclasses import dataclass
from pathlib import Path

from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.history import list_evaluations, list_samples
from jobs.states import TERMINAL, Status, may_become
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from model.manifest import CheckpointError, verify
from tests.chaos.faults import Fault
from tests.chaos.reference import Reference
from tests.worker.processes import pids_of


@dataclass(frozen=True)
class Outcome:
    """What a job has come to, as rows, files and processes show it."""

    job_id: str
    status: str
    losses: list[tuple[int, float, float]]
    samples: list[tuple[int, str]]
    sha256: str | None
    """Of the newest checkpoint's weights."""
    statuses: list[str]
    """In order, as the events tell them."""
    damaged: list[str]
    """Listed checkpoints that cannot be loaded, and why."""
    unlisted: list[str]
    """Folders that no row lists."""
    trainers: list[int]
    """Processes that still train it."""

    def check(self, fault: Fault, reference: Reference, status: str = Status.SUCCEEDED) -> None:
        """Expect that it ended in `status` just as the undisturbed `reference` did."""
        named = f"job {self.job_id}"
        fault.expect(self.status == status, f"{named} is {self.status}, not {status}")
        fault.expect(self.losses == reference.losses, f"{named}: losses differ from the undisturbed run's")
        fault.expect(self.samples == reference.samples, f"{named}: samples differ from the undisturbed run's")
        fault.expect(self.sha256 == reference.sha256, f"{named}: weights differ from the undisturbed run's")
        self.check_order(fault)

    def check_order(self, fault: Fault) -> None:
        """Expect what must hold for every job, however it ended."""
        named = f"job {self.job_id}"
        terminal = [status for status in self.statuses if status in TERMINAL]
        fault.expect(len(terminal) <= 1, f"{named} reached several terminal statuses: {self.statuses}")
        for before, after in zip(self.statuses, self.statuses[1:], strict=False):
            fault.expect(may_become(Status(before), Status(after)), f"{named} went from {before} to {after}")
        steps = [step for step, *_ in self.losses]
        fault.expect(steps == sorted(set(steps)), f"{named}: a step stands twice or out of order: {steps}")
        finite = all(math.isfinite(loss) for _, *losses in self.losses for loss in losses)
        fault.expect(finite, f"{named}: a loss is not finite")
        fault.expect(not self.damaged, f"{named}: listed checkpoints are damaged: {self.damaged}")
        fault.expect(not self.trainers, f"{named}: trainers outlived it: {self.trainers}")

    def check_clean(self, fault: Fault) -> None:
        """Expect that no file is left that no row speaks of."""
        fault.expect(not self.unlisted, f"job {self.job_id}: files that no row lists: {self.unlisted}")


def outcome_of(database: Database, artifacts: Path, job_id: str) -> Outcome:
    with database.read() as session:
        job = get_job(session, job_id)
        evaluations = list_evaluations(session, job_id)
        samples = list_samples(session, job_id)
        checkpoints = list_checkpoints(session, job_id)
        events = list_events(session, job_id, limit=100_000)
    damaged = []
    for checkpoint in checkpoints:
        try:
            verify(artifacts / checkpoint.directory)
        except CheckpointError as error:
            damaged.append(str(error))
    listed = {checkpoint.directory for checkpoint in checkpoints}
    folders = (artifacts / "jobs" / job_id).glob("attempt-*/*")
    return Outcome(
        job_id=job_id,
        status=job.status,
        losses=[(row.step, row.train_loss, row.val_loss) for row in evaluations],
        samples=[(row.step, row.text) for row in samples],
        sha256=checkpoints[-1].sha256 if checkpoints else None,
        statuses=[event.data["status"] for event in events if event.type == "status"],
        damaged=damaged,
        unlisted=sorted(
            str(folder) for folder in folders if str(folder.relative_to(artifacts)) not in listed
        ),
        trainers=pids_of(f"worker.trainer {job_id}") if job.status in TERMINAL else [],
    )
