"""What people ask of a run while it trains, other than to stop."""

import threading

from worker.training.reports import CHECKPOINT, FINISH


class Requests:
    """Noted by the fence's thread, which reads what the supervisor passes on; the loop asks for them."""

    def __init__(self) -> None:
        self._finish = threading.Event()
        self._checkpoint = threading.Event()

    def note(self, request: str) -> None:
        """A line from the supervisor. One that this version does not know is left alone."""
        if request == FINISH:
            self._finish.set()
        elif request == CHECKPOINT:
            self._checkpoint.set()

    def should_finish(self) -> bool:
        return self._finish.is_set()

    def should_checkpoint(self) -> bool:
        """Whether a checkpoint has been asked for since this was last true."""
        is_asked = self._checkpoint.is_set()
        if is_asked:
            self._checkpoint.clear()
        return is_asked
