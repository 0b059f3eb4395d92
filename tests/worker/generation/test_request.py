from structlog.contextvars import bound_contextvars

from worker.generation.models import CheckpointRef
from worker.generation.request import Request


def test_a_request_keeps_in_whose_name_it_was_taken_for_threads_that_work_for_all() -> None:
    checkpoint = CheckpointRef.__new__(CheckpointRef)
    with bound_contextvars(request_id="asking-1", generation="generation-1"):
        taken = Request("generation-1", "last", checkpoint)
    assert taken.log_fields == {"request_id": "asking-1", "generation": "generation-1"}
    assert Request("generation-2", "last", checkpoint).log_fields == {}
