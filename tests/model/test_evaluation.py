"""Bits per byte, beside the loss that `test_training.py` is about."""

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from model.checkpoint import load_model
from model.config import Run
from model.data import Data
from model.evaluation import Evaluator, mean_loss
from model.events import Evaluation
from model.gpt import GPT
from model.layers.kit import KITS
from model.loss import loss_of
from model.shuffle import DerivedShuffleSeeds
from model.tokenizers import Tokenizer, byte_lengths, load_tokenizer
from tests.model.own_tokenizer import story_tokenizer
from tests.model.tiny import CPU, MODES, TEXT, Recorder, newest, tiny_data, tiny_run, train_tiny

STORY = "Das Boot fährt über den Fluß. \U0001f6a3 船が進む。 And the dog does not mind it at all! " * 6


BYTES = load_tokenizer("bytes")
TOKENIZERS = [BYTES, load_tokenizer("gpt2"), story_tokenizer()]


def run_with(tokenizer: Tokenizer, **evaluation: Any) -> Run:
    run = tiny_run(evaluation=evaluation).model_copy(update={"tokenizer": tokenizer.name})
    return run if tokenizer.tokenizer_json is None else run.with_vocab_size(tokenizer.vocab_size)


def documents_of(tokenizer: Tokenizer, run: Run) -> Data:
    """A split of a few documents each, whose ends fall into different windows."""
    ids = [token for part in STORY.split(" ") for token in (*tokenizer.encode(part), tokenizer.end_of_text)]
    return Data.from_ids(ids, ids[7:], run)


def independent_bits_per_byte(model: GPT, data: Data, run: Run, tokenizer: Tokenizer) -> float:
    """Target by target, the text of the targets decoded."""
    nats, text = 0.0, b""
    most = (
        math.inf if run.evaluation.eval_iter is None else run.evaluation.eval_iter * run.training.batch_size
    )
    for index in range(min(len(data.validation), most)):
        inputs, targets = data.validation[index]
        with torch.no_grad():
            log_probs = F.log_softmax(model(inputs[None])[0].double(), dim=-1)
        for log_prob, target in zip(log_probs, targets.tolist(), strict=True):
            if target != tokenizer.end_of_text:
                nats -= log_prob[target].item()
                text += tokenizer.decode_bytes([target])
    return nats / math.log(2) / len(text)


@pytest.mark.parametrize("numerics", ["reference", "float32"])
@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: tokenizer.name)
@pytest.mark.parametrize("kind", ["plain", "documents"])
@pytest.mark.parametrize("eval_iter", [2, 1000, None])
def test_bits_per_byte_are_the_nats_of_the_targets_over_the_bytes_that_they_stand_for(
    numerics, tokenizer, kind, eval_iter
):
    run = run_with(tokenizer, eval_iter=eval_iter)
    plain = Data.from_text(STORY * 2, tokenizer, run)
    data = plain if kind == "plain" else documents_of(tokenizer, run)
    torch.manual_seed(1)
    model = GPT(run.gpt, KITS[numerics]).eval()
    evaluator = Evaluator(run, tokenizer, data, model, DerivedShuffleSeeds(1), CPU, loss_of, lambda: None)
    assert (evaluator.validation_end is None) == (kind == "plain")
    losses = evaluator.losses(step=0)
    expected = independent_bits_per_byte(model, data, run, tokenizer)
    assert losses.validation_bits_per_byte == pytest.approx(expected, rel=1e-5)
    assert losses.validation == evaluator.validation_loss(0), "it is measured without changing the loss"


def test_the_bytes_of_a_whole_split_are_those_of_its_text():
    run = tiny_run(evaluation={"eval_iter": 1000})
    data = tiny_data(run)
    targets = torch.cat([data.validation[index][1] for index in range(len(data.validation))])
    decoded = BYTES.decode(targets.tolist())
    lengths = torch.tensor(byte_lengths(BYTES))
    assert int(lengths[targets].sum()) == len(decoded.encode("utf-8"))


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: tokenizer.name)
def test_every_token_has_the_length_of_its_bytes_and_the_end_of_a_text_none(tokenizer):
    lengths = byte_lengths(tokenizer)
    assert len(lengths) == tokenizer.vocab_size
    assert lengths[tokenizer.end_of_text] == 0
    ids = tokenizer.encode(STORY)
    assert sum(lengths[token] for token in ids) == len(STORY.encode("utf-8"))
    assert min(length for token, length in enumerate(lengths) if token != tokenizer.end_of_text) == 1


@pytest.mark.parametrize("numerics", MODES)
@pytest.mark.parametrize("batch_size", [2, 3])
def test_without_a_limit_an_evaluation_is_the_lectures_loop_over_all_batches(tmp_path, numerics, batch_size):
    """`calc_loss_loader` with `num_batches` None: the mean over batches, a smaller last one among them."""
    sections = {"evaluation": {"eval_iter": None, "eval_freq": 1000}, "model": {"drop_rate": 0.1}}
    run = tiny_run(training={"max_steps": 1, "batch_size": batch_size, "train_ratio": 0.8}, **sections)
    recorder, text = Recorder(), TEXT * 5
    train_tiny(run, tmp_path, recorder, numerics, text=text)
    found, data = recorder.of(Evaluation)[0], tiny_data(run, text)
    assert (len(data.train), len(data.validation)) == (78, 19), "batches of 2 and 3 fill the first one alone"
    model, _ = load_model(newest(tmp_path))

    def loss_of_batch(windows, first, count):
        inputs, targets = windows.batch(torch.arange(first, first + count))
        with torch.no_grad():
            return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten()).item()

    validation = [
        loss_of_batch(data.validation, first, min(batch_size, len(data.validation) - first))
        for first in range(0, len(data.validation), batch_size)
    ]
    tolerance = 2e-2 if numerics == "bfloat16" else 1e-5
    assert found.val_loss == pytest.approx(sum(validation) / len(validation), abs=tolerance)
    train = [loss_of_batch(data.train, index, 1) for index in range(len(data.train))]
    assert found.train_loss == pytest.approx(sum(train) / len(train), abs=tolerance)


def test_targets_that_are_all_ends_of_texts_have_no_bits_per_byte():
    run = tiny_run()
    end = BYTES.end_of_text
    data = Data.from_ids([1] * 50, [end] * 20, run)
    model = GPT(run.gpt, KITS["float32"])
    losses = Evaluator(run, BYTES, data, model, DerivedShuffleSeeds(1), CPU, loss_of, lambda: None).losses(0)
    assert math.isfinite(losses.validation)
    assert losses.validation_bits_per_byte is None


@pytest.mark.parametrize("numerics", MODES)
def test_every_evaluation_of_a_run_has_them(tmp_path, numerics):
    recorder = Recorder()
    train_tiny(tiny_run(), tmp_path, recorder, numerics)
    for event in recorder.of(Evaluation):
        # One byte a token.
        assert event.val_bpb == pytest.approx(event.val_loss / math.log(2), rel=1e-2)


def test_a_mean_loss_is_that_of_the_loss_function_alone():
    run = tiny_run()
    data = Data.from_text(TEXT, BYTES, run)
    model = GPT(run.gpt, KITS["float32"])
    evaluator = Evaluator(run, BYTES, data, model, DerivedShuffleSeeds(1), CPU, loss_of, lambda: None)
    order = evaluator.validation_order
    pairs = [data.validation.batch(order[start : start + 2]) for start in range(0, len(order), 2)]
    assert evaluator.losses(0).validation == mean_loss(model, pairs)
