"""A safetensors file of somebody else's: its header, of which nothing is believed before it is checked.

Source of the format: https://github.com/huggingface/safetensors, "Format": the header's length (8 bytes,
little-endian), the header in JSON, the tensors' bytes without gaps.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from model.imports.bad_model import BadModel, shown
from model.imports.json_file import parse_object

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 16 * 2**20
"""A GPT of a thousand layers needs 2 MiB."""
METADATA = "__metadata__"
DTYPE_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64"), 8),
}
"""Of a number, by the format's names."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file, without its numbers."""

    file: Path
    dtype: str
    """By the format's name."""
    shape: tuple[int, ...]
    start: int
    """In the file, in bytes; `end` likewise."""
    end: int


def read_header(file: Path) -> dict[str, StoredTensor]:
    """The tensors of a file, by their names; each lies within the file, and none overlaps another.

    raises  BadModel; OSError
    """
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = opened.read(LENGTH_BYTES)
        header_bytes = int.from_bytes(length, "little")
        most = min(MAX_HEADER_BYTES, size - LENGTH_BYTES)
        if len(length) < LENGTH_BYTES or not 2 <= header_bytes <= most:
            raise BadModel(
                f"{file.name} is no safetensors file: its header would have {header_bytes:,} bytes; in a "
                f"file of {size:,} bytes it must have 2 to {max(most, 2):,}"
            )
        content = opened.read(header_bytes)
    header = parse_object(content, f"the header of {file.name}")
    header.pop(METADATA, None)
    data_start = LENGTH_BYTES + header_bytes
    tensors = {name: stored_tensor(file, name, entry, data_start, size) for name, entry in header.items()}
    check_places(file, tensors, data_start, size)
    return tensors


def stored_tensor(file: Path, name: str, entry: Any, data_start: int, size: int) -> StoredTensor:
    """raises  BadModel"""
    place = f"{file.name}: the tensor {shown(name)}"
    if not isinstance(entry, dict):
        raise BadModel(f"{place} must be described by a JSON object, not {shown(entry)}")
    fields: dict[str, Any] = {key: entry.get(key) for key in ("dtype", "shape", "data_offsets")}
    dtype, shape, offsets = fields.values()
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise BadModel(f"{place} has the dtype {shown(dtype)}; must be F32, F16 or BF16")
    if not are_counts(shape):
        raise BadModel(f"{place} has the shape {shown(shape)}; must be a list of integers from 0 on")
    if not are_counts(offsets) or len(offsets) != 2:
        raise BadModel(f"{place} has the data_offsets {shown(offsets)}; must be two integers from 0 on")
    start, end = offsets
    data_bytes = size - data_start
    if not start <= end <= data_bytes:
        raise BadModel(
            f"{place} has the data_offsets {shown(offsets)}, outside of the {data_bytes:,} bytes that the "
            "file has for tensors"
        )
    needed = prod(shape) * DTYPE_BYTES[dtype]
    if end - start != needed:
        raise BadModel(
            f"{place} has {end - start:,} bytes by its data_offsets {shown(offsets)}; {dtype} of the shape "
            f"{shown(shape)} must have {needed:,}"
        )
    return StoredTensor(file, dtype, tuple(shape), data_start + start, data_start + end)


def are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(each) is int and 0 <= each < 2**63 for each in value)


def check_places(file: Path, tensors: dict[str, StoredTensor], data_start: int, size: int) -> None:
    """raises  BadModel where tensors overlap, or bytes belong to none"""
    in_order = sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end))
    for (name, tensor), (following, its) in pairwise(in_order):
        if its.start < tensor.end:
            raise BadModel(
                f"{file.name}: the tensors {shown(name)} and {shown(following)} overlap: the data_offsets of "
                f"the first end at {tensor.end - data_start:,}, those of the second begin at "
                f"{its.start - data_start:,}"
            )
    ends = [data_start, *(tensor.end for _, tensor in in_order)]
    starts = [*(tensor.start for _, tensor in in_order), size]
    for end, start in zip(ends, starts, strict=True):
        if start > end:
            raise BadModel(
                f"{file.name}: its bytes {end:,} to {start:,} belong to no tensor; tensors must follow each "
                "other without gaps to the end of the file"
            )
