"""Checkpoints that are damaged between two attempts."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.files.cleanup import sweep_idle_jobs
from jobs.states import Status
from jobs.store.tables import Checkpoint
from model.checkpoint import load_model
from model.manifest import MANIFEST, TRAINING, WEIGHTS, CheckpointError
from tests.chaos.attempts import Attempts
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.waiting import wait_until

Damage = Callable[[Path, random.Random], None]


def truncate(path: Path, chosen: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chosen.randrange(len(content))])


def flip_a_bit(path: Path, chosen: random.Random) -> None:
    content = path.read_bytes()
    while means_the_same(path, flipped := with_a_bit_flipped(content, chosen), content):
        pass
    path.write_bytes(flipped)


def with_a_bit_flipped(content: bytes, chosen: random.Random) -> bytes:
    at = chosen.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chosen.randrange(8)]) + content[at + 1 :]


def means_the_same(path: Path, flipped: bytes, content: bytes) -> bool:
    """Whether it is the same JSON all the same: 1e-08 may become 1E-08."""
    if path.name != MANIFEST:
        return False
    try:
        return json.loads(flipped) == json.loads(content)
    except ValueError:
        return False


def remove(path: Path, _: random.Random) -> None:
    path.unlink()


def remove_all(path: Path, _: random.Random) -> None:
    shutil.rmtree(path.parent)


QUICK: list[tuple[str, Damage]] = [(WEIGHTS, flip_a_bit), (TRAINING, truncate), (MANIFEST, remove)]
THOROUGH = [
    *((name, damage) for name in (WEIGHTS, TRAINING, MANIFEST) for damage in (truncate, flip_a_bit, remove)),
    (WEIGHTS, remove_all),
]


@pytest.mark.fault(17)
def test_a_job_goes_on_from_the_checkpoint_before_a_damaged_one(
    attempts: Attempts, reference: Referee, fault: Fault, thorough: bool, seed: int
) -> None:
    chosen = random.Random(seed)
    spec = small(training={"num_epochs": 18 if thorough else 15})
    job_id = attempts.post(spec)
    used, damaged = [], []
    for name, damage in THOROUGH if thorough else QUICK:
        drain(attempts, job_id)
        before, newest = resumable(attempts, job_id)
        damage(attempts.folder(newest) / name, chosen)
        fault.inject()
        if name != TRAINING:  # which generation has no use for
            fault.expect(is_refused(attempts.folder(newest)), f"served after {damage.__name__} of {name}")
        used.append(before.step)
        damaged.append(newest.step)
    attempts.finish(job_id)
    told = [event.data["step"] for event in attempts.events(job_id, "checkpoint_damaged")]
    fault.expect(told == damaged, f"the checkpoints {damaged} were damaged, but {told} are told of")
    steps = attempts.resumed_steps(job_id)
    fault.expect(steps == [None, *used], f"resumed from {steps}, not from {used}")
    attempts.outcome(job_id).check(fault, reference(spec))
    sweep_idle_jobs(attempts.database, attempts.settings.artifacts)
    attempts.check_tidy(fault, job_id)


@pytest.mark.fault(17)
def test_a_job_all_of_whose_checkpoints_are_damaged_starts_anew(
    attempts: Attempts, reference: Referee, fault: Fault, seed: int
) -> None:
    chosen = random.Random(seed)
    job_id = attempts.post(small())
    drain(attempts, job_id)
    for checkpoint in attempts.checkpoints(job_id):
        flip_a_bit(attempts.folder(checkpoint) / WEIGHTS, chosen)
        fault.inject()
    attempts.finish(job_id)
    steps = attempts.resumed_steps(job_id)
    fault.expect(steps == [None, None], f"resumed from {steps}")
    attempts.outcome(job_id).check(fault, reference(small()))


def drain(attempts: Attempts, job_id: str) -> None:
    """An attempt that is shut down in mid-training, after its first checkpoint."""
    before = {checkpoint.id for checkpoint in attempts.checkpoints(job_id)}
    attempts.hold.at("checkpoint")  # or the job might be over before the attempt is shut down
    attempt = attempts.start(job_id)
    wait_until(
        lambda: {checkpoint.id for checkpoint in attempts.checkpoints(job_id)} - before,
        "the attempt wrote a checkpoint",
    )
    attempt.shutting_down.set()
    attempt.join()
    attempts.hold.end()
    assert attempts.job(job_id).status == Status.QUEUED


def resumable(attempts: Attempts, job_id: str) -> list[Checkpoint]:
    return [checkpoint for checkpoint in attempts.checkpoints(job_id) if checkpoint.resumable]


def is_refused(directory: Path) -> bool:
    try:
        load_model(directory)
    except CheckpointError:
        return True
    return False
