"""Plots, drawn by a process of their own: `python -m api.plots.process`.

Drawing holds the interpreter, for a tenth of a second or more. In this process every light request would wait
for that, and on a busy machine also while whoever draws waits for a processor.
"""

import atexit
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel

PATIENCE_S = 60
"""For one plot, after which the process counts as hung."""
LENGTH_BYTES = 8
"""Of the number before each image, which is the image's length."""


class PlottedRow(NamedTuple):
    """An evaluation."""

    tokens_seen: int
    train_loss: float
    val_loss: float


class Plot(BaseModel):
    """What `api.plots.figure.draw_losses` draws; its losses are finite."""

    name: str | None
    """Of the job."""
    job_id: str
    rows: list[PlottedRow]
    tokens_per_epoch: int
    image_format: Literal["png", "svg"]


class PlotFailed(Exception):
    """The process ended or hung over a plot; the log has what it said."""


class Plotter:
    """The process; it is started when there is something to draw, and ends when there is nothing for long."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "api.plots.process")) -> None:
        self._command = command
        self._drawing = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def draw(self, plot: Plot) -> bytes:
        """An image file. One is drawn at a time. raises  PlotFailed"""
        with self._drawing:
            try:
                return self._ask(plot)
            except (BrokenPipeError, EOFError):
                # Most likely nothing had been asked of it for so long that it has ended.
                self.close()
            try:
                return self._ask(plot)
            except (BrokenPipeError, EOFError) as error:
                self.close()
                raise PlotFailed("the process that draws plots ended over one") from error

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, plot: Plot) -> bytes:
        """raises  BrokenPipeError or EOFError if the process ends before it has drawn"""
        process = self._process = self._process or self._start()
        assert process.stdin
        assert process.stdout
        hung = threading.Timer(PATIENCE_S, process.kill)
        hung.daemon = True
        hung.start()
        try:
            process.stdin.write(plot.model_dump_json().encode() + b"\n")
            process.stdin.flush()
            length_bytes = int.from_bytes(read(process, LENGTH_BYTES))
            return read(process, length_bytes)
        finally:
            hung.cancel()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def read(process: subprocess.Popen[bytes], count: int) -> bytes:
    """So many bytes of what the process writes. raises  EOFError"""
    assert process.stdout
    received = process.stdout.read(count)
    if len(received) < count:
        raise EOFError
    return received


PLOTTER = Plotter()
"""This process's. It starts nothing before it is asked."""
