"""How much of a vocabulary the tokens of a text use, and how long its documents are, by its token file.

Apart from writing the file, whose header stays what earlier versions read. Torch-free.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.storage.splits import CHUNK_BYTES, read_chunks
from model.storage.token_file import HEADER_BYTES, Manifest
from model.tokenizers import Tokenizer


@dataclass(frozen=True)
class VocabularyUse:
    vocab_size: int
    used_tokens: int
    """Of the vocabulary's tokens, how many occur."""
    longest_document_tokens: int | None
    """Without its end; None if the text is plain."""


def count_vocabulary_use(
    path: Path, manifest: Manifest, tokenizer: Tokenizer, on_chunk: Callable[[], object] = lambda: None
) -> VocabularyUse:
    """Of both splits together. `on_chunk` is called after each chunk; what it raises ends the counting.

    raises  OSError
    """
    stored_dtype = np.dtype(manifest.dtype).newbyteorder("<")
    counter = VocabularyCounter(tokenizer.vocab_size, tokenizer.end_of_text)
    for chunk in read_chunks(path, CHUNK_BYTES, HEADER_BYTES):
        counter.add(np.frombuffer(chunk, stored_dtype))
        on_chunk()
    return counter.use


class VocabularyCounter:
    """Sees the tokens of a text, chunk by chunk."""

    def __init__(self, vocab_size: int, end_of_text: int) -> None:
        self._occurs = np.zeros(vocab_size, dtype=bool)
        self._end_of_text = end_of_text
        self._open_tokens = 0
        """Of the document that has not ended yet."""
        self._longest_tokens: int | None = None

    def add(self, ids: np.ndarray) -> None:
        """ids  (N,), in the text's order"""
        self._occurs[ids] = True
        ends = np.flatnonzero(ids == self._end_of_text)  # (documents that end here,)
        if len(ends) == 0:
            self._open_tokens += len(ids)
            return
        lengths = np.diff(ends, prepend=-1) - 1
        lengths[0] += self._open_tokens
        self._longest_tokens = max(self._longest_tokens or 0, int(lengths.max()))
        self._open_tokens = len(ids) - 1 - int(ends[-1])

    @property
    def use(self) -> VocabularyUse:
        return VocabularyUse(len(self._occurs), int(self._occurs.sum()), self._longest_tokens)
