"""The messages for requests that could not be answered."""

from sqlalchemy.exc import DBAPIError

from jobs.broker.generation import Failure
from jobs.store.lookup import NotFound
from model.inference.sampling import NotFiniteLogits
from worker.generation.models import CheckpointDamaged
from worker.oom import find_oom_error


class InvalidText(ValueError):
    """A prompt, or a text to score, can't be taken; the message says what would be right."""


class CheckpointReplaced(Exception):
    """A text that is begun can't go on: the weights that it began with are gone."""


class ShuttingDown(Exception):
    """The worker has been asked to end."""


def failure_of(error: BaseException) -> Failure:
    """For the requester: it quotes no error whose message could have a path of the server."""
    if isinstance(error, NotFound):
        return Failure(cause="not_found", reason=str(error))
    if isinstance(error, InvalidText):
        return Failure(cause="invalid", reason=str(error))
    if isinstance(error, (CheckpointDamaged, NotFiniteLogits)):
        return Failure(cause="unavailable", reason=str(error))
    if isinstance(error, CheckpointReplaced):
        reason = "the weights that had begun this text were replaced while another model had their memory"
        return Failure(cause="unavailable", reason=reason)
    if isinstance(error, ShuttingDown):
        return Failure(cause="unavailable", reason="the worker is shutting down")
    if isinstance(error, DBAPIError):
        return Failure(cause="unavailable", reason="the database does not answer")
    if find_oom_error(error):
        return Failure(cause="unavailable", reason="the worker ran out of memory")
    return Failure(
        cause="internal",
        reason=f"the worker failed at this request ({type(error).__name__}); its log has the reason",
    )
