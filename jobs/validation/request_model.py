"""The base of what the service is sent: bodies, queries, paths and messages."""

from pydantic import BaseModel, ConfigDict


class RequestModel(BaseModel):
    """Strict (`"10"` and `true` are no integers), closed (unknown fields are refused) and frozen. A field's
    docstring is its description in `/openapi.json`."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
