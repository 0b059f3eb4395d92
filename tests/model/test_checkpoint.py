import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from model.checkpoint import (
    CHECKSUM,
    drop_training_state,
    load_model,
    resume,
    size_bytes,
    take_snapshot,
    write_checkpoint,
)
from model.config import WEIGHTLESS_FIELDS, Run
from model.gpt import GPT
from model.layers.kit import KITS
from model.loss import next_token_loss
from model.manifest import (
    MANIFEST,
    TRAINING,
    WEIGHTS,
    CheckpointError,
    check_file,
    read_manifest,
    verify,
)
from model.optimizer import make_optimizer
from model.progress import Position
from model.storage.manifest_file import content_sha256
from model.storage.tensor_file import CHECKSUMS, file_checksum, write_tensors
from tests.model.tiny import CPU, MODES, tiny_run
from tests.sweeps import examples

DATA = "d" * 64
FILES = {WEIGHTS, TRAINING, MANIFEST}


class Crash(Exception):
    """The process died here."""


def learner(run: Run, numerics="float32"):
    """A model and its optimizer after one update."""
    torch.manual_seed(1)
    model = GPT(run.gpt, KITS[numerics])
    optimizer = make_optimizer(model, run.training)
    tokens = torch.randint(257, (2, 9))
    next_token_loss(model(tokens[:, :-1]), tokens[:, 1:]).backward()
    optimizer.step()
    return model, optimizer


def written(
    directory: Path,
    run: Run | None = None,
    numerics="float32",
    position: Position | None = None,
    ends_texts=False,
):
    run = run or tiny_run()
    model, optimizer = learner(run, numerics)
    snapshot = take_snapshot(
        model=model,
        optimizer=optimizer,
        run=run,
        data_sha256=DATA,
        ends_texts=ends_texts,
        position=position or Position(step=1),
        val_loss=5.25,
    )
    write_checkpoint(directory, snapshot)
    return model, optimizer


@pytest.fixture
def directory(tmp_path):
    written(tmp_path / "step-1")
    return tmp_path / "step-1"


def edit_manifest(directory: Path, **fields: Any) -> None:
    """Change fields of the manifest and make its own checksum fit again."""
    content = json.loads((directory / MANIFEST).read_text()) | fields
    del content["sha256"]
    (directory / MANIFEST).write_text(json.dumps(content | {"sha256": content_sha256(content)}))


@given(
    shapes=st.lists(st.lists(st.integers(0, 4), max_size=3), max_size=5),
    dtype=st.sampled_from([torch.float32, torch.int64, torch.uint8]),
)
@settings(max_examples=examples(50))
def test_the_library_reads_what_the_streaming_writer_writes(tmp_path_factory, shapes, dtype):
    path = tmp_path_factory.mktemp("tensors") / "file"
    tensors = {f"tensor {i}": (torch.rand(shape) * 200).to(dtype) for i, shape in enumerate(shapes)}
    checksums = {key: write_tensors(path, tensors, key) for key in CHECKSUMS}
    found = load_file(path)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    assert all(found[name].dtype == tensor.dtype for name, tensor in tensors.items())
    assert checksums == {key: file_checksum(path, key) for key in CHECKSUMS}
    assert checksums["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_tensor_that_is_a_view_is_written_as_it_reads(tmp_path):
    matrix = torch.arange(12.0).reshape(3, 4)
    write_tensors(tmp_path / "file", {"turned": matrix.T, "part": matrix[1:, ::2]}, "sha256")
    found = load_file(tmp_path / "file")
    assert torch.equal(found["turned"], matrix.T)
    assert torch.equal(found["part"], matrix[1:, ::2])


@pytest.mark.parametrize("numerics", MODES)
@given(
    width=st.sampled_from([4, 8]),
    n_layers=st.integers(1, 3),
    qkv_bias=st.booleans(),
    tie_weights=st.booleans(),
    position=st.builds(
        Position,
        step=st.integers(0, 2**40),
        epoch=st.integers(0, 100),
        batch=st.integers(0, 100),
        order_seed=st.integers(0, 2**63 - 1),
        tokens_seen=st.integers(0, 2**60),
        train_loss=st.none() | st.floats(0, 100),
        best_val_loss=st.none() | st.floats(0, 100),
        evaluations_since_best=st.integers(0, 100),
    ),
)
@settings(max_examples=10)
def test_everything_that_was_saved_comes_back(
    tmp_path_factory, numerics, width, n_layers, qkv_bias, tie_weights, position
):
    run = tiny_run(
        model={"emb_dim": width, "n_layers": n_layers, "qkv_bias": qkv_bias, "tie_weights": tie_weights}
    )
    directory = tmp_path_factory.mktemp("root") / "step-1"
    model, optimizer = written(directory, run, numerics, position)
    expected_draws = torch.rand(5)

    found, found_optimizer, found_position = resume(verify(directory), run, DATA, CPU, numerics)
    assert torch.equal(torch.rand(5), expected_draws)
    assert found_position == position
    assert found.kit.numerics == numerics
    assert found.state_dict().keys() == model.state_dict().keys()
    for (name, ours), theirs in zip(found.named_parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs), name
        assert found_optimizer.state[ours].keys() == optimizer.state[theirs].keys()
        for moment, tensor in optimizer.state[theirs].items():
            assert torch.equal(found_optimizer.state[ours][moment], tensor), (name, moment)


def test_the_manifest_says_what_was_saved_and_how_large_it_is(directory):
    manifest = read_manifest(directory)
    assert manifest.run == tiny_run()
    assert (manifest.val_loss, manifest.numerics, manifest.device) == (5.25, "float32", "cpu")
    assert manifest.threads == torch.get_num_threads()
    assert {path.name for path in directory.iterdir()} == FILES
    for name in (WEIGHTS, TRAINING):
        content = (directory / name).read_bytes()
        checksum = CHECKSUM[name]
        assert manifest.files[name] == {
            "bytes": len(content),
            checksum: file_checksum(directory / name, checksum),
        }
    assert size_bytes(directory) == sum(len(path.read_bytes()) for path in directory.iterdir())


def test_equal_weights_give_an_equal_weights_file_whatever_else_differs(tmp_path):
    run = tiny_run()
    model, optimizer = learner(run)
    for directory, data_sha256, val_loss in ((tmp_path / "a", DATA, 5.25), (tmp_path / "b", "e" * 64, 1.0)):
        snapshot = take_snapshot(
            model=model,
            optimizer=optimizer,
            run=run,
            data_sha256=data_sha256,
            ends_texts=False,
            position=Position(step=len(data_sha256)),
            val_loss=val_loss,
        )
        write_checkpoint(directory, snapshot)
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (tmp_path / "b" / WEIGHTS).read_bytes()


@pytest.mark.parametrize("ends_texts", [False, True])
def test_the_manifest_says_whether_texts_ended_where_it_was_trained(tmp_path, ends_texts):
    written(tmp_path / "step-1", ends_texts=ends_texts)
    assert read_manifest(tmp_path / "step-1").ends_texts is ends_texts


def test_a_manifest_of_a_version_that_did_not_say_so_had_no_end_of_text(directory):
    content = json.loads((directory / MANIFEST).read_text())
    del content["sha256"], content["ends_texts"]
    (directory / MANIFEST).write_text(json.dumps(content | {"sha256": content_sha256(content)}))
    assert read_manifest(directory).ends_texts is False


@pytest.mark.parametrize("tie_weights", [False, True])
def test_the_weights_file_holds_the_models_tensors_alone_and_a_tied_head_once(tmp_path, tie_weights):
    written(tmp_path / "step-1", tiny_run(model={"tie_weights": tie_weights}))
    names = load_file(tmp_path / "step-1" / WEIGHTS).keys()
    assert ("head.weight" in names) is not tie_weights
    assert "tok_emb.weight" in names
    assert not any(name.startswith(("optimizer", "generator")) for name in names)


@pytest.mark.parametrize("numerics", MODES)
def test_a_model_is_loaded_for_generation_in_any_numerics_without_its_training_state(directory, numerics):
    (directory / TRAINING).unlink()
    model, run = load_model(directory, numerics=numerics)
    assert run == tiny_run()
    assert model.kit.numerics == numerics
    assert not model.training
    assert torch.equal(model.tok_emb.weight, load_file(directory / WEIGHTS)["tok_emb.weight"])


def test_a_model_whose_files_are_deleted_while_it_is_loaded_is_loaded(directory, monkeypatch):
    def check_after_deletion(path, expected):
        shutil.rmtree(directory)
        check_file(path, expected)

    expected = load_file(directory / WEIGHTS)["tok_emb.weight"].clone()
    monkeypatch.setattr("model.checkpoint.check_file", check_after_deletion)
    model, _ = load_model(directory)
    assert torch.equal(model.tok_emb.weight, expected)
    with pytest.raises(CheckpointError, match="can't be read"):
        load_model(directory)


def test_loading_a_model_draws_nothing(directory):
    state = torch.get_rng_state()
    load_model(directory)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_loaded_model_does_not_hang_on_its_file(directory):
    model, _ = load_model(directory)
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    with (directory / WEIGHTS).open("r+b") as file:
        file.write(bytes((directory / WEIGHTS).stat().st_size))
    assert all(torch.equal(model.state_dict()[name], weight) for name, weight in weights.items())


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_flipped_bit_is_found(directory, name):
    path = directory / name
    original = path.read_bytes()
    for at in np.linspace(0, len(original) - 1, 40).astype(int):
        damaged = bytearray(original)
        damaged[at] ^= 1 << (at % 8)
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=name):
            verify(directory)
    path.write_bytes(original)
    verify(directory)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("kept", [0, 0.5, 0.999])
def test_a_truncated_file_is_found(directory, name, kept):
    path = directory / name
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises(CheckpointError, match=name):
        verify(directory)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_found(directory, name):
    (directory / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name} can't be read"):
        verify(directory)


def test_a_damaged_checkpoint_is_neither_loaded_nor_resumed(directory):
    path = directory / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(directory)
    with pytest.raises(CheckpointError, match="damaged"):
        resume(verify(directory), tiny_run(), DATA, CPU, "float32")


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (tiny_run(model={"emb_dim": 32}), "model.emb_dim is 16 there and 32 here"),
        (tiny_run(model={"context_length": 4}), "model.context_length is 8 there and 4 here"),
        (tiny_run(training={"learning_rate": 0.5}), "training.learning_rate is 0.01 there and 0.5 here"),
        (tiny_run(training={"seed": 4}), "training.seed is 123 there and 4 here"),
        (tiny_run(evaluation={"eval_iter": 9}), "evaluation.eval_iter is 2 there and 9 here"),
    ],
)
def test_another_runs_checkpoint_is_refused_with_the_field(directory, run, reason):
    with pytest.raises(CheckpointError, match=f"made by another run: {reason}"):
        resume(verify(directory), run, DATA, CPU, "float32")


def test_every_difference_is_named(directory):
    run = tiny_run(model={"emb_dim": 32}, training={"seed": 4})
    with pytest.raises(CheckpointError, match=r"model\.emb_dim .*; training\.seed .*; the data's sha256"):
        resume(verify(directory), run, "e" * 64, CPU, "float32")


def test_settings_that_do_not_change_the_course_may_differ(directory):
    run = tiny_run(sampling={"start_context": "a"}, checkpoints={"every_steps": 3})
    assert resume(verify(directory), run, DATA, CPU, "float32")[2] == Position(step=1)


def test_another_tokenizers_checkpoint_is_refused(directory):
    edit_manifest(directory, run=tiny_run().to_json() | {"tokenizer": "gpt2"})
    with pytest.raises(CheckpointError, match="tokenizer is gpt2 there and bytes here"):
        resume(verify(directory), tiny_run(), DATA, CPU, "float32")


def test_another_format_is_refused_with_both_versions(directory):
    edit_manifest(directory, format=2)
    with pytest.raises(CheckpointError, match="has format 2; this version reads format 1"):
        verify(directory)


def test_without_its_training_state_a_checkpoint_is_smaller_still_loads_and_refuses_to_resume(directory):
    before = size_bytes(directory)
    drop_training_state(directory)
    assert {path.name for path in directory.iterdir()} == {WEIGHTS, MANIFEST}
    assert size_bytes(directory) < before / 2
    verify(directory)
    load_model(directory)
    with pytest.raises(CheckpointError, match="keeps its weights alone"):
        resume(verify(directory), tiny_run(), DATA, CPU, "float32")
    drop_training_state(directory)
    verify(directory)


def crash_at(monkeypatch, module: Any, function: str, calls: int) -> None:
    """After `calls` calls, the next of `function` kills the process: nothing tidies up after a `Crash`."""
    real = getattr(module, function)
    left = iter(range(calls))

    def call(*arguments: Any, **options: Any) -> Any:
        if next(left, None) is None:
            raise Crash
        return real(*arguments, **options)

    monkeypatch.setattr(module, function, call)


def is_whole(directory: Path) -> bool:
    try:
        verify(directory)
    except CheckpointError:
        return False
    return True


@pytest.mark.parametrize(("module", "function"), [(os, "fsync"), (Path, "rename")])
@pytest.mark.parametrize("calls", range(6))
def test_a_crash_while_writing_leaves_a_whole_checkpoint_or_none_and_the_others_alone(
    tmp_path, monkeypatch, module, function, calls
):
    written(tmp_path / "step-1")
    crashed = False
    with monkeypatch.context() as dying:
        crash_at(dying, module, function, calls)
        try:
            written(tmp_path / "step-2")
        except Crash:
            crashed = True
    assert crashed is (calls < {"fsync": 5, "rename": 2}[function])
    assert is_whole(tmp_path / "step-1")
    assert not (tmp_path / "step-2").exists() or is_whole(tmp_path / "step-2")
    written(tmp_path / "step-2")
    assert is_whole(tmp_path / "step-2")
    assert {path.name for path in tmp_path.iterdir()} == {"step-1", "step-2"}


@pytest.mark.parametrize(("module", "function"), [(os, "fsync"), (Path, "rename"), (Path, "unlink")])
@pytest.mark.parametrize("calls", range(4))
def test_a_crash_while_dropping_the_training_state_leaves_a_whole_checkpoint(
    directory, monkeypatch, module, function, calls
):
    with monkeypatch.context() as dying:
        crash_at(dying, module, function, calls)
        try:
            drop_training_state(directory)
        except Crash:
            assert calls < 3
    assert is_whole(directory)
    drop_training_state(directory)
    assert {path.name for path in directory.iterdir()} == {WEIGHTS, MANIFEST}


@pytest.mark.parametrize("syncs", range(5))
def test_a_full_disk_is_an_oserror_that_leaves_nothing_behind(tmp_path, monkeypatch, syncs):
    written(tmp_path / "step-1")
    left = iter(range(syncs))

    def full(descriptor: int) -> None:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            written(tmp_path / "step-2")
    assert [path.name for path in tmp_path.iterdir()] == ["step-1"]
    assert is_whole(tmp_path / "step-1")


def test_a_disk_that_has_no_room_for_a_file_at_all_is_the_reason_that_is_raised(tmp_path, monkeypatch):
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("model.checkpoint.write_tensors", full)
    with pytest.raises(OSError, match="No space left"):
        written(tmp_path / "step-1")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_replaces_an_unlisted_one_of_its_name(tmp_path):
    written(tmp_path / "step-1")
    (tmp_path / "step-1" / WEIGHTS).write_bytes(b"damaged")
    shutil.copytree(tmp_path / "step-1", tmp_path / ".tmp-step-1")
    written(tmp_path / "step-1")
    assert is_whole(tmp_path / "step-1")
    assert [path.name for path in tmp_path.iterdir()] == ["step-1"]


class GPTWithTable(GPT):
    """One whose layer keeps a table that is in no checkpoint."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.register_buffer("angles", torch.arange(4.0), persistent=False)


def test_a_table_that_no_checkpoint_holds_is_not_left_without_values(directory, monkeypatch):
    monkeypatch.setattr("model.checkpoint.GPT", GPTWithTable)
    with pytest.raises(TypeError, match="compute angles where it is used"):
        load_model(directory)


@pytest.mark.parametrize("field", sorted(WEIGHTLESS_FIELDS))
def test_a_field_without_weights_changes_neither_their_names_nor_their_shapes(field):
    def shapes(value: float) -> dict[str, torch.Size]:
        model = GPT(tiny_run(model={field: value}).gpt, KITS["float32"])
        return {name: weight.shape for name, weight in model.state_dict().items()}

    assert shapes(0.0) == shapes(0.5)
