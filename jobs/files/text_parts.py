"""A part of a stored text, by its characters, which UTF-8 does not say the places of."""

import os
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 2**20
MAX_CHARACTER_BYTES = 4
CONTINUATION = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 that do not begin a character."""


def read_part(path: Path, offset: int, limit: int, *, start_bytes: int, characters: int) -> str:
    """The `limit` characters behind the first `offset`, or as many as there are.

    A text in ASCII is read at once where they are; any other one from its start, 1 GB in about a second.

    start_bytes  of the file before the text
    characters   of the whole text
    raises       OSError
    """
    offset = min(offset, characters)
    with path.open("rb") as file:
        is_ascii = os.fstat(file.fileno()).st_size - start_bytes == characters
        file.seek(start_bytes + (offset if is_ascii else 0))
        left = 0 if is_ascii else offset - skip_blocks(file, offset)
        return read_characters(file, left + limit)[left:]


def skip_blocks(file: BinaryIO, offset: int) -> int:
    """Move the file on by blocks that end before the character at `offset`, to the start of one; returns how
    many characters were skipped."""
    skipped = 0
    while block := file.read(BLOCK_BYTES):
        begun = len(block.translate(None, CONTINUATION))
        if skipped + begun > offset:
            file.seek(-len(block), os.SEEK_CUR)
            break
        skipped += begun
    # The rest of a character that has been counted with the block before.
    while (byte := file.read(1)) and byte in CONTINUATION:
        pass
    if byte:
        file.seek(-1, os.SEEK_CUR)
    return skipped


def read_characters(file: BinaryIO, count: int) -> str:
    """The next characters; U+FFFD for what is damaged."""
    content = file.read(MAX_CHARACTER_BYTES * count)
    return content.decode(errors="replace")[:count]
