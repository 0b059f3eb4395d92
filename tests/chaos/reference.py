"""What a job ends in when nothing disturbs it, without the service: `model.training.train` alone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.files.builtin_datasets import BUILTINS, builtin_content
from jobs.spec.parsing import parse_spec
from model.data import Data
from model.events import CheckpointWritten, Evaluation, Event, Sample
from model.tokenizers import load_tokenizer
from model.training import train
from tests.small import small_spec


def small(**sections: Any) -> dict[str, Any]:
    """The small job's spec, made to survive: two checkpoints to resume from, and many crashes allowed."""
    checkpoints = {"keep_last": 2, **sections.pop("checkpoints", {})}
    return small_spec(**{"max_attempts": 10, "checkpoints": checkpoints, **sections})


@dataclass(frozen=True)
class Reference:
    losses: list[tuple[int, float, float]]
    """Step, training and validation loss of every evaluation."""
    samples: list[tuple[int, str]]
    sha256: str
    """Of the final weights."""
    events: list[Event]
    """All that the run reported, in order."""


Referee = Callable[[dict[str, Any]], Reference]
"""What a spec ends in undisturbed: the fixture `reference`."""

KNOWN: dict[str, Reference] = {}


def reference_of(spec: dict[str, Any], folders: pytest.TempPathFactory) -> Reference:
    """The undisturbed course of `spec` (of the text `sample`, in float32, on one thread), computed once."""
    key = json.dumps(spec, sort_keys=True)
    if key not in KNOWN:
        KNOWN[key] = compute(spec, folders.mktemp("reference"))
    return KNOWN[key]


def compute(spec: dict[str, Any], folder: Path) -> Reference:
    """Train `spec` here, with its checkpoints in `folder`."""
    run = parse_spec(spec)
    text = builtin_content("sample", BUILTINS["sample"], None).decode()
    events: list[Event] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(
            run,
            Data.from_text(text, load_tokenizer(run.tokenizer), run),
            on_event=events.append,
            should_stop=lambda: False,
            checkpoint_root=folder,
            numerics="float32",
            device=torch.device("cpu"),
        )
    finally:
        torch.set_num_threads(threads)
    return Reference(
        losses=[(e.step, e.train_loss, e.val_loss) for e in events if isinstance(e, Evaluation)],
        samples=[(e.step, e.text) for e in events if isinstance(e, Sample)],
        sha256=[e.sha256 for e in events if isinstance(e, CheckpointWritten)][-1],
        events=events,
    )
