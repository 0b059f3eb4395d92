import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config import CheckpointConfig
from model.estimate import (
    checkpoints_left,
    evaluations_left,
    is_checkpointed,
    samples_left,
    steps_per_epoch,
    total_steps,
    window_count,
)


@given(n_tokens=st.integers(0, 500), context=st.integers(1, 50), stride=st.integers(1, 60))
def test_windows_are_counted_as_one_would_count_them(n_tokens, context, stride):
    count = 0
    start = 0
    while start + context + 1 <= n_tokens:
        count += 1
        start += stride
    assert window_count(n_tokens, context, stride) == count


@pytest.mark.parametrize(
    ("n_windows", "batch_size", "grad_accumulation", "steps"),
    [(18, 2, 1, 9), (19, 2, 1, 9), (18, 2, 4, 3), (18, 2, 9, 1), (18, 2, 100, 1), (1, 2, 1, 0), (0, 2, 3, 0)],
)
def test_an_epochs_last_step_takes_the_micro_batches_that_are_left(
    n_windows, batch_size, grad_accumulation, steps
):
    assert steps_per_epoch(n_windows, batch_size, grad_accumulation) == steps


@pytest.mark.parametrize(("max_steps", "steps"), [(None, 90), (50, 50), (90, 90), (1000, 90)])
def test_a_run_ends_with_its_epochs_or_its_steps_whichever_comes_first(max_steps, steps):
    assert total_steps(18, 2, 1, num_epochs=10, max_steps=max_steps) == steps


periods = st.none() | st.integers(1, 12)


@given(
    total=st.integers(1, 60), done=st.integers(0, 60), freq=st.integers(1, 70), epoch=st.integers(1, 20),
    by_epochs=periods, by_steps=periods,
)  # fmt: skip
def test_what_is_left_is_counted_as_one_would_count_it(total, done, freq, epoch, by_epochs, by_steps):
    done = min(done, total)
    every = CheckpointConfig(every_epochs=by_epochs, every_steps=by_steps)
    evaluations = samples = checkpoints = 0
    for step in range(done, total):
        updates, is_last = step + 1, step == total - 1
        evaluations += step % freq == 0 or is_last
        samples += updates % epoch == 0 or is_last
        due = is_last
        due |= by_steps is not None and updates % by_steps == 0
        due |= by_epochs is not None and updates % epoch == 0 and updates // epoch % by_epochs == 0
        assert is_checkpointed(updates, total, epoch, every) == due
        checkpoints += due
    assert evaluations_left(done, total, freq) == evaluations
    assert samples_left(done, total, epoch) == samples
    assert checkpoints_left(done, total, epoch, every) == checkpoints
