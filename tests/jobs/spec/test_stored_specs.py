"""Specs in rows of earlier versions."""

from typing import Any

import pytest
from sqlalchemy import update

from jobs.lifecycle.attempts import fail
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.states import job_error
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.jobs.making import running_job


def stored_before_initialization(**body: Any) -> dict[str, Any]:
    """A spec as it was stored while the preset's name decided how the weights are drawn."""
    stored = parse_spec(body).model_dump(mode="json")
    del stored["model"]["initialization"]
    return stored


@pytest.mark.parametrize("body", [{}, {"preset": "tiny"}, {"preset": "gpt2-xl", "training": {"seed": 7}}])
def test_what_was_stored_is_what_is_read(body: dict[str, Any]) -> None:
    spec = parse_spec(body)
    assert read_spec(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("body", "initialization"),
    [
        ({}, "pytorch"),
        ({"model": {"tie_weights": True}}, "gpt2"),
        ({"preset": "tiny"}, "gpt2"),
        ({"preset": "tiny", "model": {"tie_weights": False}}, "gpt2"),
        ({"preset": "gpt2-small", "model": {"tie_weights": False}}, "gpt2"),
    ],
)
def test_an_earlier_spec_keeps_the_initialization_that_its_presets_name_gave_it(
    body: dict[str, Any], initialization: str
) -> None:
    spec = read_spec(stored_before_initialization(**body))
    assert spec.model.initialization == spec.gpt.initialization == initialization


def test_a_field_that_has_gone_since_is_left_out_in_every_section() -> None:
    stored = parse_spec({"preset": "tiny"}).model_dump(mode="json")
    for section in (stored, stored["model"], stored["training"], stored["checkpoints"]):
        section["gone"] = {"was": 1}
    assert read_spec(stored) == parse_spec({"preset": "tiny"})


def test_a_field_or_a_section_that_came_since_has_its_default() -> None:
    stored = parse_spec({"preset": "tiny"}).model_dump(mode="json")
    del stored["training"]["compile"], stored["evaluation"]
    assert read_spec(stored) == parse_spec({"preset": "tiny"})


def test_a_seed_beyond_todays_limit_still_reads() -> None:
    stored = parse_spec({}).model_dump(mode="json")
    stored["training"]["seed"] = 7 + 2**32
    assert read_spec(stored).training.seed == 7 + 2**32


UNREADABLE: list[tuple[dict[str, Any], str]] = [
    ({"preset": "gone"}, "preset: must be "),
    ({"model": 7}, "model: must be "),
    ({"training": {"num_epochs": 0, "seed": "x"}}, r"training\.num_epochs: .*; training\.seed: "),
]


@pytest.mark.parametrize(("stored", "message"), UNREADABLE)
def test_a_spec_that_can_not_be_read_says_which_fields_are_wrong(
    stored: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnreadableSpec, match=f"the stored spec can't be read: {message}"):
        read_spec(stored)


@pytest.mark.parametrize(
    ("max_attempts", "status"), [(2, "queued"), (1, "failed"), (None, "queued"), ("x", "queued")]
)
def test_a_job_whose_spec_can_not_be_read_can_still_fail(
    database: Database, settings: Settings, max_attempts: Any, status: str
) -> None:
    job = running_job(database, settings)
    stored = {"preset": "gone", "model": 7} | ({} if max_attempts is None else {"max_attempts": max_attempts})
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(spec=stored))
        assert fail(session, job.id, 1, job_error("internal", "boom", 1)) == status
