"""What a run does and reports, step by step."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from model import evaluation
from model.checkpoint import load_model
from model.data import Data, TokenWindows, batches
from model.estimate.parameters import parameter_count
from model.evaluation import mean_loss
from model.events import CheckpointWritten, EarlyStopped, Evaluation, Phase, Progress, Sample, Started
from model.gpt import GPT
from model.loss import Diverged, loss_of, next_token_loss
from model.manifest import MANIFEST, TRAINING, WEIGHTS, read_manifest
from model.shuffle import DerivedShuffleSeeds, permutation
from model.tokenizers import load_tokenizer
from model.training import train
from tests.model.completions import complete
from tests.model.tiny import CPU, MODES, Recorder, newest, tiny_data, tiny_run, train_tiny

N_BATCHES = 8  # of an epoch of `tiny_run`
PROMPTS = ["the", "dog", "a much longer one", "the"]


def trained(run, root, numerics="float32", **recorder):
    found = Recorder(**recorder)
    result = train_tiny(run, root, found, numerics)
    return found, result


@pytest.mark.parametrize("numerics", MODES)
def test_a_run_reports_its_start_and_each_evaluation_sample_and_checkpoint_in_order(tmp_path, numerics):
    run = tiny_run(evaluation={"eval_freq": 5})
    found, result = trained(run, tmp_path, numerics)
    assert result == "epochs"
    assert found.events[0] == Started(
        total_steps=2 * N_BATCHES,
        parameters=parameter_count(run.gpt),
        numerics=numerics,
        device="cpu",
        threads=1,
        resumed_step=None,
    )
    reported = [
        (type(event), event.step)
        for event in found.events
        if not isinstance(event, Started | Phase | Progress | CheckpointWritten)
    ]
    assert reported == [
        (Evaluation, 0),
        (Evaluation, 5),
        (Sample, 7),
        (Evaluation, 10),
        (Evaluation, 15),
        (Sample, 15),
    ]
    assert [event.step for event in found.of(CheckpointWritten)] == [8, 16]


def test_progress_follows_every_micro_batch_and_counts_updates_epochs_and_tokens(tmp_path):
    found, _ = trained(tiny_run(training={"grad_accumulation": 3}), tmp_path)
    # 8 micro-batches an epoch of 2 windows of 8 tokens: steps of 3, 3 and 2
    steps = [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6]
    progress = found.of(Progress)
    assert [event.step for event in progress] == steps
    assert [event.epoch for event in progress] == [1] * 8 + [2] * 8
    assert [event.tokens_seen for event in progress] == [16 * n for n in range(1, 17)]
    assert {event.total_steps for event in progress} == {6}
    assert progress[0].tokens_per_s is None
    assert all(event.tokens_per_s > 0 for event in progress[3:])


def test_the_updates_are_those_of_a_plain_loop(tmp_path):
    """AdamW, the order of each epoch, the mean over micro-batches and clipping, written out."""
    settings = {"weight_decay": 0.3, "betas": (0.8, 0.9)}
    run = tiny_run(
        model={"drop_rate": 0.0},
        training={"grad_accumulation": 2, "max_steps": 6, "grad_clip": 0.5} | settings,
    )
    found, _ = trained(run, tmp_path)

    data = tiny_data(run)
    torch.manual_seed(123)
    model = GPT(run.gpt)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, **settings)
    first, second = (
        permutation(len(data.train), DerivedShuffleSeeds(123).of_epoch(epoch)) for epoch in (1, 2)
    )
    whole_batches = 2 * N_BATCHES
    order = torch.cat([first[:whole_batches], second[:whole_batches]])
    norms = []
    for indices in order.split(4)[:6]:
        inputs, targets = data.train.batch(indices)
        optimizer.zero_grad()
        F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).backward()
        norms.append(math.sqrt(sum(parameter.grad.square().sum().item() for parameter in model.parameters())))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()

    ours, _ = load_model(newest(tmp_path))
    for name, parameter in model.named_parameters():
        assert torch.allclose(ours.get_parameter(name), parameter, atol=1e-4), name
    steps = [event.step for event in found.of(Evaluation)]
    assert steps == [0, 2, 4, 5]
    assert [event.grad_norm for event in found.of(Evaluation)] == pytest.approx(
        [norms[step] for step in steps], rel=1e-3
    )


@pytest.mark.parametrize("numerics", MODES)
def test_an_evaluation_is_the_mean_loss_of_the_first_batches_without_dropout(tmp_path, numerics):
    run = tiny_run(model={"drop_rate": 0.5}, evaluation={"eval_iter": 1}, checkpoints={"every_steps": 1})
    found, _ = trained(run, tmp_path, numerics)
    evaluation, checkpoint = found.of(Evaluation)[0], found.of(CheckpointWritten)[0]
    model, _ = load_model(checkpoint.directory, numerics=numerics)
    windows = tiny_data(run).validation
    inputs, targets = windows.batch(torch.arange(min(2, len(windows))))
    with torch.no_grad():
        expected = next_token_loss(model(inputs), targets).item()
    assert evaluation.val_loss == pytest.approx(expected, rel=1e-6)
    assert checkpoint.val_loss == evaluation.val_loss


class LongText:
    """The tokens of a text of 50 million windows of `tiny_run`, made up as they are asked for."""

    def __len__(self):
        return 8 * 50_000_000 + 1

    def __getitem__(self, tokens):
        return torch.arange(*tokens.indices(len(self))) % 257


class LargestTensor(TorchDispatchMode):
    """How many elements the largest tensor has that is made while this is on."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **kwargs or {})
        if isinstance(made, torch.Tensor):
            self.elements = max(self.elements, made.numel())
        return made


@pytest.mark.parametrize("numerics", MODES)
def test_the_work_of_a_run_is_that_of_the_windows_it_takes_however_long_the_text_is(
    tmp_path, monkeypatch, numerics
):
    run = tiny_run(training={"max_steps": 3}, evaluation={"eval_freq": 1})
    monkeypatch.setattr(
        Data, "sha256", lambda self: "0" * 64
    )  # which reads the text through, once an attempt
    split = TokenWindows(LongText(), 8, 8)
    assert len(split) == 50_000_000
    found = Recorder()
    with LargestTensor() as largest:
        train(
            run,
            replace(tiny_data(run), train=split, validation=split),
            on_event=found.record,
            should_stop=found.should_stop,
            checkpoint_root=tmp_path,
            numerics=numerics,
            device=CPU,
        )
    assert len(found.of(Evaluation)) == 3
    assert largest.elements < 100_000


def test_a_smaller_last_batch_counts_as_much_as_the_others_as_in_the_lecture():
    run = tiny_run()
    windows = tiny_data(run).train
    model = GPT(run.gpt).eval()
    two, one = windows.batch(torch.tensor([0, 1])), windows.batch(torch.tensor([2]))
    with torch.no_grad():
        expected = sum(next_token_loss(model(inputs), targets).item() for inputs, targets in (two, one)) / 2
    found = mean_loss(model, batches(windows, torch.arange(3), 2, drop_last=False, device=CPU))
    assert found == pytest.approx(expected, rel=1e-6)


def test_nothing_to_evaluate_is_refused():
    with pytest.raises(ValueError, match="no batch"):
        mean_loss(GPT(tiny_run().gpt), [])


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_how_often_a_run_evaluates_never_changes_what_it_learns(tmp_path, numerics):
    often, seldom = (
        trained(tiny_run(evaluation={"eval_freq": n}), tmp_path / str(n), numerics)[0] for n in (1, 7)
    )
    assert often.of(CheckpointWritten)[-1].sha256 == seldom.of(CheckpointWritten)[-1].sha256


@pytest.mark.parametrize("numerics", MODES)
def test_checkpoints_and_samples_never_change_what_a_run_learns(tmp_path, numerics):
    plain, busy = (
        tiny_run(),
        tiny_run(sampling={"temperature": 1.0, "max_new_tokens": 9}, checkpoints={"every_steps": 1}),
    )
    hashes = {
        trained(run, tmp_path / name, numerics)[0].of(CheckpointWritten)[-1].sha256
        for name, run in (("plain", plain), ("busy", busy))
    }
    assert len(hashes) == 1


def test_a_checkpoint_between_evaluations_measures_its_own_validation_loss_and_adds_no_evaluation(tmp_path):
    run = tiny_run(evaluation={"eval_freq": 100}, checkpoints={"every_steps": 5, "every_epochs": None})
    found, _ = trained(run, tmp_path)
    first, last = found.of(Evaluation)
    assert (first.step, last.step) == (0, 15)
    checkpoints = found.of(CheckpointWritten)
    assert [event.step for event in checkpoints] == [5, 10, 15, 16]
    assert [event.train_loss for event in checkpoints] == [first.train_loss] * 3 + [last.train_loss]
    assert len({event.val_loss for event in checkpoints}) == 4
    assert checkpoints[-1].val_loss == last.val_loss


@pytest.mark.parametrize("numerics", MODES)
def test_the_last_step_is_evaluated_and_nothing_else_changes_by_it(tmp_path, numerics):
    """Neither what came before, nor the weights, nor the generators that a longer run would go on with."""
    seldom = tiny_run(model={"drop_rate": 0.3}, sampling={"temperature": 1.0}, evaluation={"eval_freq": 6})
    longer = seldom.model_copy(update={"training": seldom.training.model_copy(update={"num_epochs": 3})})
    found, _ = trained(seldom, tmp_path / "found", numerics)
    expected, _ = trained(longer, tmp_path / "expected", numerics)
    assert [event.step for event in found.of(Evaluation)] == [0, 6, 12, 15]
    assert [event.step for event in expected.of(Evaluation)] == [0, 6, 12, 18, 23]
    for ours, theirs in zip(found.of(Evaluation)[:3], expected.of(Evaluation), strict=False):
        assert replace(ours, tokens_per_s=None) == replace(theirs, tokens_per_s=None)
    assert found.of(Sample) == expected.of(Sample)[:2]
    ours, theirs = tmp_path / "found" / "step-00000016", tmp_path / "expected" / "step-00000016"
    for name in (WEIGHTS, TRAINING):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes()


def test_a_scheduled_evaluation_of_the_last_step_is_made_once(tmp_path):
    found, _ = trained(tiny_run(evaluation={"eval_freq": 5}), tmp_path)
    assert [event.step for event in found.of(Evaluation)] == [0, 5, 10, 15]


def test_a_run_that_was_stopped_has_no_last_step(tmp_path):
    found, _ = trained(tiny_run(evaluation={"eval_freq": 100}), tmp_path, stop_after=4)
    assert [event.step for event in found.of(Evaluation)] == [0]


def test_a_checkpoints_event_is_what_its_manifest_says(tmp_path):
    found, _ = trained(tiny_run(), tmp_path)
    event = found.of(CheckpointWritten)[-1]
    manifest = read_manifest(event.directory)
    assert event.directory == tmp_path / "step-00000016"
    assert event.sha256 == manifest.files["weights.safetensors"]["sha256"]
    assert event.bytes == sum(path.stat().st_size for path in event.directory.iterdir())
    position = manifest.position
    assert (position.step, position.epoch, position.tokens_seen) == (16, 2, 256)
    assert (position.train_loss, manifest.val_loss) == (event.train_loss, event.val_loss)


@pytest.mark.parametrize(
    ("checkpoints", "steps"),
    [
        ({"every_epochs": 1}, [8, 16, 24]),
        ({"every_epochs": 2}, [16, 24]),
        ({"every_epochs": None}, [24]),
        ({"every_epochs": 2, "every_steps": 8}, [8, 16, 24]),
        ({"every_epochs": None, "every_steps": 10}, [10, 20, 24]),
    ],
)
def test_checkpoints_come_by_epoch_and_by_step_and_always_at_the_end(tmp_path, checkpoints, steps):
    found, _ = trained(tiny_run(training={"num_epochs": 3}, checkpoints=checkpoints), tmp_path)
    assert [event.step for event in found.of(CheckpointWritten)] == steps


class StepClock:
    """A monotonic clock on which every update takes a second, and nothing else any time."""

    def __init__(self, recorder):
        self.recorder = recorder

    def monotonic(self):
        return float(max((event.step for event in self.recorder.of(Progress)), default=0))


def timed_run(monkeypatch, root, interval_s, **checkpoints):
    """The steps at which checkpoints are written, when an update takes a second."""
    recorder = Recorder()
    monkeypatch.setattr("model.training.monotonic", StepClock(recorder).monotonic)
    run = tiny_run(training={"num_epochs": 3}, checkpoints=checkpoints)
    train_tiny(run, root, recorder, checkpoint_interval_s=interval_s)
    return [event.step for event in recorder.of(CheckpointWritten)]


@pytest.mark.parametrize(
    ("interval_s", "checkpoints", "steps"),
    [
        (None, {"every_epochs": None}, [24]),
        (5, {"every_epochs": None}, [5, 10, 15, 20, 24]),
        (4.5, {"every_epochs": None}, [5, 10, 15, 20, 24]),
        (100, {"every_epochs": None}, [24]),
        # Counted from the checkpoint before, whatever that one was written for.
        (5, {"every_epochs": 1}, [5, 8, 13, 16, 21, 24]),
        (5, {"every_epochs": None, "every_steps": 3}, [3, 6, 9, 12, 15, 18, 21, 24]),
    ],
)
def test_a_checkpoint_is_written_whenever_the_interval_has_gone_by_without_one(
    tmp_path, monkeypatch, interval_s, checkpoints, steps
):
    assert timed_run(monkeypatch, tmp_path, interval_s, **checkpoints) == steps


def test_a_resumed_run_counts_the_interval_from_its_start(tmp_path, monkeypatch):
    run = tiny_run(training={"num_epochs": 3}, checkpoints={"every_epochs": None})
    stopped = Recorder(stop_after=7)
    train_tiny(run, tmp_path, stopped)
    resumed = Recorder()
    clock = StepClock(resumed)
    monkeypatch.setattr("model.training.monotonic", lambda: max(clock.monotonic(), 7.0))
    train_tiny(run, tmp_path, resumed, resume_from=newest(tmp_path), checkpoint_interval_s=5)
    assert [event.step for event in resumed.of(CheckpointWritten)] == [12, 17, 22, 24]


def test_when_checkpoints_are_written_never_changes_what_a_run_learns(tmp_path, monkeypatch):
    hashes = set()
    for name, interval_s in (("never", None), ("often", 1)):
        timed_run(monkeypatch, tmp_path / name, interval_s, every_epochs=None)
        hashes.add(read_manifest(newest(tmp_path / name)).files["weights.safetensors"]["sha256"])
    assert len(hashes) == 1


def test_a_run_that_ends_inside_an_epoch_still_ends_with_a_sample_and_a_checkpoint(tmp_path):
    found, result = trained(tiny_run(training={"max_steps": 11}), tmp_path)
    assert result == "max_steps"
    assert found.of(Evaluation)[-1].step == 10
    assert [event.step for event in found.of(Sample)] == [7, 10]
    assert [event.step for event in found.of(CheckpointWritten)] == [8, 11]


def test_a_sample_is_what_generating_from_the_checkpoint_of_its_step_gives(tmp_path):
    run = tiny_run(sampling={"start_context": "dog", "max_new_tokens": 12})
    found, _ = trained(run, tmp_path)
    for sample, checkpoint in zip(found.of(Sample), found.of(CheckpointWritten), strict=True):
        model, _ = load_model(checkpoint.directory)
        expected = complete(model, load_tokenizer("bytes"), "dog", max_new_tokens=12)
        assert (sample.prompt, sample.text) == ("dog", expected.text)


def test_a_run_that_is_asked_to_stop_finishes_the_step_and_writes_a_checkpoint(tmp_path):
    found, result = trained(tiny_run(training={"grad_accumulation": 3}), tmp_path, stop_after=2)
    assert result == "stopped"
    assert [event.step for event in found.of(CheckpointWritten)] == [2]
    assert found.of(Progress)[-1].step == 2
    assert found.questions == 2
    assert not found.of(Sample)


def test_a_run_stopped_where_a_checkpoint_is_due_writes_it_once(tmp_path):
    found, result = trained(tiny_run(), tmp_path, stop_after=N_BATCHES)
    assert result == "stopped"
    assert [event.step for event in found.of(CheckpointWritten)] == [N_BATCHES]


def test_a_run_asked_to_stop_at_its_last_step_has_finished(tmp_path):
    _, result = trained(tiny_run(), tmp_path, stop_after=2 * N_BATCHES)
    assert result == "epochs"


def scripted_losses(monkeypatch, val_losses):
    """The validation losses of a run's evaluations, in turn; the train loss is always 1."""
    losses = iter([loss for val_loss in val_losses for loss in (1.0, val_loss)])
    monkeypatch.setattr(evaluation, "mean_loss", lambda model, evaluation_batches, loss_of: next(losses))


def test_patience_counts_evaluations_without_a_new_lowest_validation_loss(tmp_path, monkeypatch):
    scripted_losses(monkeypatch, [5.0, 4.0, 4.0, 3.0, 3.5, 3.1, 3.0])
    run = tiny_run(training={"early_stopping_patience": 3}, evaluation={"eval_freq": 1})
    found, result = trained(run, tmp_path)
    assert result == "early_stopping"
    assert [event.val_loss for event in found.of(Evaluation)] == [5.0, 4.0, 4.0, 3.0, 3.5, 3.1, 3.0]
    assert found.of(EarlyStopped) == [EarlyStopped(step=6, best_val_loss=3.0)]
    assert found.of(Sample)[-1].step == 6
    assert found.of(CheckpointWritten)[-1].step == 7


def test_patience_that_runs_out_at_the_last_step_has_ended_nothing(tmp_path, monkeypatch):
    scripted_losses(monkeypatch, [1.0 + n for n in range(16)])
    found, result = trained(
        tiny_run(training={"early_stopping_patience": 15}, evaluation={"eval_freq": 1}), tmp_path
    )
    assert result == "epochs"
    assert found.of(Evaluation)[-1].step == 15
    assert not found.of(EarlyStopped)


def test_with_patience_every_new_lowest_validation_loss_is_a_checkpoint_of_the_weights_alone(
    tmp_path, monkeypatch
):
    scripted_losses(monkeypatch, [5.0, 4.0, 4.5, 3.0, 3.5, 2.0, 3.1, 3.0, 2.9])
    run = tiny_run(
        training={"early_stopping_patience": 3},
        evaluation={"eval_freq": 1},
        checkpoints={"every_epochs": None, "every_steps": 6},
    )
    found, _ = trained(run, tmp_path)
    written = [(event.step, event.val_loss, event.resumable) for event in found.of(CheckpointWritten)]
    # At step 5, the lowest, a whole checkpoint was due.
    assert written == [(1, 5.0, False), (2, 4.0, False), (4, 3.0, False), (6, 2.0, True), (9, 2.9, True)]
    for event in found.of(CheckpointWritten):
        names = {path.name for path in event.directory.iterdir()}
        assert names == ({WEIGHTS, TRAINING, MANIFEST} if event.resumable else {WEIGHTS, MANIFEST})
        load_model(event.directory)


def test_the_weights_of_the_best_evaluation_do_not_put_off_a_checkpoint_by_time(tmp_path, monkeypatch):
    scripted_losses(monkeypatch, [24.0 - n for n in range(24)])
    recorder = Recorder()
    monkeypatch.setattr("model.training.monotonic", StepClock(recorder).monotonic)
    run = tiny_run(
        training={"num_epochs": 3, "early_stopping_patience": 3},
        evaluation={"eval_freq": 1},
        checkpoints={"every_epochs": None},
    )
    train_tiny(run, tmp_path, recorder, checkpoint_interval_s=5)
    whole = [event.step for event in recorder.of(CheckpointWritten) if event.resumable]
    assert whole == [5, 10, 15, 20, 24]


def test_without_patience_a_run_goes_on_however_its_losses_go(tmp_path, monkeypatch):
    scripted_losses(monkeypatch, [1.0 + n for n in range(8)])
    found, result = trained(
        tiny_run(checkpoints={"every_epochs": None}, evaluation={"eval_freq": 3}), tmp_path
    )
    assert result == "epochs"
    assert not found.of(EarlyStopped)
    assert found.of(Evaluation)[-1].step == 15


@pytest.mark.parametrize("numerics", MODES)
def test_a_loss_that_is_no_number_ends_the_run_with_its_step_and_reports_nothing_for_it(
    tmp_path, monkeypatch, numerics
):
    calls = iter(range(100))

    def nan_at_the_fourth(model, inputs, targets):
        loss = loss_of(model, inputs, targets)
        return loss * math.nan if model.training and next(calls) == 3 else loss

    monkeypatch.setattr("model.training.loss_of", nan_at_the_fourth)
    recorder = Recorder()
    with pytest.raises(Diverged, match="nan at step 3") as raised:
        train_tiny(tiny_run(), tmp_path, recorder, numerics)
    assert raised.value.step == 3
    assert math.isnan(raised.value.loss)
    assert recorder.of(Progress)[-1].step == 3
    assert [event.step for event in recorder.of(Evaluation)] == [0, 2]
    assert not recorder.of(CheckpointWritten)


@pytest.mark.parametrize("norm", [math.inf, math.nan])
def test_a_gradients_norm_that_is_no_number_is_reported_as_none(tmp_path, monkeypatch, norm):
    monkeypatch.setattr(torch.nn.utils, "get_total_norm", lambda tensors: torch.tensor(norm))
    found, _ = trained(tiny_run(), tmp_path)
    assert {event.grad_norm for event in found.of(Evaluation)} == {None}


def test_weights_that_are_no_numbers_are_found_by_the_evaluation(tmp_path, monkeypatch):
    scripted_losses(monkeypatch, [5.0, math.inf])
    recorder = Recorder()
    with pytest.raises(Diverged, match="inf at step 2"):
        train_tiny(tiny_run(), tmp_path, recorder)
    assert [event.step for event in recorder.of(Evaluation)] == [0]
    assert not recorder.of(CheckpointWritten)


def test_weights_that_are_no_numbers_are_found_before_a_token_is_drawn_from_them(tmp_path):
    run = tiny_run(
        training={"learning_rate": 100, "weight_decay": 100, "max_steps": 2},
        evaluation={"eval_freq": 100},
        sampling={"temperature": 1.0},
    )
    recorder = Recorder()
    with pytest.raises(Diverged, match="nan at step 1"):
        train_tiny(run, tmp_path, recorder)
    assert not recorder.of(Sample)


def test_a_watchdog_hears_of_every_batch_that_is_evaluated_every_piece_of_a_sample_and_each_checkpoint(
    tmp_path,
):
    run = tiny_run(training={"max_steps": 1}, sampling={"max_new_tokens": 3})
    found, _ = trained(run, tmp_path)
    names = [event.name for event in found.of(Phase)]
    assert names.count("evaluating") == 2 + 2 - 1  # the validation text has a single batch
    assert 1 <= names.count("sampling") <= 4
    assert names.count("writing") == 1


def test_the_rate_and_the_speed_stand_in_every_evaluation(tmp_path):
    run = tiny_run(training={"lr_schedule": "linear", "warmup_steps": 4})
    found, _ = trained(run, tmp_path)
    expected = [0.0025, 0.0075, 0.01, 0.01 * 10 / 12, 0.01 * 8 / 12]
    assert [event.learning_rate for event in found.of(Evaluation)][:5] == pytest.approx(expected)
    assert all(event.tokens_per_s > 0 for event in found.of(Evaluation))


def test_the_reference_is_not_compiled(tmp_path):
    with pytest.raises(ValueError, match=r"training\.compile does not go with the numerics 'reference'"):
        trained(tiny_run(training={"compile": True}), tmp_path, numerics="reference")


def test_a_seed_gives_the_same_run_again_and_another_seed_another(tmp_path):
    def without_speed(recorder):
        return [replace(event, tokens_per_s=None) for event in recorder.of(Evaluation)]

    first, again, other = (
        trained(tiny_run(training={"seed": seed}), tmp_path / name)[0]
        for name, seed in (("first", 5), ("again", 5), ("other", 6))
    )
    assert without_speed(first) == without_speed(again) != without_speed(other)
    assert first.of(CheckpointWritten)[-1].sha256 == again.of(CheckpointWritten)[-1].sha256


@pytest.mark.parametrize("numerics", MODES)
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_each_of_several_prompts_is_continued_as_if_it_were_the_only_one(tmp_path, numerics, temperature):
    sampling = {"temperature": temperature, "max_new_tokens": 12}
    several, _ = trained(
        tiny_run(sampling={**sampling, "start_context": PROMPTS}), tmp_path / "all", numerics
    )
    found = several.of(Sample)
    assert [(event.step, event.index, event.prompt, event.is_last) for event in found] == [
        (step, index, prompt, index == 3) for step in (7, 15) for index, prompt in enumerate(PROMPTS)
    ]
    for index, prompt in enumerate(PROMPTS):
        single, _ = trained(
            tiny_run(sampling={**sampling, "start_context": prompt}), tmp_path / str(index), numerics
        )
        assert [event.text for event in single.of(Sample)] == [
            event.text for event in found if event.index == index
        ]
        # And the weights do not depend on how much was written meanwhile.
        assert single.of(CheckpointWritten)[-1].sha256 == several.of(CheckpointWritten)[-1].sha256


def test_samples_come_by_steps_and_epochs_and_at_the_end(tmp_path):
    sampling = {"every_epochs": 2, "every_steps": 5}
    found, _ = trained(tiny_run(training={"num_epochs": 3, "max_steps": 19}, sampling=sampling), tmp_path)
    assert [event.step for event in found.of(Sample)] == [4, 9, 14, 15, 18]
    never = {"every_epochs": None, "every_steps": None}
    found, _ = trained(tiny_run(sampling=never), tmp_path / "never")
    assert [event.step for event in found.of(Sample)] == [15]
