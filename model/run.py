"""Everything about a run but its text: what a checkpoint has to agree with."""

from dataclasses import dataclass
from typing import Any

from model.config import CheckpointConfig, EvaluationConfig, GPTConfig, SamplingConfig, TrainingConfig


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
        """The run that `to_json` wrote; pydantic's ValidationError or KeyError if `value` is not one."""
        return cls(
            model=GPTConfig.model_validate(value["model"]),
            training=TrainingConfig.model_validate(value["training"]),
            evaluation=EvaluationConfig.model_validate(value["evaluation"]),
            sampling=SamplingConfig.model_validate(value["sampling"]),
            checkpoints=CheckpointConfig.model_validate(value["checkpoints"]),
            tokenizer=value["tokenizer"],
        )
