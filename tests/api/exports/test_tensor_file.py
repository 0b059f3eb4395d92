import tracemalloc
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save_file

from api.exports import tensor_file
from api.exports.tensor_file import Tensor, TensorFile, tensor_file_chunks, tensor_file_head, zeros
from jobs.lifecycle.weights import WeightsLost


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    shapes = {"matrix": (37, 11), "row": (1, 5), "column": (6, 1), "vector": (13,), "one": (1,)}
    return {name: torch.randn(shape) for name, shape in shapes.items()}


@pytest.fixture
def path(tensors: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    save_file(tensors, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


@pytest.mark.parametrize("piece", [4, 100, 1_000, 2**20])
def test_tensors_are_read_as_they_are_and_transposed(
    path: Path, tensors: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(tensor_file, "PIECE_BYTES", piece)
    monkeypatch.setattr(tensor_file, "STRIP_BYTES", piece)
    with path.open("rb") as file:
        stored = TensorFile(file)
        for name, tensor in tensors.items():
            assert b"".join(stored.rows(name)) == tensor.numpy().tobytes()
            if tensor.dim() == 2:
                assert b"".join(stored.columns(name)) == tensor.numpy().T.tobytes()


def test_what_is_written_is_what_the_library_reads(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    with path.open("rb") as file:
        stored = TensorFile(file)
        written = [
            Tensor("flipped", (11, 37), lambda: stored.columns("matrix")),
            Tensor("zero", (3, 2), lambda: zeros(3, 2)),
            Tensor("same", (13,), lambda: stored.rows("vector")),
        ]
        data = b"".join(tensor_file_chunks(tensor_file_head(written), written))
    read = load(data)
    assert torch.equal(read["flipped"], tensors["matrix"].T)
    assert torch.equal(read["zero"], torch.zeros(3, 2))
    assert torch.equal(read["same"], tensors["vector"])


def test_a_tensor_of_another_shape_or_name_is_refused(path: Path) -> None:
    with path.open("rb") as file:
        stored = TensorFile(file)
        stored.require("matrix", (37, 11))
        with pytest.raises(WeightsLost, match=r"matrix is \(37, 11\), not \(11, 37\)"):
            stored.require("matrix", (11, 37))
        with pytest.raises(WeightsLost, match="other is None"):
            stored.require("other", (1,))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\xff" * 8,
        b"\x02" + bytes(7) + b"[]",
        b"\x02" + bytes(7) + b"{",
        b"\x16" + bytes(7) + b'{"a": {"dtype": "F32"}}',
        b"\x08" + bytes(7) + b'{"a": 1}',
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad"
    path.write_bytes(content)
    with path.open("rb") as file, pytest.raises(WeightsLost, match="damaged"):
        TensorFile(file)


def test_a_file_that_ends_too_early_is_noticed(path: Path) -> None:
    with path.open("rb") as file:
        stored = TensorFile(file)
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(WeightsLost, match="ends too early"):
            b"".join(b"".join(stored.rows(name)) for name in stored.shapes)


def test_a_large_matrix_is_transposed_in_little_memory(tmp_path: Path) -> None:
    shape = (2_000, 8_000)
    large = Tensor("large", shape, list)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(tensor_file_head([large]))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + large.size_bytes)  # a hole, which takes no disk
        stored = TensorFile(file)
        tracemalloc.start()
        written = sum(len(chunk) for chunk in stored.columns("large"))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert written == large.size_bytes == 64_000_000
    assert peak_bytes < 5 * tensor_file.STRIP_BYTES
