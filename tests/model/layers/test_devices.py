"""What runs on a device that is not the CPU, as far as PyTorch's `meta` device shows it: that has shapes and
layouts but no numbers, and raises an error where a GPU would make the host wait for one."""

import pytest
import torch

from model.gpt import GPT
from model.layers.devices import blocking_synchronise, is_eager_cpu
from model.layers.head import TILE
from model.layers.kit import KITS
from model.loss import loss_of
from tests.model.tiny import tiny_config

FAST = ["float32", "bfloat16"]


def model_on_meta(numerics: str, **fields: object) -> GPT:
    with torch.device("meta"):
        return GPT(tiny_config(**fields), KITS[numerics])


def tokens_on_meta() -> torch.Tensor:
    return torch.zeros(2, 8, dtype=torch.int64, device="meta")


@pytest.mark.parametrize("numerics", FAST)
@pytest.mark.parametrize("tie_weights", [False, True])
def test_a_training_step_asks_for_no_number_until_the_gradients_stand(monkeypatch, numerics, tie_weights):
    monkeypatch.setattr("model.layers.cross_entropy.GPU_CHUNK_BYTES", 3 * 4 * 257)  # 3 of 16 rows
    model, tokens = model_on_meta(numerics, tie_weights=tie_weights), tokens_on_meta()
    loss = loss_of(model, tokens, tokens)
    (loss / 3).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    with pytest.raises(RuntimeError, match="cannot be called on meta"):
        loss.item()


@pytest.mark.parametrize("numerics", FAST)
def test_rows_of_logits_and_of_their_gradient_begin_at_tiles(numerics):
    model, gradients = model_on_meta(numerics), []
    logits = model.kit.training_logits(model.head, model.hidden(tokens_on_meta()))
    logits.register_hook(gradients.append)
    logits.sum().backward()
    for rows in (logits, *gradients):
        assert rows.shape == (2, 8, 320)
        assert rows.stride()[1] % TILE == 0
    assert model(tokens_on_meta()).shape == (2, 8, 257)


@pytest.mark.parametrize("numerics", FAST)
def test_a_single_token_is_scored_without_a_copy_of_the_vocabularys_matrix(numerics):
    assert model_on_meta(numerics).next_logits(tokens_on_meta()).stride() == (257, 1)


def test_what_is_written_out_for_the_cpu_is_for_it_alone_and_not_for_a_compiler():
    x = torch.zeros(1)
    assert is_eager_cpu(x)
    assert not is_eager_cpu(x.to("meta"))
    compiled = torch.compile(lambda x: x + is_eager_cpu(x), backend="eager", fullgraph=True)
    assert compiled(x).item() == 0


def test_nobody_waits_for_the_cpu():
    blocking_synchronise(torch.device("cpu"))


def test_a_gpu_is_waited_for_by_an_event_that_lets_the_thread_sleep(monkeypatch):
    calls = []

    class Event:
        def __init__(self, *, blocking: bool) -> None:
            calls.append(("blocking", blocking))

        def record(self, stream: str) -> None:
            calls.append(("record", stream))

        def synchronize(self) -> None:
            calls.append("synchronize")

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"the stream of {device}")
    blocking_synchronise(torch.device("cuda", 0))
    assert calls == [("blocking", True), ("record", "the stream of cuda:0"), "synchronize"]
