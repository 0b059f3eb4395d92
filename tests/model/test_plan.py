from hypothesis import given
from hypothesis import strategies as st

from model.config import CheckpointConfig, EvaluationConfig, Run, SamplingConfig, TrainingConfig
from model.plan import Schedule

periods = st.none() | st.integers(1, 12)


def is_due(updates, epoch, every_epochs, every_steps):
    by_epochs = every_epochs is not None and updates % epoch == 0 and updates // epoch % every_epochs == 0
    return by_epochs or (every_steps is not None and updates % every_steps == 0)


@given(
    total=st.integers(1, 60), done=st.integers(0, 60), freq=st.integers(1, 70), epoch=st.integers(1, 20),
    by_epochs=periods, by_steps=periods, sample_epochs=periods, sample_steps=periods,
)  # fmt: skip
def test_what_is_left_is_counted_as_one_would_count_it(
    total, done, freq, epoch, by_epochs, by_steps, sample_epochs, sample_steps
):
    done = min(done, total)
    run = Run(
        evaluation=EvaluationConfig(eval_freq=freq),
        checkpoints=CheckpointConfig(every_epochs=by_epochs, every_steps=by_steps),
        sampling=SamplingConfig(every_epochs=sample_epochs, every_steps=sample_steps),
        training=TrainingConfig(batch_size=1, max_steps=total, num_epochs=60),
    )
    schedule = Schedule.of(run, windows=epoch)
    assert (schedule.total_steps, schedule.steps_per_epoch) == (total, epoch)
    evaluations = samples = checkpoints = 0
    for step in range(done, total):
        updates, is_last = step + 1, step == total - 1
        evaluated = step % freq == 0 or is_last
        assert schedule.evaluates(step) == evaluated
        evaluations += evaluated
        sampled = is_last or is_due(updates, epoch, sample_epochs, sample_steps)
        assert schedule.has_sample(updates) == sampled
        samples += sampled
        due = is_last or is_due(updates, epoch, by_epochs, by_steps)
        assert schedule.has_checkpoint(updates) == due
        checkpoints += due
    assert schedule.evaluations_left(done) == evaluations
    assert schedule.samples_left(done) == samples
    assert schedule.checkpoints_left(done) == checkpoints
