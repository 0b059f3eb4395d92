"""What a person may ask to be freed of the disk."""

from typing import Annotated, Literal

from pydantic import Field

from jobs.states import TERMINAL, Status
from jobs.validation.request_model import RequestModel

Kept = Literal["last", "best", "optimizer"]
Ended = Literal["succeeded", "failed", "cancelled"]


class PruneRequest(RequestModel):
    """Whose checkpoints to delete, and which of them to keep. Only jobs that have ended and are not starred
    are touched, and no checkpoint that another job needs."""

    keep: Annotated[list[Kept], Field(max_length=3)] = ["last", "best"]
    """What each job keeps: `last`, its newest checkpoint; `best`, the one of lowest validation loss;
    `optimizer`, the optimizer's state of those that are kept, without which a fork starts from the weights
    alone. Default: both checkpoints, without it."""

    status: Annotated[list[Ended], Field(min_length=1, max_length=3)] | None = None
    """Only jobs that have ended so. Default: all that have ended."""

    older_s: Annotated[float, Field(ge=0, le=100_000_000_000)] = 0
    """Only jobs that ended at least so many seconds ago. Default: 0."""

    archived: bool | None = None
    """Only jobs that are archived, or that are not. Default: both."""

    dry_run: bool = False
    """Whether only to say what would be deleted. Default: false."""

    @property
    def statuses(self) -> list[Status]:
        return sorted(TERMINAL) if self.status is None else [Status(name) for name in self.status]
