"""Processes killed at the Nth sync, rename, deletion or commit, for every N that there is."""

import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jobs.states import TERMINAL, Status
from tests.chaos.attempts import Attempts
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, Reference, small
from tests.chaos.service import Service
from tests.waiting import wait_until

# The rate is so high that the loss rises: the first checkpoint stays the best and gives up the optimizer's
# state for the second one, and the second is deleted for the third.
SHORT = small(
    training={"num_epochs": 1, "learning_rate": 0.5}, checkpoints={"every_steps": 2, "keep_last": 1}
)
QUICK_SERVICE = {"lease_s": 6.0, "renew_s": 1.0, "keeper_s": 3.0}

# Where the attempts at one job are killed, one after the other. The first comes as far as into a checkpoint,
# the second one further, and the third, which resumes, to where a checkpoint gives up its optimizer's state.
QUICK = {"fsync": [3, 7, 8], "rename": [2, 3, 3], "commit": [4, 8, 12], "commit-answered": [3, 8, 10]}


def test_an_undisturbed_trainer_leaves_nothing_that_its_checkpoints_have_given_up(
    attempts: Attempts, reference: Referee
) -> None:
    """Without which the others would not tell: an attempt that follows a crash deletes what is left."""
    none = Fault(2)
    check_the_end(attempts, none, attempts.post(SHORT), reference(SHORT))
    assert none.violations == []


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    "call",
    [
        "fsync",
        "commit",
        pytest.param("rename", marks=pytest.mark.thorough),
        pytest.param("commit-answered", marks=pytest.mark.thorough),
    ],
)
def test_a_trainer_killed_at_some_syncs_renames_and_commits_leaves_the_old_state_or_the_new(
    attempts: Attempts, reference: Referee, fault: Fault, call: str
) -> None:
    job_id = attempts.post(SHORT)
    for nth in QUICK[call]:
        attempts.run(job_id, call=call, nth=nth)
        assert attempts.was_killed(job_id)
        fault.inject()
        attempts.check_intact(fault, job_id)
    check_the_end(attempts, fault, job_id, reference(SHORT))


@pytest.mark.thorough
@pytest.mark.fault(2)
@pytest.mark.parametrize("call", ["commit", "commit-answered"])
def test_a_trainer_killed_at_any_commit_leaves_the_old_state_or_the_new(
    attempts: Attempts, reference: Referee, fault: Fault, call: str
) -> None:
    sweep(attempts, fault, reference(SHORT), lambda job_id, nth: attempts.run(job_id, call=call, nth=nth))


@pytest.mark.thorough
@pytest.mark.fault(2)
@pytest.mark.parametrize("calls", ["fsync", "fdatasync", "rename,renameat,renameat2", "unlink,unlinkat"])
def test_a_trainer_killed_at_any_sync_rename_or_deletion_leaves_the_old_state_or_the_new(
    attempts: Attempts,
    reference: Referee,
    fault: Fault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: str,
) -> None:
    traced_python = tmp_path / "traced-python"
    python = sys.executable

    def run_traced(job_id: str, nth: int) -> None:
        # -D: the trainer stays the child of its supervisor, and strace goes to the side. It would be faster
        # with --seccomp-bpf, under which strace 6.1 sends no signal.
        strace = f"strace -D -f -qq -o {tmp_path / 'strace.log'}"
        injection = f"-e trace={calls} -e inject={calls}:signal=KILL:when={nth}"
        traced_python.write_text(f'#!/bin/sh\nexec {strace} {injection} {python} "$@"\n')
        traced_python.chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(traced_python))
            attempts.run(job_id)

    sweep(attempts, fault, reference(SHORT), run_traced)


def sweep(attempts: Attempts, fault: Fault, expected: Reference, run: Callable[[str, int], None]) -> None:
    """For a job each, `run` an attempt that is killed at the Nth call, until an attempt has made no Nth."""
    for nth in count(1):
        job_id = attempts.post(SHORT)
        run(job_id, nth)
        if not attempts.was_killed(job_id):
            attempts.outcome(job_id).check(fault, expected)
            return
        fault.inject()
        attempts.check_intact(fault, job_id)
        check_the_end(attempts, fault, job_id, expected)


def check_the_end(attempts: Attempts, fault: Fault, job_id: str, expected: Reference) -> None:
    """Expect that the job, left alone now, ends as if undisturbed and leaves nothing behind."""
    attempts.finish(job_id)
    attempts.outcome(job_id).check(fault, expected)
    attempts.check_tidy(fault, job_id)


@pytest.mark.fault(2)
def test_a_worker_killed_at_a_commit_loses_no_job(
    serve: Serve, reference: Referee, fault: Fault, thorough: bool, tmp_path: Path
) -> None:
    service = serve(workers=0, **QUICK_SERVICE)
    for nth in count(1) if thorough else (3, 6):
        injection = kill_at_commit(nth, tmp_path, process=["worker", "train"])
        if not worker_is_killed(service, injection, fault, reference(SHORT)):
            break


def worker_is_killed(service: Service, injection: dict[str, Any], fault: Fault, expected: Reference) -> bool:
    """Whether the injection has struck a worker before its job was done. If so, another one must do it."""
    worker = service.spawn_injected("worker", **injection)
    job_id = service.post(SHORT)
    wait_until(lambda: not worker.alive or service.job(job_id).status in TERMINAL)
    if worker.alive:
        return False
    check_the_replacement(service, "worker", fault, job_id, expected)
    return True


@pytest.mark.fault(2)
def test_a_keeper_killed_at_a_commit_loses_no_job(
    serve: Serve, reference: Referee, fault: Fault, thorough: bool, tmp_path: Path
) -> None:
    service = serve(workers=0, keepers=0, **QUICK_SERVICE)
    for nth in count(1) if thorough else (6,):
        injection = kill_at_commit(nth, tmp_path, process="worker.keeper")
        if not keeper_is_killed(service, injection, fault, reference(SHORT)):
            break


def keeper_is_killed(service: Service, injection: dict[str, Any], fault: Fault, expected: Reference) -> bool:
    """Whether the injection has struck a keeper before it gave a lost worker's job to another one. If so, the
    next keeper must do that."""
    service.hold(0)
    job_id = service.post(SHORT)
    lost = service.spawn("worker")
    service.wait_for_status(job_id, Status.RUNNING)
    lost.kill()
    service.let_go()
    worker = service.spawn("worker")
    keeper = service.spawn_injected("keeper", **injection)
    wait_until(lambda: not keeper.alive or service.job(job_id).attempt == 2)
    if keeper.alive:
        return False
    check_the_replacement(service, "keeper", fault, job_id, expected)
    worker.kill()
    return True


def check_the_replacement(
    service: Service, kind: str, fault: Fault, job_id: str, expected: Reference
) -> None:
    """Expect that the killed process has left nothing half-done, and that another one ends the job."""
    fault.inject()
    service.outcome(job_id).check_order(fault)
    replacement = service.spawn(kind)
    check_the_success(service, fault, job_id, expected)
    replacement.kill()


def kill_at_commit(nth: int, folder: Path, process: str | list[str]) -> dict[str, Any]:
    token = folder / f"struck-{nth}"
    return {"process": process, "call": "commit", "nth": nth, "action": "kill", "token": token}


def check_the_success(service: Service, fault: Fault, job_id: str, expected: Reference) -> None:
    service.wait_for_status(job_id, Status.SUCCEEDED)
    outcome = service.outcome(job_id)
    outcome.check(fault, expected)
    outcome.check_clean(fault)
