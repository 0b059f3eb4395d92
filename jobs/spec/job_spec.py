"""A job's spec: what a person posts, checked whole, with every field filled in."""

import copy
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, ValidationError

from jobs.spec.field_errors import FieldError, SpecError, field_errors, without_unwritable_names
from jobs.spec.presets import PRESETS, Preset
from model.config import (
    MAX_SEED,
    CheckpointConfig,
    EvaluationConfig,
    GPTConfig,
    Initialization,
    ModelConfig,
    SamplingConfig,
    StrictModel,
    Text,
    TrainingConfig,
)
from model.tokenizers import TOKENIZERS, load_tokenizer

Label = Annotated[Text, Field(min_length=1, max_length=200)]
Labels = Annotated[
    dict[Annotated[Text, Field(min_length=1, max_length=64)], Annotated[Text, Field(max_length=512)]],
    Field(max_length=32),
]


class JobSpec(StrictModel):
    """A training job. `{}` is the lecture's job: GPT-2 small on a short story, ten epochs."""

    name: Label | None = None
    """A label of your own. Default: none."""

    preset: Preset = "lecture"
    """Starting point for the fields that are not given. Default: lecture."""

    dataset: Label = "the-verdict"
    """A built-in data set (`the-verdict`, `sample`) or the id of one of your own. Default: the lecture's."""

    tokenizer: Label = Field("gpt2", json_schema_extra={"enum": list(TOKENIZERS)})
    """`gpt2` (50,257 tokens) or `bytes` (257). Default: the lecture's."""

    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    sampling: SamplingConfig = SamplingConfig()
    checkpoints: CheckpointConfig = CheckpointConfig()

    devices: int = Field(1, ge=1, le=1024, json_schema_extra={"enum": [1]})
    """Devices to train on. Default: 1, and more are not supported yet."""

    queue: Label = Field("train", json_schema_extra={"enum": ["train"]})
    """The queue whose workers may take the job. Default: train, and others are not supported yet."""

    priority: int = Field(0, ge=0, le=9)
    """Jobs of a higher priority are taken first. Default: 0."""

    max_attempts: int = Field(3, ge=1, le=100)
    """Crashes in a row, without a new checkpoint between them, after which the job fails. Default: 3."""

    metadata: Labels = {}
    """Up to 32 labels of your own, text to text. Default: none."""

    @property
    def retention(self) -> CheckpointConfig:
        """Which checkpoints are kept; with patience the best one is, past which a run goes to stop early."""
        keep = self.checkpoints
        if self.training.early_stopping_patience is None or keep.keep_best > 0:
            return keep
        return keep.model_copy(update={"keep_best": 1})

    @property
    def gpt(self) -> GPTConfig:
        """The network's configuration, with the vocabulary of the spec's tokenizer."""
        model = {**self.model.model_dump(), "vocab_size": load_tokenizer(self.tokenizer).vocab_size}
        return GPTConfig.model_validate(filled_model(model))


def filled_model(model: dict[str, Any]) -> dict[str, Any]:
    """The `model` section with its `initialization`, if that is null."""
    if model.get("initialization") is not None:
        return model
    initialization: Initialization = "gpt2" if model.get("tie_weights") else "pytorch"
    return {**model, "initialization": initialization}


Rule = tuple[tuple[str, ...], Callable[..., str | None]]


def not_supported(supported: Any) -> Callable[[Any], str | None]:
    return lambda value: None if value == supported else f"not supported yet; leave it at {supported!r}"


def heads_divide_width(width: int, heads: int) -> str | None:
    return None if width % heads == 0 else f"must be a multiple of model.n_heads ({heads})"


def rates_in_order(lowest: float, peak: float) -> str | None:
    return None if lowest <= peak else f"must be at most training.learning_rate ({peak})"


def compiles(wanted: bool, numerics: str) -> str | None:
    return "must be false with training.numerics 'reference'" if wanted and numerics == "reference" else None


def drawn_by_itself(seed: int) -> str | None:
    if seed <= MAX_SEED:
        return None
    return f"must be at most {MAX_SEED}: a greater seed would draw what its lower 32 bits draw"


def known_tokenizer(name: str) -> str | None:
    return None if name in TOKENIZERS else f"unknown; one of {', '.join(TOKENIZERS)}"


# The first field of a rule is the one that is called wrong; the check sees the values of all of them.
RULES: list[Rule] = [
    (("model.emb_dim", "model.n_heads"), heads_divide_width),
    (("training.min_learning_rate", "training.learning_rate"), rates_in_order),
    (("tokenizer",), known_tokenizer),
    (("training.compile", "training.numerics"), compiles),
    (("training.seed",), drawn_by_itself),
    (("devices",), not_supported(1)),
    (("queue",), not_supported("train")),
]


def parse_spec(body: Any) -> JobSpec:
    """Check a decoded JSON body and fill in what it leaves out.

    Rules between fields are checked too when other fields are wrong, so that one answer names everything.
    raises  SpecError with every wrong field
    """
    if not isinstance(body, dict):
        raise SpecError([FieldError("", "must be a JSON object", body)])
    body, errors = without_unwritable_names(body)
    filled = fill(body)
    spec = None
    try:
        spec = JobSpec.model_validate(filled)
    except ValidationError as invalid:
        errors += field_errors(invalid)
    wrong = {error.field for error in errors}
    for fields, check in RULES:
        if any(field == bad or field.startswith(bad + ".") for field in fields for bad in wrong):
            continue
        values = [value_at(filled, field) for field in fields]
        message = check(*values)
        if message is not None:
            errors.append(FieldError(fields[0], message, values[0]))
    if errors or spec is None:
        raise SpecError(errors)
    return spec


def fill(body: dict[str, Any]) -> dict[str, Any]:
    """`body` over its preset over the defaults. What is wrong in `body` stays, for validation to find."""
    preset = body.get("preset", "lecture")
    filled = overlay(JobSpec().model_dump(), PRESETS[preset] if preset in PRESET_NAMES else {})
    filled = overlay(filled, body)
    model = filled["model"]
    return {**filled, "model": filled_model(model)} if isinstance(model, dict) else filled


def overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = copy.copy(below)
    for name, value in above.items():
        section = name in SECTIONS and isinstance(value, dict)
        merged[name] = {**below[name], **value} if section else value
    return merged


PRESET_NAMES = list(PRESETS)
SECTIONS = {name for name, value in JobSpec() if isinstance(value, StrictModel)}


def value_at(tree: dict[str, Any], path: str) -> Any:
    value: Any = tree
    for name in path.split("."):
        value = value[name]
    return value
