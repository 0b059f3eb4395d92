"""Files as a body of multipart/form-data (RFC 7578), made while it is sent."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIELD = "file"
BLOCK_BYTES = 256 * 1024

ReadFile = Callable[[Path, int], Iterable[bytes]]
"""The content of a file, in blocks of so many bytes."""


@dataclass(frozen=True)
class FileForm:
    """Files under their own names, which are ASCII without quotes."""

    files: Sequence[Path]
    read: ReadFile
    on_read: Callable[[int], object]
    """Called with the bytes of each block."""
    boundary: str = field(default_factory=lambda: os.urandom(16).hex())

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def content_bytes(self) -> int:
        """Of the files alone."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def size_bytes(self) -> int:
        return self.content_bytes + sum(len(self._head(file)) + 2 for file in self.files) + len(self._end)

    def blocks(self) -> Iterator[bytes]:
        for file in self.files:
            yield self._head(file)
            for block in self.read(file, BLOCK_BYTES):
                self.on_read(len(block))
                yield block
            yield b"\r\n"
        yield self._end

    def _head(self, file: Path) -> bytes:
        disposition = f'Content-Disposition: form-data; name="{FIELD}"; filename="{file.name}"'
        return f"--{self.boundary}\r\n{disposition}\r\n\r\n".encode()

    @property
    def _end(self) -> bytes:
        return f"--{self.boundary}--\r\n".encode()
