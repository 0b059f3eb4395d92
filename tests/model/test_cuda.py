"""What a GPU computes: the CPU's numbers, the same ones again after a break, and no waiting inside a step."""

import pytest
import torch

from model.accelerate.compiled_loss import CompiledLoss
from model.accelerate.graphed_loss import GraphedLoss
from model.checkpoint import resume
from model.config import GPTConfig
from model.evaluation import evaluating
from model.events import CheckpointWritten, Evaluation, Started
from model.generation import generate
from model.gpt import GPT
from model.inference.decoding import Decoding
from model.inference.engine import fast_engine
from model.layers.kit import FLOAT32, KITS
from model.loss import loss_of
from model.manifest import verify
from model.numerics import set_up
from model.training import Training
from tests.model.tiny import (
    CPU,
    MODES,
    Recorder,
    assert_close,
    loss_and_gradients,
    newest,
    tiny_batch,
    tiny_config,
    tiny_data,
    tiny_run,
    train_tiny,
)

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")

GPU = torch.device("cuda")


@pytest.fixture(autouse=True)
def settings_of_pytorch():
    """A run sets them for its whole process, before its first product."""
    precision = torch.get_float32_matmul_precision()
    set_up(GPU, "bfloat16")
    yield
    torch.set_float32_matmul_precision(precision)
    torch.use_deterministic_algorithms(False)
    torch.compiler.reset()


@pytest.mark.parametrize("tie_weights", [False, True])
@pytest.mark.parametrize(
    ("numerics", "tolerance"), [("reference", 1e-5), ("float32", 1e-5), ("bfloat16", 3e-2)]
)
def test_loss_and_gradients_are_those_of_the_cpu(numerics, tolerance, tie_weights):
    torch.manual_seed(1)
    model = GPT(tiny_config(drop_rate=0.0, tie_weights=tie_weights, qkv_bias=True), KITS[numerics])
    batch = tiny_batch()
    expected = loss_and_gradients(model, loss_of, *batch)
    on_gpu = loss_and_gradients(model.to(GPU), loss_of, *(part.to(GPU) for part in batch))
    assert_close(on_gpu, expected, tolerance)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_a_run_has_the_losses_of_one_on_the_cpu(numerics, compiled, tmp_path):
    losses = []
    for device, is_compiled in ((CPU, False), (GPU, compiled)):
        run = tiny_run(model={"drop_rate": 0.0}, training={"compile": is_compiled, "grad_accumulation": 2})
        found = Recorder()
        train_tiny(run, tmp_path / device.type, found, numerics, device=device)
        losses.append([(event.train_loss, event.val_loss) for event in found.of(Evaluation)])
    assert len(losses[0]) > 1
    torch.testing.assert_close(losses[1], losses[0], rtol=2e-2, atol=0)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("numerics", MODES)
def test_gradients_repeat_bit_for_bit_at_the_size_of_a_real_model(numerics, compiled):
    """Kernels add up what they computed in blocks, which tiny models don't have."""
    if numerics == "reference" and compiled:
        pytest.skip("the lecture's arithmetic is not compiled")
    torch.manual_seed(1)
    config = GPTConfig(vocab_size=50257, context_length=1024, n_layers=1)
    model = GPT(config, KITS[numerics]).to(GPU).train()
    tokens = torch.randint(50257, (4, 1025), device=GPU)
    loss_function = CompiledLoss() if compiled else loss_of
    passes = []
    for _ in range(3):
        torch.manual_seed(2)  # of the dropout
        model.zero_grad()
        loss_function(model, tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()).backward()
        passes.append([parameter.grad for parameter in model.parameters()])
    for again in passes[1:]:
        assert all(torch.equal(mine, first) for mine, first in zip(again, passes[0], strict=True))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("numerics", MODES)
@pytest.mark.parametrize(("B", "T"), [(2, 256), (8, 1024)])
def test_captured_losses_and_gradients_are_those_of_kernels_launched_one_by_one(numerics, compiled, B, T):
    if numerics == "reference" and compiled:
        pytest.skip("the lecture's arithmetic is not compiled")
    torch.manual_seed(1)
    model = GPT(GPTConfig(vocab_size=50257, context_length=T, n_layers=2), KITS[numerics]).to(GPU).train()
    plain = CompiledLoss() if compiled else loss_of
    graphed = GraphedLoss(plain, torch.cuda.graph_pool_handle())
    evaluated = GraphedLoss(loss_of, torch.cuda.graph_pool_handle())
    tokens = torch.randint(50257, (3, 2, B, T + 1), device=GPU)
    found = []
    for functions in ((plain, loss_of), (graphed, evaluated)):
        torch.manual_seed(2)  # of the dropout
        numbers = []
        for step in tokens:
            model.zero_grad()
            for batch in step:
                loss = functions[0](model, batch[:, :-1].contiguous(), batch[:, 1:].contiguous())
                (loss / 2).backward()
                numbers.append(loss.detach())
                del loss  # it keeps nodes that belong to another stream than the one captured on
            numbers += [parameter.grad.sum() for parameter in model.parameters()]
            with evaluating(model):
                for count in (B, 1):
                    inputs, targets = step[0, :count, :-1].contiguous(), step[0, :count, 1:].contiguous()
                    numbers.append(functions[1](model, inputs, targets))
        numbers += [parameter.grad for parameter in model.parameters()]
        found.append(numbers)
    assert all(torch.equal(mine, its) for mine, its in zip(*found, strict=True))


def test_the_host_is_not_ahead_by_more_than_a_batch():
    """Else a run that is to stop would end with all that are queued."""
    config = GPTConfig(vocab_size=50257, context_length=1024, n_layers=4)
    model = GPT(config, FLOAT32).to(GPU).train()
    graphed = GraphedLoss(loss_of, torch.cuda.graph_pool_handle())
    tokens = torch.randint(50257, (8, 1025), device=GPU)
    begun = []
    for _ in range(4):
        loss = graphed(model, tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous())
        loss.backward()
        begun.append(torch.cuda.Event())
        begun[-1].record()
        assert all(event.query() for event in begun[:-2])


@pytest.mark.parametrize("numerics", MODES)
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_that_is_stopped_and_resumed_ends_the_same(numerics, optimizer, tmp_path):
    check_resume(tmp_path, numerics, optimizer=optimizer, grad_clip=1.0)


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_a_compiled_run_that_is_stopped_and_resumed_ends_the_same(numerics, tmp_path):
    check_resume(tmp_path, numerics, compile=True)


def check_resume(root, numerics, **training):
    run = tiny_run(training={"max_steps": 6, **training}, sampling={"temperature": 1.0, "top_p": 0.9})
    whole, before, after = Recorder(), Recorder(stop_after=2), Recorder()
    train_tiny(run, root / "whole", whole, numerics, device=GPU)
    train_tiny(run, root / "parts", before, numerics, device=GPU)
    torch.compiler.reset()  # another process compiles again
    torch.manual_seed(0)
    train_tiny(run, root / "parts", after, numerics, resume_from=newest(root / "parts"), device=GPU)
    assert after.of(Started)[0].resumed_step == 2
    assert after.of(CheckpointWritten)[-1].sha256 == whole.of(CheckpointWritten)[-1].sha256
    ends = [
        [(event.step, event.train_loss, event.val_loss) for event in found.of(Evaluation)]
        for found in (whole, after)
    ]
    assert len(ends[1]) > 0
    assert ends[1] == ends[0][-len(ends[1]) :]


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_a_step_that_is_not_evaluated_waits_for_nothing(numerics, tmp_path):
    run = tiny_run(training={"grad_clip": 1.0, "grad_accumulation": 2}, evaluation={"eval_freq": 1000})
    training = Training(
        run,
        tiny_data(run),
        lambda event: None,
        tmp_path,
        numerics,
        GPU,
        resume_from=None,
        checkpoint_interval_s=None,
    )
    steps = training.steps_of_epoch()
    training.train_step(next(steps))  # is evaluated
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert training.train_step(next(steps)) is None
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("is_fast", [False, True])
@pytest.mark.parametrize("numerics", MODES)
def test_sequences_that_come_and_go_get_the_logits_that_each_gets_alone_without_a_cache(numerics, is_fast):
    torch.manual_seed(1)
    model = GPT(tiny_config(), KITS[numerics]).to(GPU).eval()
    sequences = [[1, 2, 3], [4], [5] * 9, [6] * 7]  # of a context of 8
    with torch.inference_mode():
        decoding = Decoding(model, sequences, fast_engine(model)() if is_fast else None)
        decoding.chunk_tokens = 5
        for token in range(10):
            logits = decoding.next_logits()
            for sequence, row_logits in zip(sequences, logits, strict=True):
                expected = model(torch.tensor([sequence[-8:]], device=GPU))[0, -1].float()
                torch.testing.assert_close(row_logits, expected, rtol=0, atol=2e-2)
                sequence.append(token)
            decoding.append([token] * len(sequences))
            if token == 3:
                decoding.leave(decoding.sequences[2])
                del sequences[2]
            if token in (1, 4):
                decoding.join([7, 8])
                sequences.append([7, 8])
            if token == 5:
                paused = decoding.sequences[1]
                decoding.leave(paused, will_resume=True)
                decoding.resume(paused)
                sequences.append(sequences.pop(1))


@pytest.mark.parametrize("numerics", MODES)
def test_the_text_is_that_of_the_model_without_a_cache(numerics, tmp_path):
    run = tiny_run(training={"max_steps": 6})
    train_tiny(run, tmp_path, Recorder(), numerics, device=GPU)
    data = tiny_data(run)
    model = resume(verify(newest(tmp_path)), run, data.sha256(), GPU, numerics)[0].eval()
    ids = [1, 2, 3]
    found = list(generate(model, ids, 10, engine=fast_engine(model)()))
    for _ in range(10):
        with torch.inference_mode():
            logits = model(torch.tensor([ids[-8:]], device=GPU))[0, -1]
        ids.append(int(logits.argmax()))
    assert found == ids[3:]
