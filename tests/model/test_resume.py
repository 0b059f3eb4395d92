"""A run that was interrupted anywhere and resumed is, bit for bit, the run that was not."""

from dataclasses import replace

import pytest

from model.checkpoint import drop_training_state
from model.events import CheckpointWritten, EarlyStopped, Evaluation, Progress, Sample, Started
from model.manifest import TRAINING, CheckpointError
from tests.model.tiny import MODES, TEXT, Recorder, newest, tiny_run, train_tiny
from tests.sweeps import thinned

# Dropout, accumulation that does not divide the epoch, a schedule, clipping, drawn samples and more than one
# evaluation batch: whatever a step could depend on.
# Its last step is evaluated out of turn.
RUN = tiny_run(
    training={
        "num_epochs": 3,
        "grad_accumulation": 3,
        "lr_schedule": "cosine",
        "warmup_steps": 2,
        "grad_clip": 1.0,
    },
    evaluation={"eval_freq": 3},
    sampling={"temperature": 1.0},
    checkpoints={"every_epochs": None},
)
TOTAL_STEPS = 9


def history(*recorders: Recorder):
    """What a job's rows would be: every evaluation, sample and early stop by its step, the latest of each."""
    rows = {}
    for recorder in recorders:
        for event in recorder.events:
            if isinstance(event, Evaluation):
                rows[Evaluation, event.step] = replace(event, tokens_per_s=None)
            elif isinstance(event, Sample | EarlyStopped):
                rows[type(event), event.step] = event
    return list(rows.values())


def final_sha256(recorder: Recorder) -> str:
    return recorder.of(CheckpointWritten)[-1].sha256


class Killed(Exception):
    pass


class Dying(Recorder):
    """Lets the run be killed after so many updates."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def record(self, event) -> None:
        super().record(event)
        if isinstance(event, Progress) and event.step == self.step:
            raise Killed


@pytest.mark.parametrize("numerics", MODES)
def test_stopped_after_any_step_and_resumed_a_run_ends_the_same(tmp_path, numerics):
    whole = Recorder()
    assert train_tiny(RUN, tmp_path / "whole", whole, numerics) == "epochs"
    assert whole.of(Started)[0].total_steps == TOTAL_STEPS
    for step in thinned(range(1, TOTAL_STEPS)):
        root = tmp_path / f"stopped-{step}"
        before, after = Recorder(stop_after=step), Recorder()
        assert train_tiny(RUN, root, before, numerics) == "stopped"
        assert train_tiny(RUN, root, after, numerics, resume_from=newest(root)) == "epochs"
        assert after.of(Started)[0].resumed_step == step
        assert before.of(Progress)[-1].step == step
        assert history(before, after) == history(whole), step
        assert not {event.step for event in before.of(Evaluation)} & {
            event.step for event in after.of(Evaluation)
        }
        assert final_sha256(after) == final_sha256(whole), step


@pytest.mark.parametrize("numerics", MODES)
def test_killed_after_any_step_and_resumed_from_the_last_checkpoint_a_run_ends_the_same(tmp_path, numerics):
    run = RUN.model_copy(update={"checkpoints": RUN.checkpoints.model_copy(update={"every_steps": 2})})
    whole = Recorder()
    train_tiny(run, tmp_path / "whole", whole, numerics)

    for step in thinned(range(3, TOTAL_STEPS + 1)):
        root = tmp_path / f"killed-{step}"
        before, after = Dying(step), Recorder()
        with pytest.raises(Killed):
            train_tiny(run, root, before, numerics)
        assert train_tiny(run, root, after, numerics, resume_from=newest(root)) == "epochs"
        assert after.of(Started)[0].resumed_step == (step - 1) // 2 * 2
        assert history(before, after) == history(whole), step
        assert final_sha256(after) == final_sha256(whole), step


@pytest.mark.parametrize("numerics", MODES)
def test_stopped_after_every_single_step_a_run_ends_the_same(tmp_path, numerics):
    whole = Recorder()
    train_tiny(RUN, tmp_path / "whole", whole, numerics)
    parts, root, checkpoint = [], tmp_path / "parts", None
    for _ in range(TOTAL_STEPS):
        parts.append(Recorder(stop_after=1))
        result = train_tiny(RUN, root, parts[-1], numerics, resume_from=checkpoint)
        checkpoint = newest(root)
    assert result == "epochs"
    assert history(*parts) == history(whole)
    assert final_sha256(parts[-1]) == final_sha256(whole)


def test_patience_goes_on_where_it_was(tmp_path):
    # a rate this high never improves on the loss of the first steps for long
    run = tiny_run(training={"early_stopping_patience": 3, "learning_rate": 0.5, "num_epochs": 20})
    whole = Recorder()
    assert train_tiny(run, tmp_path / "whole", whole) == "early_stopping"
    stopped_at = whole.of(EarlyStopped)[0].step
    assert stopped_at > 4
    for step in thinned(range(stopped_at - 4, stopped_at + 1)):
        root = tmp_path / f"stopped-{step}"
        before, after = Recorder(stop_after=step), Recorder()
        assert train_tiny(run, root, before) == "stopped"
        assert train_tiny(run, root, after, resume_from=newest(root)) == "early_stopping"
        assert history(before, after) == history(whole)
        assert final_sha256(after) == final_sha256(whole)


def test_killed_after_any_step_a_patient_run_keeps_the_same_weights_of_its_best_evaluations(tmp_path):
    run = tiny_run(
        training={"early_stopping_patience": 2, "learning_rate": 0.1, "num_epochs": 20},
        checkpoints={"every_epochs": None, "every_steps": 3},
    )

    def weights(*recorders):
        written = [event for recorder in recorders for event in recorder.of(CheckpointWritten)]
        return {(event.step, event.val_loss, event.sha256) for event in written}

    whole = Recorder()
    assert train_tiny(run, tmp_path / "whole", whole) == "early_stopping"
    assert sum(not event.resumable for event in whole.of(CheckpointWritten)) > 2
    for step in thinned(range(4, whole.of(Progress)[-1].step + 1)):
        root = tmp_path / f"killed-{step}"
        before, after = Dying(step), Recorder()
        with pytest.raises(Killed):
            train_tiny(run, root, before)
        newest_whole = max(path.parent for path in root.glob(f"*/{TRAINING}"))
        assert train_tiny(run, root, after, resume_from=newest_whole) == "early_stopping"
        assert history(before, after) == history(whole), step
        assert weights(before, after) == weights(whole), step


@pytest.mark.parametrize(
    ("training", "ended_by"),
    [({}, "epochs"), ({"max_steps": 5}, "max_steps"), ({"early_stopping_patience": 1}, "early_stopping")],
)
def test_a_finished_run_is_finished_at_once_by_the_same(tmp_path, training, ended_by):
    run = tiny_run(training={"learning_rate": 0.5, **training})
    first, again = Recorder(), Recorder()
    assert train_tiny(run, tmp_path, first) == ended_by
    assert train_tiny(run, tmp_path, again, resume_from=newest(tmp_path)) == ended_by
    (started,) = again.events
    assert isinstance(started, Started)
    assert started.resumed_step == first.of(CheckpointWritten)[-1].step


def test_another_text_is_refused(tmp_path):
    train_tiny(RUN, tmp_path, Recorder(stop_after=1))
    with pytest.raises(CheckpointError, match="the data's sha256"):
        train_tiny(RUN, tmp_path, Recorder(), resume_from=newest(tmp_path), text=TEXT.replace("fox", "cat"))


def test_a_checkpoint_without_its_training_state_is_refused(tmp_path):
    train_tiny(RUN, tmp_path, Recorder(stop_after=1))
    drop_training_state(newest(tmp_path))
    with pytest.raises(CheckpointError, match="keeps its weights alone"):
        train_tiny(RUN, tmp_path, Recorder(), resume_from=newest(tmp_path))


def test_a_run_with_muon_resumes_exactly_too(tmp_path):
    run = RUN.model_copy(update={"training": RUN.training.model_copy(update={"optimizer": "muon"})})
    whole, before, after = Recorder(), Recorder(stop_after=4), Recorder()
    train_tiny(run, tmp_path / "whole", whole)
    train_tiny(run, tmp_path / "stopped", before)
    train_tiny(run, tmp_path / "stopped", after, resume_from=newest(tmp_path / "stopped"))
    assert history(before, after) == history(whole)
    assert final_sha256(after) == final_sha256(whole)
    plain = Recorder()
    train_tiny(RUN, tmp_path / "adamw", plain)
    assert final_sha256(plain) != final_sha256(whole)
