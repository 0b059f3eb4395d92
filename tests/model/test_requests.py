"""What a run does when a person asks it to finish, or for a checkpoint."""

from dataclasses import replace

import pytest

from model.events import (
    CheckpointWritten,
    CutShort,
    EarlyStopped,
    Evaluation,
    Phase,
    Progress,
    Sample,
    Started,
)
from model.manifest import verify
from model.training import train
from tests.model.tiny import CPU, MODES, Recorder, newest, tiny_data, tiny_run

OUT_OF_TURN = {"evaluation": {"eval_freq": 5}, "checkpoints": {"every_epochs": None}}
IN_TURN = {"evaluation": {"eval_freq": 1}, "checkpoints": {"every_epochs": None}}


def asked_from(question):
    """A question that is answered yes from so many on."""
    asked = 0

    def is_asked():
        nonlocal asked
        asked += 1
        return asked >= question

    return is_asked


def asked_once(question):
    """A question that is answered yes once."""
    asked = 0

    def is_asked():
        nonlocal asked
        asked += 1
        return asked == question

    return is_asked


def run_with(run, root, numerics="float32", resume_from=None, **questions):
    """Its events and what it ended by."""
    recorder = Recorder()
    ended_by = train(
        run,
        tiny_data(run),
        on_event=recorder.record,
        should_stop=recorder.should_stop,
        checkpoint_root=root,
        numerics=numerics,
        device=CPU,
        resume_from=None if resume_from is None else verify(resume_from),
        **questions,
    )
    return recorder, ended_by


def evaluation_of(recorder):
    """The last one, without what it took."""
    return replace(recorder.of(Evaluation)[-1], tokens_per_s=None, grad_norm=None)


@pytest.mark.parametrize("numerics", MODES)
def test_it_finishes_after_the_step_with_evaluation_sample_and_checkpoint(tmp_path, numerics):
    run = tiny_run(**OUT_OF_TURN)
    found, ended_by = run_with(run, tmp_path, numerics, should_finish=asked_from(4))
    assert ended_by == "finish"
    reported = [
        (type(event), event.step)
        for event in found.events
        if not isinstance(event, Started | Phase | Progress)
    ]
    end = [(CutShort, 4), (Evaluation, 3), (Sample, 3), (CheckpointWritten, 4)]
    assert reported == [(Evaluation, 0), *end]
    assert found.of(CheckpointWritten)[-1].val_loss == found.of(Evaluation)[-1].val_loss


@pytest.mark.parametrize("numerics", MODES)
def test_what_a_finished_run_leaves_goes_on_to_the_weights_of_one_that_was_not_asked(tmp_path, numerics):
    run = tiny_run(**OUT_OF_TURN)
    whole, _ = run_with(run, tmp_path / "whole", numerics)
    run_with(run, tmp_path / "first", numerics, should_finish=asked_from(4))
    second, _ = run_with(run, tmp_path / "second", numerics, newest(tmp_path / "first"))
    assert second.of(CheckpointWritten)[-1].sha256 == whole.of(CheckpointWritten)[-1].sha256
    assert evaluation_of(second) == evaluation_of(whole)


@pytest.mark.parametrize("numerics", MODES)
@pytest.mark.parametrize("sections", [OUT_OF_TURN, IN_TURN])
def test_a_resumed_run_finishes_where_it_is_with_the_numbers_of_one_that_was_not_lost(
    tmp_path, numerics, sections
):
    run = tiny_run(**sections)
    finished, _ = run_with(run, tmp_path / "finished", numerics, should_finish=asked_from(4))
    run_with(run, tmp_path / "lost", numerics, should_checkpoint=asked_once(4), should_finish=asked_from(9))
    checkpoint = min((tmp_path / "lost").iterdir())
    found, ended_by = run_with(run, tmp_path / "next", numerics, checkpoint, should_finish=asked_from(1))
    assert ended_by == "finish"
    assert found.of(Progress) == []
    assert found.of(CutShort) == finished.of(CutShort)
    assert found.of(Sample) == finished.of(Sample)
    if sections is IN_TURN:  # it is on record already, and would draw other batches
        assert found.of(Evaluation) == []
    else:
        assert evaluation_of(found) == evaluation_of(finished)


def test_the_end_of_a_run_is_its_own_whoever_asks_it_to_finish_then(tmp_path):
    run = tiny_run(training={"max_steps": 3})
    found, ended_by = run_with(run, tmp_path, should_finish=asked_from(3))
    assert (ended_by, found.of(CutShort)) == ("max_steps", [])


def test_a_run_that_is_asked_to_finish_does_not_say_that_it_lost_patience(tmp_path):
    run = tiny_run(
        training={"learning_rate": 50.0, "early_stopping_patience": 1}, evaluation={"eval_freq": 3}
    )
    found, ended_by = run_with(run, tmp_path, should_finish=asked_from(2))
    assert found.of(Evaluation)[-1].val_loss > found.of(Evaluation)[0].val_loss
    assert (ended_by, found.of(EarlyStopped)) == ("finish", [])


@pytest.mark.parametrize("numerics", MODES)
def test_a_checkpoint_that_is_asked_for_is_written_and_changes_no_number(tmp_path, numerics):
    run = tiny_run(**OUT_OF_TURN)
    plain, _ = run_with(run, tmp_path / "plain", numerics)
    found, ended_by = run_with(run, tmp_path / "asked", numerics, should_checkpoint=asked_once(3))
    assert ended_by == "epochs"
    written = [(event.step, event.is_requested) for event in found.of(CheckpointWritten)]
    assert written == [(3, True), (16, False)]
    assert found.of(CheckpointWritten)[-1].sha256 == plain.of(CheckpointWritten)[-1].sha256
    assert found.of(Sample) == plain.of(Sample)
    losses = [
        [(event.train_loss, event.val_loss) for event in each.of(Evaluation)] for each in (found, plain)
    ]
    assert losses[0] == losses[1]


def test_a_checkpoint_that_is_due_anyway_is_the_one_asked_for(tmp_path):
    run = tiny_run(checkpoints={"every_epochs": None, "every_steps": 4})
    found, _ = run_with(run, tmp_path, should_checkpoint=asked_once(4))
    written = [(event.step, event.is_requested) for event in found.of(CheckpointWritten)]
    assert written == [(4, True), (8, False), (12, False), (16, False)]
