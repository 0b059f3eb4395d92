"""A model in GPT-2's published layout, made a checkpoint of ours: checked, and converted to float32 once.

Memory holds a strip of a tensor at a time. A model that is refused, or whose import is ended, leaves nothing.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from model.config import GPTConfig, Run
from model.imports.bad_model import BadModel, shown
from model.imports.config_json import read_config
from model.imports.gpt2_layout import EMBEDDING, HEAD, Layout, SourceTensor, find_tensors
from model.imports.json_file import parse_object
from model.imports.tokenizer_json import tokenizer_of
from model.imports.weights_file import DTYPE_BYTES, StoredTensor, read_header
from model.manifest import WEIGHTS, Manifest, write_manifest
from model.progress import Position
from model.storage.atomic import sync, unfinished_directory
from model.storage.tensor_file import byte_chunks, tensor_file_head, write_chunks

STRIP_NUMBERS = 8 * 2**20
"""That are converted at once."""
TORCH_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}

OnProgress = Callable[[float], object]
"""Called again and again, with the share of the weights that is converted; may raise."""


@dataclass(frozen=True)
class ModelFiles:
    """A model's files as they were sent."""

    config: Path
    weights: list[Path]
    """One file, or all shards."""
    index: Path | None
    """Of the shards."""
    tokenizer: Path | None


def import_gpt2(files: ModelFiles, directory: Path, on_progress: OnProgress = lambda share: None) -> Manifest:
    """Make a checkpoint at `directory`, which keeps the weights alone; its manifest.

    raises  BadModel; OSError
    """
    config = read_config(files.config.read_bytes())
    tokenizer = tokenizer_of(config.vocab_size, files.tokenizer.read_bytes() if files.tokenizer else None)
    run = Run(tokenizer=tokenizer, model=config.model)
    gpt = GPTConfig.model_validate({**config.model.model_dump(), "vocab_size": config.vocab_size})
    layout = find_tensors(all_tensors(files), gpt)
    temporary = unfinished_directory(directory)
    shutil.rmtree(temporary, ignore_errors=True)  # a crash may have left one
    temporary.mkdir(parents=True)
    try:
        weights = temporary / WEIGHTS
        shapes = {tensor.name: (torch.float32, tensor.shape) for tensor in layout.tensors}
        sha256 = write_chunks(
            weights, tensor_file_head(shapes), converted_chunks(layout, on_progress), "sha256"
        )
        sync(weights)
        manifest = manifest_of(run, {"bytes": weights.stat().st_size, "sha256": sha256})
        write_manifest(temporary, manifest)
        if directory.exists():  # of an attempt that could not say so
            shutil.rmtree(directory)
        temporary.rename(directory)
        sync(directory.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return manifest


def manifest_of(run: Run, weights: dict[str, int | str]) -> Manifest:
    """Of weights without a run behind them: nothing is known of their text but that GPT-2's texts ended."""
    return Manifest(
        run=run,
        data_sha256="",
        ends_texts=True,
        position=Position(),
        val_loss=None,
        numerics="float32",
        device="cpu",
        threads=torch.get_num_threads(),
        files={WEIGHTS: weights},
    )


def all_tensors(files: ModelFiles) -> dict[str, StoredTensor]:
    """Those of all shards. raises  BadModel if they are not what the index says"""
    headers = {file.name: read_header(file) for file in files.weights}
    tensors: dict[str, StoredTensor] = {}
    for header in headers.values():
        for name, tensor in header.items():
            if name in tensors:
                raise BadModel(
                    f"the tensor {shown(name)} is in two files, {tensors[name].file.name} and "
                    f"{tensor.file.name}"
                )
            tensors[name] = tensor
    if files.index is not None:
        check_index(parse_object(files.index.read_bytes(), files.index.name), files.index.name, tensors)
    return tensors


def check_index(index: dict[str, object], place: str, tensors: Mapping[str, StoredTensor]) -> None:
    """raises  BadModel"""
    listed = index.get("weight_map")
    if not isinstance(listed, dict):
        raise BadModel(
            f"{place}: weight_map is {shown(listed)}; must be an object that names each tensor's file"
        )
    for name, file in listed.items():
        if name not in tensors or tensors[name].file.name != file:
            found = f"it is in {tensors[name].file.name}" if name in tensors else "none of the files has it"
            raise BadModel(f"{place}: weight_map has the tensor {shown(name)} in {shown(file)}, but {found}")
    for name, tensor in tensors.items():
        if name not in listed:
            raise BadModel(f"{place}: weight_map lacks the tensor {shown(name)} of {tensor.file.name}")


def converted_chunks(layout: Layout, on_progress: OnProgress) -> Iterator[memoryview]:
    """The bytes of all tensors in their order. raises  BadModel for weights that are not finite, or a tied
    head that is not the embedding"""
    total = sum(prod(source.shape) for source in layout.tensors)
    done = 0
    for source in layout.tensors:
        if source.their_name == EMBEDDING and layout.tied_head is not None:
            check_tied(layout.tied_head, source, on_progress)
        for strip in strips(source.stored, is_transposed=source.is_transposed):
            check_finite(strip, source.their_name, source.stored)
            yield from byte_chunks(strip)
            done += strip.numel()
            on_progress(done / total)


def check_tied(head: StoredTensor, embedding: SourceTensor, on_progress: OnProgress) -> None:
    """raises  BadModel"""
    for its, ours in zip(strips(head), strips(embedding.stored), strict=True):
        check_finite(its, HEAD, head)
        if not torch.equal(its, ours):
            raise BadModel(
                f"{head.file.name}: {HEAD} is not equal to {EMBEDDING}, although config.json ties them; must "
                "be equal or left out, or tie_word_embeddings must be false"
            )
        on_progress(0.0)


def check_finite(strip: Tensor, name: str, stored: StoredTensor) -> None:
    """raises  BadModel"""
    if not (is_finite := torch.isfinite(strip)).all():
        value = strip[~is_finite][0].item()
        raise BadModel(
            f"{stored.file.name}: the tensor {shown(name)} holds {value}; every weight must be a finite "
            "number"
        )


def strips(stored: StoredTensor, *, is_transposed: bool = False) -> Iterator[Tensor]:
    """The numbers in float32, in the order of the tensor or of its transpose, so many at a time as fit a
    strip."""
    size = DTYPE_BYTES[stored.dtype]
    dtype = TORCH_DTYPES[stored.dtype]
    # The file is mapped, not read: what is not being converted takes no memory.
    mapped = torch.from_file(str(stored.file), shared=False, size=stored.end, dtype=torch.uint8)
    data = mapped[stored.start :]
    if not is_transposed:
        for strip in data.split(STRIP_NUMBERS * size):
            yield as_float32(strip, dtype)
        return
    rows, columns = stored.shape
    matrix = data.view(rows, columns * size)
    width = max(1, STRIP_NUMBERS // rows) * size
    for strip in matrix.split(width, dim=1):
        yield as_float32(strip, dtype).t().contiguous()


def as_float32(data: Tensor, dtype: torch.dtype) -> Tensor:
    """Bytes -> numbers, copied first: in the file they need not be aligned."""
    return data.clone(memory_format=torch.contiguous_format).view(dtype).to(torch.float32)
