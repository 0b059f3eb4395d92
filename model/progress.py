"""How far a run has come."""

from collections import deque
from dataclasses import dataclass


@dataclass
class Position:
    """All that the next step depends on besides tensors: advanced by the loop, kept in every checkpoint."""

    step: int = 0
    """Updates done."""
    epoch: int = 0
    """The running epoch, from 1; 0 before the first."""
    batch: int = 0
    """Micro-batches of the running epoch that are done."""
    order_seed: int = 0
    """Seed of the running epoch's order."""
    tokens_seen: int = 0
    """Input tokens trained on, repeats included."""
    train_loss: float | None = None
    """Of the latest evaluation."""
    best_val_loss: float | None = None
    """The lowest of all evaluations."""
    evaluations_since_best: int = 0

    def note_evaluation(self, train_loss: float, val_loss: float) -> None:
        self.train_loss = train_loss
        if self.best_val_loss is None or val_loss < self.best_val_loss:
            self.best_val_loss = val_loss
            self.evaluations_since_best = 0
        else:
            self.evaluations_since_best += 1


class Speed:
    """Tokens per second of the last steps, counting the time of training alone."""

    def __init__(self, window_steps: int = 20) -> None:
        self.steps: deque[tuple[int, float]] = deque(maxlen=window_steps)

    def add(self, tokens: int, seconds: float) -> None:
        self.steps.append((tokens, seconds))

    @property
    def tokens_per_s(self) -> float | None:
        """None before the first step, and while the clock has not moved."""
        seconds = sum(seconds for _, seconds in self.steps)
        return sum(tokens for tokens, _ in self.steps) / seconds if seconds > 0 else None
