"""Types of what goes over HTTP. Importing it loads nothing else."""

from typing import Any

JSON = dict[str, Any]
"""A decoded JSON object, such as a record of the API."""
