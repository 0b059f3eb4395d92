import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.spec.alerts import COMPARISONS, MAX_EVALUATIONS, METRICS, SINCE_BEST, Condition, parse_condition
from jobs.spec.job_spec import JobSpec
from jobs.spec.parsing import parse_spec
from jobs.spec.stored_specs import read_spec
from jobs.validation.field_errors import SpecError


@pytest.mark.parametrize(
    ("rule", "condition"),
    [
        ("val_loss > 7 for 3", Condition("val_loss", ">", 7.0, 3)),
        ("val_loss>7for 3", None),
        ("train_loss<=.5", Condition("train_loss", "<=", 0.5)),
        ("  grad_norm >= 1e3  ", Condition("grad_norm", ">=", 1000.0)),
        ("tokens_per_s < 100 for 1 evaluation", Condition("tokens_per_s", "<", 100.0, 1)),
        ("val_bpb > 2. for 20 evaluations", Condition("val_bpb", ">", 2.0, 20)),
        ("learning_rate < -1", Condition("learning_rate", "<", -1.0)),
        ("evaluations_since_best >= 20", Condition(SINCE_BEST, ">=", 20.0)),
    ],
)
def test_rules_mean_what_they_say(rule: str, condition: Condition | None) -> None:
    if condition is None:
        with pytest.raises(ValueError, match="must be a finite number"):
            parse_condition(rule)
    else:
        assert parse_condition(rule) == condition


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("", "must not be empty; a rule begins with train_loss, val_loss, "),
        ("loss > 7", "'loss' is no metric; a rule begins with train_loss, "),
        ("> 7", "'>' is no metric"),
        ("val_loss", "after val_loss comes nothing, but there must be >, >=, < or <=, such as: "),
        ("val_loss == 7", "after val_loss comes '==', which must be >, >=, < or <="),
        ("val_loss is 7", "after val_loss comes 'is', which must be >"),
        ("val_loss >", "after > comes nothing, but there must be a finite number"),
        ("val_loss > seven", "after > comes 'seven', which must be a finite number"),
        ("val_loss > nan", "after > comes 'nan', which must be a finite number"),
        ("val_loss > 1e999", "after > comes '1e999', which must be a finite number"),
        ("val_loss > 0x10", "after > comes '0x10', which must be a finite number"),
        ("val_loss > 7 or 8", "after the number comes 'or', which can only be for and a count"),
        ("val_loss > 7 for", "after for comes nothing, but there must be a count of evaluations from 1 to"),
        ("val_loss > 7 for 0", "after for comes '0', which must be a count of evaluations from 1 to 1,000"),
        ("val_loss > 7 for 1001", "after for comes '1001', which must be a count of evaluations"),
        ("val_loss > 7 for 1.5", "after for comes '1.5', which must be a count"),
        ("val_loss > 7 for 3 steps", "after for 3 comes 'steps', which is one too many"),
        ("val_loss > 7 for 3 evaluations now", "is one too many"),
        ("evaluations_since_best > 7 for 3", "counts evaluations itself: leave out for"),
    ],
)
def test_a_wrong_rule_says_what_would_be_right(rule: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec({"alerts": [{"when": "val_loss > 7"}, {"when": rule}]})
    [error] = caught.value.errors
    assert error.field == "alerts.1.when"
    assert message in error.message


@given(
    st.sampled_from(METRICS[:-1]),
    st.sampled_from(sorted(COMPARISONS)),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(1, MAX_EVALUATIONS),
)
def test_every_rule_that_is_written_out_is_read_back(
    metric: str, comparison: str, threshold: float, evaluations: int
) -> None:
    rule = f"{metric} {comparison} {threshold!r} for {evaluations}"
    assert parse_condition(rule) == Condition(metric, comparison, threshold, evaluations)


@given(st.text(max_size=100) | st.text("val_loss><= 7.for3e", max_size=40))
def test_any_text_is_a_finite_rule_or_is_refused_with_a_reason(text: str) -> None:
    try:
        condition = parse_condition(text)
    except ValueError as error:
        reason = str(error)
        condition = Condition("val_loss", ">", 0.0)
    else:
        reason = "none is needed"
    assert reason
    assert condition.metric in METRICS
    assert math.isfinite(condition.threshold)
    assert 1 <= condition.evaluations <= MAX_EVALUATIONS


def test_what_was_not_measured_holds_in_no_comparison() -> None:
    assert not any(Condition("grad_norm", sign, 1.0).holds(None) for sign in COMPARISONS)


def test_a_spec_has_no_alerts_and_an_alert_notifies_unless_it_says_otherwise() -> None:
    assert JobSpec().alerts == []
    (alert,) = parse_spec({"alerts": [{"when": "val_loss > 7"}]}).alerts
    assert alert.do == "notify"


def test_stored_alerts_are_read_as_they_were_posted() -> None:
    spec = parse_spec({"alerts": [{"when": "val_loss > 7 for 3", "do": "pause"}]})
    assert read_spec(spec.model_dump(mode="json")).alerts == spec.alerts


@pytest.mark.parametrize(
    ("alerts", "field", "message"),
    [
        ([{"when": "val_loss > 7"}] * 17, "alerts", "must have at most 16 entries"),
        ([{"do": "notify"}], "alerts.0.when", "must be given"),
        ([{"when": "val_loss > 7", "do": "stop"}], "alerts.0.do", "must be 'notify', 'pause' or 'finish'"),
        ([{"when": "val_loss > 7", "then": "x"}], "alerts.0.then", "unknown field"),
        ({"when": "val_loss > 7"}, "alerts", "must be a JSON array"),
    ],
)
def test_wrong_alerts_are_refused(alerts: Any, field: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec({"alerts": alerts})
    assert [(error.field, error.message) for error in caught.value.errors] == [(field, message)]
