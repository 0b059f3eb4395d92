"""ZIP archives that are made while they are sent: stored, not deflated, so that their length is known."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from zipfile import ZIP64_LIMIT, ZipFile, ZipInfo

from flask import Response

CHUNK_BYTES = 256 * 1024
FILE_MODE = 0o100644
"""A regular file that its owner may write and everybody read; without it some unpackers make files nobody may
read."""


@dataclass(frozen=True)
class Member:
    """A file of an archive."""

    name: str
    size_bytes: int
    chunks: Callable[[], Iterable[bytes]]
    """Yields `size_bytes` bytes in all."""

    @classmethod
    def of(cls, name: str, content: bytes | str) -> "Member":
        data = content.encode() if isinstance(content, str) else content
        return cls(name, len(data), lambda: [data])


def zip_response(
    members: Sequence[Member], download_name: str, on_close: Callable[[], object] = lambda: None
) -> Response:
    """An attachment; `on_close` is called when it has been sent or is given up."""
    response = Response(zip_chunks(members), content_type="application/zip")
    response.content_length = zip_bytes(members)
    response.headers.set("Content-Disposition", "attachment", filename=download_name)
    response.call_on_close(on_close)
    return response


def zip_chunks(members: Sequence[Member]) -> Iterator[bytes]:
    """The archive's bytes, in the order of `members`; equal members give equal bytes.

    raises  ValueError if a member has another size than it says
    """
    sink = Sink()
    with ZipFile(sink, "w") as archive:  # type: ignore[call-overload]
        for member in members:
            info = ZipInfo(member.name)  # of 1980, so that the bytes follow from the content alone
            info.external_attr = FILE_MODE << 16
            written_bytes = 0
            with archive.open(info, "w", force_zip64=True) as file:
                for chunk in member.chunks():
                    written_bytes += len(chunk)
                    file.write(chunk)
                    yield from sink.take()
            if written_bytes != member.size_bytes:
                raise ValueError(f"{member.name} has {written_bytes} bytes, not {member.size_bytes}")
    yield from sink.take()


class Sink:
    """A file that can't be sought in, whose bytes are taken from it again."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> list[bytes]:
        written, self._written = self._written, []
        return written


def zip_bytes(members: Sequence[Member]) -> int:
    """The length of `zip_chunks(members)`. Source: PKWARE's APPNOTE, sections 4.3.7 to 4.3.16 and 4.5.3; what
    is beyond 2 GiB stands in an extra field, and where there is any, the archive has a ZIP64 end record."""
    directory_start = directory_bytes = 0
    for member in members:
        name_bytes = len(member.name.encode())
        numbers = 2 * (member.size_bytes > ZIP64_LIMIT) + (directory_start > ZIP64_LIMIT)
        directory_bytes += 46 + name_bytes + (4 + 8 * numbers if numbers else 0)
        # Local header, its extra field with 64-bit sizes, the file, the data descriptor behind it.
        directory_start += 30 + name_bytes + 20 + member.size_bytes + 24
    has_zip64_end = max(directory_start, directory_bytes) > ZIP64_LIMIT
    return directory_start + directory_bytes + (56 + 20 if has_zip64_end else 0) + 22
