"""Checkpoints: directories that hold everything the next step depends on, written whole or not at all.

weights.safetensors   the model's tensors and nothing else: equal weights give an equal file
training.safetensors  the optimizer's moments and the generators' states; a checkpoint written or kept only
                      because it is the best has none
tokenizer.json        the tokenizer, if it is one that was trained on a data set
checkpoint.json       the manifest: run, position, losses, and the size and checksum of the other files

A checkpoint is written under a temporary name beside its place; files and directory are synced before it is
renamed, and the parent after. Nothing is unpickled: tensors are safetensors, the rest is JSON.
"""

import hashlib
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from model.config import GPTConfig, Run
from model.gpt import GPT
from model.layers.kit import KITS
from model.layers.meta_init import meta_init
from model.manifest import (
    TOKENIZER,
    TRAINING,
    WEIGHTS,
    CheckpointError,
    Manifest,
    VerifiedCheckpoint,
    check_file,
    mismatches,
    read_manifest,
    write_manifest,
)
from model.numerics import ResolvedNumerics
from model.optimizer import Optimizers, make_optimizer
from model.progress import Position
from model.storage.atomic import sync, unfinished_directory
from model.storage.tensor_file import write_tensors

POSITIONS = "pos_emb.weight"
CHECKSUM = {WEIGHTS: "sha256", TRAINING: "xxh3_128"}


@dataclass(frozen=True)
class Snapshot:
    """All that a checkpoint holds. The tensors are the run's own, so they must not change until read."""

    contents: dict[str, dict[str, Tensor]]
    """By file."""
    manifest: Manifest
    """Without `files`."""
    tokenizer_json: bytes | None = None
    """The file of a tokenizer that is not built in."""


def take_snapshot(
    *,
    model: GPT,
    optimizer: Optimizers,
    run: Run,
    data_sha256: str,
    ends_texts: bool,
    position: Position,
    val_loss: float,
    tokenizer_json: bytes | None = None,
    resumable: bool = True,
) -> Snapshot:
    """What the next step depends on, position and generators as they are now; or the weights alone."""
    device = next(model.parameters()).device
    manifest = Manifest(
        run=run,
        data_sha256=data_sha256,
        ends_texts=ends_texts,
        position=replace(position),
        val_loss=val_loss,
        numerics=model.kit.numerics,
        device=device.type,
        threads=torch.get_num_threads(),
        files={},
    )
    contents = {WEIGHTS: model.state_dict()}
    if resumable:
        contents[TRAINING] = training_state(model, optimizer, device)
    return Snapshot(contents, manifest, tokenizer_json)


def write_checkpoint(
    directory: Path, snapshot: Snapshot, on_read: Callable[[], object] = lambda: None
) -> Manifest:
    """Write a checkpoint at `directory` and return its manifest. An unlisted one of that name is replaced.

    `on_read` is called when the tensors have been read: from then on they may change, and what is left is the
    disk's work. OSError from the file system (a full disk, say) leaves nothing behind, and other checkpoints
    as they were.
    """
    temporary = unfinished_directory(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(temporary, ignore_errors=True)  # a crash may have left one
    temporary.mkdir()
    try:
        # A thread each: the training waits until they have read, and both are the processor's work.
        with ThreadPoolExecutor() as pool:
            writing = {
                name: pool.submit(write_tensors, temporary / name, tensors, CHECKSUM[name])
                for name, tensors in snapshot.contents.items()
            }
        on_read()
        files = {}
        for name, written in writing.items():
            checksum = (
                written.result()
            )  # first: what kept it from being written, a full disk say, is the reason
            sync(temporary / name)
            files[name] = {"bytes": (temporary / name).stat().st_size, CHECKSUM[name]: checksum}
        if snapshot.tokenizer_json is not None:
            files[TOKENIZER] = write_file(temporary / TOKENIZER, snapshot.tokenizer_json)
        manifest = replace(snapshot.manifest, files=files)
        write_manifest(temporary, manifest)
        if directory.exists():
            shutil.rmtree(directory)
        temporary.rename(directory)
        sync(directory.parent)
    except OSError:
        for unfinished in (temporary, directory):
            shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return manifest


def write_file(path: Path, content: bytes) -> dict[str, Any]:
    """Write and sync a small file; its entry in the manifest."""
    path.write_bytes(content)
    sync(path)
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def size_bytes(directory: Path) -> int:
    """Of all files of the checkpoint at `directory`."""
    return sum(path.stat().st_size for path in directory.iterdir())


def load_model(
    directory: Path, device: str | torch.device = "cpu", numerics: ResolvedNumerics = "float32"
) -> tuple[GPT, Run]:
    """The model of a checkpoint, for generation (in evaluation mode), and its run; CheckpointError if it is
    gone or damaged. Reads the weights alone.

    A job that trains deletes checkpoints that newer ones replace, in less time than a large one takes to
    read. So the file is opened before all else: from then on it is there, whether it has a name or not.
    """
    try:
        weights = (directory / WEIGHTS).open("rb")
    except OSError as error:
        raise CheckpointError(f"{directory / WEIGHTS} can't be read: {error!r}") from error
    with weights:
        manifest = read_manifest(directory)
        opened = Path(f"/proc/self/fd/{weights.fileno()}")
        check_file(opened, manifest.files[WEIGHTS])
        return load_weights(opened, manifest.run.gpt, torch.device(device), numerics).eval(), manifest.run


def resume(
    checkpoint: VerifiedCheckpoint,
    run: Run,
    data_sha256: str,
    device: torch.device,
    numerics: ResolvedNumerics,
) -> tuple[GPT, Optimizers, Position]:
    """Model, optimizer and position of a checkpoint; the global generators are as they were.

    CheckpointError if it has no training state, or was made by another run: other data, or other settings
    that the course of the training depends on (those of samples and checkpoints may differ).
    """
    directory, manifest = checkpoint.directory, checkpoint.manifest
    if differences := mismatches(manifest, run, data_sha256):
        raise CheckpointError(f"{directory} was made by another run: " + "; ".join(differences))
    if TRAINING not in manifest.files:
        raise CheckpointError(
            f"{directory} can't be resumed: it keeps its weights alone, without the optimizer's state"
        )
    model = load_weights(directory / WEIGHTS, run.gpt, device, numerics)
    optimizer = make_optimizer(model, run.training)
    restore_training_state(load_file(directory / TRAINING), model, optimizer, device)
    return model, optimizer, manifest.position


def drop_training_state(directory: Path) -> None:
    """Keep the weights alone of the checkpoint at `directory`, which then can generate but not resume.

    Safe to repeat after a crash: the manifest forgets the file before the file goes.
    """
    manifest = read_manifest(directory)
    weights_only = {name: entry for name, entry in manifest.files.items() if name != TRAINING}
    write_manifest(directory, replace(manifest, files=weights_only))
    (directory / TRAINING).unlink(missing_ok=True)
    sync(directory)


def training_state(model: GPT, optimizer: Optimizers, device: torch.device) -> dict[str, Tensor]:
    """All tensors but the weights that the next step depends on: moments and generator states."""
    kept = optimizer.state
    state = {
        f"optimizer.{key}.{name}": tensor
        for name, parameter in model.named_parameters()
        for key, tensor in kept[parameter].items()
    }
    state["generator.cpu"] = torch.get_rng_state()
    if device.type == "cuda":
        state["generator.cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_training_state(
    state: dict[str, Tensor], model: GPT, optimizer: Optimizers, device: torch.device
) -> None:
    """Put back what `training_state` took."""
    kept = optimizer.state
    for name, parameter in model.named_parameters():
        for key, tensor in kept[parameter].items():
            tensor.copy_(state[f"optimizer.{key}.{name}"])
    torch.set_rng_state(state["generator.cpu"])
    if device.type == "cuda" and "generator.cuda" in state:
        torch.cuda.set_rng_state(state["generator.cuda"], device)


def load_weights(path: Path, config: GPTConfig, device: torch.device, numerics: ResolvedNumerics) -> GPT:
    """The model of a verified file, which may have more positions than the model's context: the first are
    taken. No weights are drawn first, and none are held twice.

    raises  TypeError if a layer keeps a table that is in no file: under `meta_init` it has no values"""
    with meta_init():
        model = GPT(config, KITS[numerics])
    # What is read of the file stays mapped to it: the model takes copies.
    weights = load_file(path)
    weights[POSITIONS] = weights[POSITIONS][: config.context_length]
    model.load_state_dict(
        {name: weight.to(device, copy=True) for name, weight in weights.items()}, assign=True
    )
    if empty := [name for name, buffer in model.named_buffers() if buffer.is_meta]:
        raise TypeError(f"compute {', '.join(empty)} where it is used, or have checkpoints hold it")
    return model


class BackgroundCheckpoint:
    """A checkpoint that a thread writes at `directory`, from the moment this is made."""

    def __init__(self, directory: Path, snapshot: Snapshot) -> None:
        self.directory = directory
        self._read = threading.Event()
        thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._written = thread.submit(write_checkpoint, directory, snapshot, self._read.set)
        self._written.add_done_callback(lambda _: self._read.set())  # also where writing has failed before
        thread.shutdown(wait=False)

    def wait_until_read(self) -> None:
        """Return when the tensors may change."""
        self._read.wait()

    @property
    def is_written(self) -> bool:
        """Whether `wait_until_written` returns, or raises, at once."""
        return self._written.done()

    def wait_until_written(self) -> Manifest:
        """Its manifest once it lies complete and synced; OSError if it could not be written."""
        return self._written.result()
