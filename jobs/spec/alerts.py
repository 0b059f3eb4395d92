"""Alerts in a spec: rules such as `val_loss > 7 for 3`, each with what is done when it holds.

A rule is a metric, a comparison, a number, and for how many evaluations in a row it must hold:

    rule        = metric comparison number [ "for" count [ "evaluation" | "evaluations" ] ]
    comparison  = ">" | ">=" | "<" | "<="
"""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from jobs.validation.quoting import quoted
from jobs.validation.request_model import RequestModel
from model.config import Text

SINCE_BEST = "evaluations_since_best"
"""How many evaluations have gone by since the one of lowest validation loss."""

METRICS = (
    "train_loss",
    "val_loss",
    "val_bpb",
    "grad_norm",
    "learning_rate",
    "tokens_per_s",
    SINCE_BEST,
)
"""All but the last are columns of an evaluation."""

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}

Action = Literal["notify", "pause", "finish"]

MAX_EVALUATIONS = 1000
MAX_ALERTS = 16

WORD = re.compile(r"[<>=!]+|[^\s<>=!]+")
"""Of a rule: a run of signs, or of anything else without a space."""
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
COUNT = re.compile(r"\d{1,9}", re.ASCII)

RULE = (
    rf"^\s*({'|'.join(METRICS)})\s*(>=?|<=?)\s*{NUMBER.pattern}"
    r"(\s+for\s+\d{1,4}(\s+evaluations?)?)?\s*$"
)
"""For the OpenAPI document: what a schema can say of a rule."""

EXAMPLE = "such as: val_loss > 7 for 3"


@dataclass(frozen=True)
class Condition:
    metric: str
    comparison: str
    threshold: float
    evaluations: int = 1
    """For so many in a row it must hold."""

    def holds(self, value: float | None) -> bool:
        """Whether it does at one evaluation. Not for a metric that was not measured."""
        return value is not None and COMPARISONS[self.comparison](value, self.threshold)


def parse_condition(rule: str) -> Condition:
    """raises  ValueError that says what is wrong and what would be right"""
    metric, comparison, number, *rest = [*WORD.findall(rule), "", "", ""]
    words = [word for word in rest if word]
    if metric not in METRICS:
        what = f"{quoted(metric)} is no metric" if metric else "must not be empty"
        raise ValueError(f"{what}; a rule begins with {' or '.join((', '.join(METRICS[:-1]), METRICS[-1]))}")
    if comparison not in COMPARISONS:
        raise ValueError(f"after {metric} {found(comparison)} must be >, >=, < or <=, {EXAMPLE}")
    if not NUMBER.fullmatch(number) or not math.isfinite(float(number)):
        raise ValueError(f"after {comparison} {found(number)} must be a finite number, {EXAMPLE}")
    return Condition(metric, comparison, float(number), parse_evaluations(metric, words))


def parse_evaluations(metric: str, words: list[str]) -> int:
    """What `for 3` says, or nothing."""
    if not words:
        return 1
    if words[0] != "for":
        raise ValueError(f"after the number {found(words[0])} can only be for and a count, {EXAMPLE}")
    if metric == SINCE_BEST:
        raise ValueError(
            f"{SINCE_BEST} counts evaluations itself: leave out for, and compare it with the count"
        )
    count = words[1] if len(words) > 1 else ""
    if not COUNT.fullmatch(count) or not 1 <= int(count) <= MAX_EVALUATIONS:
        counts = f"a count of evaluations from 1 to {MAX_EVALUATIONS:,}"
        raise ValueError(f"after for {found(count)} must be {counts}, {EXAMPLE}")
    if words[2:] not in ([], ["evaluation"], ["evaluations"]):
        raise ValueError(f"after for {count} {found(words[2])} is one too many, {EXAMPLE}")
    return int(count)


def found(word: str) -> str:
    return f"comes {quoted(word)}, which" if word else "comes nothing, but there"


def check_condition(rule: str) -> str:
    parse_condition(rule)
    return rule


class AlertRule(RequestModel):
    """A rule, and what is done when it holds."""

    when: Annotated[Text, AfterValidator(check_condition)] = Field(
        max_length=200, json_schema_extra={"pattern": RULE}
    )
    """A metric of the evaluations (`train_loss`, `val_loss`, `val_bpb`, `grad_norm`, `learning_rate`,
    `tokens_per_s`, `evaluations_since_best`), `>`, `>=`, `<` or `<=`, and a number; with `for 3` it must hold
    at so many evaluations in a row. It fires once, and again only after an evaluation at which it did not
    hold."""

    do: Action = "notify"
    """`notify`: an event `alert`, which webhooks are told of. `pause` and `finish`: also as
    `POST /jobs/<id>/pause` and `/finish` do. Default: notify."""

    @property
    def condition(self) -> Condition:
        return parse_condition(self.when)
