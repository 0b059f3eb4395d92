"""How fast a run learns."""

from collections import deque


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
