"""Requests that this worker has taken."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from structlog.contextvars import get_contextvars

from jobs.broker.generation import Message
from model.generation import Continuation
from model.inference.decoding import TokenSequence
from model.inference.scoring import Scoring
from model.tokenizers import Tokenizer
from worker.generation.models import CheckpointRef


@dataclass(eq=False)
class Request:
    """What one of a job's checkpoints is asked for."""

    id: str
    checkpoint_name: str
    """As it was asked for: `last`, `best` or a step."""
    checkpoint: CheckpointRef
    """Which one that is now."""
    taken_s: float = field(default_factory=time.monotonic, kw_only=True)
    log_fields: dict[str, Any] = field(default_factory=get_contextvars, kw_only=True)
    """In whose name it was taken, for the lines of threads that work for all requests."""
    is_cancelled: bool = field(default=False, kw_only=True)
    """Nobody waits for it any more."""

    @property
    def is_bound(self) -> bool:
        """Whether what it has come to was computed by its checkpoint, and can go on by no other."""
        return False

    def move_to(self, checkpoint: CheckpointRef) -> None:
        """Another checkpoint has taken the place of the one that was asked for."""
        self.checkpoint = checkpoint


@dataclass(eq=False)
class PromptRequest(Request):
    """A prompt, how far it has been continued, and the checkpoint that continues it."""

    continuation: Continuation
    sequence: TokenSequence | None = None
    """From its first slot in a batch on."""
    steps_in_slot: int = 0
    """Since it was given its present slot."""
    pieces_sent: int = 0

    @property
    def is_bound(self) -> bool:
        return self.sequence is not None


@dataclass(eq=False)
class TextRequest(Request):
    """A text to score, how far it has been scored, and the checkpoint that scores it."""

    scoring: Scoring
    tokenizer: Tokenizer

    def move_to(self, checkpoint: CheckpointRef) -> None:
        if checkpoint != self.checkpoint:
            self.scoring.restart()
        super().move_to(checkpoint)


Send = Callable[[Request, Message], None]
"""Sends a message to the requester. After the last one, as `is_last` has it, the request is over."""
