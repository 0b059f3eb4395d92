"""When alerts fire: by the history alone, once, whatever attempt computes an evaluation."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobs.lifecycle.alerts import check_alerts
from jobs.lifecycle.attempts import Fenced, claim, stop
from jobs.lifecycle.history import record_evaluation
from jobs.lifecycle.requests import delete_job, request_cancel
from jobs.settings import Settings
from jobs.spec.alerts import AlertRule
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.tables import AlertFiring, Job
from tests.jobs.making import running_job

HIGH, LOW = 8.0, 6.0


def rule(when: str, do: str = "notify") -> AlertRule:
    return AlertRule.model_validate({"when": when, "do": do})


def record(
    database: Database, job: Job, rules: Sequence[AlertRule], step: int, attempt: int = 1, **values: Any
) -> list[int]:
    """Record an evaluation as the trainer does; the numbers of the rules that it fired."""
    row = {
        "step": step,
        "epoch": 1,
        "tokens_seen": 100,
        "train_loss": 5.0,
        "val_loss": 6.5,
        "val_bpb": 2.0,
        "learning_rate": 4e-4,
        "grad_norm": None,
        "tokens_per_s": 100.0,
        **values,
    }
    with database.write() as session:
        record_evaluation(session, job.id, attempt, row)
        return check_alerts(session, job.id, attempt, rules, step)


def fired_steps(database: Database, job: Job, number: int = 0) -> list[int]:
    with database.read() as session:
        events = [event.data for event in list_events(session, job.id) if event.type == "alert"]
    return [data["step"] for data in events if data["rule"] == number]


def run_through(
    database: Database, job: Job, rules: Sequence[AlertRule], losses: Sequence[float], first: int = 0
) -> None:
    for number, loss in enumerate(losses):
        record(database, job, rules, 5 * (first + number), val_loss=loss)


def test_a_rule_fires_at_the_nth_evaluation_in_a_row_and_once(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    run_through(database, job, [rule("val_loss > 7 for 3")], [HIGH, HIGH, LOW, HIGH, HIGH, HIGH, HIGH, HIGH])
    assert fired_steps(database, job) == [25]


def test_a_rule_fires_again_after_it_has_not_held(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    run_through(database, job, [rule("val_loss > 7")], [HIGH, HIGH, LOW, HIGH, LOW, LOW, HIGH])
    assert fired_steps(database, job) == [0, 15, 30]


def test_the_event_says_which_rule_held_where_and_with_what_value(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    rules = [rule("train_loss < 1"), rule("val_loss > 7")]
    assert record(database, job, rules, 5, val_loss=7.25) == [1]
    with database.read() as session:
        event = list_events(session, job.id)[-1]
    assert (event.type, event.attempt) == ("alert", 1)
    assert event.data == {"rule": 1, "when": "val_loss > 7", "do": "notify", "step": 5, "value": 7.25}


def test_a_metric_that_was_not_measured_breaks_the_row(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    rules = [rule("grad_norm > 1 for 2")]
    for step, norm in enumerate([2.0, None, 2.0, 2.0]):
        record(database, job, rules, step, grad_norm=norm)
    assert fired_steps(database, job) == [3]


def test_evaluations_since_the_best_are_counted_from_the_lowest_loss(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    run_through(
        database, job, [rule("evaluations_since_best >= 2")], [9.0, 8.0, 8.5, 7.0, 7.0, 7.5, 7.6, 6.0, 6.1]
    )
    assert fired_steps(database, job) == [25], "of equals the first counts as the best"


@pytest.mark.parametrize("action", ["pause", "finish"])
def test_pause_and_finish_ask_the_worker_as_a_person_would(
    database: Database, settings: Settings, action: str
) -> None:
    job = running_job(database, settings)
    record(database, job, [rule("val_loss > 7", action)], 0, val_loss=HIGH)
    with database.read() as session:
        asked = get_job(session, job.id)
    assert (asked.status, asked.stopping) == ("running", action)


def test_a_promised_cancel_outranks_the_pause_of_an_alert(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        request_cancel(session, job.id)
    assert record(database, job, [rule("val_loss > 7", "pause")], 0, val_loss=HIGH) == [0]
    with database.read() as session:
        assert get_job(session, job.id).stopping == "cancel"


def next_attempt(database: Database, job: Job) -> int:
    """Hand the job back and claim it anew; the number of the new attempt."""
    with database.write() as session:
        stop(session, job.id, get_job(session, job.id).attempt, "the worker is shutting down")
    with database.write() as session:
        claimed = claim(session, job.id, "worker-2", lease_s=30)
    assert claimed is not None
    return claimed.attempt


def test_the_row_goes_on_across_attempts(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    rules = [rule("val_loss > 7 for 3")]
    run_through(database, job, rules, [HIGH, HIGH])
    record(database, job, rules, 10, next_attempt(database, job), val_loss=HIGH)
    assert fired_steps(database, job) == [10]


def test_a_resumed_attempt_fires_nothing_again(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    rules = [rule("val_loss > 7 for 2"), rule("tokens_per_s < 50")]
    run_through(database, job, rules, [LOW, HIGH, HIGH, LOW, LOW])
    attempt = next_attempt(database, job)
    losses = [HIGH, HIGH, LOW, LOW, HIGH, HIGH]
    for number, loss in enumerate(losses):
        record(database, job, rules, 5 + 5 * number, attempt, val_loss=loss)
    assert fired_steps(database, job) == [10, 30]


def test_an_alert_that_a_person_resumed_past_does_not_pause_the_job_again(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    rules = [rule("val_loss > 7", "pause")]
    run_through(database, job, rules, [HIGH, HIGH])
    assert record(database, job, rules, 10, val_loss=HIGH) == []


def test_an_attempt_that_was_overtaken_fires_nothing(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    next_attempt(database, job)
    with pytest.raises(Fenced):
        record(database, job, [rule("val_loss > 7", "pause")], 0, val_loss=HIGH)
    assert fired_steps(database, job) == []


def test_what_has_fired_goes_with_its_job(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    record(database, job, [rule("val_loss > 7")], 0, val_loss=HIGH)
    with database.write() as session:
        stop(session, job.id, 1, "test")
        request_cancel(session, job.id)
    with database.write() as session:
        delete_job(session, job.id)
    with database.read() as session:
        assert session.query(AlertFiring).all() == []


def expected_steps(held: Sequence[bool], count: int) -> list[int]:
    """The last step of the first `count` of each row that is long enough."""
    steps, step = [], 0
    for holds, group in groupby(held):
        length = len(list(group))
        if holds and length >= count:
            steps.append(step + count - 1)
        step += length
    return steps


@pytest.mark.sqlite_will_do
@hypothesis_settings(max_examples=25)
@given(
    held=st.lists(st.booleans(), min_size=1, max_size=12),
    count=st.integers(1, 4),
    resumes=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=3),
)
def test_whatever_is_computed_again_the_same_alerts_fire(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_sqlite: Any,
    held: list[bool],
    count: int,
    resumes: list[tuple[int, int]],
) -> None:
    """resumes  where an attempt ends, and how far back the next one begins"""
    folder = tmp_path_factory.mktemp("alerts")
    settings = Settings(data_dir=folder)
    (folder / "pretrain.sqlite3").write_bytes(migrated_sqlite.read_bytes())
    database = Database(settings.database)
    job = running_job(database, settings)
    rules = [rule(f"val_loss > 7 for {count}")]
    step = 0
    for end, back in [*resumes, (len(held), 0)]:
        while step < min(end, len(held)):
            record(database, job, rules, step, val_loss=HIGH if held[step] else LOW)
            step += 1
        step = max(0, step - back) if end < len(held) else step
    while step < len(held):
        record(database, job, rules, step, val_loss=HIGH if held[step] else LOW)
        step += 1
    assert fired_steps(database, job) == expected_steps(held, count)
    database.close()
