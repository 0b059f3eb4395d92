"""Trainers that are killed, hang, run out of memory or diverge."""

import json
import math
import os
import random
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from jobs.lifecycle.history import list_evaluations
from jobs.states import Status
from model.events import CheckpointWritten, Event, Phase, Progress
from model.loss import Diverged
from tests.chaos.attempts import Attempts
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.chaos.service import Service
from tests.waiting import wait_until

Moment = Callable[[Event, Event], bool]
"""Whether it lies between two neighbouring events."""

# One tensor of its logits, 128 x 256 x 50,257 float32 numbers, takes 6.6 GB; its weights take 26 MB.
OUTGROWING = small(
    tokenizer="gpt2",
    model={"context_length": 256},
    training={"batch_size": 128, "stride": 1, "grad_accumulation": 1, "max_steps": 2},
)
MEMORY_BYTES = 2 * 2**30
"""Enough for a worker and for the trainer of a small job, not for a spare one, which has started already and
which no limit would reach."""


@pytest.mark.fault(1)
def test_jobs_whose_trainers_are_killed_at_random_moments_end_as_if_undisturbed(
    attempts: Attempts, reference: Referee, fault: Fault, thorough: bool, seed: int
) -> None:
    kills, kills_per_job = (100, 2) if thorough else (3, 3)
    chosen = random.Random(seed)
    whole_s = attempts.finish(attempts.post(small()))
    while fault.injected < kills:
        job_id = attempts.post(small())
        for _ in range(min(kills_per_job, kills - fault.injected)):
            attempt = attempts.start(job_id)
            if not attempt.ended_within(chosen.uniform(0, whole_s)):
                attempt.send(signal.SIGKILL)
            attempt.join()
            if not attempts.was_killed(job_id):
                break  # it was faster
            fault.inject()
            attempts.check_intact(fault, job_id)
        else:
            attempts.finish(job_id)
        attempts.outcome(job_id).check(fault, reference(small()))
        attempts.check_tidy(fault, job_id)


def inside_accumulation(before: Event, event: Event) -> bool:
    return isinstance(before, Progress) and isinstance(event, Progress) and before.step == event.step


def inside_evaluation(before: Event, event: Event) -> bool:
    return before == event == Phase("evaluating")


def inside_sample(before: Event, event: Event) -> bool:
    return before == event == Phase("sampling")


def event_at(moment: Moment, events: list[Event], resumed: int | None, step: int) -> int:
    """Number of the event with which an attempt comes to the first such moment after `step` updates.

    Where a checkpoint is reported as written depends on the disk: those events are not counted.

    events   of the whole undisturbed run
    resumed  the checkpoint that the attempt resumes from; where that was begun, it reports its start
    """
    counted = [event for event in events if not isinstance(event, CheckpointWritten)]
    started = 0 if resumed is None else place_after(counted, resumed, Phase("writing"))
    searched = range(place_after(counted, step) + 1, len(counted))
    found = next(i for i in searched if moment(counted[i - 1], counted[i]))
    return 1 + found - started


def place_after(events: list[Event], step: int, kind: Event | None = None) -> int:
    """Where the progress after `step` updates stands, or the next event equal to `kind`."""
    done = next(i for i, event in enumerate(events) if isinstance(event, Progress) and event.step == step)
    return done if kind is None else events.index(kind, done)


@pytest.mark.fault(1)
def test_a_job_whose_trainer_is_killed_at_the_worst_moments_ends_as_if_undisturbed(
    attempts: Attempts, reference: Referee, fault: Fault
) -> None:
    expected = reference(small())
    job_id = attempts.post(small())
    resumable: list[int | None] = [None]
    for moment, step in [(inside_accumulation, 7), (inside_evaluation, 12), (inside_sample, 17)]:
        nth = event_at(moment, expected.events, resumable[-1], step)
        attempts.run(job_id, call="event", nth=nth)
        check_the_kill(attempts, fault, job_id)
        listed = attempts.checkpoints(job_id)  # a slow disk may not have taken the first one yet
        resumable.append(listed[-1].step if listed else None)
    attempts.run(job_id, call="written", nth=1)  # between a checkpoint's files and its row
    check_the_kill(attempts, fault, job_id)
    unlisted = [Path(folder).name for folder in attempts.outcome(job_id).unlisted]
    assert f"step-{(resumable[-1] or 0) + 5:08d}" in unlisted, "its row was not written"
    resumable.append(resumable[-1])
    attempts.finish(job_id)
    steps = attempts.resumed_steps(job_id)
    fault.expect(steps == resumable, f"resumed from the checkpoints {steps}, while {resumable} were written")
    attempts.outcome(job_id).check(fault, expected)
    attempts.check_tidy(fault, job_id)


def check_the_kill(attempts: Attempts, fault: Fault, job_id: str) -> None:
    assert attempts.was_killed(job_id)
    fault.inject()
    attempts.check_intact(fault, job_id)


@pytest.mark.fault(10)
def test_a_job_whose_trainer_hangs_is_tried_again(
    attempts: Attempts, reference: Referee, fault: Fault, thorough: bool
) -> None:
    expected = reference(small())
    job_id = attempts.post(small())
    hangs = [("event", event_at(inside_accumulation, expected.events, None, 7))]
    if thorough:
        hangs += [("report", 1), ("event", 40)]
    for call, nth in hangs:
        attempt = attempts.start(job_id, call=call, nth=nth, action="stop")
        attempt.lose_patience()
        fault.inject()
        attempt.join()
        crash = attempts.events(job_id, "crash")[-1].data["error"]
        fault.expect(crash["type"] == "stalled", f"a trainer that hung ended as {crash}")
        fault.expect(attempts.job(job_id).status == Status.QUEUED, "it was not tried again")
        fault.expect(not attempts.trainers(job_id), "the trainer that hung is still there")
        attempts.check_intact(fault, job_id)
    attempts.finish(job_id)
    attempts.outcome(job_id).check(fault, expected)
    attempts.check_tidy(fault, job_id)


@pytest.mark.fault(19)
def test_a_job_that_the_allocator_has_no_memory_for_fails_once_and_the_next_one_runs(
    serve: Serve, reference: Referee, fault: Fault
) -> None:
    service = serve(spare_trainer=False)
    pid, (before, most) = service.worker.pid, resource.prlimit(service.worker.pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (MEMORY_BYTES, most))
    check_that_the_queue_moves_on(service, reference, fault, told="can't allocate memory")
    resource.prlimit(pid, resource.RLIMIT_AS, (before, most))


@pytest.mark.thorough
@pytest.mark.fault(19)
def test_a_job_that_the_kernel_kills_for_its_memory_fails_once_and_the_next_one_runs(
    serve: Serve, reference: Referee, fault: Fault
) -> None:
    with memory_group(MEMORY_BYTES) as group:
        service = serve(spare_trainer=False)
        (group / "cgroup.procs").write_text(str(service.worker.pid))
        check_that_the_queue_moves_on(service, reference, fault, told="the kernel killed the trainer")


def check_that_the_queue_moves_on(service: Service, reference: Referee, fault: Fault, told: str) -> None:
    """Expect that a job which needs more memory than there is fails at once, and that its successor runs."""
    job_id, next_id = service.post(OUTGROWING), service.post(small())
    job = service.wait_for_status(job_id, Status.SUCCEEDED, Status.FAILED)
    fault.inject()
    error = job.error or {}
    fault.expect(job.status == Status.FAILED, f"the job is {job.status}")
    fault.expect(error.get("type") == "out_of_memory", f"its error is {error}")
    fault.expect(told in error.get("message", ""), f"its error is {error}")
    fault.expect(job.attempt == 1, f"it was tried {job.attempt} times")
    service.wait_for_status(next_id, Status.SUCCEEDED, Status.FAILED)
    service.outcome(next_id).check(fault, reference(small()))


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Path]:
    """A control group whose processes may use so much memory together; in the end they leave it."""
    root, limit = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
    if not root.exists():  # version 2
        root, limit = root.parent, "memory.max"
        (root / "cgroup.subtree_control").write_text("+memory")
    group = root / f"pretrain-{os.getpid()}"
    group.mkdir()
    try:
        (group / limit).write_text(str(limit_bytes))
        yield group
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                (root / "cgroup.procs").write_text(pid)
        wait_until(lambda: not (group / "cgroup.procs").read_text(), "the group was empty")
        group.rmdir()


@pytest.mark.fault(19)
def test_a_trainer_killed_while_there_is_memory_is_not_said_to_have_run_out_of_it(
    attempts: Attempts, fault: Fault
) -> None:
    job_id = attempts.post(small())
    attempt = attempts.start(job_id)
    attempt.send(signal.SIGKILL)
    attempt.join()
    fault.inject()
    crash = attempts.events(job_id, "crash")[-1].data["error"]
    fault.expect(crash["type"] == "internal", f"the kill was told as {crash}")
    fault.expect(attempts.job(job_id).status == Status.QUEUED, "it was not tried again")


DIVERGING = {"learning_rate": 1, "weight_decay": 100}


@pytest.mark.fault(20)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def test_a_job_that_diverges_fails_at_once_and_tells_the_step_in_valid_json(
    serve: Serve, reference: Referee, fault: Fault, database: str
) -> None:
    service = serve(database=database)
    for spec in (
        small(training=DIVERGING),  # an evaluation finds it
        small(training=DIVERGING, evaluation={"eval_freq": 1000}),  # the next step does
        # A token is to be drawn after the step that broke the weights.
        small(
            training={**DIVERGING, "max_steps": 4},
            evaluation={"eval_freq": 1000},
            sampling={"temperature": 1.0},
        ),
    ):
        with pytest.raises(Diverged) as undisturbed:
            reference(spec)
        job_id = service.post(spec)
        job = service.wait_for_status(job_id, Status.SUCCEEDED, Status.FAILED)
        fault.inject()
        message = str(undisturbed.value)
        told = {"type": "diverged", "message": message, "attempt": 1, "retryable": False}
        fault.expect(job.status == Status.FAILED, f"the job is {job.status}")
        fault.expect(job.error == told, f"its error is {job.error}, not {told}")
        fault.expect(f"at step {undisturbed.value.step}" in message, "the step is not told")
        check_that_all_is_finite(service, fault, job_id)
        service.outcome(job_id).check_order(fault)


def check_that_all_is_finite(service: Service, fault: Fault, job_id: str) -> None:
    """Expect that no number told of the job is NaN or infinite, which JSON does not have."""
    for path in ("", "/losses", "/samples", "/checkpoints", "/events"):
        answer = service.request("GET", f"/jobs/{job_id}{path}")
        assert answer.status_code == 200
        strange: list[str] = []
        json.loads(answer.text, parse_constant=strange.append)
        fault.expect(not strange, f"/jobs/{job_id}{path} has {strange}")
    with service.database.read() as session:
        for row in list_evaluations(session, job_id):
            numbers = [row.train_loss, row.val_loss, row.learning_rate, row.grad_norm, row.tokens_per_s]
            finite = all(number is None or math.isfinite(number) for number in numbers)
            fault.expect(finite, f"job {job_id}, step {row.step}: {numbers}")
