"""Sentences that tell for how long something has lasted, which goes on while a test looks."""

import re

from tests.waiting import PATIENCE_S

SECONDS = re.compile(r"\b\d+ s\b")


def without_age(sentence: str | None, at_least_s: float) -> str:
    """The sentence with `N s` in place of its seconds: so many, and what the machine has taken since."""
    (age,) = SECONDS.findall(str(sentence))
    assert at_least_s <= int(age.removesuffix(" s")) <= at_least_s + PATIENCE_S
    return SECONDS.sub("N s", str(sentence))
