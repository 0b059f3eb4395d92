"""Losses as text: straight from the columns what their records would be."""

import csv
import io
import json
import math
from typing import Any

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from api.app import StrictJSONProvider
from api.records.history import LOSS_FIELDS, LossRecord, losses_csv, losses_json
from api.records.record import Listing
from jobs.store.times import as_rfc3339

numbers = st.floats() | st.sampled_from([0.1, 1e22, 1e-5, 5e-324, -0.0])
kinds = [numbers | st.none()] * len(LOSS_FIELDS)
for name in ("step", "epoch", "tokens_seen"):
    kinds[LOSS_FIELDS.index(name)] = st.integers(0, 2**63 - 1)
kinds[LOSS_FIELDS.index("recorded_at")] = numbers
rows = st.lists(st.tuples(*kinds), max_size=4)


def text_of(page: list[tuple[Any, ...]]) -> list[list[Any]]:
    """Their values as they are shown: finite numbers, and times."""
    time = LOSS_FIELDS.index("recorded_at")
    shown = [[None if x is None or not math.isfinite(x) else x for x in row] for row in page]
    return [[*row[:time], as_rfc3339(page[n][time]), *row[time + 1 :]] for n, row in enumerate(shown)]


@given(rows, st.booleans())
def test_a_page_of_losses_says_what_its_records_would(page: list[tuple[Any, ...]], has_more: bool) -> None:
    data = [LossRecord.model_construct(**dict(zip(LOSS_FIELDS, row, strict=True))) for row in page]
    listing = Listing[LossRecord].model_construct(object="list", data=data, has_more=has_more)
    as_records = StrictJSONProvider(Flask("test")).dumps(listing.model_dump(mode="json", warnings=False))
    written = losses_json(page, has_more=has_more)
    assert json.loads(written) == json.loads(as_records)
    assert [list(row) for row in json.loads(written)["data"]] == [list(LOSS_FIELDS)] * len(page)


@given(rows)
def test_csv_says_the_same_and_the_standard_library_reads_it(page: list[tuple[Any, ...]]) -> None:
    text = losses_csv(page).decode()
    assert text.count("\r\n") == text.count("\n") == len(page)
    read = list(csv.reader(io.StringIO(text, newline="")))
    time = LOSS_FIELDS.index("recorded_at")
    for values, shown in zip(read, text_of(page), strict=True):
        found = [None if x == "" else x if n == time else float(x) for n, x in enumerate(values)]
        assert found == [float(x) if isinstance(x, int) else x for x in shown]


def test_an_empty_page_is_json_and_no_line_of_csv() -> None:
    assert json.loads(losses_json([], has_more=False)) == {"object": "list", "data": [], "has_more": False}
    assert losses_csv([]) == b""
