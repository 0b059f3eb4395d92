import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import model.checkpoint
from model.checkpoint import BackgroundCheckpoint
from model.events import CheckpointWritten, Evaluation, Event
from model.manifest import WEIGHTS, verify
from tests.model.tiny import Recorder, newest, tiny_run, train_tiny

RUN = tiny_run(checkpoints={"every_epochs": None, "every_steps": 12})  # of 16, each second one evaluated


class Listener(Recorder):
    """Calls `on_evaluation` for each."""

    def __init__(self, on_evaluation: Callable[[int], object]) -> None:
        super().__init__()
        self.on_evaluation = on_evaluation

    def record(self, event: Event) -> None:
        super().record(event)
        if isinstance(event, Evaluation):
            self.on_evaluation(event.step)


@pytest.fixture
def gates(monkeypatch):
    """Two events that checkpoints wait for: before they read the tensors, and when they have."""
    may_read, may_end = threading.Event(), threading.Event()
    write = model.checkpoint.write_checkpoint

    def held(directory: Path, snapshot, on_read):
        may_read.wait()

        def read() -> None:
            on_read()
            may_end.wait()

        return write(directory, snapshot, read)

    monkeypatch.setattr(model.checkpoint, "write_checkpoint", held)
    return may_read, may_end


def test_the_weights_do_not_change_before_a_checkpoint_has_read_them(tmp_path, monkeypatch, gates):
    may_read, may_end = gates
    wait_until_read = BackgroundCheckpoint.wait_until_read
    waits = []

    def read_no_earlier(self):
        waits.append(may_read.is_set())
        may_read.set()
        wait_until_read(self)

    monkeypatch.setattr(BackgroundCheckpoint, "wait_until_read", read_no_earlier)
    may_end.set()
    train_tiny(RUN, tmp_path / "held", held := Recorder())
    assert waits[0] is False

    monkeypatch.undo()
    train_tiny(RUN, tmp_path / "undisturbed", undisturbed := Recorder())
    written = [{e.step: e.sha256 for e in run.of(CheckpointWritten)} for run in (held, undisturbed)]
    assert written[0] == written[1]


def test_a_run_goes_on_while_a_checkpoint_is_on_its_way_to_the_disk_and_reports_it_once_it_is_there(
    tmp_path, gates
):
    may_read, may_end = gates
    may_read.set()
    recorder = Listener(lambda step: step == 14 and may_end.set())
    train_tiny(RUN, tmp_path, recorder)
    kinds = [(type(e), e.step) for e in recorder.events if isinstance(e, Evaluation | CheckpointWritten)]
    assert kinds.index((CheckpointWritten, 12)) > kinds.index((Evaluation, 14))


@pytest.mark.parametrize(("syncs", "whole"), [(1, []), (6, [12])])
def test_a_checkpoint_that_finds_no_room_ends_the_run_with_the_disks_error(
    tmp_path, monkeypatch, syncs, whole
):
    sync, done = os.fsync, []

    def full(descriptor: int) -> None:
        done.append(descriptor)
        if len(done) == syncs:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    recorder = Recorder()
    with pytest.raises(OSError, match="No space left"):
        train_tiny(RUN, tmp_path, recorder)
    assert [event.step for event in recorder.of(CheckpointWritten)] == whole
    assert len(list(tmp_path.iterdir())) == len(whole)


def test_a_run_that_breaks_off_still_reports_the_checkpoint_that_it_had_begun(tmp_path, gates):
    may_read, may_end = gates
    may_read.set()

    def break_off(step: int) -> None:
        if step == 14:
            may_end.set()
            raise RuntimeError("the database is away")

    recorder = Listener(break_off)
    with pytest.raises(RuntimeError, match="away"):
        train_tiny(RUN, tmp_path, recorder)
    (written,) = recorder.of(CheckpointWritten)
    assert verify(newest(tmp_path)).manifest.files[WEIGHTS]["sha256"] == written.sha256
