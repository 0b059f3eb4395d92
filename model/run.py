"""Everything about a run but its text: what a checkpoint has to agree with."""

from dataclasses import dataclass
from typing import Any, TypeVar

from model.config import (
    CheckpointConfig,
    EvaluationConfig,
    GPTConfig,
    SamplingConfig,
    Section,
    TrainingConfig,
    known_fields,
)

S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Run:
    model: GPTConfig
    training: TrainingConfig
    evaluation: EvaluationConfig
    sampling: SamplingConfig
    checkpoints: CheckpointConfig
    tokenizer: str
    """Its name, as `model.tokens.load_tokenizer` takes it."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into this run."""
        return {
            "model": self.model.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "evaluation": self.evaluation.model_dump(mode="json"),
            "sampling": self.sampling.model_dump(mode="json"),
            "checkpoints": self.checkpoints.model_dump(mode="json"),
            "tokenizer": self.tokenizer,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Run":
        """The run that `to_json` wrote, also that of an earlier version: what has gone since is left out.

        Raises pydantic's ValidationError or KeyError if `value` is not one.
        """

        def read(section: type[S], name: str) -> S:
            return section.model_validate(known_fields(section, value[name]))

        return cls(
            model=read(GPTConfig, "model"),
            training=read(TrainingConfig, "training"),
            evaluation=read(EvaluationConfig, "evaluation"),
            sampling=read(SamplingConfig, "sampling"),
            checkpoints=read(CheckpointConfig, "checkpoints"),
            tokenizer=value["tokenizer"],
        )
