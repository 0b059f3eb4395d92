import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.events import list_events, record_event
from jobs.store.tables import Event
from jobs.validation.strict_json import finite, to_json
from tests.jobs.making import queued_job

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
)


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


@given(values)
def test_what_is_written_can_be_read_by_every_parser_and_is_the_value_itself_where_that_is_finite(
    value: Any,
) -> None:
    read = json.loads(to_json(value), parse_constant=refuse)
    assert read == json.loads(json.dumps(finite(value)))
    if json.dumps(value) == json.dumps(finite(value)):
        assert to_json(value) == json.dumps(value)


def test_each_number_that_is_none_is_null_however_deep_it_lies() -> None:
    wrong = {"a": [1.5, math.inf, {"b": -math.inf}], "c": (math.nan, True, 3)}
    assert finite(wrong) == {"a": [1.5, None, {"b": None}], "c": [None, True, 3]}


def test_an_events_data_is_stored_without_them(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    with database.write() as session:
        record_event(session, job.id, 1, "early_stop", {"best_val_loss": math.inf, "step": 3})
    with database.read() as session:
        stored = session.scalars(select(Event.data).where(Event.type == "early_stop")).one()
        assert stored == {"best_val_loss": None, "step": 3}
        assert list_events(session, job.id)[-1].data == stored
