import pytest
import torch
from sqlalchemy.exc import OperationalError

from jobs.broker.generation import Failure
from jobs.process.panics import NativePanic
from jobs.store.lookup import NotFound
from model.inference.sampling import NotFiniteLogits
from model.manifest import CheckpointError
from worker.generation.failures import ShuttingDown, failure_of
from worker.generation.models import CheckpointDamaged

SECRET = "/srv/secret"


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (NotFound("no job 'job-0'"), "not_found", "no job 'job-0'"),
        (
            CheckpointDamaged("the checkpoint of step 1 of job job-a is damaged"),
            "unavailable",
            "the checkpoint of step 1",
        ),
        (NotFiniteLogits(), "unavailable", "the model computes no finite numbers"),
        (ShuttingDown(), "unavailable", "the worker is shutting down"),
        (OperationalError(SECRET, {}, Exception(SECRET)), "unavailable", "the database does not answer"),
        (MemoryError(SECRET), "unavailable", "the worker ran out of memory"),
        (torch.cuda.OutOfMemoryError(SECRET), "unavailable", "the worker ran out of memory"),
        (NativePanic(SECRET), "internal", "the worker failed at this request (NativePanic)"),
        (CheckpointError(SECRET), "internal", "the worker failed at this request (CheckpointError)"),
        (KeyboardInterrupt(SECRET), "internal", "the worker failed at this request (KeyboardInterrupt)"),
    ],
)
def test_a_failure_has_its_cause_and_a_reason_of_our_own(error, cause, reason):
    failure = failure_of(error)
    assert isinstance(failure, Failure)
    assert failure.cause == cause
    assert failure.reason.startswith(reason)
    assert SECRET not in failure.reason
