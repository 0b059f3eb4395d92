"""Writing a checkpoint beside the training: what it costs the loop is the reading of the tensors.

The weights and the optimizer's moments change in an update alone, which waits until they have been read: no
copy is needed. Updates begin in the backward pass (`model.early_updates`), so on a GPU it is the forward pass
that goes on meanwhile. On the CPU the loop waits at once: reading and the forward pass want the same cores.
One checkpoint of the lecture's job costs 0.67 s so, 0.75 to 1.06 at the same time (benchmarks/LOG.md).
"""

import threading
from concurrent.futures import Future
from pathlib import Path

from model.checkpoint import Manifest, Snapshot, write_checkpoint


class BackgroundCheckpoint:
    """A checkpoint that a thread writes at `directory`, from the moment this is made."""

    def __init__(self, directory: Path, snapshot: Snapshot) -> None:
        self.directory = directory
        self._read = threading.Event()
        self._written: Future[Manifest] = Future()
        threading.Thread(target=self._write, args=(snapshot,), name="checkpoint").start()

    def _write(self, snapshot: Snapshot) -> None:
        try:
            self._written.set_result(write_checkpoint(self.directory, snapshot, on_read=self._read.set))
        except BaseException as error:
            self._written.set_exception(error)
        finally:
            self._read.set()

    def wait_until_read(self) -> None:
        """Return when the tensors may change."""
        self._read.wait()

    @property
    def is_written(self) -> bool:
        """Whether `wait_until_written` returns, or raises, at once."""
        return self._written.done()

    def wait_until_written(self) -> Manifest:
        """Its manifest once it lies complete and synced; OSError if it could not be written."""
        return self._written.result()
