import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.files import documents
from jobs.files.arriving_text import BadText, TextFacts
from jobs.files.documents import read_documents
from tests.jobs.files.test_plain_text import blocks_of
from tests.model.texts import TEXTS


def read(content: bytes, size: int = 2**20, text_field: str = "text") -> tuple[str, TextFacts]:
    facts = TextFacts()
    return b"".join(read_documents(blocks_of(content, size), facts, text_field)).decode(), facts


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=6).filter(lambda texts: any(text.strip() for text in texts)),
    size=st.integers(1, 40),
    ascii_only=st.booleans(),
)
def test_the_texts_are_stored_one_after_the_other_wherever_the_lines_are_cut(
    texts: list[str], size: int, ascii_only: bool
) -> None:
    lines = [json.dumps({"id": 1, "text": text}, ensure_ascii=ascii_only) for text in texts]
    stored, facts = read("\r\n".join(lines).encode(), size)
    kept = [text for text in texts if text.strip()]
    assert stored == "".join(f"{text}\0" for text in kept)
    assert facts == TextFacts(
        characters=len(stored),
        documents=len(kept),
        longest_document=max(map(len, kept)),
        first_lines="".join(f"{text}\n" for text in kept)[:400],
        empty_documents=len(texts) - len(kept),
    )


def test_the_text_may_be_another_member() -> None:
    assert read(b'{"text": 1, "body": "a"}\n', text_field="body")[0] == "a\0"


def test_a_number_of_any_length_beside_the_text_is_skipped() -> None:
    line = '{"n": ' + "9" * 6000 + ', "text": "one"}'
    assert b"".join(read_documents([line.encode()], TextFacts())) == b"one\0"


def test_empty_lines_and_a_byte_order_mark_are_skipped() -> None:
    assert read('\ufeff\n{"text": "a"}\n\n \r\n{"text": "b"}'.encode())[0] == "a\0b\0"


def test_the_name_of_the_end_of_text_stays_text() -> None:
    assert read(b'{"text": "a<|endoftext|>b"}')[0] == "a<|endoftext|>b\0"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "is not JSON: Expecting property name.* at character 2; each document must be one"),
        (b"plain text", "is not JSON: Expecting value at character 1"),
        (b'"text"', r'must be a JSON object, such as {"text": "..."}, not a string'),
        (b"[1]", "must be a JSON object.*, not an array"),
        (b"null", "must be a JSON object.*, not null"),
        (b"{}", "has no member 'text' and no other; text_field says which one has the text"),
        (b'{"a": 1, "b": 2}', "has no member 'text', only 'a', 'b'; text_field"),
        (b'{"text": 7}', "'text' must be a string, not a number"),
        (b'{"text": null}', "'text' must be a string, not null"),
        (b'{"text": "a\\u0000b"}', "'text' must not contain a NUL character"),
        (b'{"text": "\\ud800"}', "'text' must not contain a lone surrogate"),
        (b'{"text": "a\x07"}', "is not JSON: Invalid control character"),
        (b'{"text": "\xff"}', "must be UTF-8 text; byte 42 is not"),
        (b"[" * 100_000, "is not JSON: it nests too deep"),
    ],
)
@pytest.mark.parametrize("size", [7, 2**20])
def test_a_wrong_line_is_refused_by_its_number(line: bytes, message: str, size: int) -> None:
    with pytest.raises(BadText, match=re.compile(f"^line 3: {message}")) as caught:
        read(b'{"text": "one"}\n{"text": "two"}\n' + line, size)
    assert caught.value.value is not None
    assert len(caught.value.value) <= 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have a document; it has none"),
        (
            b'{"text": " "}\n{"text": ""}',
            "must have a document; the text of each of its 2 is empty or white space",
        ),
        ('{"text": "a plain day"}\n'.encode("utf-16-le"), "it looks like UTF-16 without a byte order mark"),
        ('{"text": "a plain day"}\n'.encode("utf-16"), "it looks like UTF-16"),
        (b"\x1f\x8b\x08\xff", "this is not text but a gzip file"),
    ],
)
def test_what_has_no_documents_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(BadText, match=message):
        read(content)


def test_a_line_that_is_too_long_is_refused_before_it_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_LINE_BYTES", 100)
    arrived = []

    def endless() -> object:
        yield b'{"text": "a"}\n{"text": "'
        while True:
            arrived.append(1)
            yield b"x" * 10

    with pytest.raises(BadText, match="line 2: is longer than the limit of 100 bytes"):
        list(read_documents(endless(), TextFacts()))  # type: ignore[arg-type]
    assert len(arrived) == 10


def test_a_long_line_of_many_values_is_refused_before_they_are_made() -> None:
    brackets = b'{"text": "a", "values": [' + b"[]," * 400_000 + b"[]]}"
    with pytest.raises(BadText, match="line 1: holds more than 100,000 values"):
        read(brackets)
    commas = json.dumps({"text": '[{,\\" ' * 200_000}).encode()
    assert read(commas)[1].documents == 1
