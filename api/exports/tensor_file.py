"""Reading and writing safetensors a piece at a time, with neither torch nor numpy, in bounded memory.

Source of the format: https://github.com/huggingface/safetensors, "Format": the header's length (8 bytes,
little-endian), the header in JSON, the tensors' bytes without gaps. Ours hold float32 alone.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import BinaryIO

from jobs.lifecycle.weights import WeightsLost

NUMBER_BYTES = 4
PIECE_BYTES = 2**20
STRIP_BYTES = 4 * 2**20
"""Of columns that are transposed at once: 10 ms of work, between whose columns other threads may run."""
MAX_HEADER_BYTES = 100_000_000
"""As in the library, of which a header is longer only if it is damaged."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """A float32 tensor to be written."""

    name: str
    shape: Shape
    chunks: Callable[[], Iterable[bytes]]
    """Its bytes, row by row."""

    @property
    def size_bytes(self) -> int:
        return NUMBER_BYTES * prod(self.shape)


class TensorFile:
    """The tensors of an open safetensors file.

    raises  WeightsLost where the file is not what a checkpoint's weights are
    """

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = file.fileno()
        header_bytes = int.from_bytes(self._read(0, 8), "little")
        if header_bytes > MAX_HEADER_BYTES:
            raise WeightsLost("the checkpoint's weights are damaged: their header can't be read")
        self._start = 8 + header_bytes
        try:
            header = json.loads(self._read(8, header_bytes))
            self.shapes: dict[str, Shape] = {
                name: tuple(map(int, entry["shape"]))
                for name, entry in header.items()
                if entry.get("dtype") == "F32"  # what is not is metadata
            }
            self._offsets = {name: self._start + int(header[name]["data_offsets"][0]) for name in self.shapes}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsLost("the checkpoint's weights are damaged: their header can't be read") from error

    def require(self, name: str, shape: Shape) -> None:
        """raises  WeightsLost unless there is such a tensor"""
        if self.shapes.get(name) != shape:
            raise WeightsLost(
                f"the checkpoint's weights do not fit the job's model: {name} is {self.shapes.get(name)}, "
                f"not {shape}"
            )

    def rows(self, name: str) -> Iterator[bytes]:
        """The tensor's bytes as they are."""
        left = NUMBER_BYTES * prod(self.shapes[name])
        position = self._offsets[name]
        while left:
            piece = self._read(position, min(left, PIECE_BYTES))
            yield piece
            position += len(piece)
            left -= len(piece)

    def columns(self, name: str) -> Iterator[bytes]:
        """The bytes of the transpose of a matrix (R, C).

        Of all rows so many columns are read as fit `STRIP_BYTES`, and then taken one by one: each is a slice
        of a `memoryview`, so that the interpreter does nothing for a single number.
        """
        R, C = self.shapes[name]
        row_bytes = NUMBER_BYTES * C
        width = max(1, STRIP_BYTES // (NUMBER_BYTES * R))
        for start in range(0, C, width):
            columns = min(width, C - start)
            first = self._offsets[name] + NUMBER_BYTES * start
            if columns == C:
                strip = self._read(first, R * row_bytes)
            else:
                reads = (self._read(first + row * row_bytes, NUMBER_BYTES * columns) for row in range(R))
                strip = b"".join(reads)
            numbers = memoryview(strip).cast("I")  # (R * columns,)
            yield b"".join(numbers[column::columns].tobytes() for column in range(columns))

    def _read(self, position: int, size: int) -> bytes:
        data = os.pread(self._descriptor, size, position)
        if len(data) != size:
            raise WeightsLost("the checkpoint's weights are damaged: the file ends too early")
        return data


def zeros(*shape: int) -> Iterator[bytes]:
    left = NUMBER_BYTES * prod(shape)
    while left:
        piece = bytes(min(left, PIECE_BYTES))
        yield piece
        left -= len(piece)


def tensor_file_head(tensors: Sequence[Tensor]) -> bytes:
    """What comes before the bytes of the tensors."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        start, end = end, end + tensor.size_bytes
        header[tensor.name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end]}
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)  # so that the tensors are aligned
    return len(encoded).to_bytes(8, "little") + encoded


def tensor_file_chunks(head: bytes, tensors: Iterable[Tensor]) -> Iterator[bytes]:
    yield head
    for tensor in tensors:
        yield from tensor.chunks()
