"""The two parts of a text, at once or a piece at a time. Torch-free: the service counts their tokens too."""

import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "validation"]

PIECE_BYTES = 2 * 2**20
"""Some tenths of a second of tokenising; a few pieces are in memory at once."""
LONGEST_WORD = 2 * PIECE_BYTES
"""Characters without a place to cut after which a text is cut anyway. Encoding takes about 30 bytes for each
byte of a word: 0.4 GB for one of this length in Chinese, and all there is for gigabytes without a space."""


@dataclass(frozen=True)
class TextFile:
    """A text that has been read through once."""

    path: Path
    characters: int
    sha256: str
    """Of the whole file."""
    start_bytes: int = 0
    """Bytes of the file before the text: those of a byte order mark."""


def split_text(text: str, train_ratio: float) -> tuple[str, str]:
    """Split by characters, not tokens, as the lecture does: the training text, then the validation text."""
    border = split_index(len(text), train_ratio)
    return text[:border], text[border:]


def split_index(characters: int, train_ratio: float) -> int:
    """How many of a text's characters are the training text."""
    return int(train_ratio * characters)


def scan_text(path: Path, on_piece: Callable[[], object] = lambda: None, *, start_bytes: int = 0) -> TextFile:
    """Read a text through, a piece at a time; `on_piece` is called after each. It begins after `start_bytes`.

    raises  OSError; ValueError if it is not UTF-8
    """
    sha256 = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        before = start_bytes
        for content in read_contents(path, PIECE_BYTES):
            sha256.update(content)
            on_piece()
            yield content[before:]
            before = 0

    characters = sum(len(text) for text in decoded(hashed(), start_bytes))
    return TextFile(path, characters, sha256.hexdigest(), start_bytes)


def read_pieces(
    text: TextFile,
    train_ratio: float,
    last_cut: Callable[[str], int | None],
    piece_bytes: int = PIECE_BYTES,
    longest_word: int = LONGEST_WORD,
) -> Iterator[tuple[Split, str]]:
    """The text in order, in pieces of about `piece_bytes`, each with the part that it belongs to.

    last_cut      `Tokenizer.last_cut`: the pieces' tokens one after the other are then those of the whole
    longest_word  a piece without a place to cut grows until there is one, or to that many characters
    """
    part: Split = "train"
    held: list[str] = []
    texts = decoded(read_contents(text.path, piece_bytes, text.start_bytes), text.start_bytes)
    for next_part, characters in divided(texts, split_index(text.characters, train_ratio)):
        if next_part != part:
            yield part, "".join(held)
            part, held = next_part, []
        cut = last_cut(characters)
        if cut is None:
            held.append(characters)
            if sum(map(len, held)) >= longest_word:
                yield part, "".join(held)
                held = []
            continue
        yield part, "".join([*held, characters[:cut]])
        held = [characters[cut:]]
    yield part, "".join(held)


def divided(texts: Iterable[str], border: int) -> Iterator[tuple[Split, str]]:
    """The same characters, of which the first `border` are the training text."""
    left = border
    for text in texts:
        if left > 0:
            yield "train", text[:left]
        if left < len(text):
            yield "validation", text[left:]
        left = max(0, left - len(text))


def read_contents(path: Path, piece_bytes: int, start_bytes: int = 0) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start_bytes)
        while content := file.read(piece_bytes):
            yield content


def decoded(contents: Iterable[bytes], start: int = 0) -> Iterator[str]:
    """UTF-8 as text, wherever it was divided; ValueError names the first byte that is not.

    start  number of the first byte
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    end = start

    def decode(content: bytes, *, final: bool = False) -> str:
        start = end - len(decoder.getstate()[0])
        try:
            return decoder.decode(content, final)
        except UnicodeDecodeError as error:
            raise ValueError(f"must be UTF-8 text; byte {start + error.start} is not") from error

    for content in contents:
        yield decode(content)
        end += len(content)
    yield decode(b"", final=True)
