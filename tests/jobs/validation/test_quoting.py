import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.validation.quoting import MAX_QUOTED_CHARACTERS, cut, excerpt, quoted

TEXT = st.text(st.characters(exclude_categories=[]), max_size=300)  # lone surrogates too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(TEXT, inner, max_size=20),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, "", "a", [], {}, [1, {"a": [None, "é\x00"]}], {"a": 1}]
)
def test_a_short_value_is_quoted_whole(value: object) -> None:
    assert excerpt(value) == value
    assert type(excerpt(value)) is type(value)


def test_a_long_value_is_cut_at_200_characters() -> None:
    assert excerpt("x" * 200) == "x" * 200
    assert excerpt("x" * 201) == "x" * 199 + "…"
    assert excerpt(list(range(100))) == json.dumps(list(range(100)))[:199] + "…"
    assert excerpt(10**300) == "1" + "0" * 198 + "…"


@given(JSON)
def test_an_excerpt_is_short_and_valid_unicode_whatever_the_value(value: object) -> None:
    written = excerpt(value)
    text = json.dumps(written, ensure_ascii=False, allow_nan=False)
    text.encode()
    assert len(written if isinstance(written, str) else text) <= MAX_QUOTED_CHARACTERS


@given(TEXT)
def test_a_quotation_is_one_short_printable_line(text: str) -> None:
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= MAX_QUOTED_CHARACTERS
    cut(text).encode()
    assert len(cut(text)) <= MAX_QUOTED_CHARACTERS


def test_quoting_a_huge_value_takes_no_memory() -> None:
    huge = {"a" * 10_000_000: ["b" * 10_000_000] * 1000}
    tracemalloc.start()
    excerpt(huge), excerpt([huge] * 1000), quoted("a" * 10_000_000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 12_000_000  # the last argument itself
