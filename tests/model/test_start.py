"""A run that starts from another run's checkpoint."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from model.checkpoint import load_model
from model.config import Run
from model.data import Data
from model.events import CheckpointWritten, Evaluation, Progress, Sample, Started
from model.manifest import (
    TRAINING,
    WEIGHTS,
    CheckpointError,
    checkpoint_tokenizer,
    read_manifest,
    verify,
)
from model.numerics import ResolvedNumerics
from model.shuffle import DerivedShuffleSeeds, permutation
from model.start import Start
from model.training import train
from tests.model.own_tokenizer import story_tokenizer
from tests.model.test_resume import RUN, TOTAL_STEPS, Dying, Killed, final_sha256, history
from tests.model.tiny import CPU, MODES, TEXT, Recorder, newest, tiny_data, tiny_run, train_tiny

PARENT = RUN.model_copy(update={"checkpoints": RUN.checkpoints.model_copy(update={"every_steps": 2})})


def changed(run: Run, **sections: dict[str, object]) -> Run:
    updates = {name: getattr(run, name).model_copy(update=fields) for name, fields in sections.items()}
    return run.model_copy(update=updates)


def fork(
    run: Run,
    parent: Path,
    root: Path,
    recorder: Recorder,
    numerics: ResolvedNumerics = "float32",
    *,
    with_optimizer: bool = True,
    text: str = TEXT,
) -> str:
    start_from = Start(verify(parent), with_optimizer)
    return train_tiny(run, root, recorder, numerics, text=text, start_from=start_from)


def step_folder(root: Path, step: int) -> Path:
    return root / f"step-{step:08d}"


@pytest.mark.parametrize("numerics", MODES)
def test_without_changes_it_goes_on_as_the_parent_did_and_ends_with_its_weights(tmp_path, numerics):
    whole = Recorder()
    train_tiny(PARENT, tmp_path / "parent", whole, numerics)
    for step in range(2, TOTAL_STEPS, 2):
        child = Recorder()
        parent, root = step_folder(tmp_path / "parent", step), tmp_path / str(step)
        assert fork(PARENT, parent, root, child, numerics) == "epochs"
        assert child.of(Started)[0].resumed_step == step
        assert history(child) == [row for row in history(whole) if row.step >= step]
        assert final_sha256(child) == final_sha256(whole), step


@pytest.mark.parametrize("numerics", MODES)
def test_killed_before_and_after_its_first_checkpoint_it_ends_the_same(tmp_path, numerics):
    whole = Recorder()
    train_tiny(PARENT, tmp_path / "parent", whole, numerics)
    source = step_folder(tmp_path / "parent", 2)
    for killed_at in (3, 7):
        root = tmp_path / f"killed-{killed_at}"
        before, after = Dying(killed_at), Recorder()
        with pytest.raises(Killed):
            fork(PARENT, source, root, before, numerics)
        if root.exists():
            train_tiny(PARENT, root, after, numerics, resume_from=newest(root))
        else:
            fork(PARENT, source, root, after, numerics)
        assert history(before, after) == [row for row in history(whole) if row.step >= 2]
        assert final_sha256(after) == final_sha256(whole)


@pytest.mark.parametrize("numerics", MODES)
def test_from_the_end_of_a_run_it_has_its_weights_at_once(tmp_path, numerics):
    whole, child = Recorder(), Recorder()
    train_tiny(PARENT, tmp_path / "parent", whole, numerics)
    assert fork(PARENT, newest(tmp_path / "parent"), tmp_path / "child", child, numerics) == "epochs"
    (written,), (parents,) = child.of(CheckpointWritten), whole.of(CheckpointWritten)[-1:]
    assert replace(written, directory=parents.directory, bytes=parents.bytes) == parents
    assert child.of(Progress) == []


def test_from_the_end_of_a_run_more_epochs_are_those_of_a_longer_run(tmp_path):
    run = tiny_run(checkpoints={"every_epochs": None})
    longer = changed(run, training={"num_epochs": 4})
    whole, child = Recorder(), Recorder()
    train_tiny(longer, tmp_path / "longer", whole)
    train_tiny(run, tmp_path / "parent", Recorder())
    fork(longer, newest(tmp_path / "parent"), tmp_path / "child", child)
    assert child.of(Sample) == whole.of(Sample)[2:]
    assert final_sha256(child) == final_sha256(whole)


def test_on_a_tokenizer_of_ones_own_it_goes_on_as_the_parent_did_with_a_copy_of_it(tmp_path):
    tokenizer = story_tokenizer()
    run = PARENT.model_copy(update={"tokenizer": tokenizer.name}).with_vocab_size(tokenizer.vocab_size)
    data = Data.from_text(TEXT * 2, tokenizer, run)

    def train_it(root: Path, start_from: Start | None = None) -> Recorder:
        recorder = Recorder()
        train(
            run,
            data,
            on_event=recorder.record,
            should_stop=recorder.should_stop,
            checkpoint_root=root,
            numerics="float32",
            device=CPU,
            start_from=start_from,
            tokenizer=tokenizer,
        )
        return recorder

    whole = train_it(tmp_path / "parent")
    child = train_it(tmp_path / "child", Start(verify(step_folder(tmp_path / "parent", 2)), True))
    assert final_sha256(child) == final_sha256(whole)
    directory = newest(tmp_path / "child")
    copy = checkpoint_tokenizer(directory, read_manifest(directory))
    assert copy.tokenizer_json == tokenizer.tokenizer_json


PLAIN = tiny_run(model={"drop_rate": 0.0}, checkpoints={"every_epochs": None, "every_steps": 3})


def plain_step(
    parent: Path, indices: torch.Tensor, learning_rate: float, *, with_optimizer: bool
) -> dict[str, torch.Tensor]:
    """The weights after one step of PyTorch's own AdamW on these windows, by a parent's checkpoint."""
    model, run = load_model(parent, numerics="reference")
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=run.training.betas, weight_decay=run.training.weight_decay
    )
    if with_optimizer:
        saved = load_file(parent / TRAINING)
        for name, parameter in model.named_parameters():
            keys = ("step", "exp_avg", "exp_avg_sq")
            optimizer.state[parameter] = {key: saved[f"optimizer.{key}.{name}"] for key in keys}
    inputs, targets = tiny_data(run).train.batch(indices)
    F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).backward()
    optimizer.step()
    return dict(model.named_parameters())


@pytest.mark.parametrize("with_optimizer", [True, False])
def test_the_first_step_of_a_doubled_learning_rate_is_that_of_plain_pytorch(tmp_path, with_optimizer):
    train_tiny(PLAIN, tmp_path / "parent", Recorder(stop_after=4))
    parent = step_folder(tmp_path / "parent", 3)
    run = changed(PLAIN, training={"learning_rate": 2 * PLAIN.training.learning_rate})
    fork(run, parent, tmp_path / "child", Recorder(stop_after=1), with_optimizer=with_optimizer)
    child = newest(tmp_path / "child")

    windows, seeds = len(tiny_data(run).train), DerivedShuffleSeeds(run.training.seed)
    first = 3 if with_optimizer else 0  # batches of the first epoch that are done
    indices = permutation(windows, seeds.of_epoch(1))[2 * first : 2 * first + 2]
    expected = plain_step(parent, indices, run.training.learning_rate, with_optimizer=with_optimizer)
    found, before = load_file(child / WEIGHTS), load_file(parent / WEIGHTS)
    for name, weight in expected.items():
        # AdamW's first update has the size of the rate, however small the gradient, so rounding shows.
        torch.testing.assert_close(found[name], weight.detach(), rtol=1e-5, atol=1e-4)
        assert not torch.equal(found[name], before[name])


def test_without_the_optimizer_step_and_schedule_begin_anew(tmp_path):
    train_tiny(PARENT, tmp_path / "parent", Recorder())
    child = Recorder()
    fork(PARENT, newest(tmp_path / "parent"), tmp_path / "child", child, with_optimizer=False)
    assert child.of(Started)[0].resumed_step is None
    first = child.of(Evaluation)[0]
    assert (first.step, first.epoch, first.tokens_seen) == (0, 1, 3 * 2 * 8)
    assert first.learning_rate == RUN.training.learning_rate / 2  # of the warm-up
    assert child.of(Progress)[-1].step == TOTAL_STEPS


def test_the_weights_alone_are_enough_without_the_optimizer(tmp_path):
    train_tiny(PARENT, tmp_path / "parent", Recorder())
    parent = newest(tmp_path / "parent")
    (parent / TRAINING).unlink()
    run = changed(PARENT, training={"optimizer": "muon", "numerics": "float32"})
    child = Recorder()
    train(
        run,
        tiny_data(run),
        on_event=child.record,
        should_stop=child.should_stop,
        checkpoint_root=tmp_path / "child",
        numerics="float32",
        device=CPU,
        start_from=Start(verify(parent, [WEIGHTS]), with_optimizer=False),
    )
    assert child.of(Progress)[-1].step == TOTAL_STEPS


@pytest.mark.parametrize(
    ("step", "epoch", "batch"),
    # 16 windows of the text in batches of 4: 4 steps an epoch, of which 8 were made with batches of 2.
    [(3, 1, 3), (6, 2, 2), (8, 2, 4)],
)
def test_another_batch_size_goes_on_where_its_own_run_would_be_after_so_many_steps(
    tmp_path, step, epoch, batch
):
    run = tiny_run(training={"num_epochs": 4}, checkpoints={"every_steps": 1})
    train_tiny(run, tmp_path / "parent", Recorder(stop_after=step))
    larger = changed(run, training={"batch_size": 4})
    windows = len(tiny_data(larger).train)
    assert windows // 4 == 4
    child = Recorder(stop_after=1)
    fork(larger, step_folder(tmp_path / "parent", step), tmp_path / "child", child)
    position = read_manifest(newest(tmp_path / "child")).position
    is_new = batch == 4
    assert (position.step, position.epoch) == (step + 1, epoch + is_new)
    assert position.batch == (1 if is_new else batch + 1)
    assert position.order_seed == DerivedShuffleSeeds(123).of_epoch(position.epoch)
    assert position.tokens_seen == step * 2 * 8 + 4 * 8


def test_on_another_text_patience_counts_anew(tmp_path):
    run = tiny_run(training={"early_stopping_patience": 3, "learning_rate": 0.5, "num_epochs": 20})
    parent = Recorder()
    assert train_tiny(run, tmp_path / "parent", parent) == "early_stopping"
    ended = newest(tmp_path / "parent")
    same, other = Recorder(), Recorder(stop_after=1)
    assert fork(run, ended, tmp_path / "same", same) == "early_stopping"
    assert same.of(Evaluation) == []
    assert fork(run, ended, tmp_path / "other", other, text=TEXT.replace("fox", "cat")) == "stopped"
    (evaluation,) = other.of(Evaluation) or [None]
    position = read_manifest(newest(tmp_path / "other")).position
    assert position.best_val_loss == (evaluation and evaluation.val_loss)
    assert position.evaluations_since_best == 0


def test_another_seed_draws_anew(tmp_path):
    train_tiny(PARENT, tmp_path / "parent", Recorder())
    source = step_folder(tmp_path / "parent", 2)
    ends = set()
    for seed in (123, 124, 125):
        child = Recorder()
        fork(changed(PARENT, training={"seed": seed}), source, tmp_path / f"seed-{seed}", child)
        ends.add(final_sha256(child))
    assert len(ends) == 3


def test_another_dropout_is_used_at_once(tmp_path):
    train_tiny(PARENT, tmp_path / "parent", Recorder())
    source = step_folder(tmp_path / "parent", 4)
    ends = set()
    for rate in (0.1, 0.5):
        child = Recorder()
        fork(changed(PARENT, model={"drop_rate": rate}), source, tmp_path / f"rate-{rate}", child)
        ends.add(final_sha256(child))
    assert len(ends) == 2


def test_a_model_of_another_shape_is_refused(tmp_path):
    train_tiny(PARENT, tmp_path / "parent", Recorder(stop_after=1))
    wide = changed(PARENT, model={"emb_dim": 32})
    with pytest.raises(CheckpointError, match=r"model\.emb_dim is 16 there and 32 here"):
        fork(wide, newest(tmp_path / "parent"), tmp_path / "child", Recorder())


def test_a_shorter_context_takes_the_first_positions_but_not_with_the_optimizers_state(
    tmp_path: Path,
) -> None:
    train_tiny(PARENT, tmp_path / "parent", Recorder(stop_after=1))
    source = newest(tmp_path / "parent")
    still = {"max_steps": 1, "learning_rate": 1e-30, "weight_decay": 0.0}
    short = changed(PARENT, model={"context_length": 4}, training=still)
    with pytest.raises(CheckpointError, match=r"model\.context_length is 8 there and 4 here"):
        fork(short, source, tmp_path / "refused", Recorder())
    fork(short, source, tmp_path / "child", Recorder(), with_optimizer=False)
    parent, child = (load_file(folder / WEIGHTS) for folder in (source, newest(tmp_path / "child")))
    parent["pos_emb.weight"] = parent["pos_emb.weight"][:4]
    for name, weight in parent.items():
        assert torch.equal(child[name], weight), name


def test_a_longer_context_has_no_weights(tmp_path: Path) -> None:
    train_tiny(PARENT, tmp_path / "parent", Recorder(stop_after=1))
    longer = changed(PARENT, model={"context_length": 12})
    with pytest.raises(CheckpointError, match=r"model\.context_length is 8 there and 12 here"):
        fork(longer, newest(tmp_path / "parent"), tmp_path / "child", Recorder(), with_optimizer=False)
