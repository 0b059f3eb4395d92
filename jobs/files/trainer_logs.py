"""What a trainer wrote to its stdout and stderr, as it lies in its job's folder, and how it is read.

Each attempt has a folder of segments, which its trainer writes by itself (`worker.training.log_file`): no
process that is killed takes anything with it that has been written. A segment's name is its place, the number
of bytes before it. The first one stays, and the newest ones; where the names leave a gap, older ones were
dropped. Places only ever grow, so a reader goes on from where it was, whatever is dropped meanwhile.
"""

import codecs
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jobs.validation.terminal import without_controls

HEAD_BYTES = 2**20
TAIL_BYTES = 4 * 2**20
"""Of each attempt at least so much is kept from its beginning, and so much up to its end."""
SEGMENT_BYTES = 2**20
"""A longer segment is followed by the next one."""
SEGMENT = re.compile(r"([0-9]{20})\.log")
NEXT_SEGMENT = "next.log"
"""The newest one, for a moment: its place is known when nothing is written to the one before any more."""

BLOCK_BYTES = 64 * 1024
MAX_LINE_CHARACTERS = 64 * 1024
"""A line that is longer is not waited for to end."""


@dataclass(frozen=True)
class Segment:
    """A file with the bytes from `start` up to `end`, exclusively."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True)
class Dropped:
    """So many bytes that are not kept."""

    size_bytes: int


def segment_name(start: int) -> str:
    return f"{start:020d}.log"


def list_segments(folder: Path) -> list[Segment]:
    """The segments that there are at this moment, in order; none if the trainer has written nothing."""
    sizes: dict[int, tuple[Path, int]] = {}
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if name := SEGMENT.fullmatch(path.name):
                with suppress(FileNotFoundError):  # it has just been dropped
                    sizes[int(name[1])] = path, path.stat().st_size
        if sizes:
            last = max(sizes)
            with suppress(FileNotFoundError):
                path = folder / NEXT_SEGMENT
                sizes[last + sizes[last][1]] = path, path.stat().st_size
    starts = sorted(sizes)
    segments = []
    for start, following in zip(starts, [*starts[1:], None], strict=False):
        path, size = sizes[start]
        # What was copied into the next one, or a child process wrote after its trainer had gone on.
        end = start + size if following is None else min(start + size, following)
        segments.append(Segment(path, start, end))
    return segments


def end_of_log(folder: Path, *, whole_lines: bool = False) -> int:
    """The place behind the last byte that there is, or behind the last line that has ended. A line of more
    than BLOCK_BYTES counts as ended."""
    segments = list_segments(folder)
    if not segments:
        return 0
    end = segments[-1].end
    if not whole_lines:
        return end
    newest = b"".join(
        block for block in read_log(folder, max(0, end - BLOCK_BYTES), end) if isinstance(block, bytes)
    )
    line_end = max(newest.rfind(b"\n"), newest.rfind(b"\r"))
    return end if line_end < 0 and len(newest) == BLOCK_BYTES else end - len(newest) + line_end + 1


def read_log(folder: Path, start: int = 0, end: int | None = None) -> Iterator[bytes | Dropped]:
    """The bytes from place `start` up to `end`, in blocks, with what is no longer there between them."""
    place = start
    for segment in list_segments(folder):
        until = segment.end if end is None else min(segment.end, end)
        if until <= place:
            continue
        try:
            file = segment.path.open("rb")
        except FileNotFoundError:
            continue  # dropped meanwhile: part of the gap before the next one
        with file:
            if segment.start > place:
                yield Dropped(segment.start - place)
                place = segment.start
            file.seek(place - segment.start)
            while place < until and (block := file.read(min(BLOCK_BYTES, until - place))):
                place += len(block)
                yield block


def readable(blocks: Iterable[bytes | Dropped]) -> Iterator[str]:
    """A log as text that is safe to show: what is not UTF-8 is replaced, terminal escapes and control
    characters are left out, and every line ends in a newline alone."""
    decoder = new_decoder()
    unread = ""
    for block in blocks:
        if isinstance(block, Dropped):
            unread += decoder.decode(b"", final=True)
            if unread:
                yield without_controls(unread) + "\n"
            yield f"[... {block.size_bytes:,} bytes are not kept ...]\n"
            decoder, unread = new_decoder(), ""
            continue
        unread += decoder.decode(block)
        line_end = unread.rfind("\n") + 1
        if len(unread) - line_end > MAX_LINE_CHARACTERS:
            line_end = len(unread)
        if line_end:
            yield without_controls(unread[:line_end])
            unread = unread[line_end:]
    unread += decoder.decode(b"", final=True)
    if unread:
        yield without_controls(unread)


def new_decoder() -> io.IncrementalNewlineDecoder:
    """Progress bars return to the start of their line: each state of one becomes a line."""
    return io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)


def last_lines(pieces: Iterable[str], count: int) -> list[str]:
    """The last `count` lines of a text that comes in pieces, with their ends."""
    lines: deque[str] = deque(maxlen=count)
    unended = ""
    for piece in pieces:
        *ended, unended = (unended + piece).split("\n")
        lines.extend(f"{line}\n" for line in ended)
    if unended:
        lines.append(unended)
    return list(lines)
