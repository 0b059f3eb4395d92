"""Types of what goes over HTTP. Importing it loads nothing else."""

from collections.abc import Mapping
from typing import Any

JSON = Mapping[str, Any]
"""A decoded JSON object, such as a record of the API."""
