"""Reading a token file, by slices.

They are read, not mapped: mapped pages would count as the trainer's memory, up to the size of the file.
"""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.storage.token_file import HEADER_BYTES, DType, Manifest, TokenFileError, checked_manifest


class StoredIds:
    """Consecutive tokens of a file, which is kept open; slices of them are (N,) int64."""

    def __init__(self, path: Path, dtype: DType, start_bytes: int, count: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._start_bytes = start_bytes
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, tokens: slice) -> Tensor:
        start, stop, step = tokens.indices(self._count)
        if step != 1:
            raise ValueError("only consecutive tokens can be read")
        size_bytes = max(0, stop - start) * self._dtype.itemsize
        offset_bytes = self._start_bytes + start * self._dtype.itemsize
        content = os.pread(self._file.fileno(), size_bytes, offset_bytes)
        if len(content) < size_bytes:
            raise TokenFileError(f"{self._file.name} has become shorter")
        return torch.from_numpy(np.frombuffer(content, self._dtype).astype(np.int64))


class TokenFile:
    """A whole token file, with its `manifest`."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        item_bytes = np.dtype(manifest.dtype).itemsize
        validation_start_bytes = HEADER_BYTES + item_bytes * manifest.train_tokens
        self.train = StoredIds(path, manifest.dtype, HEADER_BYTES, manifest.train_tokens)
        self.validation = StoredIds(path, manifest.dtype, validation_start_bytes, manifest.val_tokens)


def open_tokens(
    path: Path, text_sha256: str, tokenizer: str, train_ratio: float, text_start_bytes: int = 0
) -> TokenFile:
    """The token file at `path`; TokenFileError as `checked_manifest`."""
    return TokenFile(path, checked_manifest(path, text_sha256, tokenizer, train_ratio, text_start_bytes))
