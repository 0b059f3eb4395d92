"""Writing safetensors files a chunk of a tensor at a time.

The library's own writer wants every tensor in CPU memory at once. This one copies one chunk at a time from a
GPU, and takes the checksum of the bytes as it writes them instead of reading them again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import torch
import xxhash
from torch import Tensor

DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.uint8: "U8"}

CHECKSUMS: dict[str, Callable[[], Any]] = {"sha256": hashlib.sha256, "xxh3_128": xxhash.xxh3_128}
"""sha256 is what others can check; XXH3 finds damage too, at memory bandwidth instead of 2 GB/s."""

CHUNK_BYTES = 2**20
"""Small enough that the checksum finds in the processor's cache what was just written."""
WRITEBACK_BYTES = 16 * 2**20
"""Written between two calls of `drop_page_cache`."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], checksum: str) -> str:
    """Write `tensors` in their order to `path` and return the file's checksum, by the name `checksum` in
    `CHECKSUMS`. Syncing it is the caller's.

    The bytes follow from names and tensors alone. KeyError for a dtype that no checkpoint has, OSError from
    the file system. Source of the format: https://github.com/huggingface/safetensors, "Format": the header's
    length (8 bytes, little-endian), the header in JSON, the tensors' bytes without gaps.
    """
    head = tensor_file_head({name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()})
    chunks = (chunk for tensor in tensors.values() for chunk in byte_chunks(tensor))
    return write_chunks(path, head, chunks, checksum)


def tensor_file_head(tensors: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]) -> bytes:
    """What comes before the bytes of tensors with these dtypes and shapes. KeyError as `write_tensors`"""
    header = {}
    end = 0
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + dtype.itemsize * prod(shape)
        header[name] = {"dtype": DTYPES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    header_json = json.dumps(header, separators=(",", ":")).encode()
    header_json += b" " * (-len(header_json) % 8)  # so that the tensors are aligned
    return len(header_json).to_bytes(8, "little") + header_json


def write_chunks(path: Path, head: bytes, chunks: Iterable[memoryview], checksum: str) -> str:
    """Write a file that comes chunk by chunk, and return its checksum, as `write_tensors`."""
    hasher = CHECKSUMS[checksum]()
    dropped_bytes = written_bytes = 0
    with path.open("wb") as file:
        file.write(head)
        hasher.update(head)
        for chunk in chunks:
            file.write(chunk)
            hasher.update(chunk)
            written_bytes += len(chunk)
            if written_bytes - dropped_bytes >= WRITEBACK_BYTES:
                drop_page_cache(file.fileno())
                dropped_bytes = written_bytes
    return str(hasher.hexdigest())


def byte_chunks(tensor: Tensor) -> Iterator[memoryview]:
    """The bytes of `tensor`, each chunk valid until the next one is asked for.

    A GPU's are copied into the same memory again and again: on a virtual machine at 12 GB/s, where a copy of
    the whole tensor, which faults in new pages, comes at 1.3 (benchmarks/LOG.md).
    """
    data = tensor.detach().contiguous().flatten().view(torch.uint8)
    buffer = torch.empty(0 if data.is_cpu else CHUNK_BYTES, dtype=torch.uint8)
    for chunk in data.split(CHUNK_BYTES):
        yield (chunk if data.is_cpu else buffer[: len(chunk)].copy_(chunk)).numpy().data


def drop_page_cache(descriptor: int) -> None:
    """Start writeback of the file's dirty pages, and free its clean ones; waits for nothing.

    A checkpoint is not read again soon. Without this its pages pile up until the sync: in a virtual machine,
    where new pages are expensive, 2 GB took 4.1 s of CPU time, and 0.5 s with it (benchmarks/LOG.md).
    """
    if hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def file_checksum(path: Path, checksum: str) -> str:
    """Of the file at `path`, by the name `checksum` in `CHECKSUMS`; OSError if it can't be read."""
    hasher = CHECKSUMS[checksum]()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return str(hasher.hexdigest())
