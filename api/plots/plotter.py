"""Has plots drawn by a process of their own: `python -m api.plots.process`.

Drawing holds the interpreter's lock (the GIL) for a tenth of a second or more. In the API's own process every
light request would wait for it, and on a busy machine also while the drawing thread waits for a processor.
"""

import atexit
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel

PLOT_TIMEOUT_S = 60
"""For one plot, after which the process counts as hung."""
LENGTH_BYTES = 8
"""Before each image stands its length, as a number of so many bytes."""


class LossPoint(NamedTuple):
    """An evaluation."""

    tokens_seen: int
    train_loss: float
    val_loss: float


class Plot(BaseModel):
    """The request to the process. Its losses are finite."""

    name: str | None
    """Of the job."""
    job_id: str
    points: list[LossPoint]
    tokens_per_epoch: int
    image_format: Literal["png", "svg"]


class PlotFailed(Exception):
    """The process crashed or hung; the log has what it printed."""


class Plotter:
    """Starts the process when there is something to draw; it ends itself after a while without."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "api.plots.process")) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def draw(self, plot: Plot) -> bytes:
        """An image file. One is drawn at a time. raises  PlotFailed"""
        with self._lock:
            try:
                return self._request(plot)
            except (BrokenPipeError, EOFError):
                # Most likely it has ended because it was idle.
                self.close()
            try:
                return self._request(plot)
            except (BrokenPipeError, EOFError) as error:
                self.close()
                raise PlotFailed("the process that draws plots ended over one") from error

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _request(self, plot: Plot) -> bytes:
        """raises  BrokenPipeError or EOFError if the process ends before it has drawn"""
        process = self._process = self._process or self._start()
        assert process.stdin
        assert process.stdout
        hung = threading.Timer(PLOT_TIMEOUT_S, process.kill)
        hung.daemon = True
        hung.start()
        try:
            process.stdin.write(plot.model_dump_json().encode() + b"\n")
            process.stdin.flush()
            length_bytes = int.from_bytes(read_exactly(process, LENGTH_BYTES))
            return read_exactly(process, length_bytes)
        finally:
            hung.cancel()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def read_exactly(process: subprocess.Popen[bytes], size: int) -> bytes:
    """The next `size` bytes of its output. raises  EOFError"""
    assert process.stdout
    received = process.stdout.read(size)
    if len(received) < size:
        raise EOFError
    return received


PLOTTER = Plotter()
"""The API's."""
