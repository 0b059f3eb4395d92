from pathlib import Path
from typing import Any

import pytest

from model.imports.bad_model import BadModel
from model.imports.weights_file import read_header
from tests.gpt2_files import raw_file


def tensor(start: int, end: int, shape: Any = None, dtype: Any = "F32") -> dict[str, Any]:
    return {
        "dtype": dtype,
        "shape": [(end - start) // 4] if shape is None else shape,
        "data_offsets": [start, end],
    }


def test_tensors_have_their_places_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    header = {"__metadata__": {"format": "pt"}, "b": tensor(8, 16), "a": tensor(0, 8, [2, 1])}
    file.write_bytes(raw_file(header, 16))
    start = file.stat().st_size - 16
    found = read_header(file)
    assert set(found) == {"a", "b"}
    assert (found["a"].shape, found["a"].start - start, found["a"].end - start) == ((2, 1), 0, 8)
    assert (found["b"].start, found["b"].end) == (start + 8, file.stat().st_size)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"abc", "its header would have .* bytes; in a file of 3 bytes"),
        (
            (2**60).to_bytes(8, "little") + b"{}",
            "would have 1,152,921,504,606,846,976 bytes; .* must have 2 to 2",
        ),
        (b"\x09" + bytes(7) + b"{}", "would have 9 bytes; in a file of 10 bytes it must have 2 to 2"),
        (raw_file(b"{,}"), "the header of model.safetensors is not JSON"),
        (raw_file(b"[]"), "the header of model.safetensors must be a JSON object"),
        (raw_file(b"[" * 100_000), "the header of model.safetensors nests too deep"),
        (raw_file(b'{"a": 1, "a": 2}'), "the key 'a' stands there twice"),
        (raw_file({"a": 1}), "the tensor 'a' must be described by a JSON object, not 1"),
        (
            raw_file({"a": tensor(0, 4, dtype="F8_E4M3")}, 4),
            "'a' has the dtype 'F8_E4M3'; must be F32, F16 or BF16",
        ),
        (raw_file({"a": tensor(0, 4, dtype=[])}, 4), r"'a' has the dtype \[\]"),
        (raw_file({"a": tensor(0, 4, [-1])}, 4), r"'a' has the shape \[-1\]; must be a list of integers"),
        (raw_file({"a": tensor(0, 4, [True])}, 4), r"'a' has the shape \[True\]"),
        (raw_file({"a": tensor(0, 4, [2])}, 4), r"4 bytes by its data_offsets \[0, 4\]; F32 .* must have 8"),
        (raw_file({"a": tensor(0, 4, [2**40, 2**40])}, 4), "must have 4,835,703,278,458,516,698,824,704"),
        (
            raw_file({"a": {**tensor(0, 4), "data_offsets": [0]}}, 4),
            r"data_offsets \[0\]; must be two integers",
        ),
        (
            raw_file({"a": tensor(0, 8)}, 4),
            r"data_offsets \[0, 8\], outside of the 4 bytes that the file has",
        ),
        (raw_file({"a": {**tensor(0, 0), "data_offsets": [4, 0]}}, 4), r"data_offsets \[4, 0\], outside"),
        (
            raw_file({"a": tensor(0, 8), "b": tensor(4, 12)}, 12),
            "'a' and 'b' overlap: .* end at 8, .* begin at 4",
        ),
        (raw_file({"a": tensor(0, 4), "b": tensor(8, 12)}, 12), "belong to no tensor; tensors must follow"),
        (raw_file({"a": tensor(0, 4)}, 8), "belong to no tensor"),
    ],
    ids=range(20),
)
def test_a_header_that_lies_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    with pytest.raises(BadModel, match=message):
        read_header(file)


def test_what_is_quoted_of_a_file_is_short(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(raw_file({"a" * 5000: tensor(0, 8, [1] * 5000)}, 4))
    with pytest.raises(BadModel) as refused:
        read_header(file)
    assert len(str(refused.value)) < 500
