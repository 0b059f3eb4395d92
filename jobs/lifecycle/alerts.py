"""Alerts: the rules of a spec, decided where evaluations are recorded.

What fires is decided by the rows of the history alone, in the transaction that writes the newest of them. So
evaluations of earlier attempts count, and a resumed attempt, which computes some evaluations again, fires
nothing again.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from jobs.lifecycle.requests import request_finish, request_pause
from jobs.spec.alerts import SINCE_BEST, AlertRule, Condition
from jobs.store.events import record_event
from jobs.store.tables import AlertFiring, Evaluation

ALERT = "alert"
"""The event's type."""


def check_alerts(
    session: Session, job_id: str, attempt: int, rules: Sequence[AlertRule], step: int
) -> list[int]:
    """Fire the rules that hold at the evaluation of `step`, which this transaction has recorded in the name
    of the attempt; returns their numbers.

    A rule that has fired fires again once it has not held in between.
    """
    if not rules:
        return []
    conditions = [rule.condition for rule in rules]
    recent = recent_evaluations(session, job_id, step, max(each.evaluations for each in conditions))
    needs_best = any(each.metric == SINCE_BEST for each in conditions)
    since_best = evaluations_since_best(session, job_id, step) if needs_best else None
    standing = standing_firings(session, job_id, step)
    fired: list[dict[str, Any]] = []
    for number, (rule, condition) in enumerate(zip(rules, conditions, strict=True)):
        values = values_of(condition, recent, since_best)
        firing = standing.get(number)
        if firing is not None:
            if firing.cleared_step is None and step > firing.step and not condition.holds(values[0]):
                firing.cleared_step = step
        elif len(values) == condition.evaluations and all(map(condition.holds, values)):
            fired.append({"rule": number, **rule.model_dump(mode="json"), "step": step, "value": values[0]})
    for data in fired:
        fire(session, job_id, attempt, data)
    return [data["rule"] for data in fired]


def fire(session: Session, job_id: str, attempt: int, data: dict[str, Any]) -> None:
    """Record the alert, and do what its rule asks for."""
    session.add(AlertFiring(job_id=job_id, rule=data["rule"], step=data["step"]))
    record_event(session, job_id, attempt, ALERT, data)
    if data["do"] == "pause":
        request_pause(session, job_id)
    elif data["do"] == "finish":
        request_finish(session, job_id)


def values_of(
    condition: Condition, recent: Sequence[Evaluation], since_best: int | None
) -> list[float | None]:
    """The metric's newest values, the newest first: as many as the condition looks at, if there are."""
    if condition.metric == SINCE_BEST:
        return [since_best]
    return [getattr(row, condition.metric) for row in recent[: condition.evaluations]]


def recent_evaluations(session: Session, job_id: str, step: int, count: int) -> list[Evaluation]:
    """Those up to `step`, the newest first. Later ones are of an attempt before, and will be made again."""
    up_to = select(Evaluation).where(Evaluation.job_id == job_id, Evaluation.step <= step)
    newest = up_to.order_by(Evaluation.step.desc()).limit(count)
    return list(session.scalars(newest, execution_options={"populate_existing": True}))


def evaluations_since_best(session: Session, job_id: str, step: int) -> int:
    """How many evaluations up to `step` there are after the one of lowest validation loss."""
    up_to = (Evaluation.job_id == job_id, Evaluation.step <= step)
    best = select(Evaluation.step).where(*up_to).order_by(Evaluation.val_loss, Evaluation.step).limit(1)
    later = select(func.count()).where(*up_to, Evaluation.step > best.scalar_subquery())
    return session.execute(later).scalar_one()


def standing_firings(session: Session, job_id: str, step: int) -> dict[int, AlertFiring]:
    """By the numbers of the rules, what has fired and still stood at `step`; or has fired at a later one,
    which an attempt before had come to."""
    stands = or_(AlertFiring.cleared_step.is_(None), AlertFiring.cleared_step > step)
    firings = select(AlertFiring).where(AlertFiring.job_id == job_id, stands).order_by(AlertFiring.step)
    return {firing.rule: firing for firing in session.scalars(firings)}
