"""What is told to one whose prompt could not be answered."""

from sqlalchemy.exc import DBAPIError

from jobs.broker.generation import Failure
from jobs.store.lookup import NotFound
from worker.generation.models import Damaged
from worker.training.oom import found_out_of_memory


class ShuttingDown(Exception):
    """The worker has been asked to end."""


def failure_of(error: BaseException) -> Failure:
    """For the one who asked: no word of it comes from an error whose text could have a path of the server."""
    if isinstance(error, NotFound):
        return Failure(cause="not_found", reason=str(error))
    if isinstance(error, Damaged):
        return Failure(cause="unavailable", reason=str(error))
    if isinstance(error, ShuttingDown):
        return Failure(cause="unavailable", reason="the worker is shutting down")
    if isinstance(error, DBAPIError):
        return Failure(cause="unavailable", reason="the database does not answer")
    if found_out_of_memory(error):
        return Failure(cause="unavailable", reason="the worker ran out of memory")
    return Failure(
        cause="internal",
        reason=f"the worker failed at this request ({type(error).__name__}); its log has the reason",
    )
