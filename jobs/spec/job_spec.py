"""A job's spec: what a person posts, checked whole, with every field filled in."""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from jobs.spec.alerts import MAX_ALERTS, AlertRule
from jobs.spec.presets import Preset
from jobs.spec.start_from import StartFrom, check_start_from
from jobs.validation.request_model import RequestModel
from model.config import MAX_SEED, Run, Text
from model.tokenizers import TOKENIZERS

Label = Annotated[Text, Field(min_length=1, max_length=200)]
Labels = Annotated[
    dict[Annotated[Text, Field(min_length=1, max_length=64)], Annotated[Text, Field(max_length=512)]],
    Field(max_length=32),
]


PRIORITIES = range(10)
OWN_TOKENIZER = "tokenizer"
"""What the id of a tokenizer that was trained on a data set begins with, before a hyphen."""
TOKENIZER_UNKNOWN = f"unknown; {', '.join(TOKENIZERS)} or the id of one of GET /tokenizers"


class Origin(RequestModel):
    """What a job is called and starts from. The fields of the last base stand first in answers: these."""

    name: Label | None = None
    """A label of your own. Default: none."""

    preset: Preset = "lecture"
    """Starting point for the fields that are not given. Default: lecture."""

    dataset: Label = "the-verdict"
    """A built-in data set (`the-verdict`, `sample`) or the id of one of your own. Default: the lecture's."""

    validation_dataset: Label | None = None
    """A data set, named likewise, to validate on: all of `dataset` is trained on then. Default: null, which
    validates on the rest of `dataset` behind `training.train_ratio`."""

    start_from: StartFrom | None = None
    """Weights to start from in place of drawn ones: `{"job": ID, "checkpoint": "last", "best" or a step}`, or
    `{"model": ID}` for a model from outside. `model` and `tokenizer` are theirs where they are not given;
    only `drop_rate` may differ, and `context_length` be smaller. The optimizer and the step start anew.
    Default: none."""


class JobSpec(Run, Origin):
    """A training job. `{}` is the lecture's job: GPT-2 small on a short story, ten epochs."""

    tokenizer: Label = "gpt2"
    """`gpt2` (50,257 tokens), `bytes` (257), or the id of one of your own (`POST /tokenizers`), which may
    still be in training. Default: the lecture's."""

    devices: int = Field(1, ge=1, le=1024, json_schema_extra={"enum": [1]})
    """Devices to train on. Default: 1, and more are not supported yet."""

    queue: Label = Field("train", json_schema_extra={"enum": ["train"]})
    """The queue whose workers may take the job. Default: train, and others are not supported yet."""

    priority: int = Field(0, ge=PRIORITIES.start, le=PRIORITIES[-1])
    """Jobs of a higher priority are taken first. Default: 0."""

    max_attempts: int = Field(3, ge=1, le=100)
    """Crashes in a row, without a new checkpoint between them, after which the job fails. Default: 3."""

    alerts: list[AlertRule] = Field([], max_length=MAX_ALERTS)
    """Rules that are checked at every evaluation, and what is done when one holds:
    `{"when": "val_loss > 7 for 3", "do": "notify"}`. Default: none."""

    metadata: Labels = {}
    """Up to 32 labels of your own, text to text. Default: none."""


Rule = tuple[tuple[str, ...], Callable[..., str | None]]


def check_supported(supported: object) -> Callable[[object], str | None]:
    return lambda value: None if value == supported else f"not supported yet; leave it at {supported!r}"


def check_heads(width: int, heads: int) -> str | None:
    return None if width % heads == 0 else f"must be a multiple of model.n_heads ({heads})"


def check_rates(lowest: float, peak: float) -> str | None:
    return None if lowest <= peak else f"must be at most training.learning_rate ({peak})"


def check_compile(is_compiled: bool, numerics: str) -> str | None:
    wrong = is_compiled and numerics == "reference"
    return "must be false with training.numerics 'reference'" if wrong else None


def check_train_ratio(train_ratio: float | None, validation_dataset: str | None) -> str | None:
    if train_ratio is None:
        return None if validation_dataset is not None else "must be a number without validation_dataset"
    if validation_dataset is None:
        return None
    return "must be null or left out with validation_dataset: all of dataset is trained on"


def check_seed(seed: int) -> str | None:
    if seed <= MAX_SEED:
        return None
    return f"must be at most {MAX_SEED:,}: a greater seed would draw what its lower 32 bits draw"


def check_tokenizer(name: str) -> str | None:
    """Whether there is such an id only the database knows: `jobs.lifecycle.inputs`."""
    if name in TOKENIZERS or name.startswith(f"{OWN_TOKENIZER}-"):
        return None
    return TOKENIZER_UNKNOWN


# The first field of a rule is the one that is called wrong; the check sees the values of all of them.
RULES: list[Rule] = [
    (("model.emb_dim", "model.n_heads"), check_heads),
    (("training.min_learning_rate", "training.learning_rate"), check_rates),
    (("tokenizer",), check_tokenizer),
    (("start_from",), check_start_from),
    (("training.compile", "training.numerics"), check_compile),
    (("training.train_ratio", "validation_dataset"), check_train_ratio),
    (("training.seed",), check_seed),
    (("devices",), check_supported(1)),
    (("queue",), check_supported("train")),
]
