"""What commands rely on in the API's answers. Anything may be missing that an older service did not have."""

from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from client.records import JSON

Step = int | None
Figure = float | None


class Shape(BaseModel):
    """Unknown fields are let through; of those that are known the types must be right."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
    called: ClassVar[str] = "record"


class Progress(Shape):
    epoch: Step = None
    step: Step = None
    total_steps: Step = None
    tokens_seen: Step = None
    tokens_per_s: Figure = None
    remaining_s: Figure = None


class Evaluation(Shape):
    step: int
    train_loss: Figure = None
    val_loss: Figure = None


class Failure(Shape):
    type: str
    message: str


class TrainingSection(Shape):
    num_epochs: Step = None


class Spec(Shape):
    preset: str
    dataset: str
    training: TrainingSection


class Job(Shape):
    called = "job"

    id: str
    status: str
    spec: Spec
    progress: Progress
    name: str | None = None
    stopping: str | None = None
    waiting_for: str | None = None
    queue_position: Step = None
    ended_by: str | None = None
    error: Failure | None = None
    latest: Evaluation | None = None
    best: Evaluation | None = None
    parameters: Step = None
    attempt: Step = None
    numerics: str | None = None
    device: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class Loss(Evaluation):
    called = "evaluation"

    epoch: Step = None
    tokens_seen: Step = None
    learning_rate: Figure = None
    tokens_per_s: Figure = None


class Sample(Shape):
    called = "sample"

    step: int
    epoch: Step = None
    text: str


class Checkpoint(Evaluation):
    called = "checkpoint"

    epoch: Step = None
    kind: list[str] = []
    bytes: int | None = None
    created_at: str | None = None
    sha256: str | None = None


class Event(Shape):
    called = "event"

    id: str
    type: str
    data: dict[str, Any] = {}


class Dataset(Shape):
    called = "data set"

    id: str
    name: str
    characters: int | None = None
    tokens: int | None = None


class AddedDataset(Dataset):
    notices: list[str] = []


class Generation(Shape):
    called = "generation"

    text: str
    finish_reason: str | None = None
    prompt_truncated: bool | None = None


Row = TypeVar("Row", bound=Shape)


class Page(Shape, Generic[Row]):
    called = "list"

    data: list[Row]
    has_more: bool


def misfit(record: JSON, shape: type[Shape]) -> str | None:
    """What keeps `record` from being used as a `shape`, in words; None if nothing does."""
    try:
        shape.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        found = "is missing" if first["type"] == "missing" else "is not what it should be"
        return f"{field} {found}"
    return None
