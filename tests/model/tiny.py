"""Runs small enough to train in a fraction of a second."""

from pathlib import Path
from typing import Any, Literal, TypeVar

import torch

from model.config import (
    CheckpointConfig,
    EndedBy,
    EvaluationConfig,
    GPTConfig,
    ModelConfig,
    Run,
    SamplingConfig,
    TrainingConfig,
)
from model.data import Data
from model.events import Event
from model.gpt import GPT
from model.loss import LossFunction
from model.manifest import verify
from model.numerics import ResolvedNumerics
from model.start import Start
from model.tokenizers import load_tokenizer
from model.training import train

E = TypeVar("E")
CPU = torch.device("cpu")
MODES: tuple[ResolvedNumerics, ...] = ("reference", "float32", "bfloat16")
TEXT = "the quick brown fox jumps over the lazy dog, and the dog does not mind at all. " * 2


TINY: dict[str, Any] = {
    "context_length": 8,
    "emb_dim": 16,
    "n_heads": 2,
    "n_layers": 2,
    "drop_rate": 0.1,
    "initialization": "pytorch",
}


def tiny_config(**fields: Any) -> GPTConfig:
    return GPTConfig(**{**TINY, "vocab_size": 257, **fields})


def tiny_run(
    model: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    evaluation: dict[str, Any] | None = None,
    sampling: dict[str, Any] | None = None,
    checkpoints: dict[str, Any] | None = None,
) -> Run:
    """Two epochs over `TEXT` in bytes; the arguments override fields of the sections."""
    return Run(
        model=ModelConfig(**TINY | (model or {})),
        training=TrainingConfig(**{"num_epochs": 2, "learning_rate": 1e-2} | (training or {})),
        evaluation=EvaluationConfig(**{"eval_freq": 2, "eval_iter": 2} | (evaluation or {})),
        sampling=SamplingConfig(**{"start_context": "the", "max_new_tokens": 4} | (sampling or {})),
        checkpoints=CheckpointConfig(**checkpoints or {}),
        tokenizer="bytes",
    )


def tiny_batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets, (2, 8) each, drawn from the global generator."""
    tokens = torch.randint(257, (2, 9))
    return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


def loss_and_gradients(
    model: GPT, loss_function: LossFunction, inputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
    """On the CPU; the model is left without gradients."""
    loss = loss_function(model, inputs, targets)
    loss.backward()
    gradients = [None if parameter.grad is None else parameter.grad.cpu() for parameter in model.parameters()]
    model.zero_grad()
    return loss.detach().cpu(), gradients


def assert_close(
    found: tuple[torch.Tensor, list[torch.Tensor | None]],
    expected: tuple[torch.Tensor, list[torch.Tensor | None]],
    tolerance: float,
) -> None:
    """That two of `loss_and_gradients` are alike: each gradient to `tolerance` of its largest number."""
    torch.testing.assert_close(found[0], expected[0], rtol=tolerance, atol=0)
    for mine, its in zip(found[1], expected[1], strict=True):
        assert mine is not None
        assert its is not None
        assert (mine - its).abs().max() <= tolerance * its.abs().max()


def tiny_data(run: Run, text: str = TEXT) -> Data:
    return Data.from_text(text, load_tokenizer(run.tokenizer), run)


class Recorder:
    """Keeps the events of a run, and asks it to stop after a number of updates."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.events: list[Event] = []
        self.stop_after = stop_after
        self.questions = 0

    def record(self, event: Event) -> None:
        self.events.append(event)

    def should_stop(self) -> bool:
        self.questions += 1
        return self.questions == self.stop_after

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


def train_tiny(
    run: Run,
    root: Path,
    recorder: Recorder,
    numerics: ResolvedNumerics = "float32",
    resume_from: Path | None = None,
    text: str = TEXT,
    checkpoint_interval_s: float | None = None,
    device: torch.device = CPU,
    start_from: Start | None = None,
) -> EndedBy | Literal["stopped"]:
    return train(
        run,
        tiny_data(run, text),
        on_event=recorder.record,
        should_stop=recorder.should_stop,
        checkpoint_root=root,
        numerics=numerics,
        device=device,
        resume_from=None if resume_from is None else verify(resume_from),
        start_from=start_from,
        checkpoint_interval_s=checkpoint_interval_s,
    )


def newest(root: Path) -> Path:
    return max(root.iterdir())
