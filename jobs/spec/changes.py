"""What a person may change of a job that has been posted."""

from typing import Annotated, Any

from pydantic import Field

from jobs.spec.job_spec import PRIORITIES, Label
from jobs.validation.request_model import RequestModel
from model.config import Text

JobTag = Annotated[Text, Field(min_length=1, max_length=64)]

DEFAULTS: dict[str, Any] = {
    "name": None,
    "notes": None,
    "tags": [],
    "starred": False,
    "archived": False,
    "priority": 0,
}
"""Of each field, what null puts it back to, and what a job has that nobody has changed."""


class JobChanges(RequestModel):
    """Fields of a job to change. Those that are not given stay; null puts a field back to its default."""

    name: Label | None = None
    """A label of your own; `spec.name` follows. Default: none."""

    notes: Annotated[Text, Field(min_length=1, max_length=65_536)] | None = None
    """Markdown. Default: none."""

    tags: Annotated[list[JobTag], Field(max_length=32)] | None = None
    """All its tags, in place of those before; each counts once. Default: none."""

    starred: bool | None = None
    """Whether it is one of those to come back to. Default: false."""

    archived: bool | None = None
    """Whether it is put away: `GET /jobs` leaves it out unless asked. It runs on all the same. Default:
    false."""

    priority: Annotated[int, Field(ge=PRIORITIES.start, le=PRIORITIES[-1])] | None = None
    """Jobs of a higher priority are taken first; `spec.priority` follows. While it is queued or paused only.
    Default: 0."""

    @property
    def values(self) -> dict[str, Any]:
        """The columns of a job that were given, as they shall be."""
        given = self.model_dump(include=self.model_fields_set)
        values = {name: DEFAULTS[name] if value is None else value for name, value in given.items()}
        if "tags" in values:
            values["tags"] = list(dict.fromkeys(values["tags"]))
        return values
