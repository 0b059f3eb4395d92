"""Runs on a tokenizer that was trained on a data set, and their checkpoints, which have a copy of it."""

from pathlib import Path

import pytest

from model.bpe.tokenizer_json import trained_tokenizer
from model.checkpoint import drop_training_state, load_model
from model.config import Run
from model.data import Data
from model.estimate.disk import checkpoints_bytes
from model.events import CheckpointWritten, Evaluation, Sample
from model.manifest import (
    TOKENIZER,
    CheckpointError,
    checkpoint_tokenizer,
    read_manifest,
    verify,
    write_manifest,
)
from model.tokenizers import BadTokenizer, load_tokenizer, ranks_of_json, sha256_of_ranks
from model.training import train
from tests.model.own_tokenizer import STORY, story_tokenizer
from tests.model.tiny import CPU, Recorder, newest, tiny_run

OWN = story_tokenizer()


def own_run(**sections: dict[str, object]) -> Run:
    run = tiny_run(**{"training": {"num_epochs": 1, "max_steps": 6}, **sections})
    return run.model_copy(update={"tokenizer": OWN.name}).with_vocab_size(OWN.vocab_size)


def train_own(root: Path, recorder: Recorder, resume_from: Path | None = None) -> None:
    run = own_run()
    train(
        run,
        Data.from_text(STORY, OWN, run),
        on_event=recorder.record,
        should_stop=recorder.should_stop,
        checkpoint_root=root,
        numerics="float32",
        device=CPU,
        resume_from=None if resume_from is None else verify(resume_from),
        tokenizer=OWN,
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own")
    train_own(root, Recorder())
    return newest(root)


def copied(checkpoint: Path, folder: Path) -> Path:
    folder.mkdir()
    for file in checkpoint.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_a_run_knows_its_vocabulary_and_so_does_what_is_stored_of_it() -> None:
    run = own_run()
    assert run.gpt.vocab_size == OWN.vocab_size
    assert run.to_json()["model"]["vocab_size"] == OWN.vocab_size
    assert Run.from_json(run.to_json()) == run
    assert Run.from_json(tiny_run().to_json()) == tiny_run()
    with pytest.raises(KeyError):
        _ = tiny_run().model_copy(update={"tokenizer": "tokenizer-0"}).gpt


def test_a_checkpoint_is_whole_and_has_a_copy_of_the_tokenizer(checkpoint: Path) -> None:
    manifest = verify(checkpoint).manifest
    entry = manifest.files[TOKENIZER]
    assert (checkpoint / TOKENIZER).read_bytes() == OWN.tokenizer_json
    assert set(entry) == {"bytes", "sha256"}
    found = checkpoint_tokenizer(checkpoint, manifest)
    assert (found.name, found.encode(STORY)) == (OWN.name, OWN.encode(STORY))
    model, run = load_model(checkpoint)
    assert (model.config.vocab_size, run.vocab_size) == (OWN.vocab_size, OWN.vocab_size)


def test_a_checkpoint_that_keeps_its_weights_alone_keeps_the_tokenizer(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = copied(checkpoint, tmp_path / "copy")
    drop_training_state(folder)
    assert checkpoint_tokenizer(folder, verify(folder).manifest).encode("Ana") == OWN.encode("Ana")


def test_a_built_in_tokenizer_is_not_copied(tmp_path: Path) -> None:
    run = tiny_run(training={"max_steps": 1})
    data = Data.from_text(STORY, load_tokenizer("bytes"), run)
    options = {"checkpoint_root": tmp_path, "numerics": "float32", "device": CPU}
    train(run, data, on_event=lambda _: None, should_stop=lambda: False, **options)  # type: ignore[arg-type]
    assert TOKENIZER not in read_manifest(newest(tmp_path)).files
    assert checkpoint_tokenizer(newest(tmp_path), read_manifest(newest(tmp_path))).name == "bytes"


def test_a_copy_that_is_damaged_or_missing_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    damaged, missing, unlisted = (copied(checkpoint, tmp_path / name) for name in ("1", "2", "3"))
    (damaged / TOKENIZER).write_bytes(b"{}")
    (missing / TOKENIZER).unlink()
    manifest = read_manifest(unlisted)
    del manifest.files[TOKENIZER]
    write_manifest(unlisted, manifest)
    for folder, reason in ((damaged, "is damaged"), (missing, "can't be read"), (unlisted, "has no copy")):
        with pytest.raises(CheckpointError, match=reason):
            checkpoint_tokenizer(folder, read_manifest(folder))
    for folder in (damaged, missing):
        with pytest.raises(CheckpointError):
            verify(folder)


def test_a_run_that_was_interrupted_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, first, second = Recorder(), Recorder(stop_after=3), Recorder()
    train_own(tmp_path / "whole", whole)
    train_own(tmp_path / "parts", first)
    train_own(tmp_path / "parts", second, resume_from=newest(tmp_path / "parts"))
    assert whole.of(CheckpointWritten)[-1].sha256 == second.of(CheckpointWritten)[-1].sha256
    assert whole.of(Evaluation)[-1].val_loss == second.of(Evaluation)[-1].val_loss
    assert whole.of(Sample)[-1].text == second.of(Sample)[-1].text


def test_the_copy_is_counted_with_what_checkpoints_take(checkpoint: Path) -> None:
    size = sum(file.stat().st_size for file in checkpoint.iterdir())
    run = own_run(checkpoints={"keep_last": 1, "keep_best": 0})
    assert size <= checkpoints_bytes(run, total_steps=1)
    weightless = own_run(checkpoints={"keep_last": 1, "keep_best": 0}).model_copy()
    assert len(OWN.tokenizer_json or b"") <= 64 * weightless.vocab_size


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"model": {"vocab": {"a": "x"}}}',
        b'{"model": {"vocab": {"\\u2028": 0, "<|endoftext|>": 1}}}',
        b'{"model": {"vocab": {"a": 1, "<|endoftext|>": 2}}}',
        b'{"model": {"vocab": {"a": 0}}}',
    ],
)
def test_what_is_no_file_of_ours_is_refused(content: bytes) -> None:
    with pytest.raises(BadTokenizer):
        load_tokenizer("tokenizer-a", content)


def test_two_merges_that_make_the_same_token_are_refused() -> None:
    with pytest.raises(ValueError, match="the same token"):
        trained_tokenizer([(b"a", b"b"), (b"a", b"b")])


def test_the_ranks_tell_a_tokenizer_from_others_however_it_is_written_down() -> None:
    assert OWN.tokenizer_json is not None
    spaced = OWN.tokenizer_json.replace(b'","', b'", "', 1)
    assert sha256_of_ranks(ranks_of_json(OWN.tokenizer_json)) == sha256_of_ranks(OWN.ranks)
    assert sha256_of_ranks(ranks_of_json(spaced)) == sha256_of_ranks(OWN.ranks)
    other = load_tokenizer("other", trained_tokenizer([(b"a", b"b")]))
    assert sha256_of_ranks(other.ranks) != sha256_of_ranks(OWN.ranks)  # type: ignore[attr-defined]
