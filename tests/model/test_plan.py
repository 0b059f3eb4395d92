from hypothesis import given
from hypothesis import strategies as st

from model.config import CheckpointConfig, EvaluationConfig, Run, TrainingConfig
from model.plan import Schedule

periods = st.none() | st.integers(1, 12)


@given(
    total=st.integers(1, 60), done=st.integers(0, 60), freq=st.integers(1, 70), epoch=st.integers(1, 20),
    by_epochs=periods, by_steps=periods,
)  # fmt: skip
def test_what_is_left_is_counted_as_one_would_count_it(total, done, freq, epoch, by_epochs, by_steps):
    done = min(done, total)
    run = Run(
        evaluation=EvaluationConfig(eval_freq=freq),
        checkpoints=CheckpointConfig(every_epochs=by_epochs, every_steps=by_steps),
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
        samples += updates % epoch == 0 or is_last
        due = is_last
        due |= by_steps is not None and updates % by_steps == 0
        due |= by_epochs is not None and updates % epoch == 0 and updates // epoch % by_epochs == 0
        assert schedule.has_checkpoint(updates) == due
        checkpoints += due
    assert schedule.evaluations_left(done) == evaluations
    assert schedule.samples_left(done) == samples
    assert schedule.checkpoints_left(done) == checkpoints
