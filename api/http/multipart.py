"""A file in a body of multipart/form-data (RFC 7578), read as it arrives and held nowhere."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from api.http.problems import HTTPProblem, bad_request, invalid_fields
from jobs.validation.field_errors import FieldError
from jobs.validation.quoting import quoted

FILE_FIELD = "file"
MAX_HELD_BYTES = 64 * 1024
"""Of a part's head, or of what stands before the first and behind the last part."""

MIN_HEAD_BYTES = 64 * 1024
LINE_BREAK_BYTES = 2
BOUNDARY_END_BYTES = 4
"""What tells the last boundary from others: two dashes, and a line break."""


@dataclass(frozen=True)
class FilePart:
    name: str
    filename: str
    content_type: str
    """As the part's head has it; may be empty."""
    blocks: Iterator[bytes]
    """Its content. Raises HTTPProblem if the body ends too early, or if it should be the only part and is
    not."""


def read_file_part(blocks: Iterable[bytes], boundary: str | None) -> FilePart:
    """The part called `file`, which must be the only one.

    boundary  of the body's Content-Type
    raises    HTTPProblem: 400 if the body is malformed; 422 if it has no such part, or another
    """
    if not boundary:
        raise bad_request("Content-Type multipart/form-data must have a boundary")
    events = multipart_events(blocks, boundary.encode())
    for event in events:
        if isinstance(event, File | Field):
            check_part(event)
            assert isinstance(event, File)
            content_type = event.headers.get("Content-Type", "")
            content = with_long_head(content_of(events))
            return FilePart(FILE_FIELD, event.filename, content_type, content)
    raise invalid_fields([FieldError(FILE_FIELD, "must be given")])


def read_file_parts(blocks: Iterable[bytes], boundary: str | None) -> Iterator[FilePart]:
    """All parts, which must be files. Each must be read to its end before the next one is asked for.

    boundary  of the body's Content-Type
    raises    HTTPProblem: 400 if the body is malformed; 422 if a part is no file
    """
    if not boundary:
        raise bad_request("Content-Type multipart/form-data must have a boundary")
    events = multipart_events(blocks, boundary.encode())
    for event in events:
        if isinstance(event, Field):
            message = f'must be a file, with a filename: curl -F "{FILE_FIELD}=@FILE"'
            raise invalid_fields([FieldError(event.name or "", message)])
        if isinstance(event, File):
            content_type = event.headers.get("Content-Type", "")
            content = with_long_head(content_of_part(events))
            yield FilePart(event.name or FILE_FIELD, event.filename, content_type, content)


def check_part(part: File | Field) -> None:
    """raises  HTTPProblem (422)"""
    if part.name != FILE_FIELD:
        raise unexpected_part(part.name)
    if not isinstance(part, File):
        message = 'must be a file, with a filename: curl -F "file=@FILE", not "file=FILE"'
        raise invalid_fields([FieldError(FILE_FIELD, message)])


def unexpected_part(name: str | None) -> HTTPProblem:
    message = (
        f"unknown part; only {quoted(FILE_FIELD)} may be sent, and once. A name goes into the query: ?name="
    )
    return invalid_fields([FieldError(name or "", message)])


def content_of_part(events: Iterator[Event]) -> Iterator[bytes]:
    """The rest of the part that has begun, of several."""
    for event in events:
        if isinstance(event, Data):
            if event.data:
                yield event.data
            if not event.more_data:
                return


def content_of(events: Iterator[Event]) -> Iterator[bytes]:
    """The rest of the part that has begun. raises  HTTPProblem if another follows"""
    for event in events:
        if isinstance(event, Data) and event.data:
            yield event.data
        elif isinstance(event, File | Field):
            raise unexpected_part(event.name)


def uncut(blocks: Iterable[bytes], boundary: bytes) -> Iterator[bytes]:
    """The same bytes, in blocks of which none ends just behind a boundary: of one that can still be the last
    or another, the decoder would take the line break before it for content.

    blocks  longer than a boundary
    """
    marker = b"--" + boundary
    held = b""
    for arrived in blocks:
        block = held + arrived
        last = block.rfind(marker, -len(marker) - BOUNDARY_END_BYTES)
        keep = len(block) if last == -1 else max(0, last - LINE_BREAK_BYTES)
        held = block[keep:]
        if keep:
            yield block[:keep]
    if held:
        yield held


def with_long_head(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same content, whose first block is long, if there is enough: marks and encodings are told by it,
    but the part's head may leave little of the body's first block."""
    head: list[bytes] = []
    while sum(map(len, head)) < MIN_HEAD_BYTES and (block := next(blocks, b"")):
        head.append(block)
    if head:
        yield b"".join(head)
    yield from blocks


def multipart_events(blocks: Iterable[bytes], boundary: bytes) -> Iterator[Event]:
    """raises  HTTPProblem (400)"""
    decoder = MultipartDecoder(boundary)
    try:
        for block in uncut(blocks, boundary):
            decoder.receive_data(block)
            while not isinstance(event := decoder.next_event(), NeedData):
                yield event
            if len(decoder.buffer) > MAX_HELD_BYTES:
                raise bad_request("the multipart body is malformed: there is too much outside its file")
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            yield event
    except (ValueError, UnicodeError) as error:
        raise bad_request("the multipart body is malformed, or ends without its last boundary") from error
