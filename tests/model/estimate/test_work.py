from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config import Run
from model.data import Data
from model.estimate.machine import Rates
from model.estimate.parameters import multiplied_parameters, parameter_count, training_flops_per_token
from model.estimate.work import (
    CHECKPOINT_BYTES_PER_S,
    evaluated_batches,
    evaluation_flops,
    seconds_of,
    training_flops,
    training_tokens,
    work_of,
)
from model.events import CheckpointWritten, Evaluation, Phase, Progress, Sample
from model.steps import window_count
from model.training import train
from tests.model.tiny import CPU, Recorder, tiny_run

TRAIN_TOKENS, VAL_TOKENS = 150, 30


def recorder_of(run: Run, folder: Path) -> Recorder:
    """What a run on so many tokens has reported at its end."""
    recorder = Recorder()
    train(
        run,
        Data.from_ids([1] * TRAIN_TOKENS, [2] * VAL_TOKENS, run),
        on_event=recorder.record,
        should_stop=lambda: False,
        checkpoint_root=folder,
        numerics="float32",
        device=CPU,
    )
    return recorder


@pytest.mark.parametrize(
    ("training", "evaluation", "checkpoints"),
    [
        ({"num_epochs": 2}, {"eval_freq": 5, "eval_iter": 2}, {}),
        ({"num_epochs": 3, "max_steps": 7, "batch_size": 4}, {"eval_freq": 3}, {"every_steps": 2}),
        (
            {"num_epochs": 2, "grad_accumulation": 4},
            {"eval_freq": 2, "eval_iter": 100},
            {"every_epochs": None},
        ),
        ({"num_epochs": 1, "stride": 3, "max_steps": 9}, {"eval_freq": 4}, {}),
        ({"num_epochs": 2}, {"eval_freq": 5, "eval_iter": None}, {}),
    ],
)
def test_a_run_does_what_its_work_says(tmp_path, training, evaluation, checkpoints):
    sampling = {"start_context": ["the", "dog"], "every_steps": 4}
    run = tiny_run(training=training, evaluation=evaluation, checkpoints=checkpoints, sampling=sampling)
    work = work_of(run, TRAIN_TOKENS, VAL_TOKENS)
    recorder = recorder_of(run, tmp_path)
    last = recorder.of(Progress)[-1]
    assert (work.steps, training_tokens(run, work), work.epochs) == (last.step, last.tokens_seen, last.epoch)
    done = [len(recorder.of(kind)) for kind in (Evaluation, Sample, CheckpointWritten)]
    assert [work.evaluations, work.samples, work.checkpoints] == done


@pytest.mark.parametrize("eval_iter", [3, None])
def test_evaluated_tokens_are_those_of_the_batches_that_an_evaluation_takes(tmp_path, eval_iter):
    # Every batch is whole here, so that their number says how many tokens they have.
    run = tiny_run(training={"batch_size": 1}, evaluation={"eval_freq": 1, "eval_iter": eval_iter})
    events = recorder_of(run, tmp_path).events
    first = next(number for number, event in enumerate(events) if isinstance(event, Evaluation))
    batches = sum(event == Phase("evaluating") for event in events[:first])
    work = work_of(run, TRAIN_TOKENS, VAL_TOKENS)
    assert work.train_batches + work.val_windows == batches
    tokens = work.evaluations * batches * run.model.context_length
    assert evaluation_flops(run, work) == pytest.approx(tokens * training_flops_per_token(run.gpt) / 3)


def test_a_text_that_fills_no_batch_is_no_work():
    run = tiny_run()
    work = work_of(run, 3, 3)
    assert (work.steps, work.evaluations, work.samples, work.checkpoints) == (0, 0, 0, 0)
    assert training_flops(run, work) == evaluation_flops(run, work) == 0


@given(
    tokens=st.integers(0, 400),
    batch_size=st.integers(1, 9),
    grad_accumulation=st.integers(1, 9),
    num_epochs=st.integers(1, 4),
    max_steps=st.none() | st.integers(1, 60),
)
def test_tokens_and_epochs_are_counted_as_one_would_count_them(
    tokens, batch_size, grad_accumulation, num_epochs, max_steps
):
    run = tiny_run(
        training={
            "batch_size": batch_size,
            "grad_accumulation": grad_accumulation,
            "num_epochs": num_epochs,
            "max_steps": max_steps,
        }
    )
    context = run.model.context_length
    windows = window_count(tokens, context, context)
    steps = trained = epochs = 0
    for _ in range(num_epochs if windows >= batch_size else 0):
        left = windows // batch_size
        if steps == max_steps:
            break
        epochs += 1
        while left and steps != max_steps:
            batches = min(left, grad_accumulation)
            left -= batches
            trained += batches * batch_size * context
            steps += 1
    work = work_of(run, tokens, tokens)
    assert (work.steps, training_tokens(run, work), work.epochs) == (steps, trained, epochs)


RATES = Rates(
    flops_per_s=1e11,
    attention_flops_per_s=5e10,
    batch_s=1e-4,
    layer_s=1e-3,
    number_s=1e-8,
    logit_s=1e-9,
    bytes_per_s=1e10,
    evaluated_share=0.25,
)


def test_the_time_is_the_arithmetic_the_operations_and_what_is_moved():
    run = tiny_run(training={"num_epochs": 1, "max_steps": 4}, checkpoints={"every_epochs": None})
    config, work = run.gpt, work_of(run, TRAIN_TOKENS, VAL_TOKENS)
    checkpoints_s = work.checkpoints * 12 * parameter_count(config) / CHECKPOINT_BYTES_PER_S
    batches = work.batches + evaluated_batches(run, work) * 0.25
    tokens = run.training.batch_size * run.model.context_length
    attention = tokens * 12 * config.n_layers * config.emb_dim * config.context_length
    products = tokens * 6 * multiplied_parameters(config)
    batch_s = products / 1e11 + attention / 5e10 + 1e-4 + config.n_layers * 1e-3
    batch_s += tokens * config.n_layers * config.emb_dim * 1e-8 + tokens * config.vocab_size * 1e-9
    updates = work.steps * (3 + 2 * 2) * 4 * parameter_count(config)
    drawn = work.samples * run.sampling.max_new_tokens
    moved = updates + drawn * 4 * multiplied_parameters(config)
    expected = batches * batch_s + drawn * config.n_layers * 1e-3 / 3 + moved / 1e10 + checkpoints_s
    assert seconds_of(run, work, RATES) == pytest.approx(expected)


@given(
    faster=st.sampled_from([field.name for field in fields(Rates)]),
    numerics=st.sampled_from(["float32", "bfloat16", "reference"]),
    more=st.fixed_dictionaries({}, optional={"num_epochs": st.just(4), "batch_size": st.just(1)}),
)
def test_a_faster_machine_takes_less_and_more_work_more(faster, numerics, more):
    run, longer = (tiny_run(training={"numerics": numerics, **each}) for each in ({}, more))
    work = work_of(run, TRAIN_TOKENS, VAL_TOKENS)
    factor = 2 if faster.endswith("_per_s") else 0.5
    better = replace(RATES, **{faster: factor * getattr(RATES, faster)})
    assert seconds_of(run, work, better) < seconds_of(run, work, RATES)
    more_work = work_of(longer, TRAIN_TOKENS, VAL_TOKENS)
    assert seconds_of(longer, more_work, RATES) >= seconds_of(run, work, RATES)
