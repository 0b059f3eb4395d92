"""Documents while they arrive, as NDJSON: one JSON object a line, whose text is one of its members.

They are stored as `model.storage.splits` reads them: each followed by `DOCUMENT_END`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from jobs.files.arriving_text import FIRST_LINES_CHARACTERS, BadText, Reader, TextFacts, check_head, not_utf8
from jobs.files.encodings import SAMPLE_BYTES
from jobs.validation.quoting import cut, quoted
from model.config import storable
from model.storage.splits import DOCUMENT_END

TEXT_FIELD = "text"
MAX_LINE_BYTES = 64 * 2**20
"""A line is held in memory several times over while its text is taken out."""
LONG_LINE_CHARACTERS = 2**20
MAX_VALUES = 100_000
"""In a line longer than that: 64 MiB of brackets would become gigabytes of Python's objects."""
PIECE_BYTES = 2**20
MEMBERS_SHOWN = 10

VALUE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{,]', re.DOTALL)
"""A string, or a bracket or comma outside of one."""


def documents_reader(text_field: str = TEXT_FIELD) -> Reader:
    """A `Reader` of NDJSON. text_field  the member of each object that has its text"""
    return partial(read_documents, text_field=text_field)


def read_documents(
    blocks: Iterable[bytes], facts: TextFacts, text_field: str = TEXT_FIELD
) -> Iterator[bytes]:
    """The `Reader`. Empty lines are skipped, and documents without text left out and counted."""
    pieces: list[bytes] = []
    pending_bytes = 0
    facts.longest_document = 0
    for number, line in numbered_lines(blocks):
        try:
            text = text_of(line, text_field)
        except ValueError as error:
            raise BadText(f"line {number:,}: {error}", cut(line)) from error
        if not text or text.isspace():
            facts.empty_documents += 1
            continue
        if (lacking := FIRST_LINES_CHARACTERS - len(facts.first_lines)) > 0:
            facts.first_lines += f"{text[:lacking]}\n"[:lacking]
        facts.documents += 1
        facts.characters += len(text) + len(DOCUMENT_END)
        facts.longest_document = max(facts.longest_document, len(text))
        pieces.append(f"{text}{DOCUMENT_END}".encode())
        pending_bytes += len(pieces[-1])
        if pending_bytes >= PIECE_BYTES:
            yield b"".join(pieces)
            pieces, pending_bytes = [], 0
    yield b"".join(pieces)
    if facts.documents == 0:
        empty = facts.empty_documents
        reason = f"the text of each of its {empty:,} is empty or white space" if empty else "it has none"
        raise BadText(f"must have a document; {reason}")


def numbered_lines(blocks: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, numbered from 1, without a byte order mark. raises  BadText"""
    head = bytearray()
    start_bytes = 0
    for number, line in enumerate(split_lines(blocks), start=1):
        if len(head) < SAMPLE_BYTES:
            head += line[: SAMPLE_BYTES - len(head)] + b"\n"
        if not line:
            start_bytes += 1
            continue
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            wrong = not_utf8(bytes(head), start_bytes + error.start, line[: error.start], line[error.start :])
            raise BadText(f"line {number:,}: {wrong}", cut(line[:1000].decode(errors="replace"))) from error
        if number == 1:
            check_head(bytes(head))
            text = text.removeprefix("\ufeff")
        start_bytes += len(line) + 1
        if text and not text.isspace():
            yield number, text


def split_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Without their ends. raises  BadText for one that is too long"""
    rest: list[bytes] = []
    rest_bytes = lines = 0
    for block in blocks:
        *ended, unended = block.split(b"\n")
        for line in ended:
            yield b"".join([*rest, line]) if rest else line
            rest, rest_bytes = [], 0
            lines += 1
        if unended:
            rest.append(unended)
            rest_bytes += len(unended)
        if rest_bytes > MAX_LINE_BYTES:
            raise BadText(
                f"line {lines + 1:,}: is longer than the limit of {MAX_LINE_BYTES:,} bytes; "
                "make several documents of it, or send it as plain text",
                cut(rest[0][:1000].decode(errors="replace")),
            )
    if rest:
        yield b"".join(rest)


def text_of(line: str, text_field: str) -> str:
    """The text of one document. raises  ValueError"""
    if len(line) > LONG_LINE_CHARACTERS:
        check_values(line)
    try:
        document = json.loads(line, parse_int=without_limit)
    except (ValueError, RecursionError) as error:
        hint = "; each document must be one JSON object on one line"
        reason = "it nests too deep" if isinstance(error, RecursionError) else describe_json_error(error)
        raise ValueError(f"is not JSON: {reason}{hint}") from error
    if not isinstance(document, dict):
        raise ValueError(
            f'must be a JSON object, such as {{"{text_field}": "..."}}, not {json_kind(document)}'
        )
    if text_field not in document:
        raise ValueError(
            f"has no member {quoted(text_field)}{describe_members(document)}; "
            "text_field says which one has the text"
        )
    text = document[text_field]
    if not isinstance(text, str):
        raise ValueError(f"{quoted(text_field)} must be a string, not {json_kind(text)}")
    try:
        return storable(text)
    except ValueError as error:
        raise ValueError(f"{quoted(text_field)} {error}") from error


def without_limit(digits: str) -> int:
    """For a number of which nothing is wanted: Python refuses to read one of more than 4,300 digits."""
    return 0


def check_values(line: str) -> None:
    """raises  ValueError if there are too many"""
    if sum(match[0][:1] != '"' for match in VALUE.finditer(line)) > MAX_VALUES:
        raise ValueError(f"holds more than {MAX_VALUES:,} values")


def describe_json_error(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1:,}"
    return str(error)


def describe_members(document: dict[str, Any]) -> str:
    if not document:
        return " and no other"
    names = ", ".join(quoted(name) for name in list(document)[:MEMBERS_SHOWN])
    return f", only {names}{' and others' if len(document) > MEMBERS_SHOWN else ''}"


def json_kind(value: Any) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
