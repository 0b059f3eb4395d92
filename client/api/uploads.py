"""Texts that become a data set: checked while they are sent, and never held in memory."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

from client.errors import ApiError, ClientError, Unreachable, UsageError
from client.files.input import STDIN, name_in_command, shown_name
from client.files.text_files import PLAIN, OnRead, TextFiles, find_text_files, stem_of
from client.plain_text import is_unicode
from client.records import AddedDataset
from jobs.files.arriving_text import BadText, TextFacts
from jobs.files.json_lines import as_plain_text
from jobs.files.plain_text import LooksLikeJSONLines, read_plain_text

LINE = re.compile(r"line ([\d,]+)(?=: )")


class Send(Protocol):
    """`Datasets.send`."""

    def __call__(
        self,
        name: str,
        blocks: Iterable[bytes],
        media_type: str = ...,
        *,
        text_field: str | None = ...,
        size_bytes: int | None = ...,
    ) -> AddedDataset: ...


def upload_texts(
    send: Send,
    given: Sequence[Path],
    name: str | None,
    text_field: str | None,
    on_begin: Callable[[int | None], object],
    on_read: OnRead,
) -> AddedDataset:
    """The data set with the texts of files and folders.

    name      of the data set; None: that of the file or folder, without its suffix
    on_begin  called with how many bytes will be read, if that is known
    raises    UsageError for what can be no text; ClientError if the service refuses it
    """
    if name is None:
        name = name_of(given)
    texts = find_text_files(given, text_field)
    on_begin(texts.bytes_on_disk)
    what = ", ".join(map(shown_name, given[:3])) + (", ..." if len(given) > 3 else "")
    blocks = checked_blocks(texts, on_read)
    # What is wrong at once is told before anything is sent.
    begun = list(islice(blocks, 2))
    try:
        return send(
            name,
            chain(begun, blocks),
            texts.media_type,
            text_field=None if texts.media_type == PLAIN else texts.text_field,
            size_bytes=texts.body_bytes,
        )
    except ApiError as error:
        raise ClientError(f"{what}: {reason_of(error, texts)}") from error
    except Unreachable as error:
        # A service with a lower limit may hang up before it has read all, and its response is lost.
        raise ClientError(f"{what}: {error}") from error


def name_of(given: Sequence[Path]) -> str:
    """raises  UsageError"""
    if not given:
        raise UsageError("no file is given")
    if len(given) > 1:
        raise UsageError("several files become one data set: give it a name with --name")
    (path,) = given
    if path == STDIN:
        raise UsageError("standard input has no name: give the text one with --name")
    name = stem_of(path)
    if not is_unicode(name):
        raise UsageError(f"{shown_name(path)}: its name is not UTF-8: give it one with --name")
    return name


def checked_blocks(texts: TextFiles, on_read: OnRead) -> Iterator[bytes]:
    """The blocks to send, checked where they are plain text. raises  UsageError"""
    blocks = texts.blocks(on_read)
    if texts.media_type != PLAIN:
        yield from blocks
        return
    (file,) = texts.files
    try:
        yield from read_plain_text(blocks, TextFacts())
    except LooksLikeJSONLines as error:
        raise UsageError(
            f"{shown_name(file)}: looks like JSON Lines, a document a line: name the member that has its "
            "text with --text-field, or let the file's name end in .jsonl. This makes plain text of it: "
            f"{as_plain_text(name_in_command(file))}"
        ) from error
    except BadText as error:
        converted = shlex.quote(f"{name_in_command(file)}.utf8")
        command = f"{shlex.quote(name_in_command(file))} > {converted}"
        raise UsageError(f"{shown_name(file)}: {str(error).replace('FILE > FILE.utf8', command)}") from error


def reason_of(error: ApiError, texts: TextFiles) -> str:
    """Why the texts were refused, without quoting them, in the lines of the files that they are from."""
    if error.fields != {""}:
        return str(error)
    reason = "; ".join(str(field_error.get("message", "")) for field_error in error.errors)
    reason = reason.replace("; text_field says", "; --text-field says")
    if len(texts.files) == 1 or not (line := LINE.match(reason)):
        return reason
    file, number = texts.file_and_line(int(line[1].replace(",", "")))
    return f"{shown_name(file)}, line {number:,}{reason[line.end() :]}"
