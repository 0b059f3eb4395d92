"""A prompt that this worker has taken."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.broker.generation import Message
from model.generation import Continuation
from model.inference.decoding import TokenSequence
from worker.generation.models import CheckpointRef


@dataclass(eq=False)
class Request:
    """A prompt, how far it has been continued, and the checkpoint that continues it."""

    id: str
    checkpoint_name: str
    """As it was asked for: `last`, `best` or a step."""
    checkpoint: CheckpointRef
    """Which one that is now."""
    continuation: Continuation
    taken_s: float = field(default_factory=time.monotonic)
    sequence: TokenSequence | None = None
    """From its first slot in a batch on."""
    steps_in_slot: int = 0
    """Since it was given its present slot."""
    pieces_sent: int = 0
    is_cancelled: bool = False
    """Nobody waits for it any more."""


Send = Callable[[Request, Message], None]
"""Sends a message to the requester. After a failure, or the last piece of the text, the request is over."""
