"""Writing safetensors files one tensor at a time.

The library's own writer wants every tensor in memory at once. This one copies no more than a piece of one
from a GPU, and takes the checksum of the bytes on their way out instead of reading them again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import xxhash
from torch import Tensor

DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.uint8: "U8"}

CHECKSUMS: dict[str, Callable[[], Any]] = {"sha256": hashlib.sha256, "xxh3_128": xxhash.xxh3_128}
"""sha256 is what others can check; XXH3 finds damage too, at the memory's speed instead of 2 GB/s."""

PIECE_BYTES = 2**20
"""Small enough that the checksum finds in the processor's cache what was just written."""
LET_GO_BYTES = 16 * 2**20


def write_tensors(path: Path, tensors: Mapping[str, Tensor], checksum: str) -> str:
    """Write `tensors` in their order to `path` and return the file's checksum, of the name `checksum` in
    `CHECKSUMS`. Syncing it is the caller's.

    The bytes follow from names and tensors alone. KeyError for a dtype that no checkpoint has, OSError from
    the file system. Source of the format: https://github.com/huggingface/safetensors, "Format": the header's
    length (8 bytes, little-endian), the header in JSON, the tensors' bytes without gaps.
    """
    header = {}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors are aligned

    found = CHECKSUMS[checksum]()
    let_go = written = 0
    with path.open("wb") as file:
        for part in (len(text).to_bytes(8, "little"), text):
            file.write(part)
            found.update(part)
        for tensor in tensors.values():
            for piece in pieces(tensor):
                file.write(piece)
                found.update(piece)
                written += len(piece)
                if written - let_go >= LET_GO_BYTES:
                    let_page_cache_go(file.fileno())
                    let_go = written
    return str(found.hexdigest())


def pieces(tensor: Tensor) -> Iterator[memoryview]:
    """The bytes of `tensor`, each piece until the next one is asked for.

    A GPU's are copied into the same memory again and again: on a virtual machine at 12 GB/s, where a copy of
    the whole tensor, whose pages are new, comes at 1.3 (benchmarks/LOG.md).
    """
    data = tensor.detach().contiguous().flatten().view(torch.uint8)
    buffer = torch.empty(0 if data.is_cpu else PIECE_BYTES, dtype=torch.uint8)
    for piece in data.split(PIECE_BYTES):
        yield (piece if data.is_cpu else buffer[: len(piece)].copy_(piece)).numpy().data


def let_page_cache_go(descriptor: int) -> None:
    """Begin to write out what the file has in the page cache, and free what has been; waits for nothing.

    A checkpoint is not read again soon. Without this its pages pile up until the sync: in a virtual machine,
    where new ones are dear, 2 GB took 4.1 s of the processor, and 0.5 s with it (benchmarks/LOG.md).
    """
    if hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def file_checksum(path: Path, checksum: str) -> str:
    """Of the file at `path`, of the name `checksum` in `CHECKSUMS`; OSError if it can't be read."""
    found = CHECKSUMS[checksum]()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE_BYTES):
            found.update(piece)
    return str(found.hexdigest())
