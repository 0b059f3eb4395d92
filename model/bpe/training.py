"""Training a byte-level BPE on a text, which is read from disk a piece at a time.

The words that the pattern makes of the text are counted, and of the pairs of tokens that stand side by side
in them the most frequent is merged, again and again (Sennrich et al. 2016, section 3.2; on bytes: Radford et
al. 2019, section 2.2). Equal texts give equal merges: of pairs that are equally frequent, the one whose
tokens are older comes first. The library `tokenizers` does it; memory holds each different word once.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from model.storage.splits import DOCUMENT_END, decode_utf8, last_cut, read_chunks
from model.tokenizers import byte_characters, last_word_boundary

PIECE_BYTES = 16 * 1024
"""Handed over at once. The library takes 256 of them before it begins with the first."""
MAX_TEXT_BYTES = 2 * 2**30
"""Of a longer text blocks are read that lie evenly spread over it: the different words of 2 GiB are what
memory has to hold."""
BLOCK_BYTES = 2**20
MAX_WORD_CHARACTERS = 128
"""Longer words are cut: those of a text without spaces would take the square of their length."""
LONG_WORD = re.compile(rf"\S{{{MAX_WORD_CHARACTERS}}}|\s{{{MAX_WORD_CHARACTERS}}}")
MIN_FREQUENCY = 2
"""Of a pair that is merged: one that occurs once in the whole text teaches nothing."""


def train_merges(
    path: Path,
    start_bytes: int,
    vocab_size: int,
    on_read: Callable[[int], object] = lambda _: None,
) -> list[tuple[bytes, bytes]]:
    """The pairs of tokens to merge, in their order; fewer than the vocabulary has room for if the text has no
    more pairs that occur twice.

    path         of a text in UTF-8, which begins after `start_bytes`; `DOCUMENT_END` divides words
    vocab_size   the 256 bytes and the end of a text included
    on_read      called with the bytes of the file that have been read so far, again and again
    raises       OSError
    """
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        min_frequency=MIN_FREQUENCY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[],  # the end of a text is no part of any
        show_progress=False,
    )
    texts = read_texts(path, start_bytes, on_read)
    trained.train_from_iterator(cut_pieces(texts), trainer)
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    merges = json.loads(trained.to_str())["model"]["merges"]
    return [
        (bytes(byte_of[each] for each in left), bytes(byte_of[each] for each in right))
        for left, right in merges
    ]


def read_texts(path: Path, start_bytes: int, on_read: Callable[[int], object]) -> Iterator[str]:
    """The text, or blocks spread over it, in pieces."""
    every = -(-(path.stat().st_size - start_bytes) // MAX_TEXT_BYTES)

    def read(chunk_bytes: int) -> Iterator[bytes]:
        read_bytes = start_bytes
        for chunk in read_chunks(path, chunk_bytes, start_bytes):
            read_bytes += len(chunk)
            on_read(read_bytes)
            yield chunk

    if every <= 1:
        return decode_utf8(read(PIECE_BYTES), start_bytes)
    blocks = (block for number, block in enumerate(read(BLOCK_BYTES)) if number % every == 0)
    # Half a character at a block's end is left out.
    return (
        block[start : start + PIECE_BYTES].decode(errors="ignore")
        for block in blocks
        for start in range(0, len(block), PIECE_BYTES)
    )


def cut_pieces(texts: Iterable[str]) -> Iterator[str]:
    """The same text, cut where its words are divided whatever stands around, and in words that are too
    long."""
    pending = ""
    for text in texts:
        pending += text
        cut = last_cut(pending, last_word_boundary)
        if cut is None:
            if len(pending) < PIECE_BYTES:
                continue
            cut = len(pending)
        yield from plain_pieces(pending[:cut])
        pending = pending[cut:]
    yield from plain_pieces(pending)


def plain_pieces(text: str) -> Iterator[str]:
    """Without the ends of documents, and with long words in parts."""
    for document in text.split(DOCUMENT_END):
        if document.isspace() or max(map(len, document.split()), default=0) > MAX_WORD_CHARACTERS:
            start = 0
            for match in LONG_WORD.finditer(document):
                yield document[start : match.end()]
                start = match.end()
            yield document[start:]
        elif document:
            yield document
