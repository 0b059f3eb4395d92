"""What a compiler sees of the model: one graph, and the plain versions of what is made fast for the CPU."""

import os
import shutil

import pytest
import torch

from model.events import CheckpointWritten, Evaluation, Started
from model.gpt import GPT
from model.layers.kit import BFLOAT16, KITS
from model.loss import loss_of
from tests.model.tiny import (
    Recorder,
    assert_close,
    loss_and_gradients,
    newest,
    tiny_batch,
    tiny_config,
    tiny_run,
    train_tiny,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
@pytest.mark.parametrize("tie_weights", [False, True])
def test_the_loss_compiles_to_one_graph_with_the_same_value_and_gradients(numerics, tie_weights):
    torch.manual_seed(1)
    model = GPT(tiny_config(drop_rate=0.0, tie_weights=tie_weights), KITS[numerics])
    batch = tiny_batch()
    expected = loss_and_gradients(model, loss_of, *batch)
    compiled = torch.compile(loss_of, backend="aot_eager", fullgraph=True)  # which needs no C++ compiler
    tolerance = 1e-5 if numerics == "float32" else 3e-2
    assert_close(loss_and_gradients(model, compiled, *batch), expected, tolerance)


def test_with_dropout_it_compiles_too_and_repeats_with_the_seed():
    model = GPT(tiny_config(drop_rate=0.3), BFLOAT16).train()
    compiled = torch.compile(loss_of, backend="aot_eager", fullgraph=True)
    tokens = torch.randint(257, (2, 9))
    losses = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        losses.append(compiled(model, tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()).item())
    assert losses[0] == losses[1] != losses[2]


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """PyTorch's own compiler with nothing in its caches; it needs a C++ one."""
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        pytest.skip("no C++ compiler on this machine")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.usefixtures("compiler")
def test_a_compiled_run_has_the_losses_of_one_that_is_not(tmp_path):
    losses = {}
    for compiled in (False, True):
        run = tiny_run(
            model={"drop_rate": 0.0, "n_layers": 1}, training={"compile": compiled, "grad_accumulation": 2}
        )
        recorder = Recorder()
        train_tiny(run, tmp_path / str(compiled), recorder)
        losses[compiled] = [(event.train_loss, event.val_loss) for event in recorder.of(Evaluation)]
    assert len(losses[True]) > 1
    torch.testing.assert_close(losses[True], losses[False], rtol=1e-4, atol=0)


@pytest.mark.usefixtures("compiler")
def test_a_compiled_run_that_is_stopped_and_resumed_ends_the_same(tmp_path):
    run = tiny_run(training={"compile": True, "max_steps": 6})
    whole, before, after = Recorder(), Recorder(stop_after=2), Recorder()
    train_tiny(run, tmp_path / "whole", whole, "bfloat16")
    train_tiny(run, tmp_path / "parts", before, "bfloat16")
    torch.compiler.reset()  # another process compiles again
    train_tiny(run, tmp_path / "parts", after, "bfloat16", resume_from=newest(tmp_path / "parts"))
    assert after.of(Started)[0].resumed_step == 2
    assert after.of(CheckpointWritten)[-1].sha256 == whole.of(CheckpointWritten)[-1].sha256


def test_without_a_cpp_compiler_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RuntimeError, match=r"needs a C\+\+ compiler, and .* has no no-such-compiler"):
        train_tiny(tiny_run(training={"compile": True}), tmp_path, Recorder())
